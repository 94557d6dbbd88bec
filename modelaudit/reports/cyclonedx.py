"""Render the report as an AI-SBOM: CycloneDX 1.6 JSON (ECMA-424, first edition).

The model is the root component, with its declared and concluded licences and its base models as ancestors. Every file
and every data set is a component that the root depends on, and every finding is a vulnerability that affects a file.
Facts without a field in the standard are properties with the prefix ``modelaudit:``. Invisible characters are escaped,
so a name here may differ from the real file name, which only the JSON report contains.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from itertools import chain
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.model import XsUri
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.impact_analysis import ImpactAnalysisResponse, ImpactAnalysisState
from cyclonedx.model.tool import ToolRepository
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
from cyclonedx.output.json import JsonV1Dot6

from modelaudit.model.acceptance import AcceptanceSource, RecordedDecision
from modelaudit.model.address import container_of, read_file_path
from modelaudit.model.artifact import RefKind
from modelaudit.model.digest import DigestAlgorithm
from modelaudit.model.finding import Finding, Rule
from modelaudit.model.opinion import Opinion
from modelaudit.model.report import Absence, ArtifactRecord, AuditReport, Extent
from modelaudit.reports.answers import list_rulings
from modelaudit.reports.cyclonedx_licenses import (
    build_datasets,
    build_evidence,
    build_licenses,
    build_pedigree,
    build_properties,
    list_facts,
)
from modelaudit.reports.decision_words import describe_settlement, list_refusals
from modelaudit.reports.hub_scanners import get_scans, summarise_scanners
from modelaudit.reports.json_report import Json, LazyList, compute_report_digest, encode_canonical
from modelaudit.reports.package_url import build_purl
from modelaudit.reports.provenance_words import list_provenance
from modelaudit.reports.signature_words import describe_signature
from modelaudit.reports.text import escape_unprintable, validate_https_link
from modelaudit.reports.view import get_model_name
from modelaudit.reports.wording import describe_acceptance, describe_decision, describe_place

_CWE = re.compile(r"CWE-([1-9][0-9]{0,5})")
_ROOT_REF = "model"
"""The ``bom-ref`` of the root component."""


def render_cyclonedx(report: AuditReport) -> bytes:
    """Render the bill of materials. The same report always gives the same bytes, serial number included."""
    digest = compute_report_digest(report)
    root = _build_root(report)
    datasets = build_datasets(report.license)
    file_refs = {record.path: _build_file_ref(record.path) for record in report.coverage.artifacts}
    bom = Bom(
        serial_number=uuid5(NAMESPACE_URL, f"urn:sha256:{digest}"),
        components=datasets,
        vulnerabilities=_build_vulnerabilities(report, file_refs),
        metadata=BomMetaData(
            component=root,
            timestamp=datetime.fromisoformat(report.created).astimezone(UTC),
            tools=ToolRepository(components=[_build_tool(report)]),
            properties=build_properties(("report:schema", report.schema), ("report:sha256", digest)),
        ),
    )
    bom.register_dependency(root, datasets)  # the library warns of a root without dependencies
    value: dict[str, Any] = json.loads(JsonV1Dot6(bom).output_as_string())
    # The library takes a minute and 300 MB for 10,000 files, so their components are added to its output, one by one.
    records = sorted(report.coverage.artifacts, key=lambda record: (_name_file(record), file_refs[record.path]))
    datasets_and_files = chain(value.get("components", ()), map(_build_file, records))
    if datasets or records:
        value["components"] = LazyList(datasets_and_files, len(datasets) + len(records))
    refs = sorted({*file_refs.values(), *(str(dataset.bom_ref) for dataset in datasets)})
    value["dependencies"] = [
        *({"ref": ref} for ref in refs),
        {"ref": _ROOT_REF, "dependsOn": refs} if refs else {"ref": _ROOT_REF},
    ]
    return encode_canonical(value)


def _build_tool(report: AuditReport) -> Component:
    """Build the component that describes this program and its rules."""
    return Component(
        type=ComponentType.APPLICATION,
        name=escape_unprintable(report.tool.name),
        version=escape_unprintable(report.tool.version),
        bom_ref="tool",
        properties=build_properties(("rules:sha256", report.tool.rules_digest), ("rules:edition", report.tool.edition)),
    )


def _build_root(report: AuditReport) -> Component:
    """Build the root component: the scanned model or data set, with the verdict and the policy as properties."""
    target, decision, coverage = report.target, report.decision, report.coverage
    is_dataset = target.kind is RefKind.DATASET
    return Component(
        type=ComponentType.DATA if is_dataset else ComponentType.MACHINE_LEARNING_MODEL,
        name=escape_unprintable(get_model_name(target)),
        version=escape_unprintable(target.commit) if target.commit else None,
        bom_ref=_ROOT_REF,
        purl=build_purl(target),
        licenses=build_licenses(report.license),
        evidence=build_evidence(report.license),
        pedigree=build_pedigree(report.license),
        properties=build_properties(
            ("verdict", decision.verdict),
            *(
                pair
                for question, ruling in list_rulings(report)
                for pair in ((f"verdict:{question}", ruling.verdict), (f"verdict:{question}:reason", ruling.reason))
            ),
            *(("verdict:cause", f"{cause.kind}: {cause.reason}") for cause in decision.causes),
            *(("verdict:reason", reason) for reason in decision.reasons),
            *((f"coverage:{extent}", coverage.count(extent)) for extent in Extent),
            ("coverage:open-absences", len(coverage.open_absences)),
            ("target:requested", target.requested),
            ("target:kind", target.kind),
            ("target:revision", target.revision),
            ("target:commit", target.commit),
            ("target:origin", target.origin),
            ("target:offline", str(target.offline).lower()),
            *((f"target:provenance:{fact.key}", fact.text) for fact in list_provenance(target.provenance)),
            *(("target:signature", describe_signature(each)) for each in target.signatures),
            *(("target:note", note) for note in target.notes),
            ("policy:name", report.policy.name),
            ("policy:sha256", report.policy.digest or None),
            *((f"policy:gate:{family}", report.policy.gates.get(family) or "never") for family in report.policy.checks),
            ("policy:checks", ",".join(report.policy.checks)),
            *list_facts(report.license),
            *(("decision", _describe_decision(each)) for each in report.decisions),
            ("baseline", report.baseline or None),
            *((f"opinion:{escape_unprintable(each.scanner)}", _describe_opinion(each)) for each in report.opinions),
            *_list_scanners(report),
        ),
    )


def _list_scanners(report: AuditReport) -> Iterator[tuple[str, str]]:
    """Yield a property for each scanner of the Hub, with its own word and the date."""
    scans = get_scans(report)
    if scans is not None:
        for name, words in summarise_scanners(scans):
            yield f"hub-scanner:{escape_unprintable(name)}", f"{words} ({scans.date})"


def _describe_opinion(opinion: Opinion) -> str:
    """Describe the state and the counts of a second opinion as the value of one property."""
    return (
        f"{opinion.state}: {opinion.detail} (version {opinion.version or 'unknown'}, findings {len(opinion.findings)}, "
        f"absences {len(opinion.absences)}, disagreements {len(opinion.disagreements)})"
    )


def _build_file_ref(path: str) -> str:
    """Build a reference that is unique to a path, also if two paths look the same when escaped."""
    return "file:" + sha256(path.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _name_file(record: ArtifactRecord) -> str:
    """Return the name of the component of a file."""
    return escape_unprintable(read_file_path(record.path))


def _build_file(record: ArtifactRecord) -> Json:
    """Build the component of a file as JSON; digests for which CycloneDX has no algorithm become properties."""
    sha256_digests = [digest for digest in record.digests if digest.algorithm is DigestAlgorithm.SHA256]
    other_digests = [digest for digest in record.digests if digest.algorithm is not DigestAlgorithm.SHA256]
    properties = (
        ("size", record.size),
        ("extent", record.extent),
        ("members", record.members or None),
        *(("format", format) for format in record.formats),
        ("digest-state", record.digest_state),
        *((f"digest:{digest.algorithm}", digest.value) for digest in other_digests),
        *((f"claimed:{each.digest.algorithm}", f"{each.digest.value} by {each.source}") for each in record.claims),
        *(("unread", _describe_absence(address, absence)) for address, absence in record.absences),
    )
    # Sorted and without repetition, as the library writes them.
    sorted_properties = sorted(
        {(f"modelaudit:{name}", escape_unprintable(str(value))) for name, value in properties if value is not None}
    )
    component: dict[str, Json] = {
        "type": "file",
        "name": _name_file(record),
        "bom-ref": _build_file_ref(record.path),
        "properties": [{"name": name, "value": value} for name, value in sorted_properties],
    }
    if sha256_digests:
        component["hashes"] = [{"alg": "SHA-256", "content": digest.value} for digest in sha256_digests]
    return component


def _describe_absence(address: str, absence: Absence) -> str:
    """Describe an absence as the value of one property: the reason, the place and the policy entry that accepts it."""
    place = ", ".join(part for part in (address, describe_place(absence.unread.where)) if part)
    accepted = f" [{describe_acceptance(absence.acceptance)}]" if absence.acceptance else ""
    return f"{absence.unread.reason}: {place}: {absence.unread.detail}{accepted}"


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


def _describe_decision(decision: RecordedDecision) -> str:
    """Describe a decision and its state as the value of one property."""
    words = f"{describe_decision(decision)} Until {decision.expires} ({decision.place})."
    return f"{decision.subject}: {decision.state}: {words} {decision.detail}".rstrip()


def _build_vulnerabilities(report: AuditReport, file_refs: dict[str, str]) -> Iterable[Vulnerability]:
    """Yield one vulnerability for each finding; it affects a file, or the root for a finding on the whole model.

    Args:
        report: the report.
        file_refs: the ``bom-ref`` of each file by path.
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
        yield _build_vulnerability(finding, rules.get(finding.rule), ref, file_refs.get(path, _ROOT_REF), analysis)


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
