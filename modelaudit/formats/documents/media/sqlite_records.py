"""Parse the records of an SQLite database: the sizes and types of the values of one row.

Source: "Database File Format" of SQLite, sections 1.6 and 2.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelaudit.model.artifact import Window
from modelaudit.wire.deadline import iterate_within_deadline

_MOST_COLUMNS: Final = 32_767
_LONGEST_RECORD_HEADER: Final = 9 * _MOST_COLUMNS
# Sizes of the numbers by their serial type (section 2.1); from 12 on, blobs and texts alternate.
_NUMBER_SIZES: Final = (0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0)
_FIRST_BLOB_TYPE: Final = 12


def list_record_values(local: bytes, payload: Window, size: int) -> Iterator[tuple[int, int, bool]]:
    """Yield the (offset in the payload, length, whether it is a text) of each blob and text of a record (section 2.1).

    Args:
        local: the first bytes of the payload.
        payload: the bytes of the record, and perhaps some behind it.
        size: of the record in bytes, as its cell states it.

    Raises:
        LimitReachedError: the time is over.
    """
    head = local
    header_bytes, position = parse_varint(head, 0)
    if header_bytes > len(head):
        head = payload.read(0, min(header_bytes, _LONGEST_RECORD_HEADER))
    start = header_bytes
    for serial_type in iterate_within_deadline(_parse_varints(head, position, min(header_bytes, len(head)))):
        if start >= size:
            return
        if serial_type < _FIRST_BLOB_TYPE:
            start += _NUMBER_SIZES[serial_type]
            continue
        length, type_ = divmod(serial_type - _FIRST_BLOB_TYPE, 2)
        yield start, min(length, size - start), type_ == 1
        start += length


def _parse_varints(data: bytes, position: int, end: int) -> Iterator[int]:
    """Yield the numbers that begin at ``position`` and behind it, up to ``end``."""
    while position < end:
        number, position = parse_varint(data, position)
        yield number


def parse_varint(data: bytes, position: int) -> tuple[int, int]:
    """Return the number at ``position`` and the position behind it: seven bits a byte, and eight in the ninth byte.

    A number that is cut off ends with the data.
    """
    number = 0
    for index, byte in enumerate(data[position : position + 9]):
        if index == 8:
            return number << 8 | byte, position + 9
        number = number << 7 | byte & 0x7F
        if byte < 0x80:
            return number, position + index + 1
    return number, len(data)
