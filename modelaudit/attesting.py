"""Attest the verdict of a report on a model that lies on disk: sign the evidence, and a summary of it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import quote

from msgspec import Struct

from modelaudit.integrity.attestation import (
    FAILED,
    PASSED,
    Summary,
    build_payloads,
    list_causes,
    read_attestation,
    split_attestation,
)
from modelaudit.integrity.places import lies_in
from modelaudit.integrity.signing import StatementSigner, sign_statement
from modelaudit.integrity.tree import compute_tree_digest
from modelaudit.locking import cover_entries, identify_repository
from modelaudit.model.address import read_file_path
from modelaudit.model.artifact import ModelRef, RefKind
from modelaudit.model.digest import DigestAlgorithm
from modelaudit.model.errors import ConfigurationError, SignatureError
from modelaudit.model.finding import CheckFamily
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.report import AuditReport
from modelaudit.model.tree import EntryKind, TreeEntry, is_bookkeeping
from modelaudit.model.wording import TIME_FORMAT
from modelaudit.options import format_current_time
from modelaudit.reports.evidence import describe_evidence, find_first_expiry, list_obstacles
from modelaudit.reports.json_report import load_report
from modelaudit.reports.package_url import HUB, build_repository_purl
from modelaudit.sources import resolve_target
from modelaudit.sources.hashed import HashedModel, hash_model

VERIFIER: Final = "urn:modelaudit:verifier"
_URI: Final = defer_pattern(r"[A-Za-z][A-Za-z0-9+.-]*:[\x21-\x7e]+")
"""With a scheme (RFC 3986, section 3.1)."""
_MOST_DAYS: Final = 99_999
_NEEDED_CHECKS: Final = (CheckFamily.SECURITY, CheckFamily.INTEGRITY)


class AttestationOptions(Struct, frozen=True):
    """How a verdict is attested. Creating it raises ``ConfigurationError``, unless its values fit each other.

    Attributes:
        report: the saved report of a scan, as JSON.
        signer: signs the statements, with a key or for an identity.
        verifier: the URI of the one who answers for the verdict.
        resource: the URI of the model; by default that of the report.
        days: how long the verdict holds after the scan, if no decision behind it ends before; ``None`` for no end.
        image: SHA-256 of the manifest of an OCI image that holds the model, in hexadecimal.
        signatures: files with signatures that lie outside of the model, for a seal to carry.
    """

    report: Path
    signer: StatementSigner
    verifier: str = VERIFIER
    resource: str | None = None
    days: int | None = 90
    image: str | None = None
    signatures: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        require_uri("--verifier-id", self.verifier)
        if self.resource is not None:
            require_uri("--resource", self.resource)
        if self.days is not None and not 0 < self.days <= _MOST_DAYS:
            raise ConfigurationError(f"--expires {self.days}: is not a number of days from 1 to {_MOST_DAYS}")
        if self.image is not None and not re.fullmatch(r"[0-9a-f]{64}", self.image):
            raise ConfigurationError(f"--image {self.image}: is not a SHA-256; write its 64 hexadecimal digits")


@dataclass(frozen=True, slots=True)
class SignedVerdict:
    """An attestation as it is written.

    Attributes:
        text: two lines of JSON.
        result: ``PASSED`` or ``FAILED``.
        tree_digest: of the model, version 1.
        tree: the files, links and empty folders that it covers.
        policy_digest: SHA-256 of the policy, for ``verify --policy-digest``.
        resource: the URI of the model, for ``verify --resource``.
        model: as it was hashed.
        identity: for which it is signed; empty with a key.
        issuer: who vouches for the identity.
        causes: for which the verdict did not pass, such as ``findings (load)``.
    """

    text: bytes
    result: str
    tree_digest: str
    tree: tuple[TreeEntry, ...]
    policy_digest: str
    resource: str
    model: HashedModel = field(repr=False)
    identity: str = ""
    issuer: str = ""
    causes: tuple[str, ...] = ()


def attest(target: str, options: AttestationOptions, limits: Limits = Limits()) -> SignedVerdict:  # noqa: B008 - frozen
    """Attest the verdict of a report on the model ``target``.

    Args:
        target: a folder, a snapshot of the Hub cache, or a repository that the cache holds; nothing is requested.
        options: the report, and who signs.
        limits: bounds on reads.

    Raises:
        ConfigurationError: the report or what signs it cannot be used, or the report is one of other bytes.
        SourceError: the model cannot be read, or a server of the signer refuses or does not answer.
    """
    report = load_report(options.report)
    _require_checks(report, options.report)
    created = _parse_created(report, options.report)
    model = _hash_target(target, options, limits)
    ref = identify_repository(model.snapshot)
    entries = cover_entries(model, target, has_modes=ref is None, task="attested")
    _require_same_files(report, entries, os.path.realpath(str(model.snapshot.root)), options.report)
    try:
        resource = options.resource or name_resource(report, ref, compute_tree_digest(entries))
        summary = _summarize(report, created, resource, options)
        payloads = build_payloads(describe_evidence(report), entries, summary, options.image)
    except ValueError as error:
        raise ConfigurationError(f"{target}: {error}; rename it, and scan again") from error
    text = b"".join(sign_statement(options.signer, payload) + b"\n" for payload in payloads)
    try:
        attestation = read_attestation(*split_attestation(text))
    except SignatureError as error:
        raise ConfigurationError(f"{target}: no verifier would accept the attestation: {error}") from error
    return SignedVerdict(
        text,
        summary.result,
        attestation.tree_digest,
        entries,
        summary.policy_digest,
        resource,
        model,
        options.signer.identity,
        options.signer.issuer,
        tuple(list_causes(attestation.evidence)),
    )


def require_uri(option: str, text: str) -> str:
    """Return a URI. Raises ``ConfigurationError`` for a text without a scheme."""
    if not _URI.fullmatch(text):
        raise ConfigurationError(f"{option} {text!r}: is not a URI; write one such as https://example.com/verifier")
    return text


def _hash_target(target: str, options: AttestationOptions, limits: Limits) -> HashedModel:
    """Hash the model. Raises ``ConfigurationError`` for a single file, and for a key that lies in the model."""
    snapshot = resolve_target(target, offline=True, limits=limits)
    if snapshot.ref.kind is RefKind.FILE:
        raise ConfigurationError(f"{target!r} is a file; name the folder of the model")
    for option, path in options.signer.files.items():
        if lies_in(path, snapshot.root):
            raise ConfigurationError(f"{option}: {path} lies in the model; move it out, and scan the model again")
    return hash_model(snapshot, limits)


def _summarize(report: AuditReport, created: datetime, resource: str, options: AttestationOptions) -> Summary:
    """Summarize the verdict of a report. Raises ``ConfigurationError`` if it is over."""
    return Summary(
        verifier=options.verifier,
        versions={report.tool.name: report.tool.version, "rules": report.tool.rules_digest},
        time=created.strftime(TIME_FORMAT),
        resource=resource,
        policy=f"urn:modelaudit:policy:{quote(report.policy.name, safe='')}",
        policy_digest=report.policy.digest,
        evidence_digest="",
        result=conclude(report),
        expires=_find_end(report, created, options),
    )


def conclude(report: AuditReport) -> str:
    """Return the result of a report: it passed if nothing objects to it; review and incomplete do not pass."""
    return FAILED if list_obstacles(report) else PASSED


def name_resource(report: AuditReport, ref: ModelRef | None, tree_digest: str) -> str:
    """Return the URI of a model: its package URL or its address on the Hub, or the name and content of its folder.

    Args:
        report: of the model.
        ref: the repository that the target is; ``None`` for a folder.
        tree_digest: of the folder, version 1: folders have no versions, and names that others have too.
    """
    target = report.target
    if target.kind in (RefKind.FOLDER, RefKind.FILE):
        return f"urn:modelaudit:folder:{quote(target.short_name, safe='')}@v1:{tree_digest}"
    is_cached_dataset = target.kind is RefKind.CACHE and ref is not None and ref.kind is RefKind.DATASET
    if target.kind is RefKind.DATASET or is_cached_dataset:
        return f"{HUB}/datasets/{quote(target.name)}/tree/{target.commit}"
    purl = build_repository_purl(target)
    return purl.to_string() if purl is not None else f"{HUB}/{quote(target.name)}/tree/{target.commit}"


def _require_checks(report: AuditReport, path: Path) -> None:
    """Raise ``ConfigurationError`` unless the report answers whether the model may be loaded."""
    missing = [each.value for each in _NEEDED_CHECKS if each not in report.policy.checks]
    if missing:
        raise ConfigurationError(
            f"{path}: the report is without the check {' and '.join(missing)}, so it does not answer whether to load "
            "the model; scan it with a policy and options that leave out neither"
        )
    if report.coverage.unopened:
        raise ConfigurationError(f"{path}: the report left {report.coverage.unopened:,} files unopened; scan the model")


def _parse_created(report: AuditReport, path: Path) -> datetime:
    """Return the time of a report. Raises ``ConfigurationError`` for one without a time zone."""
    moment = datetime.fromisoformat(report.created)
    if moment.tzinfo is None:
        raise ConfigurationError(f"{path}: the time {report.created!r} has no time zone; scan the model again")
    return moment.astimezone(UTC)


def _find_end(report: AuditReport, created: datetime, options: AttestationOptions) -> str | None:
    """Find the time until which a verdict holds: some days after the scan, and no longer than a decision behind it.

    Raises:
        ConfigurationError: that time is over.
    """
    ends = []
    if options.days is not None:
        ends.append(created + timedelta(days=options.days))
    expiry = find_first_expiry(report)
    if expiry:
        # A decision holds to the end of its last day.
        ends.append(datetime.fromisoformat(expiry).replace(tzinfo=UTC) + timedelta(days=1))
    if not ends:
        return None
    end = min(ends).strftime(TIME_FORMAT)
    if end <= format_current_time():
        raise ConfigurationError(
            f"{options.report}: the report is of {report.created}, and its verdict holds until {end}; scan the model "
            "again"
        )
    return end


def _require_same_files(report: AuditReport, entries: Sequence[TreeEntry], root: str, path: Path) -> None:
    """Raise ``ConfigurationError`` unless the report is one of exactly these files, under these names.

    A scan reads the target of a link under the name of the link too, because loaders decide by names.
    """
    reported = {
        read_file_path(record.path): digest.value
        for record in report.coverage.artifacts
        for digest in record.digests
        if digest.algorithm is DigestAlgorithm.SHA256
    }
    digests = {entry.path: entry.sha256 for entry in entries}
    for entry in entries:
        name = entry.path
        if entry.kind is EntryKind.LINK:
            name = os.path.relpath(os.path.realpath(f"{root}/{entry.path}"), root)
        expected, found = digests.get(name), reported.get(entry.path)
        if expected is not None and found is None:
            raise ConfigurationError(f"{path}: the report states no SHA-256 of {entry.path!r}; scan the model again")
        if found != expected:
            raise ConfigurationError(f"{path}: the report is of other bytes of {entry.path!r}; scan the model again")
    _require_no_further(report, {entry.path for entry in entries}, path)


def _require_no_further(report: AuditReport, known: Iterable[str], path: Path) -> None:
    """Raise ``ConfigurationError`` if the report examined a file that the model lacks."""
    further = {read_file_path(record.path) for record in report.coverage.artifacts if record.digests} - set(known)
    for name in sorted(further):
        if not is_bookkeeping(name):
            raise ConfigurationError(f"{path}: the report has {name!r}, and the model has not; scan the model again")
