"""Lock models: record their origin, and the digest of each of their files."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct

from modelaudit.integrity.comparison import compare_trees
from modelaudit.integrity.lock_file import format_lock, read_lock
from modelaudit.integrity.names import explain_bad_name, find_clashing_names
from modelaudit.integrity.tree import compute_tree_digest
from modelaudit.model.address import read_file_path
from modelaudit.model.artifact import ModelRef, RefKind, Snapshot
from modelaudit.model.copies import replace
from modelaudit.model.digest import find_contradictions, find_uncompared_claims
from modelaudit.model.errors import ConfigurationError, SourceError
from modelaudit.model.limits import Limits
from modelaudit.model.lock import Lock, LockedModel, Origin
from modelaudit.model.source_fact import SourceFactKind
from modelaudit.model.tree import TreeEntry
from modelaudit.model.wording import describe_uncompared_claim
from modelaudit.options import Options, format_current_time
from modelaudit.pipeline import answer_license
from modelaudit.sources import resolve_target
from modelaudit.sources.cache import find_commit_of_folder
from modelaudit.sources.folder_records import name_some
from modelaudit.sources.hashed import HashedModel, hash_model
from modelaudit.sources.progress import Progress
from modelaudit.sources.records import is_absent_record
from modelaudit.sources.settings import HubSettings
from modelaudit.verifying import is_absent, refuse_lock_inside


class LockOptions(Struct, frozen=True):
    """How targets are locked.

    Attributes:
        path: the lock file.
        revision: branch, tag or commit of every repository among the targets; ``None`` for that of each target.
        offline: use the local Hub cache only; what the Hub alone states is then unknown.
        progress: called with the fetched and the total number of bytes while a repository is fetched.
        limits: bounds on reads and on answers.
        partial: whether files that the records of a download or a cache list may be absent.
        remark: called with one line for each fact that a person has to know about a model that is locked all the same.
    """

    path: Path
    revision: str | None = None
    offline: bool = False
    progress: Progress | None = None
    limits: Limits = Limits()
    partial: bool = False
    remark: Callable[[str], None] = lambda line: None


def extend_lock(targets: Sequence[str], options: LockOptions) -> tuple[str, tuple[LockedModel, ...]]:
    """Lock the targets beside the models that the lock file holds already.

    Returns:
        The text of the lock file, and the models of the targets.

    Raises:
        ConfigurationError: a target, the revision or the lock file is wrong.
        SourceError: a target cannot be fetched, or a part of it cannot be locked.
    """
    earlier = read_lock(options.path).models if options.path.exists() else ()
    known = {model.key: model for model in earlier}
    fresh = (lock_target(target, options) for target in targets)
    locked = tuple(_keep_time(model, known.get(model.key)) for model in fresh)
    _refuse_two_of_a_kind(locked)
    for model in locked:
        if model.key in known:
            _remark_changes(known[model.key], model, options)
    models = known | {model.key: model for model in locked}
    return format_lock(Lock(tuple(models.values()))), locked


def _remark_changes(earlier: LockedModel, model: LockedModel, options: LockOptions) -> None:
    """Remark how a model differs from what the lock file held of it."""
    kinds = Counter(each.kind for each in compare_trees(earlier.entries, model.entries))
    counted = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    commits = ""
    if earlier.origin and model.origin and earlier.origin.commit != model.origin.commit:
        commits = f" of commit {earlier.origin.commit[:12]}"
    if counted or commits:
        options.remark(
            f"{model.title}: it takes the place{commits or ' of what was locked'}: {counted or 'no file differs'}"
        )


def _refuse_two_of_a_kind(models: Sequence[LockedModel]) -> None:
    """Raise ``ConfigurationError`` if two targets are one model, and a lock holds one revision of a model."""
    seen: dict[tuple[str, str], LockedModel] = {}
    for model in models:
        first = seen.setdefault(model.key, model)
        if first is not model and first.origin != model.origin:
            revisions = " and ".join(repr(each.origin.revision) for each in (first, model) if each.origin)
            raise ConfigurationError(
                f"a lock holds one revision of {model.title!r}, and {revisions} are named; "
                "lock one of them with modelaudit lock -o FILE"
            )


def _keep_time(model: LockedModel, earlier: LockedModel | None) -> LockedModel:
    """Return the model with the time of an earlier lock of the same facts, so that locking again changes no line."""
    if earlier is None:
        return model
    same = replace(model, locked=earlier.locked, line=earlier.line)
    return same if same == earlier else model


def lock_target(target: str, options: LockOptions) -> LockedModel:
    """Fetch one target, hash every file, and lock it. Raises as ``extend_lock``."""
    snapshot = resolve_target(
        target,
        revision=options.revision,
        offline=options.offline,
        progress=options.progress,
        limits=options.limits,
    )
    if snapshot.ref.kind is RefKind.FILE:
        raise ConfigurationError(f"{target!r} is a file; name the folder of the model")
    refuse_lock_inside(options.path, snapshot)
    return lock_model(target, hash_model(snapshot, options.limits), options)


def lock_model(target: str, hashed: HashedModel, options: LockOptions) -> LockedModel:
    """Lock a target that was hashed: record its files, its origin and its licence. Raises as ``extend_lock``."""
    snapshot = hashed.snapshot
    ref = identify_repository(snapshot)
    hashed = _pass_over_absent_records(hashed, target, options, ref)
    hashed, absent = _leave_out_absent(hashed, target, options)
    _judge_foreign_files(hashed, target, None if ref is not None else options.remark)
    entries = cover_entries(hashed, target, has_modes=ref is None)
    if ref is None:
        license_ = _find_license(target, None, options)
        model = _build_folder(snapshot, options.path.absolute().parent, entries, license_)
        return replace(model, absent=absent)
    commit = snapshot.commit or ""
    origin = _find_origin(ref, snapshot, options)
    owner = origin.owner.name if origin.owner else None
    if owner is not None and owner.casefold() != ref.name.partition("/")[0].casefold():
        options.remark(f"{target}: its owner on the Hub is {owner!r}, so the repository moved; check that it is meant")
    license_ = _find_license(f"hf://{replace(ref, revision=None)}", commit, options)
    return replace(_build_model(ref.kind, ref.name, entries, origin, license_), absent=absent)


def _pass_over_absent_records(
    hashed: HashedModel, target: str, options: LockOptions, ref: ModelRef | None
) -> HashedModel:
    """Remark the records that a folder lacks, and return the model without them.

    Raises:
        SourceError: a repository lacks one, so nothing shows that the files are those of its commit.
    """
    on_disk = {entry.path for entry in hashed.entries}
    absent = [each for each in hashed.snapshot.artifacts if is_absent_record(each, on_disk)]
    for why in (each.obstacle.detail for each in absent if each.obstacle is not None):
        if ref is not None:
            raise SourceError(f"{target}: it cannot be locked: {why}")
        options.remark(f"{target}: {why}")
    paths = {read_file_path(each.path) for each in absent}
    return replace(hashed, unread=tuple(pair for pair in hashed.unread if pair[0] not in paths))


def _leave_out_absent(hashed: HashedModel, target: str, options: LockOptions) -> tuple[HashedModel, int]:
    """Leave out the files that records list and that are not on disk, if a part may be locked, and count them.

    Raises:
        SourceError: files are absent, and the whole model is to be locked.
    """
    on_disk = {entry.path for entry in hashed.entries}
    listed = {read_file_path(each.path) for each in hashed.snapshot.artifacts if is_absent(each)}
    absent = sorted(path for path, _ in hashed.unread if path in listed - on_disk)
    if not absent:
        return hashed, 0
    if not options.partial:
        raise SourceError(
            f"{target}: files that its records list are not there ({name_some(absent)}); fetch them, or lock what is "
            "there with --partial"
        )
    options.remark(f"{target}: files that its records list are not there, and not locked: {name_some(absent)}")
    kept = tuple((path, why) for path, why in hashed.unread if path not in absent)
    files = tuple(file for file in hashed.files if file.path not in absent)
    return replace(hashed, unread=kept, files=files), len(absent)


def lock_folder(folder: Path, beside: Path, limits: Limits = Limits()) -> LockedModel:  # noqa: B008 - frozen
    """Lock a local folder without a conclusion on its licence, for a lock in the folder ``beside``."""
    snapshot = resolve_target(str(folder), offline=True, limits=limits)
    hashed = _pass_over_absent_records(hash_model(snapshot, limits), str(folder), LockOptions(beside), None)
    return _build_folder(snapshot, beside, cover_entries(hashed, str(folder), has_modes=True), None)


def _build_folder(
    snapshot: Snapshot, beside: Path, entries: tuple[TreeEntry, ...], license_: str | None
) -> LockedModel:
    """Return the locked model of a folder, named by its path from the folder of the lock."""
    name = os.path.relpath(os.path.realpath(str(snapshot.root)), os.path.realpath(beside))
    return _build_model(RefKind.FOLDER, name, entries, None, license_)


def _build_model(
    kind: RefKind, name: str, entries: tuple[TreeEntry, ...], origin: Origin | None, license_: str | None
) -> LockedModel:
    """Return a model that is locked now."""
    return LockedModel(kind, name, format_current_time(), compute_tree_digest(entries), entries, origin, license_)


def identify_repository(snapshot: Snapshot) -> ModelRef | None:
    """Return the repository of a snapshot; ``None`` for a plain folder.

    Raises:
        ConfigurationError: the snapshot is a folder within one of the Hub cache.
    """
    if snapshot.ref.kind is not RefKind.CACHE:
        return snapshot.ref if snapshot.ref.is_on_hub else None
    cached_commit = find_commit_of_folder(str(snapshot.root))
    if cached_commit is None or cached_commit.below:
        raise ConfigurationError(f"{snapshot.ref.name!r} is a part of a snapshot; name the whole snapshot")
    kind = RefKind.DATASET if cached_commit.title.startswith("datasets ") else RefKind.MODEL
    return ModelRef(kind, snapshot.ref.name, snapshot.commit)


def _judge_foreign_files(hashed: HashedModel, target: str, remark: Callable[[str], None] | None) -> None:
    """Name the files that are not part of the commit, or whose digest no source states.

    Args:
        hashed: the model.
        target: as the user named it.
        remark: takes a line on the files of a folder, which may hold others; ``None`` for a repository.

    Raises:
        SourceError: a repository has such a file.
    """
    unlisted = [fact for fact in hashed.snapshot.facts if fact.kind is SourceFactKind.UNLISTED]
    if remark is not None:
        if unlisted:
            names = name_some({read_file_path(fact.path) for fact in unlisted})
            remark(f"{target}: files that the records of its download lack are locked too: {names}")
        return
    for fact in unlisted:
        path = read_file_path(fact.path)
        raise SourceError(f"{target}: {path!r} is not a file of the commit: {fact.detail}; remove it from the cache")
    for file in hashed.files:
        if not file.claims:
            raise SourceError(f"{target}: {file.path!r} is not locked, because no source states a digest of its bytes")


def cover_entries(hashed: HashedModel, target: str, *, has_modes: bool, task: str = "locked") -> tuple[TreeEntry, ...]:
    """Return the entries that a lock or an attestation covers.

    Args:
        hashed: the model.
        target: as the user named it.
        has_modes: whether the executable bits are those of the model.
        task: the word for messages, such as ``locked``.

    Raises:
        SourceError: an entry cannot be covered.
    """
    for file in hashed.files:
        for claim in find_contradictions(file.claims, file.digests):
            raise SourceError(
                f"{target}: {file.path!r} is not what {claim.record} states, so it is not {task}; "
                "fetch it again, or scan the model"
            )
        for claim in find_uncompared_claims(file.claims, file.digests):
            raise SourceError(f"{target}: {file.path!r} cannot be {task}: {describe_uncompared_claim(claim)}")
    for path, why in (*hashed.other_sizes, *hashed.unread):
        raise SourceError(f"{target}: {path!r} cannot be {task}: {why}")
    paths = [entry.path for entry in hashed.entries]
    for path in paths:
        problem = explain_bad_name(path)
        if problem:
            raise SourceError(f"{target}: {path!r} cannot be {task}: it {problem}")
    for first, second, problem in find_clashing_names(paths):
        raise SourceError(f"{target}: {first!r} and {second!r} {problem}")
    if not paths:
        raise SourceError(f"{target}: no file can be {task}")
    return hashed.entries if has_modes else tuple(replace(entry, executable=None) for entry in hashed.entries)


def _find_origin(ref: ModelRef, snapshot: Snapshot, options: LockOptions) -> Origin:
    """Return the origin of a repository; offline with the facts that an earlier scan recorded in the cache."""
    revision, commit = ref.revision or "main", snapshot.commit or ""
    settings = HubSettings.read(offline=options.offline)
    if settings.offline:
        known = snapshot.provenance
        return Origin(revision, commit) if known is None else Origin(revision, commit, known.created, known.owner)
    from modelaudit.sources.ownership import HubInquiry  # the Hub's client takes a while to load

    facts = HubInquiry(ref, settings, options.limits).describe()
    return Origin(revision, commit, facts.created, facts.owner)


def _find_license(target: str, revision: str | None, options: LockOptions) -> str | None:
    """Return the expression of the licence conclusion; ``None`` without one."""
    report = answer_license(target, Options(revision=revision, offline=options.offline, limits=options.limits))
    return report.license.expression or None
