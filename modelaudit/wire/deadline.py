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
_ITEMS_PER_CHECK: Final = 256

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


_CURRENT_DEADLINE: Final[ContextVar[Deadline]] = ContextVar("deadline", default=Deadline(float("inf")))  # noqa: B039


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
    if _CURRENT_DEADLINE.get().has_passed():
        raise LimitReachedError(TIME_SPENT)


def iterate_within_deadline(items: Iterable[_Item], items_per_check: int = _ITEMS_PER_CHECK) -> Iterator[_Item]:
    """Yield the items and check the deadline before every group of ``items_per_check`` items.

    Raises:
        LimitReachedError: the time is over.
    """
    unchecked = 0
    for item in items:
        if not unchecked:
            check_deadline()
            unchecked = items_per_check
        unchecked -= 1
        yield item
