"""The values of expressions in the source of a traced module, by what an operation on them costs while it runs."""

from __future__ import annotations

import math
from typing import Final

from msgspec import Struct

from modelaudit.model.lazy_pattern import defer_pattern

_TEXT: Final = defer_pattern(r"[\x20-\x7e]{0,200}")
_LONGEST_INTEGER: Final = 64  # bits


class TracedValue(Struct, frozen=True):
    """The result of an expression while the source runs.

    Attributes:
        is_proxy: it records operations and computes nothing.
        is_part: it is a tensor of the module.
        is_container: it is a container, which an operator of Python may repeat.
        is_made: it was computed while the source runs.
        parts: how many tensors of the module it is or holds.
        holds_proxy: it is a proxy, or a container that holds one, so that functions of torch record it.
        holds_made: it is or holds a value that was computed while the source runs.
        holds_text: it is or holds a text, on which an operator of Python computes at once.
        number: the product of the numbers in it.
        is_constant: it holds constants only.
    """

    is_proxy: bool = False
    is_part: bool = False
    is_container: bool = False
    is_made: bool = False
    parts: int = 0
    holds_proxy: bool = False
    holds_made: bool = False
    holds_text: bool = False
    number: float = 1
    is_constant: bool = True


PROXY: Final = TracedValue(is_proxy=True, holds_proxy=True, is_constant=False)
PART: Final = TracedValue(is_part=True, parts=1, is_constant=False)
MADE: Final = TracedValue(is_made=True, holds_made=True, is_constant=False)


def describe_constant(constant: object) -> TracedValue | None:
    """Return the value of a literal; ``None`` for one that torch does not write."""
    match constant:
        case None | bool():
            return TracedValue()
        case int():
            return TracedValue(
                number=max(1, abs(constant)) if constant.bit_length() < _LONGEST_INTEGER else float("inf")
            )
        case float():
            # A small step makes as many items as its inverse.
            size = abs(constant)
            return TracedValue(number=max(size, 1 / size) if size else 1)
        case str() if _TEXT.fullmatch(constant):
            return TracedValue(holds_text=True)
        case _ if constant is Ellipsis:
            return TracedValue()
    return None


def combine_values(values: list[TracedValue]) -> TracedValue:
    """Return the value that holds these values."""
    return TracedValue(
        is_container=True,
        parts=sum(value.parts for value in values),
        holds_proxy=any(value.holds_proxy for value in values),
        holds_made=any(value.holds_made for value in values),
        holds_text=any(value.holds_text for value in values),
        number=math.prod(value.number for value in values),
        is_constant=all(value.is_constant for value in values),
    )
