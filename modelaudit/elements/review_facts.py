"""The facts of a report on its review: verification, coverage, findings, requirements and decisions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from modelaudit.model.acceptance import DecisionState
from modelaudit.model.description import Confidence
from modelaudit.model.digest import ClaimSource
from modelaudit.model.element_rules import ReportFact
from modelaudit.model.elements import RUN, ElementSource
from modelaudit.model.finding import CheckFamily
from modelaudit.model.policy import Requirement
from modelaudit.model.register import DecisionAnswer
from modelaudit.model.report import ArtifactRecord, AuditReport
from modelaudit.model.signature import SignatureState
from modelaudit.model.signoff import SignOffAnswer, SignOffState
from modelaudit.model.terms import Answer
from modelaudit.reports.license_words import describe_intended_use

_VERIFIED: Final = Confidence.VERIFIED.value
_INVENTORY: Final = "inventory"
_PARTICIPLES: Final = {DecisionAnswer.ACCEPT: "accepted", DecisionAnswer.REFUSE: "refused"}
_HOLDING: Final = (DecisionState.HONOURED, DecisionState.DUE)

Sources = Iterable[ElementSource]
Reader = Callable[[AuditReport], Sources]


def _count(count: int, confidence: str = RUN, place: str = _INVENTORY) -> Sources:
    return [ElementSource(str(count), confidence, place)] if count else ()


def _state(value: str, place: str) -> Sources:
    return [ElementSource(value, RUN, place)] if value else ()


def _list_owner_ids(report: AuditReport) -> Sources:
    owner = report.target.provenance.owner if report.target.provenance is not None else None
    if owner is None or not owner.id:
        return ()
    return [ElementSource(owner.id, Confidence.FOUND, "owner of the repository on the Hub")]


def _list_verified(report: AuditReport) -> Sources:
    confirmed = [each for each in report.coverage.artifacts if each.is_confirmed_from_outside]
    sources = dict.fromkeys(str(each.agreeing_claims[0].source) for each in confirmed)
    return _count(len(confirmed), _VERIFIED, ", ".join(sources))


def _is_locked(record: ArtifactRecord) -> bool:
    has_lock = any(each.source is ClaimSource.LOCK for each in record.agreeing_claims)
    return has_lock and not record.contradicting_claims


def _is_as_on_hub(record: ArtifactRecord) -> bool:
    has_hub = any(each.source is ClaimSource.HUB for each in record.agreeing_claims)
    return has_hub and not record.contradicting_claims


def _count_records(holds: Callable[[ArtifactRecord], bool], confidence: str) -> Reader:
    """Return a reader for the number of files that fulfil a condition."""
    return lambda report: _count(sum(map(holds, report.coverage.artifacts)), confidence)


def _count_absences(report: AuditReport, is_accepted: bool) -> Sources:
    absences = [absence for record in report.coverage.artifacts for _, absence in record.absences]
    chosen = [each for each in absences if (each.acceptance is not None) is is_accepted]
    return _count(sum(1 + each.unread.further_files for each in chosen))


def _list_complete(report: AuditReport) -> Sources:
    # Without the check for attacks, a file was read for its terms alone.
    is_checked = CheckFamily.SECURITY in report.policy.checks
    return _count(report.coverage.file_count) if is_checked and report.coverage.is_complete else ()


def _count_signed(report: AuditReport, is_covered: bool) -> Sources:
    return [
        source
        for each in report.target.signatures
        if each.state is SignatureState.VERIFIED
        for source in _count(each.covered if is_covered else len(each.uncovered), _VERIFIED, each.record)
    ]


def _list_security_check(report: AuditReport) -> Sources:
    has_run = CheckFamily.SECURITY in report.policy.checks and bool(report.coverage.artifacts)
    number = sum(each.check is CheckFamily.SECURITY for each in report.findings)
    words = f"findings of the security check: {number:,}"
    return _state(words if has_run else "", "findings")


def _count_gating(report: AuditReport) -> Sources:
    opened = [each for each in report.findings if each.acceptance is None]
    return _count(sum(map(report.policy.rejects, opened)), place="findings")


def _count_restricting(report: AuditReport) -> Sources:
    return _count(sum(each.answer is not Answer.ALLOW for each in report.license.answers), place="licences")


def _list_use(report: AuditReport) -> Sources:
    intent = report.license.intent
    return _state("; ".join(describe_intended_use(intent)) if intent is not None else "", "policy")


def _list_gates(report: AuditReport) -> Sources:
    gates = (f"{family} at {severity}" for family, severity in report.policy.gates.items() if severity is not None)
    return _state(", ".join(gates), "policy")


def _list_signer_demand(report: AuditReport) -> Sources:
    return _state(Requirement.SIGNER if Requirement.SIGNER in report.policy.require else "", "policy")


def _list_decisions(report: AuditReport) -> Sources:
    return [
        ElementSource(
            f"{each.subject}, {_PARTICIPLES[DecisionAnswer(each.answer)]} by {each.by}"
            f"{_name_approver(each.approved_by)} until {each.expires}",
            RUN,
            each.place,
        )
        for each in report.decisions
        if each.state in _HOLDING
    ]


def _list_signoffs(report: AuditReport) -> Sources:
    verbs = {SignOffAnswer.APPROVE: "approved", SignOffAnswer.REFUSE: "refused"}
    return [
        ElementSource(
            f"{verbs[each.answer]} by {each.by}{f' ({each.role})' if each.role else ''}"
            f"{_name_approver(each.approved_by, each.approver_role)} on {each.date}, until {each.expires}",
            RUN,
            each.place,
        )
        for each in report.signoffs
        if each.state is SignOffState.VALID
    ]


def _name_approver(name: str, role: str = "") -> str:
    return f", approved by {name}{f' ({role})' if role else ''}" if name else ""


REVIEW_READERS: Final[Mapping[ReportFact, Reader]] = {
    ReportFact.OWNER_ID: _list_owner_ids,
    ReportFact.VERIFIED_FILES: _list_verified,
    ReportFact.CONTRADICTED_FILES: _count_records(lambda record: bool(record.contradicting_claims), _VERIFIED),
    ReportFact.UNCLAIMED_FILES: _count_records(lambda record: not record.claims, RUN),
    ReportFact.LOCKED_FILES: _count_records(_is_locked, _VERIFIED),
    ReportFact.HUB_FILES: _count_records(_is_as_on_hub, _VERIFIED),
    ReportFact.SIGNED_FILES: lambda report: _count_signed(report, is_covered=True),
    ReportFact.UNSIGNED_FILES: lambda report: _count_signed(report, is_covered=False),
    ReportFact.UNREAD_PARTS: lambda report: _count_absences(report, is_accepted=False),
    ReportFact.ACCEPTED_PARTS: lambda report: _count_absences(report, is_accepted=True),
    ReportFact.UNOPENED_FILES: lambda report: _count(report.coverage.unopened),
    ReportFact.COMPLETE_COVERAGE: _list_complete,
    ReportFact.SECURITY_CHECK: _list_security_check,
    ReportFact.GATING_FINDINGS: _count_gating,
    ReportFact.QUOTED_CLAUSES: lambda report: _count(len(report.license.quotations), place="licences"),
    ReportFact.RESTRICTING_CLAUSES: _count_restricting,
    ReportFact.DUTIES: lambda report: _count(len(report.license.duties), place="licences"),
    ReportFact.STATED_USE: _list_use,
    ReportFact.POLICY: lambda report: _state(report.policy.name, "policy"),
    ReportFact.POLICY_DIGEST: lambda report: _state(report.policy.digest, "policy"),
    ReportFact.GATES: _list_gates,
    ReportFact.REQUIREMENTS: lambda report: _state(", ".join(report.policy.require), "policy"),
    ReportFact.SIGNER_REQUIRED: _list_signer_demand,
    ReportFact.DECISIONS: _list_decisions,
    ReportFact.SIGNOFFS: _list_signoffs,
}
