"""Verify a sealed folder on the other side of an air gap: everything or nothing."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from modelaudit.integrity.answers import Acceptance
from modelaudit.integrity.attestation import MOST_ATTESTATION_BYTES, Attestation
from modelaudit.integrity.bundles import MOST_BYTES
from modelaudit.integrity.comparison import SEAL, compare_trees
from modelaudit.integrity.conditions import (
    Conditions,
    accept_attestation,
    refuse_differences,
    refuse_flood,
    require_model,
)
from modelaudit.integrity.lock_file import parse_lock
from modelaudit.integrity.places import lies_in
from modelaudit.integrity.seal import (
    ATTESTATION_NAME,
    LOCK_NAME,
    MODEL_NAME,
    PARTS,
    REPORT_NAME,
    SEAL_NAME,
    Seal,
    parse_seal,
)
from modelaudit.integrity.strict_json import take_object, take_text
from modelaudit.integrity.trusted import load_verifiers
from modelaudit.integrity.user_files import read_user_file
from modelaudit.integrity.verifiers import Verifier, require_signer
from modelaudit.model.artifact import ModelRef, RefKind, Snapshot
from modelaudit.model.copies import replace
from modelaudit.model.errors import ConfigurationError, SignatureError, SourceError
from modelaudit.model.limits import Limits
from modelaudit.model.tree import EntryKind, TreeEntry
from modelaudit.model.trust import TrustedSigner
from modelaudit.sources.hashed import hash_tree, list_sizes


def verify_seal(
    folder: str,
    signers: tuple[TrustedSigner, ...],
    conditions: Conditions,
    now: datetime | None = None,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> Acceptance:
    """Verify a sealed folder: its seal, each of its files, the attestation, and the lock.

    Args:
        folder: as ``modelaudit attest --seal`` wrote it.
        signers: who may have sealed it.
        conditions: what the verdict has to state.
        now: the time of the check, with a time zone; by default this moment.
        limits: bounds on reads.

    Returns:
        The attested verdict, and the size of the folder.

    Raises:
        SignatureError: the folder is refused (exit 1); the message is one line.
        ConfigurationError: an option is wrong (exit 2).
        SourceError: something cannot be read (exit 4).
    """
    if not signers:
        raise ConfigurationError("a sealed folder needs the key of a trusted signer: --key FILE")
    root = Path(folder)
    if not root.is_dir():
        raise SourceError(f"The folder {folder!r} does not exist; name one that modelaudit attest --seal wrote.")
    verifiers = load_verifiers(signers, Snapshot(ModelRef(RefKind.FOLDER, folder), None, (), folder, root))
    seal = _accept_seal(root, verifiers, now)
    sizes = list_sizes(root, limits)
    refuse_flood(seal.entries, {path: size for path, size in sizes.items() if path != SEAL_NAME}, SEAL)
    hashed = hash_tree(root, limits)
    found = [entry for entry in hashed.entries if entry.path != SEAL_NAME]
    undigested = {entry.path for entry in found if entry.kind is EntryKind.FILE and entry.sha256 is None}
    unread = {path: why for path, why in hashed.unread if path in undigested}
    refuse_differences(compare_trees(seal.entries, found, unread, SEAL))
    for path, why in unread.items():
        raise SourceError(f"{path} cannot be read: {why}")
    refuse_leading_links(root, found)
    attestation = check_parts(root, found, lambda data: accept_attestation(data, verifiers, conditions, now))
    return Acceptance(attestation, len(found))


def _accept_seal(root: Path, verifiers: Sequence[Verifier], now: datetime | None) -> Seal:
    """Read the seal of a folder. Raises ``SignatureError`` unless a trusted signer signed it."""
    path = root / SEAL_NAME
    if not path.is_file():  # a pipe would never end
        raise SignatureError(f"it holds no {SEAL_NAME}, so it is not sealed; for a model alone, add --attestation FILE")
    seal = parse_seal(read_user_file(path, "", MOST_BYTES, SourceError))
    require_signer(seal.bundle, verifiers, "seal", now)
    return seal


def refuse_leading_links(root: Path, entries: Sequence[TreeEntry]) -> None:
    """Raise ``SignatureError`` for a link that leads out of the model: nothing states the bytes at its end."""
    for entry in entries:
        if entry.kind is EntryKind.LINK and not lies_in(os.path.realpath(root / entry.path), root / MODEL_NAME):
            raise SignatureError(f"the link {entry.path} leads to {entry.link_text!r}, outside of the sealed model")


def check_parts(root: Path, entries: Sequence[TreeEntry], accept: Callable[[bytes], Attestation]) -> Attestation:
    """Check that the parts of a sealed folder are there and belong to one verdict on one model.

    Args:
        root: the folder.
        entries: all of it but the seal, with the digest of each file.
        accept: reads the attestation, and raises ``SignatureError`` if it does not count.

    Raises:
        SignatureError: a part is missing or belongs to something else.
        SourceError: a part cannot be read.
    """
    files = {entry.path: entry for entry in entries if entry.kind is EntryKind.FILE}
    for name in PARTS:
        if name not in files:
            raise SignatureError(f"the seal covers no file {name}, so the folder is incomplete")
    attestation = accept(_read_part(root, files[ATTESTATION_NAME]))
    start = f"{MODEL_NAME}/"
    model = [replace(each, path=each.path.removeprefix(start)) for each in entries if each.path.startswith(start)]
    require_model(attestation, model)
    report = take_object(attestation.evidence, "report", "the evidence")
    if files[REPORT_NAME].sha256 != take_text(report, "sha256", "the report of the evidence"):
        raise SignatureError(f"{REPORT_NAME} is not the report on which the verdict rests")
    try:
        lock = parse_lock(_read_part(root, files[LOCK_NAME]), LOCK_NAME)
    except ConfigurationError as error:
        raise SignatureError(str(error)) from error
    if [each.tree_digest for each in lock.models] != [attestation.tree_digest]:
        raise SignatureError(f"{LOCK_NAME} is not the lock of the attested model alone")
    return attestation


def _read_part(root: Path, entry: TreeEntry) -> bytes:
    """Read a file that was hashed before. Raises ``SignatureError`` if it has other bytes now."""
    data = read_user_file(root / entry.path, "", MOST_ATTESTATION_BYTES, SourceError)
    if hashlib.sha256(data).hexdigest() != entry.sha256:
        raise SignatureError(
            f"{entry.path} changed while it was read, or has more than {MOST_ATTESTATION_BYTES:,} bytes"
        )
    return data
