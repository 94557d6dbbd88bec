"""Read the compiled rules by which SentencePiece normalises characters, such as ``nfkc.bin``.

They are the size of a trie, the trie as a double array, and the texts that replace characters, each with a zero byte at
its end. A leaf of the trie is the offset of a text.
Source: ``Normalizer::DecodePrecompiledCharsMap`` of ``src/normalizer.cc`` of https://github.com/google/sentencepiece.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline
from modelaudit.wire.base import DamagedError, Head, Reading
from modelaudit.wire.ledger import claim_data, claim_parsed
from modelaudit.wire.record_cursor import RecordCursor

_UNIT: Final = struct.Struct("<I")
# darts-clone adds units in blocks of 256.
_BLOCK_BYTES: Final = 1024
_LEAF: Final = 1 << 31
_MOST_BYTES: Final = 16 << 20  # of the texts; those of SentencePiece take 63 kB


def recognises(head: Head) -> bool:
    """Whether the file begins with the size of a trie in whole blocks, has texts behind it, and ends in a zero byte."""
    if head.content is not None or len(head.data) < _UNIT.size:
        return False
    (size,) = _UNIT.unpack_from(head.data)
    texts = head.window.size - _UNIT.size - size
    if not size or size % _BLOCK_BYTES or not 0 < texts <= _MOST_BYTES:
        return False
    # The first text begins behind the trie.
    start = head.window.read(_UNIT.size + size, min(texts, 64)).partition(b"\0")[0]
    return head.window.read(head.window.size - 1, 1) == b"\0" and _is_utf_8(start)


def _is_utf_8(data: bytes) -> bool:
    """Whether bytes are UTF-8; a character at their end may be cut."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.end == len(data)
    return True


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline with the number of texts.

    Raises:
        DamagedError: the texts are not UTF-8, or the leaves of the trie are not exactly their offsets.
        WindowError: the window could not return the requested bytes.
    """
    cursor = RecordCursor(window)
    size = cursor.read_u32("the size of the trie")
    units = cursor.read_rows(_UNIT, size // _UNIT.size, "the trie")
    leaves = {unit & ~_LEAF for (unit,) in units if unit & _LEAF}
    texts = cursor.take(cursor.left, "the texts")
    starts = _list_starts(texts)
    yield Outline("sentencepiece", facts=(("normalisations", str(len(starts))),))
    if leaves != starts or not _is_utf_8(texts) or texts[-1:] != b"\0":
        raise DamagedError("the trie refers to other texts than follow it", _UNIT.size + size)
    claim_parsed(window, 0, _UNIT.size)
    claim_data(window, _UNIT.size)


def _list_starts(texts: bytes) -> set[int]:
    """Return the offset of each text."""
    starts, position = set(), 0
    while position < len(texts):
        starts.add(position)
        position = texts.find(b"\0", position) + 1 or len(texts)
    return starts
