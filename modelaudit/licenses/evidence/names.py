"""Index the names under which the rule set knows a licence: ids, titles, addresses, Hub identifiers, aliases."""

from __future__ import annotations

from collections.abc import Mapping

from modelaudit.model.license import fold_license_name
from modelaudit.model.terms import LicenseEntry

_latest_index: list[tuple[Mapping[str, LicenseEntry], dict[str, str]]] = []


def index_license_names(licenses: Mapping[str, LicenseEntry]) -> dict[str, str]:
    """Map every folded name, Hub identifier and address of the rule set to the id of its licence.

    A name that two licences share maps to neither: choosing one would be a guess. The index of the last rule set is
    cached, because one rule set is in use throughout a scan.
    """
    latest = _latest_index[-1] if _latest_index else None
    if latest is None or latest[0] is not licenses:
        latest = (licenses, _build_name_index(licenses))
        _latest_index[:] = [latest]
    return latest[1]


def _build_name_index(licenses: Mapping[str, LicenseEntry]) -> dict[str, str]:
    """Map each folded name to the id of its licence; a name of two licences is left out."""
    ids_by_name: dict[str, set[str]] = {}
    for entry in licenses.values():
        for name in (entry.id, entry.name, entry.url, *entry.hub_ids, *entry.aliases):
            key = fold_license_name(name)
            if key:
                ids_by_name.setdefault(key, set()).add(entry.id)
    return {key: next(iter(ids)) for key, ids in ids_by_name.items() if len(ids) == 1}


def is_in_family(entry: LicenseEntry, family: str) -> bool:
    """Whether any name of ``entry`` contains the folded family name, as ``cc-by-4.0`` contains ``cc``."""
    return any(family in fold_license_name(name) for name in (entry.id, *entry.hub_ids, *entry.aliases))


def is_version_of(one: str, other: str) -> bool:
    """Whether two ids name versions of one licence: ``LicenseRef-Gemma`` and ``LicenseRef-Gemma-2024-04-01``."""
    if one == other:
        return True
    short, long = (one, other) if len(one) < len(other) else (other, one)
    # Only ids of the rule set follow this pattern: ``BSD-3-Clause`` is not a version of ``BSD``.
    if not (long.startswith(short) and short.startswith("LicenseRef-")):
        return False
    suffix = long.removeprefix(short)
    return suffix[:1] == "-" and suffix[1:2].isdigit()


def shares_text(one: str, other: str) -> bool:
    """Whether two ids have one text: the GNU ``-only`` and ``-or-later`` licences differ in the words beside it."""
    return _strip_version_choice(one) == _strip_version_choice(other)


def _strip_version_choice(id_: str) -> str:
    """Remove the ending that states whether later versions of a GNU licence apply too."""
    return id_.removesuffix("-only").removesuffix("-or-later")
