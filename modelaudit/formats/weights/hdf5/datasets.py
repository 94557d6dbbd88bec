"""Parse the messages of a dataset: where its elements are stored, also in other files, and its filters.

Source: HDF5 File Format Specification 3.0, IV.A.2.h, IV.A.2.i, IV.A.2.l and VII.A (virtual datasets).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from modelaudit.formats.weights.hdf5.datatypes import Dataspace, Datatype, parse_dataspace, parse_datatype
from modelaudit.formats.weights.hdf5.groups import decode_name
from modelaudit.formats.weights.hdf5.heaps import GlobalHeaps, LocalHeap
from modelaudit.formats.weights.hdf5.objects import (
    DATASPACE,
    DATATYPE,
    EXTERNAL,
    FILTERS,
    LAYOUT,
    Message,
    resolve_message,
)
from modelaudit.formats.weights.hdf5.source import Piece, StructureSource
from modelaudit.wire.base import DamagedError

COMPACT: Final = 0
CONTIGUOUS: Final = 1
CHUNKED: Final = 2
VIRTUAL: Final = 3
_ALL_ELEMENTS: Final = 3
_HYPERSLAB: Final = 2
_POINTS: Final = 1
_MAX_FILES: Final = 4096
_LAYOUT_NAMES: Final = {COMPACT: "compact", CONTIGUOUS: "contiguous", CHUNKED: "chunked", VIRTUAL: "virtual"}


@dataclass(slots=True)
class Dataset:
    """One dataset, completed message by message.

    Attributes:
        layout: the number of the storage layout; ``None`` until a layout message was read.
        address, size: of the elements where they are stored in one range.
        compact: the elements themselves where the header holds them.
        offset: of the layout message in the artifact, in bytes.
        external_files: names of files that hold the elements, each with the size in bytes that it must have.
        source_files: names of files that a virtual dataset combines.
        filters: their numbers, in the order of application.
    """

    type: Datatype | None = None
    space: Dataspace | None = None
    layout: int | None = None
    address: int | None = None
    size: int | None = None
    compact: bytes = b""
    offset: int = 0
    external_files: list[tuple[str, int]] = field(default_factory=list)
    source_files: list[str] = field(default_factory=list)
    filters: list[int] = field(default_factory=list)

    @property
    def declared_bytes(self) -> int:
        """The size of all elements in memory, in bytes, as the shape states it."""
        return self.type.size * self.space.count if self.type and self.space else 0

    @property
    def layout_name(self) -> str:
        """The name of the layout."""
        return _LAYOUT_NAMES.get(-1 if self.layout is None else self.layout, "unknown")

    def record_message(self, source: StructureSource, heaps: GlobalHeaps, message: Message) -> None:
        """Record a message that describes the dataset; ignore any other.

        Raises:
            DamagedError: the message contradicts itself.
            WindowError: the window could not return the requested bytes.
        """
        if message.type not in (DATASPACE, DATATYPE, LAYOUT, FILTERS, EXTERNAL):
            return
        found = resolve_message(source, message)
        piece = Piece(found.body, found.offset, source.sizes)
        if message.type == DATASPACE:
            self.space = parse_dataspace(piece)
        elif message.type == DATATYPE:
            self.type = parse_datatype(piece)
        elif message.type == FILTERS:
            self.filters += _parse_filters(piece)
        elif message.type == EXTERNAL:
            self._parse_external_files(source, piece)
        else:
            self.offset = piece.offset
            self._parse_layout(piece, heaps)

    def _parse_layout(self, piece: Piece, heaps: GlobalHeaps) -> None:
        version = piece.take_number(1)
        if version < 3:
            self._parse_old_layout(piece)
            return
        if version > 5:
            raise DamagedError(f"a layout has the unknown version {version}", piece.offset)
        self.layout = piece.take_number(1)
        if self.layout == COMPACT:
            self.compact = piece.take(piece.take_number(2))
        elif self.layout == CONTIGUOUS:
            self.address, self.size = piece.take_address(), piece.take_length()
        elif self.layout == VIRTUAL:
            address, index = piece.take_address(), piece.take_number(4)
            if address:
                self._parse_virtual_mappings(Piece(heaps.read_value(address, index), piece.offset, piece.sizes))
        elif self.layout != CHUNKED:
            raise DamagedError(f"a layout of kind {self.layout}, which is not known", piece.offset)

    def _parse_old_layout(self, piece: Piece) -> None:
        rank, self.layout = piece.take_number(1), piece.take_number(1)
        piece.skip(5)
        self.address = None if self.layout == COMPACT else piece.take_address()
        piece.skip(4 * rank)
        if self.layout == COMPACT:  # only in this version the size has four bytes
            self.compact = piece.take(piece.take_number(4))
        elif self.layout not in (CONTIGUOUS, CHUNKED):
            raise DamagedError(f"a layout of kind {self.layout}, which is not known", piece.offset)

    def _parse_external_files(self, source: StructureSource, piece: Piece) -> None:
        piece.skip(4)
        piece.skip(2)
        used, address = piece.take_number(2), piece.take_address()
        if address is None:
            return
        heap = LocalHeap(source, address)
        for _ in range(min(used, _MAX_FILES)):
            name, start, size = piece.take_length(), piece.take_length(), piece.take_length()
            # The last external file may be of unlimited size, which all bits set mean. Then no size is required.
            unlimited = size == (1 << 8 * source.sizes.length) - 1
            self.external_files.append((decode_name(heap.read_name(name)), 0 if unlimited else start + size))

    def _parse_virtual_mappings(self, piece: Piece) -> None:
        """Record the source files of a virtual dataset. Version 1 may refer to a name instead of repeating it."""
        version, count = piece.take_number(1), piece.take_length()
        for _ in range(min(count, _MAX_FILES)):
            flags = piece.take_number(1) if version else 0
            if flags & 1:
                pass  # the source is this file
            elif flags & 2:
                piece.skip(piece.sizes.length)
            else:
                self.source_files.append(decode_name(piece.take_text()))
            if flags & 4:
                piece.skip(piece.sizes.length)
            else:
                piece.take_text()
            _skip_selection(piece)
            _skip_selection(piece)


def _skip_selection(piece: Piece) -> None:
    kind, version = piece.take_number(4), piece.take_number(4)
    if kind in (0, _ALL_ELEMENTS):
        piece.skip(8)
    elif version == 1:
        piece.skip(4)
        piece.skip(piece.take_number(4))
    elif version == 2:
        piece.skip(1)
        piece.skip(piece.take_number(4))
    elif kind == _HYPERSLAB:
        flags, width, rank = piece.take_number(1), piece.take_number(1), piece.take_number(4)
        numbers = 4 * rank if flags & 1 else 2 * rank * piece.take_number(width)
        piece.skip(numbers * width)
    elif kind == _POINTS:
        width, rank = piece.take_number(1), piece.take_number(4)
        piece.skip(rank * width * piece.take_number(width))
    else:
        raise DamagedError(f"a selection has the unknown kind {kind}", piece.offset)


def _parse_filters(piece: Piece) -> list[int]:
    version, count = piece.take_number(1), piece.take_number(1)
    if version not in (1, 2):
        raise DamagedError(f"a list of filters has the unknown version {version}", piece.offset)
    piece.skip(6 if version == 1 else 0)
    found: list[int] = []
    for _ in range(count):
        id_ = piece.take_number(2)
        length = piece.take_number(2) if version == 1 or id_ >= 256 else 0
        piece.skip(2)
        values = piece.take_number(2)
        # Version 1 pads the name to eight bytes, and the values to an even number.
        piece.skip(-(-length // 8) * 8 if version == 1 else length)
        piece.skip(4 * values + (4 if version == 1 and values % 2 else 0))
        found.append(id_)
    return found
