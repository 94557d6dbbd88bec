"""May it be shipped? What the licence evidence answers, as a line that stands beside the verdict with equal weight."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from modelaudit.model.license import ClaimKind, ConclusionState, LicenseConclusion
from modelaudit.model.terms import LicenseCategory, LicenseEntry
from modelaudit.reports.wording import counted


class Permission(StrEnum):
    """How far the evidence carries: to a permission, to a question for a person, or to a prohibition."""

    ALLOWED = "allowed"
    OPEN = "open"
    FORBIDDEN = "forbidden"


@dataclass(frozen=True, slots=True)
class Shipping:
    """The answer, and the line that says it."""

    permission: Permission
    line: str


_FORBIDDING = (LicenseCategory.NON_COMMERCIAL, LicenseCategory.RESEARCH_ONLY)
_CONDITIONAL = (LicenseCategory.USE_RESTRICTED, LicenseCategory.CONDITIONAL)
_WHY = {
    ConclusionState.CONTRADICTORY: "what is said about the licence contradicts itself",
    ConclusionState.UNRECOGNISED: "the licence that is named is not one that this tool knows",
    ConclusionState.VAGUE: "what is named is a family of licences and not one of them",
    ConclusionState.CONCLUDED: "what the licence permits is not known here",
}


def shipping(license_: LicenseConclusion, duties_stand: str = "listed below") -> Shipping:
    """Return what the conclusion says about shipping.

    Only a licence that allows it, whose terms were read, with no base model behind it, is a permission.

    Args:
        license_: the conclusion of the scan.
        duties_stand: where the reader finds the duties, in words.
    """
    if license_.state is ConclusionState.NOT_CHECKED:
        return Shipping(Permission.OPEN, "The licence was not checked: this report says nothing about shipping.")
    if license_.state is ConclusionState.UNDECLARED:
        return Shipping(Permission.OPEN, "No licence was found: no permission to ship this can be shown.")
    permission, line = _by_category(license_, duties_stand)
    parts = [line, *_outside(license_), *_origins(license_)]
    if permission is Permission.ALLOWED and len(parts) > 1:
        permission = Permission.OPEN
    return Shipping(permission, " ".join(parts))


def _by_category(license_: LicenseConclusion, duties_stand: str) -> tuple[Permission, str]:
    forbidding = [entry for entry in license_.entries if entry.category in _FORBIDDING]
    if license_.state is not ConclusionState.CONCLUDED:
        named = f" {_names(forbidding)}, which is among them, forbids commercial use." if forbidding else ""
        return Permission.OPEN, _not_shown(_WHY[license_.state]) + named
    if license_.category in _FORBIDDING:
        second_hand = "" if all(entry.read for entry in forbidding) else " That is second-hand: read its text."
        names = _names(forbidding or license_.entries)
        line = f"The licence that the author names, {names}, forbids commercial use.{second_hand}"
        return Permission.FORBIDDEN, line
    if license_.category is LicenseCategory.UNKNOWN or not license_.entries:
        return Permission.OPEN, _not_shown(_WHY[license_.state])
    if unread := [entry for entry in license_.entries if not entry.read]:
        return Permission.OPEN, _not_shown(f"the terms of {_names(unread)} were not verified in its text")
    duties = sum(len(entry.clauses) for entry in license_.entries)
    if license_.category in _CONDITIONAL:
        return Permission.OPEN, f"Only under conditions: {duties}, {duties_stand}."
    names, verb = _names(license_.entries), "allow" if len(license_.entries) > 1 else "allows"
    listed = f"{counted(duties, 'duty', 'duties')}, {duties_stand}" if duties else "no duty is on record"
    return Permission.ALLOWED, f"The author names {names}, which {verb} it; {listed}."


def _not_shown(why: str) -> str:
    return f"Permission to ship cannot be shown: {why}; a person must decide."


def _names(entries: list[LicenseEntry] | tuple[LicenseEntry, ...]) -> str:
    return " and ".join(entry.name for entry in entries)


def _outside(license_: LicenseConclusion) -> list[str]:
    """Every limit to certain countries, told whatever else holds."""
    return [
        f"Not everywhere: {duty.text}"
        for entry in license_.entries
        for duty in entry.clauses
        if duty.kind == "territory-limit"
    ]


def _origins(license_: LicenseConclusion) -> list[str]:
    """The base models that a card names: a card cannot grant what they forbid, and nobody looked."""
    bases = base_models(license_)
    if not bases:
        return []
    listed = ", ".join(bases[:3]) + (f" and {len(bases) - 3} more" if len(bases) > 3 else "")
    return [f"It was made from {listed}; the licence there may bind you too, and was not checked."]


def base_models(license_: LicenseConclusion) -> list[str]:
    """Return the models that the cards name as origins, each once."""
    claims = (each for each in license_.claims if each.kind is ClaimKind.INHERITED and each.field == "base_model")
    return list(dict.fromkeys(claim.quotation for claim in claims))


def license_sentence(license_: LicenseConclusion, otherwise: str) -> str:
    """Return what the author says and how much we know of it; ``otherwise`` where no single licence was named."""
    if license_.state is not ConclusionState.CONCLUDED or not license_.entries:
        return otherwise
    count = len(license_.entries)
    names = ", ".join(entry.name for entry in license_.entries)
    said = f"The author names one licence: {names}." if count == 1 else f"The author names {count} licences: {names}."
    unread = [entry.name for entry in license_.entries if not entry.read]
    if unread:
        return f"{said} We have only a second-hand summary of the terms of {', '.join(unread)}."
    dates = ", ".join(dict.fromkeys(entry.read for entry in license_.entries))
    return f"{said} We have a summary of its terms (read on {dates})."
