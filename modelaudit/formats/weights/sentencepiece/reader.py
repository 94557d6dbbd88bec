"""Read SentencePiece models: pieces of words with scores, and settings of the tokenizer. Nothing in them runs.

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
_FIRST_EXTENSION: Final = 200  # the schema reserves field numbers from here on for extensions


def recognises(head: Head) -> bool:
    """Whether the first fields are pieces: each a text with a score."""
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
    """Yield the outline with the number of pieces.

    Raises:
        DamagedError: a field is truncated or not in the schema.
        LimitReachedError: there are more than four million pieces.
    """
    pieces = 0
    failure: DamagedError | None = None
    try:
        for each in Message.from_window(window).fields():
            if each.wire != BYTES or not (each.number in _MODEL_FIELDS or each.number >= _FIRST_EXTENSION):
                raise DamagedError(f"field {each.number} is not in the schema of SentencePiece", each.offset)
            pieces += each.number == 1
            if pieces > _MAX_PIECES:
                raise LimitReachedError(f"the model holds more than {_MAX_PIECES} pieces", each.offset)
            if each.number == 1 and not _is_piece(each.body):
                raise DamagedError("a piece lacks its text or score, or has an unknown field", each.offset)
    except DamagedError as error:
        failure = error
    yield Outline(FORMAT, facts=(("pieces", str(pieces)),))
    if failure is not None:
        raise failure
