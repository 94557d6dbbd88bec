"""Progress on stderr: one line that is overwritten, only for a person who watches a terminal."""

from __future__ import annotations

import os
import shutil
import sys

from modelaudit.reports.wording import format_size

_CLEAR_LINE = "\r\x1b[2K"
"""Carriage return, and the ANSI sequence that erases the line."""
_COUNTER_COLUMNS = 20
"""Columns that are left free for the counter before the name."""
_MIN_NAME_COLUMNS = 10


class ProgressLine:
    """A line on stderr that names the file being read. It is silent without a terminal, and where ``CI`` is set."""

    def __init__(self, enabled: bool) -> None:
        self._enabled = enabled and sys.stderr.isatty() and not os.environ.get("CI")

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __call__(self, path: str, number: int, total: int) -> None:
        """Show that artifact ``number`` of ``total`` is being read."""
        printable_path = "".join(character if character.isprintable() else "?" for character in path)
        self._show(f"[{number}/{total}]", printable_path)

    def download(self, received: int, total: int, files: int, all_files: int) -> None:
        """Show the received bytes of a download and their total."""
        self._show("downloading", f"{format_size(received)} of {format_size(total)}")

    def _show(self, counter: str, words: str) -> None:
        """Overwrite the line; where the words are too long, their end is shown."""
        if self._enabled:
            columns = max(_MIN_NAME_COLUMNS, shutil.get_terminal_size((80, 24)).columns - _COUNTER_COLUMNS)
            sys.stderr.write(f"{_CLEAR_LINE}{counter} {words[-columns:]}")
            sys.stderr.flush()

    def close(self) -> None:
        """Clear the line."""
        if self._enabled:
            sys.stderr.write(_CLEAR_LINE)
            sys.stderr.flush()
