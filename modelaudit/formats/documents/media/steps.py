"""Bound the number of parts that are followed in a file, and read ranges that must be present."""

from __future__ import annotations

from typing import Final

from modelaudit.model.artifact import Window
from modelaudit.wire.base import DamagedError, LimitReachedError

_MOST_PARTS: Final = 5_000_000


class PartCounter:
    """Counts parts of one file up to a bound."""

    def __init__(self) -> None:
        self._taken = 0

    def count_part(self, position: int) -> None:
        """Count one part. Raises ``LimitReachedError`` over the bound; ``position`` is the offset to report."""
        self._taken += 1
        if self._taken > _MOST_PARTS:
            raise LimitReachedError(f"the file has more than {_MOST_PARTS} parts", position)


def read_at_least(window: Window, position: int, count: int, most: int = 0) -> bytes:
    """Read at least ``count`` bytes, and up to ``most`` if there are more.

    Raises:
        DamagedError: there are fewer than ``count``.
        WindowError: the window could not return the requested bytes.
    """
    data = window.read(position, max(count, most))
    if len(data) < count:
        raise DamagedError("the file is truncated", window.size)
    return data
