"""Two scanners on one artifact: where they agree and where only we see harm."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from modelaudit.model.address import lies_within
from modelaudit.model.finding import CheckFamily, Finding, Severity


def is_grave(artifact: str, findings: Iterable[Finding]) -> bool:
    """Whether we have a security finding at or above high in the same artifact."""
    return any(_same(artifact, ours) for ours in _grave(findings))


def unshared(findings: Sequence[Finding], examined: Collection[str], reported: Collection[str]) -> list[str]:
    """Artifacts in which we have a security finding at or above high, and which the other examined in silence.

    Args:
        findings: ours.
        examined: addresses that the other scanner went through.
        reported: addresses for which it has findings.
    """
    return [
        ours
        for ours in _grave(findings)
        if any(_same(ours, theirs) for theirs in examined) and not any(_same(ours, theirs) for theirs in reported)
    ]


def _grave(findings: Iterable[Finding]) -> dict[str, None]:
    """Other families are left out: a scanner for unsafe code can neither share nor dispute a digest or a licence."""
    return {
        finding.artifact: None
        for finding in findings
        if finding.check is CheckFamily.SECURITY and finding.severity.rank >= Severity.HIGH.rank
    }


def _same(one: str, other: str) -> bool:
    """Whether two addresses are the same, or one is a member of the other: scanners differ in how deep they point."""
    return one == other or lies_within(one, other) or lies_within(other, one)
