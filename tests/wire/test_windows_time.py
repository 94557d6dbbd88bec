from __future__ import annotations

import pytest

from modelaudit.model.errors import WindowError
from modelaudit.model.limits import Limits
from modelaudit.model.structure import UnreadReason
from modelaudit.wire.deadline import Deadline
from modelaudit.wire.windows import Budget, SubWindow, TimedWindow, get_budget


class BytesWindow:
    """A window on the three bytes ``abc``."""

    size = 3

    def read(self, offset: int, length: int) -> bytes:
        return b"abc"[offset : offset + length]


def test_window_reads_normally_before_deadline() -> None:
    window = TimedWindow(BytesWindow(), Deadline(1e6))
    assert (window.size, window.read(1, 2)) == (3, b"bc")


def test_window_read_after_the_deadline_raises_window_error_with_reason_limit() -> None:
    with pytest.raises(WindowError) as caught:
        TimedWindow(BytesWindow(), Deadline(-1)).read(0, 1)
    assert caught.value.reason is UnreadReason.LIMIT


def test_timed_window_has_the_same_budget_as_the_window_that_it_wraps() -> None:
    budget = Budget(Limits(), 3)
    inner = SubWindow(BytesWindow(), 0, 3, budget)
    assert get_budget(TimedWindow(inner, Deadline(0)), Limits()) is budget
    assert get_budget(TimedWindow(BytesWindow(), Deadline(0)), Limits()) is not budget
