"""The findings as vulnerabilities, with CWE, rating, and the analysis that follows from the decisions of people.

Each is written by the library and converted to JSON when its part of the document is written, so that time and memory
grow with the number of findings and not with its square.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Container, Iterator, Mapping

from cyclonedx.model import XsUri
from cyclonedx.model.impact_analysis import ImpactAnalysisResponse, ImpactAnalysisState
from cyclonedx.model.vulnerability import (
    BomTarget,
    Vulnerability,
    VulnerabilityAdvisory,
    VulnerabilityAnalysis,
    VulnerabilityRating,
    VulnerabilityScoreSource,
    VulnerabilitySeverity,
    VulnerabilitySource,
)
from cyclonedx.schema.schema import BaseSchemaVersion

from modelaudit.model.acceptance import AcceptanceSource, RecordedDecision
from modelaudit.model.address import container_of
from modelaudit.model.finding import Finding, Rule
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.report import AuditReport
from modelaudit.reports.cyclonedx.properties import ROOT_REF, build_properties
from modelaudit.reports.decision_words import describe_settlement, list_refusals
from modelaudit.reports.json_report import Json
from modelaudit.reports.text import escape_unprintable, validate_https_link

_CWE = defer_pattern(r"CWE-([1-9][0-9]{0,5})")


def _build_analysis(finding: Finding, refusals: Mapping[str, RecordedDecision]) -> VulnerabilityAnalysis | None:
    """Build the analysis of a finding: a person accepts the risk or refuses it, or an earlier report holds it.

    Returns:
        ``None`` for an open finding.
    """
    settlement = describe_settlement(finding, refusals)
    if settlement is None:
        return None
    label, sentence = settlement
    is_decided = finding.acceptance is not None and finding.acceptance.source is AcceptanceSource.DECISION
    return VulnerabilityAnalysis(
        state=ImpactAnalysisState.EXPLOITABLE if is_decided or label == "refused" else ImpactAnalysisState.IN_TRIAGE,
        responses=[ImpactAnalysisResponse.WILL_NOT_FIX] if is_decided else None,
        detail=escape_unprintable(sentence),
    )


def build_findings(report: AuditReport, file_refs: Mapping[str, str], view: type[BaseSchemaVersion]) -> Iterator[Json]:
    """Yield one vulnerability for each finding; it affects a file, or the root for a finding on the whole model.

    Args:
        report: the report.
        file_refs: the ``bom-ref`` of each file by path.
        view: the version of the schema.
    """
    rules = {rule.id: rule for rule in report.rules}
    occurrences: Counter[str] = Counter()
    refusals = list_refusals(report)
    for finding in report.findings:
        # Findings can share a fingerprint, but every bom-ref must be unique.
        occurrences[finding.fingerprint] += 1
        number = occurrences[finding.fingerprint]
        ref = f"finding:{finding.fingerprint}" + (f":{number}" if number > 1 else "")
        path = finding.artifact if finding.artifact in file_refs else _find_containing_file(finding.artifact, file_refs)
        analysis = _build_analysis(finding, refusals)
        vulnerability = _build_vulnerability(
            finding, rules.get(finding.rule), ref, file_refs.get(path, ROOT_REF), analysis
        )
        yield json.loads(vulnerability.as_json(view_=view))  # type: ignore[attr-defined]


def _find_containing_file(address: str, paths: Container[str]) -> str:
    """Find the file that contains the member at ``address``; empty if none does."""
    # In a report of an older version, the name of a file may contain the "!" that separates members. Of two files "a"
    # and "a!b", the longer one is then the file itself.
    container = container_of(address)
    while container and container not in paths:
        container = container_of(container)
    return container


def _build_vulnerability(
    finding: Finding, rule: Rule | None, ref: str, affected_ref: str, analysis: VulnerabilityAnalysis | None
) -> Vulnerability:
    """Build the vulnerability of a finding.

    Args:
        finding: the finding.
        rule: its rule; ``None`` where the report does not describe it.
        ref: the ``bom-ref`` of the vulnerability.
        affected_ref: the ``bom-ref`` of the component that it affects.
        analysis: who accepted or refused it; ``None`` for an open finding.
    """
    references = rule.references if rule else ()
    cwe_matches = map(_CWE.fullmatch, rule.cwe if rule else ())
    why = escape_unprintable(rule.why) if rule else ""
    evidence = "".join(f"\n- {escape_unprintable(line)}" for line in finding.evidence)
    detail = why + (f"\n\nEvidence:{evidence}" if evidence else "")
    return Vulnerability(
        bom_ref=ref,
        id=escape_unprintable(finding.rule),
        source=VulnerabilitySource(name="modelaudit"),
        ratings=[
            VulnerabilityRating(
                source=VulnerabilitySource(name="modelaudit"),
                severity=VulnerabilitySeverity(finding.severity.value),
                method=VulnerabilityScoreSource.OTHER,
            )
        ],
        cwes=[int(match[1]) for match in cwe_matches if match],
        description=escape_unprintable(finding.message),
        detail=detail or None,
        recommendation=escape_unprintable(rule.fix) if rule else None,
        advisories=[VulnerabilityAdvisory(url=XsUri(link)) for link in map(validate_https_link, references) if link],
        affects=[BomTarget(ref=affected_ref)],
        analysis=analysis,
        properties=build_properties(
            ("fingerprint", finding.fingerprint),
            ("title", rule.title if rule else None),
            ("check", finding.check),
            ("confidence", rule.confidence if rule else None),
            ("address", finding.artifact or None),
            ("offset", finding.location.offset),
            ("line", finding.location.line),
            ("entry", finding.location.key),
        ),
    )
