"""Fractal heaps, in which new groups keep many links and objects many attributes.

Source: HDF5 File Format Specification 3.0, III.G; ``src/H5HFhdr.c`` for the widths of its numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from modelaudit.formats.weights.hdf5.source import Piece, Source
from modelaudit.formats.weights.hdf5.trees import records_of
from modelaudit.model.limits import MIB
from modelaudit.wire.base import DamagedError

_MANAGED: Final = 0
_HUGE: Final = 1
_TINY: Final = 2
_INDIRECT_HUGE: Final = 1
_DEPTH: Final = 16
_LARGEST: Final = 8 * MIB
_ROWS: Final = 64


@dataclass(frozen=True, slots=True)
class _Table:
    """The doubling table: how many blocks a row has, how large the first ones are and the direct ones at most."""

    width: int
    start: int
    most_direct: int

    def row_size(self, row: int) -> int:
        return self.start << max(0, row - 1)

    @property
    def direct_rows(self) -> int:
        return self.most_direct.bit_length() - self.start.bit_length() + 2


class FractalHeap:
    """One heap; its objects are found by the identifiers that trees hold."""

    def __init__(self, source: Source, address: int) -> None:
        piece = source.piece(address, 22 + 12 * source.sizes.length + 3 * source.sizes.offset)
        piece.expect(b"FRHP", "heap")
        piece.skip(1)
        self.id_length, filters, _ = piece.number(2), piece.number(2), piece.number(1)
        most_managed = piece.number(4)
        piece.length()
        self._huge = piece.address()
        for _ in range(10):
            # The free space comes with an address between two lengths; the rest is counts.
            piece.address() if _ == 1 else piece.length()
        width, start, most_direct = piece.number(2), piece.length(), piece.length()
        bits = piece.number(2)
        piece.skip(2)
        self._root = piece.address()
        self._rows = piece.number(2)
        if filters:
            raise DamagedError("a heap whose blocks are filtered, which is not read", piece.offset)
        if not width or not start or start & (start - 1) or most_direct & (most_direct - 1) or most_direct < start:
            raise DamagedError(f"a heap of blocks of {start} to {most_direct} bytes in rows of {width}", piece.offset)
        self._table = _Table(width, start, most_direct)
        self._offset_width = -(-bits // 8)
        direct = -(-(most_direct.bit_length() - 1) // 8)
        self._length_width = min(direct, (max(most_managed, 1).bit_length() - 1) // 8 + 1)
        self._source, self._address = source, address

    def object(self, id_: bytes) -> tuple[bytes, int]:
        """The object of an identifier and where it stands in the artifact.

        Raises:
            DamagedError: there is no such object, or it is stored in a way that is not read.
            WindowError: from the window.
        """
        piece = Piece(id_, self._source.base + self._address, self._source.sizes)
        head = piece.number(1)
        kind = head >> 4 & 3
        if kind == _MANAGED:
            offset, length = piece.number(self._offset_width), piece.number(self._length_width)
            return self._managed(offset, length)
        if kind == _HUGE:
            return self._huge_object(piece)
        if kind == _TINY:
            length = (head & 0x0F) + 1
            if self.id_length > 18:
                length = ((head & 0x0F) << 8) + piece.number(1) + 1
            return piece.take(min(length, piece.left)), piece.offset
        raise DamagedError("an object of a heap that is of no known kind", piece.offset)

    def _managed(self, offset: int, length: int) -> tuple[bytes, int]:
        if self._root is None:
            raise DamagedError("an object of a heap that has none", self._source.base + self._address)
        if not self._rows:
            block, base = self._root, 0
        else:
            block, base = self._direct_block(self._root, self._rows, offset)
        found = self._source.piece(block + offset - base, length)
        return found.data, found.offset

    def _direct_block(self, block: int, rows: int, offset: int) -> tuple[int, int]:
        """The address of the direct block that holds ``offset``, and the offset at which it begins."""
        table, base = self._table, 0
        for _ in range(_DEPTH):
            row, at = self._row_of(offset - base, rows)
            size = table.row_size(row)
            column = (offset - base - at) // size
            entry = row * table.width + column
            skipped = 5 + self._source.sizes.offset + self._offset_width + entry * self._source.sizes.offset
            child = self._source.piece(block + skipped, self._source.sizes.offset).address()
            self._source.piece(block, 4).expect(b"FHIB", "block of a heap")
            if child is None:
                break
            base += at + column * size
            if row < table.direct_rows:
                return child, base
            block = child
            rows = (size.bit_length() - 1) - ((table.start * table.width).bit_length() - 1) + 1
        raise DamagedError("an object of a heap stands in no block of it", self._source.base + self._address)

    def _row_of(self, offset: int, rows: int) -> tuple[int, int]:
        """The row of a block that covers ``offset``, and where the row begins."""
        at = 0
        for row in range(min(rows, _ROWS)):
            size = self._table.row_size(row) * self._table.width
            if offset < at + size:
                return row, at
            at += size
        raise DamagedError("an object of a heap stands in no block of it", self._source.base + self._address)

    def _huge_object(self, piece: Piece) -> tuple[bytes, int]:
        sizes = self._source.sizes
        if self.id_length - 1 >= sizes.offset + sizes.length:
            return self._at(piece.address(), piece.length())
        wanted = piece.number(min(sizes.length, piece.left))
        if self._huge is not None:
            for type_, record in records_of(self._source, self._huge):
                if type_ != _INDIRECT_HUGE:
                    raise DamagedError("an object of a heap that is filtered, which is not read", record.offset)
                address, length = record.address(), record.length()
                if record.length() == wanted:
                    return self._at(address, length)
        raise DamagedError("a large object of a heap is not where it is said to be", piece.offset)

    def _at(self, address: int | None, length: int) -> tuple[bytes, int]:
        if address is None:
            raise DamagedError("a large object of a heap without address", self._source.base + self._address)
        found = self._source.piece(address, min(length, _LARGEST))
        return found.data, found.offset
