"""Seal a model for an air gap: model, lock, attested verdict, reports, rules and a verifier in one folder."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from modelaudit.attesting import AttestationOptions, SignedVerdict, attest, load_key
from modelaudit.catalogue.directory import find_rules_directory
from modelaudit.integrity.keys import fingerprint_key
from modelaudit.integrity.lock_file import format_lock
from modelaudit.integrity.seal import (
    ATTESTATION_NAME,
    LOCK_NAME,
    MODEL_NAME,
    SEAL_NAME,
    VERIFIER_NAME,
    build_seal,
)
from modelaudit.integrity.signing import sign_statement
from modelaudit.locking import LockOptions, lock_target
from modelaudit.model.artifact import RefKind
from modelaudit.model.errors import ConfigurationError, OutputError, SourceError
from modelaudit.model.limits import Limits
from modelaudit.model.lock import Lock
from modelaudit.model.tree import EntryKind, TreeEntry
from modelaudit.reports.cyclonedx import render_cyclonedx
from modelaudit.reports.html import render_html
from modelaudit.reports.json_report import load_report, render_json
from modelaudit.sources import resolve_target
from modelaudit.sources.hashed import hash_tree
from modelaudit.verifier_app import build_verifier

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class SealedFolder:
    """A folder that was sealed, and what travels apart from it.

    Attributes:
        verdict: the attested verdict.
        verifier_digest: SHA-256 of the verifier.
        key_fingerprint: SHA-256 of the public key in PEM.
        entries: how many files, links and empty folders were sealed.
    """

    verdict: SignedVerdict
    verifier_digest: str
    key_fingerprint: str
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
        options: the report and the key.
        limits: bounds on reads.

    Raises:
        ConfigurationError: as ``attest``, or the folder exists already.
        SourceError: as ``attest``.
        OutputError: the folder cannot be written.
    """
    if os.path.lexists(folder):
        raise ConfigurationError(f"--seal {folder}: it exists already; name a new folder")
    key = load_key(options)
    verdict = attest(target, options, limits)
    with _replace_whole(folder) as draft:
        _copy_model(target, verdict.tree, draft / MODEL_NAME, limits)
        locked = lock_target(target, LockOptions(draft / LOCK_NAME, offline=True, limits=limits))
        if locked.kind is RefKind.FOLDER:
            locked = replace(locked, name=MODEL_NAME)
        report = load_report(options.report)
        verifier = build_verifier()
        for name, data in {
            ATTESTATION_NAME: verdict.text,
            LOCK_NAME: format_lock(Lock((locked,))).encode("ascii"),
            "report.json": render_json(report),
            "report.html": render_html(report),
            "sbom.cdx.json": render_cyclonedx(report),
            VERIFIER_NAME: verifier,
        }.items():
            (draft / name).write_bytes(data)
        shutil.copytree(find_rules_directory(), draft / "rules")
        entries, unread = hash_tree(draft, limits)
        for path, why in unread:
            raise SourceError(f"{path} cannot be sealed: {why}")
        bundle = sign_statement(build_seal(entries), key)
        (draft / SEAL_NAME).write_bytes(bundle + b"\n")
    fingerprint = fingerprint_key(key.public_key())
    return SealedFolder(verdict, hashlib.sha256(verifier).hexdigest(), fingerprint, len(entries))


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
            f"{folder}: cannot be written: {error.strerror}; free space, or name another folder"
        ) from error
    finally:
        if draft.exists():
            shutil.rmtree(draft, ignore_errors=True)


def _copy_model(target: str, entries: Sequence[TreeEntry], folder: Path, limits: Limits) -> None:
    """Copy the entries of a model. Raises ``SourceError`` if a file is not the one that was attested."""
    root = Path(os.path.realpath(str(resolve_target(target, offline=True, limits=limits).root)))
    folder.mkdir()
    for entry in entries:
        copy = folder / entry.path
        copy.parent.mkdir(parents=True, exist_ok=True)
        if entry.kind is EntryKind.FOLDER:
            copy.mkdir()
        elif entry.kind is EntryKind.LINK:
            copy.symlink_to(entry.link_text or "")
        else:
            _copy_file(root / entry.path, copy, entry)


def _copy_file(source: Path, copy: Path, entry: TreeEntry) -> None:
    """Copy one file, and hash it on the way. Raises ``SourceError`` if its bytes are not the attested ones."""
    digest = hashlib.sha256()
    try:
        with source.open("rb") as file, copy.open("xb") as out:
            while data := file.read(_CHUNK):
                digest.update(data)
                out.write(data)
    except FileNotFoundError as error:
        raise SourceError(f"{source} was removed meanwhile") from error
    if digest.hexdigest() != entry.sha256:
        raise SourceError(f"{source} was changed meanwhile; seal the model again")
    copy.chmod(0o755 if entry.executable else 0o644)
