"""Read local heaps, which hold names, and global heaps, which hold values of variable length.

Source: HDF5 File Format Specification 3.0, III.D and III.E.
"""

from __future__ import annotations

from typing import Final

from modelaudit.formats.weights.hdf5.source import StructureSource
from modelaudit.model.limits import MIB
from modelaudit.wire.base import DamagedError

_MAX_NAME_BYTES: Final = 64 * 1024
_MAX_OBJECTS: Final = 70_000
_MAX_CACHED_COLLECTIONS: Final = 32


class LocalHeap:
    """The names of a group in the old layout, or of the external files of a dataset."""

    def __init__(self, source: StructureSource, address: int) -> None:
        piece = source.read_piece(address, 8 + 2 * source.sizes.length + source.sizes.offset)
        piece.expect_signature(b"HEAP", "local heap")
        piece.skip(4)
        self._size = piece.take_length()
        piece.take_length()
        start = piece.take_address()
        if start is None:
            raise DamagedError("a local heap has no data", piece.offset)
        self._source, self._start = source, start

    def read_name(self, offset: int) -> bytes:
        """Return the name at ``offset``.

        Raises:
            DamagedError: the offset lies outside the heap.
            WindowError: the window could not return the requested bytes.
        """
        if not 0 <= offset < self._size:
            raise DamagedError(
                f"a name is at {offset} in a heap of {self._size} bytes", self._source.base + self._start
            )
        # Most names are short. Read little first, for every read counts against the budget of the file.
        length = min(self._size - offset, _MAX_NAME_BYTES)
        short = self._source.read_piece(self._start + offset, min(256, length), short=True).data
        if b"\0" not in short:
            short = self._source.read_piece(self._start + offset, length, short=True).data
        return short.partition(b"\0")[0]


class GlobalHeaps:
    """The global heap of a file: collections of values, addressed by collection and index."""

    def __init__(self, source: StructureSource) -> None:
        self._source = source
        self._collections: dict[int, dict[int, tuple[int, int]]] = {}

    def read_value(self, address: int, index: int, max_bytes: int = 8 * MIB) -> bytes:
        """Return the first ``max_bytes`` bytes of a value.

        Raises:
            DamagedError: the collection is damaged or has no value of this index.
            WindowError: the window could not return the requested bytes.
        """
        places = self._collections.get(address)
        if places is None:
            if len(self._collections) >= _MAX_CACHED_COLLECTIONS:
                self._collections.clear()
            places = self._collections[address] = self._locate_values(address)
        if index not in places:
            raise DamagedError(f"a collection of values has no value {index}", self._source.base + address)
        start, size = places[index]
        return self._source.read_piece(start, min(size, max_bytes)).data

    def _locate_values(self, address: int) -> dict[int, tuple[int, int]]:
        length = self._source.sizes.length
        head = self._source.read_piece(address, 8 + length)
        head.expect_signature(b"GCOL", "collection of values")
        head.skip(4)
        end = address + head.take_length()
        if end > self._source.bytes_after_base:
            raise DamagedError("a collection of values ends beyond the file", head.offset)
        at = address + 8 + length
        places: dict[int, tuple[int, int]] = {}
        while at + 8 + length <= end and len(places) < _MAX_OBJECTS:
            piece = self._source.read_piece(at, 8 + length)
            index = piece.take_number(2)
            piece.skip(6)
            size = piece.take_length()
            at += 8 + length
            if index == 0:
                break
            if at + size > end:
                raise DamagedError(f"a value of {size} bytes ends beyond its collection", piece.offset)
            places.setdefault(index, (at, size))
            at += -(-size // 8) * 8
        return places
