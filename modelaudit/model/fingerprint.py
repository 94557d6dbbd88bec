"""Fingerprints of licence texts: hashes of their words, never the words themselves."""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from itertools import compress, count
from typing import TYPE_CHECKING

from msgspec import Struct, field

SAMPLE_STEP = 8
"""One hash in this many is indexed: those divisible by it. For long texts, fewer are."""
_LONG_TEXT_WORDS, _LONG_TEXT_SAMPLE_STEP = 800, 4 * SAMPLE_STEP

if TYPE_CHECKING:
    Numbers = array[int]
else:
    Numbers = array  # Python 3.11 knows no array of a type, and ``msgspec`` asks for the types of fields
Span = tuple[int, int]
"""Word numbers from 0: the first, and one past the last."""


class Fingerprint(Struct, frozen=True):
    """The fingerprint of one text, of a licence or of a use policy.

    Attributes:
        id: name of its file in ``rules/fingerprints/``.
        license_id: id of the licence; for a use policy, of the licence that it belongs to, or the policy's own name.
        is_use_policy: whether the text is a use policy, which is never a licence.
        is_notice: whether the text is the notice that a licence prescribes for the works under it, and no licence text.
        is_exception: whether the text only adds permissions to those of its licence, and grants nothing alone.
        triples: 32-bit hashes of each three consecutive words, in order; two fewer than there are words.
        marks: a few hashes that no other licence of the set has, or one other at most, in ascending order.
        titles: phrases that may be present or missing at its head, in lower case.
        versions: phrases that distinguish it from its other versions, in lower case; for people.
        optional: spans that may be missing: the title, an appendix on how to apply it.
        slots: spans that may hold another name: the holder in a clause on endorsement.
        dates: spans that may hold another date: the date of release.
        anchors: hashes of the single words between such parts, by word number; three words that agree are rare there.
        is_from_owner: whether the text was read from its owner's publication; otherwise a match is a variant at best.
        source: address of the text.
        date: ISO date of reading.
    """

    id: str
    license_id: str
    is_use_policy: bool
    triples: Numbers
    marks: tuple[int, ...] = ()
    titles: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    optional: tuple[Span, ...] = ()
    slots: tuple[Span, ...] = ()
    dates: tuple[Span, ...] = ()
    anchors: Mapping[int, int] = field(default_factory=dict)
    is_from_owner: bool = True
    is_notice: bool = False
    is_exception: bool = False
    source: str = ""
    date: str = ""

    @property
    def words(self) -> int:
        """The number of words of the text."""
        return len(self.triples) + 2


class Fingerprints(Struct, frozen=True, eq=False, dict=True):
    """All fingerprints, with an index over a sample of their hashes. Sets are compared by identity.

    Attributes:
        items: the fingerprints, by index.
        pattern_words: by the id of a licence without a fingerprint, words in lower case; every copy of its text
            has at least one of them.
    """

    items: tuple[Fingerprint, ...] = ()
    pattern_words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def find_places(self, hash_: int) -> tuple[Sequence[int], Sequence[int]] | None:
        """Find the places of a sampled hash: the indexes of fingerprints, and its position in each of them.

        A hash that occurs twice in one text is left out there, because it determines no place. ``None`` without any.
        """
        index = self._index
        at = bisect_left(index.hashes, hash_)
        if at == len(index.hashes) or index.hashes[at] != hash_:
            return None
        start, end = index.starts[at], index.starts[at + 1]
        return index.numbers[start:end], index.positions[start:end]

    @property
    def sample_sizes(self) -> Sequence[int]:
        """The number of sampled hashes of each fingerprint, by index."""
        return self._index.sizes

    @cached_property
    def _index(self) -> _SampleIndex:
        """The places of all sampled hashes."""
        hashes, numbers, positions, sizes = array("I"), array("H"), array("I"), array("I")
        for number, fingerprint in enumerate(self.items):
            sampled = _sample_hashes(fingerprint)
            sizes.append(len(sampled))
            hashes.extend(hash_ for hash_, _ in sampled)
            positions.extend(position for _, position in sampled)
            numbers.extend(array("H", [number]) * len(sampled))
        # The sort is stable: the places of one hash stay in the order of fingerprints.
        order = sorted(range(len(hashes)), key=hashes.__getitem__)
        starts = [at for at, place in enumerate(order) if at == 0 or hashes[place] != hashes[order[at - 1]]]
        return _SampleIndex(
            array("I", [hashes[order[at]] for at in starts]),
            array("I", [*starts, len(order)]),
            array("H", map(numbers.__getitem__, order)),
            array("I", map(positions.__getitem__, order)),
            sizes,
        )

    @cached_property
    def licenses(self) -> frozenset[str]:
        """Ids of the licences with a fingerprint."""
        return frozenset(item.license_id for item in self.items if not (item.is_use_policy or item.is_notice))


class _SampleIndex(Struct, frozen=True):
    """The sampled hashes of all fingerprints with their places, in arrays: objects would take ten times the memory.

    Attributes:
        hashes: in ascending order, each once.
        starts: where the places of each hash begin in the next two arrays; and at last the number of places.
        numbers: the index of a fingerprint, for each place.
        positions: the position of the hash in it, for each place.
        sizes: the number of sampled hashes of each fingerprint, by its index.
    """

    hashes: array[int]
    starts: array[int]
    numbers: array[int]
    positions: array[int]
    sizes: array[int]


def _sample_hashes(fingerprint: Fingerprint) -> list[tuple[int, int]]:
    """Return the sampled hashes of word triples with their positions; a hash that occurs twice is left out."""
    step = SAMPLE_STEP if fingerprint.words < _LONG_TEXT_WORDS else _LONG_TEXT_SAMPLE_STEP
    triples = fingerprint.triples
    sampled = [(triples[position], position) for position in find_multiples(triples, step)]
    occurrences = Counter(hash_ for hash_, _ in sampled)
    return [(hash_, position) for hash_, position in sampled if occurrences[hash_] == 1]


def find_multiples(hashes: array[int], step: int) -> Iterator[int]:
    """Yield the positions of the hashes that are divisible by ``step``, a power of two up to 256.

    The lowest byte of a hash decides, and no hash that is left out becomes an object: a rule set has a million.
    """
    packed = hashes.tobytes()
    lowest = packed[0 if sys.byteorder == "little" else hashes.itemsize - 1 :: hashes.itemsize]
    return compress(count(), lowest.translate(_mark_multiples(step)))


@cache
def _mark_multiples(step: int) -> bytes:
    """Return 1 for each byte that is divisible by ``step``, and 0 for any other."""
    return bytes(byte % step == 0 for byte in range(256))


def sort_fingerprints(
    items: Iterable[Fingerprint], pattern_words: Mapping[str, tuple[str, ...]] | None = None
) -> Fingerprints:
    """Build the set, sorted by id, so that results do not depend on the file system."""
    return Fingerprints(tuple(sorted(items, key=lambda item: item.id)), pattern_words or {})
