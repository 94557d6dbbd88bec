"""Find where in a text each fingerprint may lie, by the hashes that both share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from operator import sub
from typing import NamedTuple

from modelaudit.licenses.recognition.words import Words
from modelaudit.model.fingerprint import SAMPLE_STEP, Fingerprints, find_multiples

_FEWEST_HITS, _HIT_SHARE = 2, 0.22
"""The number and the share of a fingerprint's samples that a text must have to be a candidate."""
_EXCERPT_HITS, _EXCERPT_HIT_SHARE = 8, 0.6
"""Fewer samples suffice if they are this many and make up this share of all samples of the text: an excerpt."""
_CANDIDATES, _RIVALS, _RIVAL_SHARE = 24, 10, 0.5
"""How many places are aligned, how many of these may overlap, and the share of the best samples that a rival needs."""
ROOM = 80
"""Words before and after the estimated place that are aligned too."""

_Hits = list[int]
"""The sampled hashes that a fingerprint and the text share: of each, its word number in the text, then in the
fingerprint, in the order of the text.

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
    sampled = list(find_multiples(words.triples, SAMPLE_STEP))
    most_needed = max(_EXCERPT_HITS, _EXCERPT_HIT_SHARE * len(sampled))
    places = ((position, prints.find_places(words.triples[position])) for position in sampled)
    known = [(position, each) for position, each in places if each is not None]
    # Most fingerprints have too few hits, so the hits are counted before they are listed.
    counts = Counter(chain.from_iterable(numbers for _, (numbers, _) in known))
    fewest = _compute_fewest_hits(prints)
    # Either the text has enough of the fingerprint, or it consists mostly of it (an excerpt of a long licence).
    wanted = [number for number, count in counts.items() if count >= fewest[number] or count >= most_needed]
    found: list[Candidate] = []
    for number, hits in _collect_hits(known, wanted).items():
        # A file may hold one licence twice, or two licences that share paragraphs, so each copy is its own candidate.
        for copy in _split_copies(hits, prints.items[number].words):
            distinct = len(set(copy[1::2]))
            if distinct >= min(fewest[number], most_needed):
                found.append(_build_candidate(number, copy, distinct, prints))
    return _drop_weak_rivals(sorted(found, reverse=True))


@lru_cache(maxsize=2)
def _compute_fewest_hits(prints: Fingerprints) -> Sequence[float]:
    """Compute for each fingerprint, by index, how many of its samples a text must have."""
    return [max(_FEWEST_HITS, size * _HIT_SHARE) for size in prints.sample_sizes]


def _collect_hits(
    known: Iterable[tuple[int, tuple[Sequence[int], Sequence[int]]]], wanted: Iterable[int]
) -> dict[int, _Hits]:
    """Collect the hits of some fingerprints.

    Args:
        known: words of the text by number, with the fingerprints and the places of the hash that begins there.
        wanted: the indexes of the fingerprints.
    """
    hits: dict[int, _Hits] = {number: [] for number in wanted}
    for position, (numbers, places) in known:
        for number, place in zip(numbers, places, strict=True):
            if number in hits:
                hits[number] += position, place
    return hits


def _build_candidate(number: int, hits: _Hits, distinct: int, prints: Fingerprints) -> Candidate:
    """Estimate from the hits of one copy where the fingerprint with the index ``number`` begins and ends."""
    # Each hit votes for a beginning. Insertions shift the votes of later hits, hence the most frequent vote.
    beginnings = list(map(sub, hits[::2], hits[1::2]))
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


def _split_copies(hits: _Hits, size: int) -> Iterator[_Hits]:
    """Split the hits of one fingerprint into those of each copy in the text.

    Args:
        hits: those of the whole text, at least one.
        size: number of the fingerprint's words.
    """
    # Half a text of tolerance: a moved paragraph jumps back within one copy, and a long insertion jumps ahead.
    most_back, most_ahead = size // 2, size // 2 + 2 * ROOM
    in_text, in_print = hits[::2], hits[1::2]
    steps = zip(map(sub, in_text[1:], in_text), map(sub, in_print, in_print[1:]), strict=True)
    ends = [at for at, (ahead, back) in enumerate(steps, 1) if back > most_back or ahead > most_ahead]
    begin = 0
    for end in ends:
        yield hits[2 * begin : 2 * end]
        begin = end
    yield hits[2 * begin :]
