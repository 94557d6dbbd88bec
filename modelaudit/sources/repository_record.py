"""The part of the record of a commit that states facts about the repository itself: its id, its age, its owner."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from modelaudit.model.copies import replace
from modelaudit.model.digest import ClaimSource
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.provenance import Owner, OwnerKind, Pin, PinHistory, RepositoryFacts, RevisionKind
from modelaudit.sources.dates import read_date
from modelaudit.sources.target import is_commit

_OWNER_ID: Final = defer_pattern(r"[\x21-\x7e]{1,100}")
_NAME_CHARACTERS: Final = 200
MOST_PINS = 8
"""The references that are kept with a commit."""


class RepositoryRecord(Struct, frozen=True):
    """Facts that were asked for when the commit was fetched, so that they are asked for once.

    Attributes:
        facts: about the repository and its owner.
        revision: the branch or tag that was named; empty if none was.
        kind: of this revision.
    """

    facts: RepositoryFacts
    revision: str = ""
    kind: RevisionKind = RevisionKind.DEFAULT


def format_repository_record(record: RepositoryRecord) -> dict[str, object]:
    """Return the JSON object of a record."""
    facts, owner = record.facts, record.facts.owner
    known = (
        None if owner is None else {"name": owner.name, "kind": owner.kind, "id": owner.id, "created": owner.created}
    )
    return {
        "name": facts.name,
        "created": facts.created,
        "modified": facts.modified,
        "owner": known,
        "revision": record.revision,
        "revision_kind": record.kind,
    }


def parse_repository_record(value: object) -> RepositoryRecord | None:
    """Parse the JSON object of a record; ``None`` for anything else, because the facts can be asked for again."""
    if not isinstance(value, Mapping):
        return None
    name, revision, owner = (value.get(key) for key in ("name", "revision", "owner"))
    if not (_is_name(name) and _is_name(revision)):
        return None
    try:
        kind = RevisionKind(str(value.get("revision_kind")))
        facts = RepositoryFacts(str(name), read_date(value.get("created")), _parse_owner(owner))
        facts = replace(facts, modified=read_date(value.get("modified")))
    except ValueError:
        return None
    return RepositoryRecord(facts, str(revision), kind)


def format_pins(pins: Iterable[Pin]) -> list[list[str | None]]:
    """Return the JSON array of the references that led to other commits before this one was fetched."""
    return [[pin.commit, pin.date, pin.record, pin.history] for pin in pins]


def parse_pins(value: object) -> tuple[Pin, ...]:
    """Parse such an array, up to a bound; anything else in it is left out."""
    pins = []
    for entry in value[:MOST_PINS] if isinstance(value, list) else ():
        if not (isinstance(entry, list) and len(entry) == len(("commit", "date", "record", "history"))):
            continue
        commit, date, record, history = entry
        if not (isinstance(commit, str) and is_commit(commit) and _is_name(record) and read_date(date)):
            continue
        known = PinHistory(history) if history in set(PinHistory) else None
        pins.append(Pin(commit, str(date), ClaimSource.CACHE, str(record), known))
    return tuple(pins)


def _parse_owner(value: object) -> Owner | None:
    """Parse the owner. Raises ``ValueError``."""
    if value is None:
        return None
    if not isinstance(value, Mapping) or not _is_name(value.get("name")):
        raise ValueError("an owner has a name")
    kind, known_id = value.get("kind"), read_owner_id(value.get("id"))
    known_kind = None if kind is None else OwnerKind(str(kind))
    return Owner(str(value.get("name")), known_kind, known_id, read_date(value.get("created")))


def read_owner_id(value: object) -> str | None:
    """Return the id of an owner from a record or an answer; ``None`` for anything else."""
    return value if isinstance(value, str) and _OWNER_ID.fullmatch(value) else None


def _is_name(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _NAME_CHARACTERS
