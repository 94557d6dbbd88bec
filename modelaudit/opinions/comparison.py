"""Compare the findings of two scanners artifact by artifact."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from modelaudit.model.address import lies_within
from modelaudit.model.finding import CheckFamily, Finding, Severity


def has_severe_finding(artifact: str, findings: Iterable[Finding]) -> bool:
    """Whether this scan has a security finding at or above high in the same artifact."""
    return any(_overlap(artifact, ours) for ours in _select_severe_artifacts(findings))


def find_disagreements(findings: Sequence[Finding], examined: Collection[str], reported: Collection[str]) -> list[str]:
    """List artifacts that have a security finding at or above high here, and none from the scanner that examined them.

    Args:
        findings: the findings of this scan.
        examined: addresses that the other scanner examined.
        reported: addresses for which the other scanner has findings.
    """
    return [
        ours
        for ours in _select_severe_artifacts(findings)
        if any(_overlap(ours, theirs) for theirs in examined) and not any(_overlap(ours, theirs) for theirs in reported)
    ]


def _select_severe_artifacts(findings: Iterable[Finding]) -> dict[str, None]:
    """Select the security findings: a scanner for unsafe code neither confirms nor disputes a digest or a licence."""
    return {
        finding.artifact: None
        for finding in findings
        if finding.check is CheckFamily.SECURITY and finding.severity.rank >= Severity.HIGH.rank
    }


def _overlap(one: str, other: str) -> bool:
    """Whether two addresses are equal or one is a member of the other, since scanners report at different depths."""
    return one == other or lies_within(one, other) or lies_within(other, one)
