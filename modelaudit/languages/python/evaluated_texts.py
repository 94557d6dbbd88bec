"""Recognise texts that a library evaluates as Python code: annotations, and expressions of sympy and pandas."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from modelaudit.languages.python.call import Call
from modelaudit.languages.python.shared_values import SIBLING_TAG
from modelaudit.languages.python.values import (
    UNKNOWN,
    Alternatives,
    Constant,
    Container,
    ExternalName,
    Unknown,
    Value,
    collect_tags,
)

_NUMBER_FUNCTIONS: Final = frozenset(
    {"Symbol", "symbols", "Dummy", "Wild", "isprime", "nextprime", "prevprime", "prime", "primerange", "primepi",
     "randprime", "factorint", "primefactors", "divisors", "divisor_count", "totient", "sieve", "init_printing",
     "latex", "srepr", "pprint", "pretty"}
)  # fmt: skip
"""Functions of sympy that evaluate no text, or that take no other values than whole numbers and expressions."""
_TYPES: Final = (
    *("typing.", "typing_extensions.", "collections.abc."),
    *(f"builtins.{name}" for name in ("list", "dict", "tuple", "set", "frozenset", "type")),
)
_TAKERS_OF_VALUES: Final = frozenset({"typing.Literal", "typing_extensions.Literal", "builtins.type.__dict__"})
_OPEN_TAGS: Final = frozenset({"file", "data-file", "network", "decoded", "hub"})


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


def name_listed_types(call: Call) -> str:
    """Mark a call that makes a class of listed fields, with a type in a text that the source does not show.

    The fields are names, pairs of a name and a type, which a default may follow, or a mapping from names to types.
    """
    fields = call.get_argument(1, "fields")
    return (
        f"{call.name}(text)"
        if fields is not None and any(map(_has_evaluated_type, _list_fields(fields)))
        else call.name
    )


def _list_fields(fields: Value) -> list[Value]:
    """Return the fields that a value lists, as pairs; a value whose items are not known is returned as it is."""
    if isinstance(fields, Alternatives):
        return [each for value in fields.values for each in _list_fields(value)]
    if not isinstance(fields, Container):
        return [fields] if isinstance(fields, Unknown) else []
    if fields.keys:
        return [Container((UNKNOWN, each)) for each in fields.values]
    return list(fields.values)


def _has_evaluated_type(field: Value) -> bool:
    """Whether the type of a field is a text that calls something once it is evaluated."""
    if isinstance(field, Alternatives):
        return any(map(_has_evaluated_type, field.values))
    if isinstance(field, Container):
        return any(_is_evaluated_text(each, if_unknown=True) for each in field.values[1:2])
    if isinstance(field, Constant):
        return isinstance(field.value, tuple) and _is_evaluated_text(Constant(field.value[1:2]), if_unknown=True)
    return isinstance(field, Unknown)


def takes_types(base: Value) -> bool:
    """Whether the items of a value in brackets are types, as those of ``typing.List`` are, and may be texts."""
    if not isinstance(base, ExternalName) or base.is_result or not base.name.startswith(_TYPES):
        return False
    return base.name not in _TAKERS_OF_VALUES


def name_forward_reference(call: Call) -> str:
    """Mark a class that keeps a text, called with one that the source does not show; others only refer to it."""
    return f"{call.name}(text)"


def list_types(node: ast.expr, only_first: bool = False) -> Iterator[ast.expr]:
    """Yield the parts of a type: the sides of ``|``, and the items of a list or tuple."""
    match node:
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            yield from (*list_types(left), *list_types(right))
        case ast.Tuple(elts=items) | ast.List(elts=items):
            yield from (part for item in (items[:1] if only_first else items) for part in list_types(item))
        case ast.Starred(value=value):
            yield from list_types(value)
        case ast.Constant(value=value) if not isinstance(value, str):
            return
        case _:
            yield node


def annotates_script(target: ast.expr, value: ast.expr) -> bool:
    """Whether an assignment is one of TorchScript, ``__annotations__["0"] = __torch__.nn.Linear``, which binds no name.

    Python has no name ``__torch__``, unless a source binds it.
    """
    match target:
        case ast.Subscript(value=ast.Name(id="__annotations__"), slice=ast.Constant()):
            while isinstance(value, ast.Attribute):
                value = value.value
            return isinstance(value, ast.Name) and value.id == "__torch__"
    return False


def is_open_type(node: ast.expr, value: Value, is_own: bool) -> bool:
    """Whether a type is an expression whose value the source does not show, and that may thus be a text.

    Args:
        node: the expression.
        value: the value of the name.
        is_own: whether its first name is bound within a function: other unknown names are those of imported classes.
    """
    if isinstance(value, Alternatives):
        return any(is_open_type(node, each, is_own) for each in value.values)
    if not isinstance(value, Unknown | ExternalName):
        return False
    tags = collect_tags(value)
    if isinstance(value, ExternalName):
        return value.is_result and not value.name.startswith(_TYPES) and not tags.isdisjoint(_OPEN_TAGS)
    is_slice = isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice)
    is_name = isinstance(node, ast.Name | ast.Attribute | ast.Subscript) and not is_slice
    is_imported = any(each.startswith(SIBLING_TAG) for each in tags)
    return not is_name or (not is_imported and (is_own or not tags.isdisjoint(_OPEN_TAGS)))


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
