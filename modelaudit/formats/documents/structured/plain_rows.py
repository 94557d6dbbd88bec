"""Recognise the rows of a table in a text that is larger than a document: fields of numbers and short identifiers.

Such rows hold no white space, quotes, brackets, slashes or equals signs, and each has as many fields as the first. They
spell no command, call, assignment, path or encoded content, so that a loader has nothing to act on.
"""

from __future__ import annotations

import re
from typing import Final

from modelaudit.model.artifact import Window
from modelaudit.model.limits import Limits
from modelaudit.wire.documents import feed_and_claim
from modelaudit.wire.text import TextScan
from modelaudit.wire.windows import CHUNK, iterate_chunks

_FIELD: Final = rb"[A-Za-z0-9_.:+|-]{0,32}+"
_DELIMITERS: Final = (b",", b"\t", b";")
_MOST_FIELDS: Final = 10_000
_LONGEST_ROW: Final = 64 * 1024  # bytes


class PlainRows:
    """Checks whether bytes are rows of one table; the first row gives the delimiter and the number of fields."""

    def __init__(self, start: bytes) -> None:
        """Begin a table.

        Args:
            start: the bytes before the first piece, from the start of their last line.
        """
        self._rest = start
        self._rows: re.Pattern[bytes] | None = None
        self._is_table = True

    def feed(self, piece: bytes) -> bool:
        """Whether the rows go on with ``piece``; its last row may end in the next one."""
        data = self._rest + piece
        end = data.rfind(b"\n") + 1
        self._rest = data[end:]
        self._is_table = self._is_table and len(self._rest) <= _LONGEST_ROW and self._are_rows(data[:end])
        return self._is_table

    def finish(self) -> bool:
        """Whether all bytes are rows; the last one needs no line break."""
        return self._is_table and self._are_rows(self._rest + b"\n" if self._rest else b"")

    def _are_rows(self, data: bytes) -> bool:
        """Whether whole lines are rows."""
        if not data:
            return True
        if self._rows is None:
            self._rows = _compile_rows(data[: data.find(b"\n")])
        return self._rows is not None and self._rows.fullmatch(data) is not None


def _compile_rows(row: bytes) -> re.Pattern[bytes] | None:
    """Return the pattern of rows with as many fields as ``row``; ``None`` if it has one field, or too many."""
    delimiter = max(_DELIMITERS, key=row.count)
    more = row.count(delimiter)
    if not 0 < more < _MOST_FIELDS:
        return None
    return re.compile(rb"(?:%s(?:%s%s){%d}\r?\n)*+" % (_FIELD, delimiter, _FIELD, more))


def scan_text(scan: TextScan, window: Window, limits: Limits) -> tuple[int, bool]:
    """Scan and claim a text; return the offset behind the part that was read, and whether this is all of the text.

    Behind ``document_bytes``, a text is read on up to ``table_bytes`` while it consists of the rows of a table.

    Raises:
        DamagedError: the file is not text to its end.
        WindowError: the window could not return the requested bytes.
    """
    position = 0
    last_line = b""
    rows: PlainRows | None = None
    for chunk in iterate_chunks(window, length=min(CHUNK, limits.document_bytes)):
        if position + len(chunk) > limits.document_bytes:
            rows = rows or PlainRows(last_line)
            if position + len(chunk) > limits.table_bytes or not rows.feed(chunk):
                return position, False
        feed_and_claim(scan, window, position, chunk)
        position += len(chunk)
        last_line = chunk[chunk.rfind(b"\n") + 1 :]
    scan.finish()
    return position, rows is None or rows.finish()
