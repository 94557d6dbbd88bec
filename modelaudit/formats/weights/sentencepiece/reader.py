"""Read SentencePiece models: pieces of words with scores, and settings of the tokenizer. Nothing in them runs.

Source: https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from modelaudit.languages.architectures.vocabulary import VocabularyHasher
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import Limits
from modelaudit.model.lineage import ModelTraits
from modelaudit.model.outline import Outline
from modelaudit.wire.base import DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.protobuf import BYTES, FIXED32, VARINT, Message
from modelaudit.wire.protobuf_schema import claim_message, load_message_schema

FORMAT: Final = "sentencepiece"
_TRIAL_FIELDS: Final = 8
_MAX_PIECES: Final = 4_000_000
_MAX_PIECE_BYTES: Final = 1024
# A piece is a field with three fields.
_MAX_FIELDS: Final = 4 * _MAX_PIECES
# The fields ``piece``, ``score`` and ``type`` of a piece: number and wire type.
_PIECE_FIELDS: Final = {(1, BYTES), (2, FIXED32), (3, VARINT)}
# The numbers of the fields of the model itself; the first is a piece, the others are settings.
_PIECE: Final = 1
_MODEL_FIELDS: Final = range(1, 6)
_FIRST_EXTENSION: Final = 200  # the schema reserves field numbers from here on for extensions


def recognises(head: Head) -> bool:
    """Whether the first field is a piece, a text with a score, and the next fields are pieces or settings."""
    # ``0a`` is the tag of field 1 with the wire type BYTES.
    if head.content is not None or not head.data.startswith(b"\x0a"):
        return False
    try:
        has_piece = False
        for field in islice(Message.from_window(head.window).first_fields(), _TRIAL_FIELDS):
            is_piece = field.number == _PIECE and field.wire == BYTES and _is_piece(field.body)
            # After the first piece, any field of the schema counts.
            is_setting = has_piece and field.number in _MODEL_FIELDS and field.wire == BYTES
            if not is_piece and not is_setting:
                return False
            has_piece = True
    except (DamagedError, WindowError):
        return False
    return has_piece


def _is_piece(message: Message) -> bool:
    """Whether a message has a text and a score, and no field that a piece cannot have."""
    return _read_piece(message) is not None


def _read_piece(message: Message) -> bytes | None:
    """Read the text of a piece; ``None`` for a message without text or score, or with a field that no piece has."""
    fields = {(field.number, field.wire): field.body for field in message.first_fields()}
    if (2, FIXED32) not in fields or not fields.keys() <= _PIECE_FIELDS:
        return None
    text = fields.get((1, BYTES))
    return None if text is None else text.raw(_MAX_PIECE_BYTES)


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline with the number of pieces, and the digests of the vocabulary.

    Raises:
        DamagedError: a field is truncated or not in the schema.
        LimitReachedError: there are more than four million pieces.
    """
    piece_count = 0
    hasher = VocabularyHasher()
    damage: DamagedError | None = None
    message = Message.from_window(window)
    try:
        for field in message.fields():
            is_in_schema = field.number in _MODEL_FIELDS or field.number >= _FIRST_EXTENSION
            if field.wire != BYTES or not is_in_schema:
                raise DamagedError(
                    f"field {field.number}, or its wire type, is not in the schema of SentencePiece", field.offset
                )
            if field.number != _PIECE:
                continue
            piece_count += 1
            if piece_count > _MAX_PIECES:
                raise LimitReachedError(f"the model holds more than {_MAX_PIECES} pieces", field.offset)
            piece = _read_piece(field.body)
            if piece is None:
                raise DamagedError("a piece lacks its text or score, or has an unknown field", field.offset)
            hasher.add(piece)
        claim_message(message, load_message_schema(Path(__file__).parent), _MAX_FIELDS)
    except DamagedError as error:
        damage = error
    yield Outline(FORMAT, facts=(("pieces", str(piece_count)),))
    vocabulary = hasher.finish() if damage is None else None
    if vocabulary is not None:
        yield ModelTraits(vocabulary=vocabulary)
    if damage is not None:
        raise damage
