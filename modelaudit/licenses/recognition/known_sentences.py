"""Recognise a sentence that a permissive licence holds word for word: quoted in a card, it limits nothing more."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from functools import lru_cache

from modelaudit.licenses.recognition.words import hash_triples, split_words
from modelaudit.model.fingerprint import Fingerprint, Fingerprints

_PLACE_SHIFT, _POSITION_BITS = 32, 20
"""Bits of a place below its triple, and those of the position in them: 4,096 fingerprints of a million words."""
_LEAST_WORDS = 8
"""Fewer words may be a part of other sentences too."""


def is_known_sentence(sentence: str, fingerprints: Fingerprints, ids: frozenset[str]) -> bool:
    """Whether all words of a sentence follow each other in the text of one of the licences ``ids``.

    Args:
        sentence: one sentence, with or without its capitals.
        fingerprints: the fingerprints of known texts.
        ids: the licences whose sentences count.
    """
    triples = hash_triples(split_words(sentence).words)
    if len(triples) < _LEAST_WORDS - 2:
        return False
    items, places = _index_triples(fingerprints, ids)
    lowest = triples[0] << _PLACE_SHIFT
    first, end = bisect_left(places, lowest), bisect_left(places, lowest + (1 << _PLACE_SHIFT))
    for place in places[first:end]:
        start = place & (1 << _POSITION_BITS) - 1
        if items[(place - lowest) >> _POSITION_BITS].triples[start : start + len(triples)] == triples:
            return True
    return False


@lru_cache(maxsize=2)
def _index_triples(fingerprints: Fingerprints, ids: frozenset[str]) -> tuple[tuple[Fingerprint, ...], array[int]]:
    """List the fingerprints of the licences, and the places of all their triples in ascending order.

    A place is one number of 64 bits, so that the index of a hundred thousand triples takes less than a megabyte: the
    triple, the number of its fingerprint, and the position of the triple there.
    """
    items = tuple(item for item in fingerprints.items if item.license_id in ids and not item.is_use_policy)
    places = array("Q")
    for number, item in enumerate(items):
        places.extend(
            triple << _PLACE_SHIFT | number << _POSITION_BITS | position for position, triple in enumerate(item.triples)
        )
    return items, array("Q", sorted(places))
