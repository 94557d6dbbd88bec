"""Write fields as Python does, of f-strings and of templates: ``f"{'osx':.2}"`` is ``os``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from modelaudit.languages.python import constant_folding
from modelaudit.languages.python.values import Constant, Value
from modelaudit.model.lazy_pattern import defer_pattern

_LONGEST_TEMPLATE: Final = 4096  # characters
_MOST_DIGITS: Final = 64  # of the position in a field of a template
_MOST_BITS: Final = 4096
"""Integers above this size are not written out: the time to do so grows with the square of the size."""
# Fill and alignment, sign, width and precision of up to four digits, and the type.
_SPECIFICATION: Final = defer_pattern(r"(?:.?[<>=^])?[+\- ]?z?#?0?\d{0,4}[_,]?(?:\.\d{1,4})?[a-zA-Z%]?")
_CONVERSIONS: Final[Mapping[int, Callable[[object], str]]] = {ord("r"): repr, ord("s"): str, ord("a"): ascii}
_NONE: Final = -1


def format_field(value: Value, conversion: int = _NONE, specification: Value | None = None) -> Constant | None:
    """Return the text of a field; ``None`` if it is not known.

    Args:
        value: of the expression in the field.
        conversion: the code of the character behind ``!``; -1 for none.
        specification: what follows the colon; ``None`` without one.
    """
    if not isinstance(value, Constant) or not isinstance(value.value, int | str):
        return None
    if not isinstance(value.value, str) and value.value.bit_length() > _MOST_BITS:
        return None
    convert = _CONVERSIONS.get(conversion)
    written = value.value if convert is None else convert(value.value)
    if specification is None:
        return Constant(str(written), value.provenance, value.is_open)
    text = specification.value if isinstance(specification, Constant) else None
    if not isinstance(text, str) or _SPECIFICATION.fullmatch(text) is None:
        return None
    try:
        return Constant(format(written, text), value.provenance, value.is_open)
    except (ValueError, OverflowError):
        return None


def fold_format(template: Constant, args: Sequence[Constant]) -> Constant | None:
    """Call ``str.format``; ``None`` unless all fields are plain, such as ``{}`` and ``{0}``.

    Other fields read attributes, or ask for any width.
    """
    if not isinstance(template.value, str) or len(template.value) > _LONGEST_TEMPLATE:
        return None
    formatted, automatic_position = "", 0
    remaining = template.value
    while remaining:
        before, opening, remaining = remaining.partition("{")
        formatted += before
        if "}" in before:
            return None
        if not opening:
            break
        field, _, remaining = remaining.partition("}")
        position = int(field) if field.isdecimal() and len(field) < _MOST_DIGITS else automatic_position
        automatic_position += 1
        if (field and not field.isdecimal()) or len(field) >= _MOST_DIGITS or position >= len(args):
            return None
        if isinstance(args[position].value, tuple | bytes):  # a list or a tuple, bytes or a ``bytearray``
            return None
        written = write_value(args[position].value)
        if written is None:
            return None
        formatted += written
        if len(formatted) > constant_folding.MAX_CONSTANT_SIZE:
            return None
    return Constant(formatted, constant_folding.combine_provenance((template, *args)))


def write_value(value: object) -> str | None:
    """Return ``str(value)``; ``None`` for an integer that takes too long to write."""
    return None if isinstance(value, int) and value.bit_length() > _MOST_BITS else str(value)
