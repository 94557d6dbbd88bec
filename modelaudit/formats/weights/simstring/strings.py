"""Read collections of strings of SimString: a header, then the strings, with a zero behind each.

Source: ``writer_base`` in ``simstring.h`` of https://github.com/chokkan/simstring, version 1.1.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.wire.base import DamagedError, Reading
from modelaudit.wire.cursor import BLOCK
from modelaudit.wire.deadline import check_deadline
from modelaudit.wire.record_cursor import RecordCursor, outline_records

FORMAT: Final = "simstring"
# The magic word and the order of bytes, then: version, bytes of the file, bytes of a letter, letters of an n-gram,
# whether n-grams mark begin and end, the number of strings, and the most n-grams of one.
_HEADER: Final = struct.Struct("<8s7I")
_VERSION: Final = 2
_LETTER_BYTES: Final = (1, 2, 4)


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline with the number of strings.

    Raises:
        DamagedError: the file is truncated, contradicts itself, or goes on after its last part.
        WindowError: the window could not return the requested bytes.
    """
    yield from outline_records(window, FORMAT, _read_strings)


def _read_strings(cursor: RecordCursor, facts: dict[str, str]) -> None:
    """Read the header, and count the strings. Raises ``DamagedError`` if the header contradicts the file."""
    _, version, size, letter, gram, marks, count, most = cursor.read(_HEADER, "the header")
    facts["strings"] = str(count)
    if version != _VERSION or letter not in _LETTER_BYTES or not gram or marks > 1:
        raise DamagedError("the header states values that SimString does not write", 8)
    if size != cursor.window.size or bool(count) != bool(most):
        raise DamagedError(f"the header states {size} bytes and n-grams of {most}", 12)
    found, end = 0, b""
    while cursor.left:
        check_deadline()
        block = cursor.take(min(BLOCK, cursor.left), "the strings")
        cursor.mark_data(len(block))
        found += _count_ends(block, letter)
        end = block[-letter:]
    if found != count or end.strip(b"\0"):
        raise DamagedError(f"the header states {count} strings, {found} follow", 32)


def _count_ends(block: bytes, letter: int) -> int:
    """Return how many letters of a block are zero. Raises ``DamagedError`` if the block ends inside a letter."""
    if len(block) % letter:
        raise DamagedError(f"the strings do not consist of letters of {letter} bytes", 16)
    if letter == 1:
        return block.count(b"\0")
    return memoryview(block).cast("H" if letter == 2 else "I").tolist().count(0)
