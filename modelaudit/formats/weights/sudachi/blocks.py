"""Read dictionaries of Sudachi from 2026 on: a header that lists blocks, and blocks at multiples of 4096 bytes.

Source: the header and the blocks of ``sudachidict_small`` 20261015. ``ConnMatrix`` is laid out as ``conn.rs`` of
https://github.com/WorksApplications/sudachi.rs writes it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.wire.base import DamagedError, Reading
from modelaudit.wire.record_cursor import RecordCursor, outline_records

FORMAT: Final = "sudachi"
# The magic number, the version, the time of creation, and a reserve.
_HEADER: Final = struct.Struct("<16sQQQ")
_VERSION: Final = 1
_BLOCK_BYTES: Final = 4096
_TEXTS: Final = 3  # the version of the words, a signature, and a remark
_MOST_TEXT_BYTES: Final = 1024
_MOST_BLOCKS: Final = 64
_LONGEST_NUMBER: Final = 9
_MATRIX: Final = struct.Struct("<HH")
_COST_BYTES: Final = 2
# Items of a block whose size is known, in bytes.
_ITEM_BYTES: Final = {"TrieIndex": 4, "Strings": 2}


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline with the number of words.

    Raises:
        DamagedError: the file is truncated, contradicts itself, or goes on after its last block.
        WindowError: the window could not return the requested bytes.
    """
    yield from outline_records(window, FORMAT, _read_blocks)


def _read_blocks(cursor: RecordCursor, facts: dict[str, str]) -> None:
    """Read the header and skip the blocks. Raises ``DamagedError`` if they do not follow each other to the end."""
    _, version, _, reserve = cursor.read(_HEADER, "the header")
    if version != _VERSION or reserve:
        raise DamagedError(f"the header has the version {version}, or a number in reserve", 16)
    for _ in range(_TEXTS):
        _read_text(cursor)
    indexed, words = _read_number(cursor), _read_number(cursor)
    facts["words"] = str(words)
    count = _read_number(cursor)
    if indexed > words or not 0 < count <= _MOST_BLOCKS:
        raise DamagedError(f"{indexed} of {words} words are stated as indexed, and {count} blocks", cursor.offset)
    blocks = [(_read_text(cursor), _read_number(cursor), _read_number(cursor)) for _ in range(count)]
    facts["blocks"] = ", ".join(name for name, _, _ in blocks)
    for name, start, size in blocks:
        cursor.skip_zeros(-cursor.offset % _BLOCK_BYTES, "the padding before a block")
        if start != cursor.offset or size % _ITEM_BYTES.get(name, 1):
            raise DamagedError(f"the block {name} does not follow the one before, or has an odd size", cursor.offset)
        cursor.require_bytes(size, f"the block {name}")
        if name == "ConnMatrix":
            left, right = cursor.read(_MATRIX, "the numbers of contexts")
            size -= _MATRIX.size
            if size != left * right * _COST_BYTES:
                raise DamagedError(f"the costs of {left} x {right} contexts do not take {size} bytes", start)
        cursor.skip_data(size, f"the block {name}")
    cursor.require_end()


def _read_number(cursor: RecordCursor) -> int:
    """Read a number of seven bits a byte. Raises ``DamagedError`` if it takes more bytes than it needs."""
    start = cursor.offset
    number = 0
    for index in range(_LONGEST_NUMBER):
        byte = cursor.take(1, "a number")[0]
        number |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            if not byte and index:
                break
            return number
    raise DamagedError("a number takes more bytes than it needs", start)


def _read_text(cursor: RecordCursor) -> str:
    """Read a text in UTF-8 behind its length. Raises ``DamagedError`` if it is too long or something else."""
    start = cursor.offset
    length = _read_number(cursor)
    if length <= _MOST_TEXT_BYTES:
        try:
            text = cursor.take(length, "a text").decode("utf-8")
        except UnicodeDecodeError:
            text = "\0"
        if text.isprintable():
            return text
    raise DamagedError(f"a text in the header is longer than {_MOST_TEXT_BYTES} bytes or cannot be read", start)
