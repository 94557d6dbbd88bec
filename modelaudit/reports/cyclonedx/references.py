"""The external references of the model: its repository, card, papers, licences, and the report itself."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri

from modelaudit.model.address import read_file_path
from modelaudit.model.description import Fact, Topic
from modelaudit.model.digest import DigestAlgorithm
from modelaudit.model.license import Basis, ClaimKind
from modelaudit.model.report import ArtifactRecord, AuditReport, Target
from modelaudit.reports.cyclonedx.properties import describe_fact
from modelaudit.reports.license_view import list_own_entries
from modelaudit.reports.package_url import find_repository_address
from modelaudit.reports.text import escape_unprintable, validate_https_link

_TYPES: Final = {
    Topic.PAPER: ExternalReferenceType.DOCUMENTATION,
    Topic.CITATION: ExternalReferenceType.DOCUMENTATION,
    Topic.REPOSITORY: ExternalReferenceType.VCS,
    Topic.HOMEPAGE: ExternalReferenceType.WEBSITE,
    Topic.DEMO: ExternalReferenceType.WEBSITE,
    Topic.DOWNLOAD: ExternalReferenceType.DISTRIBUTION,
    Topic.CONTACT: ExternalReferenceType.SUPPORT,
    Topic.LICENSE_TEXT: ExternalReferenceType.LICENSE,
}
_CARDS: Final = ("README.md", "MODEL_CARD.md", "modelcard.md")
_SECURITY_NOTES: Final = ("SECURITY.md", ".github/SECURITY.md")


def build_references(report: AuditReport) -> list[ExternalReference]:
    """Build the external references of the root component, each address once for each type."""
    files = {read_file_path(each.path): each for each in report.coverage.artifacts}
    references: dict[tuple[ExternalReferenceType, str], ExternalReference] = {}
    for reference in (
        *_list_repository(report.target),
        *_list_files(report, files),
        *_list_stated(report, files),
        *_list_licenses(report),
    ):
        references.setdefault((reference.type, str(reference.url)), reference)
    return list(references.values())


def build_report_reference(digest: str) -> ExternalReference:
    """Build the reference to the report by its SHA-256, as a name of RFC 6920: a saved report has no address."""
    code = base64.urlsafe_b64encode(bytes.fromhex(digest)).decode("ascii").rstrip("=")
    return ExternalReference(
        type=ExternalReferenceType.STATIC_ANALYSIS_REPORT,
        url=XsUri(f"ni:///sha-256;{code}"),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest)],
        comment="the report of modelaudit as JSON; this document derives from it",
    )


def _list_repository(target: Target) -> Iterator[ExternalReference]:
    """Yield the references to a repository of the Hub, which is a page, a git repository and a place to download."""
    address = find_repository_address(target)
    if address is not None:
        comment = "the repository on the Hub"
        yield ExternalReference(type=ExternalReferenceType.WEBSITE, url=XsUri(address), comment=comment)
        yield ExternalReference(type=ExternalReferenceType.VCS, url=XsUri(address), comment=comment)
        if target.commit:
            at_commit = XsUri(f"{address}/tree/{target.commit.lower()}")
            yield ExternalReference(
                type=ExternalReferenceType.DISTRIBUTION, url=at_commit, comment="the scanned commit"
            )


def _list_files(report: AuditReport, files: dict[str, ArtifactRecord]) -> Iterator[ExternalReference]:
    """Yield the references to the card, to the licence texts and to the security policy in the repository."""
    card = next((name for name in _CARDS if name in files), None)
    if card is not None:
        yield _refer_to_file(report, files, card, ExternalReferenceType.MODEL_CARD)
    claims = (each for each in report.license.claims if each.kind is ClaimKind.FOUND and each.basis is not Basis.NAME)
    for path in dict.fromkeys(read_file_path(claim.artifact) for claim in claims):
        if path in files and path != card:
            yield _refer_to_file(report, files, path, ExternalReferenceType.LICENSE)
    for name in _SECURITY_NOTES:
        if name in files:
            yield _refer_to_file(report, files, name, ExternalReferenceType.SECURITY_CONTACT)


def _refer_to_file(
    report: AuditReport, files: dict[str, ArtifactRecord], path: str, type_: ExternalReferenceType
) -> ExternalReference:
    """Build the reference to a file, with its digest: its address on the Hub at the commit, else its path."""
    address, commit = find_repository_address(report.target), report.target.commit
    quoted = quote(path.encode("utf-8", "replace")).lstrip("/")
    url = f"{address}/blob/{commit.lower()}/{quoted}" if address and commit else quoted
    digests = [each for each in files[path].digests if each.algorithm is DigestAlgorithm.SHA256]
    return ExternalReference(
        type=type_,
        url=XsUri(url),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=each.value) for each in digests],
        comment=escape_unprintable(f"found: {path}"),
    )


def _list_stated(report: AuditReport, files: dict[str, ArtifactRecord]) -> Iterator[ExternalReference]:
    """Yield the references that the model states: papers, source code, page, download, contact, licence text."""
    for fact in report.description.list_facts(*_TYPES):
        if fact.topic is Topic.LICENSE_TEXT and fact.value in files:
            yield _refer_to_file(report, files, fact.value, ExternalReferenceType.LICENSE)
            continue
        link = _find_link(fact)
        if link is not None:
            yield ExternalReference(
                type=_TYPES[fact.topic],
                url=XsUri(link),
                comment=escape_unprintable(f"{fact.topic}, {describe_fact(fact)}"),
            )


def _find_link(fact: Fact) -> str | None:
    """Return the address that a fact states: as its qualifier ``url``, or as its value."""
    links = (validate_https_link(each) for each in (fact.get("url"), fact.value) if each)
    return next((link for link in links if link is not None), None)


def _list_licenses(report: AuditReport) -> Iterator[ExternalReference]:
    """Yield the addresses of the texts of the model's own licences."""
    for entry in list_own_entries(report.license):
        link = validate_https_link(entry.url)
        if link is not None:
            yield ExternalReference(
                type=ExternalReferenceType.LICENSE, url=XsUri(link), comment=escape_unprintable(f"text of {entry.id}")
            )
