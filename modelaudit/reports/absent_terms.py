"""The links to a licence in a card: to a file of the repository, to an absent file, or to an address."""

from __future__ import annotations

from typing import Final

from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.license import LicenseClaim, LicenseConclusion

_LINK: Final = "license_link"
_LINK_TARGET: Final = "link-target"
"""The field of the claim of a file that a link to the licence leads to."""
_ADDRESS: Final = defer_pattern(r"[A-Za-z][A-Za-z0-9+.-]*:|//")
"""The beginning of an address, which no scan opens and which names no file of the repository."""


def list_absent_terms(license_: LicenseConclusion) -> list[str]:
    """List the files that links to the licence name and the repository lacks: ``LICENSE (named in README.md:4)``."""
    links = (each for each in license_.claims if each.field == _LINK and _is_absent(each, license_))
    return list(dict.fromkeys(f"{' '.join(each.quotation.split())} (named in {_name_place(each)})" for each in links))


def is_license_link(claim: LicenseClaim) -> bool:
    """Whether a claim is a link to the licence: of the card, of the Hub's record of it, or of the file it names."""
    return claim.field in (_LINK, _LINK_TARGET) or claim.location.key == _LINK


def describe_license_link(claim: LicenseClaim, license_: LicenseConclusion) -> str:
    """Describe where a link to the licence leads, as a phrase."""
    if _ADDRESS.match(claim.quotation.strip()):
        return "An address, not opened"
    return "A file that is absent" if _is_absent(claim, license_) else "A file of the model, listed separately"


def _is_absent(link: LicenseClaim, license_: LicenseConclusion) -> bool:
    """Whether a link names a file, and no claim shows that the repository holds it."""
    name = link.quotation.strip()
    # A link that leads to a file has a second claim, of its target, at the same place.
    is_reached = any(
        each.artifact == name
        or (each.field == _LINK_TARGET and (each.artifact, each.location.line) == (link.artifact, link.location.line))
        for each in license_.claims
    )
    return bool(name) and not _ADDRESS.match(name) and not is_reached


def _name_place(claim: LicenseClaim) -> str:
    line = f":{claim.location.line}" if claim.location.line else ""
    return f"{claim.artifact}{line}" if claim.artifact else "the record of the Hub"
