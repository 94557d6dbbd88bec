"""Check messages of protocol buffers as strictly as the library writes them: each field known, in order, and whole.

A parser would skip an unknown field and one of another wire type, so that a message could hold anything else as well.
Source: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from msgspec import Struct

from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.wire.base import DamagedError
from modelaudit.wire.deadline import check_deadline
from modelaudit.wire.protobuf import BYTES, CONTINUED, FIXED32, FIXED64, VARINT, make_key

_WIRE_TYPES: Final = {"int": VARINT, "bool": VARINT, "enum": VARINT, "float": FIXED32, "double": FIXED64}
_SIZES: Final = {FIXED32: 4, FIXED64: 8}
_MOST_DEPTH: Final = 32
_VARINT_BITS: Final = 7
_MOST_SHIFT: Final = 63
_SIGN: Final = 1 << 63
_PACKED_NUMBERS: Final = defer_pattern(rb"(?:[\x80-\xff]{0,9}+[\x00-\x7f])*+")
_MESSAGES_PER_CHECK: Final = 1024


class FieldType(Struct, frozen=True):
    """The type of a field with one key.

    Attributes:
        number: of the field.
        wire: its wire type.
        unit: bytes of each packed number; 0 for those of variable length, and -1 for a field that holds none.
        most: the highest value; -1 without a bound.
        repeats: whether a message may have several of them.
        is_kept: whether the value is kept.
        message: the name of the message that it holds; empty for others.
        is_text: whether it holds text.
    """

    number: int
    wire: int
    unit: int = -1
    most: int = -1
    repeats: bool = False
    is_kept: bool = False
    message: str = ""
    is_text: bool = False


class MessageType(Struct, frozen=True):
    """The type of a message: its fields by their key, and the bits of the numbers that each message has."""

    fields: Mapping[int, FieldType]
    required: int


@cache
def load_types() -> Mapping[str, MessageType]:
    """Load the types of messages by their name, see ``schema.txt``."""
    lines = (Path(__file__).parent / "schema.txt").read_text(encoding="utf-8").splitlines()
    types = {}
    for name, *words in (line.split() for line in lines if line and not line.startswith("#")):
        fields: dict[int, FieldType] = {}
        required = 0
        for word in words:
            number, _, type_ = word.partition(":")
            fields.update((make_key(each.number, each.wire), each) for each in _parse_field(int(number), type_))
            required |= ("!" in type_) << int(number)
        types[name] = MessageType(fields, required)
    return types


def _parse_field(number: int, type_: str) -> list[FieldType]:
    """Return the types that a field may have on the wire; one that repeats may be packed."""
    repeats, is_kept, word = "*" in type_, "=" in type_, type_.rstrip("*!=")
    kind = word.rstrip("0123456789")
    if kind in ("text", "bytes"):
        return [FieldType(number, BYTES, repeats=repeats, is_text=kind == "text")]
    if kind not in _WIRE_TYPES:
        return [FieldType(number, BYTES, repeats=repeats, message=word)]
    wire = _WIRE_TYPES[kind]
    most = 1 if kind == "bool" else int(word.removeprefix("enum")) if kind == "enum" else -1
    single = FieldType(number, wire, most=most, repeats=repeats, is_kept=is_kept)
    return [single, FieldType(number, BYTES, unit=_SIZES.get(wire, 0), repeats=True)] if repeats else [single]


class MessageCheck:
    """The check of messages in one range of bytes.

    Attributes:
        numbers: the type of message, the number of the field and the value of each number that is kept, in order.
        contents: the type of message, the number of the field, the range and whether it is text, of each text and of
            other bytes.
    """

    def __init__(self, data: bytes, offset: int = 0) -> None:
        """Check messages in ``data``, which begins at ``offset`` of the artifact."""
        self._data = data
        self._offset = offset
        self._types = load_types()
        self._messages = 0
        self.numbers: list[tuple[str, int, int]] = []
        self.contents: list[tuple[str, int, int, int, bool]] = []

    def check(self, name: str, position: int, end: int, depth: int = 0) -> int:
        """Check the message from ``position`` to ``end``; return the bits of the numbers of its fields.

        Raises:
            DamagedError: a field is unknown, out of order, missing, too long, or has a value that it cannot have.
            LimitReachedError: the time is over.
        """
        self._messages += 1
        if self._messages % _MESSAGES_PER_CHECK == 0:
            check_deadline()
        type_ = self._types[name]
        fields = type_.fields
        last = seen = 0
        while position < end:
            start = position
            key, position = self._read_varint(position, end)
            field = fields.get(key)
            if field is None or field.number < last or (field.number == last and not field.repeats):
                raise DamagedError(f"a field of {name} is unknown, repeated or out of order", self._offset + start)
            last = field.number
            seen |= 1 << last
            if field.wire == BYTES:
                length, position = self._read_varint(position, end)
                stop = position + length
            else:
                stop = position + _SIZES.get(field.wire, 1)
            if stop > end:
                raise DamagedError(f"a field of {name} ends behind its message", self._offset + start)
            if field.wire == VARINT:
                position = self._check_number(name, field, position, end)
                continue
            if field.wire == BYTES:
                self._check_bytes(name, field, position, stop, depth)
            position = stop
        if type_.required & ~seen:
            raise DamagedError(f"a {name} lacks a field that it needs", self._offset + end)
        return seen

    def _read_varint(self, position: int, end: int) -> tuple[int, int]:
        """Return a number of variable length and the position behind it. Raises ``DamagedError``."""
        data, value, shift = self._data, 0, 0
        while position < end and shift <= _MOST_SHIFT:
            byte = data[position]
            position += 1
            value |= (byte & (CONTINUED - 1)) << shift
            if byte < CONTINUED:
                return value, position
            shift += _VARINT_BITS
        raise DamagedError("a number is truncated or too long", self._offset + position)

    def _check_number(self, name: str, field: FieldType, position: int, end: int) -> int:
        """Check a number of variable length, and return the position behind it. Raises ``DamagedError``."""
        value, stop = self._read_varint(position, end)
        if 0 <= field.most < value:
            raise DamagedError(f"a field of {name} has the value {value}, above {field.most}", self._offset + position)
        if field.is_kept:
            self.numbers.append((name, field.number, value - 2 * _SIGN if value >= _SIGN else value))
        return stop

    def _check_bytes(self, name: str, field: FieldType, start: int, end: int, depth: int) -> None:
        """Check the content of a field of bytes. Raises ``DamagedError`` and ``LimitReachedError`` as ``check``."""
        if field.message:
            if depth >= _MOST_DEPTH:
                raise DamagedError(f"messages nest deeper than {_MOST_DEPTH} levels", self._offset + start)
            self.check(field.message, start, end, depth + 1)
        elif field.unit < 0:
            self.contents.append((name, field.number, start, end, field.is_text))
        elif field.unit:
            if (end - start) % field.unit:
                raise DamagedError(f"numbers of {name} take {end - start} bytes", self._offset + start)
        elif _PACKED_NUMBERS.fullmatch(self._data, start, end) is None:
            raise DamagedError(f"numbers of {name} are truncated or too long", self._offset + start)
