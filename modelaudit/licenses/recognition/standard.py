"""Standard licences of which the rule set has no fingerprint, by the patterns of ``licenseclassifier``.

The library is named here and nowhere else. Its patterns have room for words that they do not know, and forgive slips of
the pen, so that what it finds says which licence to compare a text with, and never that a text is that licence.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

from modelaudit.licenses.recognition.words import Words
from modelaudit.model.fingerprint import Span

_TEXT_LIMIT = 60_000
"""Characters; the library keeps what it has learnt of every text, so that long ones would fill the memory."""
_LEAST_WORDS = 30
_SPEAKS_OF_TERMS = re.compile(
    r"\b(?:warrant|liab|redistribut|sublicens|permission|copyright|licen[cs]e|public domain)", re.IGNORECASE
)
_LEAST_MENTIONS = 4

# Identifiers that SPDX has given up, as the library still has them. Without "or later" a text says nothing of others.
_WITHOUT_LATER = re.compile(r"((?:A|L)?GPL|GFDL)-([0-9.]+)")


@dataclass(frozen=True, slots=True)
class StandardMatch:
    """A part of a text that a pattern covers: SPDX identifier, words, and the share of the text that it is."""

    id: str
    span: Span
    share: float


def find_standard_licenses(words: Words, part: Span) -> Iterator[StandardMatch]:
    """What patterns cover in a part of the text that no fingerprint accounts for."""
    first, end = part
    if end - first < _LEAST_WORDS:
        return
    begin = words.find_start(first)
    text = words.text[begin : words.find_start(end) if end < len(words.words) else len(words.text)]
    if len(text) > _TEXT_LIMIT or len(_SPEAKS_OF_TERMS.findall(text)) < _LEAST_MENTIONS:
        return
    for id_, start, stop in _run_classifier(text):
        span = bisect_left(words.starts, begin + start), bisect_left(words.starts, begin + stop)
        if span[1] - span[0] >= _LEAST_WORDS:
            yield StandardMatch(id_, span, round((span[1] - span[0]) / len(words.words), 3))


def _run_classifier(text: str) -> list[tuple[str, int, int]]:
    """(SPDX identifier, first character, end) of what ``licenseclassifier`` finds, however little of the text it is."""
    from licenseclassifier import identify_license

    return [
        (normalize_spdx_id(each.id), each.start, each.end) for each in identify_license(text, coverage_threshold=0.0)
    ]


def normalize_spdx_id(name: str) -> str:
    """The identifier that SPDX has today for one of the library's: ``GPL-2.0`` is ``GPL-2.0-only``."""
    if _WITHOUT_LATER.fullmatch(name):
        return f"{name}-only"
    return f"{name[:-1]}-or-later" if name.endswith("+") and _WITHOUT_LATER.fullmatch(name[:-1]) else name
