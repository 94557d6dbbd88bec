"""The facts of a report about the repository itself, as every output states them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from modelaudit.model.provenance import Owner, Pin, PinHistory, Provenance, RevisionKind

_REVISIONS: Final = {
    RevisionKind.COMMIT: "a commit",
    RevisionKind.TAG: "a tag",
    RevisionKind.BRANCH: "a branch",
    RevisionKind.DEFAULT: "none, so the present state of the default branch",
    RevisionKind.NAME: "a name that is not a full commit id",
    RevisionKind.PULL_REQUEST: "a pull request",
}
_HISTORIES: Final = {
    None: "",
    PinHistory.SAME: ", the same commit",
    PinHistory.ANCESTOR: ", from which the revision went on",
    PinHistory.ABSENT: ", which the history no longer holds",
    PinHistory.TAG_MOVED: ", from which the tag moved away",
}
_UNKNOWN: Final = "unknown"
_REPOSITORY: Final = ("asked", "answered", "revision-kind", "created")


class ProvenanceFact(Struct, frozen=True):
    """One fact about the repository.

    Attributes:
        key: the name of the fact for programs.
        label: that for people.
        text: the fact; not escaped, because it may hold texts of a server.
    """

    key: str
    label: str
    text: str


def list_provenance(provenance: Provenance | None) -> tuple[ProvenanceFact, ...]:
    """List the facts about the repository in the order of every output; none for a model that is not on the Hub."""
    return () if provenance is None else tuple(_iterate_facts(provenance))


def describe_provenance(provenance: Provenance | None) -> tuple[str, ...]:
    """Describe the facts in a line for the repository, its owner, each earlier record and each open question."""
    lines: dict[str, list[str]] = {}
    for number, fact in enumerate(list_provenance(provenance)):
        line = fact.key.partition("-")[0] if fact.key.startswith("owner") else str(number)
        line = "repository" if fact.key in _REPOSITORY else line
        lines.setdefault(line, []).append(f"{fact.label}: {fact.text}")
    return tuple("; ".join(facts) for facts in lines.values())


def _iterate_facts(provenance: Provenance) -> Iterator[ProvenanceFact]:
    """Yield the facts; one that is unknown is stated as such."""
    yield ProvenanceFact("asked", "asked for", provenance.asked)
    yield ProvenanceFact("answered", "answered as", provenance.answered or _UNKNOWN)
    yield ProvenanceFact("revision-kind", "named revision", _REVISIONS[provenance.revision])
    yield ProvenanceFact("created", "repository created", provenance.created or _UNKNOWN)
    if provenance.owner is not None:
        yield from _iterate_owner(provenance.owner)
    for pin in provenance.pins:
        yield ProvenanceFact("recorded", "recorded before", _describe_pin(pin))
    for line in provenance.unanswered:
        yield ProvenanceFact("unanswered", "not answered", line)


def _iterate_owner(owner: Owner) -> Iterator[ProvenanceFact]:
    """Yield the facts about the owner."""
    yield ProvenanceFact("owner", "owner", owner.name)
    yield ProvenanceFact("owner-kind", "kind of owner", owner.kind or _UNKNOWN)
    yield ProvenanceFact("owner-id", "id of the owner", owner.id or _UNKNOWN)
    yield ProvenanceFact("owner-created", "owner created", owner.created or _UNKNOWN)


def _describe_pin(pin: Pin) -> str:
    """Describe a commit that was recorded earlier: where, when, and its place in the history now."""
    return f"{pin.commit} by {pin.record} at {pin.date}{_HISTORIES[pin.history]}"
