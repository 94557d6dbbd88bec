"""Verify a model on disk against an attested verdict. No request is made, and no reader and no report is loaded.

Every comparison is exact, and whatever is not understood refuses the model: a program that starts a model server waits
for the answer, and no person reads a second line.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from modelaudit.integrity.answers import Acceptance
from modelaudit.integrity.attestation import MOST_ATTESTATION_BYTES, Attestation
from modelaudit.integrity.conditions import (
    Conditions,
    accept_attestation,
    refuse_flood,
    require_model,
)
from modelaudit.integrity.places import lies_in
from modelaudit.integrity.trusted import load_verifiers
from modelaudit.integrity.user_files import read_user_file
from modelaudit.model.address import read_file_path
from modelaudit.model.artifact import RefKind, Snapshot
from modelaudit.model.copies import replace
from modelaudit.model.errors import ConfigurationError, SourceError
from modelaudit.model.limits import Limits
from modelaudit.model.tree import is_bookkeeping
from modelaudit.model.trust import TrustedSigner
from modelaudit.sources import resolve_target
from modelaudit.sources.hashed import HashedModel, hash_model, list_sizes


def verify_attestation(
    target: str,
    attestation_path: Path,
    signers: tuple[TrustedSigner, ...],
    conditions: Conditions,
    now: datetime | None = None,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> Acceptance:
    """Verify a model against an attested verdict, and return that.

    Args:
        target: the folder of the model, or a snapshot of the Hub cache.
        attestation_path: two lines of JSON, as ``modelaudit attest`` writes them.
        signers: who may attest.
        conditions: what the verdict has to state.
        now: the time of the check, with a time zone; by default this moment.
        limits: bounds on reads.

    Raises:
        SignatureError: the model is refused (exit 1); the message is one line.
        ConfigurationError: an option is wrong (exit 2).
        SourceError: the model or the attestation cannot be read (exit 4).
    """
    if not signers:
        raise ConfigurationError("--attestation needs the key of a trusted attester: --key FILE")
    snapshot = _take_model(target, limits)
    if lies_in(attestation_path, snapshot.root):
        raise ConfigurationError(
            f"{attestation_path}: the attestation lies in the model that it attests; keep it outside of that folder"
        )
    data = read_user_file(attestation_path, "--attestation", MOST_ATTESTATION_BYTES, SourceError)
    attestation = accept_attestation(data, load_verifiers(signers, snapshot), conditions, now)
    refuse_flood(attestation.entries, _list_sizes(snapshot, limits))
    _compare(attestation, hash_model(snapshot, limits))
    return Acceptance(attestation)


def _list_sizes(snapshot: Snapshot, limits: Limits) -> dict[str, int]:
    """List the sizes of the files that are hashed, also of records of tools in folders below the root."""
    stored = {read_file_path(each.path): each.size for each in snapshot.artifacts if each.open is not None}
    found = list_sizes(Path(str(snapshot.root)), limits) | stored
    return {path: size for path, size in found.items() if not (is_bookkeeping(path) and path in snapshot.records)}


def _take_model(target: str, limits: Limits) -> Snapshot:
    """Take the snapshot of a folder. Raises ``ConfigurationError`` or ``SourceError``."""
    if not os.path.exists(target):  # noqa: PTH110 - a name that the system refuses does not exist
        raise SourceError(f"The folder {target!r} does not exist; verify checks models on disk, so download it first.")
    snapshot = resolve_target(target, offline=True, limits=limits)
    if snapshot.ref.kind is RefKind.FILE:
        raise ConfigurationError(f"{target!r} is a file; name the folder of the model")
    # The attestation states a SHA-256 of each file, so no digest of another claim has to be computed.
    artifacts = tuple(replace(each, claims=()) for each in snapshot.artifacts)
    return replace(snapshot, artifacts=artifacts)


def _compare(attestation: Attestation, hashed: HashedModel) -> None:
    """Raise ``SignatureError`` for the first difference, and ``SourceError`` for an entry that cannot be read."""
    digested = {entry.path for entry in hashed.entries if entry.sha256 is not None}
    unread = {path: why for path, why in hashed.unread if path not in digested | hashed.irregular}
    require_model(attestation, hashed.entries, unread)
    for path, why in sorted(unread.items()):
        raise SourceError(f"{path} cannot be read: {why}")
