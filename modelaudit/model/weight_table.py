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
    The texts are kept until the first search.
    """

    __slots__ = ("_index", "_source")

    def __init__(self, pairs: Iterable[tuple[str, float]] = ()) -> None:
        """Keep the number of each text, and the last one of a text that is repeated.

        Raises:
            ValueError: a text has a line break.
        """
        texts: list[str] = []
        numbers = array("d")
        for text, number in pairs:
            texts.append(text)
            numbers.append(number)
        lines = "\n".join(texts)
        if texts and lines.count("\n") != len(texts) - 1:
            raise ValueError("a text of a table of weights has a line break")
        self._source: tuple[str, array[float]] | None = lines, numbers
        self._index: tuple[array[int], array[float]] | None = None

    @classmethod
    def restore(cls, lines: str, numbers: bytes) -> WeightTable:
        """Make the table whose ``dump_pairs`` returned this. Raises ``ValueError`` if it cannot have returned it."""
        table = cls()
        table._source = lines, array("d", numbers)
        return table

    def dump_pairs(self) -> tuple[str, bytes]:
        """Return the texts, a line each, and their numbers as doubles of this machine.

        Raises:
            ValueError: the texts are no longer there, because one was searched.
        """
        if self._source is None:
            raise ValueError("the texts of a table of weights are gone after a search")
        lines, numbers = self._source
        return lines, numbers.tobytes()

    def _find(self, text: str) -> float | None:
        """Find the number of a text; ``None`` if it has none."""
        hashes, numbers = self._index or self._build_index()
        hash_ = _hash(text)
        place = bisect_left(hashes, hash_)
        return numbers[place] if place < len(hashes) and hashes[place] == hash_ else None

    def _build_index(self) -> tuple[array[int], array[float]]:
        """Sort the hashes of the texts, and forget the texts. Two threads may do so at once."""
        source = self._source
        if source is None:  # another thread has just built it
            return self._index or (array("q"), array("d"))
        lines, numbers = source
        hashes = [hash(text) for text in lines.encode("utf-8", "surrogatepass").split(b"\n")][: len(numbers)]
        # The sort is stable, so of equal hashes the last one comes first, and the search finds it.
        order = sorted(range(len(hashes) - 1, -1, -1), key=hashes.__getitem__)
        index = array("q", map(hashes.__getitem__, order)), array("d", map(numbers.__getitem__, order))
        self._index, self._source = index, None
        return index

    def __len__(self) -> int:
        return len(self._source[1] if self._source else self._build_index()[1])

    def __contains__(self, text: str) -> bool:
        return self._find(text) is not None

    def get(self, text: str, default: float) -> float:
        """Return the number of a text, or ``default`` if it has none."""
        number = self._find(text)
        return default if number is None else number
