"""Claim the chunks of a dataset as data, and the index that lists them as parsed.

The index is a B-tree in older files. In newer ones it depends on the shape: one chunk, chunks in a row, a fixed array,
an extensible array or a B-tree of version 2.
Source: HDF5 File Format Specification 3.0, III.A, IV.A.2.i and VII.C to VII.D; ``src/H5EA*.c`` and ``src/H5FA*.c``.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Final

from msgspec import Struct

from modelaudit.formats.weights.hdf5.array_index import list_extensible_array, list_fixed_array
from modelaudit.formats.weights.hdf5.source import Piece, StructureSource
from modelaudit.formats.weights.hdf5.trees import CHUNK_TREE, list_tree_children, read_records
from modelaudit.wire.base import DamagedError

TREE: Final = 0
_SINGLE: Final = 1
_IMPLICIT: Final = 2
_FIXED_ARRAY: Final = 3
_EXTENSIBLE_ARRAY: Final = 4
_NEW_TREE: Final = 5
# The bytes of the parameters of an index, which are skipped: the index itself repeats what is needed.
_PARAMETER_BYTES: Final = {_IMPLICIT: 0, _FIXED_ARRAY: 1, _EXTENSIBLE_ARRAY: 5, _NEW_TREE: 6}
_SINGLE_CHUNK_IS_FILTERED: Final = 0x02
# The type of the B-tree of version 2 whose records name filtered chunks; without filters it is 10.
_FILTERED_CHUNKS: Final = 11


class ChunkIndex(Struct, frozen=True):
    """The index of the chunks of one dataset.

    Attributes:
        kind: 0 for a B-tree of version 1, else the number of the kind in the layout message of version 4.
        address: of the index, or of the first chunk; ``None`` if no chunk was stored.
        sizes: the dimensions of a chunk, and as the last item the size of an element in bytes.
        stored_size: of the only chunk in bytes if it is filtered, else 0.
    """

    kind: int
    address: int | None
    sizes: tuple[int, ...]
    stored_size: int = 0

    @property
    def chunk_bytes(self) -> int:
        """The size of a chunk without filters, in bytes."""
        return prod(self.sizes)


def parse_chunk_index(piece: Piece, version: int) -> ChunkIndex:
    """Parse the rest of a layout message of version 3, 4 or 5 after its class.

    Raises:
        DamagedError: the message is truncated, or the kind of the index is unknown.
    """
    if version == 3:
        rank = piece.take_number(1)
        address = piece.take_address()
        return ChunkIndex(TREE, address, tuple(piece.take_number(4) for _ in range(rank)))
    flags, rank, width = piece.take_number(1), piece.take_number(1), piece.take_number(1)
    sizes = tuple(piece.take_number(width) for _ in range(rank))
    kind = piece.take_number(1)
    stored_size = 0
    if kind == _SINGLE and flags & _SINGLE_CHUNK_IS_FILTERED:
        stored_size = piece.take_length()
        piece.skip(4)  # the mask of the filters
    elif kind in _PARAMETER_BYTES:
        piece.skip(_PARAMETER_BYTES[kind])
    elif kind != _SINGLE:
        raise DamagedError(f"the index of chunks has the unknown kind {kind}", piece.offset)
    return ChunkIndex(kind, piece.take_address(), sizes, stored_size)


def list_chunks(source: StructureSource, index: ChunkIndex, shape: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """Yield the address and the size in bytes of each chunk, and claim the structures of the index.

    Chunks that lie in a row without an index are yielded as one.

    Args:
        source: the structures of the file.
        index: the index.
        shape: of the dataset.

    Raises:
        DamagedError: the index contradicts itself.
        LimitReachedError: it has too many nodes.
        WindowError: the window could not return the requested bytes.
    """
    address = index.address
    if address is None:
        return
    if index.kind == TREE:
        yield from _list_tree_chunks(source, address, len(index.sizes))
    elif index.kind == _SINGLE:
        yield address, index.stored_size or index.chunk_bytes
    elif index.kind == _IMPLICIT:
        # The number of chunks in each dimension, rounded up.
        counts = (-(-extent // max(size, 1)) for extent, size in zip(shape, index.sizes, strict=False))
        row_bytes = index.chunk_bytes * prod(counts)
        yield address, row_bytes
    elif index.kind == _NEW_TREE:
        yield from _list_new_tree_chunks(source, address, index)
    else:
        list_entries = list_fixed_array if index.kind == _FIXED_ARRAY else list_extensible_array
        for chunk_address, size in list_entries(source, address):
            yield chunk_address, index.chunk_bytes if size is None else size


def _list_tree_chunks(source: StructureSource, address: int, rank: int) -> Iterator[tuple[int, int]]:
    """Yield the address and the size in bytes of each chunk in a B-tree of version 1.

    A key has the size of the chunk and a mask, in four bytes each, and an offset of eight bytes in each dimension.
    """
    for key, chunk_address in list_tree_children(source, address, CHUNK_TREE, 8 + 8 * rank):
        yield chunk_address, int.from_bytes(key[:4], "little")


def _list_new_tree_chunks(source: StructureSource, address: int, index: ChunkIndex) -> Iterator[tuple[int, int]]:
    """Yield the address and the size in bytes of each chunk in a B-tree of version 2."""
    # After the address, a record of a filtered chunk has its size and a mask of four bytes. Then an offset follows for
    # each dimension; the last of ``index.sizes`` does not count a dimension.
    offsets_bytes = 8 * (len(index.sizes) - 1)
    for type_, record in read_records(source, address):
        chunk_address = record.take_address()
        size = index.chunk_bytes
        if type_ == _FILTERED_CHUNKS:
            size = record.take_number(max(0, record.left - 4 - offsets_bytes))
        if chunk_address is not None:
            yield chunk_address, size
