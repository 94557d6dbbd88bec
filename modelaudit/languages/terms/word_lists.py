"""Distinguish lists of words and names from running text, and find the lines of a list that may state terms."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from typing import Final

from modelaudit.model.lazy_pattern import defer_pattern

_MIN_LIST_LINES: Final = 50
_MOST_WORDS_IN_LIST_LINE: Final = 2.5
_MOST_WORDS_IN_NAME: Final = 6
"""The mean of a list with sorted lines, such as the labels of a classifier of species."""
_MOST_MISPLACED: Final = 2
_MISPLACED_WITHIN: Final = 40
"""A sorted list has at most ``_MOST_MISPLACED`` lines out of order among this many lines in a row."""
_LIMIT_STEMS: Final = (
    "commerc", "comerc", "commérc", "kommerz", "kommers", "komerc", "ticari", "licen", "lizen", "spdx-", "research",
    "academ", "educat", "scientif", "universit", "profit", "redistribut", "re-distribut", "resell", "resale",
    "prohibit", "forbid", "european union", "forschung", "recherche", "investigaci", "商", "许可", "許可", "授权",
    "禁止", "不得", "研究", "学术", "學術", "ライセンス", "営利", "상업", "라이선스", "연구",
    "коммерч", "лиценз", "исследов", "تجاري", "व्यावसायिक", "शोध", "अनुसंधान",
    "agree", "consent", "contract", "permitted", "property of", "confidential", "customer", "employer", "recipient",
    "subscription", "terms of", "third part",
)  # fmt: skip
"""Stems of single sentences of terms, in lower case. Source code without any of them states no terms."""
_LINE: Final = defer_pattern(r"^[^\n]*", re.MULTILINE)
_WORD_OF_LINE: Final = defer_pattern(r"\S+")
_MIN_LINE_SPACES: Final = 3
_UNSPACED_SENTENCE: Final = defer_pattern("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{8}")
"""A line of a list that may be a sentence has this white space, or as many letters of a script without spaces."""
_MIN_LIMIT_SPACES: Final = 2
"""White space in a line of a list that may be a sentence if it has a stem of terms."""


def may_limit(text: str) -> bool:
    """Whether a text may hold a sentence of terms; searching for literals takes a fraction of the time of a pattern."""
    lowered = text.lower()
    return any(stem in lowered for stem in _LIMIT_STEMS)


def keep_sentences(text: str) -> str:
    """Keep the lines of a list that may be sentences; the others are blank."""
    return "\n".join(line if _may_be_sentence(line, line.count(" ")) else "" for line in _iter_lines(text))


def _may_be_sentence(line: str, spaces: int) -> bool:
    """Whether a line of a list may be a sentence; one of three words may be if it has a stem of terms."""
    if spaces >= _MIN_LINE_SPACES or _UNSPACED_SENTENCE.search(line):
        return True
    return spaces >= _MIN_LIMIT_SPACES and may_limit(line)


def _iter_lines(text: str) -> Iterator[str]:
    """Yield the lines of a text one by one, since a list of all takes many times the memory of the text."""
    return (match[0] for match in _LINE.finditer(text))


def is_list(text: str) -> bool:
    """Whether a text is a list of words, such as a vocabulary, or of names in their order, and no sentences."""
    lines = sum(1 for line in _iter_lines(text) if line and not line.isspace())
    words = sum(1 for _ in _WORD_OF_LINE.finditer(text))
    if lines < _MIN_LIST_LINES or words >= _MOST_WORDS_IN_NAME * lines:
        return False
    return words < _MOST_WORDS_IN_LIST_LINE * lines or _is_sorted(text)


def _is_sorted(text: str) -> bool:
    """Whether the lines of a text are in alphabetical order, unlike those of running text.

    A few may be out of order, but not close to each other, so that a text between the lines of a list is found.
    """
    misplaced: deque[int] = deque(maxlen=_MOST_MISPLACED)
    before = ""
    for number, line in enumerate(_iter_lines(text)):
        if not line or line.isspace():
            continue
        if line <= before:
            if len(misplaced) == _MOST_MISPLACED and number - misplaced[0] < _MISPLACED_WITHIN:
                return False
            misplaced.append(number)
        before = line
    return True
