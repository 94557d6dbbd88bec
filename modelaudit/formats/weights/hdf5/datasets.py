"""Parse the messages of a dataset: where its elements are stored, also in other files, and its filters.

Source: HDF5 File Format Specification 3.0, IV.A.2.h, IV.A.2.i, IV.A.2.l and VII.A (virtual datasets).
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct, field

from modelaudit.formats.weights.hdf5.chunks import TREE, ChunkIndex, parse_chunk_index
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
# The number of the filter that sorts the bytes of elements by their position (IV.A.2.l).
SHUFFLE: Final = 2
# Kinds of selections, the subsets of the elements that a virtual dataset maps (VII.A).
_NO_ELEMENTS: Final = 0
_POINTS: Final = 1
_HYPERSLAB: Final = 2
_ALL_ELEMENTS: Final = 3


class Dataset(Struct):
    """One dataset, completed message by message.

    Attributes:
        layout: the number of the storage layout; ``None`` until a layout message was read.
        type: the type of its elements; ``None`` until its message was read.
        space: the shape of its elements; ``None`` until its message was read.
        address: of the elements if they are stored in one range.
        size: of that range, in bytes.
        chunks: the index of the chunks; ``None`` for another layout.
        compact: the elements themselves if the header holds them.
        offset: of the layout message in the artifact, in bytes.
        external_files: names of files that hold the elements, each with the size in bytes that it must have.
        source_files: names of files that a virtual dataset combines.
        filters: their numbers, in the order of application.
        shuffled_bytes: the size of the units whose bytes the shuffle filter sorts by their position.
    """

    type: Datatype | None = None
    space: Dataspace | None = None
    layout: int | None = None
    address: int | None = None
    size: int | None = None
    chunks: ChunkIndex | None = None
    compact: bytes = b""
    offset: int = 0
    external_files: list[tuple[str, int]] = field(default_factory=list)
    source_files: list[str] = field(default_factory=list)
    filters: list[int] = field(default_factory=list)
    shuffled_bytes: int = 1

    @property
    def declared_bytes(self) -> int:
        """The size of all elements in memory, in bytes, as the shape states it."""
        return self.type.size * self.space.count if self.type and self.space else 0

    def record_message(self, source: StructureSource, heaps: GlobalHeaps, message: Message) -> None:
        """Record a message that describes the dataset; ignore any other.

        Raises:
            DamagedError: the message contradicts itself.
            WindowError: the window could not return the requested bytes.
        """
        if message.type not in (DATASPACE, DATATYPE, LAYOUT, FILTERS, EXTERNAL):
            return
        resolved = resolve_message(source, message)
        piece = Piece(resolved.body, resolved.offset, source.widths)
        if message.type == DATASPACE:
            self.space = parse_dataspace(piece)
        elif message.type == DATATYPE:
            self.type = parse_datatype(piece)
        elif message.type == FILTERS:
            for number, values in _parse_filters(piece):
                self.filters.append(number)
                if number == SHUFFLE and values:
                    self.shuffled_bytes = values[0]
            source.claim(piece)
        elif message.type == EXTERNAL:
            self._parse_external_files(source, piece)
        else:
            self.offset = piece.offset
            self._parse_layout(piece, heaps)
            source.claim(piece)
            if self.layout == COMPACT:
                # The elements are the bytes that were taken last.
                elements_offset = piece.offset + piece.position - len(self.compact)
                source.claim_data(elements_offset - source.base_address, len(self.compact))

    def _parse_layout(self, piece: Piece, heaps: GlobalHeaps) -> None:
        """Parse the body of a layout message: where the elements are stored.

        Raises:
            DamagedError: the version or the kind of the layout is unknown, or the body is truncated.
        """
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
                self._parse_virtual_mappings(heaps.read_verified_value(address, index, "the mappings of a dataset"))
        elif self.layout == CHUNKED:
            self.chunks = parse_chunk_index(piece, version)
        else:
            raise DamagedError(f"a layout has the unknown kind {self.layout}", piece.offset)

    def _parse_old_layout(self, piece: Piece) -> None:
        """Parse the rest of a layout message of version 1 or 2, after its version."""
        rank, self.layout = piece.take_number(1), piece.take_number(1)
        piece.skip(5)  # reserved
        self.address = None if self.layout == COMPACT else piece.take_address()
        # The dimensions of the dataset, or of a chunk with the size of an element.
        sizes = tuple(piece.take_number(4) for _ in range(rank))
        if self.layout == CHUNKED:
            self.chunks = ChunkIndex(TREE, self.address, sizes)
        if self.layout == COMPACT:  # only in these versions the size has four bytes
            self.compact = piece.take(piece.take_number(4))
        elif self.layout not in (CONTIGUOUS, CHUNKED):
            raise DamagedError(f"a layout has the unknown kind {self.layout}", piece.offset)

    def _parse_external_files(self, source: StructureSource, piece: Piece) -> None:
        """Record the external files that hold the elements; their names are in a local heap."""
        # The version, reserved bytes and the number of allocated slots.
        piece.skip(6)
        file_count, heap_address = piece.take_number(2), piece.take_address()
        source.claim(piece)
        if heap_address is None:
            return
        heap = LocalHeap(source, heap_address)
        for _ in range(file_count):
            name_offset, start, size = piece.take_length(), piece.take_length(), piece.take_length()
            # All bits set mean that the size of the last external file is unlimited. Then no size is required.
            is_unlimited = size == (1 << (8 * source.widths.length)) - 1
            needed_size = 0 if is_unlimited else start + size
            self.external_files.append((decode_name(heap.read_name(name_offset)), needed_size))
            source.claim(piece)

    def _parse_virtual_mappings(self, piece: Piece) -> None:
        """Record the source files of a virtual dataset.

        A mapping names a source file and a source dataset, and selects elements of the source and of this dataset.
        Version 1 may refer to a name in an earlier mapping instead of repeating it.
        """
        version, mapping_count = piece.take_number(1), piece.take_length()
        # A forged count ends with the bytes of the piece: each mapping takes some.
        for _ in range(mapping_count):
            flags = piece.take_number(1) if version else 0
            refers_to_file_name, refers_to_dataset_name, source_is_this_file = flags & 1, flags & 2, flags & 4
            if source_is_this_file:
                pass  # no name is stored
            elif refers_to_file_name:
                piece.skip(piece.widths.length)
            else:
                self.source_files.append(decode_name(piece.take_text()))
            if refers_to_dataset_name:
                piece.skip(piece.widths.length)
            else:
                piece.take_text()
            _skip_selection(piece)
            _skip_selection(piece)


def _skip_selection(piece: Piece) -> None:
    """Skip a serialised selection of elements (VII.A, "Dataspace Selection").

    Raises:
        DamagedError: the kind of the selection is unknown, or it is truncated.
    """
    kind, version = piece.take_number(4), piece.take_number(4)
    if kind in (_NO_ELEMENTS, _ALL_ELEMENTS):
        piece.skip(8)  # reserved
    elif version == 1:
        # Reserved bytes; then the length of the rest.
        piece.skip(4)
        piece.skip(piece.take_number(4))
    elif version == 2:
        # Flags; then the length of the rest.
        piece.skip(1)
        piece.skip(piece.take_number(4))
    elif kind == _HYPERSLAB:
        flags, width, rank = piece.take_number(1), piece.take_number(1), piece.take_number(4)
        is_regular = flags & 1
        # A regular hyperslab has start, stride, count and block for each dimension. Any other has a list of blocks,
        # each with two corners.
        number_count = 4 * rank if is_regular else 2 * rank * piece.take_number(width)
        piece.skip(number_count * width)
    elif kind == _POINTS:
        width, rank = piece.take_number(1), piece.take_number(4)
        point_count = piece.take_number(width)
        piece.skip(rank * width * point_count)
    else:
        raise DamagedError(f"a selection has the unknown kind {kind}", piece.offset)


def _parse_filters(piece: Piece) -> list[tuple[int, list[int]]]:
    """Return the number and the values of each filter in the body of a filter message, in the order of application.

    Raises:
        DamagedError: the version is unknown, or the body is truncated.
    """
    version, count = piece.take_number(1), piece.take_number(1)
    if version not in (1, 2):
        raise DamagedError(f"a list of filters has the unknown version {version}", piece.offset)
    piece.skip(6 if version == 1 else 0)  # reserved
    filters: list[tuple[int, list[int]]] = []
    for _ in range(count):
        number = piece.take_number(2)
        # In version 2, filters of the HDF5 library (below 256) have no name.
        name_length = piece.take_number(2) if version == 1 or number >= 256 else 0
        piece.skip(2)  # flags
        value_count = piece.take_number(2)
        # Version 1 pads the name to eight bytes, and the values to an even number.
        piece.skip(name_length + (-name_length % 8 if version == 1 else 0))
        values = [piece.take_number(4) for _ in range(value_count)]
        piece.skip(4 if version == 1 and value_count % 2 else 0)
        filters.append((number, values))
    return filters
