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

from array import array
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from modelaudit.wire.base import DamagedError, LimitReachedError
from modelaudit.wire.deadline import check_deadline
from modelaudit.wire.ledger import SHORT_NAME_BYTES, claim_in_turn
from modelaudit.wire.protobuf import BYTES, FIXED32, FIXED64, GROUP, VARINT, FieldCursor, Message, make_key

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


@dataclass(frozen=True, slots=True)
class MessageSchema:
    """The messages of a format.

    Attributes:
        root: the name of the message that is the whole file.
        messages: for each message, the type of each field by its number.
        types_by_key: for each message, the type of its fields by their key, for keys that take one byte. A number that
            is not packed has the type ``n``, also in a field of the type ``data``.
    """

    root: str
    messages: Mapping[str, Mapping[int, str]]
    types_by_key: Mapping[str, Mapping[int, str]]

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


def _list_short_keys(types: Mapping[int, str]) -> dict[int, str]:
    """Return the type of each field of a message by its key, for keys of one byte; see ``MessageSchema``."""
    keys = {}
    for number, type_ in types.items():
        if number > _MOST_SHORT_NUMBER:
            continue
        keys[make_key(number, BYTES)] = type_
        # Numbers are packed into a field of bytes, or written one by one.
        if type_ in _TYPES_OF_NUMBERS:
            keys |= {make_key(number, wire): "n" for wire in (VARINT, FIXED64, FIXED32)}
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
        # The number of fields so far that were not claimed as parsed.
        self._exceptions = 0
        # The bytes of short messages that were parsed to their last one, by the name of their type.
        self._parsed_messages: dict[str, set[bytes | None]] = defaultdict(set)

    def run(self, root: str) -> None:
        """Walk the message, which has the type ``root``; raises as ``claim_message``."""
        try:
            self._visit_fields(root)
        finally:
            self._flush()

    def _flush(self) -> None:
        """Claim the ranges that wait."""
        if self._parsed_end > (self._ends[-1] if self._ends else self._start):
            self._ends.append(self._parsed_end)
        claim_in_turn(self._window, self._start, self._ends)
        self._ends = array("Q")

    def _visit_fields(self, root: str) -> None:
        """Visit all fields of the message and of the messages in it."""
        cursor, schema = self._cursor, self._schema
        # The open message: its type, its start, its end, and the number of exceptions before it. Those around it wait.
        type_, start, end, exceptions_before = root, cursor.offset, cursor.end, 0
        types, types_by_key = schema.messages[root], schema.types_by_key[root]
        waiting: list[tuple[str, int, int, int]] = []
        count = next_check = 0
        while True:
            field_start = cursor.offset
            if field_start >= end:
                if self._exceptions == exceptions_before and end - start <= _MOST_REMEMBERED_BYTES:
                    self._remember(type_, start, end)
                if not waiting:
                    return
                type_, start, end, exceptions_before = waiting.pop()
                types, types_by_key = schema.messages[type_], schema.types_by_key[type_]
                continue
            if count == next_check:
                next_check = self._check_bounds(count, field_start)
            count += 1
            field_type = cursor.skip_short_field(types_by_key) or _skip_long_field(cursor, types)
            content_start, field_end = cursor.body, cursor.offset
            if field_end > end:
                raise DamagedError("a field ends beyond its message", field_start)
            if field_start != self._parsed_end:  # the field before is unknown
                self._flush()
                self._start = self._parsed_end = field_start
            if field_type == "n" or (field_type == "text" and field_end - content_start <= SHORT_NAME_BYTES):
                self._parsed_end = field_end
            elif not self._claim_content(field_type, content_start, field_end):
                # Go back to the first field of a message.
                cursor.offset = self._parsed_end = content_start
                waiting.append((type_, start, end, exceptions_before))
                type_, start, end, exceptions_before = field_type, content_start, field_end, self._exceptions
                types, types_by_key = schema.messages[type_], schema.types_by_key[type_]

    def _check_bounds(self, count: int, offset: int) -> int:
        """Check the bounds before the field at ``offset``, which ``count`` fields precede; return the next such count.

        Raises:
            LimitReachedError: there are too many fields, or no time is left.
        """
        check_deadline()
        if count >= self._most_fields:
            raise LimitReachedError(f"the message has more than {self._most_fields} fields", offset)
        return min(count + _FIELDS_PER_CHECK, self._most_fields)

    def _claim_content(self, type_: str, start: int, end: int) -> bool:
        """Claim the content of a field as data, or all of it as parsed; return ``False`` if its fields must be visited.

        A field without a type stays unclaimed.
        """
        if type_ in self._schema.messages:
            if end - start > _MOST_REMEMBERED_BYTES:
                return False
            is_known = self._cursor.get_known(start, end) in self._parsed_messages[type_]
            if is_known:
                self._parsed_end = end
            return is_known
        self._exceptions += 1
        if type_:
            if end > start:
                self._ends.extend((start, end))
            self._parsed_end = end
        return True

    def _remember(self, type_: str, start: int, end: int) -> None:
        """Remember the bytes of a message that was parsed to its end: graphs repeat short ones thousands of times."""
        messages = self._parsed_messages[type_]
        content = self._cursor.get_known(start, end)
        if content is not None and len(messages) < _MOST_REMEMBERED:
            messages.add(content)


def _skip_long_field(cursor: FieldCursor, types: Mapping[int, str]) -> str:
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
