"""A table of numbers by text that takes a quarter of the memory of a dictionary."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable


def _hash(text: str) -> int:
    """Hash the bytes of a text, because the hashes of two texts such as ``gb`` and U+6267 are equal."""
    return hash(text.encode("utf-8", "surrogatepass"))


class WeightTable:
    """Numbers by text. A text is known by its hash of 64 bits, whose key differs in each process.

    A text that is not in the table has the hash of one that is with a probability of its size to 2 to the power of 64.
    """

    __slots__ = ("_hashes", "_numbers")

    def __init__(self, pairs: Iterable[tuple[str, float]]) -> None:
        """Keep the number of each text, and the last one of a text that is repeated."""
        hashes, numbers = array("q"), array("d")
        add_hash, add_number = hashes.append, numbers.append
        for text, number in pairs:
            add_hash(hash(text.encode("utf-8", "surrogatepass")))  # as ``_hash``, without a call for each text
            add_number(number)
        # The sort is stable, so of equal hashes the last one comes first, and the search finds it.
        order = sorted(range(len(hashes) - 1, -1, -1), key=hashes.__getitem__)
        self._hashes = array("q", map(hashes.__getitem__, order))
        self._numbers = array("d", map(numbers.__getitem__, order))

    def __len__(self) -> int:
        return len(self._hashes)

    def __contains__(self, text: str) -> bool:
        hash_ = _hash(text)
        place = bisect_left(self._hashes, hash_)
        return place < len(self._hashes) and self._hashes[place] == hash_

    def get(self, text: str, default: float) -> float:
        """Return the number of a text, or ``default`` if it has none."""
        hash_ = _hash(text)
        place = bisect_left(self._hashes, hash_)
        return self._numbers[place] if place < len(self._hashes) and self._hashes[place] == hash_ else default
