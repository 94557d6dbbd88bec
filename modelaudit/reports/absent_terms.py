"""The files of terms that a card names and that the repository lacks."""

from __future__ import annotations

import re
from typing import Final

from modelaudit.model.license import LicenseConclusion

_LINK_TARGET: Final = "link-target"
"""The field of the claim of a file that a link to the licence leads to."""
_ADDRESS: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//")
"""The beginning of an address, which no scan opens and which names no file of the repository."""


def list_absent_terms(license_: LicenseConclusion) -> list[str]:
    """List the files that links to the licence name and the repository lacks: ``LICENSE (named in README.md:4)``."""
    # A link that leads to a file has a second claim, of its target, at the same place.
    reached = {(each.artifact, each.location.line) for each in license_.claims if each.field == _LINK_TARGET}
    absent = []
    for each in license_.claims:
        link = " ".join(each.quotation.split())
        place = f"{each.artifact}:{each.location.line}" if each.location.line else each.artifact
        is_link = each.field == "license_link" and link and not _ADDRESS.match(link)
        if is_link and (each.artifact, each.location.line) not in reached:
            absent.append(f"{link} (named in {place or 'the record of the Hub'})")
    return list(dict.fromkeys(absent))
