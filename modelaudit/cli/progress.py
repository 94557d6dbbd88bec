"""Progress on stderr: one line with the bytes, their rate and the files, only for a person who watches a terminal."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_DUMB_TERMINALS = ("dumb", "unknown")
"""Values of ``TERM`` for terminals that cannot overwrite a line."""


class ProgressCallbacks(TypedDict):
    """The parameters of ``modelaudit.scan`` that report progress."""

    progress: Callable[[str, int, int], None]
    download_progress: Callable[[int, int, int, int], None]
    hash_progress: Callable[[int, int], None]


class ProgressLine:
    """A line on stderr that shows the download, and then the file being read and the bytes that are hashed.

    It is silent without a terminal, and where ``CI`` is set. ``NO_COLOR`` leaves out its colours.
    """

    def __init__(self, enabled: bool) -> None:
        self._progress: Progress | None = None
        is_dumb = os.environ.get("TERM", "").lower() in _DUMB_TERMINALS
        self._enabled = enabled and sys.stderr.isatty() and not is_dumb and not os.environ.get("CI")
        self._task: TaskID | None = None
        self._phase = ""
        self._files = ""
        self._path = ""
        self._waits = 0
        self._lock = threading.Lock()
        self._listening = ExitStack()

    def __enter__(self) -> ProgressLine:
        from modelaudit.sources.progress import report_waits

        if self._enabled:
            self._listening.enter_context(report_waits(self.wait))
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()
        self.close()

    @property
    def callbacks(self) -> ProgressCallbacks:
        """The callbacks for ``modelaudit.scan``."""
        return {"progress": self, "download_progress": self.download, "hash_progress": self.hash}

    def __call__(self, path: str, number: int, total: int) -> None:
        """Show that artifact ``number`` of ``total`` is being read."""
        self._show("reading", path, files=f"{number}/{total}")

    def download(self, received: int, total: int, files: int, all_files: int) -> None:
        """Show the received bytes and files of a download, and their totals."""
        self._show("downloading", completed=received, total=total, files=f"{files}/{all_files}")

    def hash(self, hashed: int, total: int) -> None:
        """Show the bytes that are hashed, and their total."""
        self._show("reading", completed=hashed, total=total)

    def wait(self, host: str, seconds: float, attempt: int) -> None:
        """Show that a request waits before it is repeated; with 0 seconds, that one of the waits has ended."""
        with self._lock:
            self._waits += 1 if seconds else -1
        if seconds:
            self._show(self._phase or "asking", f"waiting {seconds:.0f} s for {host}, then attempt {attempt}")
        elif self._waits == 0:
            self._show(self._phase or "asking", "")

    def close(self) -> None:
        """Remove the line."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = self._task = None
            self._phase = ""

    def _show(
        self,
        phase: str,
        path: str | None = None,
        *,
        completed: int | None = None,
        total: int | None = None,
        files: str | None = None,
    ) -> None:
        """Show the updated parts; a part that is ``None`` stays as it is. Several threads may call it."""
        if self._enabled:
            with self._lock:
                self._show_line(phase, path, completed, total, files)

    def _show_line(
        self, phase: str, path: str | None, completed: int | None, total: int | None, files: str | None
    ) -> None:
        """Show the updated parts, as ``_show``."""
        if self._progress is None:
            self._progress = _make_progress()
            self._progress.start()
        if phase != self._phase:
            if self._task is not None:
                self._progress.remove_task(self._task)
            self._phase, self._files, self._path = phase, "", ""
            self._task = self._progress.add_task(phase, total=None, files="", path="")
        if files is not None:
            self._files = f"{files} files"
        if path is not None:
            self._path = "".join(character if character.isprintable() else "?" for character in path)
        assert self._task is not None  # made with the phase
        self._progress.update(self._task, completed=completed, total=total, files=self._files, path=self._path)


def _make_progress() -> Progress:
    """Return the line, which is not shown yet. Texts of a model are no markup in it."""
    # Reports need rich as well, but only once the scan is done.
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
    from rich.table import Column

    path_column = Column(no_wrap=True, overflow="ellipsis", ratio=1)
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        DownloadColumn(),
        TransferSpeedColumn(),
        TextColumn("{task.fields[files]}", markup=False),
        TextColumn("{task.fields[path]}", markup=False, table_column=path_column),
        console=Console(stderr=True, highlight=False, markup=False, emoji=False),
        transient=True,
        # stdout carries one document alone, and nothing of it may pass through this line.
        redirect_stdout=False,
        redirect_stderr=False,
        expand=True,
    )
