"""Recognise a sentence that a permissive licence holds word for word: quoted in a card, it limits nothing more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache

from modelaudit.licenses.recognition.words import hash_triples, split_words
from modelaudit.model.fingerprint import Fingerprint, Fingerprints

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
    places = _index_triples(fingerprints, ids).get(triples[0], ())
    return any(item.triples[start : start + len(triples)] == triples for item, start in places)


@lru_cache(maxsize=2)
def _index_triples(fingerprints: Fingerprints, ids: frozenset[str]) -> Mapping[int, list[tuple[Fingerprint, int]]]:
    """Index the places of all triples of the licences."""
    places: dict[int, list[tuple[Fingerprint, int]]] = defaultdict(list)
    for item in fingerprints.items:
        if item.license_id in ids and not item.is_use_policy:
            for position, triple in enumerate(item.triples):
                places[triple].append((item, position))
    return dict(places)
