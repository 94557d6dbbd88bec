"""What is kept of a licence text so that it is known again: hashes of its words, and never the words."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

SKETCH = 8
"""One hash in so many, chosen by its own value, leads to the fingerprints that have it; of long texts, fewer do."""
_LONG, _LONG_SKETCH = 800, 4 * SKETCH
PLACE_BITS = 20
PLACE_MASK = (1 << PLACE_BITS) - 1
"""A place as one number: that of the fingerprint above these bits, and in them the position of the hash."""

Span = tuple[int, int]
"""Word numbers from 0: the first, and one past the last."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """One text, of a licence or of a use policy.

    Attributes:
        id: the name of its file in ``rules/fingerprints/``.
        of: id of the licence; for a use policy, of the licence whose policy it is, or the policy's own name.
        policy: whether the text is a use policy, which is never a licence.
        triples: 32-bit hashes of each three words that follow one another, in order; two fewer than there are words.
        marks: those of the hashes that no other text of the set has, a few of them, in ascending order.
        titles: phrases that may stand at its head or be missing there, in lower case.
        versions: phrases that tell it from its older and younger siblings, in lower case; facts for people.
        optional: parts that may be missing: its title, an appendix that says how to apply it.
        slots: parts in whose place another name may stand: the holder in a clause on endorsement.
        certain: whether the text was read as its owner publishes it; what is like another is a variant at best.
        source: where the text was read, and ``date`` when, ISO.
    """

    id: str
    of: str
    policy: bool
    triples: array[int]
    marks: tuple[int, ...] = ()
    titles: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    optional: tuple[Span, ...] = ()
    slots: tuple[Span, ...] = ()
    certain: bool = True
    source: str = ""
    date: str = ""

    @property
    def words(self) -> int:
        """How many words the text has."""
        return len(self.triples) + 2


@dataclass(frozen=True, eq=False)
class Fingerprints:
    """All of them, and an index by a sample of their hashes. Two sets are the same where they are one object."""

    items: tuple[Fingerprint, ...] = field(default=())

    @cached_property
    def sketch(self) -> Mapping[int, tuple[int, ...]]:
        """Sampled hash -> the places that have it, each of them one number, as ``PLACE_BITS`` says.

        What stands in one text twice is left out, for it tells no place.
        """
        found: dict[int, tuple[int, ...]] = {}
        for number, item in enumerate(self.items):
            for triple, position in _sample_hashes(item):
                found[triple] = (*found.get(triple, ()), number << PLACE_BITS | position)
        return found

    @cached_property
    def licenses(self) -> frozenset[str]:
        """The licences whose text is among them."""
        return frozenset(item.of for item in self.items if not item.policy)

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """How many sampled hashes each fingerprint has, by its number."""
        return tuple(len(_sample_hashes(item)) for item in self.items)


def _sample_hashes(item: Fingerprint) -> list[tuple[int, int]]:
    """(hash, position) of those that are sampled."""
    step = SKETCH if item.words < _LONG else _LONG_SKETCH
    sampled = [(triple, position) for position, triple in enumerate(item.triples) if triple % step == 0]
    count = Counter(triple for triple, _ in sampled)
    return [(triple, position) for triple, position in sampled if count[triple] == 1]


def sort_fingerprints(items: Iterable[Fingerprint]) -> Fingerprints:
    """The set of some fingerprints, in the order of their ids, so that results do not depend on the file system."""
    return Fingerprints(tuple(sorted(items, key=lambda item: item.id)))
