"""Record an entry of the register with its state, and put its acceptance on findings and absences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from modelaudit.model.acceptance import Acceptance, AcceptanceSource, DecisionState, RecordedDecision
from modelaudit.model.finding import Finding
from modelaudit.model.register import RegisterEntry
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
        str(entry.use) if entry.subject.kind.has_use else "",
        entry.permits,
    )


def make_acceptance(entry: RegisterEntry) -> Acceptance:
    """Return the acceptance by an entry of the register."""
    return Acceptance(AcceptanceSource.DECISION, entry.place, entry.reason, entry.by, entry.approved_by, entry.expires)


def accept_findings(findings: Iterable[Finding], acceptances: Mapping[tuple[str, str], Acceptance]) -> list[Finding]:
    """Return the findings, with an acceptance where ``acceptances`` has one for the fingerprint and the artifact."""

    def accept(finding: Finding) -> Finding:
        acceptance = acceptances.get((finding.fingerprint, finding.artifact))
        return replace(finding, acceptance=acceptance) if acceptance and finding.acceptance is None else finding

    return [accept(each) for each in findings]


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
