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

from modelaudit.wire.base import LimitReachedError
from modelaudit.wire.ledger import claim_data, claim_parsed
from modelaudit.wire.protobuf import BYTES, Message

_TYPES_OF_NUMBERS: Final = frozenset({"n", "data"})
_PLAIN_TYPES: Final = _TYPES_OF_NUMBERS | {"text"}


@dataclass(frozen=True, slots=True)
class MessageSchema:
    """The messages of a format.

    Attributes:
        root: the name of the message that is the whole file.
        messages: for each message, the type of each field by its number.
    """

    root: str
    messages: Mapping[str, Mapping[int, str]]

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
        return cls(rows[0][0], messages)


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
    window = message.window
    waiting = [(message, root or schema.root)]
    count = 0
    while waiting:
        part, name = waiting.pop()
        types = schema.messages[name]
        for each in part.fields():
            count += 1
            if count > most_fields:
                raise LimitReachedError(f"the message has more than {most_fields} fields", each.offset)
            type_ = types.get(each.number)
            # Parsers skip a text or message with the wire type of a number, as they skip an unknown field.
            if type_ is None or (each.wire != BYTES and type_ not in _TYPES_OF_NUMBERS):
                continue
            claim_parsed(window, each.offset, each.body.start)
            if each.wire != BYTES or type_ == "n":
                claim_parsed(window, each.body.start, each.body.end)
            elif type_ in _PLAIN_TYPES:
                claim_data(window, each.body.start, each.body.end)
            else:
                waiting.append((each.body, type_))
