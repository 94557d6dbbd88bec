"""Report the progress of a download to the caller, in place of the client's own progress bars."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

Progress = Callable[[int, int], None]
"""Called with the bytes fetched so far and the bytes in all, from several threads, one call at a time."""

_LOCK = threading.Lock()


class _SilentProgressBar:
    """The interface of ``tqdm`` that huggingface_hub needs of a progress bar, without drawing one.

    Attributes:
        report: receives the progress.
        total: bytes in all, if known.
        n: bytes so far.
        counts: whether this bar counts bytes of files; the client also has bars that count other things.
    """

    report: Progress | None = None

    def __init__(self, *_: object, total: float | None = None, initial: float = 0, **options: object) -> None:
        self.total = total
        self.n = initial
        # The client has two bars in bytes. "Downloading bytes" counts the compressed transfer, not the files.
        self.counts = options.get("unit") == "B" and options.get("desc") != "Downloading bytes"
        self.format_dict: dict[str, object] = {}

    def update(self, amount: float | None = 1) -> None:
        """Count ``amount`` more bytes, and report the progress."""
        with _LOCK:
            self.n += amount or 0
            if self.counts and self.report is not None:
                self.report(int(self.n), int(self.total or 0))

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


def make_progress_bar_class(progress: Progress | None) -> type[_SilentProgressBar]:
    """Return a class of progress bars that report to ``progress``; with ``None``, they report nothing."""
    return type("ByteCounter", (_SilentProgressBar,), {"report": staticmethod(progress) if progress else None})
