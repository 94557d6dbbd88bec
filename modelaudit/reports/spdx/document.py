"""Render the report as an AI-SBOM: SPDX 3.0.1 in JSON-LD, with the AI and Dataset profiles.

The model is the root of a bill of the type ``analyzed``. It contains its files, descends from its base models, and was
trained on its data sets. Each has its declared and its concluded licence. Annotations hold what SPDX has no field for:
the verdict, each finding and open absence, and the source of each fact. Invisible characters are escaped.

The same model, rules and policy give the same identifiers anywhere; the time of the report is the only difference.
Source: the SPDX 3.0.1 specification, https://spdx.github.io/spdx-spec/v3.0.1/.
"""

from __future__ import annotations

import json
from typing import Final

from spdx_python_model.bindings import v3_0_1 as spdx

from modelaudit.model.address import file_of, read_file_path
from modelaudit.model.digest import DigestAlgorithm
from modelaudit.model.provenance import OwnerKind
from modelaudit.model.report import AuditReport
from modelaudit.reports.answers import list_rulings
from modelaudit.reports.canonical_json import Json
from modelaudit.reports.inventory import compute_tree_digest
from modelaudit.reports.package_url import find_repository_address
from modelaudit.reports.results import list_results
from modelaudit.reports.spdx.elements import ElementSet, hash_key, list_hashes
from modelaudit.reports.spdx.licenses import Licenses
from modelaudit.reports.spdx.model_package import describe_model, list_references, list_sources
from modelaudit.reports.spdx.packages import add_base_models, add_datasets, add_libraries
from modelaudit.reports.stated_facts import (
    build_model_purl,
    find_version,
    get_component_type,
    list_authors,
    list_suppliers,
)
from modelaudit.reports.text import escape_name, escape_unprintable
from modelaudit.reports.view import get_heading
from modelaudit.reports.wording import describe_acceptance, describe_place

_PROFILE: Final = spdx.ProfileIdentifierType
_PURPOSES: Final = {
    "data": spdx.software_SoftwarePurpose.data,
    "machine-learning-model": spdx.software_SoftwarePurpose.model,
}
"""The purposes for the types of ``get_component_type``."""
_COMPLETE: Final = spdx.RelationshipCompleteness.complete
_INCOMPLETE: Final = spdx.RelationshipCompleteness.incomplete


def render_spdx(report: AuditReport) -> bytes:
    """Render the bill of materials. The same report always gives the same bytes."""
    listing = compute_tree_digest(report)
    elements = ElementSet(_identify(report, listing), report.created)
    _add_authors(elements, report)
    model = _add_model(elements, report, listing)
    licenses = Licenses(elements, report.license)
    licenses.relate_model(model)
    files = _add_files(elements, report)
    is_complete = not report.coverage.unopened and len(files) == report.coverage.file_count
    elements.relate_all(
        spdx.RelationshipType.contains, model, list(files.values()), _COMPLETE if is_complete else _INCOMPLETE
    )
    add_base_models(elements, licenses, model, report)
    has_datasets = add_datasets(elements, licenses, model, report)
    add_libraries(elements, model, report)
    _add_annotations(elements, report, model, files)
    _add_document(elements, model, report, has_datasets)
    return elements.encode()


def _identify(report: AuditReport, listing: str | None) -> str:
    """Return what identifies the bill: the bytes of the model, and what judged them."""
    target, tool = report.target, report.tool
    files = (
        None
        if listing
        else [[each.path, each.size, list(map(str, each.digests))] for each in report.coverage.artifacts]
    )
    parts = [
        target.commit,
        listing,
        files,
        target.folder,
        tool.name,
        tool.version,
        tool.rules_digest,
        report.policy.digest,
    ]
    return f"modelaudit-spdx:{json.dumps(parts)}"


def _add_authors(elements: ElementSet, report: AuditReport) -> None:
    """Add the tool, and as authors of the bill whom the policy names; without them it is the tool alone."""
    tool = report.tool
    name = f"{tool.name} {tool.version}"
    program = elements.add(spdx.Tool(), "tool", name)
    program.description = escape_unprintable(f"{tool.edition}, sha256 {tool.rules_digest}")
    authors: list[spdx.Agent | str] = []
    if report.policy.organization:
        authors.append(elements.add(spdx.Organization(), "organization", report.policy.organization))
    if report.policy.reviewer:
        authors.append(elements.add(spdx.Person(), "reviewer", report.policy.reviewer))
    if not authors:
        authors.append(elements.add(spdx.SoftwareAgent(), "agent", name))
    elements.creation.createdBy.extend(authors)
    elements.creation.createdUsing.append(program)


def _add_model(elements: ElementSet, report: AuditReport, listing: str | None) -> spdx.ai_AIPackage:
    """Add the package of the model."""
    target, description = report.target, report.description
    model = elements.add(spdx.ai_AIPackage(), "model", get_heading(target))
    model.software_primaryPurpose = _PURPOSES[get_component_type(target)]
    version = find_version(report, listing)
    if version:
        model.software_packageVersion = escape_unprintable(version)
    if (purl := build_model_purl(report, version)) is not None:
        model.software_packageUrl = purl.to_string()
    if (page := find_repository_address(target)) is not None:
        model.software_homePage = page
        model.software_downloadLocation = f"{page}/tree/{target.commit.lower()}" if target.commit else page
    if listing is not None:
        # What ``sha256sum`` prints for all files is no hash of the package, so it identifies and verifies nothing more.
        comment = "SHA-256 over the lines that sha256sum prints for all files"
        identifier = spdx.ExternalIdentifier(identifier=f"sha256:{listing}", comment=comment)
        identifier.externalIdentifierType = spdx.ExternalIdentifierType.other
        model.externalIdentifier.append(identifier)
    supplier = _add_supplier(elements, report)
    if supplier is not None:
        model.suppliedBy = supplier
    names = [each.value for each in list_authors(description)]
    model.originatedBy.extend(elements.add(spdx.Agent(), hash_key("author", name), name) for name in names)
    model.externalRef.extend(list_references(description))
    describe_model(model, report)
    return model


def _add_supplier(elements: ElementSet, report: AuditReport) -> spdx.Agent | None:
    """Add the supplier of the model, with the kind of its account if it owns the repository."""
    supplier = next(iter(list_suppliers(report)), None)
    if supplier is None:
        return None
    kinds = {OwnerKind.ORGANIZATION: spdx.Organization, OwnerKind.USER: spdx.Person}
    owner = report.target.provenance.owner if report.target.provenance is not None else None
    kind = owner.kind if owner is not None and owner.name == supplier.value else None
    return elements.add(kinds[kind]() if kind else spdx.Agent(), "supplier", supplier.value)


def _add_files(elements: ElementSet, report: AuditReport) -> dict[str, str]:
    """Add each file with its hashes; return their identifiers by address."""
    files: dict[str, str] = {}
    for record in report.coverage.artifacts:
        gitoids: list[Json] = [
            {
                "type": "software_ContentIdentifier",
                "software_contentIdentifierType": "gitoid",
                "software_contentIdentifierValue": f"gitoid:blob:sha1:{digest.value}",
            }
            for digest in record.digests
            if digest.algorithm is DigestAlgorithm.GIT_BLOB
        ]
        hashes = list_hashes(record.digests)
        files[record.path] = elements.write(
            "software_File",
            hash_key("file", record.path),
            {"software_contentIdentifier": gitoids} if gitoids else {},
            {
                "name": escape_unprintable(escape_name(read_file_path(record.path))),
                **({"verifiedUsing": hashes} if hashes else {}),
            },
        )
    return files


def _add_annotations(
    elements: ElementSet, report: AuditReport, model: spdx.ai_AIPackage, files: dict[str, str]
) -> None:
    """Add the verdict, each finding, absence and cause, each contradiction, and the sources of the facts."""
    whole = str(model.spdxId)

    def annotate(key: str, subject: str, statement: str, is_review: bool = True) -> None:
        type_ = "review" if is_review else "other"
        words: dict[str, Json] = {
            "annotationType": type_,
            "statement": escape_unprintable(statement),
            "subject": subject,
        }
        elements.write("Annotation", key, words, {})

    answers = "; ".join(f"{question}: {ruling.verdict}, {ruling.reason}" for question, ruling in list_rulings(report))
    annotate("verdict", whole, f"verdict: {report.decision.verdict}; {answers}")
    for number, result in enumerate(list_results(report), 1):
        place = ", ".join(part for part in (result.address, describe_place(result.location)) if part)
        settled = f" ({describe_acceptance(result.acceptance)})" if result.acceptance else ""
        text = f"{result.severity} {result.rule}: {result.message} [{place}] {result.outcome}{settled}"
        subject = files.get(result.address) or files.get(file_of(result.address)) or whole
        annotate(f"result-{number}", subject, f"{text} fingerprint {result.fingerprint}")
    for number, each in enumerate(report.description.contradictions, 1):
        annotate(f"contradiction-{number}", whole, each.sentence)
    for topic, sources in list_sources(report.description):
        annotate(f"sources-{topic}", whole, f"{topic}: {sources}", is_review=False)


def _add_document(elements: ElementSet, model: spdx.ai_AIPackage, report: AuditReport, has_datasets: bool) -> None:
    """Add the bill and the document around it; its profiles ask for one licence relationship of each kind."""
    profiles = [_PROFILE.core, _PROFILE.software, _PROFILE.simpleLicensing, _PROFILE.ai]
    if has_datasets:
        profiles.append(_PROFILE.dataset)
    parts = elements.list_all()
    bill = elements.add(spdx.software_Sbom(), "bill", f"SBOM of {get_heading(report.target)}")
    bill.software_sbomType.append(spdx.software_SbomType.analyzed)
    document = elements.add(spdx.SpdxDocument(), "document", get_heading(report.target))
    for collection, root, members in ((bill, model, parts), (document, bill, [*parts, str(bill.spdxId)])):
        collection.rootElement.append(root)
        collection.element.append(root)
        elements.refer_to(collection, "element", members)
        collection.profileConformance.extend(profiles)
