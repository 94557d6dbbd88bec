"""FlatBuffers, read lazily through a window: tables by slot, vectors, texts, with every offset held against the file.

Offsets to tables, vectors and texts only lead forwards, so that nothing leads in a circle; what many places lead to is
bounded by the number of tables that may be looked at. A file of any size costs a few blocks of memory.

Source: https://flatbuffers.dev/internals/
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

from modelaudit.model.artifact import Window
from modelaudit.model.limits import KIB, Limits
from modelaudit.wire.base import DamagedError, LimitReachedError

_BLOCK: Final = 64 * KIB
_BLOCKS: Final = 64
# What a table costs to read, next to a value in a document.
_TABLE_COSTS: Final = 5
_FORMS: Final = {code: struct.Struct("<" + code) for code in "bBhHiIqQ"}
IDENTIFIER: Final = 4
"""Where the four letters stand that tell a format."""


class FlatBuffer:
    """A window that is one buffer, of which no more than a bounded number of tables and elements is looked at."""

    __slots__ = ("_blocks", "_left", "_most", "_newest", "_newest_index", "size", "window")

    def __init__(self, window: Window, limits: Limits) -> None:
        most = limits.document_nodes // _TABLE_COSTS
        self.window = window
        self.size = window.size
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._newest_index, self._newest = -1, b""
        self._most = self._left = most

    def read_root(self) -> Table:
        """The table that the buffer begins with. Raises ``DamagedError`` and ``WindowError``."""
        return Table(self, self.follow_offset(0))

    def spend(self, count: int = 1) -> None:
        """Take ``count`` off what may be looked at. Raises ``LimitReachedError``."""
        self._left -= count
        if self._left < 0:
            raise LimitReachedError(f"it holds more than {self._most} tables and elements")

    def read_number(self, position: int, code: str) -> int:
        """The integer at ``position`` in the format ``code`` of ``struct``, little-endian.

        Raises:
            DamagedError: it would lie outside of the buffer.
            WindowError: from the window.
        """
        form = _FORMS[code]
        place = position % _BLOCK
        if 0 <= position <= self.size - form.size and place <= _BLOCK - form.size:
            index = position // _BLOCK
            block = self._newest if index == self._newest_index else self._load_block(index)
            value: int = form.unpack_from(block, place)[0]
        else:
            value = form.unpack(self.read_bytes(position, form.size))[0]
        return value

    def read_bytes(self, position: int, length: int) -> bytes:
        """``length`` bytes at ``position``. Raises as ``number`` does."""
        if position < 0 or position + length > self.size:
            raise DamagedError(f"{length} bytes at {position} lie outside of the {self.size} that there are", position)
        place = position % _BLOCK
        if place + length > _BLOCK:
            return self.window.read(position, length)
        return self._load_block(position // _BLOCK)[place : place + length]

    def follow_offset(self, position: int) -> int:
        """Where the offset at ``position`` leads to. Raises as ``number`` does."""
        offset = self.read_number(position, "I")
        if not offset or position + offset >= self.size:
            raise DamagedError(f"an offset of {offset} leads nowhere", position)
        return position + offset

    def _load_block(self, index: int) -> bytes:
        block = self._blocks.get(index)
        if block is None:
            block = self.window.read(index * _BLOCK, min(_BLOCK, self.size - index * _BLOCK))
            self._blocks[index] = block
            if len(self._blocks) > _BLOCKS:
                self._blocks.popitem(last=False)
        else:
            self._blocks.move_to_end(index)
        self._newest_index, self._newest = index, block
        return block


class Vector:
    """A stretch of ``count`` elements of equal width, which lies within the buffer as a whole."""

    __slots__ = ("_buffer", "count", "start", "width")

    def __init__(self, buffer: FlatBuffer, position: int, width: int) -> None:
        self._buffer = buffer
        self.count = buffer.read_number(position, "I")
        self.start = position + 4
        self.width = width
        if self.start + self.count * width > buffer.size:
            detail = f"a vector of {self.count} elements of {width} bytes ends beyond the {buffer.size} that there are"
            raise DamagedError(detail, position)

    def raw(self, most: int) -> bytes:
        """Its first ``most`` bytes. Raises ``WindowError``."""
        return self._buffer.read_bytes(self.start, min(most, self.count * self.width))

    def numbers(self, code: str) -> Iterator[int]:
        """Its elements as integers. Raises ``LimitReachedError`` and ``WindowError``."""
        step = _BLOCK // self.width
        for first in range(0, self.count, step):
            count = min(step, self.count - first)
            self._buffer.spend(count)
            yield from struct.unpack(f"<{count}{code}", self._buffer.read_bytes(self.start + first * self.width,
                                                                          count * self.width))  # fmt: skip

    def tables(self) -> Iterator[Table]:
        """Its elements as tables. Raises ``DamagedError`` and ``WindowError``."""
        for index in range(self.count):
            yield self.table(index)

    def table(self, index: int) -> Table:
        """One element as a table. Raises ``DamagedError`` and ``WindowError``."""
        return Table(self._buffer, self._buffer.follow_offset(self.start + index * self.width))

    def texts(self, most: int) -> Iterator[str]:
        """Its elements as texts of up to ``most`` bytes. Raises ``DamagedError`` and ``WindowError``."""
        for index in range(self.count):
            self._buffer.spend()
            yield _read_text(self._buffer, self._buffer.follow_offset(self.start + index * self.width), most)


class Table:
    """A table: fields by slot, each of which may be left out."""

    __slots__ = ("_buffer", "_length", "_slots", "position")

    def __init__(self, buffer: FlatBuffer, position: int) -> None:
        buffer.spend()
        self._buffer = buffer
        self.position = position
        self._slots = position - buffer.read_number(position, "i")
        self._length = buffer.read_number(self._slots, "H")
        if self._length < 4 or self._length % 2 or self._slots + self._length > buffer.size:
            raise DamagedError(f"a table says that its list of fields takes {self._length} bytes", position)

    def find_field(self, slot: int) -> int:
        """Where the field stands; 0 where it is left out. Raises ``DamagedError`` and ``WindowError``."""
        at = 4 + 2 * slot
        if at + 2 > self._length:
            return 0
        offset = self._buffer.read_number(self._slots + at, "H")
        return self.position + offset if offset else 0

    def number(self, slot: int, code: str, default: int = 0) -> int:
        """An integer in the format ``code`` of ``struct``. Raises ``DamagedError`` and ``WindowError``."""
        place = self.find_field(slot)
        return self._buffer.read_number(place, code) if place else default

    def text(self, slot: int, most: int = 256) -> str:
        """The first ``most`` bytes of a text; empty where it is left out. Raises as ``number`` does."""
        place = self.find_field(slot)
        return _read_text(self._buffer, self._buffer.follow_offset(place), most) if place else ""

    def table(self, slot: int) -> Table | None:
        """A table, or a union's. Raises as ``number`` does."""
        place = self.find_field(slot)
        return Table(self._buffer, self._buffer.follow_offset(place)) if place else None

    def vector(self, slot: int, width: int = 4) -> Vector | None:
        """A vector of elements of ``width`` bytes. Raises as ``number`` does."""
        place = self.find_field(slot)
        return Vector(self._buffer, self._buffer.follow_offset(place), width) if place else None

    def tables(self, slot: int) -> Iterator[Table]:
        """A vector of tables; nothing where it is left out. Raises as ``number`` does."""
        vector = self.vector(slot)
        if vector is not None:
            yield from vector.tables()

    def count(self, slot: int) -> int:
        """The elements of a vector of offsets; 0 where it is left out. Raises as ``number`` does."""
        vector = self.vector(slot)
        return vector.count if vector is not None else 0


def _read_text(buffer: FlatBuffer, position: int, most: int) -> str:
    return Vector(buffer, position, 1).raw(most).decode("utf-8", "backslashreplace")
