"""Models of SentencePiece: pieces of words with their scores, and how text is split into them. Nothing in them runs.

Source: https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline
from modelaudit.wire.base import DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.protobuf import BYTES, FIXED32, VARINT, Message

FORMAT: Final = "sentencepiece"
_TRIAL_FIELDS: Final = 8
_MAX_PIECES: Final = 4_000_000
_PIECE_FIELDS: Final = {(1, BYTES), (2, FIXED32), (3, VARINT)}
_MODEL_FIELDS: Final = range(1, 6)
_FIRST_EXTENSION: Final = 200  # the schema leaves numbers from here on to others


def recognises(head: Head) -> bool:
    """The first fields are pieces, each a text with a score."""
    if head.content is not None or not head.data.startswith(b"\x0a"):
        return False
    try:
        first = list(islice(Message.from_window(head.window).fields(), _TRIAL_FIELDS))
        return bool(first) and all(
            (each.number == 1 and each.wire == BYTES and _is_piece(each.body))
            or (place > 0 and each.number in _MODEL_FIELDS and each.wire == BYTES)
            for place, each in enumerate(first)
        )
    except (DamagedError, WindowError):
        return False


def _is_piece(message: Message) -> bool:
    parts = [(each.number, each.wire) for each in message.fields()]
    return (1, BYTES) in parts and (2, FIXED32) in parts and set(parts) <= _PIECE_FIELDS


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield how many pieces there are.

    Raises:
        DamagedError: a field breaks off, or is none of the schema.
        LimitReachedError: there are more pieces than are followed.
    """
    pieces = 0
    failure: DamagedError | None = None
    try:
        for each in Message.from_window(window).fields():
            if each.wire != BYTES or not (each.number in _MODEL_FIELDS or each.number >= _FIRST_EXTENSION):
                raise DamagedError(f"field {each.number} is none of a model of SentencePiece", each.offset)
            pieces += each.number == 1
            if pieces > _MAX_PIECES:
                raise LimitReachedError(f"it holds more than {_MAX_PIECES} pieces", each.offset)
            if each.number == 1 and not _is_piece(each.body):
                raise DamagedError("a piece is none", each.offset)
    except DamagedError as error:
        failure = error
    yield Outline(FORMAT, facts=(("pieces", str(pieces)),))
    if failure is not None:
        raise failure
