"""Recognise messages of protocol buffers, which have no signature."""

from __future__ import annotations

from itertools import islice
from typing import Final

from modelaudit.model.artifact import Window
from modelaudit.wire.base import DamagedError
from modelaudit.wire.protobuf import BYTES, Message

_MOST_CHECKED_FIELDS: Final = 1_000_000
_MOST_INNER_FIELDS: Final = 64
"""Fields of an inner message that recognition parses."""


def is_whole_message(window: Window) -> bool:
    """Whether the bytes parse to their end as fields, and one field is a message that contains a text or message.

    Parsers of protocol buffers demand no more and skip unknown fields. After ``_MOST_CHECKED_FIELDS`` valid fields the
    answer is true, because the rest can no longer be checked. Raises ``WindowError``.
    """
    has_inner_message = False
    try:
        for count, field in enumerate(Message.from_window(window).fields()):
            if count >= _MOST_CHECKED_FIELDS:
                return True
            has_inner_message = has_inner_message or (field.wire == BYTES and _is_message(field.body))
    except DamagedError:
        return False
    return has_inner_message


def _is_message(message: Message) -> bool:
    """Whether the first 64 fields are valid, and one of them is a text or message that is not empty."""
    try:
        # A list, so that all of them are parsed and damage in any counts.
        fields = list(islice(message.first_fields(), _MOST_INNER_FIELDS))
        return any(field.wire == BYTES and field.body.size > 0 for field in fields)
    except DamagedError:
        return False
