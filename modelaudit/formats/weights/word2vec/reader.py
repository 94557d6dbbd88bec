"""Read vectors of word2vec: a line with the numbers of words and dimensions, then each word, a blank and its vector.

The original program ends each vector in a line end; gensim does not, and accepts both. Numbers have 32 bits, or 64 if
gensim was asked for them. Source: ``word2vec.c`` of https://code.google.com/archive/p/word2vec, and
``_word2vec_read_binary`` of ``gensim/models/keyedvectors.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline
from modelaudit.wire.base import DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.deadline import check_deadline
from modelaudit.wire.ledger import SHORT_NAME_BYTES, claim_data, claim_parsed, is_plain_text
from modelaudit.wire.record_cursor import RecordCursor
from modelaudit.wire.text import looks_like_text

FORMAT: Final = "word2vec"
_FIRST_LINE: Final = defer_pattern(rb"([1-9]\d{0,8}) ([1-9]\d{0,4})\r?\n")
_FIRST_LINE_BYTES: Final = 32
_MOST_WORD_BYTES: Final = 1000
_MOST_WORDS: Final = 20_000_000
_NUMBER_BYTES: Final = (4, 8)
_DEADLINE_STEP: Final = 1024


def recognises(head: Head) -> bool:
    """Whether the first line has two numbers, a word follows, and the rest is not text, as in the form for people."""
    line = _FIRST_LINE.match(head.data)
    if head.content is not None or line is None or looks_like_text(head):
        return False
    word = head.data[line.end() : line.end() + _MOST_WORD_BYTES].partition(b" ")
    return bool(word[0] and word[1]) and b"\0" not in word[0]


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline with the numbers of words and dimensions.

    Raises:
        DamagedError: the file is truncated, contradicts itself, or goes on after the last vector.
        LimitReachedError: it has too many words.
        WindowError: the window could not return the requested bytes.
    """
    damage: DamagedError | None = None
    facts: tuple[tuple[str, str], ...] = ()
    for number_bytes in _NUMBER_BYTES:
        cursor = RecordCursor(window)
        try:
            facts = _read_vectors(cursor, number_bytes)
            damage = None
        except DamagedError as error:
            # The absence of the usual numbers says more than that of the longer ones.
            damage = damage or error
            if isinstance(error, LimitReachedError):
                break
            continue
        break
    yield Outline(FORMAT, facts=facts)
    if damage is not None:
        raise damage


def _read_vectors(cursor: RecordCursor, number_bytes: int) -> tuple[tuple[str, str], ...]:
    """Read the whole file, and return its numbers as facts.

    Raises:
        DamagedError: a word or a vector is truncated, or bytes follow the last one.
        LimitReachedError: it has too many words.
    """
    line = _FIRST_LINE.match(cursor.peek(_FIRST_LINE_BYTES))
    if line is None:
        raise DamagedError("the first line has no two numbers", 0)
    words, dimensions = int(line[1]), int(line[2])
    cursor.skip(line.end(), "the first line")
    vector_bytes = dimensions * number_bytes
    # A word has at least a byte and a blank.
    cursor.require_bytes(words * (vector_bytes + 2), "the vectors")
    if words > _MOST_WORDS:
        raise LimitReachedError(f"it has more than {_MOST_WORDS} words", 0)
    has_line_ends = False
    for index in range(words):
        if index % _DEADLINE_STEP == 0:
            check_deadline()
        _read_word(cursor)
        cursor.skip(vector_bytes, "a vector")
        if index == 0:
            has_line_ends = cursor.peek(1) == b"\n"
        if has_line_ends and cursor.take(1, "a line end") != b"\n":
            raise DamagedError("a vector has no line end", cursor.offset - 1)
    cursor.require_end()
    claim_parsed(cursor.window, 0, line.end())
    # Millions of vectors are one range, because a ledger is bounded.
    claim_data(cursor.window, line.end(), cursor.offset)
    return (("words", str(words)), ("dimensions", str(dimensions)), ("bytes of a number", str(number_bytes)))


def _read_word(cursor: RecordCursor) -> None:
    """Read a word and the blank behind it. Raises ``DamagedError`` if no blank follows, or the word is not text."""
    start = cursor.offset
    word, blank, _ = cursor.peek(_MOST_WORD_BYTES).partition(b" ")
    is_text = len(word) <= SHORT_NAME_BYTES or is_plain_text(word)
    if not word or not blank or b"\0" in word or b"\n" in word or not is_text:
        raise DamagedError("no word is in the place of one", start)
    cursor.skip(len(word) + 1, "a word")
