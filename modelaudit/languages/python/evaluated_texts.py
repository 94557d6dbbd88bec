"""Recognise texts that a library evaluates as Python code: annotations, and expressions of sympy and pandas."""

from __future__ import annotations

from modelaudit.languages.python.call import Call
from modelaudit.languages.python.values import Alternatives, Constant, Container, Unknown, Value


def brings_code_into_annotations(call: Call) -> bool:
    """Whether a call may set annotations to texts of code, which run when something resolves the types of the owner."""
    values = (*call.args[-1:], *call.keywords.values())
    return any(_is_evaluated_text(each, if_unknown=True) for each in values)


def brings_names_into_expression(call: Call) -> bool:
    """Whether a call of ``pandas.eval`` lets its expression use objects of the program.

    Those are ``@name``, and the names of a mapping that the call passes.
    """
    mappings = ((3, "local_dict"), (4, "global_dict"), (5, "resolvers"))
    expression = call.get_argument(0, "expr")
    text = expression.value if isinstance(expression, Constant) else None
    uses_local_name = isinstance(text, str) and "@" in text
    return uses_local_name or any(call.get_argument(index, name) is not None for index, name in mappings)


def name_annotation_reader(call: Call) -> str:
    """Mark a call that evaluates the annotations of an object as code, as it is asked to."""
    switch = call.keywords.get("eval_str", Constant(False))
    is_off = isinstance(switch, Constant) and switch.value is False
    return call.name if is_off else f"{call.name}(eval_str)"


def name_expression(call: Call) -> str:
    """Mark a function of sympy that is given a text: all of them evaluate texts as Python code, by ``sympify``."""
    are_code = any(_is_evaluated_text(each, if_unknown=False) for each in (*call.args, *call.keywords.values()))
    return "sympy.sympify" if are_code else call.name


def _is_evaluated_text(value: Value | None, *, if_unknown: bool) -> bool:
    """Whether a value, or an item of it, is a text that calls something once it is evaluated.

    Names of types call nothing. An unknown value counts as such a text with ``if_unknown``.
    """
    if isinstance(value, Container | Alternatives):
        return any(_is_evaluated_text(each, if_unknown=if_unknown) for each in value.values)
    if isinstance(value, Constant):
        parts = value.value if isinstance(value.value, tuple) else (value.value,)
        return any(isinstance(each, str) and "(" in each for each in parts)
    return isinstance(value, Unknown) and ("(" in value.text or if_unknown)
