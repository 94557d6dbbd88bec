"""Recognise texts that a library evaluates as Python code: annotations, and expressions of sympy and pandas."""

from __future__ import annotations

from typing import Final

from modelaudit.languages.python.call import Call
from modelaudit.languages.python.values import Alternatives, Constant, Container, Unknown, Value

_NUMBER_FUNCTIONS: Final = frozenset(
    {"Symbol", "symbols", "Dummy", "Wild", "isprime", "nextprime", "prevprime", "prime", "primerange", "primepi",
     "randprime", "factorint", "primefactors", "divisors", "divisor_count", "totient", "sieve", "init_printing",
     "latex", "srepr", "pprint", "pretty"}
)  # fmt: skip
"""Functions of sympy that evaluate no text, or that take no other values than whole numbers and expressions."""


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
    """Mark a function of sympy that is given a text: all of them evaluate texts as Python code, by ``sympify``.

    An unknown value counts as such a text, but for functions that take a name or a whole number.
    """
    is_known = call.name.removeprefix("sympy.").partition(".")[0] in _NUMBER_FUNCTIONS
    is_plain = is_known and "." not in call.name.removeprefix("sympy.")
    values = (*call.args, *call.keywords.values())
    are_code = any(_is_evaluated_text(each, if_unknown=not is_plain) for each in values)
    return "sympy.sympify" if are_code else call.name


def name_field_types(call: Call) -> str:
    """Mark a call that makes a model of pydantic with the type of a field in a text that the source does not show."""
    fields = (each for name, each in call.keywords.items() if not name.startswith("__"))
    types = (each.values[0] if isinstance(each, Container) and each.values else each for each in fields)
    return f"{call.name}(text)" if any(_is_evaluated_text(each, if_unknown=True) for each in types) else call.name


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
