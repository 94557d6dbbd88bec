"""Count the bytes and the files of a download, and report them to the caller."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

Progress = Callable[[int, int, int, int], None]
"""Called with the bytes fetched so far, the bytes in all, the files fetched so far, and the files in all.

The calls come from several threads, one call at a time.
"""


@dataclass(slots=True)
class DownloadCounter:
    """Adds up the bytes and files that are fetched at once, and reports the sums.

    Attributes:
        report: receives the sums; ``None`` if nothing does.
        total: bytes of all files, as far as their sizes are stated.
        files: number of all files.
    """

    report: Progress | None
    total: int
    files: int
    _bytes: int = 0
    _complete: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add_bytes(self, amount: int) -> None:
        """Count more bytes; the number is negative where a file begins again."""
        self._add(amount, 0)

    def add_file(self) -> None:
        """Count a file that is complete, or that was given up."""
        self._add(0, 1)

    def _add(self, amount: int, files: int) -> None:
        if self.report is None:
            return
        with self._lock:
            self._bytes += amount
            self._complete += files
            self.report(self._bytes, max(self.total, self._bytes), self._complete, self.files)
