"""Read objects of fractal heaps, where groups store many links and objects store many attributes.

A heap is a tree of blocks. A direct block holds objects; an indirect block holds addresses of further blocks, in rows
whose block size doubles from row to row (the "doubling table").
Source: HDF5 File Format Specification 3.0, III.G; ``src/H5HFhdr.c`` for the widths of its numbers.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from modelaudit.formats.weights.hdf5.checksums import CHECKSUM_BYTES
from modelaudit.formats.weights.hdf5.free_space import claim_free_space
from modelaudit.formats.weights.hdf5.source import Piece, StructureSource
from modelaudit.formats.weights.hdf5.trees import read_records
from modelaudit.model.limits import MIB
from modelaudit.wire.base import DamagedError
from modelaudit.wire.ledger import claim_parsed

# Kinds of objects: in a block of the heap, outside the heap, and inside the identifier itself.
_MANAGED: Final = 0
_HUGE: Final = 1
_TINY: Final = 2
# The type of the B-tree that locates huge objects, if their identifiers are too short for an address.
_INDIRECT_HUGE: Final = 1
# An indirect block begins with its signature and its version.
_SIGNATURE_AND_VERSION_BYTES: Final = 5
# The flag of a heap whose direct blocks have a checksum.
_BLOCKS_HAVE_CHECKSUMS: Final = 0x02
_MAX_DEPTH: Final = 16
_MAX_OBJECT_BYTES: Final = 8 * MIB
_MAX_ROWS: Final = 64


class _DoublingTable(Struct, frozen=True):
    """The doubling table, which determines the size of each block by its row.

    Attributes:
        width: the number of blocks in a row.
        first_block_bytes: the size of the blocks of the first two rows, in bytes; it doubles with each later row.
        max_direct_bytes: the size of the largest direct block, in bytes.
    """

    width: int
    first_block_bytes: int
    max_direct_bytes: int

    def count_block_bytes(self, row: int) -> int:
        """Return the size of a block in ``row``, in bytes."""
        return self.first_block_bytes << max(0, row - 1)

    @property
    def direct_rows(self) -> int:
        """The number of rows with direct blocks; the rows after them have indirect blocks."""
        # The first two rows have blocks of the same size, and each doubling up to the largest size adds a row.
        return self.max_direct_bytes.bit_length() - self.first_block_bytes.bit_length() + 2


class FractalHeap:
    """One heap, whose objects are found by the identifiers in B-trees."""

    def __init__(self, source: StructureSource, address: int) -> None:
        """Parse the header of the heap at ``address``.

        Raises:
            DamagedError: there is no heap, its blocks are filtered, or their sizes are invalid.
            WindowError: the window could not return the requested bytes.
        """
        piece = source.read_piece(address, 22 + 12 * source.widths.length + 3 * source.widths.address + CHECKSUM_BYTES)
        piece.expect_signature(b"FRHP", "heap")
        piece.skip(1)  # the version
        self.id_length, filters, flags = piece.take_number(2), piece.take_number(2), piece.take_number(1)
        max_managed = piece.take_number(4)
        piece.take_length()  # the identifier of the next large object
        self._huge_index = piece.take_address()
        piece.take_length()  # the amount of free space
        free_space = piece.take_address()
        # Fields from the size of the heap to the size of tiny objects, none of them needed.
        piece.skip(8 * source.widths.length)
        width, first_block_bytes, max_direct_bytes = piece.take_number(2), piece.take_length(), piece.take_length()
        heap_bits = piece.take_number(2)
        piece.skip(2)  # the number of rows that the root had at first
        self._root = piece.take_address()
        # The root is an indirect block of this many rows, or a direct block if there are 0.
        self._root_rows = piece.take_number(2)
        if filters:
            raise DamagedError("the blocks of a heap are filtered, which is not supported", piece.offset)
        are_powers_of_two = all(size & (size - 1) == 0 for size in (first_block_bytes, max_direct_bytes))
        if not width or not first_block_bytes or not are_powers_of_two or max_direct_bytes < first_block_bytes:
            detail = f"blocks of {first_block_bytes} to {max_direct_bytes} bytes, {width} in each row"
            raise DamagedError(f"a heap has an invalid layout: {detail}", piece.offset)
        source.claim_verified(piece, "the header of a heap")
        self._table = _DoublingTable(width, first_block_bytes, max_direct_bytes)
        # The widths of offset and length in identifiers, in bytes. The file does not state them: they follow from the
        # size of the heap, and from the largest direct block or the largest managed object.
        self._offset_width = (heap_bits + 7) // 8
        block_length_width = (max_direct_bytes.bit_length() - 1 + 7) // 8
        object_length_width = (max(max_managed, 1).bit_length() - 1) // 8 + 1
        self._length_width = min(block_length_width, object_length_width)
        self._source, self._address = source, address
        self._has_checksums = bool(flags & _BLOCKS_HAVE_CHECKSUMS)
        # Many objects share a block, which is claimed and verified with the first of them.
        self._claimed_blocks: set[int] = set()
        if free_space is not None:
            claim_free_space(source, free_space, self._offset_width)

    def read_object(self, id_: bytes, id_offset: int) -> tuple[bytes, int]:
        """Return the object of an identifier and its offset in the artifact.

        Args:
            id_: the identifier.
            id_offset: its offset in the artifact, which may hold the object itself.

        Raises:
            DamagedError: there is no such object, or the object is filtered.
            WindowError: the window could not return the requested bytes.
        """
        piece = Piece(id_, id_offset, self._source.widths)
        first_byte = piece.take_number(1)
        kind = first_byte >> 4 & 0b11  # below the two bits of the version
        if kind == _MANAGED:
            offset, length = piece.take_number(self._offset_width), piece.take_number(self._length_width)
            return self._read_managed_object(offset, length)
        if kind == _HUGE:
            return self._read_huge_object(piece)
        if kind == _TINY:
            length = (first_byte & 0x0F) + 1
            # Identifiers of over 18 bytes can hold more than 16 bytes of an object, so the length takes a second byte.
            if self.id_length > 18:
                length = ((first_byte & 0x0F) << 8) + piece.take_number(1) + 1
            object_offset = piece.offset + piece.position
            return piece.take(min(length, piece.left)), object_offset
        raise DamagedError(f"an object of a heap has the unknown kind {kind}", piece.offset)

    def _read_managed_object(self, offset: int, length: int) -> tuple[bytes, int]:
        """Return the ``length`` bytes at ``offset`` of the heap's address space, and their offset in the artifact."""
        if self._root is None:
            raise DamagedError("an index names an object of an empty heap", self._source.base_address + self._address)
        if not self._root_rows:
            block, block_start, block_bytes = self._root, 0, self._table.first_block_bytes
        else:
            block, block_start, block_bytes = self._find_direct_block(self._root, self._root_rows, offset)
        self._claim_direct_block_head(block, block_bytes)
        piece = self._source.read_piece(block + offset - block_start, length)
        return piece.data, piece.offset

    def _claim_direct_block_head(self, block: int, block_bytes: int) -> None:
        """Claim signature, version, address of the heap, offset and checksum of a direct block (III.G).

        The checksum is that of the whole block of ``block_bytes`` bytes, in which it counts as zeros.
        """
        if block in self._claimed_blocks:
            return
        self._claimed_blocks.add(block)
        checksum_start = _SIGNATURE_AND_VERSION_BYTES + self._source.widths.address + self._offset_width
        head_bytes = checksum_start + (CHECKSUM_BYTES if self._has_checksums else 0)
        head = self._source.read_piece(block, head_bytes, short=True)
        if head.take(min(4, head.left)) == b"FHDB":
            head.skip(head.left)
            self._source.claim(head)
        if self._has_checksums:
            self._source.verify_checksum(block, block_bytes, "a block of a heap", checksum_start)

    def _claim_indirect_block(self, block: int, rows: int) -> None:
        """Claim an indirect block: its head, the address of each child, and a checksum (III.G)."""
        if block in self._claimed_blocks:
            return
        self._claimed_blocks.add(block)
        width = self._source.widths.address
        head_bytes = _SIGNATURE_AND_VERSION_BYTES + width + self._offset_width
        size = head_bytes + min(rows, _MAX_ROWS) * self._table.width * width + CHECKSUM_BYTES
        claim_parsed(self._source.window, self._source.base_address + block, self._source.base_address + block + size)
        self._source.verify_checksum(block, size, "a block of a heap")

    def _find_direct_block(self, block: int, rows: int, offset: int) -> tuple[int, int, int]:
        """Find the direct block that holds an offset of the heap, from an indirect block of ``rows`` rows down.

        Args:
            block: the address of the indirect block.
            rows: how many rows it has.
            offset: in the address space of the heap, in bytes.

        Returns:
            The address of the direct block, the offset in the heap where it begins, and its size in bytes.
        """
        table, block_start = self._table, 0
        address_width = self._source.widths.address
        for _ in range(_MAX_DEPTH):
            row, row_start = self._find_row(offset - block_start, rows)
            child_size = table.count_block_bytes(row)
            column = (offset - block_start - row_start) // child_size
            # The addresses of the children follow the address of the heap and the offset of the block.
            first_entry = block + _SIGNATURE_AND_VERSION_BYTES + address_width + self._offset_width
            entry = first_entry + (row * table.width + column) * address_width
            child = self._source.read_piece(entry, address_width).take_address()
            self._source.read_piece(block, 4).expect_signature(b"FHIB", "block of a heap")
            self._claim_indirect_block(block, rows)
            if child is None:
                break
            block_start += row_start + column * child_size
            if row < table.direct_rows:
                return child, block_start, child_size
            block = child
            # The child is an indirect block for ``child_size`` bytes. Its first row covers ``first_row_bytes``. Each
            # further row doubles that, so the number of rows is the difference of the binary logarithms, plus 1.
            first_row_bytes = table.first_block_bytes * table.width
            rows = (child_size.bit_length() - 1) - (first_row_bytes.bit_length() - 1) + 1
        raise DamagedError(
            "an index refers to an object that lies in no block of the heap", self._source.base_address + self._address
        )

    def _find_row(self, offset: int, rows: int) -> tuple[int, int]:
        """Return the row of an indirect block that covers ``offset``, and the offset where the row begins.

        Both offsets count from the start of the block. ``rows`` is the number of its rows.
        """
        row_start = 0
        for row in range(min(rows, _MAX_ROWS)):
            row_size = self._table.count_block_bytes(row) * self._table.width
            if offset < row_start + row_size:
                return row, row_start
            row_start += row_size
        raise DamagedError(
            "an index refers to an object that lies in no block of the heap", self._source.base_address + self._address
        )

    def _read_huge_object(self, piece: Piece) -> tuple[bytes, int]:
        """Return a huge object and its offset; ``piece`` is the rest of its identifier.

        A long identifier holds the address of the object, a short one the key of a record in a B-tree.
        """
        widths = self._source.widths
        if self.id_length - 1 >= widths.address + widths.length:
            return self._read_at_address(piece.take_address(), piece.take_length())
        key = piece.take_number(min(widths.length, piece.left))
        if self._huge_index is not None:
            for type_, record in read_records(self._source, self._huge_index):
                if type_ != _INDIRECT_HUGE:
                    raise DamagedError("an object of a heap is filtered, which is not supported", record.offset)
                address, length, record_key = record.take_address(), record.take_length(), record.take_length()
                if record_key == key:
                    return self._read_at_address(address, length)
        raise DamagedError("a large object of a heap is not at its stated place", piece.offset)

    def _read_at_address(self, address: int | None, length: int) -> tuple[bytes, int]:
        """Return the object of ``length`` bytes at ``address``, at most 8 MiB of it, and its offset in the artifact."""
        if address is None:
            raise DamagedError("a large object of a heap has no address", self._source.base_address + self._address)
        piece = self._source.read_piece(address, min(length, _MAX_OBJECT_BYTES))
        return piece.data, piece.offset
