"""Parse attributes, which hold the configuration of a model.

A few small attributes are stored in the object header ("compact"), many or large ones in a fractal heap ("dense").
Source: HDF5 File Format Specification 3.0, IV.A.2.m and IV.A.2.v.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from modelaudit.formats.weights.hdf5.bodies import claim_body
from modelaudit.formats.weights.hdf5.datatypes import VARIABLE, Datatype, parse_dataspace, parse_datatype
from modelaudit.formats.weights.hdf5.dense import read_dense_entries
from modelaudit.formats.weights.hdf5.groups import decode_name
from modelaudit.formats.weights.hdf5.heaps import GlobalHeaps
from modelaudit.formats.weights.hdf5.objects import (
    ATTRIBUTE,
    ATTRIBUTE_INFO,
    DATASPACE,
    DATATYPE,
    SHARED,
    Message,
    read_shared_body,
    resolve_message,
)
from modelaudit.formats.weights.hdf5.source import Piece, StructureSource
from modelaudit.wire.base import DamagedError, LimitReachedError

# B-trees that index attributes by name (8) and by creation order (9); the heap id is at byte 0 of their records.
_INDEX_TYPES: Final = {8: 0, 9: 0}
_MAX_VALUES: Final = 50_000
_LONGEST_NAME: Final = 256  # characters that are kept; the format allows 64 KiB

_TOO_MANY_VALUES: Final = f"only its first {_MAX_VALUES} values were searched"


class Attribute(Struct, frozen=True):
    """One attribute of an object. Its elements stay in the file, because a file can have gigabytes of them.

    Attributes:
        name: the first characters of a name that no program gives.
        count: the number of elements.
        offset: of the attribute in the artifact, in bytes.
        data_offset: of its elements in the artifact, in bytes.
        data_bytes: the size of its elements as stored.
    """

    name: str
    type: Datatype
    count: int
    offset: int
    data_offset: int
    data_bytes: int

    def read_elements(self, source: StructureSource) -> bytes:
        """Return the elements as stored. Raises ``WindowError`` if the window could not return them."""
        return source.read_again(self.data_offset, self.data_bytes)

    def read_values(self, heaps: GlobalHeaps, source: StructureSource) -> Iterator[bytes]:
        """Yield the elements that are texts or bytes, also of variable length. Numbers yield nothing.

        Raises:
            DamagedError: a value is not at its stated place.
            LimitReachedError: there are more than 50,000; the first ones were yielded.
            WindowError: the window could not return the requested bytes.
        """
        if self.type.kind != VARIABLE and not self.type.may_hold_bytes:
            return
        elements = self.read_elements(source)
        if self.type.kind == VARIABLE:
            yield from read_variable_values(Piece(elements, self.offset, source.widths), self.count, self.type, heaps)
        elif self.type.size == 1:
            # An array of single bytes is one value.
            yield elements
        else:
            for index in range(self.count):
                start = index * self.type.size
                if index >= _MAX_VALUES:
                    raise LimitReachedError(_TOO_MANY_VALUES, self.offset)
                yield elements[start : start + self.type.size]


def read_variable_values(piece: Piece, count: int, type_: Datatype, heaps: GlobalHeaps) -> Iterator[bytes]:
    """Yield the values of variable length to which the references in ``piece`` point.

    A reference has the number of items, the address of a collection of values, and the index of the value in that.

    Raises:
        DamagedError: a value is not at its stated place.
        LimitReachedError: there are more than 50,000; the first ones were yielded.
        WindowError: the window could not return the requested bytes.
    """
    for index in range(count):
        # The shape may state more elements than are stored.
        if piece.left < 4:
            return
        if index >= _MAX_VALUES:
            raise LimitReachedError(_TOO_MANY_VALUES, piece.offset + piece.position)
        item_count = piece.take_number(4)
        address, heap_index = piece.take_address(), piece.take_number(4)
        # Empty values have the address 0.
        if address and item_count:
            yield heaps.read_value(address, heap_index)[: item_count * max(type_.item_bytes, 1)]


def read_attributes(source: StructureSource, message: Message) -> Iterator[Attribute | DamagedError]:
    """Yield the attributes that a message holds or points to; none if the message is not of a type that has attributes.

    A damaged attribute of a heap is yielded as an error in its place, so that the others are still read.

    Raises:
        DamagedError: an index, a heap or a compact attribute contradicts itself; the attributes before it were yielded.
        WindowError: the window could not return the requested bytes.
    """
    if message.type == ATTRIBUTE:
        resolved = resolve_message(source, message)
        yield _parse_attribute(Piece(resolved.body, resolved.offset, source.widths), source)
    elif message.type == ATTRIBUTE_INFO:
        yield from _read_dense_attributes(source, message)


def _read_dense_attributes(source: StructureSource, message: Message) -> Iterator[Attribute | DamagedError]:
    """Yield the attributes in the fractal heap of an object, or an error in place of each damaged one."""
    for heap, id_, record in read_dense_entries(source, message, order_size=2, indices=_INDEX_TYPES, what="attributes"):
        try:
            # The flags of the message follow the heap id in the record.
            flags = record.take_number(1)
            if flags & SHARED:
                raise DamagedError("an attribute is in the heap of shared messages, which is not read", record.offset)
            body, offset = heap.read_object(id_, record.offset)
            yield _parse_attribute(Piece(body, offset, source.widths), source)
        except DamagedError as error:
            yield error


def _parse_attribute(piece: Piece, source: StructureSource) -> Attribute:
    """Parse the body of an attribute message: its name, datatype, dataspace and elements.

    Raises:
        DamagedError: the body is truncated, of an unknown version, or refers to a message that is missing.
    """
    version, flags = piece.take_number(1), piece.take_number(1)
    if not 1 <= version <= 3:
        raise DamagedError(f"an attribute has the unknown version {version}", piece.offset)
    # The sizes of name, datatype and dataspace, and from version 3 on the character encoding of the name.
    part_sizes = [piece.take_number(2) for _ in range(3)]
    piece.skip(1 if version == 3 else 0)
    source.claim(piece)
    offset = piece.offset
    parts: list[Piece] = []
    for size in part_sizes:
        part_offset = piece.offset + piece.position
        parts.append(Piece(piece.take(size), part_offset, piece.widths))
        if version == 1:
            piece.skip(min(-size % 8, piece.left))  # version 1 pads each part to 8 bytes
    name_bytes = parts[0].take_text()
    source.claim(parts[0])
    type_bytes = _read_part(source, DATATYPE, parts[1], bool(flags & 1))
    space_bytes = _read_part(source, DATASPACE, parts[2], bool(flags & 2))
    datatype = parse_datatype(Piece(type_bytes, offset, source.widths))
    count = parse_dataspace(Piece(space_bytes, offset, source.widths)).count
    name = decode_name(name_bytes)
    if datatype.size * count > piece.left:
        detail = f"the attribute {name[:80]!r} states {count} elements of {datatype.size} bytes and holds {piece.left}"
        raise DamagedError(detail, offset)
    data_offset = piece.offset + piece.position
    source.claim_data(data_offset - source.base_address, datatype.size * count)
    return Attribute(name[:_LONGEST_NAME], datatype, count, offset, data_offset, datatype.size * count)


def _read_part(source: StructureSource, type_: int, part: Piece, is_shared: bool) -> bytes:
    """Return the datatype or the dataspace of an attribute, which another object may share, and claim its bytes."""
    if is_shared:
        return read_shared_body(source, type_, part.data, part.offset)
    claim_body(source, type_, 0, Piece(part.data, part.offset, part.widths))
    return part.data
