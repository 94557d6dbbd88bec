"""The outcome of comparing a scanned model with a lock."""

from __future__ import annotations

from msgspec import Struct

from modelaudit.model.verification import TreeDifference


class LockComparison(Struct, frozen=True):
    """What a scan found out about the names, kinds and modes of a locked model; digests are claims.

    Attributes:
        lock: the name of the lock file.
        model: the name of the model in the lock, with its commit.
        differences: sorted by path.
        other_commit: of the scanned repository, if another one is locked; empty otherwise.
    """

    lock: str
    model: str
    differences: tuple[TreeDifference, ...]
    other_commit: str = ""
