"""Resolve the words with which a policy allows and denies licences: ids, SPDX ids and categories."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from modelaudit.catalogue.known_keys import suggest_word
from modelaudit.model.license import fold_license_name
from modelaudit.model.terms import LicenseCategory, LicenseEntry

_OWN_ID_PREFIX = "LicenseRef-"


def resolve_license_word(word: str, licenses: Mapping[str, LicenseEntry]) -> str:
    """Return the category, or the id of a licence in the spelling of the rule set or of SPDX.

    Case does not count. A withdrawn id of SPDX becomes the present one: ``GPL-2.0`` becomes ``GPL-2.0-only``.

    Raises:
        ValueError: it is none of them; the message suggests the nearest.
    """
    known = {each.casefold(): each for each in (*map(str, LicenseCategory), *licenses)}
    folded = word.casefold()
    if folded in known:
        return known[folded]
    by_spdx_id = {} if word.startswith(_OWN_ID_PREFIX) else _index_spdx_ids()
    if folded in by_spdx_id:
        return by_spdx_id[folded]
    raise ValueError(f"{word!r} is neither an id nor a category of licences{_suggest_license(word, licenses)}")


def _suggest_license(word: str, licenses: Mapping[str, LicenseEntry]) -> str:
    """Return the end of the message: the licence of which ``word`` is another name, or else the nearest word."""
    name = fold_license_name(word)
    for entry in licenses.values():
        if any(fold_license_name(each) == name for each in (entry.name, *entry.hub_ids, *entry.aliases)):
            return f"; did you mean {entry.id}?"
    return suggest_word(word, (*map(str, LicenseCategory), *licenses, *_index_spdx_ids().values()))


@functools.cache
def _index_spdx_ids() -> Mapping[str, str]:
    """Map each id of the SPDX licence list, present or withdrawn, to the present one; the keys are case-folded."""
    from license_expression import get_license_index  # type: ignore[import-untyped]

    ids: dict[str, str] = {}
    for entry in get_license_index():
        id_ = entry.get("spdx_license_key") or ""
        # The index also holds "LicenseRef-scancode-…" keys of its authors, which SPDX does not list.
        if not id_ or id_.startswith(_OWN_ID_PREFIX) or entry.get("is_exception"):
            continue
        former = [each for each in entry.get("other_spdx_license_keys") or () if not each.startswith(_OWN_ID_PREFIX)]
        ids |= {each.casefold(): id_ for each in former}
        ids[id_.casefold()] = id_
    return ids
