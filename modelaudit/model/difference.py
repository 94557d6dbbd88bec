"""The difference between two reports."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Topic(StrEnum):
    """The part of a report that changed, in the order of the lists."""

    VERDICT = "verdict"
    REFUSAL = "refusal"
    FINDING = "finding"
    ABSENCE = "absence"
    LICENCE = "licence"
    LINEAGE = "lineage"
    CODE = "code"
    FILE = "file"


class Direction(StrEnum):
    """Whether a change is for the worse; a person judges what only changed."""

    WORSE = "worse"
    BETTER = "better"
    CHANGED = "changed"


class Change(Struct, frozen=True):
    """One change.

    Attributes:
        name: a path, a fingerprint, the name of a base model, the subject of a refusal, or a question.
        detail: one line with the old and the new value.
    """

    topic: Topic
    direction: Direction
    name: str
    detail: str


class Difference(Struct, frozen=True):
    """All changes from one report to another.

    Attributes:
        before: the older model, as ``name@revision``.
        after: the newer model.
        changes: by topic, for the worse first.
    """

    before: str
    after: str
    changes: tuple[Change, ...]

    @property
    def is_worse(self) -> bool:
        """Whether anything got worse."""
        return any(change.direction is Direction.WORSE for change in self.changes)
