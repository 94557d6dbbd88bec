"""Seal a model for an air gap: model, lock, attested verdict, reports, rules and a verifier in one folder."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from modelaudit.attesting import AttestationOptions, SignedVerdict, attest
from modelaudit.catalogue import load_catalogue
from modelaudit.formats.registry import FACTS
from modelaudit.integrity.attestation import read_attestation, split_attestation
from modelaudit.integrity.bundles import MOST_BYTES
from modelaudit.integrity.comparison import fold_name
from modelaudit.integrity.lock_file import format_lock
from modelaudit.integrity.names import is_text
from modelaudit.integrity.places import lies_in
from modelaudit.integrity.seal import (
    ATTESTATION_NAME,
    BILL_NAME,
    LOCK_NAME,
    MODEL_NAME,
    PAGE_NAME,
    REPORT_NAME,
    RULES_NAME,
    SEAL_NAME,
    SIGNATURES_NAME,
    VERIFIER_NAME,
    build_seal,
)
from modelaudit.integrity.signing import sign_statement
from modelaudit.integrity.user_files import read_user_file
from modelaudit.locking import LockOptions, lock_model
from modelaudit.model.artifact import RefKind
from modelaudit.model.copies import replace
from modelaudit.model.errors import ConfigurationError, OutputError, SignatureError, SourceError
from modelaudit.model.limits import Limits
from modelaudit.model.lock import Lock
from modelaudit.model.report import AuditReport
from modelaudit.model.tree import EntryKind, TreeEntry
from modelaudit.packs import sign_rules
from modelaudit.reports.cyclonedx import render_cyclonedx
from modelaudit.reports.html import render_html
from modelaudit.reports.json_report import load_report, render_json
from modelaudit.sealed import check_parts, refuse_leading_links
from modelaudit.sources.hashed import HashedModel, hash_tree
from modelaudit.verifier_app import build_verifier

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK: Final = 1 << 20


class SealedFolder(Struct, frozen=True):
    """A folder that was sealed, and what travels apart from it.

    Attributes:
        verdict: the attested verdict.
        verifier_digest: SHA-256 of the verifier.
        key_digest: SHA-256 of the public key in PEM, as ``openssl pkey -pubout`` writes it.
        entries: how many files, links and empty folders were sealed.
    """

    verdict: SignedVerdict
    verifier_digest: str
    key_digest: str
    entries: int


def seal(
    target: str,
    folder: Path,
    options: AttestationOptions,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> SealedFolder:
    """Attest a verdict, and write everything that the other side needs into a new folder.

    Args:
        target: the model, as for ``attest``.
        folder: must not exist; it appears whole or not at all.
        options: the report, and the key that signs, also the folder and its rules.
        limits: bounds on reads.

    Raises:
        ConfigurationError: as ``attest``, the signer has no key, the folder exists already or lies in the model, the
            report was made with other rules than those of this installation, or a signature of it is not carried.
        SourceError: as ``attest``, or the model changes meanwhile.
        OutputError: the folder cannot be written.
    """
    if os.path.lexists(folder):
        raise ConfigurationError(f"--seal {folder}: it exists already; name a new folder")
    if not options.signer.fingerprint:
        raise ConfigurationError(f"--seal {folder}: the verifier in it takes a key alone; sign with a key")
    report = load_report(options.report)
    if report.tool.rules_digest != load_catalogue(formats=FACTS).digest:
        raise ConfigurationError(
            f"{options.report}: it was made with other rules than those of this installation, which the folder would "
            "carry; scan the model again without --rules"
        )
    signatures = _read_signatures(report, options)
    verdict = attest(target, options, limits)
    root = Path(os.path.realpath(str(verdict.model.snapshot.root)))
    if lies_in(folder, root):
        raise ConfigurationError(f"--seal {folder}: lies in the model, which it would change; name a folder outside")
    verifier = build_verifier()
    with _replace_whole(folder) as draft:
        _copy_model(root, verdict.tree, draft / MODEL_NAME)
        _write_parts(draft, report, verdict)
        for name, data in signatures.items():
            (draft / SIGNATURES_NAME).mkdir(exist_ok=True)
            (draft / SIGNATURES_NAME / name).write_bytes(data)
        (draft / LOCK_NAME).write_bytes(_lock(target, verdict.model, draft, limits))
        (draft / VERIFIER_NAME).write_bytes(verifier)
        (draft / RULES_NAME).write_bytes(sign_rules(options.signer))
        entries = _check_draft(target, draft, limits)
        (draft / SEAL_NAME).write_bytes(sign_statement(options.signer, build_seal(entries)) + b"\n")
    digest = hashlib.sha256(verifier).hexdigest()
    return SealedFolder(verdict, digest, options.signer.fingerprint, len(entries))


def _read_signatures(report: AuditReport, options: AttestationOptions) -> dict[str, bytes]:
    """Read the signatures that lie outside of the model, by the names of their files.

    Raises:
        ConfigurationError: one cannot be read, has another name or other bytes than those of the scan, or is missing;
            or two names differ in their capitals or Unicode form alone.
    """
    stated = {(each.record, each.sha256) for each in report.target.signatures if each.detached}
    names = {name for name, _ in stated}
    read: dict[str, bytes] = {}
    folded: dict[str, str] = {}
    for path in options.signatures:
        name = path.name
        other = folded.setdefault(fold_name(name), name)
        if name in read:
            raise ConfigurationError(f"--signature: two files are named {name}; rename one, and scan with it")
        if other != name:
            raise ConfigurationError(
                f"--signature: {other!a} and {name!a} are one name on some systems; rename one, and scan with it"
            )
        if name not in names:
            raise ConfigurationError(
                f"--signature: {options.report} names no signature {name!r} outside of the model; add --signature "
                "to the scan"
            )
        if not is_text(name):
            raise ConfigurationError(f"--signature: the name {name!r} is not UTF-8; rename it, and scan with it")
        read[name] = read_user_file(path, "--signature", MOST_BYTES)
        if (name, hashlib.sha256(read[name]).hexdigest()) not in stated:
            raise ConfigurationError(
                f"--signature: {path} has other bytes than the signature of {options.report}; name that one, or scan "
                "again"
            )
    carried = {(name, hashlib.sha256(data).hexdigest()) for name, data in read.items()}
    for name, _ in sorted(stated - carried):
        raise ConfigurationError(
            f"{options.report}: it rests on the signature {name!r}, which does not lie in the model; name its file "
            "with --signature, so that the folder carries it"
        )
    return read


def _write_parts(draft: Path, report: AuditReport, verdict: SignedVerdict) -> None:
    """Write the attestation and the reports."""
    (draft / ATTESTATION_NAME).write_bytes(verdict.text)
    (draft / REPORT_NAME).write_bytes(render_json(report))
    (draft / PAGE_NAME).write_bytes(render_html(report))
    (draft / BILL_NAME).write_bytes(render_cyclonedx(report))


def _lock(target: str, model: HashedModel, draft: Path, limits: Limits) -> bytes:
    """Lock the model, and return the lock for the folder that holds its copy."""
    locked = lock_model(target, model, LockOptions(draft / LOCK_NAME, offline=True, limits=limits))
    if locked.kind is RefKind.FOLDER:
        locked = replace(locked, name=MODEL_NAME)
    return format_lock(Lock((locked,))).encode("ascii")


def _check_draft(target: str, draft: Path, limits: Limits) -> tuple[TreeEntry, ...]:
    """Hash what was written, and check that it is the attested model with its reports.

    Raises:
        ConfigurationError: a link of the model leads out of the copy.
        SourceError: the model or the report changed meanwhile.
    """
    hashed = hash_tree(draft, limits)
    for path, why in hashed.unread:
        raise SourceError(f"{target}: {path} cannot be sealed: {why}")
    try:
        refuse_leading_links(draft, hashed.entries)
    except SignatureError as error:
        raise ConfigurationError(f"{target}: {error}; make it a relative link within the model") from error
    try:
        check_parts(draft, hashed.entries, lambda data: read_attestation(*split_attestation(data)))
    except SignatureError as error:
        raise SourceError(f"{target}: it changed while it was sealed: {error}; seal it again") from error
    return hashed.entries


@contextmanager
def _replace_whole(folder: Path) -> Iterator[Path]:
    """Give a folder beside ``folder`` that takes its name at the end, or is removed. Raises ``OutputError``."""
    try:
        draft = Path(tempfile.mkdtemp(prefix=f".{folder.name[:50]}-", dir=folder.absolute().parent))
    except OSError as error:
        raise ConfigurationError(
            f"--seal {folder}: cannot be written: {error.strerror}; name another folder"
        ) from error
    try:
        yield draft
        draft.chmod(0o755)
        draft.rename(folder)
    except OSError as error:
        raise OutputError(
            f"--seal {folder}: cannot be written: {error.strerror}; free space, or name another folder"
        ) from error
    finally:
        if draft.exists():
            shutil.rmtree(draft, ignore_errors=True)


def _copy_model(root: Path, entries: Sequence[TreeEntry], folder: Path) -> None:
    """Copy the entries of a model, and nothing else. Raises ``SourceError`` for a file that cannot be read."""
    folder.mkdir()
    for entry in entries:
        copy = folder / entry.path
        copy.parent.mkdir(parents=True, exist_ok=True)
        if entry.kind is EntryKind.FOLDER:
            copy.mkdir()
        elif entry.kind is EntryKind.LINK:
            copy.symlink_to(entry.link_text or "")
        else:
            with copy.open("xb") as file:
                file.writelines(_read_pieces(root / entry.path))
            copy.chmod(0o755 if entry.executable else 0o644)


def _read_pieces(path: Path) -> Iterator[bytes]:
    """Yield the bytes of a file in pieces. Raises ``SourceError`` if it cannot be read."""
    try:
        with path.open("rb") as file:
            while piece := file.read(_CHUNK):
                yield piece
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}; seal the model again") from error
