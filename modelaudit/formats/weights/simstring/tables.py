"""Read hash tables of CDB++, the index of n-grams of SimString.

A header of the positions of 256 tables, then the records, each a key and a value behind their sizes, then the tables.
Their rows are the hash of a key and the position of its record; the last digits of the hash name the table. Half of the
rows are empty. Source: ``cdbpp.h`` of https://github.com/chokkan/simstring, version 1.1.
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

FORMAT: Final = "simstring"
_START: Final = struct.Struct("<4sIII")
_MAGIC, _VERSION, _BYTE_ORDER = b"CDB+", 1, 0x62445371
_ROW: Final = struct.Struct("<II")
_TABLES: Final = 256
# SimString stores the numbers of strings, of 32 bits each.
_VALUE_BYTES: Final = 4


def recognises(head: Head) -> bool:
    """Whether the file begins with the magic word, the version and the order of bytes."""
    if head.content is not None or len(head.data) < _START.size:
        return False
    magic, _, version, order = _START.unpack_from(head.data)
    return (magic, version, order) == (_MAGIC, _VERSION, _BYTE_ORDER)


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline with the number of keys.

    Raises:
        DamagedError: the file is truncated, contradicts itself, or goes on after its last part.
        WindowError: the window could not return the requested bytes.
    """
    yield from outline_records(window, FORMAT, _read_index)


def _read_index(cursor: RecordCursor, facts: dict[str, str]) -> None:
    """Read the header, the records and the tables. Raises ``DamagedError``."""
    _, size, _, _ = cursor.read(_START, "the header")
    tables = list(cursor.read_rows(_ROW, _TABLES, "the positions of the tables"))
    if size != cursor.window.size:
        raise DamagedError(f"the header states {size} bytes, the file has {cursor.window.size}", 4)
    rows = sum(count for _, count in tables)
    # Without a record, no table is written.
    first = min((offset for offset, count in tables if count), default=size)
    if first != size - _ROW.size * rows:
        raise DamagedError("the tables do not end where the file does", _START.size)
    records = set(_read_records(cursor, first))
    facts["keys"] = str(len(records))
    found = sum(_read_table(cursor, index, table, records) for index, table in enumerate(tables))
    if found != len(records):
        raise DamagedError(f"the tables lead to {found} records, the file has {len(records)}", cursor.offset)
    cursor.require_end()


def _read_records(cursor: RecordCursor, end: int) -> Iterator[int]:
    """Yield the position of each record up to ``end``. Raises ``DamagedError`` if the last one ends elsewhere."""
    while cursor.offset < end:
        check_deadline()
        yield cursor.offset
        cursor.skip_data(cursor.read_u32("the size of a key"), "a key")
        values = cursor.read_u32("the size of a value")
        if not values or values % _VALUE_BYTES:
            raise DamagedError(f"{values} bytes are no list of numbers", cursor.offset)
        cursor.skip_data(values, "a value")
    if cursor.offset != end:
        raise DamagedError(f"the records are stated to end at {end}", cursor.offset)


def _read_table(cursor: RecordCursor, index: int, table: tuple[int, int], records: set[int]) -> int:
    """Read a table, and return how many records it leads to.

    Raises:
        DamagedError: it is stated to begin elsewhere, leads to no record or twice to one, or has keys of another table.
    """
    offset, count = table
    if offset != (cursor.offset if count else 0):
        raise DamagedError(f"a table is stated to begin at {offset}", cursor.offset)
    filled = [row for row in cursor.read_rows(_ROW, count, "a table") if row != (0, 0)]
    if len({position for _, position in filled} & records) != len(filled) or 2 * len(filled) != count:
        raise DamagedError("a table leads to no record, or twice to the same", cursor.offset)
    if any(key % _TABLES != index for key, _ in filled):
        raise DamagedError("a table holds the key of another one", cursor.offset)
    return len(filled)
