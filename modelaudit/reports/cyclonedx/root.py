"""The root component: the scanned model or data set, with its licences, its lineage, and the verdict as properties."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from cyclonedx.model import ExternalReference, HashAlgorithm, HashType, XsUri
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.contact import OrganizationalContact, OrganizationalEntity
from cyclonedx.model.release_note import ReleaseNotes

from modelaudit.model.acceptance import RecordedDecision
from modelaudit.model.description import Topic
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.opinion import Opinion
from modelaudit.model.report import AuditReport, Extent
from modelaudit.reports.answers import list_rulings
from modelaudit.reports.cyclonedx.identity import (
    LISTING_ALGORITHM,
    build_identity,
    find_weight_digests,
)
from modelaudit.reports.cyclonedx.license_facts import list_license_facts
from modelaudit.reports.cyclonedx.licenses import build_evidence, build_licenses
from modelaudit.reports.cyclonedx.lineage import build_pedigree
from modelaudit.reports.cyclonedx.properties import ROOT_REF, build_properties, describe_fact, parse_time
from modelaudit.reports.hub_scanners import get_scans, summarise_scanners
from modelaudit.reports.package_url import REPOSITORY_ID, find_server
from modelaudit.reports.provenance_words import list_provenance
from modelaudit.reports.signature_words import describe_signature
from modelaudit.reports.signoff_need import word_cause, word_reasons
from modelaudit.reports.stated_facts import (
    build_model_purl,
    find_owner,
    find_version,
    get_component_type,
    list_authors,
    list_suppliers,
)
from modelaudit.reports.text import escape_unprintable
from modelaudit.reports.view import get_heading
from modelaudit.reports.wording import describe_decision

_E_MAIL: Final = defer_pattern(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+){1,10}")


def build_root(report: AuditReport, listing_digest: str | None, references: Iterable[ExternalReference]) -> Component:
    """Build the root component.

    Args:
        report: the report.
        listing_digest: the digest over all files; ``None`` if there is none.
        references: its external references.
    """
    target, description = report.target, report.description
    version = find_version(report, listing_digest)
    supplier, purl = build_supplier(report), build_model_purl(report, version)
    return Component(
        type=ComponentType(get_component_type(target)),
        name=escape_unprintable(get_heading(target)),
        version=escape_unprintable(version) if version else None,
        bom_ref=ROOT_REF,
        purl=purl,
        supplier=supplier,
        publisher=supplier.name if supplier else None,
        authors=_build_authors(report),
        description=escape_unprintable(description.find_value(Topic.DESCRIPTION)) or None,
        tags=[escape_unprintable(fact.value) for fact in description.list_facts(Topic.TAG)],
        hashes=[HashType(alg=HashAlgorithm(name), content=value) for name, value in find_weight_digests(report)],
        licenses=build_licenses(report.license),
        evidence=build_evidence(report.license, build_identity(report, purl)),
        pedigree=build_pedigree(report),
        external_references=references,
        release_notes=_build_release(report),
        properties=build_properties(
            (f"digest:{LISTING_ALGORITHM}", listing_digest),
            *_list_verdict(report),
            *_list_target(report),
            *_list_policy(report),
            *list_license_facts(report.license),
            *((f"opinion:{escape_unprintable(each.scanner)}", _describe_opinion(each)) for each in report.opinions),
            *_list_scanners(report),
        ),
    )


def build_supplier(report: AuditReport) -> OrganizationalEntity | None:
    """Build the organisation that publishes the model, with its address and contact; ``None`` if no source names it."""
    description = report.description
    supplier = next(iter(list_suppliers(report)), None)
    if supplier is None:
        return None
    name, owner = supplier.value, find_owner(report.target)
    contacts = [each.value for each in description.list_facts(Topic.CONTACT) if _E_MAIL.fullmatch(each.value)]
    server = find_server(report.target)
    is_owner = owner is not None and name == owner.value and REPOSITORY_ID.fullmatch(name) is not None
    url = f"{server}/{name}" if server and is_owner else None
    return OrganizationalEntity(
        name=escape_unprintable(name),
        urls=[XsUri(url)] if url else None,
        contacts=[OrganizationalContact(email=each) for each in contacts],
    )


def _build_release(report: AuditReport) -> ReleaseNotes | None:
    """Build the time of the release, with its source; the standard has no other place for it."""
    facts = report.description.list_facts(Topic.RELEASE_TIME)
    dated = ((fact, time) for fact in facts if (time := parse_time(fact.value)) is not None)
    fact, time = next(dated, (None, None))
    if fact is None:
        return None
    properties = build_properties(("source:release-time", describe_fact(fact)))
    return ReleaseNotes(type="release", timestamp=time, properties=properties)


def _build_authors(report: AuditReport) -> list[OrganizationalContact]:
    """Build the persons and organisations that developed the model."""
    return [OrganizationalContact(name=escape_unprintable(each.value)) for each in list_authors(report.description)]


def _list_verdict(report: AuditReport) -> Iterator[tuple[str, object]]:
    """Yield the two answers with their reasons, and the coverage."""
    decision, coverage = report.decision, report.coverage
    yield "verdict", decision.verdict
    for question, ruling in list_rulings(report):
        yield f"verdict:{question}", ruling.verdict
        yield f"verdict:{question}:reason", ruling.reason
    yield from (("verdict:cause", f"{cause.kind}: {word_cause(report, cause)}") for cause in decision.causes)
    yield from (("verdict:reason", reason) for reason in word_reasons(report))
    yield from ((f"coverage:{extent}", coverage.count(extent)) for extent in Extent)
    yield "coverage:open-absences", len(coverage.open_absences)
    yield "coverage:unopened", coverage.unopened or None


def _list_target(report: AuditReport) -> Iterator[tuple[str, object]]:
    """Yield the target of the scan, and the statements of its source."""
    target = report.target
    yield "target:requested", target.requested
    yield "target:kind", target.kind
    yield "target:revision", target.revision
    yield "target:commit", target.commit
    yield "target:origin", target.origin
    yield "target:offline", str(target.offline).lower()
    yield from ((f"target:provenance:{fact.key}", fact.text) for fact in list_provenance(target.provenance))
    yield from (("target:signature", describe_signature(each)) for each in target.signatures)
    yield from (("target:note", note) for note in target.notes)


def _list_policy(report: AuditReport) -> Iterator[tuple[str, object]]:
    """Yield the policy, its gates, and the decisions of people."""
    policy = report.policy
    yield "policy:name", policy.name
    yield "policy:sha256", policy.digest or None
    yield "policy:organization", policy.organization or None
    yield "policy:reference", policy.reference or None
    yield "policy:reviewer", policy.reviewer or None
    yield from ((f"policy:gate:{family}", policy.gates.get(family) or "never") for family in policy.checks)
    yield "policy:checks", ",".join(policy.checks)
    yield from (("decision", _describe_decision(each)) for each in report.decisions)
    yield "baseline", report.baseline or None


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


def _describe_decision(decision: RecordedDecision) -> str:
    """Describe a decision and its state as the value of one property."""
    words = f"{describe_decision(decision)} Until {decision.expires} ({decision.place})."
    return f"{decision.subject}: {decision.state}: {words} {decision.detail}".rstrip()
