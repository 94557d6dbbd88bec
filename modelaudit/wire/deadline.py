"""Bound the time for reading one artifact.

Windows check the deadline at every read, and loops that only compute check it as they run. The deadline is a context
variable, so it reaches every loop without being passed. Swallowing the error wins no time: every later check fails as
well, and the deadline records that it was reached.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, TypeVar

from modelaudit.wire.base import LimitReachedError

TIME_SPENT: Final = "the time for this artifact is used up"
_EVERY: Final = 256

_Item = TypeVar("_Item")


class Deadline:
    """A moment on ``time.monotonic()``, in seconds.

    Attributes:
        moment: the end of the time; ``inf`` for no limit.
        reached: a check found that the time is over.
    """

    __slots__ = ("moment", "reached")

    def __init__(self, moment: float) -> None:
        self.moment = moment
        self.reached = False

    def has_passed(self) -> bool:
        """Whether there is no time left; the answer stays true."""
        self.reached = self.reached or time.monotonic() > self.moment
        return self.reached


_CURRENT: Final[ContextVar[Deadline]] = ContextVar("deadline", default=Deadline(float("inf")))  # noqa: B039


@contextmanager
def keep_deadline(deadline: Deadline) -> Iterator[Deadline]:
    """Apply ``deadline`` to everything that the body of the ``with`` statement calls."""
    token = _CURRENT.set(deadline)
    try:
        yield deadline
    finally:
        _CURRENT.reset(token)


def keep_time() -> None:
    """Check the deadline. A check takes some tenths of a microsecond: use it in loops with slower steps.

    Raises:
        LimitReachedError: the time is over.
    """
    if _CURRENT.get().has_passed():
        raise LimitReachedError(TIME_SPENT)


def iterate_in_time(items: Iterable[_Item], every: int = _EVERY) -> Iterator[_Item]:
    """Yield the items and check the deadline before every group of ``every`` items.

    Raises:
        LimitReachedError: the time is over.
    """
    left = 0
    for item in items:
        if not left:
            keep_time()
            left = every
        left -= 1
        yield item
