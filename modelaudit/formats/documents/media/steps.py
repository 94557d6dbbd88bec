"""Going through the parts of a file, with a bound."""

from __future__ import annotations

from typing import Final

from modelaudit.model.artifact import Window
from modelaudit.wire.base import DamagedError, LimitReachedError

_MOST: Final = 5_000_000


class Steps:
    """Counts parts."""

    def __init__(self) -> None:
        self._taken = 0

    def take(self, position: int) -> None:
        """One more. Raises ``LimitReachedError`` when they are too many."""
        self._taken += 1
        if self._taken > _MOST:
            raise LimitReachedError(f"it has more than {_MOST} parts", position)


def at_least(window: Window, position: int, count: int, most: int = 0) -> bytes:
    """``count`` bytes or, where there are more, up to ``most``.

    Raises:
        DamagedError: there are fewer.
        WindowError: from the window.
    """
    data = window.read(position, max(count, most))
    if len(data) < count:
        raise DamagedError("the file breaks off", window.size)
    return data
