"""Read objects of fractal heaps, where groups store many links and objects store many attributes.

A heap is a tree of blocks. A direct block holds objects; an indirect block holds addresses of further blocks, in rows
whose block size doubles from row to row (the "doubling table").
Source: HDF5 File Format Specification 3.0, III.G; ``src/H5HFhdr.c`` for the widths of its numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from modelaudit.formats.weights.hdf5.source import Piece, StructureSource
from modelaudit.formats.weights.hdf5.trees import read_records
from modelaudit.model.limits import MIB
from modelaudit.wire.base import DamagedError

_MANAGED: Final = 0
_HUGE: Final = 1
_TINY: Final = 2
_INDIRECT_HUGE: Final = 1
_MAX_DEPTH: Final = 16
_MAX_OBJECT_BYTES: Final = 8 * MIB
_MAX_ROWS: Final = 64


@dataclass(frozen=True, slots=True)
class _DoublingTable:
    """The doubling table.

    Attributes:
        width: the number of blocks in a row.
        start: the size of the blocks of the first two rows, in bytes; it doubles with each later row.
        max_direct: the size of the largest direct block, in bytes.
    """

    width: int
    start: int
    max_direct: int

    def count_block_bytes(self, row: int) -> int:
        return self.start << max(0, row - 1)

    @property
    def direct_rows(self) -> int:
        return self.max_direct.bit_length() - self.start.bit_length() + 2


class FractalHeap:
    """One heap, whose objects are found by the identifiers in B-trees."""

    def __init__(self, source: StructureSource, address: int) -> None:
        piece = source.read_piece(address, 22 + 12 * source.sizes.length + 3 * source.sizes.offset)
        piece.expect_signature(b"FRHP", "heap")
        piece.skip(1)
        self.id_length, filters, _ = piece.take_number(2), piece.take_number(2), piece.take_number(1)
        max_managed = piece.take_number(4)
        piece.take_length()
        self._huge = piece.take_address()
        for index in range(10):
            # Fields from the amount of free space to the number of tiny objects, none of them needed. The second is
            # an address, the others have the width of a length.
            piece.take_address() if index == 1 else piece.take_length()
        width, start, max_direct = piece.take_number(2), piece.take_length(), piece.take_length()
        bits = piece.take_number(2)
        piece.skip(2)
        self._root = piece.take_address()
        self._rows = piece.take_number(2)
        if filters:
            raise DamagedError("the blocks of a heap are filtered, which is not supported", piece.offset)
        if not width or not start or start & (start - 1) or max_direct & (max_direct - 1) or max_direct < start:
            raise DamagedError(
                f"a heap has invalid blocks of {start} to {max_direct} bytes, {width} in a row", piece.offset
            )
        self._table = _DoublingTable(width, start, max_direct)
        self._offset_width = -(-bits // 8)
        direct = -(-(max_direct.bit_length() - 1) // 8)
        self._length_width = min(direct, (max(max_managed, 1).bit_length() - 1) // 8 + 1)
        self._source, self._address = source, address

    def read_object(self, id_: bytes) -> tuple[bytes, int]:
        """Return the object of an identifier and its offset in the artifact.

        Raises:
            DamagedError: there is no such object, or the object is filtered.
            WindowError: the window could not return the requested bytes.
        """
        piece = Piece(id_, self._source.base + self._address, self._source.sizes)
        head = piece.take_number(1)
        kind = head >> 4 & 3
        if kind == _MANAGED:
            offset, length = piece.take_number(self._offset_width), piece.take_number(self._length_width)
            return self._read_managed_object(offset, length)
        if kind == _HUGE:
            return self._read_huge_object(piece)
        if kind == _TINY:
            length = (head & 0x0F) + 1
            if self.id_length > 18:
                length = ((head & 0x0F) << 8) + piece.take_number(1) + 1
            return piece.take(min(length, piece.left)), piece.offset
        raise DamagedError(f"an object of a heap has the unknown kind {kind}", piece.offset)

    def _read_managed_object(self, offset: int, length: int) -> tuple[bytes, int]:
        if self._root is None:
            raise DamagedError("an index names an object of an empty heap", self._source.base + self._address)
        if not self._rows:
            block, base = self._root, 0
        else:
            block, base = self._find_direct_block(self._root, self._rows, offset)
        found = self._source.read_piece(block + offset - base, length)
        return found.data, found.offset

    def _find_direct_block(self, block: int, rows: int, offset: int) -> tuple[int, int]:
        """Return the address of the direct block that holds ``offset``, and the offset where the block begins."""
        table, base = self._table, 0
        for _ in range(_MAX_DEPTH):
            row, at = self._find_row(offset - base, rows)
            size = table.count_block_bytes(row)
            column = (offset - base - at) // size
            entry = row * table.width + column
            skipped = 5 + self._source.sizes.offset + self._offset_width + entry * self._source.sizes.offset
            child = self._source.read_piece(block + skipped, self._source.sizes.offset).take_address()
            self._source.read_piece(block, 4).expect_signature(b"FHIB", "block of a heap")
            if child is None:
                break
            base += at + column * size
            if row < table.direct_rows:
                return child, base
            block = child
            # The child is an indirect block for ``size`` bytes; it has as many rows as the doubling needs.
            rows = (size.bit_length() - 1) - ((table.start * table.width).bit_length() - 1) + 1
        raise DamagedError(
            "an index refers to an object that lies in no block of the heap", self._source.base + self._address
        )

    def _find_row(self, offset: int, rows: int) -> tuple[int, int]:
        """Return the row of an indirect block that covers ``offset``, and the offset where the row begins."""
        at = 0
        for row in range(min(rows, _MAX_ROWS)):
            size = self._table.count_block_bytes(row) * self._table.width
            if offset < at + size:
                return row, at
            at += size
        raise DamagedError(
            "an index refers to an object that lies in no block of the heap", self._source.base + self._address
        )

    def _read_huge_object(self, piece: Piece) -> tuple[bytes, int]:
        sizes = self._source.sizes
        if self.id_length - 1 >= sizes.offset + sizes.length:
            return self._read_at_address(piece.take_address(), piece.take_length())
        wanted = piece.take_number(min(sizes.length, piece.left))
        if self._huge is not None:
            for type_, record in read_records(self._source, self._huge):
                if type_ != _INDIRECT_HUGE:
                    raise DamagedError("an object of a heap is filtered, which is not supported", record.offset)
                address, length = record.take_address(), record.take_length()
                if record.take_length() == wanted:
                    return self._read_at_address(address, length)
        raise DamagedError("a large object of a heap is not at its stated place", piece.offset)

    def _read_at_address(self, address: int | None, length: int) -> tuple[bytes, int]:
        if address is None:
            raise DamagedError("a large object of a heap has no address", self._source.base + self._address)
        found = self._source.read_piece(address, min(length, _MAX_OBJECT_BYTES))
        return found.data, found.offset
