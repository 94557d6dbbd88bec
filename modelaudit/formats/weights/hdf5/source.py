"""Read the structures of an HDF5 file by address.

Addresses count from the base address of the superblock, which also states the width of addresses and lengths. Pages
are cached, and the bytes read in total are bounded.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from msgspec import Struct

from modelaudit.formats.weights.hdf5.checksums import CHECKSUM_BYTES, ChecksumLog
from modelaudit.model.artifact import Window
from modelaudit.model.limits import KIB, MIB
from modelaudit.wire.base import DamagedError, LimitReachedError
from modelaudit.wire.cursor import BytesCursor
from modelaudit.wire.ledger import claim_data, claim_parsed

_PAGE_BYTES: Final = 64 * KIB
_MAX_CACHED_PAGES: Final = 64
_MAX_PIECE_BYTES: Final = 8 * MIB
_MAX_TOTAL_BYTES: Final = 256 * MIB
# Every structure counts this many bytes in addition to its own, so that loops over tiny structures end too.
_BYTES_PER_PIECE: Final = 64


class Piece(BytesCursor):
    """The bytes of one structure, read from the front; ``offset`` is their place in the artifact."""

    __slots__ = ("widths",)

    def __init__(self, data: bytes, offset: int, widths: Widths) -> None:
        super().__init__(data, offset)
        self.widths = widths

    def take_number(self, length: int) -> int:
        """Take the next ``length`` bytes as an unsigned number."""
        return int.from_bytes(self.take(length), "little")

    def take_address(self) -> int | None:
        """Take the next address; ``None`` if all its bits are set, which means that there is none."""
        width = self.widths.address
        address = self.take_number(width)
        undefined_address = (1 << (8 * width)) - 1
        return None if address == undefined_address else address

    def take_length(self) -> int:
        """Take the next length, as wide as the superblock states."""
        return self.take_number(self.widths.length)

    def take_text(self) -> bytes:
        """Take the bytes up to the next zero byte, which is skipped, or to the end."""
        zero = self.data.find(b"\0", self.position)
        end = len(self.data) if zero < 0 else zero
        text = self.data[self.position : end]
        self.position = min(len(self.data), end + 1)
        return text

    def expect_signature(self, signature: bytes, what: str) -> None:
        """Skip ``signature``. Raises ``DamagedError`` if the bytes differ; ``what`` is the structure in words."""
        signature_offset = self.offset + self.position
        if self.take(len(signature)) != signature:
            raise DamagedError(f"no {what} is at the address where one must be", signature_offset)


class Widths(Struct, frozen=True):
    """The widths of an address and of a length in bytes, as the superblock states them."""

    address: int = 8
    length: int = 8


class StructureSource:
    """A reader of structures of one file by address, with a bound on the bytes read in total."""

    def __init__(
        self,
        window: Window,
        base_address: int = 0,
        widths: Widths | None = None,
        checksums: ChecksumLog | None = None,
    ) -> None:
        self.window = window
        self.checksums = checksums or ChecksumLog()
        self.base_address = base_address
        self.widths = widths or Widths()
        self._pages: OrderedDict[int, bytes] = OrderedDict()
        self._bytes_left = _MAX_TOTAL_BYTES

    def rebase(self, base_address: int, widths: Widths) -> StructureSource:
        """Return a source on the same window whose addresses count from ``base_address``."""
        return StructureSource(self.window, base_address, widths, self.checksums)

    @property
    def bytes_after_base(self) -> int:
        """The number of bytes from the base to the end of the file."""
        return max(0, self.window.size - self.base_address)

    def claim(self, piece: Piece) -> None:
        """Claim the bytes that were taken from the front of ``piece`` as parsed."""
        claim_parsed(self.window, piece.offset, piece.offset + piece.position)

    def claim_verified(self, piece: Piece, what: str) -> None:
        """Take the checksum that follows in ``piece``, claim all bytes taken so far as parsed, and verify them.

        Args:
            piece: a structure, taken from its first byte up to its checksum.
            what: the structure in words.

        Raises:
            DamagedError: the checksum is missing.
            LimitReachedError: no time is left.
        """
        piece.skip(CHECKSUM_BYTES)
        self.claim(piece)
        self.checksums.verify(piece.data[: piece.position], piece.offset, what)

    def verify_checksum(self, address: int, length: int, what: str, checksum_start: int | None = None) -> None:
        """Verify the checksum of the structure at ``address``. A structure that ends beyond the file is a mismatch.

        Args:
            address: of the structure.
            length: of the structure with its checksum, in bytes.
            what: the structure in words.
            checksum_start: where the checksum begins in the structure; ``None`` for its last bytes.

        Raises:
            LimitReachedError: no time is left.
            WindowError: the window could not return the requested bytes.
        """
        offset = self.base_address + address
        if offset + length > self.window.size:
            self.checksums.record_mismatch(offset, what)
        elif self.checksums.must_verify(offset, length):
            self.checksums.verify(self._read_range(offset, length), offset, what, checksum_start)

    def claim_data(self, address: int, size: int) -> None:
        """Claim ``size`` bytes at ``address`` as data."""
        claim_data(self.window, self.base_address + address, self.base_address + address + size)

    def read_piece(self, address: int, length: int, short: bool = False) -> Piece:
        """Read ``length`` bytes at ``address``; with ``short``, fewer at the end of the file.

        Raises:
            DamagedError: the structure ends beyond the file.
            LimitReachedError: the structure, or all structures together, are too large.
            WindowError: the window could not return the requested bytes.
        """
        offset = self.base_address + address
        if address < 0 or length < 0 or offset >= self.window.size:
            raise DamagedError(
                f"the address {offset} of a structure is outside the file of {self.window.size} bytes", offset
            )
        if offset + length > self.window.size:
            if not short:
                raise DamagedError(f"a structure of {length} bytes ends beyond the file", offset)
            length = self.window.size - offset
        if length > _MAX_PIECE_BYTES:
            raise LimitReachedError(f"a structure takes {length} bytes, more than {_MAX_PIECE_BYTES}", offset)
        self.spend(length)
        data = self._read_range(offset, length)
        if len(data) < length and not short:
            raise DamagedError(f"a structure of {length} bytes is truncated after {len(data)}", offset)
        return Piece(data, offset, self.widths)

    def read_again(self, offset: int, length: int) -> bytes:
        """Return ``length`` bytes at ``offset`` of the artifact, which a structure that was read has counted already.

        Raises:
            WindowError: the window could not return the requested bytes.
        """
        return self._read_range(offset, length)

    def spend(self, length: int = 0) -> None:
        """Count one structure of ``length`` bytes. Raises ``LimitReachedError`` if all together take too many bytes."""
        self._bytes_left -= length + _BYTES_PER_PIECE
        if self._bytes_left < 0:
            raise LimitReachedError(f"the structures take more than {_MAX_TOTAL_BYTES} bytes in total")

    def _read_range(self, offset: int, length: int) -> bytes:
        """Read ``length`` bytes at ``offset`` of the window. A range on one or two pages is read through the cache."""
        first_page, last_page = offset // _PAGE_BYTES, (offset + max(length, 1) - 1) // _PAGE_BYTES
        if last_page - first_page > 1:  # too long to be worth a place in the cache
            return self.window.read(offset, length)
        pages = b"".join(self._read_page(index) for index in range(first_page, last_page + 1))
        start = offset - first_page * _PAGE_BYTES
        return pages[start : start + length]

    def _read_page(self, index: int) -> bytes:
        """Return a page from the cache, or read it into the cache; a full cache drops the page that was read first."""
        page = self._pages.get(index)
        if page is None:
            start = index * _PAGE_BYTES
            page = self.window.read(start, min(_PAGE_BYTES, self.window.size - start))
            self._pages[index] = page
            if len(self._pages) > _MAX_CACHED_PAGES:
                self._pages.popitem(last=False)
        return page
