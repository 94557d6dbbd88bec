"""Read ``phontab`` of eSpeak NG: tables of phonemes, each with its name and its number of phonemes.

Source: ``LoadPhData`` of ``src/libespeak-ng/synthdata.c`` of https://github.com/espeak-ng/espeak-ng, version 1.52.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline
from modelaudit.wire.base import DamagedError, Head, Reading
from modelaudit.wire.record_cursor import RecordCursor
from modelaudit.wire.text import get_file_name

_FILE_NAME: Final = "phontab"
# The number of tables, and of a table that of its phonemes and the table that it includes, each in a word.
_WORD: Final = struct.Struct("<BBBB")
_NAME_BYTES: Final = 32
_PHONEME_BYTES: Final = 16


def recognises(head: Head) -> bool:
    """Whether the file has the name of the table: nothing else shows what it is."""
    return head.content is None and get_file_name(head.path) == _FILE_NAME and bool(head.data)


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline with the number of tables.

    Raises:
        DamagedError: the file is truncated, contradicts itself, or goes on after its last part.
        WindowError: the window could not return the requested bytes.
    """
    cursor = RecordCursor(window)
    damage: DamagedError | None = None
    tables = 0
    try:
        tables, *rest = cursor.read(_WORD, "the number of tables")
        for _ in range(tables):
            phonemes, included, *padding = cursor.read(_WORD, "the start of a table")
            rest += padding
            if included > tables:
                raise DamagedError(f"a table includes the table {included} of {tables}", cursor.offset)
            name = cursor.take(_NAME_BYTES, "the name of a table")
            if not name.rstrip(b"\0").isascii() or b"\0" not in name:
                raise DamagedError("the name of a table is not text", cursor.offset)
            cursor.skip_data(phonemes * _PHONEME_BYTES, "the phonemes of a table")
        if any(rest):
            raise DamagedError("the padding behind a number holds other bytes than zeros", cursor.offset)
        cursor.require_end()
    except DamagedError as error:
        damage = error
    cursor.claim_consumed()
    yield Outline("espeak", facts=(("tables", str(tables)),))
    if damage is not None:
        raise damage
