"""What stands behind the end of a format: some other loader may begin there."""

from __future__ import annotations

from collections.abc import Iterator

from modelaudit.model.address import join_range
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.wire.windows import SubWindow, budget_of, opener


def yield_leftover(artifact: Artifact, window: Window, end: int, limits: Limits) -> Iterator[Artifact]:
    """What follows ``end``, in bytes, as an artifact of its own; nothing where nothing follows."""
    if end < window.size:
        rest = SubWindow(window, end, window.size - end, budget_of(window, limits))
        yield Artifact(join_range(artifact.path, end, window.size), rest.size, opener(rest))
