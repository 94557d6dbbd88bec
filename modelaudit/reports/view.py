"""What several formats show alike: findings grouped by rule, counts, and who a finding is about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from modelaudit.model.artifact import RefKind
from modelaudit.model.finding import CheckFamily, Finding, Rule, Severity
from modelaudit.model.report import Absence, ArtifactRecord, AuditReport, Target, Verdict
from modelaudit.reports.wording import NOTHING_SCANNED, VERDICTS, counted

LADDER = tuple(reversed(Severity))
"""The severities, worst first."""


@dataclass(frozen=True, slots=True)
class FindingGroup:
    """All findings of one rule at one severity. ``rule`` is ``None`` where the report does not explain the rule."""

    rule_id: str
    rule: Rule | None
    severity: Severity
    findings: tuple[Finding, ...]


def grouped(report: AuditReport, show: Severity = Severity.INFO) -> tuple[FindingGroup, ...]:
    """Return the findings at or above ``show``: worst first, then by rule, then by path and place."""
    rules = {rule.id: rule for rule in report.rules}
    groups: dict[tuple[int, str], list[Finding]] = {}
    for finding in report.findings:
        if finding.severity.rank >= show.rank:
            groups.setdefault((-finding.severity.rank, finding.rule), []).append(finding)
    return tuple(
        FindingGroup(rule, rules.get(rule), LADDER[4 + rank], tuple(sorted(groups[rank, rule], key=_order)))
        for rank, rule in sorted(groups)
    )


def _order(finding: Finding) -> tuple[str, int, int, str]:
    where = finding.location
    return (finding.artifact, where.offset or 0, where.line or 0, finding.fingerprint)


def severity_counts(findings: Iterable[Finding]) -> tuple[tuple[Severity, int], ...]:
    """Return how many findings there are of each severity, worst first, zeros included."""
    each = [finding.severity for finding in findings]
    return tuple((severity, each.count(severity)) for severity in LADDER)


def severity_sentence(findings: Iterable[Finding]) -> str:
    """Return ``1 critical, 2 high`` without zeros, or ``no findings``."""
    return ", ".join(f"{n:,} {severity}" for severity, n in severity_counts(findings) if n) or "no findings"


def verdict_sentence(report: AuditReport) -> str:
    """Return the verdict in one sentence."""
    verdict, accepted = report.decision.verdict, len(absences(report))
    if verdict is Verdict.INCOMPLETE and not report.coverage.artifacts:
        return NOTHING_SCANNED
    if verdict is Verdict.PASS and accepted:
        parts = counted(accepted, "part that was", "parts that were")
        return f"The policy rejects nothing that was found, and it accepts the {parts} not examined."
    return VERDICTS[verdict]


def absences(report: AuditReport) -> tuple[tuple[str, Absence], ...]:
    """Return (address, absence) of every part that was not read: those nobody accepted first, then by address."""
    pairs = [pair for record in report.coverage.artifacts for pair in record.absences]
    return tuple(sorted(pairs, key=lambda pair: (pair[1].allowed_by is not None, pair[0])))


def silent_records(report: AuditReport) -> tuple[ArtifactRecord, ...]:
    """Return the artifacts that were not examined whole although no absence says why."""
    return tuple(r for r in report.coverage.artifacts if r.extent is not r.extent.EXAMINED and not r.absences)


def checks_not_run(report: AuditReport) -> tuple[CheckFamily, ...]:
    """Return the families of checks that this scan left out."""
    return tuple(family for family in CheckFamily if family not in report.policy.checks)


def model_name(target: Target) -> str:
    """Return the name to head a report with; a dataset is told apart from a model of the same name."""
    return f"datasets/{target.name}" if target.kind is RefKind.DATASET else target.name


def mode_sentence(report: AuditReport) -> str:
    """Return whether the network was used."""
    if report.target.offline:
        return "offline: nothing was fetched from the network"
    if report.target.kind in (RefKind.MODEL, RefKind.DATASET):
        return "online: files were fetched from the origin"
    return "online: the network was allowed"


def inventory_sentence(report: AuditReport) -> str:
    """Return how many files there are and how many bytes they have together."""
    records = report.coverage.artifacts
    return f"{counted(len(records), 'file')}, {counted(sum(record.size for record in records), 'byte')} in all"
