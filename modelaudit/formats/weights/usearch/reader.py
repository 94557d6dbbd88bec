"""Read indexes of USearch: vectors, a head of 64 bytes, and a graph of neighbours with a list of them for each level.

Source: ``index_dense.hpp`` and ``index.hpp`` of https://github.com/unum-cloud/usearch, version 2.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.wire.base import DamagedError, Head, Reading
from modelaudit.wire.deadline import check_deadline
from modelaudit.wire.record_cursor import RecordCursor, outline_records

FORMAT: Final = "usearch"
_MAGIC: Final = b"usearch"
# The number of vectors, and the bytes of each.
_MATRIX: Final = struct.Struct("<II")
# The magic word, the version, the kinds of metric, numbers, keys and slots, the vectors that are present and deleted,
# the dimensions, and whether keys may repeat.
_HEAD: Final = struct.Struct("<7s3H4B3QB")
_HEAD_BYTES: Final = 64
_VERSION: Final = 2
# The vectors, the most neighbours of each on higher levels and on the lowest, the highest level, and the first slot.
_GRAPH: Final = struct.Struct("<5Q")
_LEVEL: Final = struct.Struct("<h")
# Before the neighbours of a vector: its key, and its level again.
_NODE: Final = struct.Struct("<Qh")
_NUMBER_BITS: Final = {1: 1, 4: 16, 10: 64, 11: 32, 12: 16, 13: 8, 23: 8}
_KEY_U64, _SLOT_U32 = 14, 15
_SLOT_BYTES: Final = 4


def recognises(head: Head) -> bool:
    """Whether the magic word follows the vectors, whose size the first numbers state."""
    if head.content is not None or len(head.data) < _MATRIX.size:
        return False
    count, size = _MATRIX.unpack_from(head.data)
    offset = _MATRIX.size + count * size
    if offset + _HEAD_BYTES > head.window.size:
        return False
    return head.window.read(offset, len(_MAGIC)) == _MAGIC


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline with the number of vectors and their dimensions.

    Raises:
        DamagedError: the file is truncated, contradicts itself, or goes on after its last part.
        WindowError: the window could not return the requested bytes.
    """
    yield from outline_records(window, FORMAT, _read_index)


def _read_index(cursor: RecordCursor, facts: dict[str, str]) -> None:
    """Read the vectors, the head and the graph. Raises ``DamagedError`` if they contradict each other."""
    count, size = cursor.read(_MATRIX, "the size of the vectors")
    cursor.skip_data(count * size, "the vectors")
    start = cursor.offset
    _, version, _, _, _, number, key, slot, present, deleted, dimensions, _ = cursor.read(_HEAD, "the head")
    facts.update(vectors=str(present), dimensions=str(dimensions))
    cursor.skip_zeros(_HEAD_BYTES - _HEAD.size, "the end of the head")
    if version != _VERSION or (key, slot) != (_KEY_U64, _SLOT_U32) or number not in _NUMBER_BITS:
        raise DamagedError("the head has an unknown version, or an unknown kind of number, key or slot", start)
    if present + deleted != count or size != -(-dimensions * _NUMBER_BITS[number] // 8):
        raise DamagedError(f"the head states {present + deleted} vectors of {dimensions} numbers", start)
    _read_graph(cursor, count)
    cursor.require_end()


def _read_graph(cursor: RecordCursor, count: int) -> None:
    """Read the levels, and the lists of neighbours of each vector. Raises ``DamagedError`` if they contradict."""
    start = cursor.offset
    nodes, most, most_lowest, highest, first = cursor.read(_GRAPH, "the head of the graph")
    if nodes != count or (first >= count > 0):
        raise DamagedError(
            f"the graph counts {nodes} vectors and begins at number {first}; the file has {count}", start
        )
    levels = [level for (level,) in cursor.read_rows(_LEVEL, count, "the levels")]
    if max(levels, default=0) != highest or min(levels, default=0) < 0:
        raise DamagedError(f"the levels of the vectors contradict the highest level, {highest}", start)
    for level in levels:
        check_deadline()
        _, stated = cursor.read(_NODE, "a vector of the graph")
        if stated != level:
            raise DamagedError(f"a vector of level {level} states level {stated}", cursor.offset - _LEVEL.size)
        _read_neighbours(cursor, most_lowest, count)
        for _ in range(level):
            _read_neighbours(cursor, most, count)


def _read_neighbours(cursor: RecordCursor, most: int, count: int) -> None:
    """Read a list of neighbours, which has room for ``most``. Raises ``DamagedError`` if one does not exist."""
    start = cursor.offset
    used = cursor.read_u32("the number of neighbours")
    if used > most:
        raise DamagedError(f"{used} neighbours do not fit into {most} slots", start)
    slots = memoryview(cursor.take(used * _SLOT_BYTES, "neighbours")).cast("I")
    if any(slot >= count for slot in slots):
        raise DamagedError("a vector lists a neighbour that the index does not hold", start)
    cursor.skip_data((most - used) * _SLOT_BYTES, "unused slots")
