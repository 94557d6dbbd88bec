"""Read a dictionary of CRFsuite: a constant quark database (CQDB), which maps names to numbers and back.

A header is followed by references to 256 hash tables, the names with their numbers, the hash tables, and the offset of
each name by its number. Offsets count from the start of the dictionary.
Source: ``lib/cqdb/src/cqdb.c`` of https://github.com/chokkan/crfsuite.
"""

from __future__ import annotations

import struct
from array import array
from itertools import chain
from typing import Final

from modelaudit.wire.base import DamagedError, LimitReachedError
from modelaudit.wire.deadline import check_deadline
from modelaudit.wire.ledger import SHORT_NAME_BYTES
from modelaudit.wire.record_cursor import RecordCursor

_HEADER: Final = struct.Struct("<4s5I")
_MAGIC: Final = b"CQDB"
_BYTE_ORDER: Final = 0x62445371
_TABLES: Final = 256
# The offset of a hash table and its number of buckets; the hash of a name in a bucket and its offset; one offset.
_PAIR: Final = struct.Struct("<II")
_OFFSET: Final = struct.Struct("<I")
_MOST_NAMES: Final = 20_000_000
_MOST_NAME_BYTES: Final = 1 << 20
_DEADLINE_STEP: Final = 1024


def read_quarks(cursor: RecordCursor, count: int, what: str) -> None:
    """Read the dictionary of ``count`` names, which the messages call ``what``.

    Raises:
        DamagedError: it is truncated or contradicts itself, or its counts and offsets do not cover it exactly.
        LimitReachedError: it has too many names.
        WindowError: the window could not return the requested bytes.
    """
    start = cursor.offset
    magic, size, _flags, order, back_count, back_offset = cursor.read(_HEADER, f"the header of the {what}")
    # Some releases of CRFsuite leave the flags unset, and none reads them.
    if magic != _MAGIC or order != _BYTE_ORDER:
        raise DamagedError(f"the {what} do not begin with the header of a dictionary", start)
    if back_count != count:
        raise DamagedError(f"the dictionary of {what} has {back_count} names in the place of {count}", start)
    if count > _MOST_NAMES:
        raise LimitReachedError(f"it has more than {_MOST_NAMES} {what}", start)
    tables = list(cursor.read_rows(_PAIR, _TABLES, "the references to hash tables"))
    tables_size = sum(buckets for _, buckets in tables) * _PAIR.size
    names_end = start + (back_offset or size) - tables_size
    offsets = _read_names(cursor, start, names_end, count, what)
    _read_tables(cursor, start, tables, offsets, what)
    if back_offset and cursor.offset != start + back_offset:
        raise DamagedError(f"the offsets of the {what} begin elsewhere than stated", cursor.offset)
    found = array("I", chain.from_iterable(cursor.read_rows(_OFFSET, count, f"the offsets of the {what}")))
    if found != offsets or cursor.offset != start + size:
        raise DamagedError(f"the dictionary of {what} states other offsets or another end than it has", cursor.offset)


def _read_names(cursor: RecordCursor, start: int, end: int, count: int, what: str) -> array[int]:
    """Read the names up to ``end``, and return the offset of each by its number, counted from ``start``.

    Raises:
        DamagedError: a number repeats or is too large, or the names end elsewhere.
    """
    offsets = array("I", bytes(4)) * count if cursor.left >= count * _PAIR.size else array("I")
    read_count = 0
    while cursor.offset < end:
        if read_count % _DEADLINE_STEP == 0:
            check_deadline()
        read_count += 1
        offset = cursor.offset
        number, length = cursor.read(_PAIR, "a name")
        if number >= len(offsets) or offsets[number] or not 0 < length <= _MOST_NAME_BYTES:
            raise DamagedError(f"a name among the {what} has a number or a length that cannot be", offset)
        name = cursor.take(length - 1, "a name")
        if length > SHORT_NAME_BYTES:
            cursor.mark_name(name)
        if b"\0" in name or cursor.take(1, "a name") != b"\0":
            raise DamagedError(f"a name among the {what} does not end where its length states", offset)
        offsets[number] = offset - start
    if cursor.offset != end or read_count != count:
        raise DamagedError(f"the names of the {what} end elsewhere than stated", cursor.offset)
    return offsets


def _read_tables(
    cursor: RecordCursor, start: int, tables: list[tuple[int, ...]], offsets: array[int], what: str
) -> None:
    """Read the hash tables, in which each name occurs once.

    Raises:
        DamagedError: a table is not where its reference states, or leads to something else than a name.
    """
    left = set(offsets)
    for table_offset, buckets in tables:
        check_deadline()
        if buckets and start + table_offset != cursor.offset:
            raise DamagedError(f"a hash table of the {what} is not where its reference states", cursor.offset)
        for hash_, offset in cursor.read_rows(_PAIR, buckets, "a hash table"):
            if offset in left:
                left.discard(offset)
            elif hash_ or offset:
                raise DamagedError(f"a hash table of the {what} leads to no name, or twice to one", cursor.offset)
    if left:
        raise DamagedError(f"no hash table of the {what} leads to some of the names", cursor.offset)
