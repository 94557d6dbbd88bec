"""Where an HDF5 file begins, how large its numbers are and where its root group stands.

Source: HDF5 File Format Specification 3.0, II.A and II.B.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from modelaudit.formats.weights.hdf5.source import Sizes, Source
from modelaudit.model.artifact import Window
from modelaudit.wire.base import HEAD_BYTES, DamagedError

SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"
_FIRST: Final = 512
_SIZES: Final = frozenset({2, 4, 8, 16, 32})
_CACHED_TABLE: Final = 1


@dataclass(frozen=True, slots=True)
class Superblock:
    """What the superblock states.

    Attributes:
        start: where it stands, in bytes of the artifact; what precedes it is the user block.
        root: address of the object header of the root group.
        tables: addresses of a B-tree and a heap of the root group that its entry keeps besides.
        extension: address of the object header that extends the superblock.
        end: address of the end of the file as it is stated.
        driver: whether the file names a driver of its own, which may keep parts of it elsewhere.
    """

    version: int
    start: int
    source: Source
    root: int
    tables: tuple[int, int] | None
    extension: int | None
    end: int
    driver: bool


def starts_in(head: bytes) -> int | None:
    """Where the signature stands in the first bytes of a file: at 0, 512 or any double of that; ``None`` if nowhere."""
    start = 0
    while start < len(head):
        if head.startswith(SIGNATURE, start):
            return start
        start = start * 2 or _FIRST
    return None


def start_of(window: Window) -> int | None:
    """The same for the whole of a window, as the library searches for it."""
    start = 0
    while start + len(SIGNATURE) <= window.size:
        if window.read(start, len(SIGNATURE)) == SIGNATURE:
            return start
        start = start * 2 or _FIRST
    return None


def read_superblock(window: Window) -> Superblock:
    """Read the superblock.

    Raises:
        DamagedError: there is none, or it states what cannot be.
        WindowError: from the window.
    """
    start = starts_in(window.read(0, min(HEAD_BYTES, window.size)))
    if start is None:
        start = start_of(window)
    if start is None:
        raise DamagedError("there is no superblock", 0)
    raw = Source(window, start)
    version = raw.piece(8, 1).number(1)
    if version > 3:
        raise DamagedError(f"version {version} of the superblock is not known", start + 8)
    numbers = raw.piece(9, 2) if version > 1 else raw.piece(13, 2)
    sizes = Sizes(numbers.number(1), numbers.number(1))
    if sizes.offset not in _SIZES or sizes.length not in _SIZES:
        raise DamagedError(f"addresses of {sizes.offset} and lengths of {sizes.length} bytes", start + 9)
    return (_new if version > 1 else _old)(version, start, sizes, raw)


def _old(version: int, start: int, sizes: Sizes, raw: Source) -> Superblock:
    raw.sizes = sizes
    piece = raw.piece(24 if version == 0 else 28, 6 * sizes.offset + 24, short=True)
    base, _, end, driver = (piece.address() for _ in range(4))
    piece.address()
    root = piece.address()
    kind = piece.number(4)
    piece.skip(4)
    tables = None
    if kind == _CACHED_TABLE:
        tree, heap = piece.address(), piece.address()
        tables = (tree, heap) if tree is not None and heap is not None else None
    return _checked(version, start, base, root, end, None, raw.based(base or 0, sizes), tables, driver is not None)


def _new(version: int, start: int, sizes: Sizes, raw: Source) -> Superblock:
    raw.sizes = sizes
    piece = raw.piece(12, 4 * sizes.offset)
    base, extension, end, root = (piece.address() for _ in range(4))
    return _checked(version, start, base, root, end, extension, raw.based(base or 0, sizes), None, False)


def _checked(
    version: int,
    start: int,
    base: int | None,
    root: int | None,
    end: int | None,
    extension: int | None,
    source: Source,
    tables: tuple[int, int] | None,
    driver: bool,
) -> Superblock:
    if base is None or root is None or end is None:
        raise DamagedError("the superblock leaves out the address of the root group or of the end", start)
    if base > source.window.size:
        raise DamagedError(f"addresses count from byte {base}, beyond the end", start)
    return Superblock(version, start, source, root, tables, extension, end, driver)
