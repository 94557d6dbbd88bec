"""Align a part of a text with a fingerprint: find the words that both share, and the gaps between them.

This is a greedy diff over word triples. It runs once for each candidate on hostile text, so its steps are bounded
(``_MAX_STEPS``) instead of optimal.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise
from operator import itemgetter

from msgspec import Struct

from modelaudit.model.fingerprint import Fingerprint, Span

_LOOKAHEAD = 160
"""Words of the text after a mismatch that may continue the fingerprint."""
_MAX_PLACES = 6
"""Places of one triple in the fingerprint that are considered; a phrase such as "to the Work" occurs often."""
_LONG_RUN = 8
"""Agreeing triples beyond which a continuation is no more likely than another one."""
_MAX_STEPS = 120_000
"""Steps after which an alignment ends; a text that needs more is not a copy."""


class Gap(Struct, frozen=True):
    """A span of the text and the span of the fingerprint in its place, which disagree; either may be empty."""

    text: Span
    fingerprint: Span


class Alignment(Struct, frozen=True):
    """The agreement between a text and a fingerprint.

    Attributes:
        text: span from the first to the last agreeing word of the text.
        matched: number of the fingerprint's words that were found.
        gaps: the disagreeing spans, including the fingerprint's unmatched beginning and end.
    """

    text: Span
    matched: int
    gaps: tuple[Gap, ...]


class _Run(Struct, frozen=True):
    """Consecutive triples on which the text and the fingerprint agree.

    Attributes:
        text_start: number of the first agreeing triple in the text, which is the number of its first word too.
        print_start: the same in the fingerprint.
        length: number of agreeing triples, at least 1.
    """

    text_start: int
    print_start: int
    length: int

    @property
    def words(self) -> int:
        """The number of its words: n consecutive triples cover n + 2."""
        return self.length + 2

    @property
    def text_end(self) -> int:
        """The word after the run in the text."""
        return self.text_start + self.words

    @property
    def print_end(self) -> int:
        """The word after the run in the fingerprint."""
        return self.print_start + self.words


class Aligner:
    """Aligns one fingerprint with one text, from several beginnings.

    The number of steps is bounded by a constant and by the length of both, whatever the text.
    """

    def __init__(self, triples: array[int], item: Fingerprint) -> None:
        """Keep the ``triples`` of the text and the fingerprint."""
        self._triples = triples
        self._item = item

    def align(self, start: int, stop: int) -> Alignment | None:
        """Align the fingerprint with the text's triples from ``start`` up to ``stop``; ``None`` if nothing agrees."""
        runs = list(self._find_runs(start, min(stop, len(self._triples))))
        if not runs:
            return None
        first, last = runs[0], runs[-1]
        gaps = []
        # Words of the fingerprint before the first run and after the last one are missing from the text.
        if first.print_start > 0:
            gaps.append(Gap((first.text_start, first.text_start), (0, first.print_start)))
        matched = first.words
        for previous, run in pairwise(runs):
            # Two runs can share up to two words of the fingerprint, which count once.
            matched += run.words - max(0, previous.print_end - run.print_start)
            gap = _find_gap(previous, run)
            if gap is not None:
                gaps.append(gap)
        if last.print_end < self._item.words:
            gaps.append(Gap((last.text_end, last.text_end), (last.print_end, self._item.words)))
        return Alignment((first.text_start, last.text_end), matched, tuple(gaps))

    def _find_runs(self, start: int, stop: int) -> Iterator[_Run]:
        """Yield the runs of triples, in order, that the text shares with the fingerprint.

        Args:
            start: the text's first triple that is compared; the fingerprint is compared from its beginning.
            stop: the text's triple before which the comparison ends.
        """
        triples, wanted = self._triples, self._item.triples
        text_at, print_at, steps_left = start, 0, _MAX_STEPS
        while text_at < stop and print_at < len(wanted) and steps_left > 0:
            agreeing = _count_agreeing(triples, wanted, text_at, print_at, stop)
            if agreeing:
                yield _Run(text_at, print_at, agreeing)
                text_at, print_at = text_at + agreeing, print_at + agreeing
                continue
            resumed, steps = self._resume(text_at, print_at, stop)
            steps_left -= steps
            if resumed is None:
                return
            text_at, print_at = resumed

    def _resume(self, text_at: int, print_at: int, stop: int) -> tuple[Span | None, int]:
        """Find where the text and the fingerprint agree again after a mismatch, and count the steps of the search.

        Resume at the nearest triple that both share; of two that are about as near, at the one where more words agree.
        Skipped words cost on either side, so that an insertion in the text and an omission from it are treated alike,
        but a whole optional part costs nothing. The fingerprint is never walked backwards.
        """
        triples, wanted = self._triples, self._item.triples
        first_positions, further_positions = self._positions
        nearest: tuple[int, int, int] | None = None  # (cost, triple of the text, triple of the fingerprint)
        ahead = 0
        # A triple that lies ``ahead`` of here costs at least that much, less the premium on a long run.
        while ahead < _LOOKAHEAD and text_at + ahead < stop and (nearest is None or ahead - _LONG_RUN < nearest[0]):
            triple = triples[text_at + ahead]
            if triple in first_positions:
                for position in (first_positions[triple], *further_positions.get(triple, ()))[:_MAX_PLACES]:
                    if position < print_at:
                        continue
                    cost = ahead + _count_skipped(self._item, print_at, position)
                    if nearest is None or cost - _LONG_RUN < nearest[0]:
                        most = min(stop, text_at + ahead + _LONG_RUN)
                        cost -= _count_agreeing(triples, wanted, text_at + ahead, position, most)
                        found = cost, text_at + ahead, position
                        nearest = min(nearest or (cost + 1, 0, 0), found, key=itemgetter(0))
            ahead += 1
        return (nearest[1:] if nearest else None), ahead

    @cached_property
    def _positions(self) -> tuple[dict[int, int], dict[int, list[int]]]:
        """The first position of each triple of the fingerprint, and in ascending order the others of some.

        An exact copy never needs them.
        """
        wanted = self._item.triples
        # From the end, so that the first position of a triple remains.
        first = dict(zip(reversed(wanted), range(len(wanted) - 1, -1, -1), strict=True))
        further: dict[int, list[int]] = {}
        if len(first) < len(wanted):
            for position, triple in enumerate(wanted):
                if first[triple] != position:
                    further.setdefault(triple, []).append(position)
        return first, further


def _find_gap(previous: _Run, run: _Run) -> Gap | None:
    """Find the words between two consecutive runs; ``None`` if no word of either side lies between them."""
    last_text = previous.text_start + previous.length - 1
    last_print = previous.print_start + previous.length - 1
    text_step, print_step = run.text_start - last_text, run.print_start - last_print
    # A triple covers three words, so up to a step of three the next triple begins within the last one or right behind
    # it. Steps of equal size then hide no word. A replaced word breaks three triples, hence a step of four. Example:
    # "a b c X e f g" against "a b c d e f g". The triples 0 and 4 agree, both steps are 4, and the gap is word 3.
    if text_step == print_step and text_step <= 3:
        return None
    # If one side repeats words, its next run begins within the last triple, and the gap must begin there too.
    covered = min(3, text_step, print_step)
    return Gap((last_text + covered, run.text_start), (last_print + covered, run.print_start))


def _count_skipped(item: Fingerprint, first: int, end: int) -> int:
    """Count the words of a fingerprint from ``first`` up to ``end``, without whole parts that may be missing."""
    if not item.optional:
        return end - first
    return end - first - sum(stop - start for start, stop in item.optional if first <= start and stop <= end)


def _count_agreeing(triples: array[int], wanted: array[int], text_at: int, print_at: int, stop: int) -> int:
    """Count the consecutive triples that agree, from ``text_at`` in the text and ``print_at`` in the fingerprint."""
    if triples[text_at] != wanted[print_at]:
        return 0
    most = min(stop - text_at, len(wanted) - print_at)
    if triples[text_at : text_at + most] == wanted[print_at : print_at + most]:
        return most
    # Comparing array slices is fast in C, so the first mismatch is found by bisection and not triple by triple.
    low, high = 1, most
    while low < high:
        middle = (low + high + 1) // 2
        if triples[text_at : text_at + middle] == wanted[print_at : print_at + middle]:
            low = middle
        else:
            high = middle - 1
    return low
