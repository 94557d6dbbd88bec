"""Attest the verdict of a report on a model that lies on disk: sign the evidence, and a summary of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from modelaudit.integrity.attestation import FAILED, PASSED, Summary, build_payloads
from modelaudit.integrity.signing import load_private_key, sign_statement
from modelaudit.integrity.tree import compute_tree_digest
from modelaudit.locking import cover_entries, identify_repository
from modelaudit.model.artifact import RefKind
from modelaudit.model.digest import DigestAlgorithm
from modelaudit.model.errors import ConfigurationError, SignatureError
from modelaudit.model.limits import Limits
from modelaudit.model.report import AuditReport, Extent
from modelaudit.model.tree import EntryKind, TreeEntry
from modelaudit.model.verdict import Verdict
from modelaudit.options import format_current_time
from modelaudit.reports.json_report import compute_report_digest, load_report
from modelaudit.sources import resolve_target
from modelaudit.sources.hashed import hash_model

VERIFIER: Final = "urn:modelaudit"
_MOST_PARTS: Final = 1000
_TIME_FORMAT: Final = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class AttestationOptions:
    """How a verdict is attested.

    Attributes:
        report: the saved report of a scan, as JSON.
        key: file with the private EC key, in PEM.
        passphrase: of the key; ``None`` if it has none.
        verifier: the URI of the one who answers for the verdict.
        resource: the URI of the model; by default that of the report.
        days: how long the verdict holds; ``None`` for no end.
        image: SHA-256 of the manifest of an OCI image that holds the model.
    """

    report: Path
    key: Path
    passphrase: bytes | None = None
    verifier: str = VERIFIER
    resource: str | None = None
    days: int | None = 90
    image: str | None = None


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
    """

    text: bytes
    result: str
    tree_digest: str
    tree: tuple[TreeEntry, ...]
    policy_digest: str
    resource: str


def attest(target: str, options: AttestationOptions, limits: Limits = Limits()) -> SignedVerdict:  # noqa: B008 - frozen
    """Attest the verdict of a report on the model ``target``.

    Args:
        target: a folder, a snapshot of the Hub cache, or a repository that the cache holds; nothing is requested.
        options: the report and the key.
        limits: bounds on reads.

    Raises:
        ConfigurationError: the report or the key cannot be used, or the report is one of other bytes.
        SourceError: the model cannot be read.
    """
    report = load_report(options.report)
    key = load_key(options)
    entries = _hash_entries(target, limits)
    _require_same_files(report, entries, options.report)
    created = format_current_time()
    resource = options.resource or name_resource(report)
    summary = Summary(
        verifier=options.verifier,
        versions={report.tool.name: report.tool.version, "rules": report.tool.rules_digest},
        time=report.created,
        resource=resource,
        policy=f"urn:modelaudit:policy:{report.policy.name}",
        policy_digest=report.policy.digest,
        evidence_digest="",
        result=conclude(report),
        expires=_add_days(created, options.days),
    )
    try:
        payloads = build_payloads(describe_evidence(report), entries, summary, options.image)
    except ValueError as error:
        raise ConfigurationError(f"{target}: {error}; rename it, and scan again") from error
    text = b"".join(sign_statement(payload, key) + b"\n" for payload in payloads)
    tree_digest = compute_tree_digest(entries)
    return SignedVerdict(text, summary.result, tree_digest, entries, summary.policy_digest, resource)


def load_key(options: AttestationOptions) -> EllipticCurvePrivateKey:
    """Load the key of ``--key``. Raises ``ConfigurationError``."""
    try:
        return load_private_key(_read_key(options.key), options.passphrase)
    except SignatureError as error:
        raise ConfigurationError(f"--key: {options.key} {error}") from error


def conclude(report: AuditReport) -> str:
    """Return the result of a report: it passed if the gate and the answer to *load* did, and *use* is not open.

    A use that no policy states leaves the answer to *use* for review, and the gate passes; so does the result.
    """
    decision = report.decision
    is_open = decision.use.verdict in (Verdict.FAIL, Verdict.INCOMPLETE)
    passed = decision.verdict is Verdict.PASS and decision.load.verdict is Verdict.PASS and not is_open
    return PASSED if passed else FAILED


def name_resource(report: AuditReport) -> str:
    """Return the URI of a model: its package URL on the Hub, or a name of its folder."""
    target = report.target
    if target.kind in (RefKind.FOLDER, RefKind.FILE):
        return f"urn:modelaudit:folder:{target.name}"
    kind = "dataset" if target.kind is RefKind.DATASET else "model"
    prefix = "pkg:huggingface/" if kind == "model" else "pkg:huggingface/datasets/"
    return f"{prefix}{target.name}@{target.commit}"


def describe_evidence(report: AuditReport) -> dict[str, object]:
    """Describe the facts behind a verdict; the findings by rule, and every part that was not examined."""
    decision, coverage = report.decision, report.coverage
    counts = Counter((each.rule, each.severity, each.acceptance is not None) for each in report.findings)
    parts = [
        {"path": address, "reason": absence.unread.reason, "accepted": absence.acceptance is not None}
        for record in coverage.artifacts
        for address, absence in record.absences
    ]
    return {
        "created": report.created,
        "tool": {"name": report.tool.name, "version": report.tool.version},
        "ruleSet": {"sha256": report.tool.rules_digest},
        "report": {"sha256": compute_report_digest(report)},
        "target": {
            "requested": report.target.requested, "kind": report.target.kind, "commit": report.target.commit
        },
        "policy": {
            "name": report.policy.name,
            "sha256": report.policy.digest,
            "checks": list(report.policy.checks),
            "require": list(report.policy.require),
        },
        "verdict": {
            "gate": decision.verdict, "load": decision.load.verdict, "use": decision.use.verdict,
            "exitCode": report.exit_code,
        },
        "causes": [
            {"kind": each.kind, "question": each.question, "verdict": each.verdict, "count": each.count}
            for each in decision.causes
        ],
        "findings": [
            {"rule": rule, "severity": severity, "accepted": accepted, "count": count}
            for (rule, severity, accepted), count in sorted(counts.items())
        ],
        "coverage": {
            "files": coverage.file_count,
            **{extent.value: coverage.count(extent) for extent in Extent},
            "complete": coverage.is_complete,
        },
        "notExamined": parts[:_MOST_PARTS],
        "notExaminedCount": len(parts),
        "license": report.license.expression or None,
        "decisions": len(report.decisions),
        "baseline": report.baseline or None,
    }  # fmt: skip


def _read_key(path: Path) -> bytes:
    """Read a file with a key. Raises ``ConfigurationError``."""
    try:
        with path.open("rb") as file:
            return file.read(1 << 20)
    except (OSError, ValueError) as error:
        cause = error.strerror if isinstance(error, OSError) else error
        raise ConfigurationError(f"--key: {path} cannot be read: {cause}; check the path") from error


def _hash_entries(target: str, limits: Limits) -> tuple[TreeEntry, ...]:
    """Hash the model, and return every entry. Raises ``SourceError`` if one cannot be covered."""
    snapshot = resolve_target(target, offline=True, limits=limits)
    if snapshot.ref.kind is RefKind.FILE:
        raise ConfigurationError(f"{target!r} is a file; name the folder of the model")
    is_folder = identify_repository(snapshot) is None
    return cover_entries(hash_model(snapshot, limits), target, has_modes=is_folder, task="attested")


def _require_same_files(report: AuditReport, entries: Sequence[TreeEntry], path: Path) -> None:
    """Raise ``ConfigurationError`` unless the report is one of exactly these files."""
    reported = {
        record.path: digest.value
        for record in report.coverage.artifacts
        for digest in record.digests
        if digest.algorithm is DigestAlgorithm.SHA256
    }
    for entry in entries:
        if entry.kind is not EntryKind.FILE:
            continue
        found = reported.get(entry.path)
        if found is None:
            raise ConfigurationError(f"{path}: the report states no SHA-256 of {entry.path!r}; scan the model again")
        if found != entry.sha256:
            raise ConfigurationError(f"{path}: the report is of other bytes of {entry.path!r}; scan the model again")
    _require_no_further(report, {entry.path for entry in entries}, path)


def _require_no_further(report: AuditReport, known: Iterable[str], path: Path) -> None:
    """Raise ``ConfigurationError`` if the report examined a file that the model lacks."""
    further = {record.path for record in report.coverage.artifacts if record.digests} - set(known)
    for name in sorted(further):
        if not name.startswith((".git/", ".cache/huggingface/")):
            raise ConfigurationError(f"{path}: the report has {name!r}, and the model has not; scan the model again")


def _add_days(time: str, days: int | None) -> str | None:
    """Return a time some days later."""
    if days is None:
        return None
    moment = datetime.strptime(time, _TIME_FORMAT).replace(tzinfo=UTC)
    return (moment + timedelta(days=days)).strftime(_TIME_FORMAT)
