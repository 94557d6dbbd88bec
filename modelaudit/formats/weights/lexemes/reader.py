"""Read ``lexemes.bin`` of spaCy before version 2.3: a record of 96 bytes for each word, without a header or a count.

A word is the hash of its text, which ``strings.json`` has. Source: ``Vocab.lexemes_to_bytes`` of ``spacy/vocab.pyx``,
and ``LexemeC`` of ``spacy/structs.pxd``, version 2.2.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline
from modelaudit.wire.base import DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.record_cursor import RecordCursor
from modelaudit.wire.text import get_file_name

FORMAT: Final = "lexemes"
_FILE_NAME: Final = "lexemes.bin"
# Flags, the language, a number, the length, hashes of texts (the word, its lower case, norm, shape, prefix and suffix),
# the cluster, the probability and the sentiment.
_LEXEME: Final = struct.Struct("<QQQQ7Qff")
_LONGEST_WORD: Final = 1 << 20
_MOST_WORDS: Final = 10_000_000


def recognises(head: Head) -> bool:
    """Whether the file has the name of the table, and begins with a word: no magic number shows what it is."""
    if head.content is not None or get_file_name(head.path) != _FILE_NAME or len(head.data) < _LEXEME.size:
        return False
    return _is_word(_LEXEME.unpack_from(head.data))


def _is_word(lexeme: tuple[int, ...]) -> bool:
    """Whether a record has a language, a length and the hash of a text."""
    _, language, _, length, text, *_ = lexeme
    return bool(language) and 0 < length <= _LONGEST_WORD and bool(text)


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline with the number of words.

    Raises:
        DamagedError: a record is cut, or a word has no text, occurs twice, or is of another language.
        LimitReachedError: it has too many words.
        WindowError: the window could not return the requested bytes.
    """
    cursor = RecordCursor(window)
    count, rest = divmod(window.size, _LEXEME.size)
    texts: set[int] = set()
    languages: set[int] = set()
    damage: DamagedError | None = None
    try:
        for lexeme in cursor.read_rows(_LEXEME, min(count, _MOST_WORDS), "the words"):
            languages.add(lexeme[1])
            if not _is_word(lexeme) or lexeme[4] in texts or len(languages) > 1:
                raise DamagedError("a word has no text, occurs twice, or is of another language", cursor.offset)
            texts.add(lexeme[4])
        if count > _MOST_WORDS:
            raise LimitReachedError(f"it has more than {_MOST_WORDS} words", cursor.offset)
        if rest:
            raise DamagedError(f"{rest} bytes follow the last whole record", cursor.offset)
    except DamagedError as error:
        damage = error
    cursor.claim_consumed()
    yield Outline(FORMAT, facts=(("words", str(len(texts))),))
    if damage is not None:
        raise damage
