"""Report the progress of a download to the caller, in place of the client's own progress bars."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

Progress = Callable[[int, int], None]
"""Called with the bytes fetched so far and the bytes in all, from several threads, one call at a time."""


class _ByteCounter:
    """Adds up the bytes of several files that are fetched at once, and reports the sum."""

    def __init__(self, report: Progress, total: int) -> None:
        self._report = report
        self._total = total
        self._bytes = 0
        self._lock = threading.Lock()

    def add(self, amount: int) -> None:
        """Count ``amount`` more bytes; it is negative where a download begins again."""
        with self._lock:
            self._bytes += amount
            self._report(self._bytes, max(self._total, self._bytes))


class _SilentProgressBar:
    """The interface of ``tqdm`` that huggingface_hub needs of a progress bar, without drawing one.

    Attributes:
        counter: receives the bytes.
        total: bytes of the file, if known.
        n: bytes so far.
    """

    counter: _ByteCounter | None = None

    def __init__(self, *_: object, total: float | None = None, initial: float = 0, **__: object) -> None:
        self.total = total
        self.n = initial
        self.format_dict: dict[str, object] = {}

    def update(self, amount: float | None = 1) -> None:
        """Count ``amount`` more bytes, and report the progress."""
        self.n += amount or 0
        if self.counter is not None:
            self.counter.add(int(amount or 0))

    def refresh(self, *_: object, **__: object) -> None:
        """Do nothing, because nothing is drawn."""

    set_description = set_description_str = set_postfix = set_postfix_str = reset = clear = refresh

    def close(self) -> None:
        """Do nothing, because no resource is open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def make_progress_bar_class(progress: Progress | None, total: int) -> type[_SilentProgressBar]:
    """Return a class of progress bars that report to ``progress``; with ``None``, they report nothing.

    Args:
        progress: receives the bytes of all bars together.
        total: bytes of all files.
    """
    counter = None if progress is None else _ByteCounter(progress, total)
    return type("ProgressBar", (_SilentProgressBar,), {"counter": counter})
