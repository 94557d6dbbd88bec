"""State for each family of checks what came of it: its findings, and what it could not compare."""

from __future__ import annotations

from collections.abc import Iterator

from modelaudit.model.finding import CheckFamily
from modelaudit.model.report import AuditReport, DigestState
from modelaudit.reports import view
from modelaudit.reports.wording import CHECKS, STATES, count_noun

_COMPARED = (DigestState.MATCH, DigestState.MATCH_SHA1, DigestState.MISMATCH)


def list_check_rows(report: AuditReport) -> tuple[tuple[str, str], ...]:
    """List (name of the family, result) of each family that has rules, in one order."""
    families = (each for each in CheckFamily if each not in view.FAMILIES_WITHOUT_RULES)
    return tuple((CHECKS[each], _describe_result(report, each)) for each in families)


def _describe_result(report: AuditReport, family: CheckFamily) -> str:
    if family not in report.policy.checks:
        return "did not run"
    found = view.describe_severities([each for each in report.findings if each.check is family])
    return "; ".join((found, *_describe_extent(report, family)))


def _describe_extent(report: AuditReport, family: CheckFamily) -> Iterator[str]:
    """Yield what the family could compare, and what it could not."""
    records = report.coverage.artifacts
    if family is CheckFamily.SECURITY and (absences := view.list_absences(report)):
        yield f"{count_noun(len(absences), 'part')} {view.name_absences(absences).lower()}"
    if family is CheckFamily.INTEGRITY:
        compared = sum(each.digest_state in _COMPARED for each in records)
        yield f"{compared:,} of {count_noun(len(records), 'file')} compared with a digest that a source states"
    if family is CheckFamily.PROVENANCE:
        yield "one version is named" if report.target.commit else "no version to compare"
    if family is CheckFamily.LICENSE:
        yield f"the licence is {STATES[report.license.state]}"
