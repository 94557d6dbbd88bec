"""Where a repository of the Hub comes from: its ids, its owner, its revision, and what was recorded of it before."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from msgspec import Struct

from modelaudit.model.digest import ClaimSource
from modelaudit.model.hub_scans import HubScans


class OwnerKind(StrEnum):
    """The kind of account that owns a repository."""

    USER = "user"
    ORGANIZATION = "organization"


@dataclass(frozen=True, slots=True)
class Owner:
    """The account that owns a repository of the Hub. A fact that the Hub does not state is ``None``.

    Attributes:
        name: the part of the repository's id before the slash.
        kind: user or organization.
        id: the identifier that a renaming keeps.
        created: when the account was created, as the Hub writes it: ``2022-03-02T23:29:04.000Z``.
    """

    name: str
    kind: OwnerKind | None = None
    id: str | None = None
    created: str | None = None


class RepositoryFacts(Struct, frozen=True):
    """The facts that the Hub states about a repository itself.

    Attributes:
        name: the id under which the Hub answers.
        created: as the Hub writes it; ``None`` if it states none.
        owner: ``None`` for a repository without an owner in its id.
        modified: when the revision was last changed, as the Hub writes it; ``None`` if it states none.
    """

    name: str
    created: str | None
    owner: Owner | None
    modified: str | None = None


class RevisionKind(StrEnum):
    """The kind of revision that was asked for."""

    COMMIT = "commit"
    TAG = "tag"
    BRANCH = "branch"
    DEFAULT = "default"
    """No revision was named, so the Hub answers with the present state of ``main``."""
    NAME = "name"
    """A name that is not a full commit id; the Hub was not asked, did not answer, or lists no such tag or branch."""
    PULL_REQUEST = "pull-request"
    """A pull request, which the Hub keeps under ``refs/pr/<number>``."""


class PinHistory(StrEnum):
    """The place of a commit that was recorded earlier in the history of the revision."""

    SAME = "same"
    ANCESTOR = "ancestor"
    """The revision went on from it."""
    ABSENT = "absent"
    """The history of the revision no longer holds it."""
    TAG_MOVED = "tag-moved"
    """The revision is a tag, and leads to another commit now."""


@dataclass(frozen=True, slots=True)
class Pin:
    """A commit of the repository that was recorded before this scan.

    Attributes:
        commit: 40 hexadecimal digits.
        date: when it was recorded, in UTC: ``2026-11-28T20:00:00Z``.
        source: the lock, or the cache of the Hub's client.
        record: the name of the lock, or the reference within the cache: ``refs/main``.
        history: ``None`` where the Hub was not asked for it or did not answer.
    """

    commit: str
    date: str
    source: ClaimSource
    record: str
    history: PinHistory | None = None


@dataclass(frozen=True, slots=True)
class Provenance:
    """The facts of a scan about the repository itself.

    Attributes:
        asked: the id that the user asked for.
        answered: the id under which the Hub answers; ``None`` if unknown.
        revision: the kind of revision that the user asked for.
        commit: 40 hexadecimal digits.
        created: when the repository was created, as the Hub writes it; ``None`` if unknown.
        owner: ``None`` for a repository without an owner in its id, and where the owner is unknown.
        pins: the commits that were recorded before.
        unanswered: one line for each fact that is unknown, with the reason.
        scans: the answers of the Hub's own scanners; ``None`` if there are none.
        modified: when the revision was last changed, as the Hub writes it; ``None`` if unknown.
    """

    asked: str
    answered: str | None
    revision: RevisionKind
    commit: str
    created: str | None = None
    owner: Owner | None = None
    pins: tuple[Pin, ...] = ()
    unanswered: tuple[str, ...] = ()
    scans: HubScans | None = None
    modified: str | None = None


class KnownNames(Struct, frozen=True):
    """The exact names of well-known publishers and families of models, which other names may imitate."""

    publishers: frozenset[str] = frozenset()
    models: frozenset[str] = frozenset()
