"""Match standard licences without a fingerprint in the rule set, by the patterns of ``licenseclassifier``.

This module wraps the library, and no other module imports it. Its patterns permit other words and forgive typing
errors. A match therefore shows which licence to compare a text with, and never proves that the text is that licence.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Collection, Iterator
from itertools import islice

from msgspec import Struct

from modelaudit.licenses.recognition.words import Words
from modelaudit.model.fingerprint import Fingerprints, Span
from modelaudit.model.lazy_pattern import defer_pattern

_TEXT_LIMIT = 60_000
"""Characters; the library caches every text that it has seen, so long texts would fill the memory."""
_LEAST_WORDS = 30
"""Words below which neither a span is searched nor a match counts."""
_SPEAKS_OF_TERMS = defer_pattern(
    r"\b(?:warrant|liab|redistribut|sublicens|permission|copyright|licen[cs]e|public domain)", re.IGNORECASE
)
_LEAST_MENTIONS = 4
"""A text with fewer of these stems holds no licence, and the search through all patterns is slow."""

# The library uses deprecated SPDX ids. A text without "or later" grants no later version, hence ``-only``.
_WITHOUT_LATER = defer_pattern(r"((?:A|L)?GPL|GFDL)-([0-9.]+)")


class StandardMatch(Struct, frozen=True):
    """A span of the text that a pattern covers.

    Attributes:
        id: SPDX id.
        span: word numbers.
        share: the share of the whole text that the span is, 0 to 1.
    """

    id: str
    span: Span
    share: float


_latest_words: list[tuple[Collection[str], Fingerprints, frozenset[str] | None]] = []


def list_pattern_words(licenses: Collection[str], prints: Fingerprints) -> frozenset[str] | None:
    """List words that occur in the licences that a pattern alone recognises: each copy has at least one of them.

    Such a licence has an SPDX id and no fingerprint. The list of the last rule set is cached, because one rule set is
    in use throughout a scan.

    Args:
        licenses: the ids of the licences of the rule set.
        prints: all fingerprints.

    Returns:
        ``None`` if one of these licences lists no such words, so that every text may hold it.
    """
    if not _latest_words or _latest_words[-1][0] is not licenses or _latest_words[-1][1] is not prints:
        by_pattern = {id_ for id_ in licenses if id_ not in prints.licenses and not id_.startswith("LicenseRef-")}
        words = frozenset(word for id_ in by_pattern for word in prints.pattern_words.get(id_, ()))
        _latest_words[:] = [(licenses, prints, words if by_pattern <= prints.pattern_words.keys() else None)]
    return _latest_words[-1][2]


def find_standard_licenses(words: Words, part: Span, pattern_words: frozenset[str] | None) -> Iterator[StandardMatch]:
    """Yield the pattern matches in a span that no fingerprint accounts for.

    Args:
        words: the words of the text.
        part: the span, in word numbers.
        pattern_words: as ``list_pattern_words`` returns them: the search is slow, and its data takes 12 MiB.
    """
    first, end = part
    if end - first < _LEAST_WORDS or (
        pattern_words is not None and pattern_words.isdisjoint(islice(words.words, first, end))
    ):
        return
    begin = words.find_start(first)
    stop = words.find_start(end) if end < len(words.words) else len(words.text)
    text = words.text[begin:stop]
    if len(text) > _TEXT_LIMIT or len(_SPEAKS_OF_TERMS.findall(text)) < _LEAST_MENTIONS:
        return
    for id_, match_start, match_end in _run_classifier(text):
        # The library counts characters from the beginning of ``part``; the offsets of all words give the word numbers.
        span = bisect_left(words.starts, begin + match_start), bisect_left(words.starts, begin + match_end)
        size = span[1] - span[0]
        if size >= _LEAST_WORDS:
            yield StandardMatch(id_, span, round(size / len(words.words), 3))


def _run_classifier(text: str) -> list[tuple[str, int, int]]:
    """Run ``licenseclassifier``; return (SPDX id, first character, end) of each match, whatever its size."""
    from licenseclassifier import identify_license

    return [
        (normalize_spdx_id(each.id), each.start, each.end) for each in identify_license(text, coverage_threshold=0.0)
    ]


def normalize_spdx_id(name: str) -> str:
    """Normalize an id of the library to today's SPDX id: ``GPL-2.0`` becomes ``GPL-2.0-only``."""
    if _WITHOUT_LATER.fullmatch(name):
        return f"{name}-only"
    if name.endswith("+") and _WITHOUT_LATER.fullmatch(name[:-1]):
        return f"{name[:-1]}-or-later"
    return name
