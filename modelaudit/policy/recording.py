"""Record an entry of the register with its state, and put its acceptance on findings and absences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from modelaudit.model.acceptance import Acceptance, AcceptanceSource, DecisionState, RecordedDecision
from modelaudit.model.copies import replace
from modelaudit.model.finding import Finding
from modelaudit.model.license import UseAnswer
from modelaudit.model.register import RegisterEntry, SubjectKind
from modelaudit.model.report import Absence, ArtifactRecord


def record_entry(
    entry: RegisterEntry,
    state: DecisionState,
    detail: str = "",
    fingerprints: tuple[str, ...] = (),
    absences: tuple[str, ...] = (),
) -> RecordedDecision:
    """Return an entry of the register with its state."""
    return RecordedDecision(
        entry.place,
        str(entry.subject),
        entry.bound_to,
        str(entry.answer),
        entry.reason,
        entry.by,
        entry.approved_by,
        entry.expires,
        state,
        detail,
        fingerprints,
        absences,
        _describe_use(entry),
        entry.permits,
        entry.subject.reference,
        entry.decided,
        entry.role,
        entry.approver_role,
    )


def _describe_use(entry: RegisterEntry) -> str:
    """Describe the planned use that an entry answers; empty if it answers for none."""
    if entry.subject.kind is SubjectKind.AGREEMENT and not entry.use.is_stated:
        return "every use"
    return str(entry.use) if entry.subject.kind.has_use else ""


def describe_ended_agreement(record: RecordedDecision) -> str:
    """Describe in one sentence an agreement that permitted an answer and holds no more."""
    return f"The {record.subject} ({record.place}) permits it no more: {record.detail[:1].lower()}{record.detail[1:]}"


def make_acceptance(entry: RegisterEntry) -> Acceptance:
    """Return the acceptance by an entry of the register."""
    return Acceptance(
        AcceptanceSource.DECISION,
        entry.place,
        entry.reason,
        entry.by,
        entry.approved_by,
        entry.expires,
        entry.subject.reference,
    )


def accept_findings(findings: Iterable[Finding], acceptances: Mapping[tuple[str, str], Acceptance]) -> list[Finding]:
    """Return the findings, with an acceptance where ``acceptances`` has one for the fingerprint and the artifact."""

    def accept(finding: Finding) -> Finding:
        acceptance = acceptances.get((finding.fingerprint, finding.artifact))
        return replace(finding, acceptance=acceptance) if acceptance and finding.acceptance is None else finding

    return [accept(each) for each in findings]


def accept_answers(
    answers: Iterable[UseAnswer], acceptances: Mapping[UseAnswer | str, Acceptance], ended: Mapping[UseAnswer, str]
) -> tuple[UseAnswer, ...]:
    """Return the answers of licences with their acceptances, or with a sentence on the agreement that ended."""
    return tuple(
        replace(each, acceptance=acceptances[each]) if each in acceptances else replace(each, ended=ended.get(each, ""))
        for each in answers
    )


def accept_absences(record: ArtifactRecord, acceptances: Mapping[tuple[str, Absence], Acceptance]) -> ArtifactRecord:
    """Return the record, with an acceptance where ``acceptances`` has one for an open absence."""
    if not any(pair in acceptances for pair in record.absences):
        return record
    absences = tuple(
        (address, replace(absence, acceptance=acceptances[address, absence]))
        if absence.acceptance is None and (address, absence) in acceptances
        else (address, absence)
        for address, absence in record.absences
    )
    return replace(record, absences=absences)
