"""Decide if a text reads like terms: signs of a licence or an agreement close together, in prose.

``rules/term_words.yaml`` lists the signs. Known licences are recognised by their fingerprints; this finds all others.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.spelling import normalize_appearance
from modelaudit.model.term_words import TermWords

_MAX_CHARACTERS: Final = 400_000
_TITLE_LINES: Final = 12
_TITLE_CHARACTERS: Final = 120
_MAX_SIGN_PLACES: Final = 2_000
"""Places of one sign that are kept; a text with more of them is full of it."""
_MAX_QUOTATION: Final = 160
_WORD: Final = defer_pattern(r"[^\W\d_]+")
_MARKS: Final = defer_pattern(r"[*_`~#|>\"“”„«»]+|^[ \t]*(?://+|;+|--+|%+)", re.MULTILINE)
_MIN_LIST_WORDS: Final = 60
_LARGEST_DISTINCT_SHARE: Final = 0.9
"""The share of different words in a list, such as a vocabulary; prose repeats its short words."""


class TermsPlace(Struct, frozen=True):
    """The place at which a text begins to read like terms.

    Attributes:
        line: number of its line in the text, from 1.
        quotation: the words of that line, bounded.
    """

    line: int
    quotation: str


def find_terms(text: str, words: TermWords) -> TermsPlace | None:
    """Find the place at which ``text`` reads like terms; ``None`` if nowhere.

    A text reads like terms if enough different signs lie within one window, fewer behind a title, and one of them
    gives or withholds something. Lists of words, such as vocabularies, hold every word once and are left out.
    """
    folded = normalize_appearance(text[:_MAX_CHARACTERS])
    folded = _MARKS.sub(lambda marks: " " * len(marks[0]), folded)
    for pattern in words.quiet:
        folded = pattern.sub(_blank, folded)
    enough = words.titled if _has_title(folded, words) else words.enough
    places = sorted(_iter_sign_places(folded, words))
    counts: Counter[str] = Counter()
    first = 0
    for offset, sign in places:
        counts[sign] += 1
        while offset - places[first][0] > words.window:
            counts[places[first][1]] -= 1
            first += 1
        present = {each for each, count in counts.items() if count > 0}
        if len(present) >= enough and present & words.needed:
            start = places[first][0]
            if _is_prose(folded[start : start + words.window]):
                return _describe_place(text, folded, start)
    return None


def _iter_sign_places(folded: str, words: TermWords) -> Iterator[tuple[int, str]]:
    """Yield (offset, sign) for the matches of each sign; of many that are close, the first and the last ones count."""
    for sign, patterns in words.signs.items():
        for pattern in patterns:
            for count, match in enumerate(pattern.finditer(folded)):
                if count == _MAX_SIGN_PLACES:
                    break
                yield match.start(), sign


def _blank(match: re.Match[str]) -> str:
    """Return spaces in place of a match, with its line breaks."""
    return "".join("\n" if each == "\n" else " " for each in match[0])


def _has_title(folded: str, words: TermWords) -> bool:
    """Whether one of the first lines is a title of terms."""
    lines = [line.strip(" \t=-:.") for line in folded[:8000].split("\n") if line.strip(" \t=-")][:_TITLE_LINES]
    return any(title.fullmatch(line) for line in lines if len(line) <= _TITLE_CHARACTERS for title in words.titles)


def _is_prose(window: str) -> bool:
    """Whether a part of a text is prose and no list of different words."""
    found = _WORD.findall(window)
    return len(found) < _MIN_LIST_WORDS or len(set(found)) < _LARGEST_DISTINCT_SHARE * len(found)


def _describe_place(text: str, folded: str, start: int) -> TermsPlace:
    """Describe the line of an offset in the folded text, which has the line breaks of the text."""
    line = folded.count("\n", 0, start) + 1
    lines = text.split("\n", line)
    return TermsPlace(line, " ".join(lines[line - 1].split())[:_MAX_QUOTATION] if len(lines) >= line else "")
