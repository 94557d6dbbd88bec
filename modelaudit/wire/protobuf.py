"""Parse the wire format of protocol buffers lazily and in bounded memory.

A message is a range of a window. Only fields that the caller asks for are decoded, so a field of any length costs
nothing. A message of up to ``_MOST_BYTES_IN_MEMORY`` is read into memory while its fields are parsed.

Source: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import re
import sys
from collections.abc import Container, Iterator
from functools import cache
from typing import Final, NamedTuple

from modelaudit.model.artifact import Window
from modelaudit.model.limits import MIB
from modelaudit.wire.base import DamagedError, LimitReachedError
from modelaudit.wire.cursor import Cursor
from modelaudit.wire.deadline import check_deadline

VARINT: Final = 0
FIXED64: Final = 1
BYTES: Final = 2
GROUP: Final = 3
_GROUP_END: Final = 4
FIXED32: Final = 5
_FIXED: Final = {FIXED64: 8, FIXED32: 4}
_SCALARS: Final = frozenset({VARINT, *_FIXED})
_NUMBER_SHIFT: Final = 3
"""The number of a field begins at this bit of its key; the wire type is below."""
WIRE_TYPE_BITS: Final = (1 << _NUMBER_SHIFT) - 1
_MOST_NUMBER: Final = (1 << 29) - 1
_VARINT_BYTES: Final = 10
CONTINUED: Final = 0x80
"""The highest bit of a byte of a varint: another byte follows."""
_CONTINUING: Final = bytes(range(CONTINUED, 256))
SHORT_FIELD_BYTES: Final = 1 + _VARINT_BYTES
"""The longest field whose content is a number: a key of one byte, and the number."""
_LOWEST_64_BITS: Final = (1 << 64) - 1
_MOST_BYTES_IN_MEMORY: Final = 4 * MIB
_BLOCK_BYTES: Final = 64 * 1024
_MOST_OPEN_GROUPS: Final = 32
_FIELDS_PER_CHECK: Final = 256
"""The deadline is checked once for this many fields or numbers."""
_MOST_FIRST_FIELDS: Final = 20_000
"""Fields of one message that recognition parses, those inside groups included."""
_ALL_FIELDS: Final = sys.maxsize


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
    """A range of a window that is a message, text or packed numbers; only the schema decides between them.

    Attributes:
        window: the window.
        start: position of the first byte in the window.
        end: position after the last byte.
        block: bytes of the window that were read already; they may contain the message.
        block_start: position of ``block`` in the window.
    """

    __slots__ = ("block", "block_start", "end", "start", "window")

    def __init__(self, window: Window, start: int, end: int, block: bytes = b"", block_start: int = 0) -> None:
        """Describe a range of ``window``; ``block`` are bytes that were read already, from ``block_start`` on."""
        self.window = window
        self.block = block
        self.block_start = block_start
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
        if self.block_start <= self.start and end <= self.block_start + len(self.block):
            return self.block[self.start - self.block_start : end - self.block_start]
        return self.window.read(self.start, end - self.start)

    def text(self, most: int = 4096) -> str:
        """Return the first ``most`` bytes as text, with bytes outside UTF-8 escaped.

        Raises:
            WindowError: the window could not return the requested bytes.
        """
        return self.raw(most).decode("utf-8", "backslashreplace")

    def fields(self, most: int = _ALL_FIELDS, wanted: Container[tuple[int, int]] | None = None) -> Iterator[Field]:
        """Yield the first ``most`` fields in order; fields inside groups count, and are never yielded.

        Args:
            most: after how many fields to stop.
            wanted: the numbers and wire types of the fields to yield; others count, and are skipped in half the time,
                or many at once if they are scalars in a row. The last of them may end beyond ``most``.

        Raises:
            DamagedError: a key, a number or a length is invalid, or a field ends beyond the message.
            LimitReachedError: a group extends beyond the first ``most`` fields, or there is no time left.
            WindowError: the window could not return the requested bytes.
        """
        cursor = FieldCursor(self)
        count = next_check = 0
        while cursor.offset < self.end and count < most:
            if count >= next_check:
                check_deadline()
                next_check = count + _FIELDS_PER_CHECK
            count += 1
            key_offset = cursor.offset
            number, wire = cursor.read_key()
            if key_offset == self.start:
                # A second walk over this message then reads nothing from the window.
                self.block, self.block_start = cursor.block
            if wire == GROUP:
                count += cursor.skip_group(most - count)
            elif wanted is None or (number, wire) in wanted:
                yield cursor.read_field(number, wire, key_offset)
            else:
                cursor.skip_content(wire, key_offset)
                count += cursor.skip_equal_scalars(key_offset, self.end)

    def first_fields(self, wanted: Container[tuple[int, int]] | None = None) -> Iterator[Field]:
        """Yield those of the first 20,000 fields that are ``wanted``; raises as ``fields``.

        Recognition uses this method, because text begins like a message too: ``#`` and ``{`` are keys of groups. The
        fields inside such a group extend over the whole text.
        """
        return self.fields(_MOST_FIRST_FIELDS, wanted)

    def parse_varints(self) -> Iterator[int]:
        """Yield the packed numbers, unsigned.

        Raises:
            DamagedError: a number is truncated or too long.
            LimitReachedError: there is no time left.
            WindowError: the window could not return the requested bytes.
        """
        cursor = FieldCursor(self)
        count = 0
        while cursor.offset < self.end:
            if count % _FIELDS_PER_CHECK == 0:
                check_deadline()
            count += 1
            yield cursor.read_varint()


def make_key(number: int, wire: int) -> int:
    """Return the key of the fields with that number and wire type, as it precedes them in encoded form."""
    return number << _NUMBER_SHIFT | wire


@cache
def match_scalars(key: int) -> re.Pattern[bytes]:
    """Return a pattern of scalars in a row, each with that key of one byte. The key has the wire type of a scalar."""
    wire = key & WIRE_TYPE_BITS
    number = rb"[\x80-\xff]{0,9}+[\x00-\x7f]" if wire == VARINT else b".{%d}" % _FIXED[wire]
    return re.compile(b"(?:" + re.escape(bytes([key])) + number + b")++", re.DOTALL)


class FieldCursor(Cursor):
    """A cursor over one message that decodes keys, numbers and lengths.

    A message of at most ``_MOST_BYTES_IN_MEMORY`` is one block, which the messages inside it share. ``_known``
    is the number of bytes in the block that belong to the message.

    Attributes:
        body: position of the content of the field that was skipped last, in bytes.
    """

    __slots__ = ("_known", "body")

    def __init__(self, message: Message) -> None:
        super().__init__(message.window, message.start, end=message.end)
        self.body = message.start
        self._buffer, self._buffer_start = message.block, message.block_start
        self._known = min(len(self._buffer), self.end - self._buffer_start)

    @property
    def block(self) -> tuple[bytes, int]:
        """The block in memory, and its position in the window."""
        return self._buffer, self._buffer_start

    @property
    def known_end(self) -> int:
        """The position in the window up to which the block holds bytes of the message."""
        return self._buffer_start + self._known

    def _load_block(self) -> None:
        """Load the block at the offset, unless the block in memory reaches to the end of the message."""
        if self._buffer_start <= self.offset and self._buffer_start + self._known >= self.end:
            return
        length = self.left if self.left <= _MOST_BYTES_IN_MEMORY else _BLOCK_BYTES
        self._buffer = self.window.read(self.offset, length)
        self._buffer_start = self.offset
        self._known = min(len(self._buffer), self.left)

    def read_varint(self) -> int:
        """Consume a number of up to ten bytes, seven bits each, lowest first, and return its lowest 64 bits.

        Raises:
            DamagedError: the message ends inside the number, or its tenth byte continues it.
            WindowError: the window could not return the requested bytes.
        """
        place = self.offset - self._buffer_start
        if not 0 <= place <= self._known - _VARINT_BYTES:  # the number may extend beyond the block
            self._load_block()
            place = self.offset - self._buffer_start
        known = self._known
        if place < known and (byte := self._buffer[place]) < CONTINUED:
            # Keys and most lengths take one byte: this path halves the time of a large graph.
            self.offset += 1
            return byte
        value = shift = 0
        for byte in self._buffer[place : min(place + _VARINT_BYTES, known)]:
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < CONTINUED:
                self.offset += shift // 7
                return value & _LOWEST_64_BITS
        raise DamagedError("a varint is truncated or too long", self.offset)

    def read_key(self) -> tuple[int, int]:
        """Consume the key of a field, and return the number of the field and its wire type.

        Raises:
            DamagedError: the number is invalid, or the message ends inside the key.
            WindowError: the window could not return the requested bytes.
        """
        key_offset = self.offset
        key = self.read_varint()
        number = key >> _NUMBER_SHIFT
        if not 0 < number <= _MOST_NUMBER:
            raise DamagedError(f"{number} is not a valid field number", key_offset)
        return number, key & WIRE_TYPE_BITS

    def skip_group(self, most: int = _ALL_FIELDS) -> int:
        """Skip the fields up to the end of the group whose key was consumed last, and return the number of keys.

        Raises:
            DamagedError: a field inside is damaged, groups nest too deep, or the group never ends.
            LimitReachedError: the group has more than ``most`` keys, or there is no time left.
            WindowError: the window could not return the requested bytes.
        """
        groups, count = 1, 0
        while groups:
            if self.offset >= self.end:
                raise DamagedError("a group never ends", self.end)
            if count >= most:
                raise LimitReachedError(f"a group has more than {most} fields", self.offset)
            count += 1
            if count % _FIELDS_PER_CHECK == 0:
                check_deadline()
            key_offset = self.offset
            _, wire = self.read_key()
            if wire not in (GROUP, _GROUP_END):
                self.skip_content(wire, key_offset)
                continue
            groups += 1 if wire == GROUP else -1
            if groups > _MOST_OPEN_GROUPS:
                raise DamagedError("groups nest too deep", key_offset)
        return count

    def skip_field(self) -> tuple[int, int]:
        """Consume one field without decoding it; return its number and wire type, and set ``body``.

        A group is one field, and its ``body`` is the position of its first key.

        Raises:
            DamagedError: the key, the length or a group is invalid, or the field ends beyond the message.
            LimitReachedError: there is no time left.
            WindowError: the window could not return the requested bytes.
        """
        key_offset = self.offset
        number, wire = self.read_key()
        if wire == GROUP:
            self.body = key_offset
            self.skip_group()
        else:
            self.body = self.skip_content(wire, key_offset)
        return number, wire

    def read_field(self, number: int, wire: int, key_offset: int) -> Field:
        """Consume the content of a field and return the field; its key begins at ``key_offset``.

        Raises:
            DamagedError: the wire type is unknown, or the field ends beyond the message.
            WindowError: the window could not return the requested bytes.
        """
        start = self.offset
        if wire == VARINT:
            value = self.read_varint()
            return Field(number, wire, value, self._make_message(start), key_offset)
        start = self.skip_content(wire, key_offset)
        body = self._make_message(start)
        value = 0 if wire == BYTES else int.from_bytes(body.raw(8), "little")
        return Field(number, wire, value, body, key_offset)

    def skip_content(self, wire: int, key_offset: int) -> int:
        """Skip the content of a field and return its start, after the length of a ``BYTES`` field.

        Raises:
            DamagedError: the wire type is unknown, or the field ends beyond the message.
            WindowError: the window could not return the requested bytes.
        """
        start = self.offset
        if wire == VARINT:
            self.read_varint()
            return start
        length = _FIXED.get(wire)
        if length is None:
            if wire != BYTES:
                raise DamagedError(f"{wire} is not a wire type of protocol buffers", key_offset)
            length = self.read_varint()
            start = self.offset
        end = start + length
        if end > self.end:
            beyond = end - self.end
            raise DamagedError(f"a field of {length} bytes ends {beyond} bytes beyond its message", key_offset)
        # Unlike ``Cursor.skip``, keep the block in memory even if the offset leaves it: the content may be inside it.
        self.offset = end
        return start

    def skip_equal_scalars(self, key_offset: int, end: int) -> int:
        """Skip the scalars that follow with the key of the field before, as far as the block holds them.

        Writers of models store lists of numbers so, one field for each: trees of an ONNX model have millions.

        Args:
            key_offset: the position of the key of the field before.
            end: where the message around the fields ends.

        Returns:
            The number of fields; zero behind a field of bytes or a group, and for a key of several bytes.
        """
        place, key_place = self.offset - self._buffer_start, key_offset - self._buffer_start
        if not 0 <= key_place < place < self._known or self._buffer[place] != self._buffer[key_place]:
            return 0
        key = self._buffer[place]
        wire = key & WIRE_TYPE_BITS
        if key >= CONTINUED or wire not in _SCALARS:
            return 0
        run = match_scalars(key).match(self._buffer, place, min(self._known, end - self._buffer_start))
        if run is None:
            return 0
        self.offset += len(run[0])
        if wire == VARINT:
            # A key and the last byte of a number are the bytes without the bit that continues a number.
            return len(run[0].translate(None, _CONTINUING)) // 2
        return len(run[0]) // (1 + _FIXED[wire])

    def _make_message(self, start: int) -> Message:
        """Return the bytes from ``start`` to the offset as a message that shares the block in memory."""
        return Message(self.window, start, self.offset, self._buffer, self._buffer_start)
