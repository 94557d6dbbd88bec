"""The Hub cache on disk: ``models--org--name/{blobs,refs,snapshots,trees}``, as huggingface_hub lays it out."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from modelaudit.model.artifact import Artifact, ModelRef, RefKind, Snapshot
from modelaudit.model.digest import Claim, ClaimSource, sort_claims
from modelaudit.model.errors import NotCachedError
from modelaudit.model.evidence import Statements
from modelaudit.model.limits import Limits
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.sources.claims import (
    ListedFile,
    StatedListing,
    find_unstorable_names,
    merge_listings,
    parse_digest,
)
from modelaudit.sources.local import InnerLink, is_within, list_folder, make_blocked_link, resolve_link
from modelaudit.sources.records import (
    RecordedDescription,
    locate_description_record,
    locate_tree_record,
    read_description_record,
    read_tree_record,
    replace_text,
)
from modelaudit.sources.settings import HubSettings
from modelaudit.sources.target import is_commit
from modelaudit.sources.walk import Entry
from modelaudit.sources.windows import FileState, LocalFile

_REPOSITORY = re.compile(r"(?:models|datasets|spaces|kernels)--.+")
# models--org--name above; below, a shared blob such as "ab/ab12…", named by its SHA-256.
_SHARED_BLOB = re.compile(r"([0-9a-f]{2})/\1[0-9a-f]{62}")
_SHARED_MARKER = ".huggingface-shared-blobs"


@dataclass(frozen=True, slots=True)
class CachedCommit:
    """One commit of one repository in a Hub cache.

    Attributes:
        repository: absolute folder without links in it, such as ``…/hub/models--org--name``.
        commit: 40 hexadecimal digits.
        below: the scanned folder within the snapshot; empty for the whole snapshot.
    """

    repository: str
    commit: str
    below: str = ""

    @property
    def snapshot(self) -> str:
        """The snapshot's folder."""
        return f"{self.repository}/snapshots/{self.commit}"

    @property
    def title(self) -> str:
        """The repository as people write it: ``models org/name``."""
        kind, _, name = Path(self.repository).name.partition("--")
        return f"{kind} {name.replace('--', '/')!r}"

    @property
    def name(self) -> str:
        """The id of the repository, with the folder below it if there is one: ``org/name``, ``org/name/unet``."""
        id_ = Path(self.repository).name.partition("--")[2].replace("--", "/")
        return f"{id_}/{self.below}".rstrip("/")

    @property
    def shared_blobs(self) -> str | None:
        """The folder of blobs that all repositories of the cache share; ``None`` without the marker file."""
        store = Path(self.repository).parent / "blobs"
        return str(store) if _is_folder(store) and is_file(store / _SHARED_MARKER) and not store.is_symlink() else None


@dataclass(frozen=True, slots=True)
class CacheSource:
    """A snapshot in a Hub cache, or a folder of one, given as a path. It makes no request."""

    name: str
    cached_commit: CachedCommit
    limits: Limits

    def snapshot(self) -> Snapshot:
        """Return the snapshot: the files on disk, and without content those that only the cache's listing names.

        Raises:
            SourceError: the folder cannot be listed.
        """
        artifacts, notes = list_recorded_artifacts(self.cached_commit, self.name, self.limits)
        statements, notes_on_statements = read_recorded_statements(self.cached_commit, self.limits)
        root = f"{self.cached_commit.snapshot}/{self.cached_commit.below}".rstrip("/")
        origin_note = f"the folder is the Hub cache of {self.cached_commit.title} at commit {self.cached_commit.commit}"
        notes = (origin_note, *notes, *notes_on_statements)
        return Snapshot(
            ModelRef(RefKind.CACHE, self.cached_commit.name),
            self.cached_commit.commit,
            artifacts,
            root,
            Path(root),
            notes,
            statements,
            expects_claims=True,
        )


@dataclass(frozen=True, slots=True)
class CachedFileSource:
    """One file of a snapshot in a Hub cache, given as a path. ``cached_commit`` is that of its folder."""

    name: str
    cached_commit: CachedCommit
    limits: Limits

    def snapshot(self) -> Snapshot:
        """Return the snapshot of the one file, with the digests that the blob's name and the cache's listing claim.

        Raises:
            SourceError: its folder cannot be listed.
        """
        folder_snapshot = CacheSource(self.name, self.cached_commit, self.limits).snapshot()
        name = Path(self.name).name
        artifacts = tuple(artifact for artifact in folder_snapshot.artifacts if artifact.path == name)
        root = Path(folder_snapshot.origin, name)
        # The notes on the files of the folder are left out, because they concern the other files.
        statements, notes = read_recorded_statements(self.cached_commit, self.limits)
        return Snapshot(
            ModelRef(RefKind.FILE, self.name),
            self.cached_commit.commit,
            artifacts,
            folder_snapshot.origin,
            root,
            notes,
            statements,
            expects_claims=True,
        )


def find_commit_of_folder(path: str) -> CachedCommit | None:
    """Find the cached commit that contains the folder ``path``; ``None`` if it lies outside of a Hub cache.

    Such a folder lies at or below ``models--org--name/snapshots/<commit>``.
    """
    parts = os.path.realpath(path).split("/")
    for index in range(2, len(parts)):
        repository, folder, commit = parts[index - 2 : index + 1]
        if _REPOSITORY.fullmatch(repository) and folder == "snapshots" and is_commit(commit):
            return CachedCommit("/".join(parts[: index - 1]), commit, "/".join(parts[index + 1 :]))
    return None


def locate_cached_repository(ref: ModelRef, settings: HubSettings) -> str:
    """Return the folder of the cache for a repository. The folder need not exist."""
    kind = "datasets" if ref.kind is RefKind.DATASET else "models"
    return os.path.realpath(settings.cache / "--".join((kind, *ref.name.split("/"))))


def find_cached_commit(ref: ModelRef, settings: HubSettings) -> CachedCommit | None:
    """Find the commit that the cache recorded for the revision of ``ref``; ``None`` if its snapshot is not there."""
    folder, revision = locate_cached_repository(ref, settings), ref.revision or "main"
    commit = revision
    if not is_commit(revision):
        with contextlib.suppress(OSError, UnicodeError):
            commit = Path(folder, "refs", revision).read_text("ascii").strip()
    cached_commit = CachedCommit(folder, commit)
    return cached_commit if is_commit(commit) and _is_folder(cached_commit.snapshot) else None


def _is_folder(path: str | Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 - Path.is_dir raises without permission


def is_file(path: str | Path) -> bool:
    """Whether the path is a regular file; false without the permission to look."""
    return os.path.isfile(path)  # noqa: PTH113 - Path.is_file raises without permission


def record_commit(cached_commit: CachedCommit, revision: str) -> None:
    """Record the commit of a branch or tag in ``refs`` for later offline use, as the client does."""
    replace_text(Path(cached_commit.repository, "refs", revision), cached_commit.commit)


def list_cached_artifacts(
    cached_commit: CachedCommit,
    name: str,
    listings: Sequence[StatedListing],
    limits: Limits,
    failures: Mapping[str, Unread] = MappingProxyType({}),
    rejected: Iterable[Artifact] = (),
) -> tuple[tuple[Artifact, ...], tuple[str, ...]]:
    """List the artifacts of a snapshot, with notes.

    A file on disk carries the digests that its blob's name and the listings claim. A listed file that is not on disk
    becomes an artifact with the obstacle ``content-absent``, or with that in ``failures`` if that has its path. A file
    whose size differs from a stated one opens, and has that obstacle too. The ``rejected`` files were fetched and are
    not on disk.

    Raises:
        SourceError: the snapshot's folder cannot be listed.
    """
    prefix = f"{cached_commit.below}/" if cached_commit.below else ""
    root = f"{cached_commit.snapshot}/{cached_commit.below}".rstrip("/")
    listing = merge_listings(*(each.files for each in listings))
    listed_below = {path.removeprefix(prefix): stated for path, stated in listing.items() if path.startswith(prefix)}

    def list_claims(path: str) -> tuple[Claim, ...]:
        return tuple(claim for each in listings for claim in each.list_claims(prefix + path))

    stored, notes = list_folder(root, name, limits, lambda entry: _resolve_link(cached_commit, root, entry, limits))
    stored = (*stored, *rejected)
    artifacts = [
        _add_claims(artifact, listed_below.get(artifact.path), list_claims(artifact.path)) for artifact in stored
    ]
    on_disk = {artifact.path for artifact in stored}
    unstorable = find_unstorable_names(listed_below)
    artifacts += [
        _describe_absent_file(path, stated, list_claims(path), unstorable.get(path), failures.get(path))
        for path, stated in listed_below.items()
        if path not in on_disk
    ]
    unlisted = sorted(on_disk - listed_below.keys()) if listing else []
    if unlisted:
        example = f"{len(unlisted)}, such as {unlisted[0]!r}"
        notes = (*notes, f"files on disk that the Hub's listing of the commit lacks: {example}")
    return tuple(sorted(artifacts, key=lambda artifact: artifact.path)), notes


def list_recorded_artifacts(
    cached_commit: CachedCommit, name: str, limits: Limits
) -> tuple[tuple[Artifact, ...], tuple[str, ...]]:
    """List the artifacts of a snapshot by what the cache records of the two listings of its commit, with notes.

    A missing record of the tree is noted. A record that cannot be read is an artifact with that obstacle.

    Raises:
        SourceError: the snapshot's folder cannot be listed.
    """
    repository, commit = cached_commit.repository, cached_commit.commit
    tree = read_tree_record(repository, commit, limits)
    description = read_description_record(repository, commit, limits)
    listings = []
    if isinstance(description, RecordedDescription):
        listings.append(StatedListing(ClaimSource.CACHE, locate_description_record(commit), description.listing))
    if isinstance(tree, Mapping):
        listings.append(StatedListing(ClaimSource.CACHE, locate_tree_record(commit), tree))
    artifacts, notes = list_cached_artifacts(cached_commit, name, listings, limits)
    if tree is None:
        missing = "the cache has no listing of this commit, so files that were never downloaded are not known"
        notes = (missing, *notes)
    records = {locate_tree_record(commit): tree, locate_description_record(commit): description}
    for record, content in records.items():
        if isinstance(content, Unread):
            # The relative path leads out of the snapshot, so no file of the model has it.
            path = os.path.relpath(f"{repository}/{record}", f"{cached_commit.snapshot}/{cached_commit.below}")
            artifacts = (*artifacts, Artifact(path, 0, None, (), content))
    return artifacts, notes


def read_recorded_statements(cached_commit: CachedCommit, limits: Limits) -> tuple[Statements | None, tuple[str, ...]]:
    """Read the Hub's own statements on the commit, which the cache records; without them, return a note instead."""
    description = read_description_record(cached_commit.repository, cached_commit.commit, limits)
    if isinstance(description, RecordedDescription):
        return description.statements, ()
    return None, ("the cache has no record of the Hub's own statements on licence and base models (its tags)",)


def _add_claims(artifact: Artifact, listed: ListedFile | None, claims: tuple[Claim, ...]) -> Artifact:
    """Return the artifact with the claims of the listings beside its own, and a contradiction of its size."""
    if listed is None:
        return artifact
    other_sizes = [size for size in (listed.size, listed.other_size) if size not in (None, artifact.size)]
    obstacle = artifact.obstacle
    if obstacle is None and other_sizes:
        # A server may state thousands of digits.
        other_size = str(other_sizes[0])[:20]
        detail = f"it has {artifact.size} bytes, and the Hub lists it with {other_size}, so the content may differ"
        obstacle = Unread(UnreadReason.CONTENT_ABSENT, detail)
    return replace(artifact, claims=sort_claims((*artifact.claims, *claims)), obstacle=obstacle)


def _describe_absent_file(
    path: str, listed: ListedFile, claims: tuple[Claim, ...], problem_of_name: str | None, failure: Unread | None
) -> Artifact:
    """Return the artifact of a listed file that is not on disk, with the reason for that if it is known."""
    detail = "the Hub lists it, but it is not in the local cache"
    if problem_of_name:
        detail = f"the Hub lists it, but it was not fetched: {problem_of_name}"
    obstacle = failure or Unread(UnreadReason.CONTENT_ABSENT, detail)
    return Artifact(path, listed.size or 0, None, sort_claims(claims), obstacle)


def _resolve_link(cached_commit: CachedCommit, root: str, entry: Entry, limits: Limits) -> Artifact | InnerLink:
    """Resolve a link of a cached snapshot.

    The client makes each file of a snapshot a link to a blob. Such a link becomes an artifact that opens the blob, if
    it ends in the repository's own cache folder or in the shared blobs of the cache. Any other link is blocked.
    """
    resolved = resolve_link(root, entry)
    if isinstance(resolved, Artifact):
        return resolved
    link_text, real_path = resolved
    try:
        status = os.lstat(real_path)
    except OSError as error:
        return make_blocked_link(
            entry, UnreadReason.UNREADABLE, f"the link to {link_text!r} cannot be followed: {error.strerror}"
        )
    if stat.S_ISDIR(status.st_mode) and is_within(real_path, root):
        return InnerLink(link_text)
    shared_blobs = cached_commit.shared_blobs
    if is_within(real_path, cached_commit.repository):
        opening_root = cached_commit.repository
    elif (
        shared_blobs
        and is_within(real_path, shared_blobs)
        and _SHARED_BLOB.fullmatch(os.path.relpath(real_path, shared_blobs))
    ):
        opening_root = shared_blobs
    else:
        return make_blocked_link(
            entry, UnreadReason.LINK_OUTSIDE, f"the link leads to {link_text!r}, outside the repository's cache"
        )
    if not stat.S_ISREG(status.st_mode):
        return make_blocked_link(
            entry, UnreadReason.NOT_REGULAR, f"the link leads to {link_text!r}, which is no regular file"
        )
    if not os.access(real_path, os.R_OK):
        return make_blocked_link(entry, UnreadReason.UNREADABLE, "permission to read the file is denied")
    opener = LocalFile(
        opening_root, os.path.relpath(real_path, opening_root), FileState.from_stat(status), limits.read_bytes
    )
    blob = find_blob_of_link(cached_commit, f"{root}/{entry.path}")
    return Artifact(entry.path, status.st_size, opener, claim_by_blob(blob))


def claim_by_blob(blob: str | None) -> tuple[Claim, ...]:
    """Return the claim that the name of a blob makes; none if it is no digest."""
    return tuple(Claim(digest, ClaimSource.CACHE, f"blobs/{blob}") for digest in parse_digest(blob))


def find_blob_of_link(cached_commit: CachedCommit, path: str) -> str | None:
    """Return the name of the repository's blob that a link leads to first; ``None`` for any other link.

    The name is the digest that the blob's source stated.
    """
    try:
        link_text = os.readlink(path)  # noqa: PTH115 - a path of text
    except OSError:
        return None
    first_target = Path(os.path.normpath(Path(path).parent / link_text))
    return first_target.name if first_target.parent == Path(cached_commit.repository, "blobs") else None


@dataclass(frozen=True, slots=True)
class OfflineSource:
    """A repository of the Hub in the local cache. It makes no request."""

    ref: ModelRef
    settings: HubSettings
    limits: Limits

    def snapshot(self) -> Snapshot:
        """Return the snapshot that the cache holds for the revision.

        Raises:
            SourceError: the cache does not hold it.
        """
        cached_commit = find_cached_commit(self.ref, self.settings)
        if cached_commit is None:
            raise NotCachedError(
                f"{str(self.ref)!r} is not in the Hub cache {str(self.settings.cache)!r} and the scan is offline; "
                "scan it once without --offline and HF_HUB_OFFLINE to download it, or set HF_HOME to another cache."
            )
        artifacts, notes = list_recorded_artifacts(cached_commit, str(self.ref), self.limits)
        commit = cached_commit.commit
        origin_note = f"offline: commit {commit} as the cache has it; the Hub was not asked whether it still is current"
        notes = (origin_note, *notes)
        root = cached_commit.snapshot
        statements, notes_on_statements = read_recorded_statements(cached_commit, self.limits)
        notes = (*notes, *notes_on_statements)
        return Snapshot(self.ref, commit, artifacts, root, Path(root), notes, statements, expects_claims=True)
