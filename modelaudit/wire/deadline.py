"""Until when one artifact may be read. Windows ask at every read, and loops that only compute ask as they go.

The deadline is that of whoever reads the artifact, and reaches every loop without being handed on. Whoever swallows
what is raised wins no time: what asks next is refused as well, and the deadline keeps that it was reached.
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
        moment: ``inf`` for none.
        reached: whether somebody asked after it.
    """

    __slots__ = ("moment", "reached")

    def __init__(self, moment: float) -> None:
        self.moment = moment
        self.reached = False

    def has_passed(self) -> bool:
        """Whether there is no time left; remembers it."""
        self.reached = self.reached or time.monotonic() > self.moment
        return self.reached


_CURRENT: Final[ContextVar[Deadline]] = ContextVar("deadline", default=Deadline(float("inf")))  # noqa: B039


@contextmanager
def keep_deadline(deadline: Deadline) -> Iterator[Deadline]:
    """Have everything that is called meanwhile keep ``deadline``."""
    token = _CURRENT.set(deadline)
    try:
        yield deadline
    finally:
        _CURRENT.reset(token)


def keep_time() -> None:
    """Go on, if there is time left; some tenths of a microsecond, for loops whose steps take more than that.

    Raises:
        LimitReachedError: there is none.
    """
    if _CURRENT.get().has_passed():
        raise LimitReachedError(TIME_SPENT)


def iterate_in_time(items: Iterable[_Item], every: int = _EVERY) -> Iterator[_Item]:
    """The same items, with a look at the time before each ``every`` of them.

    Raises:
        LimitReachedError: there is none left.
    """
    left = 0
    for item in items:
        if not left:
            keep_time()
            left = every
        left -= 1
        yield item
