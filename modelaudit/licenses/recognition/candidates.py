"""Find where in a text each fingerprint may lie, by the hashes that both share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from modelaudit.licenses.recognition.words import Words
from modelaudit.model.fingerprint import SAMPLE_STEP, Fingerprints

_FEWEST_HITS, _HIT_SHARE = 2, 0.22
"""The number and the share of a fingerprint's samples that a text must have to be a candidate."""
_EXCERPT_HITS, _EXCERPT_HIT_SHARE = 8, 0.6
"""Fewer samples suffice if they are this many and make up this share of all samples of the text: an excerpt."""
_CANDIDATES, _RIVALS, _RIVAL_SHARE = 24, 10, 0.5
"""How many places are aligned, how many of these may overlap, and the share of the best samples that a rival needs."""
ROOM = 80
"""Words before and after the estimated place that are aligned too."""

_Hit = tuple[int, int]
"""A sampled hash that a fingerprint and the text share: its word number in the text, then in the fingerprint.

Their difference is the word of the text at which the fingerprint begins if no word was added or left out before.
"""


class Candidate(NamedTuple):
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


def find_candidates(words: Words, prints: Fingerprints) -> list[Candidate]:
    """Find the places where a fingerprint may lie: enough of its sampled hashes occur there. The best come first."""
    sampled = [(position, triple) for position, triple in enumerate(words.triples) if triple % SAMPLE_STEP == 0]
    most_needed = max(_EXCERPT_HITS, _EXCERPT_HIT_SHARE * len(sampled))
    places = ((position, prints.find_places(triple)) for position, triple in sampled)
    known = [(position, each) for position, each in places if each is not None]
    # Most fingerprints have too few hits, so the hits are counted before they are listed.
    counts = Counter(chain.from_iterable(numbers for _, (numbers, _) in known))
    fewest_by_number = {}
    for number, count in counts.items():
        fewest = max(_FEWEST_HITS, prints.sample_sizes[number] * _HIT_SHARE)
        # Either the text has enough of the fingerprint, or it consists mostly of it (an excerpt of a long licence).
        if count >= min(fewest, most_needed):
            fewest_by_number[number] = fewest
    found: list[Candidate] = []
    for number, hits in _collect_hits(known, fewest_by_number).items():
        fewest = min(fewest_by_number[number], most_needed)
        # A file may hold one licence twice, or two licences that share paragraphs, so each copy is its own candidate.
        for copy in _split_copies(hits, prints.items[number].words):
            distinct = len({in_print for _, in_print in copy}) if len(copy) >= fewest else 0
            if distinct >= fewest:
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
            own = hits.get(number)
            if own is not None:
                own.append((position, place))
    return hits


def _build_candidate(number: int, hits: Sequence[_Hit], distinct: int, prints: Fingerprints) -> Candidate:
    """Estimate from the hits of one copy where the fingerprint with the index ``number`` begins and ends."""
    # Each hit votes for a beginning. Insertions shift the votes of later hits, hence the most frequent vote.
    beginnings = [in_text - in_print for in_text, in_print in hits]
    likely = beginnings[0]
    if 2 * beginnings.count(likely) <= len(beginnings):
        likely = Counter(beginnings).most_common(1)[0][0]
    stop = max(beginnings[-1], likely) + prints.items[number].words + ROOM
    return Candidate(distinct / max(1, prints.sample_sizes[number]), distinct, number, likely, beginnings[0], stop)


def _drop_weak_rivals(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Keep the best candidates, without those that overlap with many better ones or a much better one.

    Versions of one licence hit almost the same samples, and only a few close rivals are worth an alignment.
    """
    kept: list[Candidate] = []
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


def _split_copies(hits: Sequence[_Hit], size: int) -> Iterator[Sequence[_Hit]]:
    """Split the hits of one fingerprint, in the order of the text, into the hits of each copy in the text.

    Args:
        hits: those of the whole text, at least one.
        size: number of the fingerprint's words.
    """
    # Half a text of tolerance: a moved paragraph jumps back within one copy, and a long insertion jumps ahead.
    most_back, most_ahead = size // 2, size // 2 + 2 * ROOM
    begin, (last_in_text, last_in_print) = 0, hits[0]
    for index, (in_text, in_print) in enumerate(hits):
        if in_print < last_in_print - most_back or in_text - last_in_text > most_ahead:
            yield hits[begin:index]
            begin = index
        last_in_text, last_in_print = in_text, in_print
    yield hits[begin:]
