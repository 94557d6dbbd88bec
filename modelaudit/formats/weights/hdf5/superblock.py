"""Parse the superblock: where an HDF5 file begins, the widths of its numbers, and the address of its root group.

Source: HDF5 File Format Specification 3.0, II.A and II.B.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from modelaudit.formats.weights.hdf5.source import Sizes, StructureSource
from modelaudit.model.artifact import Window
from modelaudit.wire.base import HEAD_BYTES, DamagedError

SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"
_FIRST_USER_BLOCK: Final = 512
_VALID_WIDTHS: Final = frozenset({2, 4, 8, 16, 32})
_CACHED_TABLE: Final = 1


@dataclass(frozen=True, slots=True)
class Superblock:
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
        start = start * 2 or _FIRST_USER_BLOCK
    return None


def find_signature(window: Window) -> int | None:
    """Return the offset of the signature in the whole window, searched as the library does; ``None`` if absent."""
    start = 0
    while start + len(SIGNATURE) <= window.size:
        if window.read(start, len(SIGNATURE)) == SIGNATURE:
            return start
        start = start * 2 or _FIRST_USER_BLOCK
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
    raw = StructureSource(window, start)
    version = raw.read_piece(8, 1).take_number(1)
    if version > 3:
        raise DamagedError(f"the superblock has the unknown version {version}", start + 8)
    numbers = raw.read_piece(9, 2) if version > 1 else raw.read_piece(13, 2)
    sizes = Sizes(numbers.take_number(1), numbers.take_number(1))
    if sizes.offset not in _VALID_WIDTHS or sizes.length not in _VALID_WIDTHS:
        raise DamagedError(
            f"the superblock states addresses of {sizes.offset} and lengths of {sizes.length} bytes", start + 9
        )
    return (_parse_new_superblock if version > 1 else _parse_old_superblock)(version, start, sizes, raw)


def _parse_old_superblock(version: int, start: int, sizes: Sizes, raw: StructureSource) -> Superblock:
    raw.sizes = sizes
    piece = raw.read_piece(24 if version == 0 else 28, 6 * sizes.offset + 24, short=True)
    base, _, end, driver = (piece.take_address() for _ in range(4))
    piece.take_address()
    root = piece.take_address()
    kind = piece.take_number(4)
    piece.skip(4)
    # The entry of the root group may cache the addresses of its B-tree and heap. The walker follows these and the
    # object header, because programs may use either.
    tables = None
    if kind == _CACHED_TABLE:
        tree, heap = piece.take_address(), piece.take_address()
        tables = (tree, heap) if tree is not None and heap is not None else None
    return _make_superblock(
        version, start, base, root, end, None, raw.rebase(base or 0, sizes), tables, driver is not None
    )


def _parse_new_superblock(version: int, start: int, sizes: Sizes, raw: StructureSource) -> Superblock:
    raw.sizes = sizes
    piece = raw.read_piece(12, 4 * sizes.offset)
    base, extension, end, root = (piece.take_address() for _ in range(4))
    return _make_superblock(version, start, base, root, end, extension, raw.rebase(base or 0, sizes), None, False)


def _make_superblock(
    version: int,
    start: int,
    base: int | None,
    root: int | None,
    end: int | None,
    extension: int | None,
    source: StructureSource,
    tables: tuple[int, int] | None,
    driver: bool,
) -> Superblock:
    if base is None or root is None or end is None:
        raise DamagedError("the superblock lacks the address of the root group or of the end", start)
    if base > source.window.size:
        raise DamagedError(f"addresses count from byte {base}, beyond the end of the file", start)
    return Superblock(version, start, source, root, tables, extension, end, driver)
