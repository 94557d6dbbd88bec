"""Compare the findings of two scanners artifact by artifact."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from modelaudit.model.address import lies_within
from modelaudit.model.finding import CheckFamily, Finding, Severity


def has_severe_finding(artifact: str, findings: Iterable[Finding]) -> bool:
    """Whether this scan has a security finding of severity high or critical in the artifact, its file or a member."""
    return any(_overlap(artifact, severe) for severe in _list_severe_artifacts(findings))


def find_disagreements(findings: Sequence[Finding], examined: Collection[str], reported: Collection[str]) -> list[str]:
    """List the artifacts with a severe finding of this scan that the other scanner examined and has no finding for.

    A severe finding is a security finding of severity high or critical.

    Args:
        findings: the findings of this scan.
        examined: addresses that the other scanner examined.
        reported: addresses for which the other scanner has findings.
    """
    return [
        artifact
        for artifact in _list_severe_artifacts(findings)
        if any(_overlap(artifact, address) for address in examined)
        and not any(_overlap(artifact, address) for address in reported)
    ]


def _list_severe_artifacts(findings: Iterable[Finding]) -> list[str]:
    """List the addresses with a security finding of severity high or critical, each once."""
    # A scanner for unsafe code neither confirms nor disputes a digest or a licence.
    security = (finding for finding in findings if finding.check is CheckFamily.SECURITY)
    return list(dict.fromkeys(finding.artifact for finding in security if finding.severity.rank >= Severity.HIGH.rank))


def _overlap(one: str, other: str) -> bool:
    """Whether two addresses are equal or one is a member of the other, since scanners report at different depths."""
    return one == other or lies_within(one, other) or lies_within(other, one)
