"""Find a licence by the name that a user typed, and format its page."""

from __future__ import annotations

import difflib
import shutil
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from modelaudit.model.catalogue import Catalogue
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.license import fold_license_name
from modelaudit.model.terms import LicenseEntry

_WIDEST, _NARROWEST = 96, 40
_OWN_ID_PREFIX: Final = "LicenseRef-"
"""The prefix of the id of a licence that SPDX does not list (SPDX 2.3, section 10.1); names are compared without it."""


def find_license(name: str, catalogue: Catalogue, refusal: str, others: Iterable[str] = ()) -> LicenseEntry:
    """Find a licence by its id, an identifier of the Hub or an alias, whatever the spelling.

    Args:
        name: as the user wrote it.
        catalogue: the known licences.
        refusal: the words for a name that belongs to none, in the message of the error.
        others: names of other things, which the message may suggest.

    Raises:
        ConfigurationError: the name belongs to no licence, or to several.
    """
    entry = look_up_license(name, catalogue)
    if entry is not None:
        return entry
    vague_reasons = {fold_license_name(word): why for word, why in catalogue.vague_licenses.items()}
    vague_reason = vague_reasons.get(fold_license_name(name))
    if vague_reason is not None:
        raise ConfigurationError(f"{name!r} names no single licence: {vague_reason}")
    ids = {id_.removeprefix(_OWN_ID_PREFIX): id_ for id_ in catalogue.licenses}
    ids.update({each: each for each in others})
    similar = [ids[each] for each in suggest_names(name.removeprefix(_OWN_ID_PREFIX), ids)]
    hint = f"did you mean {', '.join(similar)}?" if similar else "`modelaudit explain` lists all names"
    raise ConfigurationError(f"{name!r} {refusal}; {hint}")


def look_up_license(name: str, catalogue: Catalogue) -> LicenseEntry | None:
    """Look up a licence by its id, an identifier of the Hub or an alias; ``None`` if it is unknown or ambiguous."""
    from modelaudit.licenses.evidence.names import index_license_names

    id_ = index_license_names(catalogue.licenses).get(fold_license_name(name))
    return None if id_ is None else catalogue.licenses[id_]


def suggest_names(name: str, known: Sequence[str] | Mapping[str, object], cutoff: float = 0.6) -> list[str]:
    """Return at most three known names that resemble ``name``, the closest first; case does not count.

    ``cutoff`` is the least similarity, from 0 to 1, as ``difflib`` computes it.
    """
    by_folded = {each.casefold(): each for each in known}
    return [by_folded[each] for each in difflib.get_close_matches(name.casefold(), by_folded, 3, cutoff)]


def format_license(entry: LicenseEntry, catalogue: Catalogue) -> str:
    """Format the page of a licence for the terminal."""
    from modelaudit.reports.license_page import describe_license
    from modelaudit.reports.page import render_page_text

    return render_page_text(describe_license(entry, catalogue.clauses.kinds), choose_page_width())


def choose_page_width() -> int:
    """Return the width of a page in columns: that of the terminal, within bounds that keep it readable."""
    return max(_NARROWEST, min(_WIDEST, shutil.get_terminal_size((_WIDEST, 24)).columns))
