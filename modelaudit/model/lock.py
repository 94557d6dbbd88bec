"""A lock: the files and the origin of models at one time."""

from __future__ import annotations

from msgspec import Struct

from modelaudit.model.artifact import RefKind
from modelaudit.model.provenance import Owner
from modelaudit.model.tree import TreeEntry


class Origin(Struct, frozen=True):
    """The place of a locked repository on the Hub.

    Attributes:
        revision: the branch, tag or commit that was requested.
        commit: 40 hexadecimal digits.
        created: when the repository was created, as the Hub writes it; ``None`` if unknown.
        owner: ``None`` for a repository without an owner in its id.
    """

    revision: str
    commit: str
    created: str | None = None
    owner: Owner | None = None


class LockedModel(Struct, frozen=True):
    """A model in a lock.

    Attributes:
        kind: model or dataset of the Hub, or folder.
        name: the id of the repository, or the path of the folder, relative to the folder of the lock.
        locked: the time in UTC when it was locked, ``2026-11-28T20:00:00Z``.
        tree_digest: of the entries, version 1.
        entries: files, links and empty folders, sorted by the bytes of their paths; each file has a SHA-256.
        origin: ``None`` for a folder.
        license: the expression of the licence conclusion; ``None`` without one.
        line: of the lock file, from 1; 0 before it is written.
        absent: how many files of a partial copy were listed, not there, and so are not locked.
    """

    kind: RefKind
    name: str
    locked: str
    tree_digest: str
    entries: tuple[TreeEntry, ...]
    origin: Origin | None = None
    license: str | None = None
    line: int = 0
    absent: int = 0

    @property
    def key(self) -> tuple[str, str]:
        """The sort key and identity of a model within a lock."""
        return self.kind, self.name

    @property
    def title(self) -> str:
        """The name as people write it, with the prefix of a dataset."""
        return f"datasets/{self.name}" if self.kind is RefKind.DATASET else self.name


class Lock(Struct, frozen=True):
    """The models of a lock file, sorted by kind and name."""

    models: tuple[LockedModel, ...]
