"""Read automata of BlingFire: a table of offsets, the parts, and a checksum over them.

The first part holds settings, and the others automata and tables of numbers. The last one states the number of bytes of
all parts before it and their CRC-32. Files without it, from versions before the checksum, have no reader.
Source: ``FALDB.cpp`` of https://github.com/microsoft/BlingFire, version 0.1.8.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.wire.base import DamagedError, Head, Reading
from modelaudit.wire.cursor import BLOCK
from modelaudit.wire.deadline import check_deadline
from modelaudit.wire.record_cursor import RecordCursor, outline_records

FORMAT: Final = "blingfire"
_NUMBER: Final = struct.Struct("<I")
# The version of the checksum, the number of bytes, and their CRC-32.
_CHECKSUM: Final = struct.Struct("<III")
_CHECKSUM_VERSION: Final = 0
_FEWEST_PARTS: Final = 2
# FALimits::MaxLdbDumpCount
_MOST_PARTS: Final = 256


def recognises(head: Head) -> bool:
    """Whether the table of offsets ends where the first part begins, and the last part has the size of a checksum."""
    if head.content is not None or len(head.data) < _NUMBER.size:
        return False
    (count,) = _NUMBER.unpack_from(head.data)
    table = _NUMBER.size * (1 + count)
    if not _FEWEST_PARTS <= count <= _MOST_PARTS or len(head.data) < table:
        return False
    offsets = struct.unpack_from(f"<{count}I", head.data, _NUMBER.size)
    is_sorted = all(before < after for before, after in pairwise(offsets))
    return offsets[0] == table and is_sorted and offsets[-1] + _CHECKSUM.size == head.window.size


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline with the number of parts.

    Raises:
        DamagedError: the file is truncated, contradicts itself, or goes on after its last part.
        WindowError: the window could not return the requested bytes.
    """
    yield from outline_records(window, FORMAT, _read_parts)


def _read_parts(cursor: RecordCursor, facts: dict[str, str]) -> None:
    """Read the offsets, the parts and the checksum. Raises ``DamagedError`` if two of them differ."""
    count = cursor.read_u32("the number of parts")
    offsets = [offset for (offset,) in cursor.read_rows(_NUMBER, count, "the offsets")]
    facts["parts"] = str(count)
    if not offsets or offsets[0] != cursor.offset:
        raise DamagedError("the first part does not begin behind the offsets", 0)
    start, checksum = cursor.offset, 0
    for offset in offsets[1:]:
        cursor.require_bytes(offset - cursor.offset, "a part")
        checksum = _read_part(cursor, offset, checksum)
    size = cursor.offset - start
    version, stated_size, stated_checksum = cursor.read(_CHECKSUM, "the checksum")
    if (version, stated_size, stated_checksum) != (_CHECKSUM_VERSION, size, checksum):
        raise DamagedError("the parts have another size or CRC-32 than the last one states", cursor.offset)
    cursor.require_end()


def _read_part(cursor: RecordCursor, end: int, checksum: int) -> int:
    """Read a part up to ``end``, and return the CRC-32 of all parts so far."""
    while cursor.offset < end:
        check_deadline()
        block = cursor.take(min(BLOCK, end - cursor.offset), "a part")
        cursor.mark_data(len(block))
        checksum = zlib.crc32(block, checksum)
    return checksum
