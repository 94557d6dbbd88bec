"""Choose the fingerprints that best explain a text.

Three steps: sampled hashes name the candidates and the places where each would begin; each candidate is aligned at its
places; the best alignments that do not overlap explain the text. The words that remain are *loose*.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from modelaudit.licenses.recognition.accounting import is_accounted_for, is_harmless_gap
from modelaudit.licenses.recognition.alignment import Alignment, Gap, align_fingerprint
from modelaudit.licenses.recognition.words import Words
from modelaudit.model.fingerprint import PLACE_BITS, PLACE_MASK, SKETCH, Fingerprint, Fingerprints, Span

LEAST_SHARE = 0.5
"""The share of a fingerprint's words that a text must have to be a variant of it."""
_LEAST_WORDS = 40
_EXCERPT_SHARE, _EXCERPT_WORDS = 0.8, 60
"""A text is an excerpt of a licence if this share of its words, and at least this many, belong to the licence."""
_FEWEST_HITS, _HIT_SHARE = 2, 0.22
_CANDIDATES, _RIVALS, _RIVAL_SHARE = 24, 6, 0.5
"""How many places are aligned, how many of these may overlap, and the share of the best samples that a rival needs."""
_ENOUGH = 0.9
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
        own: share of the hashes unique to this fingerprint that the text has.
    """

    item: Fingerprint
    alignment: Alignment
    share: float
    differing_gaps: tuple[Gap, ...]
    own: float

    @property
    def weight(self) -> float:
        """The number of words that it explains; words added or missing count against it."""
        # A quarter: a long true match with a long insertion must still win against a short fragment without one.
        wrong = sum(gap.text[1] - gap.text[0] + gap.print[1] - gap.print[0] for gap in self.differing_gaps)
        return self.alignment.matched - wrong / 4


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
    """Find the best fingerprints for the parts of a text."""
    found: list[PlacedFingerprint] = []
    for candidate in _find_candidates(words, prints):
        placed = _place_fingerprint(words, prints.items[candidate.number], candidate)
        if placed is not None:
            # Candidates come best first: one that accounts for every word cannot be improved upon.
            if not placed.differing_gaps and not list(_find_loose_spans(words, (placed,))):
                return TextExplanation((placed,), ())
            found.append(placed)
    # Greedy choice: the best place wins its span, and weaker ones may only fill the spans that remain.
    chosen: list[PlacedFingerprint] = []
    for each in sorted(found, key=lambda each: _rank_place(words, each), reverse=True):
        if all(_count_overlap(each.alignment.text, other.alignment.text) == 0 for other in chosen):
            chosen.append(each)
    return TextExplanation(tuple(chosen), tuple(_find_loose_spans(words, chosen)))


def _place_fingerprint(words: Words, item: Fingerprint, candidate: _Candidate) -> PlacedFingerprint | None:
    """Align a fingerprint at its estimated beginnings; if words lie between its own, begin further ahead."""
    # The likely and the first beginning differ if words were inserted. The third one, further ahead, only helps a poor
    # match, so it is skipped for a good one.
    best: PlacedFingerprint | None = None
    starts = dict.fromkeys(max(0, start) for start in (candidate.likely, candidate.first))
    ahead = max(0, min(candidate.likely, candidate.first) - _ROOM)
    for begin in (*starts, *(() if ahead in starts else (ahead,))):
        if best is not None and (
            not best.differing_gaps or (begin not in starts and best.weight > _ENOUGH * item.words)
        ):
            break
        alignment = align_fingerprint(words.triples, item, begin, candidate.stop)
        placed = _build_place(words, item, alignment) if alignment is not None else None
        if placed is not None and (best is None or placed.weight > best.weight):
            best = placed
    return best


def _rank_place(words: Words, each: PlacedFingerprint) -> tuple[bool, float, float, float, str]:
    """Rank a place; the greatest explains the text best. A place that accounts for all words comes first."""
    whole = not each.differing_gaps and not list(_find_loose_spans(words, (each,)))
    return whole, each.weight, each.own, each.share, each.item.id


@dataclass(frozen=True, slots=True, order=True)
class _Candidate:
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
    """Find places where enough sampled hashes of a fingerprint occur in its order, best first."""
    sketch = prints.sketch
    sampled = [(position, triple) for position, triple in enumerate(words.triples) if triple % SKETCH == 0]
    hits: dict[int, list[tuple[int, int]]] = {}
    for position, triple in sampled:
        for packed in sketch.get(triple, ()):
            hits.setdefault(packed >> PLACE_BITS, []).append((position, packed & PLACE_MASK))
    found: list[_Candidate] = []
    for number, pairs in hits.items():
        # Either the text has enough of the fingerprint, or it consists mostly of it (an excerpt of a long licence).
        size = prints.sizes[number]
        if len(pairs) < max(_FEWEST_HITS, size * _HIT_SHARE) and len(pairs) < 0.6 * len(sampled):
            continue
        # A file may hold one licence twice, or two licences that share paragraphs, so each copy is its own candidate.
        for group in _split_copies(pairs, prints.items[number].words):
            distinct = len({where for _, where in group})
            enough = distinct >= max(_FEWEST_HITS, size * _HIT_SHARE)
            if enough or (distinct >= 8 and distinct >= 0.6 * len(sampled)):
                # Each sample votes for a beginning. Insertions shift later votes, hence the mode.
                likely = Counter(position - where for position, where in group).most_common(1)[0][0]
                stop = max(group[-1][0] - group[-1][1], likely) + prints.items[number].words + _ROOM
                first = group[0][0] - group[0][1]
                found.append(_Candidate(distinct / max(1, size), distinct, number, likely, first, stop))
    kept: list[_Candidate] = []
    for each in sorted(found, reverse=True):
        # Versions of one licence hit almost the same samples. Only a few close rivals are worth an alignment.
        span = (each.likely, each.stop)
        rivals = [
            other for other in kept if _count_overlap(span, (other.likely, other.stop)) > (span[1] - span[0]) // 2
        ]
        if len(rivals) < _RIVALS and all(each.share > _RIVAL_SHARE * other.share for other in rivals):
            kept.append(each)
    return kept[:_CANDIDATES]


def _split_copies(pairs: Sequence[tuple[int, int]], size: int) -> Iterator[list[tuple[int, int]]]:
    """Split the hits of one fingerprint into copies: a new copy begins where the order of the hits starts again."""
    group: list[tuple[int, int]] = []
    for position, where in pairs:
        if group and (where < group[-1][1] - size // 2 or position - group[-1][0] > size // 2 + 2 * _ROOM):
            yield group
            group = []
        group.append((position, where))
    if group:
        yield group


def _build_place(words: Words, item: Fingerprint, alignment: Alignment) -> PlacedFingerprint | None:
    """Build the place, unless too little agrees."""
    unlike = tuple(gap for gap in alignment.gaps if not is_harmless_gap(words, gap, item))
    optional = sum(last - first for first, last in item.optional)
    needed = item.words - optional
    length = alignment.text[1] - alignment.text[0]
    own = sum(mark in words.distinct for mark in item.marks) / max(1, len(item.marks))
    # Short licences have fewer than the minimum of words, so an exact match is accepted at any length.
    if not unlike:
        return PlacedFingerprint(item, alignment, 1.0, (), own)
    covered = alignment.matched / max(1, needed)
    excerpt = alignment.matched >= max(_EXCERPT_WORDS, _EXCERPT_SHARE * len(words.words))
    if alignment.matched < _LEAST_WORDS or (covered < LEAST_SHARE and not excerpt):
        return None
    share = 2 * alignment.matched / (max(needed, alignment.matched) + length)
    return PlacedFingerprint(item, alignment, min(share, 0.999), unlike, own)


def _count_overlap(one: Span, other: Span) -> int:
    return max(0, min(one[1], other[1]) - max(one[0], other[0]))


def _find_loose_spans(words: Words, chosen: Sequence[PlacedFingerprint]) -> Iterator[Span]:
    """Yield the spans between the places that are more than titles, headings and copyright statements."""
    items = [each.item for each in chosen]
    position = 0
    for first, end in (*sorted(each.alignment.text for each in chosen), (len(words.words), len(words.words))):
        if first > position and items and not is_accounted_for(words, (position, first), items):
            yield position, first
        position = end


def describe_differences(words: Words, placed: PlacedFingerprint, loose: Sequence[Span]) -> tuple[str, ...]:
    """Describe the differences from the licence, bounded: added words, and the number of missing ones.

    The notes go into the key of a conflict (``conclusion/subjects.py``), so their wording is fixed.
    """
    shown: list[str] = []
    for first, end in (*(gap.text for gap in placed.differing_gaps), *loose):
        if first < end:
            shown.append(words.quote(first, end, _DIFFERENCE_CHARACTERS))
    missing = sum(gap.print[1] - gap.print[0] for gap in placed.differing_gaps if gap.text[0] >= gap.text[1])
    if words.hidden:
        shown.insert(0, "characters that do not show")
    if words.cut:
        shown.insert(0, "more text than was looked at")
    if missing:
        shown.insert(0, f"{missing} words of the licence are missing")
    if not shown and not placed.item.certain:
        shown.append("the text that it was compared with is no certain copy")
    if not shown and not words.is_plain:
        shown.append("letters or numbers one by one, which are no words")
    more = len(shown) - _DIFFERENCES
    return (*shown[:_DIFFERENCES], f"and {more} more") if more > 0 else tuple(shown)
