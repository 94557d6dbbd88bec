"""Find the arrays of numbers that a JSON document in an archive declares, each a member without a header.

``model.json`` of slovnet has ``{"shape": [66, 30], "dtype": "float32", "array": 0}`` for the member ``arrays/0.bin``,
which the loader copies into an array of this shape. Source: ``slovnet/pack.py``, ``slovnet/array.py``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Final

from modelaudit.model.artifact import Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import KIB, Limits
from modelaudit.wire.base import LimitReachedError
from modelaudit.wire.json_text import check_bounds
from modelaudit.wire.sniff import detect_strong_magic

DOCUMENT: Final = "model.json"
_LARGEST_DOCUMENT: Final = 256 * KIB
_MOST_ARRAYS: Final = 10_000
_MOST_DIMENSIONS: Final = 32
_FIRST_BYTES: Final = 64
# The opcode PROTO with a protocol, or letters alone, such as those of a pickle of protocol 0.
_OTHER_START: Final = defer_pattern(rb"\x80[\x00-\x05]|[\t\n\r\x20-\x7e]+\Z|[\t\n\r\x20-\x7e]{8}")
# Bytes of one number.
_SIZES: Final[Mapping[object, int]] = {
    "bool": 1, "int8": 1, "uint8": 1, "int16": 2, "uint16": 2, "float16": 2, "int32": 4, "uint32": 4, "float32": 4,
    "int64": 8, "uint64": 8, "float64": 8,
}  # fmt: skip


def read_declared_sizes(window: Window, limits: Limits) -> dict[str, int]:
    """Return the size in bytes of each member that the document declares; none if it declares no array.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    if window.size > _LARGEST_DOCUMENT:
        return {}
    try:
        text = window.read(0, window.size).decode()
        check_bounds(text, limits)
        sizes = dict(_iterate_arrays(json.loads(text)))
    except (ValueError, RecursionError, LimitReachedError):
        return {}
    return sizes if len(sizes) <= _MOST_ARRAYS else {}


def may_be_numbers(window: Window) -> bool:
    """Whether bytes begin like no text, no pickle and no other format, so that only a reader of numbers takes them.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    start = window.read(0, min(_FIRST_BYTES, window.size))
    return _OTHER_START.match(start) is None and detect_strong_magic(start) is None


def _iterate_arrays(document: object) -> Iterator[tuple[str, int]]:
    """Yield the name and the size in bytes of each array in a document."""
    waiting = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            waiting += value.values()
            number, size = value.get("array"), _multiply(value.get("shape"), value.get("dtype"))
            if isinstance(number, int) and not isinstance(number, bool) and number >= 0 and size is not None:
                yield f"arrays/{number}.bin", size


def _multiply(shape: object, kind: object) -> int | None:
    """Return the size of an array in bytes; ``None`` for a shape or a type that no loader accepts."""
    width = _SIZES.get(kind) if isinstance(kind, str) else None
    if width is None or not isinstance(shape, list) or len(shape) > _MOST_DIMENSIONS:
        return None
    if not all(isinstance(each, int) and not isinstance(each, bool) and each >= 0 for each in shape):
        return None
    return math.prod(shape) * width
