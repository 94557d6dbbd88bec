"""``modelaudit license show``: print the page of each licence that is named."""

from __future__ import annotations

import difflib
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from modelaudit.catalogue import load_catalogue
from modelaudit.cli.output import print_text
from modelaudit.formats.registry import FACTS
from modelaudit.model.catalogue import Catalogue
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.license import fold_license_name
from modelaudit.model.terms import LicenseEntry

_WIDEST, _NARROWEST = 96, 40
_OWN_ID_PREFIX: Final = "LicenseRef-"
"""The prefix of the id of a licence that SPDX does not list (SPDX 2.3, section 10.1); names are compared without it."""


def show_licenses(names: Sequence[str], rules: Sequence[Path]) -> int:
    """Print the page of each licence that is named by its id, an identifier of the Hub or an alias; return 0.

    Raises:
        ConfigurationError: no name is given, or a name belongs to no licence.
    """
    if not names:
        raise ConfigurationError("name a licence, as in: modelaudit license show LicenseRef-Llama-3.1")
    catalogue = load_catalogue(extra=rules, formats=FACTS)
    entries = [find_license(name, catalogue) for name in names]
    print_text("\n\n".join(format_license(entry, catalogue) for entry in entries))
    return 0


def find_license(name: str, catalogue: Catalogue, refusal: str = "is not a licence of the rule set") -> LicenseEntry:
    """Find a licence by its id, an identifier of the Hub or an alias, whatever the spelling.

    Args:
        name: as the user wrote it.
        catalogue: the known licences.
        refusal: the words for a name that belongs to none, in the message of the error.

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
