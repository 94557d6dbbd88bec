"""Read models of Wapiti: counts in lines that begin with ``#``, and as many texts and weights as they state.

Each text states its length, as in netstrings. The texts are patterns, labels, and features. A weight follows the number
of its feature, and the numbers ascend. Source: ``src/model.c``, ``src/reader.c`` and ``src/quark.c`` of
https://github.com/Jekub/Wapiti, version 1.5.0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from modelaudit.languages.unlisted_text import report_commands_in_data
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.wire.base import DamagedError, Reading
from modelaudit.wire.deadline import check_deadline
from modelaudit.wire.record_cursor import RecordCursor, outline_records

_LONGEST_LINE: Final = 64 * 1024
_LINES_PER_CHECK: Final = 1024
# The kind of the model, of three, and the number of weights; older files state no kind.
_MODEL: Final = defer_pattern(rb"#mdl#(?:[0-2]#)?(\d{1,12})")
# The number of patterns, the number of columns, and whether a pattern without a kind is one of words.
_PATTERNS: Final = defer_pattern(rb"#rdr#(\d{1,6})/\d{1,6}(?:/[01])?")
_TEXTS: Final = defer_pattern(rb"#qrk#(\d{1,12})")
_TEXT: Final = defer_pattern(rb"(\d{1,6}):([^\x00-\x08\x0a-\x1f]*),")
# As ``%a`` of C writes a number.
_WEIGHT: Final = defer_pattern(rb"(\d{1,12})=-?0x[01](?:\.[0-9a-f]{1,13})?p[+-]\d{1,4}")


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline with the numbers of labels, features and weights, and an absence if its texts hold commands.

    Raises:
        DamagedError: a line has another form, a length or count is another, or lines follow the last weight.
        WindowError: the window could not return the requested bytes.
    """
    yield from outline_records(window, "wapiti", _read_model)
    yield from report_commands_in_data(artifact.path, window)


def _read_model(cursor: RecordCursor, facts: dict[str, str]) -> None:
    """Read the parts. Raises ``DamagedError``."""
    weights = _read_count(cursor, _MODEL)
    _skip_texts(cursor, _read_count(cursor, _PATTERNS))
    for part in ("labels", "features"):
        count = _read_count(cursor, _TEXTS)
        facts[part] = str(count)
        _skip_texts(cursor, count)
    facts["weights"] = str(weights)
    last = -1
    for number in range(weights):
        if number % _LINES_PER_CHECK == 0:
            check_deadline()
        feature = _read_count(cursor, _WEIGHT)
        if feature <= last:
            raise DamagedError(f"the weight of feature {feature} follows that of {last}", cursor.offset)
        last = feature
    cursor.require_end()


def _read_count(cursor: RecordCursor, form: re.Pattern[bytes]) -> int:
    """Read a line, and return the number in it. Raises ``DamagedError`` if the line has another form."""
    line = _peek_line(cursor)
    found = form.fullmatch(line)
    if found is None:
        raise DamagedError("a line has another form than those of Wapiti", cursor.offset)
    cursor.skip(len(line) + 1, "a line")
    return int(found[1])


def _skip_texts(cursor: RecordCursor, count: int) -> None:
    """Skip texts. Raises ``DamagedError`` if one has another form or length."""
    for number in range(count):
        if number % _LINES_PER_CHECK == 0:
            check_deadline()
        line = _peek_line(cursor)
        found = _TEXT.fullmatch(line)
        if found is None or int(found[1]) != len(found[2]):
            raise DamagedError("a text has another form or length than it states", cursor.offset)
        cursor.skip(len(line) + 1, "a text")


def _peek_line(cursor: RecordCursor) -> bytes:
    """Return the next line without its end. Raises ``DamagedError`` if it has no end, or is too long."""
    size = 64
    while True:
        start = cursor.peek(size)
        end = start.find(b"\n")
        if end >= 0:
            return start[:end]
        if len(start) < size or size >= _LONGEST_LINE:
            raise DamagedError("a line has no end", cursor.offset)
        size = min(8 * size, _LONGEST_LINE)
