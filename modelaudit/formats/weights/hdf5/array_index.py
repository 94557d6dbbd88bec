"""Read fixed and extensible arrays, which list the chunks of a dataset, and claim their bytes.

An entry is the address of a chunk; for filtered chunks its size and the mask of the filters follow.
Source: HDF5 File Format Specification 3.0, VII.C and VII.D; ``src/H5EA*.c`` and ``src/H5FA*.c``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from modelaudit.formats.weights.hdf5.checksums import CHECKSUM_BYTES
from modelaudit.formats.weights.hdf5.source import Piece, StructureSource
from modelaudit.wire.base import DamagedError, LimitReachedError

_HEAD_BYTES: Final = 6
"""Signature, version and client of every block of an array."""

_CLIENT_OF_FILTERED_CHUNKS: Final = 1
"""The number of the client that stores a size and a mask with each address (VII.C, "Client ID")."""
_HEADER: Final = "the header of an array of chunks"
_BLOCK: Final = "a block of an array of chunks"
_MASK_BYTES: Final = 4
_MAX_ENTRIES: Final = 1_000_000
_MAX_BITS: Final = 64
"""The largest binary logarithm that is taken as valid: no array has 2**64 entries."""


class _EntryReader(Struct, frozen=True):
    """A reader of the entries of an array, which knows their layout.

    Attributes:
        source: the structures of the file.
        width: of an entry, in bytes.
        has_size: an entry has the size of its chunk.
        page_bits: the binary logarithm of the number of entries in a page.
    """

    source: StructureSource
    width: int
    has_size: bool
    page_bits: int

    def take_entries(self, piece: Piece, count: int) -> Iterator[tuple[int, int | None]]:
        """Take ``count`` entries from ``piece``; yield the address and the size in bytes of each chunk that exists.

        The size is ``None`` if the entries have none.
        """
        for _ in range(count):
            entry = Piece(piece.take(self.width), piece.offset, piece.widths)
            address = entry.take_address()
            # The size fills the entry up to the filter mask at its end.
            size = entry.take_number(max(0, entry.left - _MASK_BYTES)) if self.has_size else None
            if address is not None:
                yield address, size

    def read_block(
        self, address: int, count: int, head_bytes: int, page_flags: bytes = b"", first_flag: int = 0
    ) -> Iterator[tuple[int, int | None]]:
        """Yield the ``count`` entries of the data block at ``address``, which follow a head of ``head_bytes`` bytes.

        A block of more entries than a page can hold is divided into pages. Then a checksum ends the head and each page;
        otherwise one checksum ends the block. Pages that were never written have neither entries nor a checksum.

        Args:
            address: of the block.
            count: of the entries.
            head_bytes: the size of the head without its checksum.
            page_flags: bits that state for each page whether it was written; without any, all pages were.
            first_flag: the number of the bit of the first page.
        """
        page_entries = 1 << self.page_bits
        if count <= page_entries:
            piece = self.source.read_piece(address, head_bytes + count * self.width + CHECKSUM_BYTES)
            piece.skip(head_bytes)
            yield from self.take_entries(piece, count)
            self.source.claim_verified(piece, _BLOCK)
            return
        head = self.source.read_piece(address, head_bytes + CHECKSUM_BYTES)
        head.skip(head_bytes)
        self.source.claim_verified(head, _BLOCK)
        position = address + head.position
        for page_number, start in enumerate(range(0, count, page_entries)):
            page_count = min(page_entries, count - start)
            page_bytes = page_count * self.width + CHECKSUM_BYTES
            if not page_flags or _is_bit_set(page_flags, first_flag + page_number):
                page = self.source.read_piece(position, page_bytes)
                yield from self.take_entries(page, page_count)
                self.source.claim_verified(page, "a page of an array of chunks")
            position += page_bytes


def _is_bit_set(bits: bytes, number: int) -> bool:
    """Whether the bit ``number`` is set, counted from the highest bit of the first byte, as ``H5VM_bit_get`` does."""
    return number // 8 < len(bits) and bool(bits[number // 8] & 0x80 >> number % 8)


def _make_entry_reader(source: StructureSource, client: int, width: int, page_bits: int, offset: int) -> _EntryReader:
    """Return a reader of entries of ``width`` bytes. Raises ``DamagedError`` if no entry can have that width."""
    has_size = client == _CLIENT_OF_FILTERED_CHUNKS
    bytes_after_address = width - source.widths.address
    # The size of a chunk takes up to eight bytes; a wider entry would hold bytes that mean nothing.
    is_valid = _MASK_BYTES < bytes_after_address <= _MASK_BYTES + 8 if has_size else bytes_after_address == 0
    if not is_valid or page_bits > _MAX_BITS:
        raise DamagedError(
            f"an array of chunks has entries of {width} bytes in pages of 2**{page_bits}, which is invalid", offset
        )
    return _EntryReader(source, width, has_size, page_bits)


def _read_block(source: StructureSource, address: int, length: int, signature: bytes) -> Piece:
    """Read the block of ``length`` bytes at ``address``; check its signature and skip its version."""
    piece = source.read_piece(address, length)
    piece.expect_signature(signature, "array of chunks")
    piece.skip(1)
    return piece


def list_fixed_array(source: StructureSource, address: int) -> Iterator[tuple[int, int | None]]:
    """Yield the address of each chunk, and its size in bytes or ``None``, from a fixed array.

    Raises:
        DamagedError: there is no such array, or it contradicts itself.
        LimitReachedError: it has too many entries.
        WindowError: the window could not return the requested bytes.
    """
    widths = source.widths
    # After the head: two numbers of a byte, the number of chunks, and the address of the data block.
    header = _read_block(source, address, _HEAD_BYTES + 2 + widths.length + widths.address + CHECKSUM_BYTES, b"FAHD")
    client, width, page_bits = header.take_number(1), header.take_number(1), header.take_number(1)
    count, block = header.take_length(), header.take_address()
    source.claim_verified(header, _HEADER)
    reader = _make_entry_reader(source, client, width, page_bits, header.offset)
    if block is None:
        return
    if count > _MAX_ENTRIES:
        raise LimitReachedError(f"an array lists {count} chunks, more than {_MAX_ENTRIES}", header.offset)
    # With pages, a bit for each of them states whether it was written. Both numbers are rounded up.
    page_count = -(-count // (1 << page_bits))
    bitmap_bytes = -(-page_count // 8) if page_count > 1 else 0
    # This checks the signature and takes the bits; ``read_block`` reads the block.
    head_bytes = _HEAD_BYTES + widths.address + bitmap_bytes
    head = _read_block(source, block, head_bytes, b"FADB")
    head.skip(1 + widths.address)  # the client, and the address of the header
    yield from reader.read_block(block, count, head_bytes, head.take(bitmap_bytes))


def list_extensible_array(source: StructureSource, address: int) -> Iterator[tuple[int, int | None]]:
    """Yield the address of each chunk, and its size in bytes or ``None``, from an extensible array.

    Raises:
        DamagedError: there is no such array, or it contradicts itself.
        LimitReachedError: it has too many entries.
        WindowError: the window could not return the requested bytes.
    """
    widths = source.widths
    # After the head: six numbers of a byte, six statistics, and the address of the index block.
    header = _read_block(
        source, address, _HEAD_BYTES + 6 + 6 * widths.length + widths.address + CHECKSUM_BYTES, b"EAHD"
    )
    client, width, index_bits, direct_entries, least_entries, least_pointers, page_bits = (
        header.take_number(1) for _ in range(7)
    )
    header.skip(6 * widths.length)  # the statistics
    index_block = header.take_address()
    source.claim_verified(header, _HEADER)
    reader = _make_entry_reader(source, client, width, page_bits, header.offset)
    are_powers_of_two = all(number and not number & (number - 1) for number in (least_entries, least_pointers))
    if not are_powers_of_two or index_bits > _MAX_BITS:
        raise DamagedError("an array of chunks states an invalid size of its blocks or of its index", header.offset)
    if index_block is None:
        return
    array = _ExtensibleArray(source, reader, least_entries, (index_bits + 7) // 8)
    # The data blocks form groups ("super blocks"). Of the ``index_bits`` bits of an index, the lowest count the entries
    # of the smallest data block, and each further bit adds a group (``H5EA__hdr_init``).
    group_count = 1 + index_bits - (least_entries.bit_length() - 1)
    direct_groups = min(group_count, 2 * (least_pointers.bit_length() - 1))
    # The index block holds the address of each data block of the direct groups, and one address for each later group.
    # Group g has 2 ** (g // 2) blocks. This is the group of each data block with an address of its own.
    groups_of_blocks = [group for group in range(direct_groups) for _ in range(1 << (group // 2))]
    pointer_count = len(groups_of_blocks) + group_count - direct_groups
    length = _HEAD_BYTES + widths.address + direct_entries * width + pointer_count * widths.address + CHECKSUM_BYTES
    index = _read_block(source, index_block, length, b"EAIB")
    index.skip(1 + widths.address)  # the client, and the address of the header
    yield from reader.take_entries(index, direct_entries)
    children = [index.take_address() for _ in range(pointer_count)]
    source.claim_verified(index, _BLOCK)
    for group, child in zip(groups_of_blocks, children, strict=False):
        yield from array.list_data_block(child, group)
    for group, child in zip(range(direct_groups, group_count), children[len(groups_of_blocks) :], strict=False):
        yield from array.list_super_block(child, group)


class _ExtensibleArray(Struct):
    """The blocks of an extensible array.

    Attributes:
        source: the structures of the file.
        reader: reads the entries of a data block.
        least_entries: the number of entries in the smallest data block.
        offset_width: of the offset of a block in the array, in bytes.
        entry_count: the number of entries listed so far.
    """

    source: StructureSource
    reader: _EntryReader
    least_entries: int
    offset_width: int
    entry_count: int = 0

    def _count_block_entries(self, group: int) -> int:
        """Return the number of entries in each data block of a group."""
        return self.least_entries << (group + 1) // 2

    def list_data_block(
        self, address: int | None, group: int, page_flags: bytes = b"", first_flag: int = 0
    ) -> Iterator[tuple[int, int | None]]:
        """Yield the entries of the data block at ``address``, which belongs to ``group``.

        ``page_flags`` and ``first_flag`` are as for ``_EntryReader.read_block``.
        """
        if address is None:
            return
        count = self._count_block_entries(group)
        self.entry_count += count
        if self.entry_count > _MAX_ENTRIES:
            raise LimitReachedError(
                f"an array lists more than {_MAX_ENTRIES} chunks", self.source.base_address + address
            )
        # This only checks the signature; ``read_block`` reads the block.
        _read_block(self.source, address, _HEAD_BYTES, b"EADB")
        # After the head come the address of the header, and the offset of the block in the array.
        head_bytes = _HEAD_BYTES + self.source.widths.address + self.offset_width
        yield from self.reader.read_block(address, count, head_bytes, page_flags, first_flag)

    def list_super_block(self, address: int | None, group: int) -> Iterator[tuple[int, int | None]]:
        """Yield the entries of all data blocks of the super block at ``address``."""
        if address is None:
            return
        block_count, entry_count = 1 << (group // 2), self._count_block_entries(group)
        page_count = entry_count >> self.reader.page_bits
        # With pages, a bit for each page of each data block states whether it was written; a block has whole bytes.
        bitmap_bytes = block_count * -(-page_count // 8) if page_count > 1 else 0
        width = self.source.widths.address
        length = _HEAD_BYTES + width + self.offset_width + bitmap_bytes + block_count * width + CHECKSUM_BYTES
        block = _read_block(self.source, address, length, b"EASB")
        # The client, the address of the header, and the offset of the block in the array.
        block.skip(1 + width + self.offset_width)
        page_flags = block.take(bitmap_bytes)
        children = [block.take_address() for _ in range(block_count)]
        self.source.claim_verified(block, _BLOCK)
        for number, child in enumerate(children):
            yield from self.list_data_block(child, group, page_flags, number * page_count)
