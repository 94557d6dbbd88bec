"""Name the open subjects of a report, so that a command to copy has a real subject in place of a placeholder."""

from __future__ import annotations

from modelaudit.model.report import AuditReport
from modelaudit.model.structure import UnreadReason
from modelaudit.reports.decision_words import is_acceptable
from modelaudit.reports.next_step import list_open_answers
from modelaudit.reports.results import Outcome, ResultKind, list_results


def list_open_names(report: AuditReport) -> list[str]:
    """List the names of all that is open and may be accepted, as ``modelaudit decide`` takes them."""
    refused = {each.fingerprint for each in report.findings if not is_acceptable(each, report.policy)}
    results = (each for each in list_results(report) if each.outcome in (Outcome.FAILS, Outcome.OPEN))
    findings = [each.fingerprint for each in results if each.kind is ResultKind.FINDING]
    findings = [each for each in findings if each not in refused]
    absences = [absence.name_at(address) for address, absence in report.coverage.open_absences]
    answers = [f"licence:{id_}" for id_ in list_open_answers(report.license)]
    return list(dict.fromkeys([*findings, *absences, *answers]))


def find_unread(report: AuditReport, reason: UnreadReason) -> list[str]:
    """List the names of the open absences with one reason."""
    open_absences = report.coverage.open_absences
    return [absence.name_at(address) for address, absence in open_absences if absence.unread.reason is reason]
