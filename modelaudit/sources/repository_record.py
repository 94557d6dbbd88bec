"""The part of the record of a commit that states facts about the repository itself: its id, its age, its owner."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from modelaudit.model.provenance import Owner, OwnerKind, RepositoryFacts, RevisionKind
from modelaudit.sources.dates import read_date

_ID = re.compile(r"[\x21-\x7e]{1,100}")
_NAME_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class RepositoryRecord:
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
    except ValueError:
        return None
    return RepositoryRecord(facts, str(revision), kind)


def _parse_owner(value: object) -> Owner | None:
    """Parse the owner. Raises ``ValueError``."""
    if value is None:
        return None
    if not isinstance(value, Mapping) or not _is_name(value.get("name")):
        raise ValueError("an owner has a name")
    kind, id_ = value.get("kind"), value.get("id")
    known_id = id_ if isinstance(id_, str) and _ID.fullmatch(id_) else None
    known_kind = None if kind is None else OwnerKind(str(kind))
    return Owner(str(value.get("name")), known_kind, known_id, read_date(value.get("created")))


def _is_name(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _NAME_CHARACTERS
