"""Lay out a licence conclusion as subjects: the facts that rules of the license family match."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from modelaudit.licenses.conclusion.compared_evidence import format_claim_evidence
from modelaudit.licenses.conclusion.key_wordings import restore_first_wording
from modelaudit.licenses.conclusion.links import classify_link
from modelaudit.licenses.evidence.claims import FRONT_MATTER, LICENSE_LINK, LINK_TARGET
from modelaudit.licenses.evidence.scope import ROOT_CARD, describe_licenses_apart
from modelaudit.licenses.evidence.statements import is_license_field
from modelaudit.model.catalogue import Scalar, Subject
from modelaudit.model.license import (
    ClaimKind,
    ConclusionState,
    Conflict,
    LicenseClaim,
    LicenseConclusion,
    UseAnswer,
)
from modelaudit.model.structure import NOWHERE, Location
from modelaudit.model.terms import PERMISSIVE_CATEGORIES, Answer, LicenseEntry

KINDS: Final = frozenset({
    "license-conclusion", "license-entry", "license-obligation", "license-link", "license-conflict", "license-answer",
})  # fmt: skip
"""The kinds of subjects that ``build_subjects`` builds."""
_CONFLICT_KEY_LENGTH, _ANSWER_KEY_LENGTH = 120, 80
"""Characters of the sentence in a key: permanent, because fingerprints are made of keys."""


def build_subjects(conclusion: LicenseConclusion) -> tuple[Subject, ...]:
    """Build every subject of one conclusion; none if licences were not checked.

    Kinds and fields:
        ``license-conclusion``, one: ``state``, ``category``, ``declared``, ``licenses``, ``reason``,
        ``apart`` (the licences that files state without a word on the weights), and ``between`` (``found`` if
        a licence text contradicts the declared name, otherwise ``declared``), which tells contradictory
        conclusions apart.

        ``license-entry``, one for each licence of the model itself: ``license``, ``id``, ``category``, ``terms``
        (``verified`` or ``not-verified``), ``standing`` (``concluded`` or ``claimed``), ``url``.

        ``license-obligation``, one for each clause of these licences: ``license``, ``id``, ``kind``, ``text``,
        ``clause``.

        ``license-link``, one for each licence link that leads to no file of the snapshot: ``link``, ``place``.

        ``license-conflict``, one for each conflict: ``kind``, ``detail``, ``licenses``, ``drops`` (the most severe
        terms that the model's own licence lacks) and ``over`` (``permissive`` if that licence is).

        ``license-answer``, one for each answer to the intended use, also for one that allows it: ``answer``, ``kind``,
        ``license``, ``because``, ``clause``, ``via``, ``part`` (of a repository of several models).

    Evidence quotes the files alone. Facts about a licence go into the messages of the rules.
    """
    if conclusion.state is ConclusionState.NOT_CHECKED:
        return ()
    claim = _find_principal_claim(conclusion)
    place = (claim.artifact if claim else "", claim.location if claim else NOWHERE)
    evidence = _list_quotations(conclusion)
    own = [entry for entry in conclusion.entries if entry.id in conclusion.own]
    subjects: list[Subject] = [_build_conclusion_subject(conclusion, own, place, evidence)]
    for entry in own:
        own_place, own_evidence = _find_entry_place(conclusion, entry.id, place, evidence)
        subjects.append(_build_entry_subject(entry, conclusion, own_place, own_evidence))
        subjects.extend(_build_obligation_subjects(entry, conclusion, own_place, own_evidence))
    subjects += _build_link_subjects(conclusion)
    for conflict in conclusion.conflicts:
        first = next(iter(conflict.entries), "")
        subjects.append(
            _build_conflict_subject(conflict, conclusion, own, _find_entry_place(conclusion, first, place, evidence)[0])
        )
    subjects += (
        _build_answer_subject(each, conclusion, *_find_entry_place(conclusion, each.license, place, evidence))
        for each in conclusion.answers
    )
    return tuple(subjects)


_Place = tuple[str, Location]
"""Path of a file, empty for the Hub or for none, and the location in it."""


def _build_conclusion_subject(
    conclusion: LicenseConclusion, own: list[LicenseEntry], place: _Place, evidence: tuple[str, ...]
) -> Subject:
    """Build the subject of the conclusion; ``own`` are the licences of the model itself."""
    stated = [
        claim
        for claim in conclusion.claims
        if claim.kind is ClaimKind.DECLARED and is_license_field(claim) and not claim.is_in_running_text
    ]
    declared = ", ".join(dict.fromkeys(" ".join(claim.quotation.split()) for claim in stated))
    fields: Mapping[str, Scalar] = {
        "state": str(conclusion.state),
        "category": str(conclusion.category),
        "declared": declared if len(declared) <= 200 else declared[:200] + "…",
        "licenses": ", ".join(entry.name for entry in own),
        "reason": conclusion.reasoning[0] if conclusion.reasoning else "",
        "apart": describe_licenses_apart(conclusion.claims) or "No model card and no other file states a licence.",
        "between": "found" if any(each.kind == "declared-found" for each in conclusion.conflicts) else "declared",
    }
    return Subject("license-conclusion", place[0], fields, declared, place[1], evidence)


def _build_entry_subject(
    entry: LicenseEntry, conclusion: LicenseConclusion, place: _Place, evidence: tuple[str, ...]
) -> Subject:
    """Build the subject of one licence of the model itself."""
    fields: Mapping[str, Scalar] = {
        "license": entry.name,
        "id": entry.id,
        "category": str(entry.category),
        "terms": "verified" if entry.read else "not-verified",
        "standing": "concluded" if conclusion.state is ConclusionState.CONCLUDED else "claimed",
        "url": entry.url,
    }
    return Subject("license-entry", place[0], fields, entry.id, place[1], evidence)


def _build_obligation_subjects(
    entry: LicenseEntry, conclusion: LicenseConclusion, place: _Place, evidence: tuple[str, ...]
) -> list[Subject]:
    """Build a subject for each clause of a licence that is about the model."""
    subjects = []
    for number, clause in enumerate(entry.clauses):
        if clause.scope == "multimodal" and conclusion.multimodal is False:
            continue
        fields: Mapping[str, Scalar] = {
            "license": entry.name,
            "id": entry.id,
            "kind": clause.kind,
            "text": clause.text,
            "clause": clause.section,
        }
        key = f"{entry.id}:{clause.kind}:{number}"
        subjects.append(Subject("license-obligation", place[0], fields, key, place[1], evidence))
    return subjects


def _build_link_subjects(conclusion: LicenseConclusion) -> list[Subject]:
    """Build a subject for each licence link that leads to no file of the snapshot."""
    # A link that leads to a file has a second claim of its target, at the same place (``links.claim_link_targets``).
    places_of_reached = {
        (claim.artifact, claim.location.line)
        for claim in conclusion.claims
        if claim.kind is ClaimKind.FOUND and claim.field == LINK_TARGET
    }
    subjects = []
    for claim in conclusion.claims:
        if claim.field != LICENSE_LINK or (claim.artifact, claim.location.line) in places_of_reached:
            continue
        link = " ".join(claim.quotation.split())
        fields: Mapping[str, Scalar] = {"link": link, "place": str(classify_link(claim))}
        subjects.append(
            Subject("license-link", claim.artifact, fields, link, claim.location, (format_claim_evidence(claim),))
        )
    return subjects


def _build_conflict_subject(
    conflict: Conflict, conclusion: LicenseConclusion, own: list[LicenseEntry], place: _Place
) -> Subject:
    """Build the subject of one conflict; a conflict that names no file points at ``place``."""
    is_concluded = conclusion.state is ConclusionState.CONCLUDED
    is_permissive = is_concluded and bool(own) and all(entry.category in PERMISSIVE_CATEGORIES for entry in own)
    named = [entry for entry in conclusion.entries if entry.id in conflict.entries]
    fields: Mapping[str, Scalar] = {
        "kind": conflict.kind,
        "detail": conflict.detail,
        "licenses": ", ".join(entry.name for entry in named),
        "drops": conflict.drops,
        "over": "permissive" if is_permissive else "other",
    }
    artifact, location = (conflict.artifact, conflict.location) if conflict.artifact else place
    # Stored fingerprints must stay valid, so the key has the wording that the sentence had when its rule was new.
    sentence = restore_first_wording(conflict.detail)[:_CONFLICT_KEY_LENGTH]
    key = f"{conflict.kind}:{','.join(conflict.entries)}:{conflict.artifact}:{sentence}"
    return Subject("license-conflict", artifact, fields, key, location, conflict.evidence)


def _build_answer_subject(
    answer: UseAnswer, conclusion: LicenseConclusion, place: _Place, evidence: tuple[str, ...]
) -> Subject:
    """Build the subject of one answer to the intended use; an answer that allows it needs no evidence."""
    names = {entry.id: entry.name for entry in conclusion.entries}
    via = f", by way of {answer.via}," if answer.via else ""
    clause = f" ({answer.section})" if answer.section else ""
    fields: Mapping[str, Scalar] = {
        "answer": str(answer.answer),
        "kind": answer.kind,
        "license": names.get(answer.license, "The evidence on the licence"),
        "because": answer.because,
        "clause": clause,
        "via": via,
        "part": f" of {answer.models}" if answer.models else "",
    }
    # As in the key of a conflict, the sentence has its first wording.
    sentence = restore_first_wording(answer.because)[:_ANSWER_KEY_LENGTH]
    key = f"{answer.answer}:{answer.license}:{answer.kind}:{answer.via}:{answer.section}:{sentence}"
    return Subject("license-answer", place[0], fields, key, place[1], evidence if answer.answer != Answer.ALLOW else ())


def _find_entry_place(
    conclusion: LicenseConclusion, license_id: str, place: _Place, evidence: tuple[str, ...]
) -> tuple[_Place, tuple[str, ...]]:
    """Find what states a licence, with its words, where files name several; else ``place`` and ``evidence``."""
    declared = [
        claim
        for claim in conclusion.claims
        if (conclusion.models or conclusion.state is ConclusionState.CONTRADICTORY)
        and claim.kind is not ClaimKind.INHERITED
        and claim.entry == license_id
        and claim.artifact
        and not claim.is_in_running_text
    ]
    if not license_id or not declared:
        return place, evidence
    return (declared[0].artifact, declared[0].location), tuple(map(format_claim_evidence, declared))


def _find_principal_claim(conclusion: LicenseConclusion) -> LicenseClaim | None:
    """Find the claim that findings point at, preferring the root card; ``None`` if no licence is declared."""
    declared = [
        claim
        for claim in conclusion.claims
        if claim.kind is ClaimKind.DECLARED and not claim.is_in_running_text and claim.artifact
    ]
    # ``False`` is less than ``True``, so the root card comes first.
    return min(declared, key=lambda claim: claim.artifact != ROOT_CARD, default=None)


def _list_quotations(conclusion: LicenseConclusion) -> tuple[str, ...]:
    """Quote every field that declares a licence, as lines of evidence."""
    return tuple(
        format_claim_evidence(claim)
        for claim in conclusion.claims
        if claim.kind is ClaimKind.DECLARED and claim.field != FRONT_MATTER and not claim.is_in_running_text
    )
