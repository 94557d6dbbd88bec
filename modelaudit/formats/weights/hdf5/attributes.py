"""Attributes, which carry the configuration of a model: compact ones in object headers, many or large ones in heaps.

Source: HDF5 File Format Specification 3.0, IV.A.2.m and IV.A.2.v.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from modelaudit.formats.weights.hdf5.datatypes import VARIABLE, Datatype, read_dataspace, read_datatype
from modelaudit.formats.weights.hdf5.dense import dense_entries
from modelaudit.formats.weights.hdf5.groups import as_text
from modelaudit.formats.weights.hdf5.heaps import GlobalHeaps
from modelaudit.formats.weights.hdf5.objects import (
    ATTRIBUTE,
    ATTRIBUTE_INFO,
    DATASPACE,
    DATATYPE,
    Message,
    resolved,
    shared_body,
)
from modelaudit.formats.weights.hdf5.source import Piece, Source
from modelaudit.wire.base import DamagedError

# The indices by name and by order of creation, whose records begin with the id.
_INDICES: Final = {8: 0, 9: 0}
_VALUES: Final = 4096


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute.

    Attributes:
        data: its elements as stored.
        offset: where the attribute stands in the artifact, in bytes.
    """

    name: str
    type: Datatype
    count: int
    data: bytes
    offset: int

    def values(self, heaps: GlobalHeaps, source: Source) -> Iterator[bytes]:
        """Its elements, where they are texts or bytes, those of variable length included; at most 4096.

        Raises:
            DamagedError: a value is not where it is said to be.
            WindowError: from the window.
        """
        if self.type.kind == VARIABLE:
            yield from variable_values(Piece(self.data, self.offset, source.sizes), self.count, self.type, heaps)
        elif self.type.may_hold_bytes and self.type.size == 1:
            yield self.data
        elif self.type.may_hold_bytes:
            step = self.type.size
            for index in range(min(self.count, _VALUES)):
                yield self.data[index * step : (index + 1) * step]


def variable_values(piece: Piece, count: int, type_: Datatype, heaps: GlobalHeaps) -> Iterator[bytes]:
    """The values of variable length to which ``piece`` leads; at most 4096.

    Raises:
        DamagedError: a value is not where it is said to be.
        WindowError: from the window.
    """
    for _ in range(min(count, _VALUES)):
        if piece.left < 4:
            return
        length = piece.number(4)
        address, index = piece.address(), piece.number(4)
        if address and length:
            yield heaps.value(address, index)[: length * max(type_.base, 1)]


def attributes_of(source: Source, message: Message) -> Iterator[Attribute | DamagedError]:
    """The attributes that a message holds or leads to, or the damage in one; none for a message of another kind.

    Raises:
        DamagedError: a structure on the way contradicts itself; the attributes before it were yielded.
        WindowError: from the window.
    """
    if message.type == ATTRIBUTE:
        found = resolved(source, message)
        yield _attribute(Piece(found.body, found.offset, source.sizes), source)
    elif message.type == ATTRIBUTE_INFO:
        yield from _dense(source, message)


def _dense(source: Source, message: Message) -> Iterator[Attribute | DamagedError]:
    for heap, id_, record in dense_entries(source, message, 2, _INDICES, "attributes"):
        try:
            if record.number(1) & 2:
                raise DamagedError("an attribute in the heap of shared messages, which is not read", record.offset)
            body, offset = heap.object(id_)
            yield _attribute(Piece(body, offset, source.sizes), source)
        except DamagedError as error:
            yield error


def _attribute(piece: Piece, source: Source) -> Attribute:
    version, flags = piece.number(1), piece.number(1)
    if not 1 <= version <= 3:
        raise DamagedError("an attribute of a version that is not known", piece.offset)
    sizes = [piece.number(2) for _ in range(3)]
    piece.skip(1 if version == 3 else 0)
    offset = piece.offset
    parts: list[bytes] = []
    for size in sizes:
        parts.append(piece.take(size))
        if version == 1:
            piece.skip(min(-size % 8, piece.left))
    name, type_, space = parts
    if flags & 1:
        type_ = shared_body(source, DATATYPE, type_, offset)
    if flags & 2:
        space = shared_body(source, DATASPACE, space, offset)
    datatype = read_datatype(Piece(type_, offset, source.sizes))
    count = read_dataspace(Piece(space, offset, source.sizes)).count
    text = as_text(name.partition(b"\0")[0])
    if datatype.size * count > piece.left:
        detail = f"the attribute {text[:80]!r} states {count} elements of {datatype.size} bytes and holds {piece.left}"
        raise DamagedError(detail, offset)
    return Attribute(text, datatype, count, piece.take(datatype.size * count), offset)
