"""Read dense storage: links or attributes in a fractal heap, indexed by B-trees.

A group or an object uses it once it has many links or attributes.

Source: HDF5 File Format Specification 3.0, sections IV.A.2.c (Link Info) and IV.A.2.v (Attribute Info).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from modelaudit.formats.weights.hdf5.fractal import FractalHeap
from modelaudit.formats.weights.hdf5.objects import Message
from modelaudit.formats.weights.hdf5.source import Piece, StructureSource
from modelaudit.formats.weights.hdf5.trees import read_records
from modelaudit.wire.base import DamagedError


def read_dense_entries(
    source: StructureSource, message: Message, order_size: int, indices: Mapping[int, int], what: str
) -> Iterator[tuple[FractalHeap, bytes, Piece]]:
    """Yield (heap, id, record) for each entry: its heap, its id in the heap, and its index record after the id.

    Both indices are read, and an entry in either is yielded once, so an index that omits an entry does not hide it.

    Args:
        source: the structures of the file.
        message: holds the addresses of the heap and the indices.
        order_size: bytes of the field for the greatest creation order; the message has it if the order is tracked.
        indices: the types of B-trees that may index these entries, each with the offset of the id in its records.
        what: the entries in words, for messages: ``attributes``.

    Raises:
        DamagedError: an index or the heap contradicts itself.
        WindowError: the window could not return the requested bytes.
    """
    piece = Piece(message.body, message.offset, source.widths)
    piece.skip(1)  # the version
    flags = piece.take_number(1)
    tracks_order, has_order_index = flags & 1, flags & 2
    piece.skip(order_size if tracks_order else 0)
    heap_address, name_index = piece.take_address(), piece.take_address()
    order_index = piece.take_address() if has_order_index else None
    source.claim(piece)
    if heap_address is None:
        return
    heap = FractalHeap(source, heap_address)
    seen: set[bytes] = set()
    for index in (name_index, order_index):
        if index is None:
            continue
        for type_, record in read_records(source, index):
            if type_ not in indices:
                raise DamagedError(f"the index of {what} is a tree of the wrong type", record.offset)
            record.skip(indices[type_])
            id_ = record.take(min(heap.id_length, record.left))
            if id_ not in seen:
                seen.add(id_)
                yield heap, id_, record
