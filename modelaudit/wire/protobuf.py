"""Parse the wire format of protocol buffers lazily and in bounded memory.

A message is a range of a window. Only fields that the caller asks for are decoded, so a field of any length costs
nothing. A message of up to ``_HELD`` bytes is read into memory while its fields are parsed.

Source: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final, NamedTuple

from modelaudit.model.artifact import Window
from modelaudit.model.limits import MIB
from modelaudit.wire.base import DamagedError
from modelaudit.wire.deadline import keep_time

VARINT: Final = 0
FIXED64: Final = 1
BYTES: Final = 2
_GROUP: Final = 3
_GROUP_END: Final = 4
FIXED32: Final = 5
_FIXED: Final = {FIXED64: 8, FIXED32: 4}
_NUMBER: Final = 3
_MOST_NUMBER: Final = (1 << 29) - 1
_VARINT_BYTES: Final = 10
_HELD: Final = 4 * MIB
_STEP: Final = 64 * 1024
_GROUPS: Final = 32
_NO_LOOK: Final = 255
"""Mask of a field count: the deadline is checked at every 256th field only."""
_MOST_LOOKED_AT: Final = 1_000_000
_FIRST: Final = 64


class Field(NamedTuple):
    """One field of a message. Files hold hundreds of thousands: a tuple takes a third of a dataclass's time to create.

    Attributes:
        number: the field number in the schema.
        wire: ``VARINT``, ``FIXED64``, ``BYTES`` or ``FIXED32``. Groups, long deprecated, are skipped.
        value: the number, unsigned; 0 for ``BYTES``.
        body: the content of a ``BYTES`` field: text, packed numbers, or a message.
        offset: position of the field's key in the window, in bytes.
    """

    number: int
    wire: int
    value: int
    body: Message
    offset: int


class Message:
    """A range of a window that is a message, text or packed numbers; only the schema decides between them."""

    __slots__ = ("_base", "_held", "_window", "end", "start")

    def __init__(self, window: Window, start: int, end: int, held: bytes = b"", base: int = 0) -> None:
        self._window = window
        self._held = held
        self._base = base
        self.start = start
        self.end = end

    @classmethod
    def from_window(cls, window: Window) -> Message:
        """Return the whole window as one message."""
        return cls(window, 0, window.size)

    @property
    def size(self) -> int:
        """The length in bytes."""
        return self.end - self.start

    def raw(self, most: int) -> bytes:
        """Return the first ``most`` bytes.

        Raises:
            WindowError: the window could not return the requested bytes.
        """
        end = min(self.end, self.start + most)
        if self._base <= self.start and end <= self._base + len(self._held):
            return self._held[self.start - self._base : end - self._base]
        return self._window.read(self.start, end - self.start)

    def text(self, most: int = 4096) -> str:
        """Return the first ``most`` bytes as text, with bytes outside UTF-8 escaped.

        Raises:
            WindowError: the window could not return the requested bytes.
        """
        return self.raw(most).decode("utf-8", "backslashreplace")

    def fields(self) -> Iterator[Field]:
        """Yield the fields in order.

        Raises:
            DamagedError: a key, a number or a length is invalid, or a field ends beyond the message.
            LimitReachedError: there is no time left.
            WindowError: the window could not return the requested bytes.
        """
        source = self._make_source()
        position = self.start
        groups = count = 0
        while position < self.end:
            if not count & _NO_LOOK:
                keep_time()
            count += 1
            offset = position
            key, position = source.read_varint(position)
            number, wire = key >> _NUMBER, key & 7
            if not 0 < number <= _MOST_NUMBER:
                raise DamagedError(f"{number} is not a valid field number", offset)
            if wire in (_GROUP, _GROUP_END):
                groups += 1 if wire == _GROUP else -1
                if not 0 <= groups <= _GROUPS:
                    raise DamagedError("a group ends without a start, or groups nest too deep", offset)
                continue
            if groups:
                # JSON text begins like a group (its brace is such a key). Fields inside groups are never yielded, so
                # only their length is computed and no ``Field`` is created.
                position = source.find_span(wire, position, offset)[1]
                continue
            field, position = source.read_field(number, wire, position, offset)
            yield field
        if groups:
            raise DamagedError("a group never ends", self.end)

    def parse_varints(self) -> Iterator[int]:
        """Yield the packed numbers, unsigned.

        Raises:
            DamagedError: a number is truncated or too long.
            WindowError: the window could not return the requested bytes.
        """
        source = self._make_source()
        position = self.start
        while position < self.end:
            if not position & _NO_LOOK:
                keep_time()
            value, position = source.read_varint(position)
            yield value

    def _make_source(self) -> _MessageSource:
        inside = self._base <= self.start and self.end <= self._base + len(self._held)
        return _MessageSource(self._window, self._held, self._base, self.end, inside)


def is_whole_message(window: Window) -> bool:
    """Whether the bytes parse to their end as fields, and one field is a message that contains a text or message.

    Parsers of protocol buffers demand no more and skip unknown fields. After ``_MOST_LOOKED_AT`` valid fields the
    answer is true, because the rest can no longer be checked. Raises ``WindowError``.
    """
    found = False
    try:
        for count, field in enumerate(Message.from_window(window).fields()):
            if count >= _MOST_LOOKED_AT:
                return True
            found = found or (field.wire == BYTES and _is_message(field.body))
    except DamagedError:
        return False
    return found


def _is_message(message: Message) -> bool:
    try:
        return any([field.wire == BYTES and field.body.size > 0 for field in islice(message.fields(), _FIRST)])
    except DamagedError:
        return False


class _MessageSource:
    """The bytes of a window up to ``end``, with the current block in memory."""

    __slots__ = ("base", "data", "end", "inside", "known", "window")

    def __init__(self, window: Window, data: bytes, base: int, end: int, inside: bool) -> None:
        self.window, self.data, self.base, self.end, self.inside = window, data, base, end, inside
        self.known = min(len(data), end - base)

    def _load_block(self, position: int) -> int:
        """Load the block at ``position``, unless all is in memory; return the index of ``position`` in the block."""
        if not self.inside:
            left = self.end - position
            self.data = self.window.read(position, left if left <= _HELD else _STEP)
            self.base = position
            self.inside = left <= _HELD
            self.known = min(len(self.data), left)
        return position - self.base

    def read_varint(self, position: int) -> tuple[int, int]:
        place = position - self.base
        if not (self.inside or 0 <= place <= len(self.data) - _VARINT_BYTES):
            place = self._load_block(position)
        known = self.known
        if place < known and (byte := self.data[place]) < 0x80:
            return byte, position + 1
        value = shift = 0
        for byte in self.data[place : min(place + _VARINT_BYTES, known)]:
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value & 0xFFFF_FFFF_FFFF_FFFF, position + shift // 7
        raise DamagedError("a varint breaks off or is too long", position)

    def read_field(self, number: int, wire: int, position: int, offset: int) -> tuple[Field, int]:
        if wire == VARINT:
            value, end = self.read_varint(position)
            return Field(number, wire, value, Message(self.window, position, end, self.data, self.base), offset), end
        position, end = self.find_span(wire, position, offset)
        body = Message(self.window, position, end, self.data, self.base)
        value = 0 if wire == BYTES else int.from_bytes(body.raw(8), "little")
        return Field(number, wire, value, body, offset), end

    def find_span(self, wire: int, position: int, offset: int) -> tuple[int, int]:
        """Return the start and end of a field's content; its key begins at ``offset`` and ends at ``position``."""
        if wire == VARINT:
            return position, self.read_varint(position)[1]
        length = _FIXED.get(wire)
        if length is None:
            if wire != BYTES:
                raise DamagedError(f"{wire} is not a wire type of protocol buffers", offset)
            length, position = self.read_varint(position)
        end = position + length
        if end > self.end:
            raise DamagedError(f"a field of {length} bytes ends {end - self.end} bytes beyond its message", offset)
        return position, end
