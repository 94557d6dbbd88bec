"""Take a lock as a source of claims about the files of a scanned model, and compare the names with it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from modelaudit.integrity.comparison import compare_trees
from modelaudit.integrity.digests import hash_artifact
from modelaudit.integrity.lock_file import read_lock
from modelaudit.model.address import read_file_path, write_file_address
from modelaudit.model.artifact import Artifact, RefKind, Snapshot
from modelaudit.model.comparison import LockComparison
from modelaudit.model.copies import replace
from modelaudit.model.digest import Claim, ClaimSource, Digest, DigestAlgorithm, sort_claims
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.limits import Limits
from modelaudit.model.lock import LockedModel
from modelaudit.model.provenance import Pin, PinHistory, Provenance
from modelaudit.model.source_fact import SourceFact, SourceFactKind
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.model.tree import EntryKind
from modelaudit.sources.entries import find_irregular_paths, list_tree, make_file_artifact
from modelaudit.sources.records import is_absent_record
from modelaudit.verifying import choose_model, find_other_commit, note_commit, refuse_lock_inside


def add_lock(snapshot: Snapshot, target: str, path: str | Path, limits: Limits) -> Snapshot:
    """Return the snapshot with the claims of a lock, and with each difference of names, kinds and modes as a fact.

    A locked file that is not on disk becomes an artifact without content. A file whose digest differs is left to its
    claim.

    Raises:
        ConfigurationError: the lock is invalid, lies in the model, or has no model that the target is.
        SourceError: the folder cannot be listed again.
    """
    if snapshot.ref.kind is RefKind.FILE:
        raise ConfigurationError(f"{target!r} is a file; --lock compares a whole model")
    lock = read_lock(path)
    refuse_lock_inside(path, snapshot)
    model = choose_model(lock, str(path), None, target, snapshot)
    tree = list_tree(snapshot, limits)
    record = Path(path).name
    digests = {entry.path: entry.sha256 for entry in model.entries if entry.sha256 is not None}
    on_disk = {entry.path for entry in tree}
    # The lock takes the place of records that are not there.
    present = (each for each in snapshot.artifacts if not is_absent_record(each, on_disk))
    artifacts = [_add_claim(each, snapshot, digests, record) for each in present]
    artifacts += _list_others(model, snapshot, record, limits)
    # Bytes are compared by the claims.
    differences = compare_trees(model.entries, tree, on_disk - find_irregular_paths(snapshot))
    facts = (
        SourceFact(
            SourceFactKind.LOCK_DIFFERENCE,
            write_file_address(each.path),
            ClaimSource.LOCK,
            f"{each.kind}: {each.detail}",
        )
        for each in differences
    )
    return replace(
        snapshot,
        artifacts=tuple(sorted(artifacts, key=lambda artifact: artifact.path)),
        notes=(*snapshot.notes, _note_lock(record, model, len(differences)), *note_commit(snapshot, model)),
        facts=(*snapshot.facts, *facts),
        comparison=LockComparison(record, _name_model(model), differences, find_other_commit(snapshot, model)),
        provenance=_add_pin(snapshot.provenance, model, record),
    )


def _add_pin(provenance: Provenance | None, model: LockedModel, record: str) -> Provenance | None:
    """Return the provenance with the locked commit and the date of the lock."""
    if provenance is None or model.origin is None:
        return provenance
    history = PinHistory.SAME if model.origin.commit == provenance.commit else None
    pin = Pin(model.origin.commit, model.locked, ClaimSource.LOCK, record, history)
    return replace(provenance, pins=(*provenance.pins, pin))


def _list_others(model: LockedModel, snapshot: Snapshot, record: str, limits: Limits) -> Iterator[Artifact]:
    """Yield an artifact for each locked file that has none: it is not there, or a record of a tool with other bytes."""
    missing = Unread(UnreadReason.CONTENT_ABSENT, "the lock lists it, and it is not there")
    known = {read_file_path(each.path) for each in snapshot.artifacts}
    for entry in model.entries:
        if entry.kind is not EntryKind.FILE or entry.path in known:
            continue
        claims, address = _claim(entry.sha256, record), write_file_address(entry.path)
        further = make_file_artifact(snapshot, entry.path, limits)
        if further is None:
            yield Artifact(address, entry.size or 0, None, claims, missing)
        # Records of tools in folders below the root are files of a lock, and a scan does not read them.
        elif hash_artifact(further) != entry.sha256:
            yield replace(further, path=address, claims=claims)


def _add_claim(artifact: Artifact, snapshot: Snapshot, digests: dict[str, str], record: str) -> Artifact:
    """Return the artifact with the claim of the lock; a link inside of a folder has that of the file at its end."""
    path = read_file_path(artifact.path)
    if path not in digests and snapshot.root is not None and artifact.open is not None:
        root = os.path.realpath(snapshot.root)
        path = os.path.relpath(os.path.realpath(f"{root}/{path}"), root)
    claims = _claim(digests.get(path), record)
    return replace(artifact, claims=sort_claims((*claims, *artifact.claims))) if claims else artifact


def _claim(sha256: str | None, record: str) -> tuple[Claim, ...]:
    """Return the claim of the lock on a file; none for a file that is not locked."""
    return () if sha256 is None else (Claim(Digest(DigestAlgorithm.SHA256, sha256), ClaimSource.LOCK, record),)


def _name_model(model: LockedModel) -> str:
    """Return the name of a locked model with its commit."""
    return f"{model.title}@{model.origin.commit}" if model.origin else model.title


def _note_lock(record: str, model: LockedModel, count: int) -> str:
    """Return the note on the comparison."""
    noun = "difference" if count == 1 else "differences"
    found = f"{count} {noun} of names, kinds or modes"
    return f"compared with {record} ({_name_model(model)}): {found}; a finding names each file with other bytes"
