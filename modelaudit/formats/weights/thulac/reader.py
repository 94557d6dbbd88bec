"""Read the double arrays and the weights of THULAC, by the numbers that state their size.

A double array is a row of cells. Each is used, and states its parent, or free, and states the free cells before and
behind it as negative numbers. The last free cell states the number of all cells. Weights are the numbers of labels and
of features, then a number for each pair of labels, and for each feature with each label. A table of characters is a
row of traditional ones and a row of the simplified ones for them, and states no size.
Source: ``thulac/base/Dat.py``, ``thulac/character/CBModel.py`` and ``thulac/manage/Preprocesser.py`` of
https://github.com/thunlp/THULAC-Python.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterator
from typing import Final

from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.wire.base import DamagedError, Head, Reading
from modelaudit.wire.cursor import BLOCK
from modelaudit.wire.deadline import check_deadline
from modelaudit.wire.record_cursor import RecordCursor, outline_records

FORMAT: Final = "thulac"
_CELL: Final = struct.Struct("<ii")
# The last cell that a free one may be, counted from the end: the builder keeps one used cell behind it.
_LAST_FREE: Final = 2
_COUNTS: Final = struct.Struct("<ii")
_WEIGHT_BYTES: Final = 4
_MOST_LABELS: Final = 4096
# The first free cell has no cell before it.
_NO_CELL: Final = -1
# The ideographs of Chinese in Unicode, from extension A on.
_FIRST_IDEOGRAPH: Final = 0x3400
_LAST_IDEOGRAPH: Final = 0x9FFF
_NUMBER: Final = struct.Struct("<I")
_FEWEST_PAIRS: Final = 64


def recognises(head: Head) -> bool:
    """Whether the last free cell states the number of cells, or the two first numbers give the size of the file.

    A table of characters begins with ideographs alone.
    """
    if head.content is not None or len(head.data) < _LAST_FREE * _CELL.size:
        return False
    # The first cell is the root, at which codes of characters begin. The end of other files is not read.
    is_root = head.data.startswith(bytes(_CELL.size))
    if _is_weights(head.data, head.window.size) or (is_root and _is_cells(head.window)):
        return True
    return head.window.size >= _FEWEST_PAIRS * _CELL.size and _are_ideographs(head.data[: _FEWEST_PAIRS * _CELL.size])


def _are_ideographs(data: bytes) -> bool:
    """Whether each number is an ideograph of Chinese."""
    numbers = [number for (number,) in _NUMBER.iter_unpack(data)]
    return all(_FIRST_IDEOGRAPH <= number <= _LAST_IDEOGRAPH for number in numbers)


def _is_cells(window: Window) -> bool:
    """Whether the second last cell is free, and states the number of all cells as the one behind it."""
    cells, rest = divmod(window.size, _CELL.size)
    last = window.read(window.size - _LAST_FREE * _CELL.size, _CELL.size)
    if rest or len(last) < _CELL.size:
        return False
    before, behind = _CELL.unpack(last)
    return bool(behind == -cells and -cells < before <= -_NO_CELL)


def _is_weights(start: bytes, size: int) -> bool:
    """Whether the numbers of labels and features give the size of the file."""
    labels, features = _COUNTS.unpack_from(start)
    if not 0 < labels <= _MOST_LABELS or features <= 0:
        return False
    return bool(size == _COUNTS.size + _WEIGHT_BYTES * labels * (labels + features))


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline with the number of cells, or of labels and features.

    Raises:
        DamagedError: the file contradicts itself.
        WindowError: the window could not return the requested bytes.
    """
    start = window.read(0, _COUNTS.size)
    if _is_weights(start, window.size):
        read_part = _read_weights
    else:
        read_part = _read_characters if _are_ideographs(start) else _read_cells
    yield from outline_records(window, FORMAT, read_part)


def _read_weights(cursor: RecordCursor, facts: dict[str, str]) -> None:
    """Read the weights. Raises ``DamagedError`` if they are not the rest of the file."""
    labels, features = cursor.read(_COUNTS, "the numbers of labels and features")
    facts.update(labels=str(labels), features=str(features))
    cursor.skip_data(_WEIGHT_BYTES * labels * (labels + features), "the weights")
    cursor.require_end()


def _read_characters(cursor: RecordCursor, facts: dict[str, str]) -> None:
    """Read two rows of characters. Raises ``DamagedError`` if one is not an ideograph, or the rows differ in length."""
    pairs, rest = divmod(cursor.left, _CELL.size)
    facts["characters"] = str(pairs)
    if rest:
        raise DamagedError("the rows of characters differ in length", cursor.offset)
    while cursor.left:
        check_deadline()
        block = cursor.peek(min(BLOCK, cursor.left))
        if not block or not _are_ideographs(block):
            raise DamagedError("a number is not an ideograph", cursor.offset)
        cursor.skip(len(block), "the characters")


def _read_cells(cursor: RecordCursor, facts: dict[str, str]) -> None:
    """Read the cells. Raises ``DamagedError`` if a parent does not exist, or the free cells are not in one row."""
    count = cursor.left // _CELL.size
    facts["cells"] = str(count)
    first, before, expected = 0, -_NO_CELL, None
    while first < count:
        check_deadline()
        numbers = _take_numbers(cursor, min(BLOCK // _CELL.size, count - first))
        bases, parents = numbers[0::2], numbers[1::2]
        if max(parents) >= count:
            raise DamagedError(f"a cell has a parent behind the last of {count} cells", cursor.offset)
        for index in [index for index, parent in enumerate(parents) if parent < 0]:
            if bases[index] != before or (expected is not None and first + index != expected):
                raise DamagedError(f"the free cell {first + index} does not follow the one before it", cursor.offset)
            before, expected = -(first + index), -parents[index]
        first += len(parents)
    if expected != count:
        raise DamagedError(f"the last free cell does not state {count} cells", cursor.offset)
    cursor.require_end()


def _take_numbers(cursor: RecordCursor, cells: int) -> array[int]:
    """Read the numbers of ``cells`` cells."""
    numbers = array("i", cursor.take(cells * _CELL.size, "the cells"))
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
