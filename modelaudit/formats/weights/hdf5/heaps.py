"""Read local heaps, which hold names, and global heaps, which hold values of variable length.

Source: HDF5 File Format Specification 3.0, III.D and III.E.
"""

from __future__ import annotations

from typing import Final

from modelaudit.formats.weights.hdf5.source import Piece, StructureSource
from modelaudit.model.limits import MIB
from modelaudit.wire.base import DamagedError
from modelaudit.wire.ledger import claim_parsed

_SHORT_NAME_BYTES: Final = 256
_MAX_NAME_BYTES: Final = 64 * 1024
_MAX_CACHED_COLLECTIONS: Final = 32
_MAX_FREE_BLOCKS: Final = 10_000


class LocalHeap:
    """The names of a group in the old layout, or of the external files of a dataset."""

    def __init__(self, source: StructureSource, address: int) -> None:
        """Parse the header of the heap at ``address``. Raises ``DamagedError`` if there is none, or it has no data."""
        piece = source.read_piece(address, 8 + 2 * source.widths.length + source.widths.address)
        piece.expect_signature(b"HEAP", "local heap")
        piece.skip(4)  # the version, and reserved bytes
        self._size = piece.take_length()
        free_list_offset = piece.take_length()
        start = piece.take_address()
        source.claim(piece)
        if start is None:
            raise DamagedError("a local heap has no data", piece.offset)
        self._source, self._start = source, start
        self._claim_free_list(free_list_offset)

    def _claim_free_list(self, offset: int) -> None:
        """Claim the head of each free block: the offset of the next one, and its own size (III.D)."""
        width = self._source.widths.length
        seen: set[int] = set()
        # An offset of 1 ends the list.
        while 1 < offset <= self._size - 2 * width and offset not in seen and len(seen) < _MAX_FREE_BLOCKS:
            seen.add(offset)
            block = self._source.read_piece(self._start + offset, 2 * width, short=True)
            if block.left < 2 * width:
                return
            offset = block.take_length()
            block.take_length()
            self._source.claim(block)

    def read_name(self, offset: int) -> bytes:
        """Return the name at ``offset``.

        Raises:
            DamagedError: the offset lies outside the heap.
            WindowError: the window could not return the requested bytes.
        """
        if not 0 <= offset < self._size:
            raise DamagedError(
                f"a name is stated at byte {offset}, outside its heap of {self._size} bytes",
                self._source.base_address + self._start,
            )
        # Most names are short. A short range is read first, because every read counts against the budget of the file.
        length = min(self._size - offset, _MAX_NAME_BYTES)
        data = self._source.read_piece(self._start + offset, min(_SHORT_NAME_BYTES, length), short=True).data
        if b"\0" not in data:
            data = self._source.read_piece(self._start + offset, length, short=True).data
        name = data.partition(b"\0")[0]
        start = self._source.base_address + self._start + offset
        claim_parsed(self._source.window, start, start + min(len(name) + 1, len(data)))
        return name


class GlobalHeaps:
    """The global heap of a file: collections of values, addressed by collection and index."""

    def __init__(self, source: StructureSource) -> None:
        self._source = source
        self.nested_collections: dict[int, None] = {}
        """The addresses of collections whose values only parts of elements, or elements in chunks, refer to."""
        self._collections: dict[int, dict[int, tuple[int, int]]] = {}
        """By the address of a collection: the address and the size of each value, by its index."""

    def read_value(self, address: int, index: int, max_bytes: int = 8 * MIB) -> bytes:
        """Return the first ``max_bytes`` bytes of the value ``index`` in the collection at ``address``.

        Raises:
            DamagedError: the collection is damaged or has no value of this index.
            WindowError: the window could not return the requested bytes.
        """
        return self._read_piece(address, index, max_bytes).data

    def read_verified_value(self, address: int, index: int, what: str) -> Piece:
        """Return the first 8 MiB of a value as ``read_value`` does, and verify the checksum that ends the value.

        ``what`` is the value in words. The errors are those of ``read_value``.
        """
        piece = self._read_piece(address, index)
        _, size = self.open_collection(address)[index]
        self._source.verify_checksum(piece.offset - self._source.base_address, size, what)
        return piece

    def _read_piece(self, address: int, index: int, max_bytes: int = 8 * MIB) -> Piece:
        """Return the first ``max_bytes`` bytes of a value. The arguments and errors are those of ``read_value``."""
        values = self.open_collection(address)
        if index not in values:
            raise DamagedError(f"a collection of values has no value {index}", self._source.base_address + address)
        start, size = values[index]
        return self._source.read_piece(start, min(size, max_bytes))

    def open_collection(self, address: int) -> dict[int, tuple[int, int]]:
        """Return the address and the size of each value of the collection at ``address``, by index, and claim them.

        Raises:
            DamagedError: there is no collection, or it or a value ends beyond its bounds.
            WindowError: the window could not return the requested bytes.
        """
        values = self._collections.get(address)
        if values is None:
            if len(self._collections) >= _MAX_CACHED_COLLECTIONS:
                self._collections.clear()
            values = self._collections[address] = self._locate_values(address)
        return values

    def _locate_values(self, address: int) -> dict[int, tuple[int, int]]:
        """Return the address and the size of each value of the collection at ``address``, by index.

        Raises:
            DamagedError: there is no collection, or it or a value ends beyond its bounds.
        """
        # The headers of the collection and of each value take 8 bytes and a length.
        header_bytes = 8 + self._source.widths.length
        collection_header = self._source.read_piece(address, header_bytes)
        collection_header.expect_signature(b"GCOL", "collection of values")
        collection_header.skip(4)  # the version, and reserved bytes
        end = address + collection_header.take_length()
        self._source.claim(collection_header)
        if end > self._source.bytes_after_base:
            raise DamagedError("a collection of values ends beyond the file", collection_header.offset)
        position = address + header_bytes
        values: dict[int, tuple[int, int]] = {}
        while position + header_bytes <= end:
            value_header = self._source.read_piece(position, header_bytes)
            index = value_header.take_number(2)
            value_header.skip(6)  # the number of references, and reserved bytes
            size = value_header.take_length()
            self._source.claim(value_header)
            position += header_bytes
            # The index 0 marks the free space at the end.
            if index == 0:
                break
            if position + size > end:
                raise DamagedError(f"a value of {size} bytes ends beyond its collection", value_header.offset)
            # The collection declares each value as data, even if no reference in the file leads to it.
            self._source.claim_data(position, size)
            values.setdefault(index, (position, size))
            # Values are padded to eight bytes.
            position += size + -size % 8
        return values
