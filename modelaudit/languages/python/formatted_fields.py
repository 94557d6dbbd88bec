"""Write the fields of f-strings as Python does: ``f"{'osx':.2}"`` is ``os``, and ``f"{'a'!r}"`` has quotes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from modelaudit.languages.python.values import Constant, Value
from modelaudit.model.lazy_pattern import defer_pattern

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
