"""Report the progress of fetching to the caller: bytes and files of a download, and waits before a repetition."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from msgspec import Struct, field

Progress = Callable[[int, int, int, int], None]
"""Called with the bytes fetched so far, the bytes in all, the files fetched so far, and the files in all.

The calls come from several threads, one call at a time.
"""


WaitReport = Callable[[str, float, int], None]
"""Called before a wait with the host, the seconds, and the number of the attempt that follows, from 2; after the wait
with 0 seconds. Several threads may call it at once."""

SHORT_WAIT = 2.0
"""Seconds of a wait that is not reported."""
_WAIT_REPORT: ContextVar[WaitReport | None] = ContextVar("report of waits", default=None)


@contextmanager
def report_waits(report: WaitReport) -> Iterator[None]:
    """Report the waits before repeated requests within the block, in this thread and those that fetch for it."""
    token = _WAIT_REPORT.set(report)
    try:
        yield
    finally:
        _WAIT_REPORT.reset(token)


@contextmanager
def announce_wait(host: str, seconds: float, attempt: int) -> Iterator[None]:
    """Report a wait, unless it is short, and its end."""
    report = _WAIT_REPORT.get() if seconds > SHORT_WAIT else None
    if report is None:
        yield
        return
    report(host, seconds, attempt)
    try:
        yield
    finally:
        report(host, 0.0, attempt)


class DownloadCounter(Struct):
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
