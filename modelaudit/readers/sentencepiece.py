"""Models of SentencePiece: a protocol buffer of pieces of words with their scores, and settings. Nothing in it acts.

Source: https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline
from modelaudit.readers.base import DamagedError, Head, LimitReachedError, Reader, Reading
from modelaudit.readers.pickle.behind import pickles_amid
from modelaudit.readers.protobuf import BYTES, Message

_PIECE: Final = 0x0A
_SCORE: Final = 0x15
_KNOWN: Final = frozenset(range(1, 6))
_FIRST_EXTENSION: Final = 200
_LONGEST_PIECE: Final = 120


def recognises(head: Head) -> bool:
    """A first field that is a piece: a text, then a score of four bytes, as in no other protocol buffer of models."""
    data = head.data
    if head.content is not None or len(data) < 9 or data[0] != _PIECE or data[2] != _PIECE:
        return False
    length, text = data[1], data[3]
    if not 7 <= length <= _LONGEST_PIECE or text + 7 > length:
        return False
    return data[4 + text : 5 + text] == bytes((_SCORE,))


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield how many pieces there are.

    Raises:
        DamagedError: it breaks off, or holds a field that the format does not have.
        WindowError: from the window.
    """
    pieces = 0
    damage: DamagedError | None = None
    try:
        for field in Message.whole(window).fields():
            pieces += field.number == 1
            if (field.number not in _KNOWN and field.number < _FIRST_EXTENSION) or field.wire != BYTES:
                raise DamagedError(f"field {field.number} does not exist in the format", field.offset)
            if pieces > limits.document_nodes:
                raise LimitReachedError(f"it holds more than {limits.document_nodes} pieces", field.offset)
    except DamagedError as error:
        damage = error
    yield Outline("sentencepiece", (), (("pieces", str(pieces)),))
    if damage is not None:
        yield from pickles_amid(artifact, window, damage.offset or 0, limits)
        raise damage


READER = Reader("sentencepiece", recognises, read)
