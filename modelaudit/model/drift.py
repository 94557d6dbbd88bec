"""Changes of a locked repository on the Hub since it was locked."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class DriftKind(StrEnum):
    """A fact about a repository that differs from what was locked."""

    MISSING = "missing"
    """The Hub does not show the repository any more."""
    MOVED = "moved"
    """The repository answers under another id."""
    OWNER = "owner"
    """Another kind of owner, another id or another date of creation: the name may have been registered again."""
    YOUNGER = "younger"
    """The repository was created after it was locked, or at another time than the locked one."""
    TAG = "tag-moved"
    REVISION_GONE = "revision-gone"
    COMMIT_GONE = "commit-gone"
    HISTORY = "history-rewritten"
    """The locked commit is not an ancestor of the branch any more."""
    LICENSE = "license"


class Drift(Struct, frozen=True):
    """One difference, with a sentence that holds both facts."""

    kind: DriftKind
    detail: str


class DriftResult(Struct, frozen=True):
    """The answer on one model.

    Attributes:
        name: as the lock has it, with the commit.
        drifts: in a fixed order.
        unanswered: a sentence for each question that the Hub did not answer, or whose fact the lock lacks.
        notes: what changed and is not drift.
        is_asked: whether the model is a repository, so that the Hub was asked.
    """

    name: str
    drifts: tuple[Drift, ...] = ()
    unanswered: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    is_asked: bool = True

    @property
    def exit_code(self) -> int:
        """1 with a drift, 3 with a question that was not answered, else 0."""
        return 1 if self.drifts else 3 if self.unanswered else 0
