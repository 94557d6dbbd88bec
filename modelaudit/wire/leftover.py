"""Examine the bytes behind the end of a format: another loader may begin there."""

from __future__ import annotations

from collections.abc import Iterator

from modelaudit.model.address import join_range
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.wire.windows import SubWindow, get_budget, make_opener


def make_leftover_artifacts(artifact: Artifact, window: Window, end: int, limits: Limits) -> Iterator[Artifact]:
    """Yield the bytes of ``window`` from offset ``end`` on as an artifact inside ``artifact``, if there are any."""
    if end < window.size:
        leftover_window = SubWindow(window, end, window.size - end, get_budget(window, limits))
        yield Artifact(join_range(artifact.path, end, window.size), leftover_window.size, make_opener(leftover_window))
