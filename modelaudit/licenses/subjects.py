"""A conclusion laid out as facts for the rules of the license family to match."""

from __future__ import annotations

from collections.abc import Mapping

from modelaudit.licenses.claims import FILE_NAME, LICENSE, LICENSE_LINK, LICENSE_NAME, LINK_TARGET, holds_license_text
from modelaudit.licenses.conclusion import ROOT_CARD
from modelaudit.licenses.links import place_of
from modelaudit.model.catalogue import Scalar, Subject
from modelaudit.model.license import (
    ClaimKind,
    ConclusionState,
    LicenseClaim,
    LicenseConclusion,
    LicenseEntry,
)
from modelaudit.model.structure import NOWHERE, Location

TEXT_DUTY = "include-license-text"


def subjects_of(conclusion: LicenseConclusion) -> tuple[Subject, ...]:
    """Everything that license rules may match, from one conclusion; nothing where licences were not checked.

    Kinds and fields:
        ``license-conclusion``: ``state``, ``category``, ``declared``, ``licenses``, ``reason``.
        ``license-entry``, one for each licence named: ``license``, ``id``, ``category``, ``terms`` (``verified`` or
        ``not-verified``), ``text`` (``present``, ``missing`` or ``not-required``), ``standing`` (``concluded`` or
        ``claimed``), ``url``.
        ``license-obligation``, one for each duty: ``license``, ``id``, ``kind``, ``text``, ``clause``.
        ``license-link``, one for each link that reaches no file of the snapshot: ``link``, ``place``.
    """
    if conclusion.state is ConclusionState.NOT_CHECKED:
        return ()
    claim = _principal(conclusion)
    artifact = claim.artifact if claim else ""
    location = claim.location if claim else NOWHERE
    evidence = (*_quotations(conclusion), *conclusion.reasoning)
    whole = _conclusion_subject(conclusion, artifact, location, evidence)
    parts: list[Subject] = [whole]
    for entry in conclusion.entries:
        parts.append(_entry_subject(entry, conclusion, artifact, location))
        parts.extend(_obligation_subjects(entry, artifact, location))
    parts.extend(_link_subjects(conclusion))
    return tuple(parts)


def _conclusion_subject(
    conclusion: LicenseConclusion, artifact: str, location: Location, evidence: tuple[str, ...]
) -> Subject:
    stated = [
        claim
        for claim in conclusion.claims
        if claim.kind is ClaimKind.DECLARED and claim.field in (LICENSE, LICENSE_NAME)
    ]
    declared = ", ".join(dict.fromkeys(" ".join(claim.quotation.split()) for claim in stated))
    fields: Mapping[str, Scalar] = {
        "state": str(conclusion.state),
        "category": str(conclusion.category),
        "declared": declared if len(declared) <= 200 else declared[:200] + "…",
        "licenses": ", ".join(entry.name for entry in conclusion.entries),
        "reason": conclusion.reasoning[0] if conclusion.reasoning else "",
    }
    return Subject("license-conclusion", artifact, fields, declared, location, evidence)


def _entry_subject(entry: LicenseEntry, conclusion: LicenseConclusion, artifact: str, location: Location) -> Subject:
    terms = f"terms read on {entry.read}" if entry.read else "terms not verified"
    fields: Mapping[str, Scalar] = {
        "license": entry.name,
        "id": entry.id,
        "category": str(entry.category),
        "terms": "verified" if entry.read else "not-verified",
        "text": _text_state(entry, conclusion),
        "standing": "concluded" if conclusion.state is ConclusionState.CONCLUDED else "claimed",
        "url": entry.url,
    }
    evidence = (*_quotations(conclusion), f"{entry.id}: {entry.category}, {terms}, {entry.url}")
    return Subject("license-entry", artifact, fields, entry.id, location, evidence)


def _text_state(entry: LicenseEntry, conclusion: LicenseConclusion) -> str:
    if all(obligation.kind != TEXT_DUTY for obligation in entry.obligations):
        return "not-required"
    found = (claim for claim in conclusion.claims if claim.kind is ClaimKind.FOUND)
    held = any(claim.field == LINK_TARGET or holds_license_text(claim.quotation) for claim in found)
    return "present" if held else "missing"


def _obligation_subjects(entry: LicenseEntry, artifact: str, location: Location) -> list[Subject]:
    subjects = []
    for number, duty in enumerate(entry.obligations):
        where = f"{entry.name}, {duty.clause}" if duty.clause else entry.name
        fields: Mapping[str, Scalar] = {
            "license": entry.name,
            "id": entry.id,
            "kind": duty.kind,
            "text": duty.text,
            "clause": duty.clause,
        }
        key = f"{entry.id}:{duty.kind}:{number}"
        subjects.append(Subject("license-obligation", artifact, fields, key, location, (f"{where}: {duty.text}",)))
    return subjects


def _link_subjects(conclusion: LicenseConclusion) -> list[Subject]:
    reached = {
        (claim.artifact, claim.location.line)
        for claim in conclusion.claims
        if claim.kind is ClaimKind.FOUND and claim.field == LINK_TARGET
    }
    subjects = []
    for claim in conclusion.claims:
        if claim.field != LICENSE_LINK or (claim.artifact, claim.location.line) in reached:
            continue
        link = " ".join(claim.quotation.split())
        fields: Mapping[str, Scalar] = {"link": link, "place": str(place_of(claim))}
        subjects.append(Subject("license-link", claim.artifact, fields, link, claim.location, (_quotation(claim),)))
    return subjects


def _principal(conclusion: LicenseConclusion) -> LicenseClaim | None:
    """The claim that findings point at, the root card's before any other; ``None`` where nobody declared anything."""
    declared = [claim for claim in conclusion.claims if claim.kind is ClaimKind.DECLARED]
    return min(declared, key=lambda claim: claim.artifact != ROOT_CARD, default=None)


def _quotations(conclusion: LicenseConclusion) -> tuple[str, ...]:
    return tuple(_quotation(claim) for claim in conclusion.claims if claim.field != FILE_NAME)


def _quotation(claim: LicenseClaim) -> str:
    line = f":{claim.location.line}" if claim.location.line else ""
    return f"{claim.artifact}{line}: {claim.field}: {' '.join(claim.quotation.split())}"
