"""Claim the bytes of a protocol buffer that its schema describes.

A schema lists the fields of each message by number. The walk visits every message that is reachable from the root
through fields of the schema, and claims their bytes in the ledger of the window. A field with an unlisted number, or
with a wire type that its type cannot have, stays unclaimed together with its key: a parser skips it, whatever it holds.

The schema of a format is the file ``schema.txt`` in its folder. Its first message is the whole file. A line begins with
the name of a message; its fields follow as ``NUMBER:TYPE``. Lines that begin with ``#`` are comments. A type is a word:

========  ==========================================================================
``n``     a number, or packed numbers
``text``  a text, or bytes that the format treats as a value, such as a name
``data``  bytes or packed numbers that the format declares as data, such as a tensor
``Name``  the message ``Name``
========  ==========================================================================

Source: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import sys
from array import array
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from msgspec import Struct

from modelaudit.wire.base import DamagedError, LimitReachedError
from modelaudit.wire.deadline import check_deadline
from modelaudit.wire.ledger import SHORT_NAME_BYTES, claim_in_turn
from modelaudit.wire.protobuf import (
    BYTES,
    CONTINUED,
    FIXED32,
    FIXED64,
    GROUP,
    SHORT_FIELD_BYTES,
    VARINT,
    FieldCursor,
    Message,
    make_key,
    match_scalars,
)

_TYPES_OF_NUMBERS: Final = frozenset({"n", "data"})
_PLAIN_TYPES: Final = _TYPES_OF_NUMBERS | {"text"}
_MOST_SHORT_NUMBER: Final = 15
"""The key of a field with a larger number takes more than one byte."""
_MOST_REMEMBERED_BYTES: Final = 128
"""The longest message that is remembered, so that an equal one is not parsed again."""
_MOST_REMEMBERED: Final = 10_000
"""Messages of one type that are remembered: 200 bytes of memory each."""
_FIELDS_PER_CHECK: Final = 256
"""The deadline is checked once for this many fields."""
_MOST_SHORT_LENGTH: Final = (1 << 14) - 1
"""The largest length that fits into two bytes of a varint."""
_ONE_NUMBER: Final = "number"
"""The type of a field that is one number, not packed."""
_MOST_PARSED_BYTES: Final = {"n": sys.maxsize, _ONE_NUMBER: sys.maxsize, "text": SHORT_NAME_BYTES, "data": 0}
"""By the type of a field, the size up to which its content counts as parsed. Longer content counts as data."""
_OpenMessage = tuple[str, int, int, int]
"""The type of a message, its start and its end, and the number of exceptions before it."""


class MessageSchema(Struct, frozen=True):
    """The messages of a format.

    Attributes:
        root: the name of the message that is the whole file.
        messages: for each message, the type of each field by its number.
        types_by_key: for each message, the type of its fields by their key, for keys that take one byte. A number that
            is not packed has the type ``_ONE_NUMBER``.
    """

    root: str
    messages: Mapping[str, Mapping[int, str]]
    types_by_key: Mapping[str, Mapping[bytes, str]]

    @classmethod
    def parse(cls, text: str) -> MessageSchema:
        """Parse a schema.

        Raises:
            ValueError: a field has no number, or names a message that does not exist.
        """
        rows = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
        messages = {name: {int(number): type_ for number, _, type_ in (word.partition(":") for word in words)}
                    for name, *words in rows}  # fmt: skip
        named = {type_ for fields in messages.values() for type_ in fields.values()} - _PLAIN_TYPES
        if missing := named - messages.keys():
            raise ValueError(f"a field names the unknown message {min(missing)}")
        return cls(rows[0][0], messages, {name: _list_short_keys(types) for name, types in messages.items()})


def _list_short_keys(types: Mapping[int, str]) -> dict[bytes, str]:
    """Return the type of each field of a message by its key, for keys of one byte; see ``MessageSchema``."""
    keys = {}
    for number, type_ in types.items():
        if number > _MOST_SHORT_NUMBER:
            continue
        keys[bytes((make_key(number, BYTES),))] = type_
        # Numbers are packed into a field of bytes, or written one by one.
        if type_ in _TYPES_OF_NUMBERS:
            keys |= {bytes((make_key(number, wire),)): _ONE_NUMBER for wire in (VARINT, FIXED64, FIXED32)}
    return keys


@cache
def load_message_schema(folder: Path) -> MessageSchema:
    """Load ``schema.txt`` from the folder of a format."""
    return MessageSchema.parse((folder / "schema.txt").read_text(encoding="utf-8"))


def claim_message(message: Message, schema: MessageSchema, most_fields: int, root: str = "") -> None:
    """Claim every byte of ``message`` that ``schema`` describes.

    Args:
        message: the file, or the part of it that is one message.
        schema: the fields of its messages.
        most_fields: the number of fields after which the walk gives up.
        root: the name of the message; the root of the schema if empty.

    Raises:
        DamagedError: the bytes contradict the wire format.
        LimitReachedError: there are more than ``most_fields`` fields, or too many separate claims.
        WindowError: the window could not return the requested bytes.
    """
    _MessageWalk(message, schema, most_fields).run(root or schema.root)


class _MessageWalk:
    """A walk over a message and all messages in it, depth first, so that claims come in the order of their offsets."""

    def __init__(self, message: Message, schema: MessageSchema, most_fields: int) -> None:
        self._window = message.window
        self._schema = schema
        self._most_fields = most_fields
        self._cursor = FieldCursor(message)
        # Where the first range that waits for its claim begins, and the ends of these ranges: parsed and data in turn.
        # One that is still open, and parsed, ends at ``_parsed_end``.
        self._start = self._parsed_end = message.start
        self._ends = array("Q")
        # The number of fields so far, and the number before which the bounds are checked again.
        self._count = self._next_check = 0
        # The number of fields so far that were not claimed as parsed.
        self._exceptions = 0
        # The messages around the next field, the innermost one last.
        self._open: list[_OpenMessage] = []
        # The bytes of short messages that were parsed to their last one, by the name of their type.
        self._parsed_messages: dict[str, set[bytes]] = defaultdict(set)

    def run(self, root: str) -> None:
        """Walk the message, which has the type ``root``; raises as ``claim_message``."""
        self._open.append((root, self._cursor.offset, self._cursor.end, 0))
        try:
            while self._visit_short_fields():
                if self._count == self._next_check:
                    self._check_bounds()
                else:
                    self._visit_field()
        finally:
            self._flush()

    def _flush(self) -> None:
        """Claim the ranges that wait."""
        if self._parsed_end > (self._ends[-1] if self._ends else self._start):
            self._ends.append(self._parsed_end)
        claim_in_turn(self._window, self._start, self._ends)
        self._ends = array("Q")

    def _check_bounds(self) -> None:
        """Check the bounds before the next field.

        Raises:
            LimitReachedError: there are too many fields, or no time is left.
        """
        check_deadline()
        if self._count >= self._most_fields:
            raise LimitReachedError(f"the message has more than {self._most_fields} fields", self._cursor.offset)
        self._next_check = min(self._count + _FIELDS_PER_CHECK, self._most_fields)

    def _visit_short_fields(self) -> bool:
        """Visit fields up to one that is not short, or to the next check of bounds; return whether a field is left.

        A short field has a key of one byte that the schema has, a length of at most two bytes, and lies in memory.
        Nearly all fields are short. Calls and attributes would take most of the time, so this loop avoids them.
        """
        cursor, ends, waiting, exceptions = self._cursor, self._ends, self._open, self._exceptions
        types_by_key, parsed_messages = self._schema.types_by_key, self._parsed_messages
        (block, base), known_end, offset = cursor.block, cursor.known_end, cursor.offset
        # The last bytes of the block are left to the cursor, so that no number here extends beyond it.
        short_fields_end = known_end - SHORT_FIELD_BYTES
        type_, start, end, exceptions_before = waiting.pop()
        types = types_by_key[type_]
        for count in range(self._count, self._next_check + 1):
            while offset >= end and waiting:
                is_parsed = exceptions == exceptions_before
                if is_parsed and end - start <= _MOST_REMEMBERED_BYTES and base <= start and end <= known_end:
                    self._remember(type_, block[start - base : end - base])
                type_, start, end, exceptions_before = waiting.pop()
                types = types_by_key[type_]
            place = offset - base
            field_type = types.get(block[place : place + 1])
            is_in_memory = base <= offset < short_fields_end
            if field_type is None or not is_in_memory or count == self._next_check:
                break
            if field_type == _ONE_NUMBER:
                # Numbers in a row with one key count as one field, as packed numbers do.
                run = match_scalars(block[place]).match(block, place, min(end, known_end) - base)
                length, content_start = 0, offset + 1
                field_end = base + run.end() if run else end + 1
            else:
                length, high = block[place + 1], block[place + 2]
                has_two_bytes = length >= CONTINUED
                content_start = offset + 3 if has_two_bytes else offset + 2
                length = length - CONTINUED + (high << 7) if has_two_bytes else length
                field_end = content_start + length
            if field_end > end or field_end > known_end or length > _MOST_SHORT_LENGTH:
                break
            offset = field_end
            most_parsed_bytes = _MOST_PARSED_BYTES.get(field_type)
            if most_parsed_bytes is None:  # a message
                content = block[content_start - base : field_end - base]
                if length > _MOST_REMEMBERED_BYTES or content not in parsed_messages[field_type]:
                    waiting.append((type_, start, end, exceptions_before))
                    type_, start, end, exceptions_before = field_type, content_start, field_end, exceptions
                    types, offset = types_by_key[type_], content_start
            elif length > most_parsed_bytes:
                exceptions += 1
                ends.append(content_start)
                ends.append(field_end)
        waiting.append((type_, start, end, exceptions_before))
        cursor.offset = self._parsed_end = offset
        self._count, self._exceptions = count, exceptions
        return offset < end

    def _visit_field(self) -> None:
        """Visit one field of any form; raises as ``claim_message``."""
        cursor = self._cursor
        type_, _, end, _ = self._open[-1]
        field_start = cursor.offset
        field_type = _skip_field(cursor, self._schema.messages[type_])
        content_start, field_end = cursor.body, cursor.offset
        self._count += 1
        if field_end > end:
            raise DamagedError("a field ends beyond its message", field_start)
        if field_type == "n" and cursor.skip_equal_scalars(field_start, end):
            field_end = cursor.offset
        if field_type in self._schema.messages:
            if not self._is_remembered(field_type, content_start, field_end):
                # Go back to the first field of the message.
                cursor.offset = self._parsed_end = content_start
                self._open.append((field_type, content_start, field_end, self._exceptions))
                return
        elif not field_type:
            # The field stays unclaimed. The next range begins behind it.
            self._exceptions += 1
            self._flush()
            self._start = field_end
        elif field_end - content_start > _MOST_PARSED_BYTES[field_type]:
            self._exceptions += 1
            self._ends.extend((content_start, field_end))
        self._parsed_end = field_end

    def _is_remembered(self, type_: str, start: int, end: int) -> bool:
        """Whether the message from ``start`` to ``end`` lies in memory and equals one that was parsed to its end."""
        (block, base), known_end = self._cursor.block, self._cursor.known_end
        is_in_memory = base <= start and end <= known_end
        is_short = end - start <= _MOST_REMEMBERED_BYTES
        return is_short and is_in_memory and block[start - base : end - base] in self._parsed_messages[type_]

    def _remember(self, type_: str, content: bytes) -> None:
        """Remember the bytes of a message that was parsed to its end: graphs repeat short ones thousands of times."""
        messages = self._parsed_messages[type_]
        if len(messages) < _MOST_REMEMBERED:
            messages.add(content)


def _skip_field(cursor: FieldCursor, types: Mapping[int, str]) -> str:
    """Consume one field of any form, and return its type.

    A number that is not packed has the type ``n``. The type is empty if the message has no such field, and for a text
    or message with the wire type of a number or group: parsers skip it as they skip an unknown field. Raises as
    ``FieldCursor.skip_field``.
    """
    number, wire = cursor.skip_field()
    type_ = types.get(number, "")
    if wire == BYTES:
        return type_
    return "n" if type_ in _TYPES_OF_NUMBERS and wire != GROUP else ""
