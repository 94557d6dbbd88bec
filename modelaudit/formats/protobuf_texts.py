"""Collect the texts of a protocol buffer by its schema, as single values with the keys that lead to them."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from modelaudit.formats.value_trees import ValueTree
from modelaudit.model.limits import MIB
from modelaudit.wire.base import DamagedError, LimitReachedError
from modelaudit.wire.protobuf import BYTES, Message
from modelaudit.wire.protobuf_schema import MessageSchema

_MOST_FIELDS: Final = 200_000
_MOST_DEPTH: Final = 32
_LONGEST_TEXT: Final = 2 * MIB
# Messages with these ends of their names have a key in their first field.
_ENTRY: Final = ("Entry", "Summary.Value")
_KEY: Final = 1
_LONGEST_KEY: Final = 200
_MOST_GUESSED: Final = 50_000


def collect_texts(message: Message, schema: MessageSchema, type_: str, tree: ValueTree) -> None:
    """Add every text below a message to ``tree``.

    The keys of a text are the types of the messages around it, and those of the maps on the way.

    Args:
        message: the message.
        schema: the fields of its messages.
        type_: the name of its type in the schema.
        tree: gets the texts.

    Raises:
        DamagedError: the bytes contradict the wire format.
        LimitReachedError: there are too many fields.
        WindowError: the window could not return the requested bytes.
    """
    waiting: list[tuple[Message, str, tuple[str, ...]]] = [(message, type_, ())]
    fields_left = _MOST_FIELDS
    while waiting:
        current, name, path = waiting.pop()
        types = schema.messages[name]
        step = name
        for each in current.fields():
            fields_left -= 1
            if fields_left < 0:
                raise LimitReachedError(f"only the first {_MOST_FIELDS} fields were searched for texts", each.offset)
            if each.wire != BYTES:
                continue
            field_type = types.get(each.number, "")
            if field_type == "text":
                text = each.body.text(_LONGEST_TEXT)
                if each.number == _KEY and name.endswith(_ENTRY):
                    step = text[:_LONGEST_KEY]
                else:
                    tree.add((*path, step), text)
            elif field_type in schema.messages and len(path) < _MOST_DEPTH:
                waiting.append((each.body, field_type, (*path, step)))


def guess_texts(message: Message, tree: ValueTree) -> None:
    """Add the texts of a message without a schema: fields of bytes that are text, and those in what may be messages.

    Raises:
        LimitReachedError: there are too many fields.
        WindowError: the window could not return the requested bytes.
    """
    waiting: list[tuple[Message, tuple[str, ...]]] = [(message, ())]
    fields_left = _MOST_GUESSED
    while waiting:
        current, path = waiting.pop()
        step = ""
        # Bytes that are no message end the walk over them.
        with suppress(DamagedError):
            for each in current.fields():
                fields_left -= 1
                if fields_left < 0:
                    detail = f"only the first {_MOST_GUESSED} fields were searched for texts"
                    raise LimitReachedError(detail, each.offset)
                if each.wire != BYTES or each.body.size > _LONGEST_TEXT:
                    continue
                text = _decode_text(each.body)
                if text is None:
                    waiting += [(each.body, (*path, step))] if len(path) < _MOST_DEPTH else []
                    continue
                tree.add((*path, step), text)
                if each.number == _KEY:
                    step = text[:_LONGEST_KEY]


def _decode_text(message: Message) -> str | None:
    """Return the text that a field is; ``None`` if it is bytes or may be a message."""
    try:
        text = message.raw(_LONGEST_TEXT).decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if all(sign.isprintable() or sign in "\n\r\t" for sign in text[:_LONGEST_KEY]) else None
