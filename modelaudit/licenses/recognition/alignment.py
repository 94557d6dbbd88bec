"""Align a part of a text with a fingerprint: find the words that both share, and the gaps between them.

This is a greedy diff over word triples. It runs once for each candidate on hostile text, so its steps are bounded
(``_MAX_STEPS``) instead of optimal.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass

from modelaudit.model.fingerprint import Fingerprint, Span

_LOOKAHEAD = 160
"""Words of the text in which the continuation of the fingerprint is searched after a mismatch."""
_MAX_PLACES = 6
_MAX_STEPS = 120_000
"""Steps after which an alignment ends; a text that needs more is no copy."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A span of the text and the span of the fingerprint in its place, which disagree; either may be empty."""

    text: Span
    print: Span


@dataclass(frozen=True, slots=True)
class Alignment:
    """The agreement between a text and a fingerprint.

    Attributes:
        text: span from the first to the last agreeing word of the text.
        matched: number of the fingerprint's words that were found.
        gaps: the disagreeing spans, including the fingerprint's unmatched beginning and end.
    """

    text: Span
    matched: int
    gaps: tuple[Gap, ...]


def align_fingerprint(triples: array[int], item: Fingerprint, start: int, stop: int) -> Alignment | None:
    """Align the triples from ``start`` up to ``stop`` with a fingerprint; ``None`` if nothing agrees.

    The number of steps is bounded by a constant and by the length of both, whatever the text.
    """
    runs = list(_find_runs(triples, item.triples, start, min(stop, len(triples))))
    if not runs:
        return None
    gaps, matched = [], 0
    if runs[0][1]:
        gaps.append(Gap((runs[0][0], runs[0][0]), (0, runs[0][1])))
    before: tuple[int, int] | None = None
    for t, f, length in runs:
        if before is None:
            matched += length + 2
        else:
            gap = _find_gap(before, (t, f))
            matched += length + 2 - max(0, before[1] + 3 - f)
            if gap is not None:
                gaps.append(gap)
        before = (t + length - 1, f + length - 1)
    assert before is not None
    end = before[0] + 3
    if before[1] + 3 < item.words:
        gaps.append(Gap((end, end), (before[1] + 3, item.words)))
    return Alignment((runs[0][0], end), matched, tuple(gaps))


def _find_gap(last: tuple[int, int], next_: tuple[int, int]) -> Gap | None:
    """Find the words between two agreeing triples; a triple covers three words."""
    text, print_ = next_[0] - last[0], next_[1] - last[1]
    # Triples overlap: one replaced word breaks three triples. Steps of equal size up to three words hide no word.
    if text == print_ and text <= 3:
        return None
    overlap = min(3, text, print_)
    return Gap((last[0] + overlap, next_[0]), (last[1] + overlap, next_[1]))


def _find_runs(triples: array[int], wanted: array[int], t: int, stop: int) -> Iterator[tuple[int, int, int]]:
    """Yield runs of agreeing triples in order: (start in the text, start in the fingerprint, length)."""
    places: dict[int, list[int]] | None = None
    f, effort, length = 0, _MAX_STEPS, len(wanted)
    while t < stop and f < length and effort > 0:
        agreed = _count_agreeing(triples, wanted, t, f, stop)
        if agreed:
            yield t, f, agreed
            t, f = t + agreed, f + agreed
            continue
        if places is None:
            places = {}
            for position, triple in enumerate(wanted):
                places.setdefault(triple, []).append(position)
        # After a mismatch, resume at the nearest triple that both share. Skipped words cost on either side, so that an
        # insertion in the text and an omission from it are treated alike. The fingerprint is never walked backwards.
        best: tuple[int, int, int] | None = None
        ahead = 0
        while ahead < _LOOKAHEAD and t + ahead < stop and (best is None or ahead < best[0]):
            for position in places.get(triples[t + ahead], ())[:_MAX_PLACES]:
                cost = ahead + abs(position - f)
                if position >= f and (best is None or cost < best[0]):
                    best = (cost, t + ahead, position)
            ahead += 1
        effort -= ahead
        if best is None:
            return
        t, f = best[1], best[2]


def _count_agreeing(triples: array[int], wanted: array[int], t: int, f: int, stop: int) -> int:
    """Count the triples that agree from here on."""
    most = min(stop - t, len(wanted) - f)
    if triples[t] != wanted[f]:
        return 0
    # Comparing array slices is fast in C, so the first mismatch is found by bisection and not triple by triple.
    low, high = 1, most
    if triples[t : t + most] == wanted[f : f + most]:
        return most
    while low < high:
        middle = (low + high + 1) // 2
        if triples[t : t + middle] == wanted[f : f + middle]:
            low = middle
        else:
            high = middle - 1
    return low
