"""Check models on disk against a lock and against the records beside them. No request is made, and no reader runs.

It imports nothing that reads formats, so that it starts fast and a defect of a reader cannot change its answer.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from modelaudit.integrity.comparison import adopt_unknown_modes, compare_trees
from modelaudit.integrity.lock_file import read_lock
from modelaudit.integrity.names import explain_bad_name
from modelaudit.integrity.places import lies_in
from modelaudit.integrity.signed_manifest import DEFAULT_IGNORED, lies_below
from modelaudit.integrity.tree import compute_tree_digest
from modelaudit.integrity.trusted import load_verifiers
from modelaudit.model.address import read_file_path
from modelaudit.model.artifact import Artifact, RefKind, Snapshot
from modelaudit.model.copies import replace
from modelaudit.model.digest import find_contradictions, find_uncompared_claims
from modelaudit.model.errors import ConfigurationError, NotCachedError, SourceError
from modelaudit.model.limits import Limits
from modelaudit.model.lock import Lock, LockedModel
from modelaudit.model.source_fact import SourceFactKind
from modelaudit.model.structure import UnreadReason
from modelaudit.model.tree import TreeEntry
from modelaudit.model.trust import TrustedSigner
from modelaudit.model.verification import DifferenceKind, TreeDifference, Verification, VerifiedFile
from modelaudit.model.wording import describe_uncompared_claim
from modelaudit.signature_claims import (
    ALLOWED_GAPS,
    add_signatures,
    describe_unchecked,
    list_missing_signed,
    list_signature_differences,
)
from modelaudit.sources import resolve_target
from modelaudit.sources.hashed import HashedModel, hash_model
from modelaudit.sources.records import is_absent_record

_CHOOSE: Final = "choose with modelaudit verify --model NAME, or write a lock of this model alone"
_ABSENT = frozenset({UnreadReason.CONTENT_ABSENT, UnreadReason.LINK_DANGLING})
"""The reasons of entries that are listed, and not on disk; a lock names them as missing or of another kind."""
_MOST_NAMED: Final = 3
_RECORD_DIFFERENCES: Final = {
    SourceFactKind.UNLISTED: DifferenceKind.ADDED,
    SourceFactKind.NAMED_ABSENT: DifferenceKind.MISSING,
}
"""The kind of difference of each fact that a record shows."""


def verify(
    target: str | None,
    lock_path: str | Path | None = None,
    model: str | None = None,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    signers: Sequence[TrustedSigner] = (),
    signatures: Sequence[Path] = (),
    gaps: Sequence[str] = (),
) -> tuple[Verification, ...]:
    """Check a folder against a lock, its signatures and the records beside its files.

    Without a folder, every model of the lock is checked.

    Args:
        target: a folder, or a snapshot in a Hub cache; ``None`` for all models of the lock, each in its folder or in
            the Hub cache.
        lock_path: a lock file; ``None`` to check against the records alone.
        model: the name of the model in the lock; by default the one that ``target`` is.
        limits: bounds on reads and on the listing of folders.
        signers: whose signatures count. With one, a model without a signature of any of them differs.
        signatures: files with signatures that lie outside of the model.
        gaps: paths of the model that a signature may leave out, beside those of ``ALLOWED_GAPS``.

    Raises:
        ConfigurationError: there is nothing to check against, or the lock is invalid or has no such model (exit 2).
        SourceError: a folder does not exist or cannot be listed (exit 4).
    """
    if lock_path is None:
        if target is None:
            raise ConfigurationError("there is nothing to check: name a folder, or a lock with --lock FILE")
        if model is not None:
            raise ConfigurationError("--model names a model of a lock; add --lock FILE")
        signed = _add_signatures(_take_folder(target, limits), signers, signatures, gaps, limits)
        return (_check_records(target, signed, limits, bool(signers), gaps),)
    lock = read_lock(lock_path)
    if target is None and signatures:
        raise ConfigurationError("--signature belongs to one model; name its folder")
    if target is not None:
        snapshot = _add_signatures(_take_folder(target, limits, lock), signers, signatures, gaps, limits)
        refuse_lock_inside(lock_path, snapshot)
        locked = choose_model(lock, str(lock_path), model, target, snapshot)
        return (_check_lock(target, hash_model(snapshot, limits), str(lock_path), locked, bool(signers)),)
    chosen = [each for each in lock.models if model in (None, each.title, each.name)]
    if not chosen:
        raise ConfigurationError(f"{lock_path}: {_describe_lack(lock, model)}")
    results = []
    for each in chosen:
        try:
            results.append(_verify_in_place(each, Path(lock_path), limits, signers, gaps))
        except SourceError as error:
            # The other models are checked all the same.
            why = _explain_absence(each) if isinstance(error, NotCachedError) else str(error)
            results.append(Verification(each.title, str(lock_path), _name_locked(each), 0, (), ((".", why),)))
    return tuple(results)


def _explain_absence(locked: LockedModel) -> str:
    """Explain that the Hub cache lacks a locked repository, and how it gets there."""
    kind = " --repo-type dataset" if locked.kind is RefKind.DATASET else ""
    commit = locked.origin.commit if locked.origin else "main"
    return (
        "the Hub cache does not hold it at this commit; run hf download "
        f"{locked.name}{kind} --revision {commit}, copy the cache of another machine, or set HF_HOME"
    )


def _take_folder(target: str, limits: Limits, lock: Lock | None = None) -> Snapshot:
    """Take the snapshot of a local folder. Raises ``SourceError`` or ``ConfigurationError``."""
    if not os.path.exists(target):  # noqa: PTH110 - a name that the system refuses does not exist
        if lock is not None and any(target in (each.title, each.name) for each in lock.models):
            raise SourceError(
                f"There is no folder {target!r}; the lock has this model: verify --model {target} --lock …"
            )
        raise SourceError(f"The folder {target!r} does not exist; verify checks models on disk, so download it first.")
    snapshot = resolve_target(target, offline=True, limits=limits)
    if snapshot.ref.kind is RefKind.FILE:
        raise ConfigurationError(f"{target!r} is a file; name the folder of the model")
    return snapshot


def _add_signatures(
    snapshot: Snapshot,
    signers: Sequence[TrustedSigner],
    signatures: Sequence[Path],
    gaps: Sequence[str],
    limits: Limits,
) -> Snapshot:
    """Add what the signatures of a model state. Raises ``ConfigurationError`` for a file of an option."""
    named = tuple(gap.strip("/") for gap in gaps)
    for gap in named:
        if problem := explain_bad_name(gap):
            raise ConfigurationError(
                f"--allowed-signature-gap: {gap!r} {problem}; name a path from the root of the model"
            )
    return add_signatures(snapshot, load_verifiers(signers, snapshot), (*ALLOWED_GAPS, *named), signatures, limits)


def _verify_in_place(
    locked: LockedModel, lock_path: Path, limits: Limits, signers: Sequence[TrustedSigner], gaps: Sequence[str]
) -> Verification:
    """Check a model of a lock in its folder beside the lock, or in the Hub cache."""
    if locked.kind is RefKind.FOLDER:
        name = str(lock_path.parent / locked.name)
        snapshot = _take_folder(name, limits)
        refuse_lock_inside(lock_path, snapshot)
    else:
        name = locked.title
        commit = locked.origin.commit if locked.origin else ""
        snapshot = resolve_target(f"hf://{locked.title}@{commit}", offline=True, limits=limits)
    signed = _add_signatures(snapshot, signers, (), gaps, limits)
    return _check_lock(name, hash_model(signed, limits), str(lock_path), locked, bool(signers))


def refuse_lock_inside(lock_path: str | Path, snapshot: Snapshot) -> None:
    """Raise ``ConfigurationError`` if a lock lies in its model: whoever changes one can change both."""
    if lies_in(lock_path, snapshot.root):
        raise ConfigurationError(
            f"{lock_path}: the lock lies in the model that it locks; keep it outside of that folder"
        )


def choose_model(lock: Lock, lock_name: str, model: str | None, target: str, snapshot: Snapshot) -> LockedModel:
    """Choose the model of a lock that a target is: by its name if given, else by repository, commit or folder.

    Raises:
        ConfigurationError: no model of the lock fits, or several do.
    """
    if model is not None:
        chosen = [each for each in lock.models if model in (each.title, each.name)]
    elif len(lock.models) == 1:
        chosen = list(lock.models)
    else:
        chosen = _match_models(lock.models, Path(lock_name).parent, target, snapshot)
    if len(chosen) == 1:
        if model is None:
            _refuse_another_repository(chosen[0], lock_name, target, snapshot)
        return chosen[0]
    if chosen:
        names = ", ".join(sorted(repr(each.title) for each in chosen))
        raise ConfigurationError(f"{lock_name}: {target!r} may be {names}; {_CHOOSE}")
    raise ConfigurationError(f"{lock_name}: {_describe_lack(lock, model)}")


def _refuse_another_repository(locked: LockedModel, lock_name: str, target: str, snapshot: Snapshot) -> None:
    """Raise ``ConfigurationError`` if a target is neither the repository nor the commit that is locked."""
    is_known = snapshot.ref.is_on_hub or snapshot.ref.kind is RefKind.CACHE
    if locked.origin is None or not is_known or snapshot.commit == locked.origin.commit:
        return
    is_same_kind = snapshot.ref.kind in (RefKind.CACHE, locked.kind)
    # The name of a part of a snapshot begins with that of the repository.
    if is_same_kind and f"{snapshot.ref.name}/".casefold().startswith(f"{locked.name}/".casefold()):
        return
    raise ConfigurationError(
        f"{lock_name} is of {locked.title!r} at commit {locked.origin.commit[:12]}, and {target!r} is "
        f"{str(replace(snapshot.ref, revision=None))!r} at commit {(snapshot.commit or 'unknown')[:12]}; "
        "name a lock of it with --lock"
    )


def _match_models(models: Sequence[LockedModel], folder: Path, target: str, snapshot: Snapshot) -> list[LockedModel]:
    """Return the models that a target may be, by the strongest property that any of them shares with it."""
    root = os.path.realpath(str(snapshot.root))
    last = os.path.basename(root)  # noqa: PTH119 - a path of text
    own_commits = {snapshot.commit, snapshot.recorded_commit}
    commits = [each for each in models if each.origin and each.origin.commit in own_commits]
    names = {snapshot.ref.name, str(snapshot.ref)} if snapshot.ref.kind is not RefKind.FOLDER else set()
    for chosen in (
        [each for each in models if each.kind is RefKind.FOLDER and os.path.realpath(folder / each.name) == root],
        [each for each in commits if each.name in names],
        [each for each in models if each.name in names and each.origin],
        commits,
        [each for each in models if each.name.rpartition("/")[2] == last],
    ):
        if chosen:
            return chosen
    return []


def _describe_lack(lock: Lock, model: str | None) -> str:
    """Describe that a lock has no model that fits, and name those that it has."""
    titles = [each.title for each in lock.models]
    shown = ", ".join(repr(title) for title in titles[:5]) + (", …" if len(titles) > 5 else "")
    if not titles:
        return "the lock has no models; write it with modelaudit lock"
    if model:
        return f"the lock has no model {model!r}; it has {shown}"
    return f"the lock does not say which of its models this is: {shown}; {_CHOOSE}"


def _check_lock(
    name: str, hashed: HashedModel, lock_name: str, locked: LockedModel, needs_signer: bool
) -> Verification:
    """Compare a hashed model with a locked one, and with the claims of records."""
    snapshot = hashed.snapshot
    on_disk = {entry.path for entry in hashed.entries}
    replaced = {read_file_path(each.path) for each in snapshot.artifacts if is_absent_record(each, on_disk)}
    unread = {path: why for path, why in hashed.unread if path not in replaced}
    hashed_paths = {entry.path for entry in hashed.entries if entry.sha256 is not None}
    differences = compare_trees(locked.entries, hashed.entries, unread.keys() - hashed.irregular - hashed_paths)
    named = {each.path for each in differences}
    absent = {read_file_path(each.path) for each in snapshot.artifacts if is_absent(each)}
    # Report a path once: as a difference, or as unread.
    open_unread = {path: why for path, why in unread.items() if not (path in named or path in absent)}
    locked_paths = {entry.path for entry in locked.entries}
    open_unread |= {path: why for path, why in unread.items() if path in absent - named and path in locked_paths}
    return Verification(
        name=name,
        lock=lock_name,
        locked_name=_name_locked(locked),
        entries=len(hashed.entries),
        differences=(
            *differences,
            *_find_contradicted(hashed),
            *(each for each in list_missing_signed(hashed.files) if each.path not in named),
            *list_signature_differences(snapshot, needs_signer),
        ),
        unread=tuple(sorted(open_unread.items())),
        uncompared=tuple(_list_uncompared(hashed.files)),
        files=hashed.files,
        tree_digest=_digest_tree(hashed, locked.entries),
        notes=note_commit(snapshot, locked),
        signatures=snapshot.signatures,
    )


def _name_locked(locked: LockedModel) -> str:
    """Return the name of a locked model with its commit."""
    part = f"; {locked.absent} of its files were absent and are not locked" if locked.absent else ""
    return (f"{locked.title} at commit {locked.origin.commit}" if locked.origin else locked.title) + part


def is_absent(artifact: Artifact) -> bool:
    """Whether a file is listed, and not on disk."""
    return artifact.obstacle is not None and artifact.obstacle.reason in _ABSENT and artifact.open is None


def note_commit(snapshot: Snapshot, locked: LockedModel) -> tuple[str, ...]:
    """Return a note if a repository, or the download of one, is another commit than the locked one."""
    commit = find_other_commit(snapshot, locked)
    if not commit or locked.origin is None:
        return ()
    return (f"this is commit {commit}, and {locked.origin.commit} is locked, so the files may differ for that",)


def find_other_commit(snapshot: Snapshot, locked: LockedModel) -> str:
    """Return the commit of a repository, or of the download of one, if another one is locked; empty otherwise."""
    commit = snapshot.commit or snapshot.recorded_commit
    return "" if locked.origin is None or commit in (None, locked.origin.commit) else str(commit)


def _find_contradicted(hashed: HashedModel) -> list[TreeDifference]:
    """Return a difference for each claim and each size that the bytes contradict."""
    phrases = [
        (file.path, f"{claim.record} states {claim.digest}")
        for file in hashed.files
        for claim in find_contradictions(file.claims, file.digests)
    ]
    phrases += hashed.other_sizes
    return [TreeDifference(DifferenceKind.CONTRADICTED, path, why) for path, why in sorted(phrases)]


def _list_uncompared(files: Iterable[VerifiedFile]) -> Iterator[tuple[str, str]]:
    """Yield the path and the reason of each claim whose algorithm was not computed."""
    for file in files:
        for claim in find_uncompared_claims(file.claims, file.digests):
            yield file.path, describe_uncompared_claim(claim)


def _digest_tree(hashed: HashedModel, locked: Iterable[TreeEntry] = ()) -> str | None:
    """Return the tree digest; ``None`` where an entry could not be read."""
    try:
        return compute_tree_digest(adopt_unknown_modes(hashed.entries, locked))
    except ValueError:
        return None


def _list_differing_facts(snapshot: Snapshot) -> Iterator[TreeDifference]:
    """Yield a difference for each file that a listing lacks, and for each that a record names and that is not there."""
    for fact in snapshot.facts:
        kind = _RECORD_DIFFERENCES.get(fact.kind)
        if kind is not None:
            yield TreeDifference(kind, read_file_path(fact.path), fact.detail)


def _list_unsound_records(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    """Yield the path and the fault of each record that cannot be used."""
    for fact in snapshot.facts:
        if fact.kind is SourceFactKind.UNSOUND_RECORD:
            yield read_file_path(fact.path), fact.detail


def _check_records(
    target: str, snapshot: Snapshot, limits: Limits, needs_signer: bool, gaps: Sequence[str]
) -> Verification:
    """Compare a model with the claims of the records and signatures beside it.

    Raises:
        ConfigurationError: there are none, or nothing but signatures that no given signer can confirm.
    """
    has_facts = any(fact.kind is not SourceFactKind.SIGNATURE_UNCHECKED for fact in snapshot.facts)
    if not (needs_signer or has_facts or any(artifact.claims for artifact in snapshot.artifacts)):
        why = "no record of a download, of git or of checksums states a digest"
        if snapshot.uncompared_records:
            named = ", ".join(map(repr, sorted(snapshot.uncompared_records)[:_MOST_NAMED]))
            why = f"the digests in {named} are not compared, because only SHA-256 is"
        unchecked = describe_unchecked(snapshot)
        clause = f"{unchecked}; " if unchecked else ""
        raise ConfigurationError(
            f"{target!r} offers nothing to check against: {clause}{why}; name a lock with --lock FILE"
        )
    hashed = hash_model(snapshot, limits)
    records = hashed.claim_records | snapshot.records | snapshot.uncompared_records | snapshot.signature_records
    unclaimed = [file.path for file in hashed.files if file.digests and not (file.claims or file.path in records)]
    known_gaps = (*DEFAULT_IGNORED, *(gap.strip("/") for gap in gaps))
    left_out = {path for each in snapshot.signatures for path in each.left_out if lies_below(path, known_gaps)}
    return Verification(
        name=target,
        lock=None,
        locked_name="",
        entries=len(hashed.entries),
        differences=(
            *_find_contradicted(hashed),
            *list_missing_signed(hashed.files),
            *_list_differing_facts(snapshot),
            *list_signature_differences(snapshot, needs_signer),
        ),
        unread=(*hashed.unread, *_list_unsound_records(snapshot)),
        unclaimed=tuple(path for path in unclaimed if path not in left_out),
        left_out=tuple(path for path in unclaimed if path in left_out),
        uncompared=tuple(_list_uncompared(hashed.files)),
        files=hashed.files,
        tree_digest=_digest_tree(hashed),
        notes=snapshot.notes,
        signatures=snapshot.signatures,
    )
