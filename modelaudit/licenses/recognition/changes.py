"""Quote the places at which a text differs from the licence that it resembles, each with the words around it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from modelaudit.licenses.recognition.likeness import PlacedFingerprint
from modelaudit.licenses.recognition.words import Words
from modelaudit.model.fingerprint import Span
from modelaudit.model.license_text import TextChange

_MOST_CHANGES: Final = 5
_WORDS_AROUND: Final = 12
_AROUND_CHARACTERS: Final = 160
_ADDED_CHARACTERS: Final = 400


def list_changes(words: Words, placed: PlacedFingerprint, loose: Sequence[Span]) -> tuple[TextChange, ...]:
    """List the first differences in the order of the text: words added, left out or replaced, and words beside it.

    A year, a name and other blanks that a licence leaves open are no differences.
    """
    gaps = [(gap.text, gap.fingerprint[1] - gap.fingerprint[0]) for gap in placed.differing_gaps]
    gaps += [(span, 0) for span in loose if span[0] < span[1]]
    return tuple(_quote_change(words, span, missing) for span, missing in sorted(gaps)[:_MOST_CHANGES])


def _quote_change(words: Words, span: Span, missing: int) -> TextChange:
    """Quote one difference; ``missing`` counts the words of the licence that are not there."""
    first, end = span
    last = len(words.words)
    return TextChange(
        words.find_line(min(first, last - 1)),
        _quote_with_marks(words, max(first - _WORDS_AROUND, 0), first, _AROUND_CHARACTERS),
        _quote_with_marks(words, first, end, _ADDED_CHARACTERS),
        _quote_with_marks(words, end, min(end + _WORDS_AROUND, last), _AROUND_CHARACTERS),
        missing,
    )


def _quote_with_marks(words: Words, first: int, end: int, limit: int) -> str:
    """Quote the words from ``first`` up to ``end`` with the marks behind them, on one line of bounded length."""
    if first >= end:
        return ""
    start = words.find_start(first)
    stop = words.find_start(end) if end < len(words.words) else len(words.text)
    # Runs of spaces shrink to one; four times the limit leaves room for them and bounds the work.
    line = " ".join(words.text[start : min(stop, start + 4 * limit)].split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"
