"""The Hub cache on disk: ``models--org--name/{blobs,refs,snapshots,trees}``, as huggingface_hub lays it out."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from modelaudit.model.artifact import Artifact, Digest, ModelRef, RefKind, Snapshot
from modelaudit.model.errors import UnreachedError, WindowError
from modelaudit.model.limits import Limits
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.sources.claims import (
    ListedFile,
    Listing,
    find_unstorable_names,
    merge_listings,
    parse_digest,
    parse_tree_record,
)
from modelaudit.sources.local import InnerLink, is_within, list_folder, make_blocked_link, resolve_link
from modelaudit.sources.settings import HubSettings
from modelaudit.sources.target import is_commit
from modelaudit.sources.walk import Entry
from modelaudit.sources.windows import FileState, LocalFile

_REPOSITORY = re.compile(r"(?:models|datasets|spaces|kernels)--.+")
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
    def shared_blobs(self) -> str | None:
        """The folder of blobs that all repositories of the cache share; ``None`` without the marker file."""
        store = Path(self.repository).parent / "blobs"
        return str(store) if _is_folder(store) and is_file(store / _SHARED_MARKER) and not store.is_symlink() else None

    def read_listing(self, limits: Limits) -> Listing | None:
        """Read the listing of the commit that the client saved; ``None`` if it is missing or unreadable."""
        path = f"trees/{self.commit}.json"
        try:
            state = FileState.from_stat(os.lstat(f"{self.repository}/{path}"))
            if state.size > limits.document_bytes:
                return None
            with LocalFile(self.repository, path, state, limits.document_bytes)() as window:
                return parse_tree_record(window.read(0, window.size))
        except (OSError, WindowError):
            return None


@dataclass(frozen=True, slots=True)
class CacheSource:
    """A snapshot in a Hub cache, or a folder of one, given as a path. It makes no request."""

    name: str
    cached_commit: CachedCommit
    limits: Limits

    def snapshot(self) -> Snapshot:
        """Combine the files on disk with the files that the listing of the cache names.

        Raises:
            SourceError: the folder cannot be listed.
        """
        known = self.cached_commit.read_listing(self.limits)
        artifacts, notes = list_cached_artifacts(self.cached_commit, self.name, known or {}, self.limits)
        root = f"{self.cached_commit.snapshot}/{self.cached_commit.below}".rstrip("/")
        title = f"the folder is the Hub cache of {self.cached_commit.title} at commit {self.cached_commit.commit}"
        notes = (title, *note_missing_listing(known), *notes)
        return Snapshot(
            ModelRef(RefKind.CACHE, self.name), self.cached_commit.commit, artifacts, root, Path(root), notes
        )


@dataclass(frozen=True, slots=True)
class CachedFileSource:
    """One file of a snapshot in a Hub cache, given as a path. ``place`` is the folder that holds it."""

    name: str
    cached_commit: CachedCommit
    limits: Limits

    def snapshot(self) -> Snapshot:
        """Take the file as the only artifact, with the digests from the blob's name and the listing of the cache.

        Raises:
            SourceError: its folder cannot be listed.
        """
        whole = CacheSource(self.name, self.cached_commit, self.limits).snapshot()
        name = Path(self.name).name
        artifacts = tuple(artifact for artifact in whole.artifacts if artifact.path == name)
        root = Path(whole.origin, name)
        return Snapshot(ModelRef(RefKind.FILE, self.name), self.cached_commit.commit, artifacts, whole.origin, root)


def find_commit_of_folder(path: str) -> CachedCommit | None:
    """Find the cached commit that contains a folder; ``None`` if the folder is outside of a Hub cache."""
    parts = os.path.realpath(path).split("/")
    for at in range(2, len(parts)):
        if parts[at - 1] == "snapshots" and is_commit(parts[at]) and _REPOSITORY.fullmatch(parts[at - 2]):
            return CachedCommit("/".join(parts[: at - 1]), parts[at], "/".join(parts[at + 1 :]))
    return None


def locate_cached_repository(ref: ModelRef, settings: HubSettings) -> str:
    """The folder of the cache for a repository. The folder need not exist."""
    kind = "datasets" if ref.kind is RefKind.DATASET else "models"
    return os.path.realpath(settings.cache / "--".join((kind, *ref.name.split("/"))))


def find_cached_commit(ref: ModelRef, settings: HubSettings) -> CachedCommit | None:
    """Find the commit that the cache recorded for a revision, if its snapshot exists."""
    folder, revision = locate_cached_repository(ref, settings), ref.revision or "main"
    commit = revision
    if not is_commit(revision):
        with contextlib.suppress(OSError, UnicodeError):
            commit = Path(folder, "refs", revision).read_text("ascii").strip()
    place = CachedCommit(folder, commit)
    return place if is_commit(commit) and _is_folder(place.snapshot) else None


def _is_folder(path: str | Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 - Path.is_dir raises without permission


def is_file(path: str | Path) -> bool:
    """Whether the path is a regular file; false without the permission to look."""
    return os.path.isfile(path)  # noqa: PTH113 - Path.is_file raises without permission


def record_commit(place: CachedCommit, revision: str) -> None:
    """Record the commit of a branch or tag for later offline use, as the client does. Errors are ignored."""
    path = Path(place.repository, "refs", revision)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, suffix=".tmp", delete=False) as file:
            file.write(place.commit)
        Path(file.name).replace(path)


def list_cached_artifacts(
    place: CachedCommit, name: str, known: Listing, limits: Limits
) -> tuple[tuple[Artifact, ...], tuple[str, ...]]:
    """List the artifacts of a snapshot, with notes.

    A file on disk carries the digests that its blob's name and the listing claim. A listed file that is not on disk
    becomes an artifact with the obstacle ``content-absent``.

    Raises:
        SourceError: the snapshot's folder cannot be listed.
    """
    prefix = f"{place.below}/" if place.below else ""
    root = f"{place.snapshot}/{place.below}".rstrip("/")
    here = {path.removeprefix(prefix): stated for path, stated in known.items() if path.startswith(prefix)}
    found, notes = list_folder(root, name, limits, lambda entry: _resolve_link(place, root, entry, limits))
    artifacts = [_add_claims(artifact, here.get(artifact.path)) for artifact in found]
    on_disk = {artifact.path for artifact in found}
    unfit = find_unstorable_names(here)
    artifacts += [
        _describe_absent_file(path, stated, unfit.get(path)) for path, stated in here.items() if path not in on_disk
    ]
    extra = sorted(on_disk - here.keys()) if known else []
    if extra:
        notes = (*notes, f"{len(extra)} on disk are not in the Hub's listing of the commit, such as {extra[0]!r}")
    return tuple(sorted(artifacts, key=lambda artifact: artifact.path)), notes


def note_missing_listing(known: Listing | None) -> tuple[str, ...]:
    """Note that a cache has no listing of the commit."""
    if known is not None:
        return ()
    return ("the cache has no listing of this commit, so files that were never downloaded are not known",)


def _add_claims(artifact: Artifact, stated: ListedFile | None) -> Artifact:
    if stated is None:
        return artifact
    claimed = merge_listings({"": ListedFile(None, artifact.claimed)}, {"": stated})[""].claimed
    return Artifact(artifact.path, artifact.size, artifact.open, claimed, artifact.obstacle)


def _describe_absent_file(path: str, stated: ListedFile, problem: str | None) -> Artifact:
    detail = (
        f"the Hub lists it, but it was not fetched: {problem}" if problem else "the Hub lists it, but it is not here"
    )
    return Artifact(path, stated.size or 0, None, stated.claimed, Unread(UnreadReason.CONTENT_ABSENT, detail))


def _resolve_link(place: CachedCommit, root: str, entry: Entry, limits: Limits) -> Artifact | InnerLink:
    """Open a link of a snapshot that ends in the repository's own cache folder or in the shared blobs of the cache."""
    target = resolve_link(root, entry)
    if isinstance(target, Artifact):
        return target
    text, final = target
    try:
        status = os.lstat(final)
    except OSError as error:
        return make_blocked_link(
            entry, UnreadReason.UNREADABLE, f"the link to {text!r} cannot be followed: {error.strerror}"
        )
    if stat.S_ISDIR(status.st_mode) and is_within(final, root):
        return InnerLink(text)
    store = place.shared_blobs
    if is_within(final, place.repository):
        base = place.repository
    elif store and is_within(final, store) and _SHARED_BLOB.fullmatch(os.path.relpath(final, store)):
        base = store
    else:
        return make_blocked_link(
            entry, UnreadReason.LINK_OUTSIDE, f"the link leads to {text!r}, outside the repository's cache"
        )
    if not stat.S_ISREG(status.st_mode):
        return make_blocked_link(
            entry, UnreadReason.NOT_REGULAR, f"the link leads to {text!r}, which is no regular file"
        )
    if not os.access(final, os.R_OK):
        return make_blocked_link(entry, UnreadReason.UNREADABLE, "permission to read the file is denied")
    opener = LocalFile(base, os.path.relpath(final, base), FileState.from_stat(status), limits.read_bytes)
    return Artifact(entry.path, status.st_size, opener, _read_blob_claim(place, root, entry, text))


def _read_blob_claim(place: CachedCommit, root: str, entry: Entry, text: str) -> tuple[Digest, ...]:
    """Read the digest from the name of the link's target, if the target is a blob of the repository."""
    hop = Path(os.path.normpath(Path(root, entry.path).parent / text))
    return parse_digest(hop.name) if hop.parent == Path(place.repository, "blobs") else ()


@dataclass(frozen=True, slots=True)
class OfflineSource:
    """A repository of the Hub in the local cache. It makes no request."""

    ref: ModelRef
    settings: HubSettings
    limits: Limits

    def snapshot(self) -> Snapshot:
        """Take the snapshot that the cache holds for the revision.

        Raises:
            SourceError: the cache does not hold it.
        """
        place = find_cached_commit(self.ref, self.settings)
        if place is None:
            raise UnreachedError(
                f"{str(self.ref)!r} is not in the Hub cache {str(self.settings.cache)!r} and the scan is offline; "
                "fetch it once without --offline and HF_HUB_OFFLINE, or name another cache in HF_HOME."
            )
        known = place.read_listing(self.limits)
        artifacts, notes = list_cached_artifacts(place, str(self.ref), known or {}, self.limits)
        title = f"offline: commit {place.commit} as the cache has it; the Hub was not asked whether it still is current"
        notes = (title, *note_missing_listing(known), *notes)
        return Snapshot(self.ref, place.commit, artifacts, place.snapshot, Path(place.snapshot), notes)
