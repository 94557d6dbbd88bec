"""Verify a sealed folder on the other side of an air gap: everything or nothing."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from modelaudit.attested import Conditions, verify_attestation
from modelaudit.integrity.bundles import MOST_BYTES
from modelaudit.integrity.comparison import compare_trees
from modelaudit.integrity.lock_file import read_lock
from modelaudit.integrity.seal import ATTESTATION_NAME, LOCK_NAME, MODEL_NAME, SEAL_NAME, parse_seal
from modelaudit.integrity.trusted import load_verifiers
from modelaudit.integrity.verifiers import find_signer
from modelaudit.model.artifact import ModelRef, RefKind, Snapshot
from modelaudit.model.errors import ConfigurationError, SignatureError, SourceError
from modelaudit.model.limits import Limits
from modelaudit.model.trust import TrustedSigner
from modelaudit.sources.hashed import hash_tree


def verify_seal(
    folder: str,
    signers: tuple[TrustedSigner, ...],
    conditions: Conditions,
    now: datetime | None = None,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> str:
    """Verify a sealed folder: its seal, each of its files, the attestation, and the lock.

    Args:
        folder: as ``modelaudit attest --seal`` wrote it.
        signers: who may have sealed it.
        conditions: what the verdict has to state.
        now: the time of the check, with a time zone; by default this moment.
        limits: bounds on reads.

    Returns:
        One line on what was verified.

    Raises:
        SignatureError: the folder is refused (exit 1); the message is one line.
        ConfigurationError: an option is wrong (exit 2).
        SourceError: something cannot be read (exit 4).
    """
    if not signers:
        raise ConfigurationError("a sealed folder needs somebody who may seal: --key FILE")
    root = Path(folder)
    place = Snapshot(ModelRef(RefKind.FOLDER, folder), None, (), folder, root)
    verifiers = load_verifiers(signers, place)
    seal = parse_seal(_read(root / SEAL_NAME))
    if find_signer(seal.bundle, verifiers, now) is None:
        raise SignatureError(f"it is sealed by the method {seal.bundle.method}, and nobody who may seal uses it")
    entries, unread = hash_tree(root, limits)
    found = [entry for entry in entries if entry.path != SEAL_NAME]
    differences = compare_trees(seal.entries, found)
    if differences:
        first, count = differences[0], len(differences) - 1
        more = f"; and {count:,} more differences" if count else ""
        raise SignatureError(f"{first.kind}: {first.path}: {first.detail}{more}")
    for path, why in unread:
        raise SourceError(f"{path} cannot be read: {why}")
    model = str(root / MODEL_NAME)
    line = verify_attestation(model, root / ATTESTATION_NAME, signers, conditions, now, limits)
    _check_lock(root, line)
    return f"sealed, {len(found):,} entries; {line}"


def _check_lock(root: Path, line: str) -> None:
    """Raise ``SignatureError`` if the lock is not one of the attested model."""
    lock = read_lock(root / LOCK_NAME)
    if len(lock.models) != 1 or not line.endswith(f"v1:{lock.models[0].tree_digest}"):
        raise SignatureError("the lock is not that of the attested model")


def _read(path: Path) -> bytes:
    """Read a seal. Raises ``SourceError`` if that fails."""
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        cause = error.strerror if isinstance(error, OSError) else error
        raise SourceError(
            f"{path} cannot be read: {cause}; name a folder that modelaudit attest --seal wrote"
        ) from error
