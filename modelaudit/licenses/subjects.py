"""A conclusion laid out as facts for the rules of the license family to match."""

from __future__ import annotations

from collections.abc import Mapping

from modelaudit.licenses.claims import (
    BASE_MODEL,
    FRONT_MATTER,
    LICENSE,
    LICENSE_LINK,
    LICENSE_NAME,
    LINK_TARGET,
    holds_license_text,
)
from modelaudit.licenses.conclusion import ROOT_CARD
from modelaudit.licenses.links import LinkPlace, place_of
from modelaudit.model.catalogue import Scalar, Subject
from modelaudit.model.license import ClaimKind, ConclusionState, LicenseClaim, LicenseConclusion
from modelaudit.model.structure import NOWHERE, Location
from modelaudit.model.terms import LicenseCategory, LicenseEntry

TEXT_DUTY = "include-license-text"


def subjects_of(conclusion: LicenseConclusion) -> tuple[Subject, ...]:
    """Everything that license rules may match, from one conclusion; nothing where licences were not checked.

    Kinds and fields:
        ``license-conclusion``: ``state``, ``category``, ``declared``, ``licenses``, ``reason``.
        ``license-entry``, one for each licence named: ``license``, ``id``, ``category``, ``terms`` (``verified`` or
        ``not-verified``), ``text`` (``present``, ``missing`` or ``not-required``), ``standing`` (``concluded`` or
        ``claimed``), ``url``.
        ``license-obligation``, one for each duty: ``license``, ``id``, ``kind``, ``text``, ``clause``.
        ``license-link``, one for each place where further terms stand that were not compared with the card: ``link``,
        ``place``. A link that reaches no file of the snapshot, a licence file in it, and what the root card says the
        model was made from.

    Evidence is what stands in the card and nothing else; what is known of a licence is for the rules' messages.
    """
    if conclusion.state is ConclusionState.NOT_CHECKED:
        return ()
    claim = _principal(conclusion)
    artifact = claim.artifact if claim else ""
    location = claim.location if claim else NOWHERE
    evidence = _quotations(conclusion)
    whole = _conclusion_subject(conclusion, artifact, location, evidence)
    parts: list[Subject] = [whole]
    for entry in conclusion.entries:
        parts.append(_entry_subject(entry, conclusion, artifact, location))
        parts.extend(_obligation_subjects(entry, artifact, location, evidence))
    parts += (*_link_subjects(conclusion), *_text_subjects(conclusion), *_lineage_subjects(conclusion))
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
    fields: Mapping[str, Scalar] = {
        "license": entry.name,
        "id": entry.id,
        "category": str(entry.category),
        "terms": "verified" if entry.read else "not-verified",
        "text": _text_state(entry, conclusion),
        "standing": "concluded" if conclusion.state is ConclusionState.CONCLUDED else "claimed",
        "url": entry.url,
    }
    return Subject("license-entry", artifact, fields, entry.id, location, _quotations(conclusion))


def _text_state(entry: LicenseEntry, conclusion: LicenseConclusion) -> str:
    if all(obligation.kind != TEXT_DUTY for obligation in entry.clauses):
        return "not-required"
    found = (claim for claim in conclusion.claims if claim.kind is ClaimKind.FOUND)
    held = any(claim.field == LINK_TARGET or holds_license_text(claim.quotation) for claim in found)
    return "present" if held else "missing"


def _obligation_subjects(
    entry: LicenseEntry, artifact: str, location: Location, evidence: tuple[str, ...]
) -> list[Subject]:
    subjects = []
    for number, duty in enumerate(entry.clauses):
        fields: Mapping[str, Scalar] = {
            "license": entry.name,
            "id": entry.id,
            "kind": duty.kind,
            "text": duty.text,
            "clause": duty.section,
        }
        key = f"{entry.id}:{duty.kind}:{number}"
        subjects.append(Subject("license-obligation", artifact, fields, key, location, evidence))
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


def _text_subjects(conclusion: LicenseConclusion) -> list[Subject]:
    """The licence files of the snapshot. Nobody has held their words against the licence that the card names."""
    found = [claim for claim in conclusion.claims if claim.kind is ClaimKind.FOUND]
    texts = {claim.quotation for claim in found if claim.field == LINK_TARGET or holds_license_text(claim.quotation)}
    return [_place_subject(path, path, LinkPlace.SNAPSHOT) for path in sorted(texts)]


def _lineage_subjects(conclusion: LicenseConclusion) -> list[Subject]:
    """What the root card names as the model's origins; a permissive card must not hide a stricter base."""
    free = conclusion.category in (LicenseCategory.PERMISSIVE, LicenseCategory.PUBLIC_DOMAIN)
    base = LinkPlace.BASE_OF_PERMISSIVE if free else LinkPlace.BASE_MODEL
    return [
        _place_subject(claim.artifact, claim.quotation, base if claim.field == BASE_MODEL else LinkPlace.DATASET, claim)
        for claim in conclusion.claims
        if claim.kind is ClaimKind.INHERITED and claim.artifact == ROOT_CARD
    ]


def _place_subject(artifact: str, link: str, place: LinkPlace, claim: LicenseClaim | None = None) -> Subject:
    shown = " ".join(link.split())
    fields: Mapping[str, Scalar] = {"link": shown, "place": str(place)}
    key = f"{claim.field}:{shown}" if claim else shown
    evidence = (_quotation(claim),) if claim else ()
    return Subject("license-link", artifact, fields, key, claim.location if claim else NOWHERE, evidence)


def _principal(conclusion: LicenseConclusion) -> LicenseClaim | None:
    """The claim that findings point at, the root card's before any other; ``None`` where nobody declared anything."""
    declared = [claim for claim in conclusion.claims if claim.kind is ClaimKind.DECLARED]
    return min(declared, key=lambda claim: claim.artifact != ROOT_CARD, default=None)


def _quotations(conclusion: LicenseConclusion) -> tuple[str, ...]:
    return tuple(
        _quotation(claim)
        for claim in conclusion.claims
        if claim.kind is ClaimKind.DECLARED and claim.field != FRONT_MATTER
    )


def _quotation(claim: LicenseClaim) -> str:
    line = f":{claim.location.line}" if claim.location.line else ""
    return f"{claim.artifact}{line}: {claim.field}: {' '.join(claim.quotation.split())}"
