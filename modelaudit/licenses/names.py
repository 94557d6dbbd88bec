"""The names under which a licence is known."""

from __future__ import annotations

from collections.abc import Mapping

from modelaudit.model.license import folded
from modelaudit.model.terms import LicenseEntry


def names_of(licenses: Mapping[str, LicenseEntry]) -> dict[str, str]:
    """Every folded name, Hub identifier and address of the rule set -> the id of its licence.

    A name that two licences share leads to neither: a guess between them would be no evidence.
    """
    found: dict[str, set[str]] = {}
    for entry in licenses.values():
        for name in (entry.id, entry.name, entry.url, *entry.hub_ids, *entry.aliases):
            if key := folded(name):
                found.setdefault(key, set()).add(entry.id)
    return {key: next(iter(ids)) for key, ids in found.items() if len(ids) == 1}


def belongs_to(entry: LicenseEntry, family: str) -> bool:
    """Whether any name of ``entry`` contains the folded name of a licence family, as ``cc-by-4.0`` contains ``cc``."""
    return any(family in folded(name) for name in (entry.id, *entry.hub_ids, *entry.aliases))
