"""What stands behind the end of a format: some other loader may begin there."""

from __future__ import annotations

from collections.abc import Iterator

from modelaudit.model.address import join_range
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.wire.windows import SubWindow, get_budget, make_opener


def make_leftover_artifacts(artifact: Artifact, window: Window, end: int, limits: Limits) -> Iterator[Artifact]:
    """What follows ``end``, in bytes, as an artifact of its own; nothing where nothing follows."""
    if end < window.size:
        rest = SubWindow(window, end, window.size - end, get_budget(window, limits))
        yield Artifact(join_range(artifact.path, end, window.size), rest.size, make_opener(rest))
