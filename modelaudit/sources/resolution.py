"""Resolve the target that the user wrote to its source, and take the snapshot."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from modelaudit.model.address import write_file_address
from modelaudit.model.artifact import Artifact, Snapshot
from modelaudit.model.copies import replace
from modelaudit.model.errors import ConfigurationError, GatedError, MissingError, SourceError
from modelaudit.model.limits import Limits
from modelaudit.model.source_fact import SourceFact
from modelaudit.model.structure import UnreadReason
from modelaudit.sources.cache import claim_by_blob, find_blob_of_path, find_commit_of_folder
from modelaudit.sources.cache_sources import CachedFileSource, CacheSource, OfflineSource
from modelaudit.sources.claims import ListedFile
from modelaudit.sources.download_records import note_download_above
from modelaudit.sources.local import FileSource
from modelaudit.sources.recorded_folder import FolderSource
from modelaudit.sources.scan_records import select_files
from modelaudit.sources.settings import HubSettings
from modelaudit.sources.sidecars import apply_sidecars
from modelaudit.sources.target import could_be_path, is_hub_address, looks_like_a_path, parse_repository

if TYPE_CHECKING:
    from modelaudit.sources.progress import Progress

# Functions on terms import what they alone need, so that verify starts faster.

_Located = TypeVar("_Located", Artifact, SourceFact)


class Source(Protocol):
    """A source of a model."""

    def snapshot(self) -> Snapshot:
        """Take the current state of the model.

        Raises:
            SourceError: the model cannot be resolved or fetched.
        """


def _take_snapshot(source: Source, limits: Limits) -> Snapshot:
    """Take the snapshot of a source, with the claims of files of checksums in it. Raises as the source.

    Each artifact has its address in place of its path.
    """
    try:
        return _address_artifacts(apply_sidecars(source.snapshot(), limits))
    except GatedError as error:
        if error.snapshot is not None:
            error.snapshot = _address_artifacts(error.snapshot)
        raise


def _address(item: _Located) -> _Located:
    """Return a file or a fact about one with its address in place of its path."""
    address = write_file_address(item.path)
    return item if address == item.path else replace(item, path=address)


def _address_artifacts(snapshot: Snapshot) -> Snapshot:
    """Return the snapshot with the address of each file in place of its path, which may hold the mark of members."""
    snapshot = snapshot.with_artifacts(map(_address, snapshot.artifacts))
    provenance = snapshot.provenance
    if provenance is not None and provenance.scans is not None:
        provenance = replace(provenance, scans=select_files(provenance.scans, write_file_address))
    if provenance is snapshot.provenance and not snapshot.facts:
        return snapshot
    return replace(snapshot, facts=tuple(map(_address, snapshot.facts)), provenance=provenance)


def resolve_target(
    target: str,
    *,
    revision: str | None = None,
    offline: bool = False,
    progress: Progress | None = None,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> Snapshot:
    """Resolve a target to a snapshot; a repository of the Hub is fetched first.

    Args:
        target: a path, or ``org/model[@revision]``, ``datasets/org/name[@revision]``, ``hf://org/model``. An existing
            path wins over a repository id.
        revision: branch, tag or commit of a repository.
        offline: make no request; a repository then comes from the Hub cache.
        progress: called with the bytes and files that are fetched, as ``Progress`` describes it.
        limits: bounds on reads and on the depth of folders.

    Raises:
        ConfigurationError: the target or the revision is invalid (exit 2).
        SourceError: the target is missing or could not be fetched (exit 4).
    """
    if not target.strip():
        raise ConfigurationError("The target is empty; name a repository, a folder or a file.")
    if _path_exists(target):
        if revision is not None:
            raise ConfigurationError(f"{target!r} is a local path, which has no revisions; leave out --revision.")
        real_path = os.path.realpath(target)
        snapshot = _take_snapshot(_choose_local_source(target, real_path, limits), limits)
        notes = note_download_above(real_path)
        return replace(snapshot, notes=(*snapshot.notes, *notes)) if notes else snapshot
    source = _choose_remote_source(target, revision, offline, progress, limits)
    try:
        return _take_snapshot(source, limits)
    except SourceError as error:
        raise _name_both_readings(target, error) from error


def _name_both_readings(target: str, error: SourceError) -> SourceError:
    """Return the error of a repository, with a message for a user who misspelt a path as well."""
    # The message of ``FailureExplainer`` may name both, and a target with ``hf://`` never means a path.
    if "local path" in str(error) or is_hub_address(target) or not could_be_path(target):
        return error
    folder, separator, name = target.partition("@")[0].rpartition("/")
    if separator and Path(folder).is_dir() and not isinstance(error, GatedError):
        # An existing folder makes a misspelt path likelier than a repository that the network hides.
        next_step = f"check the path, or name a repository as hf://{target}"
        return type(error)(f"There is no {name!r} in the folder {folder!r}; {next_step}, which did not answer.")
    message = f"There is no local path {target!r}, and as a repository: {error}"
    return GatedError(message, error.snapshot) if isinstance(error, GatedError) else type(error)(message)


def _path_exists(target: str) -> bool:
    """Whether a file or folder ``target`` exists; raise ``SourceError`` if it does not and can only mean a path."""
    try:
        os.stat(target)  # noqa: PTH116 - a path of text
    except ValueError:  # a zero byte, which no path can contain
        return False
    except OSError as error:
        if os.path.islink(target):  # noqa: PTH114 - the method raises again
            message = f"{target!r} is a link that cannot be followed: {error.strerror}; name the file or folder itself."
            raise SourceError(message) from error
        if looks_like_a_path(target):
            message = f"The file or folder {target!r} does not exist: {error.strerror}; check the path."
            raise SourceError(message) from error
        return False
    return True


def _choose_local_source(target: str, real_path: str, limits: Limits) -> Source:
    """Return the source for an existing path: a file or a folder, inside or outside of a Hub cache.

    ``real_path`` is the path without links.
    """
    if not os.path.isdir(target):  # noqa: PTH112 - a path of text
        cached_commit = find_commit_of_folder(str(Path(target).parent))
        if cached_commit:
            return CachedFileSource(target, cached_commit, limits)
        # A link to a blob is a common way to name a file of the cache.
        return FileSource(target, limits, claim_by_blob(find_blob_of_path(real_path)))
    cached_commit = find_commit_of_folder(target, real_path)
    return CacheSource(target, cached_commit, limits) if cached_commit else FolderSource(target, limits)


def _choose_remote_source(
    target: str, revision: str | None, offline: bool, progress: Progress | None, limits: Limits
) -> Source:
    """Return the source for a repository id: the Hub, or offline its cache."""
    if looks_like_a_path(target):
        raise SourceError(f"The file or folder {target!r} does not exist; check the path.")
    ref = parse_repository(target, revision)
    settings = HubSettings.read(offline=offline)
    if settings.offline:
        return OfflineSource(ref, settings, limits)
    from modelaudit.sources.hub import HubSource  # the Hub's client takes a while to load

    return HubSource(ref, settings, limits, progress)


def resolve_small_files(
    name: str,
    *,
    is_dataset: bool = False,
    offline: bool = False,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> Snapshot:
    """Take the files of a repository that may state its licence or base models: cards, terms and configurations.

    Every file is an artifact, and only the small ones open (``modelaudit.sources.small``). Weights are never requested,
    even where the cache holds them.

    Args:
        name: Hub id as a card spells it, ``org/name`` or ``org/name@revision``; never interpreted as a path.
        is_dataset: the name is a data set.
        offline: use the Hub cache and make no request.
        limits: bounds on reads.

    Raises:
        MissingError: the Hub does not show the repository, or ``name`` is not a valid id.
        GatedError: the repository is gated; ``snapshot`` lists the files that the Hub shows.
        UnreachedError: the source gave no answer.
        SourceError: the files cannot be stored.
    """
    try:
        ref = parse_repository(f"datasets/{name}" if is_dataset else name, None)
    except ConfigurationError as error:
        raise MissingError(str(error)) from error
    settings = HubSettings.read(offline=offline)
    if settings.offline:
        snapshot = _leave_out_missing_listings(_take_snapshot(OfflineSource(ref, settings, limits), limits))
        from modelaudit.sources.small import choose_small_files, close_other_files

        available = {artifact.path: ListedFile(artifact.size, ()) for artifact in snapshot.artifacts if artifact.open}
        return _close_altered_terms(close_other_files(snapshot, choose_small_files(available)))
    from modelaudit.sources.hub import HubSource  # the Hub's client takes a while to load

    # One base model must not take more time than all of them may.
    listing_seconds = min(limits.server.listing_seconds, limits.origin_seconds)
    limits = replace(limits, server=replace(limits.server, listing_seconds=listing_seconds))
    return _close_altered_terms(_take_snapshot(HubSource(ref, settings, limits, is_for_terms=True), limits))


def _close_altered_terms(snapshot: Snapshot) -> Snapshot:
    """Return the snapshot without the content of small files whose bytes contradict a claimed digest."""
    from modelaudit.sources.rejected import close_altered_files
    from modelaudit.sources.small import LARGEST_SMALL_FILE

    return close_altered_files(snapshot, LARGEST_SMALL_FILE)


def resolve_term_files(
    target: str,
    *,
    revision: str | None = None,
    offline: bool = False,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    folder: str = "",
) -> Snapshot:
    """Take the files of a target that may state its licence.

    Every file is an artifact. Of a repository on the Hub only small files and texts are fetched and open; of a folder
    and of the cache all do, and ``modelaudit.term_choice`` chooses among them. Of a gated repository, the statements
    that the Hub shows are taken.

    Args:
        target: as for ``resolve_target``.
        revision: branch, tag or commit of a repository.
        offline: make no request.
        limits: bounds on reads and on the depth of folders.
        folder: of the repository, the one in question; the files that concern others are not fetched.

    Raises:
        ConfigurationError: the target or the revision is invalid (exit 2).
        SourceError: the target is missing or could not be fetched (exit 4).
    """
    if not target.strip() or _path_exists(target):  # ``resolve_target`` refuses an empty target
        snapshot = resolve_target(target, revision=revision, offline=offline, limits=limits)
        return _close_altered_terms(_leave_out_missing_listings(snapshot))
    if looks_like_a_path(target):
        raise SourceError(f"The file or folder {target!r} does not exist; check the path.")
    ref = parse_repository(target, revision)
    settings = HubSettings.read(offline=offline)
    from modelaudit.sources.small import note_unread_terms

    try:
        if settings.offline:
            snapshot = _take_snapshot(OfflineSource(ref, settings, limits), limits)
            return note_unread_terms(_close_altered_terms(_leave_out_missing_listings(snapshot)))
        from modelaudit.sources.hub import HubSource  # the Hub's client takes a while to load

        source = HubSource(ref, settings, limits, is_for_terms=True, reads_modules=True, folder=folder)
        return note_unread_terms(_close_altered_terms(_take_snapshot(source, limits)))
    except SourceError as error:
        if not isinstance(error, GatedError) or error.snapshot is None:
            raise _name_both_readings(target, error) from error
        note = f"its files could not be fetched; only the statements that the Hub shows were read: {error}"
        return replace(error.snapshot, notes=(note, *error.snapshot.notes))


def _leave_out_missing_listings(snapshot: Snapshot) -> Snapshot:
    """Return the snapshot without listings that its records lack: they would state digests, and no terms."""
    present = (
        artifact
        for artifact in snapshot.artifacts
        if artifact.obstacle is None or artifact.obstacle.reason is not UnreadReason.UNVERIFIED_BYTES
    )
    return snapshot.with_artifacts(present)
