"""The names under which a licence is known, and how far two spellings of one may differ."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping

from modelaudit.model.license import LicenseEntry

NAME_LIMIT = 300
"""Characters beyond which a text is no licence name any more."""

# Only ASCII letters are lowered: what merely looks like a known name, such as one with a Cyrillic letter, a Kelvin sign
# or a zero-width space, must not become that name. Of punctuation only what separates words is dropped, because
# "openrail" and "openrail++", "MIT" and "MIT*" are different statements.
_SEPARATORS = string.whitespace + "-_.,:/()[]'\""
_FOLD = str.maketrans(string.ascii_uppercase, string.ascii_lowercase, _SEPARATORS)
_SCHEME = re.compile(r"https?://(?:www\.)?", re.IGNORECASE)


def folded(name: str) -> str:
    """``name`` without case, spaces and separators, as names are compared; empty for what is too long for one."""
    if len(name) > NAME_LIMIT:
        return ""
    return _SCHEME.sub("", name.strip(), count=1).translate(_FOLD)


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
