"""Datasets: where their elements are kept, be it in other files, and through which filters they pass.

Source: HDF5 File Format Specification 3.0, IV.A.2.h, IV.A.2.i, IV.A.2.l and VII.A (virtual datasets).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from modelaudit.formats.weights.hdf5.datatypes import Dataspace, Datatype, read_dataspace, read_datatype
from modelaudit.formats.weights.hdf5.groups import as_text
from modelaudit.formats.weights.hdf5.heaps import GlobalHeaps, LocalHeap
from modelaudit.formats.weights.hdf5.objects import DATASPACE, DATATYPE, EXTERNAL, FILTERS, LAYOUT, Message, resolved
from modelaudit.formats.weights.hdf5.source import Piece, Source
from modelaudit.wire.base import DamagedError

COMPACT: Final = 0
CONTIGUOUS: Final = 1
CHUNKED: Final = 2
VIRTUAL: Final = 3
_ALL: Final = 3
_HYPERSLAB: Final = 2
_POINTS: Final = 1
_MOST_FILES: Final = 4096
_KINDS: Final = {COMPACT: "compact", CONTIGUOUS: "contiguous", CHUNKED: "chunked", VIRTUAL: "virtual"}


@dataclass(slots=True)
class Dataset:
    """One dataset, filled message by message.

    Attributes:
        layout: the way its elements are kept, or ``None`` while no message tells.
        address, size: of its elements, where they are kept in one stretch.
        compact: its elements, where they stand in the header.
        elsewhere: files in which its elements are kept, each with the bytes that it has to have.
        sources: files out of which a virtual dataset is put together.
        filters: by number, in the order in which they are applied.
    """

    type: Datatype | None = None
    space: Dataspace | None = None
    layout: int | None = None
    address: int | None = None
    size: int | None = None
    compact: bytes = b""
    offset: int = 0
    elsewhere: list[tuple[str, int]] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    filters: list[int] = field(default_factory=list)

    @property
    def declared(self) -> int:
        """How many bytes a program gets that reads all of it."""
        return self.type.size * self.space.count if self.type and self.space else 0

    @property
    def layout_name(self) -> str:
        """The layout in words."""
        return _KINDS.get(-1 if self.layout is None else self.layout, "unknown")

    def take_in(self, source: Source, heaps: GlobalHeaps, message: Message) -> None:
        """Note what a message says of the dataset, if it says anything.

        Raises:
            DamagedError: the message contradicts itself.
            WindowError: from the window.
        """
        if message.type not in (DATASPACE, DATATYPE, LAYOUT, FILTERS, EXTERNAL):
            return
        found = resolved(source, message)
        piece = Piece(found.body, found.offset, source.sizes)
        if message.type == DATASPACE:
            self.space = read_dataspace(piece)
        elif message.type == DATATYPE:
            self.type = read_datatype(piece)
        elif message.type == FILTERS:
            self.filters += _filters(piece)
        elif message.type == EXTERNAL:
            self._external(source, piece)
        else:
            self.offset = piece.offset
            self._layout(piece, heaps)

    def _layout(self, piece: Piece, heaps: GlobalHeaps) -> None:
        version = piece.number(1)
        if version < 3:
            self._old_layout(piece)
            return
        if version > 5:
            raise DamagedError("a layout of a version that is not known", piece.offset)
        self.layout = piece.number(1)
        if self.layout == COMPACT:
            self.compact = piece.take(piece.number(2))
        elif self.layout == CONTIGUOUS:
            self.address, self.size = piece.address(), piece.length()
        elif self.layout == VIRTUAL:
            address, index = piece.address(), piece.number(4)
            if address:
                self._virtual(Piece(heaps.value(address, index), piece.offset, piece.sizes))
        elif self.layout != CHUNKED:
            raise DamagedError(f"a layout of kind {self.layout}, which is not known", piece.offset)

    def _old_layout(self, piece: Piece) -> None:
        rank, self.layout = piece.number(1), piece.number(1)
        piece.skip(5)
        self.address = None if self.layout == COMPACT else piece.address()
        piece.skip(4 * rank)
        if self.layout == COMPACT:
            self.compact = piece.take(piece.number(4))
        elif self.layout not in (CONTIGUOUS, CHUNKED):
            raise DamagedError(f"a layout of kind {self.layout}, which is not known", piece.offset)

    def _external(self, source: Source, piece: Piece) -> None:
        piece.skip(4)
        piece.skip(2)
        used, address = piece.number(2), piece.address()
        if address is None:
            return
        heap = LocalHeap(source, address)
        for _ in range(min(used, _MOST_FILES)):
            name, start, size = piece.length(), piece.length(), piece.length()
            unlimited = size == (1 << 8 * source.sizes.length) - 1
            self.elsewhere.append((as_text(heap.text(name)), 0 if unlimited else start + size))

    def _virtual(self, piece: Piece) -> None:
        """The mappings of a virtual dataset; a later version of them may share names instead of repeating them."""
        version, count = piece.number(1), piece.length()
        for _ in range(min(count, _MOST_FILES)):
            flags = piece.number(1) if version else 0
            if flags & 1:
                pass  # the file itself
            elif flags & 2:
                piece.skip(piece.sizes.length)
            else:
                self.sources.append(as_text(piece.text()))
            if flags & 4:
                piece.skip(piece.sizes.length)
            else:
                piece.text()
            _pass_selection(piece)
            _pass_selection(piece)


def _pass_selection(piece: Piece) -> None:
    kind, version = piece.number(4), piece.number(4)
    if kind in (0, _ALL):
        piece.skip(8)
    elif version == 1:
        piece.skip(4)
        piece.skip(piece.number(4))
    elif version == 2:
        piece.skip(1)
        piece.skip(piece.number(4))
    elif kind == _HYPERSLAB:
        flags, width, rank = piece.number(1), piece.number(1), piece.number(4)
        numbers = 4 * rank if flags & 1 else 2 * rank * piece.number(width)
        piece.skip(numbers * width)
    elif kind == _POINTS:
        width, rank = piece.number(1), piece.number(4)
        piece.skip(rank * width * piece.number(width))
    else:
        raise DamagedError(f"a selection of kind {kind}, which is not known", piece.offset)


def _filters(piece: Piece) -> list[int]:
    version, count = piece.number(1), piece.number(1)
    if version not in (1, 2):
        raise DamagedError("filters of a version that is not known", piece.offset)
    piece.skip(6 if version == 1 else 0)
    found: list[int] = []
    for _ in range(count):
        id_ = piece.number(2)
        length = piece.number(2) if version == 1 or id_ >= 256 else 0
        piece.skip(2)
        values = piece.number(2)
        piece.skip(-(-length // 8) * 8 if version == 1 else length)
        piece.skip(4 * values + (4 if version == 1 and values % 2 else 0))
        found.append(id_)
    return found
