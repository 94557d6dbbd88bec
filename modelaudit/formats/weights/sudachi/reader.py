"""Read dictionaries of Sudachi before 2026: parts of speech, costs, a trie of words, and what is known of each word.

Source: ``sudachi/src/dic/header.rs``, ``grammar.rs``, ``lexicon/mod.rs`` and ``read/word_info.rs`` of
https://github.com/WorksApplications/sudachi.rs, version 0.6.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.wire.base import DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.deadline import check_deadline
from modelaudit.wire.record_cursor import RecordCursor, outline_records

FORMAT: Final = "sudachi"
_VERSIONS: Final = {
    0x7366D3F18BD111E7: "system 1", 0xCE9F011A92394434: "system 2",
    0xA50F31188BD211E7: "user 1", 0x9FDEB5A90168D868: "user 2", 0xCA9811756FF64FB0: "user 3",
}  # fmt: skip
_WITHOUT_GRAMMAR: Final = "user 1"
_WITH_SYNONYMS: Final = ("system 2", "user 3")
_HEADER: Final = struct.Struct("<QQ256s")
_VERSION: Final = struct.Struct("<Q")
_U16: Final = struct.Struct("<H")
_MATRIX: Final = struct.Struct("<HH")
_U32: Final = struct.Struct("<I")
_TEXTS_OF_A_PART_OF_SPEECH: Final = 6
_COST_BYTES: Final = 2
_CHARACTER_BYTES: Final = 2
_PARAMETERS_BYTES: Final = 6  # the contexts to the left and to the right, and the cost
_MOST_WORDS: Final = 30_000_000
_DEADLINE_STEP: Final = 1 << 16


def recognises(head: Head) -> bool:
    """Whether the file begins with a version of Sudachi, a random number of 64 bits."""
    if head.content is not None or len(head.data) < _HEADER.size:
        return False
    return _VERSION.unpack_from(head.data)[0] in _VERSIONS


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline with the kind of the dictionary and the number of words.

    Raises:
        DamagedError: the file is truncated, contradicts itself, or goes on after the last word.
        LimitReachedError: it has too many words.
        WindowError: the window could not return the requested bytes.
    """
    yield from outline_records(window, FORMAT, _read_dictionary)


def _read_dictionary(cursor: RecordCursor, facts: dict[str, str]) -> None:
    """Read the whole file, and record its properties in ``facts``. Raises ``DamagedError``."""
    version, _, description = cursor.read(_HEADER, "the header")
    facts["kind"] = kind = _VERSIONS[version]
    if b"\0" in description.rstrip(b"\0"):
        raise DamagedError("bytes follow the end of the description", _HEADER.size)
    if kind != _WITHOUT_GRAMMAR:
        _read_grammar(cursor)
    cursor.skip_data(cursor.read_u32("the size of the trie") * _U32.size, "the trie")
    cursor.skip_data(cursor.read_u32("the size of the table of words"), "the table of words")
    words = cursor.read_u32("the number of words")
    facts["words"] = str(words)
    if words > _MOST_WORDS:
        raise LimitReachedError(f"it has more than {_MOST_WORDS} words", cursor.offset)
    cursor.skip_data(words * _PARAMETERS_BYTES, "the parameters of words")
    last = _check_offsets(cursor, words)
    if words:
        cursor.skip_data(last - cursor.offset, "the words")
        _read_word(cursor, has_synonyms=kind in _WITH_SYNONYMS)
    cursor.require_end()


def _read_grammar(cursor: RecordCursor) -> None:
    """Read the parts of speech and the costs. Raises ``DamagedError``."""
    (parts,) = cursor.read(_U16, "the number of parts of speech")
    for _ in range(parts * _TEXTS_OF_A_PART_OF_SPEECH):
        start = cursor.offset
        text = cursor.take(_read_length(cursor) * _CHARACTER_BYTES, "a part of speech")
        if not text or not text.decode("utf-16-le", "replace").isprintable():
            raise DamagedError("a part of speech is empty, or no text", start)
    left, right = cursor.read(_MATRIX, "the numbers of contexts")
    cursor.skip_data(left * right * _COST_BYTES, "the costs")


def _check_offsets(cursor: RecordCursor, words: int) -> int:
    """Read the offsets of the words, and return the last one.

    Raises:
        DamagedError: the first word does not follow the offsets, or a word does not follow the one before it.
    """
    cursor.require_bytes(words * _U32.size, "the offsets of words")
    before, expected = 0, cursor.offset + words * _U32.size
    for index, (offset,) in enumerate(cursor.read_rows(_U32, words, "the offsets of words")):
        if index % _DEADLINE_STEP == 0:
            check_deadline()
        if offset <= before or (index == 0 and offset != expected):
            raise DamagedError(f"the word {index} is stated to begin at {offset}", cursor.offset)
        before = offset
    return before


def _read_word(cursor: RecordCursor, has_synonyms: bool) -> None:
    """Read what is known of a word. Raises ``DamagedError`` if a part of it ends beyond the file."""
    _skip_text(cursor)
    _read_length(cursor)
    cursor.skip(_U16.size, "the part of speech")
    _skip_text(cursor)
    cursor.skip(_U32.size, "the base form")
    _skip_text(cursor)
    for _ in range(4 if has_synonyms else 3):
        cursor.skip(cursor.take(1, "the number of parts")[0] * _U32.size, "the parts of a word")


def _read_length(cursor: RecordCursor) -> int:
    """Read a length of one byte, or of two if its highest bit is set."""
    first = cursor.take(1, "the length of a text")[0]
    return first if first < 0x80 else (first & 0x7F) << 8 | cursor.take(1, "the length of a text")[0]


def _skip_text(cursor: RecordCursor) -> None:
    """Skip a text in UTF-16 behind its length. Raises ``DamagedError`` if it ends beyond the file."""
    cursor.skip_data(_read_length(cursor) * _CHARACTER_BYTES, "a text")
