"""Bound the time for reading one artifact.

The bound is CPU time of the thread, so other load of the machine cannot change a verdict. Wall time is a backstop for
reads that block. Windows check the deadline at every read, and loops that only compute check it as they run. It is a
context variable, so it reaches every loop without being passed. Swallowing the error wins no time: every later check
fails as well, and the deadline records that it was reached.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, TypeVar

from modelaudit.model.limits import GIB, Limits
from modelaudit.wire.base import LimitReachedError

CPU_TIME_SPENT: Final = "the CPU time for this artifact is used up"
WALL_TIME_SPENT: Final = "the wall time for this artifact is used up"
_ITEMS_PER_CHECK: Final = 256

_Item = TypeVar("_Item")


class Deadline:
    """Bounds in seconds from now on: CPU time of the thread that makes the deadline, and wall time.

    Attributes:
        reached: a check found that either time is over.
        detail: a sentence that names the time that is over.
    """

    __slots__ = ("_cpu_end", "_next_look", "_wall_end", "detail", "reached")

    def __init__(self, cpu_seconds: float, wall_seconds: float = float("inf")) -> None:
        now = time.monotonic()
        self._wall_end = now + wall_seconds
        # The CPU clock costs a system call, which a deadline that never passes saves.
        self._cpu_end = cpu_seconds if cpu_seconds == float("inf") else time.thread_time() + cpu_seconds
        # A thread uses at most one second of CPU time in a second. The CPU clock costs a system call, so it is read
        # again only when as much wall time has passed as CPU time was left.
        self._next_look = now + cpu_seconds
        self.reached = False
        self.detail = CPU_TIME_SPENT

    def has_passed(self) -> bool:
        """Whether there is no time left; the answer stays true."""
        if self.reached:
            return True
        now = time.monotonic()
        if now >= self._next_look:
            cpu_seconds_left = self._cpu_end - time.thread_time()
            self._next_look = now + cpu_seconds_left
            self.reached = cpu_seconds_left <= 0
        if now >= self._wall_end and not self.reached:
            self.reached, self.detail = True, WALL_TIME_SPENT
        return self.reached

    def count_cpu_seconds_left(self) -> float:
        """Return the CPU time that is left, in seconds; 0 if none is."""
        return max(0.0, self._cpu_end - time.thread_time())


def start_deadline(limits: Limits, artifact_bytes: int) -> Deadline:
    """Return the deadline of an artifact of that size whose reading begins now."""
    share = limits.cpu_seconds_per_gib * artifact_bytes / GIB
    return Deadline(limits.artifact_cpu_seconds + share, limits.artifact_wall_seconds)


_CURRENT_DEADLINE: Final[ContextVar[Deadline]] = ContextVar("deadline", default=Deadline(float("inf")))  # noqa: B039 - it never passes, so it never changes


@contextmanager
def apply_deadline(deadline: Deadline) -> Iterator[Deadline]:
    """Apply ``deadline`` to everything that the body of the ``with`` statement calls."""
    token = _CURRENT_DEADLINE.set(deadline)
    try:
        yield deadline
    finally:
        _CURRENT_DEADLINE.reset(token)


def check_deadline() -> None:
    """Raise if the deadline of the current artifact has passed.

    A check takes some tenths of a microsecond: use it in loops with slower steps.

    Raises:
        LimitReachedError: the time is over.
    """
    deadline = _CURRENT_DEADLINE.get()
    if deadline.has_passed():
        raise LimitReachedError(deadline.detail)


def iterate_within_deadline(items: Iterable[_Item], items_per_check: int = _ITEMS_PER_CHECK) -> Iterator[_Item]:
    """Yield the items and check the deadline before every group of ``items_per_check`` items.

    Raises:
        LimitReachedError: the time is over.
    """
    items_until_check = 0
    for item in items:
        if not items_until_check:
            check_deadline()
            items_until_check = items_per_check
        items_until_check -= 1
        yield item
