"""Hash the rest of large files in threads, while the scan reads the next files."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from threading import Event, Lock
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from msgspec import Struct

from modelaudit.integrity.digests import DigestingWindow
from modelaudit.model.artifact import Window, describe_change
from modelaudit.model.digest import Digest
from modelaudit.model.errors import WindowError
from modelaudit.model.structure import Unread, UnreadReason

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

_MOST_THREADS: Final = 4
_BYTES_HASHED_AT_ONCE: Final = 1 << 20  # below this, a thread costs more than it saves


HashProgress = Callable[[int, int], None]
"""Called with the bytes hashed so far and the bytes in all, from several threads, one call at a time."""


class ByteCounter:
    """Adds up the bytes that several threads hash, and reports the sum.

    Args:
        report: receives the sum; ``None`` if nothing does.
        total: bytes in all.
    """

    def __init__(self, report: HashProgress | None = None, total: int = 0) -> None:
        self._report = report
        self._total = total
        self._bytes = 0
        self._lock = Lock()

    def add(self, amount: int) -> None:
        """Count more bytes."""
        if self._report is not None and amount:
            with self._lock:
                self._bytes += amount
                self._report(self._bytes, max(self._bytes, self._total))


class Hashed(Struct, frozen=True):
    """The digests of a file, and the absence that was met while it was hashed, such as a change of its bytes."""

    digests: tuple[Digest, ...] = ()
    absence: Unread | None = None


class OpenedFile(Struct, frozen=True):
    """A file that readers have read and that is still open, so that the bytes to hash are those that they read.

    Attributes:
        opened: closes the file.
        window: its bytes.
        digesting: the window that the readers used, which has hashed the bytes that they requested in order.
    """

    opened: ExitStack
    window: Window
    digesting: DigestingWindow

    def hash_rest(self, stop: Event | None = None, counter: ByteCounter | None = None) -> Hashed:
        """Hash the bytes that no reader requested, look for a change during the scan, and close the file.

        Args:
            stop: ends the work early once it is set.
            counter: counts the bytes of the file.
        """
        counter = counter or ByteCounter()
        counter.add(self.digesting.size - self.digesting.remaining)
        with self.opened:
            try:
                return Hashed(self.digesting.finish(stop, counter.add), self._find_change())
            except WindowError as error:
                return Hashed((), Unread(error.reason, str(error)))

    def _find_change(self) -> Unread | None:
        """Return the absence of a file that changed since it was listed."""
        change = describe_change(self.window)
        return Unread(UnreadReason.CHANGED, change) if change else None


PendingHash = Callable[[], Hashed]
"""Waits for the digests of a file."""
BeginHashing = Callable[[OpenedFile], PendingHash]
"""Begins to hash the rest of a file, at once or in a thread."""


def hash_at_once(file: OpenedFile, counter: ByteCounter | None = None) -> PendingHash:
    """Hash the rest of a file in this thread, and return a function that gives its digests."""
    hashed = file.hash_rest(counter=counter)
    return lambda: hashed


class HashingThreads:
    """Threads that hash files. Leaving the ``with`` statement ends them and discards unfinished work.

    SHA-256 and reads release the lock of the interpreter, so that threads use further processors.

    Args:
        counter: counts the bytes of the files.
    """

    def __init__(self, counter: ByteCounter | None = None) -> None:
        self._counter = counter
        # The processors that this process may use, which can be fewer than those of the machine.
        self.count = min(_MOST_THREADS, len(os.sched_getaffinity(0)))
        self._stop = Event()
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def begin(self, file: OpenedFile) -> PendingHash:
        """Begin to hash the rest of a file, in a thread if it is large, and return a function that gives its digests.

        That function raises what the thread raised.
        """
        if file.digesting.remaining <= _BYTES_HASHED_AT_ONCE:
            return hash_at_once(file, self._counter)
        return self._open_pool().submit(file.hash_rest, self._stop, self._counter).result

    def _open_pool(self) -> ThreadPoolExecutor:
        """Return the threads; they are made for the first large file, because their module takes a while to load."""
        if self._pool is None:
            from concurrent.futures import ThreadPoolExecutor

            self._pool = ThreadPoolExecutor(self.count, thread_name_prefix="hashing")
        return self._pool
