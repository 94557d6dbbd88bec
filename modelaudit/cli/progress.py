"""Progress on stderr: one line that is overwritten, only for a person who watches a terminal."""

from __future__ import annotations

import os
import shutil
import sys


class ProgressLine:
    """A line with the file that is being read. Silent without a terminal and under ``CI``."""

    def __init__(self, enabled: bool) -> None:
        self._enabled = enabled and sys.stderr.isatty() and not os.environ.get("CI")

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __call__(self, path: str, number: int, total: int) -> None:
        """Show that artifact ``number`` of ``total`` is being read."""
        if self._enabled:
            room = max(10, shutil.get_terminal_size((80, 24)).columns - 20)
            name = "".join(character if character.isprintable() else "?" for character in path)[-room:]
            sys.stderr.write(f"\r\x1b[2K[{number}/{total}] {name}")
            sys.stderr.flush()

    def download(self, had: int, total: int) -> None:
        """Show the received bytes of a download and their total."""
        self("downloading", had, total)

    def close(self) -> None:
        """Clear the line."""
        if self._enabled:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()
