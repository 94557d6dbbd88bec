"""Choose the fingerprints that best explain a text.

Three steps: sampled hashes name the candidates and the places where each would begin; each candidate is aligned at its
places; the best alignments that do not overlap explain the text. The words that remain are *loose*.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain, islice
from operator import itemgetter
from typing import NamedTuple

from modelaudit.licenses.recognition.accounting import is_accounted_for, is_harmless_gap
from modelaudit.licenses.recognition.alignment import Alignment, Gap, align_fingerprint
from modelaudit.licenses.recognition.notation import extend_ends, is_notation_gap, is_source_note
from modelaudit.licenses.recognition.words import Words
from modelaudit.model.fingerprint import SAMPLE_STEP, Fingerprint, Fingerprints, Span
from modelaudit.model.lazy_pattern import defer_pattern

LEAST_SHARE = 0.5
"""The share of a fingerprint's words that a text must have to be a variant of it."""
LEAST_LIKENESS = 0.7
"""The share of the words of both that a variant of a model licence has in common with it.

Terms of strangers reach 0.67 beside another standard licence, and 0.63 beside one of models; true variants begin at
0.73.
"""
LARGEST_VARIANT_SHARE = 0.999
"""A variant never reaches 1, which is the share of an exact text."""
_LEAST_WORDS = 40
_EXCERPT_SHARE, _EXCERPT_WORDS = 0.8, 60
"""A text is an excerpt of a licence if this share of its words, and at least this many, belong to the licence."""
_FEWEST_HITS, _HIT_SHARE = 2, 0.22
"""The number and the share of a fingerprint's samples that a text must have to be a candidate."""
_EXCERPT_HITS, _EXCERPT_HIT_SHARE = 8, 0.6
"""Fewer samples suffice if they are this many and make up this share of all samples of the text: an excerpt."""
_CANDIDATES, _RIVALS, _RIVAL_SHARE = 24, 10, 0.5
"""How many places are aligned, how many of these may overlap, and the share of the best samples that a rival needs."""
_ENOUGH = 0.9
"""The share of a fingerprint's words from which an alignment is good enough to try no further beginning."""
_MANY_MARKS = 8
"""How many hashes of its own a licence has, so that a text without any of them is no variant of it."""
_ROOM = 80
"""Words before and after the estimated place that are aligned too."""
_DIFFERENCES, _DIFFERENCE_CHARACTERS = 8, 160


class Likeness(StrEnum):
    """The relation of a text to a licence."""

    EXACT = "exact"
    """The text of the licence: every word is accounted for."""
    VARIANT = "variant"
    """Much of the licence text, with words added, left out or replaced."""


@dataclass(frozen=True, slots=True)
class PlacedFingerprint:
    """A fingerprint aligned with a part of the text.

    Attributes:
        item: the fingerprint.
        alignment: the words that agree.
        share: share of the words of both that agree, 0 to 1.
        differing_gaps: the gaps that change the text.
        unique_share: share of the hashes unique to this fingerprint (``Fingerprint.marks``) that the text has.
    """

    item: Fingerprint
    alignment: Alignment
    share: float
    differing_gaps: tuple[Gap, ...]
    unique_share: float

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
        gaps = (gap for gap in self.alignment.gaps if gap.text[0] < gap.text[1])
        return sum(gap.fingerprint[1] - gap.fingerprint[0] for gap in gaps)


@dataclass(frozen=True, slots=True)
class TextExplanation:
    """The explanation of a text by fingerprints.

    Attributes:
        places: fingerprints that do not overlap, best first.
        loose: spans of the text that none of them accounts for.
    """

    places: tuple[PlacedFingerprint, ...]
    loose: tuple[Span, ...]


def explain_text(words: Words, prints: Fingerprints) -> TextExplanation:
    """Find the best fingerprints for the parts of a text, and the spans that none of them accounts for."""
    found: list[_RankedPlace] = []
    for candidate in _find_candidates(words, prints):
        placed = _place_fingerprint(words, prints.items[candidate.number], candidate)
        if placed is None:
            continue
        loose = None if placed.differing_gaps else tuple(_find_loose_spans(words, (placed,)))
        # Nothing improves upon a copy word for word. A name in a slot may be the proper one of a sibling's text.
        if placed.replaced == 0 and loose == ():
            return TextExplanation((placed,), ())
        found.append((_rank_place(placed, is_complete=loose == ()), placed, loose))
    # Greedy choice: the best place wins its span, and weaker ones may only fill the spans that remain.
    chosen: list[PlacedFingerprint] = []
    loose_beside = None
    for _, placed, loose in sorted(found, key=itemgetter(0), reverse=True):
        if all(_count_overlap(placed.alignment.text, other.alignment.text) == 0 for other in chosen):
            loose_beside = None if chosen else loose
            chosen.append(placed)
    if loose_beside is None:
        loose_beside = tuple(_find_loose_spans(words, chosen))
    return TextExplanation(tuple(chosen), loose_beside)


_Rank = tuple[bool, float, float, float, float, str]
_RankedPlace = tuple[_Rank, PlacedFingerprint, tuple[Span, ...] | None]
"""A place with its rank, and the spans that it leaves beside it; ``None`` if they were not looked for."""


def _place_fingerprint(words: Words, item: Fingerprint, candidate: _Candidate) -> PlacedFingerprint | None:
    """Align a fingerprint from each beginning that the candidate estimates; return the heaviest alignment.

    Returns:
        ``None`` if too little agrees from every beginning.
    """
    # The likely and the first beginning differ if words were inserted between the hits. Words inserted before the first
    # hit make both of them too late, so a third one lies earlier. It only helps a poor match, so a good one skips it.
    starts = dict.fromkeys(max(0, start) for start in (candidate.likely, candidate.first))
    ahead = max(0, min(candidate.likely, candidate.first) - _ROOM)
    best: PlacedFingerprint | None = None
    seen: set[Alignment] = set()
    for start in dict.fromkeys((*starts, ahead)):
        if best is not None and not best.differing_gaps:
            break
        if best is not None and start not in starts and best.weight > _ENOUGH * item.words:
            break
        alignment = align_fingerprint(words.triples, item, start, candidate.stop)
        if alignment is None or alignment in seen:
            continue
        seen.add(alignment)
        placed = _build_place(words, item, alignment)
        if placed is not None and (best is None or placed.weight > best.weight):
            best = placed
    return best


def _rank_place(placed: PlacedFingerprint, *, is_complete: bool) -> _Rank:
    """Return the sort key of a place: the greatest explains the text best.

    A place that accounts for all words (``is_complete``) has no differing gap, and only titles, headings and copyright
    statements surround it. It comes first, with the fewest words replaced. The hashes unique to a fingerprint decide
    between versions of one licence that explain equally many words, and the id makes the order definite.
    """
    replaced = -placed.replaced if is_complete else 0
    return is_complete, replaced, placed.weight, placed.unique_share, placed.share, placed.item.id


_Hit = tuple[int, int]
"""A sampled hash that a fingerprint and the text share: its word number in the text, then in the fingerprint.

Their difference is the word of the text at which the fingerprint begins if no word was added or left out before.
"""


class _Candidate(NamedTuple):
    """A place where a fingerprint may lie; the greatest has the largest share of its samples there.

    Attributes:
        share: share of the fingerprint's sampled hashes that were hit.
        samples: number of different sampled hashes that were hit.
        number: index of the fingerprint.
        likely: the beginning that most samples agree on, as a word number; may be negative.
        first: the beginning by the first sample alone.
        stop: the end of the search.
    """

    share: float
    samples: int
    number: int
    likely: int
    first: int
    stop: int


def _find_candidates(words: Words, prints: Fingerprints) -> list[_Candidate]:
    """Find the places where a fingerprint may lie: enough of its sampled hashes occur there. The best come first."""
    sampled = [(position, triple) for position, triple in enumerate(words.triples) if triple % SAMPLE_STEP == 0]
    excerpt_hits = _EXCERPT_HIT_SHARE * len(sampled)
    places_by_hash = prints.places_by_hash
    known = [(position, places_by_hash[triple]) for position, triple in sampled if triple in places_by_hash]
    # Most fingerprints have too few hits, so the hits are counted before they are listed.
    counts = Counter(chain.from_iterable(numbers for _, (numbers, _) in known))
    fewest_by_number = {}
    for number, count in counts.items():
        fewest = max(_FEWEST_HITS, prints.sample_sizes[number] * _HIT_SHARE)
        # Either the text has enough of the fingerprint, or it consists mostly of it (an excerpt of a long licence).
        if count >= min(fewest, excerpt_hits):
            fewest_by_number[number] = fewest
    found: list[_Candidate] = []
    for number, hits in _collect_hits(known, fewest_by_number).items():
        fewest = fewest_by_number[number]
        # A file may hold one licence twice, or two licences that share paragraphs, so each copy is its own candidate.
        for copy in _split_copies(hits, prints.items[number].words):
            distinct = len({in_print for _, in_print in copy})
            if distinct >= fewest or distinct >= max(_EXCERPT_HITS, excerpt_hits):
                found.append(_build_candidate(number, copy, distinct, prints))
    return _drop_weak_rivals(sorted(found, reverse=True))


def _collect_hits(
    known: Iterable[tuple[int, tuple[Sequence[int], Sequence[int]]]], wanted: Collection[int]
) -> dict[int, list[_Hit]]:
    """Collect the hits of some fingerprints.

    Args:
        known: words of the text by number, with the fingerprints and the places of the hash that begins there.
        wanted: the indexes of the fingerprints.
    """
    hits: dict[int, list[_Hit]] = {number: [] for number in wanted}
    for position, (numbers, places) in known:
        for number, place in zip(numbers, places, strict=True):
            if number in hits:
                hits[number].append((position, place))
    return hits


def _build_candidate(number: int, hits: Sequence[_Hit], distinct: int, prints: Fingerprints) -> _Candidate:
    """Estimate from the hits of one copy where the fingerprint with the index ``number`` begins and ends."""
    # Each hit votes for a beginning. Insertions shift the votes of later hits, hence the most frequent vote.
    beginnings = [in_text - in_print for in_text, in_print in hits]
    likely = Counter(beginnings).most_common(1)[0][0]
    stop = max(beginnings[-1], likely) + prints.items[number].words + _ROOM
    return _Candidate(distinct / max(1, prints.sample_sizes[number]), distinct, number, likely, beginnings[0], stop)


def _drop_weak_rivals(candidates: Sequence[_Candidate]) -> list[_Candidate]:
    """Keep the best candidates, without those that overlap with many better ones or a much better one.

    Versions of one licence hit almost the same samples, and only a few close rivals are worth an alignment.
    """
    kept: list[_Candidate] = []
    for candidate in candidates:
        if len(kept) == _CANDIDATES:
            break
        first, stop = candidate.likely, candidate.stop
        half = (stop - first) // 2
        # No function call: a text that repeats itself has a great many pairs.
        shares = [
            other.share
            for other in kept
            if (stop if stop < other.stop else other.stop) - (first if first > other.likely else other.likely) > half
        ]
        # The best come first, so the share of the first rival is the greatest.
        if not shares or (len(shares) < _RIVALS and candidate.share > _RIVAL_SHARE * shares[0]):
            kept.append(candidate)
    return kept


def _split_copies(hits: Sequence[_Hit], size: int) -> Iterator[list[_Hit]]:
    """Split the hits of one fingerprint, in the order of the text, into the hits of each copy in the text.

    Args:
        hits: those of the whole text.
        size: number of the fingerprint's words.
    """
    copy: list[_Hit] = []
    for hit in hits:
        if copy:
            # Half a text of tolerance: a moved paragraph jumps back within one copy, and a long insertion jumps ahead.
            starts_again = hit[1] < copy[-1][1] - size // 2
            is_far_ahead = hit[0] - copy[-1][0] > size // 2 + 2 * _ROOM
            if starts_again or is_far_ahead:
                yield copy
                copy = []
        copy.append(hit)
    if copy:
        yield copy


def _build_place(words: Words, item: Fingerprint, alignment: Alignment) -> PlacedFingerprint | None:
    """Measure an alignment: its differing gaps and the share of agreeing words. ``None`` if too little agrees."""
    alignment = extend_ends(words, alignment, item)
    differing_gaps = (
        gap for gap in alignment.gaps if not is_harmless_gap(words, gap, item) and not is_notation_gap(words, gap, item)
    )
    share = _measure_share(words, item, alignment)
    # One difference suffices to reject what agrees too little, and the look at a gap is slow.
    first = tuple(islice(differing_gaps, 1))
    if first and share is None:
        return None
    differing = (*first, *differing_gaps)
    unique_share = sum(mark in words.distinct for mark in item.marks) / max(1, len(item.marks))
    # A licence made from another one by adding terms is none that a text without any of these terms resembles. A short
    # part of a long licence may have missed them.
    is_sibling = unique_share == 0 and len(item.marks) >= _MANY_MARKS and alignment.matched >= LEAST_SHARE * item.words
    if differing and is_sibling:
        return None
    # Short licences have fewer than the minimum of words, so an exact match is accepted at any length.
    largest = min(share or 1.0, LARGEST_VARIANT_SHARE) if differing else 1.0
    return PlacedFingerprint(item, alignment, largest, differing, unique_share)


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
