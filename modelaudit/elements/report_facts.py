"""The facts of a report beside its description, each with its source."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from modelaudit.elements.review_facts import REVIEW_READERS
from modelaudit.model.artifact import RefKind
from modelaudit.model.description import Confidence
from modelaudit.model.digest import DigestAlgorithm
from modelaudit.model.element_rules import ReportFact
from modelaudit.model.elements import RUN, ElementSource
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.license import Basis, ClaimKind, ConclusionState, LicenseClaim, OriginState
from modelaudit.model.report import AuditReport
from modelaudit.model.signature import SignatureState
from modelaudit.model.structure import Location
from modelaudit.reports.fact_places import name_place
from modelaudit.reports.inventory import compute_tree_digest
from modelaudit.reports.named_datasets import list_datasets
from modelaudit.reports.package_url import find_repository_address
from modelaudit.reports.stated_facts import (
    build_model_purl,
    find_owner,
    find_version,
    get_component_type,
    list_authors,
    list_suppliers,
)
from modelaudit.reports.view import get_heading

_DECLARED, _FOUND, _VERIFIED = Confidence.DECLARED.value, Confidence.FOUND.value, Confidence.VERIFIED.value
_BILLS: Final = "CycloneDX, SPDX"
_BILL_VERSIONS: Final = "CycloneDX 1.6, CycloneDX 1.7, SPDX 3.0.1"
_CONTEXT: Final = "after the build, from the finished files"
_THIS_RUN: Final = "this run"
_DATA_FILE: Final = defer_pattern(
    r".*\.(?:parquet|arrow)|(?:.*/)?(?:data|dataset|datasets)/.*\.(?:jsonl|csv|tsv|txt|json)", re.I
)
"""Files of data: of a format for tables, or a text in a folder of that name."""

Sources = Iterable[ElementSource]


def list_sources(report: AuditReport, fact: ReportFact) -> Iterable[ElementSource]:
    """Return the sources of one fact of a report; none if the report does not state it."""
    return _READERS[fact](report)


def _list_name(report: AuditReport) -> Sources:
    kinds = {RefKind.FOLDER: "name of the folder", RefKind.FILE: "name of the file"}
    name = get_heading(report.target)
    return [ElementSource(name, _DECLARED, kinds.get(report.target.kind, "id of the repository"))]


def _list_owner(report: AuditReport) -> Sources:
    owner = find_owner(report.target)
    return [owner] if owner else ()


def _list_commit(report: AuditReport) -> Sources:
    return [ElementSource((report.target.commit or "").lower(), _FOUND, f"commit stated by {report.target.origin}")]


def _list_tree_digest(report: AuditReport) -> Sources:
    digest = compute_tree_digest(report)
    return [ElementSource(f"sha256:{digest}", _VERIFIED, "digests of all files")] if digest else ()


def _list_pinned_version(report: AuditReport) -> Sources:
    """The version that bills of materials state: the commit, else the digest of the file or over all files."""
    if report.target.commit:
        return _list_commit(report)
    version = find_version(report, compute_tree_digest(report))
    place = "SHA-256 of the file" if report.target.kind is RefKind.FILE else "SHA-256 over the digests of all files"
    return [ElementSource(version, _VERIFIED, place)] if version else ()


def _list_purl(report: AuditReport) -> Sources:
    """The package URL that bills of materials state, as sure as its version."""
    purl = build_model_purl(report, find_version(report, compute_tree_digest(report)))
    if purl is None:
        return ()
    of_version = next(iter(_list_pinned_version(report)), None)
    if of_version is None:
        return [ElementSource(purl.to_string(), _DECLARED, "id of the repository")]
    return [ElementSource(purl.to_string(), of_version.confidence, of_version.place)]


def _count_hashed(report: AuditReport) -> int:
    """Count the files whose SHA-256 was computed."""
    records = report.coverage.artifacts
    return sum(any(each.algorithm is DigestAlgorithm.SHA256 for each in record.digests) for record in records)


def _list_file_digests(report: AuditReport) -> Sources:
    count, total = _count_hashed(report), report.coverage.file_count
    return [ElementSource(f"SHA-256 of {count:,} of {total:,} files", _VERIFIED, "inventory")] if count else ()


def _list_algorithms(report: AuditReport) -> Sources:
    return [ElementSource("SHA-256", _VERIFIED, "inventory")] if _count_hashed(report) else ()


def _list_files(report: AuditReport) -> Sources:
    count = report.coverage.file_count
    return [ElementSource(f"files: {count:,}", _VERIFIED, "inventory")] if count else ()


def _list_page(report: AuditReport) -> Sources:
    """The page of a repository: on the server that answered this scan, or, of a cached copy, on the public Hub."""
    page = find_repository_address(report.target)
    if page is None:
        return ()
    if report.target.kind is RefKind.CACHE:
        return [ElementSource(page, _DECLARED, "id of the repository in the cache")]
    return [ElementSource(page, _FOUND, "the server that answered this scan")]


def _list_signers(report: AuditReport) -> Sources:
    return [
        ElementSource(each.signer.name, _VERIFIED, each.record)
        for each in report.target.signatures
        if each.state is SignatureState.VERIFIED and each.signer is not None
    ]


def _list_signature_times(report: AuditReport) -> Sources:
    return [
        ElementSource(each.signer.time.time, _VERIFIED, f"{each.record}, {each.signer.time.source}")
        for each in report.target.signatures
        if each.state is SignatureState.VERIFIED and each.signer is not None and each.signer.time is not None
    ]


def _name_place(claim: LicenseClaim) -> str:
    """Name the place of a claim on a licence; its key is our reading of it and no entry."""
    return name_place(claim.artifact, Location(line=claim.location.line))


def _list_declared_licenses(report: AuditReport) -> Sources:
    return [
        ElementSource(claim.entry or claim.quotation, _DECLARED, _name_place(claim))
        for claim in report.license.claims
        if claim.kind is ClaimKind.DECLARED and not claim.is_in_running_text
    ]


def _list_found_licenses(report: AuditReport) -> Sources:
    return [
        ElementSource(claim.entry, _FOUND, _name_place(claim))
        for claim in report.license.claims
        if claim.kind is ClaimKind.FOUND and claim.entry and claim.basis in (Basis.TEXT, Basis.NAME)
    ]


def _list_concluded_licenses(report: AuditReport) -> Sources:
    """The conclusion, with the place of the strongest claim that it follows from; it needs one.

    It is verified where a file holds a licence word for word; a name alone verifies nothing.
    """
    license_ = report.license
    own = [each for each in license_.claims if each.kind is not ClaimKind.INHERITED and each.entry in license_.own]
    if license_.state is not ConclusionState.CONCLUDED or not own:
        return ()
    # Of equal claims, the first states it.
    best = {each.entry: each for each in sorted(reversed(own), key=_rank_claim, reverse=True)}
    # Several models have one expression together: no single place states it.
    chosen = list(best.values()) if license_.models else [min(own, key=_rank_claim)]
    confidence = (_VERIFIED, _FOUND, _DECLARED)[max(map(_rank_claim, chosen))]
    places = ", ".join(dict.fromkeys(map(_name_place, sorted(chosen, key=own.index))))
    return [ElementSource(license_.expression, confidence, f"determined from {places}")]


def _rank_claim(claim: LicenseClaim) -> int:
    """Return 0 for the text of a licence, 1 for another statement that was found, and 2 for a declared one."""
    if claim.kind is ClaimKind.DECLARED:
        return 2
    return 0 if claim.basis is Basis.TEXT else 1


def _list_use_policies(report: AuditReport) -> Sources:
    """Policies that a text of the repository names, and policies that the licences of the model name."""
    for claim in report.license.claims:
        if claim.field == "use-policy":
            yield ElementSource(claim.quotation, _FOUND, _name_place(claim))
    for entry in report.license.entries:
        claims = [claim for claim in report.license.claims if claim.entry == entry.id]
        if entry.policy_url and claims:
            best = min(claims, key=_rank_claim)
            confidence = _DECLARED if best.kind is ClaimKind.DECLARED else _FOUND
            yield ElementSource(entry.policy_url, confidence, f"policy of {entry.id}, by {_name_place(best)}")


def _list_base_models(report: AuditReport) -> Sources:
    return [
        ElementSource(f"{each.name} ({each.relation})", _DECLARED, _name_place(each.claim) if each.claim else "card")
        for each in report.license.origins
        if each.depth == 1
    ]


def _list_datasets(report: AuditReport) -> Sources:
    return [
        ElementSource(each.title, _DECLARED, name_place("card", Location(line=each.claim.location.line)))
        for each in list_datasets(report)
        if each.claim is not None
    ]


def _list_dataset_digests(report: AuditReport) -> Sources:
    """The SHA-256 of files of data in the repository, by their names."""
    return [
        ElementSource(f"sha256:{digest.value}", _VERIFIED, record.path)
        for record in report.coverage.artifacts
        if _DATA_FILE.fullmatch(record.path)
        for digest in record.digests
        if digest.algorithm is DigestAlgorithm.SHA256
    ]


def _list_dataset_licenses(report: AuditReport) -> Sources:
    """The licences that the cards of the data sets state themselves."""
    return [
        ElementSource(" AND ".join(each.entries), _DECLARED, f"card of the data set {each.name}")
        for each in report.license.datasets
        if each.look is OriginState.READ and each.entries
    ]


def _list_findings(report: AuditReport) -> Sources:
    return [ElementSource(f"findings: {len(report.findings):,}", RUN, _THIS_RUN)]


def _state_in_run(value: str) -> Callable[[AuditReport], Sources]:
    """Return a reader for a fact that each bill of materials of this program states."""
    return lambda report: [ElementSource(value, RUN, _THIS_RUN)]


_READERS: Final[Mapping[ReportFact, Callable[[AuditReport], Sources]]] = {
    ReportFact.ORGANIZATION: lambda report: [ElementSource(report.policy.organization, RUN, "policy, organization")],
    ReportFact.REVIEWER: lambda report: [ElementSource(report.policy.reviewer, RUN, "policy, reviewer")],
    ReportFact.TOOL: lambda report: [ElementSource(report.tool.name, RUN, _THIS_RUN)],
    ReportFact.TOOL_VERSION: lambda report: [
        ElementSource(f"{report.tool.version}, {report.tool.edition}", RUN, _THIS_RUN)
    ],
    ReportFact.CREATED: lambda report: [ElementSource(report.created, RUN, _THIS_RUN)],
    ReportFact.BILL_FORMAT: _state_in_run(_BILLS),
    ReportFact.BILL_VERSION: _state_in_run(_BILL_VERSIONS),
    ReportFact.BILL_IDENTIFIER: _state_in_run("identifier that follows from the bytes of the model"),
    ReportFact.BILL_ISSUE: _state_in_run("1"),
    ReportFact.GENERATION_CONTEXT: _state_in_run(_CONTEXT),
    ReportFact.COMPONENT_TYPE: lambda report: [ElementSource(get_component_type(report.target), RUN, _THIS_RUN)],
    ReportFact.TARGET_NAME: _list_name,
    ReportFact.OWNER: _list_owner,
    ReportFact.SUPPLIED_BY: list_suppliers,
    ReportFact.DEVELOPED_BY: lambda report: list_authors(report.description),
    ReportFact.COMMIT: _list_commit,
    ReportFact.PINNED_VERSION: _list_pinned_version,
    ReportFact.PURL: _list_purl,
    ReportFact.TREE_DIGEST: _list_tree_digest,
    ReportFact.FILE_DIGESTS: _list_file_digests,
    ReportFact.DIGEST_ALGORITHM: _list_algorithms,
    ReportFact.FILES: _list_files,
    ReportFact.PAGE: _list_page,
    ReportFact.SIGNER: _list_signers,
    ReportFact.SIGNATURE_TIME: _list_signature_times,
    ReportFact.DECLARED_LICENSE: _list_declared_licenses,
    ReportFact.FOUND_LICENSE: _list_found_licenses,
    ReportFact.CONCLUDED_LICENSE: _list_concluded_licenses,
    ReportFact.USE_POLICY: _list_use_policies,
    ReportFact.BASE_MODELS: _list_base_models,
    ReportFact.DATASETS: _list_datasets,
    ReportFact.DATASET_DIGESTS: _list_dataset_digests,
    ReportFact.DATASET_LICENSES: _list_dataset_licenses,
    ReportFact.FINDINGS: _list_findings,
    **REVIEW_READERS,
}
