"""Choose the fingerprints that best explain a text.

Three steps: sampled hashes name the candidates and the places where each would begin; each candidate is aligned at its
places; the best alignments that do not overlap explain the text. The words that remain are *loose*.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import islice
from operator import itemgetter
from typing import NamedTuple

from msgspec import Struct

from modelaudit.licenses.recognition.accounting import is_accounted_for, is_harmless_gap
from modelaudit.licenses.recognition.alignment import Aligner, Alignment, Gap
from modelaudit.licenses.recognition.candidates import ROOM, Candidate, find_candidates
from modelaudit.licenses.recognition.notation import extend_ends, is_notation_gap, is_source_note
from modelaudit.licenses.recognition.words import Words
from modelaudit.model.fingerprint import Fingerprint, Fingerprints, Span
from modelaudit.model.lazy_pattern import defer_pattern

LEAST_SHARE = 0.5
"""The share of a fingerprint's words that a text must have to be a variant of it."""
LEAST_LIKENESS = 0.74
"""The share of the words of both that a variant of a model licence has in common with it.

Terms of strangers reach 0.73 beside a standard licence from which they took sentences, and 0.63 beside one of models;
variants of licences of models among held-out copies begin at 0.75.
"""
LARGEST_VARIANT_SHARE = 0.999
"""A variant never reaches 1, which is the share of an exact text."""
_LEAST_WORDS = 40
_EXCERPT_SHARE, _EXCERPT_WORDS = 0.8, 60
"""A text is an excerpt of a licence if this share of its words, and at least this many, belong to the licence."""
_ENOUGH = 0.9
"""The share of a fingerprint's words from which an alignment is good enough to try no further beginning."""
_MANY_MARKS = 8
"""How many hashes of its own a licence has, so that a text without any of them is no variant of it."""
_SHORT_WORDS, _LEAST_SHORT_SHARE = 250, 0.7
"""A licence up to this many words shares its disclaimer with many others, so a text without any hash of its own needs
this share of its words to resemble it. Terms of strangers that end with the disclaimer of MIT have 0.59 of MIT-0."""
_DIFFERENCES, _DIFFERENCE_CHARACTERS = 8, 160


class Likeness(StrEnum):
    """The relation of a text to a licence."""

    EXACT = "exact"
    """The text of the licence: every word is accounted for."""
    VARIANT = "variant"
    """Much of the licence text, with words added, left out or replaced."""


class PlacedFingerprint(Struct, frozen=True):
    """A fingerprint aligned with a part of the text.

    Attributes:
        item: the fingerprint.
        alignment: the words that agree.
        share: share of the words of both that agree, 0 to 1.
        differing_gaps: the gaps that change the text.
        unique_share: share of the hashes unique to this fingerprint (``Fingerprint.marks``) that the text has.
        is_disclaimer: whether the text has little more of a short licence than a disclaimer, which many licences share.
            The place takes its span from others with that disclaimer, and does not count as a likeness.
    """

    item: Fingerprint
    alignment: Alignment
    share: float
    differing_gaps: tuple[Gap, ...]
    unique_share: float
    is_disclaimer: bool = False

    @property
    def weight(self) -> float:
        """The number of words that it explains, less a quarter of the words added or missing."""
        added = sum(gap.text[1] - gap.text[0] for gap in self.differing_gaps)
        missing = sum(gap.fingerprint[1] - gap.fingerprint[0] for gap in self.differing_gaps)
        # A quarter: a long true match with a long insertion must still win against a short fragment without one.
        return self.alignment.matched - (added + missing) / 4

    @property
    def replaced(self) -> int:
        """The number of words of the fingerprint in whose place the text has others, in slots or as notation."""
        return _count_replaced(self.alignment)


class TextExplanation(Struct, frozen=True):
    """The explanation of a text by fingerprints.

    Attributes:
        places: fingerprints that do not overlap, best first.
        loose: spans of the text that none of them accounts for.
    """

    places: tuple[PlacedFingerprint, ...]
    loose: tuple[Span, ...]


def explain_text(words: Words, prints: Fingerprints) -> TextExplanation:
    """Find the best fingerprints for the parts of a text, and the spans that none of them accounts for."""
    # Greedy choice: the best place wins its span, and weaker ones may only fill the spans that remain.
    chosen: list[PlacedFingerprint] = []
    loose_beside = None
    for _, placed, loose in sorted(_find_places(words, prints), key=itemgetter(0), reverse=True):
        if all(_count_overlap(placed.alignment.text, other.alignment.text) == 0 for other in chosen):
            loose_beside = None if chosen else loose
            chosen.append(placed)
    alike = tuple(each for each in chosen if not (each.is_disclaimer or _lacks_license(each.item, chosen)))
    if loose_beside is None or len(alike) < len(chosen):
        loose_beside = tuple(_find_loose_spans(words, alike))
    return TextExplanation(alike, loose_beside)


def _lacks_license(item: Fingerprint, places: Iterable[PlacedFingerprint]) -> bool:
    """Whether a text is an exception to a licence, and no licence text is beside it: alone it grants nothing.

    The text of its own licence may be missing, because a part under it may be named beside the licence of the work.
    """
    return item.is_exception and all(each.item.is_notice for each in places)


def _find_places(words: Words, prints: Fingerprints) -> list[_RankedPlace]:
    """Rank the places of all candidates, without those that the best place outranks in its span."""
    found: dict[int, _RankedPlace] = {}
    outranked: dict[int, _Placing] = {}
    for number, candidate in enumerate(find_candidates(words, prints)):
        placing = _Placing(words, prints.items[candidate.number], candidate)
        # The look at differences is slow, and versions of one licence lie at one place.
        if found and placing.is_outranked_by(max(found.values(), key=itemgetter(0))):
            outranked[number] = placing
        elif (ranked := placing.find_best()) is not None:
            # Nothing improves upon a copy word for word. A name in a slot may be the proper one of a sibling's text.
            if ranked.place.replaced == 0 and ranked.loose == ():
                return [ranked]
            found[number] = ranked
    if outranked:
        # The best place may be another one by now, and leave room for what an earlier one outranked.
        best = max(found.values(), key=itemgetter(0)).place
        beside = {number: each.find_best() for number, each in outranked.items() if not each.overlaps(best)}
        found |= {number: ranked for number, ranked in beside.items() if ranked is not None}
    return [found[number] for number in sorted(found)]


_Rank = tuple[bool, float, float, float, float, str]


class _RankedPlace(NamedTuple):
    """A place with its rank, and the spans that it leaves beside it; ``None`` if they were not looked for."""

    rank: _Rank
    place: PlacedFingerprint
    loose: tuple[Span, ...] | None


class _Placing:
    """The alignments of a candidate: one from each beginning that it estimates."""

    def __init__(self, words: Words, item: Fingerprint, candidate: Candidate) -> None:
        self._words = words
        self._item = item
        self._aligner = Aligner(words.triples, item)
        self._stop = candidate.stop
        # The likely and the first beginning differ if words were inserted between the hits. Words inserted before the
        # first hit make both of them too late, so a third one lies earlier.
        self._starts = tuple(dict.fromkeys(max(0, start) for start in (candidate.likely, candidate.first)))
        self._ahead = max(0, min(candidate.likely, candidate.first) - ROOM)
        self._aligned: dict[int, Alignment | None] = {}
        self._differing: dict[Gap, bool] = {}

    def find_best(self) -> _RankedPlace | None:
        """Rank the heaviest alignment; ``None`` if too little agrees from every beginning."""
        best: PlacedFingerprint | None = None
        seen: set[Alignment] = set()
        for start in dict.fromkeys((*self._starts, self._ahead)):
            if best is not None and not best.differing_gaps:
                break
            # The beginning ahead only helps a poor match, so a good one skips it.
            if best is not None and start not in self._starts and best.weight > _ENOUGH * self._item.words:
                break
            alignment = self._align(start)
            if alignment is None or alignment in seen:
                continue
            seen.add(alignment)
            placed = self._build_place(alignment)
            if placed is not None and (best is None or placed.weight > best.weight):
                best = placed
        if best is None:
            return None
        loose = None if best.differing_gaps else tuple(_find_loose_spans(self._words, (best,)))
        return _RankedPlace(_rank_place(best, is_complete=loose == ()), best, loose)

    def is_outranked_by(self, best: _RankedPlace) -> bool:
        """Whether each alignment overlaps the best place so far, and ranks below it whatever its gaps are."""
        return self.overlaps(best.place) and all(self._ranks_below(each, best) for each in self._list_alignments())

    def overlaps(self, place: PlacedFingerprint) -> bool:
        """Whether each alignment overlaps a place."""
        return all(_count_overlap(each.text, place.alignment.text) > 0 for each in self._list_alignments())

    def _list_alignments(self) -> Iterator[Alignment]:
        """Yield the alignment from each beginning, without repetition."""
        aligned = (self._align(start) for start in (*self._starts, self._ahead))
        yield from dict.fromkeys(each for each in aligned if each is not None)

    def _ranks_below(self, alignment: Alignment, best: _RankedPlace) -> bool:
        """Whether a place of this alignment certainly ranks below ``best``: see ``_rank_place``."""
        is_complete = best.rank[0]
        # The ends may still be extended, which adds words that are replaced, and changes no other gap.
        if is_complete and _count_replaced(alignment) > best.place.replaced:
            return True
        if not is_complete and alignment.matched >= best.place.weight:
            return False
        inner = [gap for gap in alignment.gaps if gap.fingerprint[0] > 0 and gap.fingerprint[1] < self._item.words]
        return any(map(self._differs, sorted(inner, key=_count_added))) or any(
            map(self._differs, extend_ends(self._words, alignment, self._item).gaps)
        )

    def _align(self, start: int) -> Alignment | None:
        if start not in self._aligned:
            self._aligned[start] = self._aligner.align(start, self._stop)
        return self._aligned[start]

    def _differs(self, gap: Gap) -> bool:
        """Whether a gap changes the text."""
        if gap not in self._differing:
            words, item = self._words, self._item
            self._differing[gap] = not is_harmless_gap(words, gap, item) and not is_notation_gap(words, gap, item)
        return self._differing[gap]

    def _build_place(self, alignment: Alignment) -> PlacedFingerprint | None:
        """Measure an alignment: its differing gaps and the share of agreeing words. ``None`` if too little agrees."""
        words, item = self._words, self._item
        alignment = extend_ends(words, alignment, item)
        differing_gaps = filter(self._differs, alignment.gaps)
        share = _measure_share(words, item, alignment)
        # One difference suffices to reject what agrees too little, and the look at a gap is slow.
        first = tuple(islice(differing_gaps, 1))
        if first and share is None:
            return None
        differing = (*first, *differing_gaps)
        unique_share = sum(mark in words.distinct for mark in item.marks) / max(1, len(item.marks))
        # A licence made from another one by adding terms is none that a text without any of these terms resembles.
        # A short part of a long licence may have missed them.
        is_sibling = (
            unique_share == 0 and len(item.marks) >= _MANY_MARKS and alignment.matched >= LEAST_SHARE * item.words
        )
        is_short = item.words <= _SHORT_WORDS and alignment.matched < _LEAST_SHORT_SHARE * item.words
        if differing and is_sibling:
            return None
        # Short licences have fewer than the minimum of words, so an exact match is accepted at any length.
        largest = min(share or 1.0, LARGEST_VARIANT_SHARE) if differing else 1.0
        is_disclaimer = bool(differing) and is_short and unique_share == 0
        return PlacedFingerprint(item, alignment, largest, differing, unique_share, is_disclaimer)


def _rank_place(placed: PlacedFingerprint, *, is_complete: bool) -> _Rank:
    """Return the sort key of a place: the greatest explains the text best.

    A place that accounts for all words (``is_complete``) has no differing gap, and only titles, headings and copyright
    statements surround it. It comes first, with the fewest words replaced. The hashes unique to a fingerprint decide
    between versions of one licence that explain equally many words, and the id makes the order definite.
    """
    replaced = -placed.replaced if is_complete else 0
    return is_complete, replaced, placed.weight, placed.unique_share, placed.share, placed.item.id


def _count_replaced(alignment: Alignment) -> int:
    """Count the words of the fingerprint in whose place the text has others, in slots or as notation."""
    gaps = (gap for gap in alignment.gaps if gap.text[0] < gap.text[1])
    return sum(gap.fingerprint[1] - gap.fingerprint[0] for gap in gaps)


def _count_added(gap: Gap) -> int:
    """Count the words of the text in a gap."""
    return gap.text[1] - gap.text[0]


def _measure_share(words: Words, item: Fingerprint, alignment: Alignment) -> float | None:
    """Measure the share of the words of both that agree; ``None`` if it is too small for a variant."""
    optional = sum(end - first for first, end in item.optional)
    needed = item.words - optional
    covered = alignment.matched / max(1, needed)
    is_excerpt = alignment.matched >= max(_EXCERPT_WORDS, _EXCERPT_SHARE * len(words.words))
    if alignment.matched < _LEAST_WORDS or (covered < LEAST_SHARE and not is_excerpt):
        return None
    # Twice the agreeing words over the words of both (the Dice coefficient).
    length = alignment.text[1] - alignment.text[0]
    share = 2 * alignment.matched / (max(needed, alignment.matched) + length)
    return share if share >= LEAST_LIKENESS or is_excerpt else None


def _count_overlap(one: Span, other: Span) -> int:
    """Count the words that two spans share."""
    return max(0, min(one[1], other[1]) - max(one[0], other[0]))


def _find_loose_spans(words: Words, chosen: Sequence[PlacedFingerprint]) -> Iterator[Span]:
    """Yield the spans around the chosen places that are more than titles, headings and copyright statements.

    Without any place there is nothing to compare the words with, and no span is yielded.
    """
    if not chosen:
        return
    items = [each.item for each in chosen]
    size = len(words.words)
    # The empty span behind the last word ends the last loose span.
    explained = [*sorted(each.alignment.text for each in chosen), (size, size)]
    position = 0
    for first, end in explained:
        span = position, first
        if first > position and not is_accounted_for(words, span, items) and not is_source_note(words, span):
            yield span
        position = end


_NOTE = defer_pattern(
    r"\d+ words of the licence are missing|more text than was looked at|characters that do not show|and \d+ more"
    r"|the text that it was compared with is no certain copy|letters or numbers one by one, which are no words"
)
"""The notes of ``describe_differences``; its other lines are words of the text."""


def quote_difference(line: str) -> str:
    """Quote a line of ``describe_differences`` if it holds words of the text; a note stays as it is."""
    words = " ".join(line.split())
    return words if _NOTE.fullmatch(words) else f"“{words}”"


def describe_differences(words: Words, placed: PlacedFingerprint, loose: Sequence[Span]) -> tuple[str, ...]:
    """Describe the differences from the licence, bounded: added words, and the number of missing ones.

    The notes go into the key of a conflict (``conclusion/subjects.py``), so their wording and order are fixed.
    """
    added = [words.quote(*span, _DIFFERENCE_CHARACTERS) for span in _list_added_spans(placed, loose)]
    omissions = [gap for gap in placed.differing_gaps if gap.text[0] >= gap.text[1]]
    missing = sum(gap.fingerprint[1] - gap.fingerprint[0] for gap in omissions)
    notes = [f"{missing} words of the licence are missing"] if missing else []
    if words.is_cut:
        notes.append("more text than was looked at")
    if words.has_hidden_characters:
        notes.append("characters that do not show")
    notes += added
    # A variant must name a difference, so the remaining causes are named where no word differs.
    if not notes and not placed.item.is_from_owner:
        notes.append("the text that it was compared with is no certain copy")
    if not notes and not words.is_plain:
        notes.append("letters or numbers one by one, which are no words")
    more = len(notes) - _DIFFERENCES
    return (*notes[:_DIFFERENCES], f"and {more} more") if more > 0 else tuple(notes)


def _list_added_spans(placed: PlacedFingerprint, loose: Sequence[Span]) -> list[Span]:
    """List the spans of the text that the licence does not have: within the licence, then beside it."""
    spans = [*(gap.text for gap in placed.differing_gaps), *loose]
    return [(first, end) for first, end in spans if first < end]
