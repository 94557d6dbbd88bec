"""Local heaps, which hold names, and global heaps, which hold values of variable length.

Source: HDF5 File Format Specification 3.0, III.D and III.E.
"""

from __future__ import annotations

from typing import Final

from modelaudit.formats.weights.hdf5.source import Source
from modelaudit.model.limits import MIB
from modelaudit.wire.base import DamagedError

_LONGEST_NAME: Final = 64 * 1024
_MOST_OBJECTS: Final = 70_000
_COLLECTIONS: Final = 32


class LocalHeap:
    """The names of an old group, or of the files in which a dataset is stored."""

    def __init__(self, source: Source, address: int) -> None:
        piece = source.piece(address, 8 + 2 * source.sizes.length + source.sizes.offset)
        piece.expect(b"HEAP", "local heap")
        piece.skip(4)
        self._size = piece.length()
        piece.length()
        start = piece.address()
        if start is None:
            raise DamagedError("a local heap without data", piece.offset)
        self._source, self._start = source, start

    def text(self, offset: int) -> bytes:
        """The text at ``offset``. Raises ``DamagedError`` and ``WindowError``."""
        if not 0 <= offset < self._size:
            raise DamagedError(f"a name at {offset} in a heap of {self._size} bytes", self._source.base + self._start)
        length = min(self._size - offset, _LONGEST_NAME)
        short = self._source.piece(self._start + offset, min(256, length), short=True).data
        if b"\0" not in short:
            short = self._source.piece(self._start + offset, length, short=True).data
        return short.partition(b"\0")[0]


class GlobalHeaps:
    """The collections of values of a file, by address and index."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._found: dict[int, dict[int, tuple[int, int]]] = {}

    def value(self, address: int, index: int, most: int = 8 * MIB) -> bytes:
        """The first ``most`` bytes of one value. Raises ``DamagedError`` and ``WindowError``."""
        places = self._found.get(address)
        if places is None:
            if len(self._found) >= _COLLECTIONS:
                self._found.clear()
            places = self._found[address] = self._places(address)
        if index not in places:
            raise DamagedError(f"a collection of values has none of number {index}", self._source.base + address)
        start, size = places[index]
        return self._source.piece(start, min(size, most)).data

    def _places(self, address: int) -> dict[int, tuple[int, int]]:
        length = self._source.sizes.length
        head = self._source.piece(address, 8 + length)
        head.expect(b"GCOL", "collection of values")
        head.skip(4)
        end = address + head.length()
        if end > self._source.room:
            raise DamagedError("a collection of values ends beyond the file", head.offset)
        at = address + 8 + length
        places: dict[int, tuple[int, int]] = {}
        while at + 8 + length <= end and len(places) < _MOST_OBJECTS:
            piece = self._source.piece(at, 8 + length)
            index = piece.number(2)
            piece.skip(6)
            size = piece.length()
            at += 8 + length
            if index == 0:
                break
            if at + size > end:
                raise DamagedError(f"a value of {size} bytes ends beyond its collection", piece.offset)
            places.setdefault(index, (at, size))
            at += -(-size // 8) * 8
        return places
