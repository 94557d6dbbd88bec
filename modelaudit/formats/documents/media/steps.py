"""Bound the number of parts that are followed in a file, and read ranges that must be present."""

from __future__ import annotations

from typing import Final

from modelaudit.model.artifact import Window
from modelaudit.wire.base import DamagedError, LimitReachedError

_MOST_PARTS: Final = 5_000_000


class PartCounter:
    """Counts parts of one file up to a bound."""

    def __init__(self) -> None:
        self._counted = 0

    def count_part(self, position: int) -> None:
        """Count one part. Raises ``LimitReachedError`` over the bound; ``position`` is the offset to report."""
        self._counted += 1
        if self._counted > _MOST_PARTS:
            raise LimitReachedError(f"the file has more than {_MOST_PARTS} parts", position)


def read_at_least(window: Window, position: int, count: int, most: int = 0) -> bytes:
    """Return at least ``count`` bytes from ``position`` on, and up to ``most`` if the file has them.

    Raises:
        DamagedError: there are fewer than ``count``.
        WindowError: the window could not return the requested bytes.
    """
    data = window.read(position, max(count, most))
    if len(data) < count:
        raise DamagedError("the file is truncated", window.size)
    return data
