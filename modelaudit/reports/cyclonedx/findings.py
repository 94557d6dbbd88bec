"""The findings as vulnerabilities, as JSON, with CWE, rating, and the analysis that follows from decisions of people.

The library takes ten times as long for each, and a model may have thousands. The facts of a rule are converted once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping

from modelaudit.model.acceptance import AcceptanceSource, RecordedDecision
from modelaudit.model.address import container_of
from modelaudit.model.finding import Finding, Rule
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.report import AuditReport
from modelaudit.reports.canonical_json import Json
from modelaudit.reports.cyclonedx.extension import JsonObject
from modelaudit.reports.cyclonedx.properties import ROOT_REF, build_json_properties
from modelaudit.reports.decision_words import describe_settlement, list_refusals
from modelaudit.reports.text import escape_unprintable, validate_https_link

_CWE = defer_pattern(r"CWE-([1-9][0-9]{0,5})")


def _build_analysis(finding: Finding, refusals: Mapping[str, RecordedDecision]) -> JsonObject | None:
    """Build the analysis of a finding: a person accepts the risk or refuses it, or an earlier report holds it.

    Returns:
        ``None`` for an open finding.
    """
    settlement = describe_settlement(finding, refusals)
    if settlement is None:
        return None
    label, sentence = settlement
    is_decided = finding.acceptance is not None and finding.acceptance.source is AcceptanceSource.DECISION
    analysis: JsonObject = {
        "state": "exploitable" if is_decided or label == "refused" else "in_triage",
        "detail": escape_unprintable(sentence),
    }
    return analysis | {"response": ["will_not_fix"]} if is_decided else analysis


def build_findings(report: AuditReport, file_refs: Mapping[str, str]) -> Iterator[Json]:
    """Yield one vulnerability for each finding; it affects a file, or the root for a finding on the whole model.

    Args:
        report: the report.
        file_refs: the ``bom-ref`` of each file by path.
    """
    rules = {rule.id: (rule, _describe_rule(rule)) for rule in report.rules}
    occurrences: Counter[str] = Counter()
    refusals = list_refusals(report)
    for finding in report.findings:
        # Findings can share a fingerprint, but every bom-ref must be unique.
        occurrences[finding.fingerprint] += 1
        number = occurrences[finding.fingerprint]
        ref = f"finding:{finding.fingerprint}" + (f":{number}" if number > 1 else "")
        path = finding.artifact if finding.artifact in file_refs else _find_containing_file(finding.artifact, file_refs)
        rule, stated = rules.get(finding.rule, (None, {}))
        vulnerability = _build_vulnerability(finding, rule) | stated
        evidence = "".join(f"\n- {escape_unprintable(line)}" for line in finding.evidence)
        why = escape_unprintable(rule.why) if rule else ""
        if detail := why + (f"\n\nEvidence:{evidence}" if evidence else ""):
            vulnerability["detail"] = detail
        if analysis := _build_analysis(finding, refusals):
            vulnerability["analysis"] = analysis
        yield vulnerability | {"bom-ref": ref, "affects": [{"ref": file_refs.get(path, ROOT_REF)}]}


def _find_containing_file(address: str, paths: Container[str]) -> str:
    """Find the file that contains the member at ``address``; empty if none does."""
    # In a report of an older version, the name of a file may contain the "!" that separates members. Of two files "a"
    # and "a!b", the longer one is then the file itself.
    container = container_of(address)
    while container and container not in paths:
        container = container_of(container)
    return container


def _describe_rule(rule: Rule) -> JsonObject:
    """Return what a rule states about each of its findings: weaknesses, remedy and addresses."""
    weaknesses: list[Json] = [*sorted({int(match[1]) for match in map(_CWE.fullmatch, rule.cwe) if match})]
    links = sorted({link for link in map(validate_https_link, rule.references) if link})
    stated: JsonObject = {"recommendation": escape_unprintable(rule.fix)}
    if weaknesses:
        stated["cwes"] = weaknesses
    if links:
        stated["advisories"] = [{"url": link} for link in links]
    return stated


def _build_vulnerability(finding: Finding, rule: Rule | None) -> JsonObject:
    """Build what a finding itself states; ``rule`` is ``None`` where the report does not describe it."""
    source: JsonObject = {"name": "modelaudit"}
    return {
        "id": escape_unprintable(finding.rule),
        "source": source,
        "ratings": [{"source": source, "severity": finding.severity.value, "method": "other"}],
        "description": escape_unprintable(finding.message),
        "properties": build_json_properties(
            ("fingerprint", finding.fingerprint),
            ("title", rule.title if rule else None),
            ("check", finding.check),
            ("confidence", rule.confidence if rule else None),
            ("address", finding.artifact or None),
            ("offset", finding.location.offset),
            ("line", finding.location.line),
            ("entry", finding.location.key),
        ),
    }
