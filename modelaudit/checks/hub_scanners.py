"""Compare the answers of the Hub's own scanners with the findings of this scan."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from modelaudit.model.address import file_of
from modelaudit.model.digest import ClaimSource
from modelaudit.model.finding import CheckFamily, Finding, Severity
from modelaudit.model.hub_scans import ScannerAnswer, ScanOutcome
from modelaudit.model.provenance import Provenance
from modelaudit.model.source_fact import SourceFact, SourceFactKind

_MOST_NAMED: Final = 6
"""Scanners that the finding about a file names; the others are counted."""


def find_unshared_alarms(
    provenance: Provenance | None, paths: Collection[str], findings: Iterable[Finding]
) -> Iterator[SourceFact]:
    """Yield a fact for each file about which a scanner of the Hub raises an alarm, and this scan has no finding.

    A finding counts from medium severity on, because one below it makes no person look. An answer of the Hub never
    makes a finding of this scan milder.

    Args:
        provenance: holds the answers; ``None`` without a repository of the Hub.
        paths: the addresses of the files of the model.
        findings: of this scan.
    """
    if provenance is None or provenance.scans is None:
        return
    alarms: defaultdict[str, list[ScannerAnswer]] = defaultdict(list)
    for answer in provenance.scans.answers:
        if answer.outcome is ScanOutcome.ALARM:
            for path in answer.files:
                alarms[path].append(answer)
    own = {
        file_of(finding.artifact)
        for finding in findings
        if finding.check is CheckFamily.SECURITY and finding.severity.rank >= Severity.MEDIUM.rank
    }
    for path in sorted(alarms.keys() & set(paths) - own):
        yield SourceFact(SourceFactKind.HUB_ALARM, path, ClaimSource.HUB, _describe_alarms(alarms[path]))


def _describe_alarms(answers: list[ScannerAnswer]) -> str:
    """Name the scanners with their own words."""
    parts = [
        f'{each.scanner} states "{each.status}"' + (f" ({each.message})" if each.message else "")
        for each in answers[:_MOST_NAMED]
    ]
    rest = len(answers) - len(parts)
    return "; ".join([*parts, f"and {rest} more"] if rest else parts)
