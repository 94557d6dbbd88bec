"""Read FlatBuffers lazily through a window: tables by slot, vectors and texts. Every offset is checked.

Offsets to tables, vectors and texts only point forwards, so there are no cycles. Many offsets may share one target;
therefore the number of tables and elements that are read is limited. A file of any size takes a few blocks of memory.

Source: https://flatbuffers.dev/internals/
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Iterator
from typing import Final, NamedTuple

from modelaudit.model.artifact import Window
from modelaudit.model.limits import KIB, Limits
from modelaudit.wire.base import DamagedError, LimitReachedError

_BLOCK: Final = 64 * KIB
# Blocks that are kept in memory, the most recently used ones.
_MOST_BLOCKS: Final = 64
# Reading a table takes about as long as reading this many values of a document.
_NODES_PER_TABLE: Final = 5
_INTEGER_STRUCTS: Final = {code: struct.Struct("<" + code) for code in "bBhHiIqQ"}
_LENGTH_BYTES: Final = 4  # the number of elements, in front of a vector
_OFFSET_BYTES: Final = 4
_OFFSETS_AT_ONCE: Final = 4096
"""Offsets of a vector that are read at once, to bound memory."""
_MOST_VTABLES: Final = 10_000
"""Lists of fields that are kept in memory. Thousands of tables share one, except in a hostile file."""
_VTABLE_HEAD: Final = 4  # the length of the vtable and that of the table, two bytes each
_SLOT_BYTES: Final = 2
IDENTIFIER_OFFSET: Final = 4
"""Offset of the four letters that identify the format, in bytes."""


class VTable(NamedTuple):
    """The list of the fields of a table: its position in the buffer, and its length in bytes."""

    position: int
    length: int


class FlatBuffer:
    """A window that holds one buffer; at most a fixed number of its tables and elements are read."""

    __slots__ = ("_blocks", "_left", "_most", "_newest", "_newest_start", "_vtables", "size", "window")

    def __init__(self, window: Window, limits: Limits) -> None:
        most_tables = limits.document_nodes // _NODES_PER_TABLE
        self.window = window
        self.size = window.size
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        # The block that was read last, apart from the others: nearly every number lies in it.
        self._newest_start, self._newest = 0, b""
        # Lists of fields that lie in the buffer, by their position.
        self._vtables: dict[int, VTable] = {}
        self._most = self._left = most_tables

    def read_root(self) -> Table:
        """Return the root table. Raises like ``read_number``, and like ``spend``."""
        return Table(self, self.follow_offset(0))

    @property
    def tables_left(self) -> int:
        """The number of tables and elements that may still be read."""
        return self._left

    def spend(self, count: int = 1) -> None:
        """Count ``count`` tables or elements as read. Raises ``LimitReachedError`` when too many were read."""
        self._left -= count
        if self._left < 0:
            raise LimitReachedError(f"it holds more than {self._most} tables and elements of vectors")

    def read_number(self, position: int, code: str) -> int:
        """Return the integer at ``position`` in the ``struct`` format ``code``, little-endian.

        Raises:
            DamagedError: it would lie outside the buffer.
            WindowError: the window could not return the requested bytes.
        """
        integer_struct = _INTEGER_STRUCTS[code]
        place_in_newest = position - self._newest_start
        value: int
        if 0 <= place_in_newest <= len(self._newest) - integer_struct.size:
            value = integer_struct.unpack_from(self._newest, place_in_newest)[0]
        else:
            value = integer_struct.unpack(self.read_bytes(position, integer_struct.size))[0]
        return value

    def read_vtable(self, position: int) -> VTable:
        """Return the list of fields of the table at ``position``, and count the table.

        Raises:
            DamagedError: the list would lie outside the buffer, or its length is invalid.
            LimitReachedError: too many tables were read.
            WindowError: the window could not return the requested bytes.
        """
        self.spend()
        start = position - self.read_number(position, "i")
        vtable = self._vtables.get(start)
        if vtable is None:
            length = self.read_number(start, "H")
            if length < _VTABLE_HEAD or length % _SLOT_BYTES or start + length > self.size:
                detail = f"a table states an invalid length of {length} bytes for its list of fields"
                raise DamagedError(detail, position)
            vtable = VTable(start, length)
            if len(self._vtables) < _MOST_VTABLES:
                self._vtables[start] = vtable
        return vtable

    def find_slot(self, vtable: VTable, slot: int) -> int:
        """Return the place of a field, counted from the position of its table; 0 if it is omitted.

        Raises:
            WindowError: the window could not return the requested bytes.
        """
        entry = _VTABLE_HEAD + _SLOT_BYTES * slot
        if entry + _SLOT_BYTES > vtable.length:  # the writer did not know this slot
            return 0
        return self.read_number(vtable.position + entry, "H")

    def read_bytes(self, position: int, length: int) -> bytes:
        """Return ``length`` bytes at ``position``. Raises like ``read_number``."""
        if position < 0 or position + length > self.size:
            raise DamagedError(f"{length} bytes at {position} lie outside the buffer of {self.size} bytes", position)
        place_in_block = position % _BLOCK
        if place_in_block + length > _BLOCK:
            return self.window.read(position, length)
        return self._load_block(position // _BLOCK)[place_in_block : place_in_block + length]

    def follow_offset(self, position: int) -> int:
        """Return the position that the offset at ``position`` points to. Raises like ``read_number``."""
        return self._resolve_offset(position, self.read_number(position, "I"))

    def follow_offsets(self, start: int, count: int) -> Iterator[int]:
        """Yield the positions that ``count`` offsets from ``start`` on point to. Raises like ``read_number``."""
        for first in range(0, count, _OFFSETS_AT_ONCE):
            position = start + first * _OFFSET_BYTES
            offsets = self.read_bytes(position, min(_OFFSETS_AT_ONCE, count - first) * _OFFSET_BYTES)
            for (offset,) in _INTEGER_STRUCTS["I"].iter_unpack(offsets):
                yield self._resolve_offset(position, offset)
                position += _OFFSET_BYTES

    def _resolve_offset(self, position: int, offset: int) -> int:
        """Return the position that ``offset``, which lies at ``position``, points to; raises ``DamagedError``."""
        if not offset or position + offset >= self.size:
            raise DamagedError(f"an offset of {offset} is 0 or points outside the buffer", position)
        return position + offset

    def read_count(self, position: int, width: int) -> int:
        """Return the number of elements of ``width`` bytes of the vector at ``position``.

        Raises:
            DamagedError: the vector would end outside the buffer.
            WindowError: the window could not return the requested bytes.
        """
        count = self.read_number(position, "I")
        if position + _LENGTH_BYTES + count * width > self.size:
            raise DamagedError(f"a vector of {count} elements of {width} bytes ends beyond the file", position)
        return count

    def _load_block(self, index: int) -> bytes:
        """Return the block with this index, from memory or the window, and drop the least recently used block."""
        block = self._blocks.get(index)
        if block is None:
            block = self.window.read(index * _BLOCK, min(_BLOCK, self.size - index * _BLOCK))
            self._blocks[index] = block
            if len(self._blocks) > _MOST_BLOCKS:
                self._blocks.popitem(last=False)
        else:
            self._blocks.move_to_end(index)
        self._newest_start, self._newest = index * _BLOCK, block
        return block


class Vector:
    """A vector of ``count`` elements of ``width`` bytes each, which lies entirely in the buffer."""

    __slots__ = ("_buffer", "count", "start", "width")

    def __init__(self, buffer: FlatBuffer, position: int, width: int) -> None:
        self._buffer = buffer
        self.count = buffer.read_count(position, width)
        self.start = position + _LENGTH_BYTES
        self.width = width

    def read_first_bytes(self, most_bytes: int) -> bytes:
        """Return the first ``most_bytes`` bytes.

        Raises:
            WindowError: the window could not return the requested bytes.
        """
        return self._buffer.read_bytes(self.start, min(most_bytes, self.count * self.width))

    def numbers(self, code: str) -> Iterator[int]:
        """Yield the elements as integers. Raises like ``FlatBuffer.spend`` and ``FlatBuffer.read_bytes``."""
        per_block = _BLOCK // self.width  # elements unpacked at once, to bound memory
        for first in range(0, self.count, per_block):
            count = min(per_block, self.count - first)
            self._buffer.spend(count)
            yield from struct.unpack(f"<{count}{code}", self._buffer.read_bytes(self.start + first * self.width,
                                                                          count * self.width))  # fmt: skip

    def tables(self) -> Iterator[Table]:
        """Yield the elements as tables. Raises like ``FlatBuffer.read_root``."""
        for index in range(self.count):
            yield self.table(index)

    def table(self, index: int) -> Table:
        """Return one element as a table. Raises like ``FlatBuffer.read_root``."""
        return Table(self._buffer, self._buffer.follow_offset(self.start + index * self.width))

    def texts(self, most_bytes: int) -> Iterator[str]:
        """Yield the elements as texts of at most ``most_bytes`` bytes. Raises like ``FlatBuffer.read_root``."""
        for index in range(self.count):
            self._buffer.spend()
            yield _read_text(self._buffer, self._buffer.follow_offset(self.start + index * self.width), most_bytes)


class Table:
    """A table. A field is found by its slot; the writer may omit any field, and readers then use the default.

    A table begins with the signed distance back to its list of fields (vtable), which gives the offset of each slot.

    Attributes:
        position: offset of the table in the buffer.
        vtable: its list of fields.
    """

    __slots__ = ("_buffer", "position", "vtable")

    def __init__(self, buffer: FlatBuffer, position: int) -> None:
        self._buffer = buffer
        self.position = position
        self.vtable = buffer.read_vtable(position)

    def find_field(self, slot: int) -> int:
        """Return the position of a field; 0 if it is omitted. Raises like ``FlatBuffer.read_number``."""
        distance = self._buffer.find_slot(self.vtable, slot)
        return self.position + distance if distance else 0

    def number(self, slot: int, code: str, default: int = 0) -> int:
        """Return an integer field in the ``struct`` format ``code``. Raises like ``FlatBuffer.read_number``."""
        position = self.find_field(slot)
        return self._buffer.read_number(position, code) if position else default

    def text(self, slot: int, most_bytes: int = 256) -> str:
        """Return the first ``most_bytes`` bytes of a text; empty if it is omitted. Raises like ``number``."""
        position = self.find_field(slot)
        return _read_text(self._buffer, self._buffer.follow_offset(position), most_bytes) if position else ""

    def table(self, slot: int) -> Table | None:
        """Return a table, also that of a union; ``None`` if it is omitted. Raises like ``number``."""
        position = self.find_field(slot)
        return Table(self._buffer, self._buffer.follow_offset(position)) if position else None

    def vector(self, slot: int, width: int = 4) -> Vector | None:
        """Return a vector of elements of ``width`` bytes; ``None`` if it is omitted. Raises like ``number``."""
        position = self.find_field(slot)
        return Vector(self._buffer, self._buffer.follow_offset(position), width) if position else None

    def tables(self, slot: int) -> Iterator[Table]:
        """Yield the tables of a vector; none if it is omitted. Raises like ``number``."""
        vector = self.vector(slot)
        if vector is not None:
            yield from vector.tables()

    def count(self, slot: int) -> int:
        """Return the number of elements of a vector of offsets; 0 if it is omitted. Raises like ``number``."""
        vector = self.vector(slot)
        return vector.count if vector is not None else 0


def _read_text(buffer: FlatBuffer, position: int, most_bytes: int) -> str:
    """Return the first ``most_bytes`` bytes of the text at ``position``, with bytes outside UTF-8 escaped."""
    return Vector(buffer, position, 1).read_first_bytes(most_bytes).decode("utf-8", "backslashreplace")
