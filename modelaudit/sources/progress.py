"""Tells a caller how far a download has come, in place of the client's own progress bars."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

Progress = Callable[[int, int], None]
"""Called with the bytes had and the bytes in all, from several threads, one call at a time."""

_LOCK = threading.Lock()


class _SilentProgressBar:
    """What huggingface_hub asks of a progress bar class (the interface of ``tqdm``), without drawing one."""

    report: Progress | None = None

    def __init__(self, *_: object, total: float | None = None, initial: float = 0, **options: object) -> None:
        self.total = total
        self.n = initial
        # Of the client's bars in bytes, the other counts what came over the wire, which compression makes smaller.
        self.counts = options.get("unit") == "B" and options.get("desc") != "Downloading bytes"
        self.format_dict: dict[str, object] = {}

    def update(self, amount: float | None = 1) -> None:
        """Count ``amount`` more."""
        with _LOCK:
            self.n += amount or 0
            if self.counts and self.report is not None:
                self.report(int(self.n), int(self.total or 0))

    def refresh(self, *_: object, **__: object) -> None:
        """Nothing is drawn."""

    set_description = set_description_str = set_postfix = set_postfix_str = reset = clear = refresh

    def close(self) -> None:
        """Nothing is held."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def make_progress_bar_class(progress: Progress | None) -> type[_SilentProgressBar]:
    """A class of bars that reports to ``progress``, or to no one."""
    return type("ByteCounter", (_SilentProgressBar,), {"report": staticmethod(progress) if progress else None})
