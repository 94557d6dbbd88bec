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

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from modelaudit.wire.base import DamagedError, LimitReachedError
from modelaudit.wire.deadline import check_deadline
from modelaudit.wire.ledger import SHORT_NAME_BYTES, claim_data, claim_parsed
from modelaudit.wire.protobuf import BYTES, FIXED32, FIXED64, GROUP, VARINT, FieldCursor, Message, make_key

_TYPES_OF_NUMBERS: Final = frozenset({"n", "data"})
_PLAIN_TYPES: Final = _TYPES_OF_NUMBERS | {"text"}
_MOST_SHORT_NUMBER: Final = 15
"""The key of a field with a larger number takes more than one byte."""
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
    # Depth first with one cursor, so that claims come in the order of their offsets. Parsed bytes that touch are
    # claimed together: those from ``parsed_start`` to ``parsed_end`` wait for their claim.
    cursor = FieldCursor(message)
    root = root or schema.root
    levels = [(message.end, schema.messages[root], schema.types_by_key[root])]
    parsed_start = parsed_end = message.start
    count = 0
    try:
        while levels:
            level_end, types, types_by_key = levels[-1]
            start = cursor.offset
            if start >= level_end:
                levels.pop()
                continue
            if count % _FIELDS_PER_CHECK == 0:
                check_deadline()
            count += 1
            if count > most_fields:
                raise LimitReachedError(f"the message has more than {most_fields} fields", start)
            type_ = cursor.skip_short_field(types_by_key) or _skip_long_field(cursor, types)
            if cursor.offset > level_end:
                raise DamagedError("a field ends beyond its message", start)
            if not type_:
                continue
            if start != parsed_end:
                claim_parsed(message.window, parsed_start, parsed_end)
                parsed_start = start
            parsed_end = cursor.body
            if type_ == "n" or (type_ == "text" and cursor.offset - parsed_end <= SHORT_NAME_BYTES):
                parsed_end = cursor.offset
            elif type_ in _PLAIN_TYPES:
                claim_data(message.window, parsed_end, cursor.offset)
            else:  # a message: go back to its first field
                levels.append((cursor.offset, schema.messages[type_], schema.types_by_key[type_]))
                cursor.offset = parsed_end
    finally:
        claim_parsed(message.window, parsed_start, parsed_end)


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
