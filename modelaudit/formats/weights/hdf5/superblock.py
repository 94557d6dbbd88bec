"""Parse the superblock: where an HDF5 file begins, the widths of its numbers, and the address of its root group.

Source: HDF5 File Format Specification 3.0, II.A and II.B.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from modelaudit.formats.weights.hdf5.checksums import CHECKSUM_BYTES
from modelaudit.formats.weights.hdf5.source import StructureSource, Widths
from modelaudit.model.artifact import Window
from modelaudit.wire.base import HEAD_BYTES, DamagedError
from modelaudit.wire.ledger import claim_parsed

SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"
_FIRST_USER_BLOCK: Final = 512
_VALID_WIDTHS: Final = frozenset({2, 4, 8, 16, 32})
# The cache type of a symbol table entry that caches the addresses of a B-tree and a local heap (III.C).
_TABLE_CACHE: Final = 1


class Superblock(Struct, frozen=True):
    """The facts of a superblock.

    Attributes:
        start: its offset in the artifact, in bytes; the bytes before it are the user block.
        source: reads structures by the addresses of this file.
        root: address of the object header of the root group.
        tables: addresses of the B-tree and the local heap that the entry of the root group caches.
        extension: address of the object header that extends the superblock.
        end: the stated address of the end of the file.
        names_driver: the file names a driver, which may store parts of it in other files.
    """

    version: int
    start: int
    source: StructureSource
    root: int
    tables: tuple[int, int] | None
    extension: int | None
    end: int
    names_driver: bool


def find_signature_in_head(head: bytes) -> int | None:
    """Return the offset of the signature in the first bytes of a file: 0, 512, 1024 ...; ``None`` if it is absent."""
    start = 0
    while start < len(head):
        if head.startswith(SIGNATURE, start):
            return start
        start = start * 2 if start else _FIRST_USER_BLOCK  # after 0 come 512, 1024, 2048 ...
    return None


def find_signature(window: Window) -> int | None:
    """Return the offset of the signature in the whole window, searched as the library does; ``None`` if absent."""
    start = 0
    while start + len(SIGNATURE) <= window.size:
        if window.read(start, len(SIGNATURE)) == SIGNATURE:
            return start
        start = start * 2 if start else _FIRST_USER_BLOCK  # after 0 come 512, 1024, 2048 ...
    return None


def read_superblock(window: Window) -> Superblock:
    """Parse the superblock.

    Raises:
        DamagedError: there is none, or it is invalid.
        WindowError: the window could not return the requested bytes.
    """
    start = find_signature_in_head(window.read(0, min(HEAD_BYTES, window.size)))
    if start is None:
        start = find_signature(window)
    if start is None:
        raise DamagedError("there is no superblock", 0)
    # Offsets in the superblock count from its start; the addresses in it count from the base that it states.
    block = StructureSource(window, start)
    version = block.read_piece(len(SIGNATURE), 1).take_number(1)
    if version > 3:
        raise DamagedError(f"the superblock has the unknown version {version}", start + 8)
    # In versions 0 and 1, four bytes come before the two widths: versions of other structures, one reserved (II.A).
    width_fields = block.read_piece(9 if version > 1 else 13, 2)
    widths = Widths(width_fields.take_number(1), width_fields.take_number(1))
    if widths.address not in _VALID_WIDTHS or widths.length not in _VALID_WIDTHS:
        detail = f"{widths.address} bytes for addresses, {widths.length} for lengths"
        raise DamagedError(f"the superblock states an invalid width: {detail}", start + 9)
    block.widths = widths
    if version > 1:
        return _parse_new_superblock(version, start, block)
    return _parse_old_superblock(version, start, block)


def _parse_old_superblock(version: int, start: int, block: StructureSource) -> Superblock:
    """Parse the addresses in a superblock of version 0 or 1, and the symbol table entry of the root group in it.

    Args:
        version: the version.
        start: offset of the superblock in the artifact, in bytes.
        block: reads it by offsets from its start.
    """
    widths = block.widths
    # Version 1 has four more bytes before the addresses (II.A).
    piece = block.read_piece(24 if version == 0 else 28, 6 * widths.address + 24, short=True)
    base_address, _free_space, end, driver = (piece.take_address() for _ in range(4))
    # The entry of the root group: offset of its name, address of its header, cache type, reserved bytes, cache.
    piece.take_address()
    root = piece.take_address()
    cache_type = piece.take_number(4)
    piece.skip(4)
    # The prefix, the addresses and the entry with its cache of 16 bytes.
    claim_parsed(block.window, start, piece.offset + piece.position + min(16, piece.left))
    # The entry of the root group may cache the addresses of its B-tree and heap. The walker follows these and the
    # object header, because programs may use either.
    tables = None
    if cache_type == _TABLE_CACHE:
        tree, heap = piece.take_address(), piece.take_address()
        tables = (tree, heap) if tree is not None and heap is not None else None
    # ``_make_superblock`` raises an error if the base is missing, so 0 in its place is never used.
    source = block.rebase(base_address or 0, widths)
    return _make_superblock(
        version, start, base_address, root, end, None, source, tables, names_driver=driver is not None
    )


def _parse_new_superblock(version: int, start: int, block: StructureSource) -> Superblock:
    """Parse the addresses in a superblock of version 2 or 3. The arguments are as for ``_parse_old_superblock``."""
    # Signature, version, two widths and flags take 12 bytes.
    piece = block.read_piece(0, 12 + 4 * block.widths.address + CHECKSUM_BYTES)
    piece.skip(12)
    base_address, extension, end, root = (piece.take_address() for _ in range(4))
    block.claim_verified(piece, "the superblock")
    source = block.rebase(base_address or 0, block.widths)
    return _make_superblock(version, start, base_address, root, end, extension, source, None, names_driver=False)


def _make_superblock(
    version: int,
    start: int,
    base_address: int | None,
    root: int | None,
    end: int | None,
    extension: int | None,
    source: StructureSource,
    tables: tuple[int, int] | None,
    names_driver: bool,
) -> Superblock:
    """Build the superblock. Raises ``DamagedError`` if an address that it must have is missing or invalid."""
    if base_address is None or root is None or end is None:
        raise DamagedError(
            "the superblock lacks the base address, the address of the root group or the end address", start
        )
    if base_address > source.window.size:
        raise DamagedError(f"the base address {base_address} lies beyond the end of the file", start)
    return Superblock(version, start, source, root, tables, extension, end, names_driver)
