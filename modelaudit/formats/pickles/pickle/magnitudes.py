"""Measure the numbers in the arguments of a call, from which a callable may derive how much memory or time it takes.

``bytearray(10**12)`` is a few bytes in a file and a terabyte in its loader. The machine states the numbers. The
list of callables states the effect that a callable gives them.
"""

from __future__ import annotations

import math
from typing import Final

from modelaudit.formats.pickles.pickle.values import Container, StackValue, TruncatedConstant
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.pickle import LARGE_NUMBER, Magnitudes

_GREATEST_NUMBER: Final = 1 << 63
_LEVELS: Final = 3  # of containers that are measured; a shape has one
_LONGEST_TEXT: Final = 100  # characters of a text that states a number or a dtype, such as "V8"
SHORTEST_LARGE: Final = 7
"""Characters of the shortest text that states a large number or has a long exponent, such as "e100000"."""

_MANY_DIGITS: Final = defer_pattern(r"(?:\d\D*){8}")
# At the end of a number, as ``decimal`` and ``fractions`` read it. Other exponents are short: those of binary64 have
# at most three digits, those of decimal128 at most four (IEEE 754-2008).
_LONG_EXPONENT: Final = defer_pattern(r"[eE][-+]?[\d_]{6,}\s*\Z")
_NOTHING_LARGE: Final = (1, False, False)


def measure_magnitudes(arguments: tuple[StackValue, ...], least: int = LARGE_NUMBER) -> Magnitudes | None:
    """Return the magnitudes of arguments; ``None`` if no text is large and the product is at most ``least``."""
    if not arguments:
        return None
    measured = [_measure(argument, _LEVELS) for argument in arguments]
    product = 1
    is_any_large = False
    for number, has_number, has_exponent in measured:
        product *= number
        is_any_large = is_any_large or has_number or has_exponent
    if product <= least and not is_any_large:
        return None
    numbers, long_numbers, long_exponents = zip(*measured, strict=True)
    return Magnitudes(numbers, long_numbers, long_exponents)


def classify_magnitudes(magnitudes: Magnitudes | None) -> tuple[object, ...] | None:
    """Return the part of magnitudes that makes events differ: the bits of the product, and the large arguments."""
    if magnitudes is None:
        return None
    large_numbers = tuple([number > LARGE_NUMBER for number in magnitudes.numbers])
    bits = min(math.prod(magnitudes.numbers), LARGE_NUMBER + 1).bit_length()
    return bits, large_numbers, magnitudes.long_numbers, magnitudes.long_exponents


def has_large_number(text: str) -> bool:
    """Whether a text may state a large number: it has many digits, or is too long to be compared."""
    return len(text) > _LONGEST_TEXT or _MANY_DIGITS.search(text) is not None


def has_long_exponent(text: str) -> bool:
    """Whether a text is a number whose exponent alone makes hundreds of thousands of digits of it."""
    # Most texts end with another character, and need no search.
    last = text[-1:]
    return (last.isdecimal() or last.isspace()) and _LONG_EXPONENT.search(text) is not None


def _measure(value: StackValue, levels: int) -> tuple[int, bool, bool]:
    """Return the three magnitudes of one value, as ``Magnitudes`` has them; zeros count as 1.

    ``levels`` is the number of levels of containers that are measured.
    """
    kind = type(value)
    if kind is int:
        return (min(abs(value) or 1, _GREATEST_NUMBER), False, False)  # type: ignore[arg-type,return-value]
    if kind is str:
        return (1, has_large_number(value), has_long_exponent(value))  # type: ignore[arg-type]
    if kind is TruncatedConstant:
        is_number = value.type == "int"  # type: ignore[union-attr]
        # The end of a text that is too long to keep is unknown, and may be an exponent.
        return (_GREATEST_NUMBER, False, False) if is_number else (1, True, True)
    if kind is Container and levels:
        return _measure_items(value, levels - 1)  # type: ignore[arg-type]
    return _NOTHING_LARGE


def _measure_items(container: Container, levels: int) -> tuple[int, bool, bool]:
    """Return the magnitudes of the kept items of a container, their numbers multiplied."""
    product = 1
    has_any_number = has_any_exponent = False
    for _, item in container.iterate_items():
        number, has_number, has_exponent = _measure(item, levels)
        product = min(product * number, _GREATEST_NUMBER)
        has_any_number = has_any_number or has_number
        has_any_exponent = has_any_exponent or has_exponent
    return product, has_any_number, has_any_exponent
