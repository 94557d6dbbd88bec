"""Read the rows of JSON lines whose keys or values have a spelling that no program writes.

Rows are data, and parsing all of them as settings would take too long. Patterns find names in their text, and miss one
behind an escape or many blanks.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from modelaudit.languages.configurations.targets import ODD_SPELLING, TARGETS
from modelaudit.languages.document_settings import parse_json_settings
from modelaudit.languages.settings import Setting, interpret_settings
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.wire.base import LimitReachedError, Reading
from modelaudit.wire.documents import SearchedText

_MOST_CHARACTERS: Final = 4 * MIB  # of all such rows


def interpret_odd_rows(path: str, text: SearchedText, limits: Limits) -> Iterator[Reading]:
    """Yield the names that loaders import by the rows of a document with an odd spelling.

    Args:
        path: of the artifact.
        text: of the document.
        limits: the bounds of the scan.
    """
    settings: list[Setting] = []
    characters = 0
    for row, line in _find_odd_rows(text).items():
        characters += len(row)
        if characters > _MOST_CHARACTERS:
            detail = f"only the first {_MOST_CHARACTERS} characters of rows with escapes in names were read"
            yield Unread(UnreadReason.LIMIT, detail)
            break
        # The reader of the document reports a row that is not JSON.
        with suppress(ValueError, LimitReachedError):
            settings += (Setting(each.path, each.value, line) for each in parse_json_settings(row, limits))
    if settings:
        yield from interpret_settings((TARGETS,), path, settings, limits)


def _find_odd_rows(text: SearchedText) -> dict[str, int]:
    """Return each row with an odd spelling, with its line from 1."""
    rows: dict[str, int] = {}
    for piece, lines_before in text.iterate_searched():
        line, counted = lines_before + 1, 0
        for match in ODD_SPELLING.finditer(piece):
            start = piece.rfind("\n", 0, match.start()) + 1
            if start < counted:
                continue  # the row has another match before
            end = piece.find("\n", match.end())
            end = len(piece) if end < 0 else end
            line += piece.count("\n", counted, start)
            counted = start + 1
            rows.setdefault(piece[start:end], line)
    return rows
