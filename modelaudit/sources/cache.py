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
from modelaudit.sources.claims import ListedFile, Listing, digest_named, merged, read_tree_record, unfit_names
from modelaudit.sources.local import InnerLink, blocked, link_target, listing, within
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
        below: folder below the snapshot that is looked at; empty for all of it.
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
        """The store of blobs that the repositories of the cache share, where the cache has one that is marked so."""
        store = Path(self.repository).parent / "blobs"
        return str(store) if _is_folder(store) and is_file(store / _SHARED_MARKER) and not store.is_symlink() else None

    def listed(self, limits: Limits) -> Listing | None:
        """The listing of the commit that the client wrote down; ``None`` where there is none that can be read."""
        path = f"trees/{self.commit}.json"
        try:
            state = FileState.of(os.lstat(f"{self.repository}/{path}"))
            if state.size > limits.document_bytes:
                return None
            with LocalFile(self.repository, path, state, limits.document_bytes)() as window:
                return read_tree_record(window.read(0, window.size))
        except (OSError, WindowError):
            return None


@dataclass(frozen=True, slots=True)
class CacheSource:
    """A snapshot in a Hub cache, or a folder of one, given as a path. No Hub is asked."""

    name: str
    place: CachedCommit
    limits: Limits

    def snapshot(self) -> Snapshot:
        """Every file on disk and every file that the cache's own listing names.

        Raises:
            SourceError: the folder cannot be listed.
        """
        known = self.place.listed(self.limits)
        artifacts, notes = artifacts_of(self.place, self.name, known or {}, self.limits)
        root = f"{self.place.snapshot}/{self.place.below}".rstrip("/")
        title = f"the folder is the Hub cache of {self.place.title} at commit {self.place.commit}"
        notes = (title, *unlisted_note(known), *notes)
        return Snapshot(ModelRef(RefKind.CACHE, self.name), self.place.commit, artifacts, root, Path(root), notes)


@dataclass(frozen=True, slots=True)
class CachedFileSource:
    """One file of a snapshot in a Hub cache, given as a path. ``place`` is where its folder lies."""

    name: str
    place: CachedCommit
    limits: Limits

    def snapshot(self) -> Snapshot:
        """The file as the only artifact, with what its blob's name and the cache's listing state.

        Raises:
            SourceError: its folder cannot be listed.
        """
        whole = CacheSource(self.name, self.place, self.limits).snapshot()
        name = Path(self.name).name
        artifacts = tuple(artifact for artifact in whole.artifacts if artifact.path == name)
        root = Path(whole.origin, name)
        return Snapshot(ModelRef(RefKind.FILE, self.name), self.place.commit, artifacts, whole.origin, root)


def find_commit(path: str) -> CachedCommit | None:
    """The cached commit that a folder is, or lies in; ``None`` for any other folder."""
    parts = os.path.realpath(path).split("/")
    for at in range(2, len(parts)):
        if parts[at - 1] == "snapshots" and is_commit(parts[at]) and _REPOSITORY.fullmatch(parts[at - 2]):
            return CachedCommit("/".join(parts[: at - 1]), parts[at], "/".join(parts[at + 1 :]))
    return None


def repository_folder(ref: ModelRef, settings: HubSettings) -> str:
    """Where the cache keeps a repository. The folder need not exist."""
    kind = "datasets" if ref.kind is RefKind.DATASET else "models"
    return os.path.realpath(settings.cache / "--".join((kind, *ref.name.split("/"))))


def find_cached(ref: ModelRef, settings: HubSettings) -> CachedCommit | None:
    """The commit that the cache last saw a revision at, if its snapshot is there."""
    folder, revision = repository_folder(ref, settings), ref.revision or "main"
    commit = revision
    if not is_commit(revision):
        with contextlib.suppress(OSError, UnicodeError):
            commit = Path(folder, "refs", revision).read_text("ascii").strip()
    place = CachedCommit(folder, commit)
    return place if is_commit(commit) and _is_folder(place.snapshot) else None


def _is_folder(path: str | Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 - Path.is_dir raises where looking is not permitted


def is_file(path: str | Path) -> bool:
    """Whether a regular file is there, as far as one may look."""
    return os.path.isfile(path)  # noqa: PTH113 - Path.is_file raises where looking is not permitted


def remember(place: CachedCommit, revision: str) -> None:
    """Write down which commit a branch or tag stands at, as the client does, for later offline use. Best effort."""
    path = Path(place.repository, "refs", revision)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, suffix=".tmp", delete=False) as file:
            file.write(place.commit)
        Path(file.name).replace(path)


def artifacts_of(
    place: CachedCommit, name: str, known: Listing, limits: Limits
) -> tuple[tuple[Artifact, ...], tuple[str, ...]]:
    """The artifacts of a snapshot and notes on them.

    A file on disk carries the digests that its blob's name and the listing state; a listed file that is not on disk is
    an artifact with the obstacle ``content-absent``.

    Raises:
        SourceError: the snapshot's folder cannot be listed.
    """
    prefix = f"{place.below}/" if place.below else ""
    root = f"{place.snapshot}/{place.below}".rstrip("/")
    here = {path.removeprefix(prefix): stated for path, stated in known.items() if path.startswith(prefix)}
    found, notes = listing(root, name, limits, lambda entry: _linked(place, root, entry, limits))
    artifacts = [_with_claims(artifact, here.get(artifact.path)) for artifact in found]
    on_disk = {artifact.path for artifact in found}
    unfit = unfit_names(here)
    artifacts += [_absent(path, stated, unfit.get(path)) for path, stated in here.items() if path not in on_disk]
    extra = sorted(on_disk - here.keys()) if known else []
    if extra:
        notes = (*notes, f"{len(extra)} on disk are not in the Hub's listing of the commit, such as {extra[0]!r}")
    return tuple(sorted(artifacts, key=lambda artifact: artifact.path)), notes


def unlisted_note(known: Listing | None) -> tuple[str, ...]:
    """A note for a cache without a listing of the commit."""
    if known is not None:
        return ()
    return ("the cache has no listing of this commit, so files that were never downloaded cannot be told",)


def _with_claims(artifact: Artifact, stated: ListedFile | None) -> Artifact:
    if stated is None:
        return artifact
    claimed = merged({"": ListedFile(None, artifact.claimed)}, {"": stated})[""].claimed
    return Artifact(artifact.path, artifact.size, artifact.open, claimed, artifact.obstacle)


def _absent(path: str, stated: ListedFile, problem: str | None) -> Artifact:
    detail = (
        f"the Hub lists it, but it was not fetched: {problem}" if problem else "the Hub lists it, but it is not here"
    )
    return Artifact(path, stated.size or 0, None, stated.claimed, Unread(UnreadReason.CONTENT_ABSENT, detail))


def _linked(place: CachedCommit, root: str, entry: Entry, limits: Limits) -> Artifact | InnerLink:
    """A link of a snapshot opens if it ends in the repository's own cache folder or in the cache's shared blobs."""
    target = link_target(root, entry)
    if isinstance(target, Artifact):
        return target
    text, final = target
    try:
        status = os.lstat(final)
    except OSError as error:
        return blocked(entry, UnreadReason.UNREADABLE, f"the link to {text!r} cannot be followed: {error.strerror}")
    if stat.S_ISDIR(status.st_mode) and within(final, root):
        return InnerLink(text)
    store = place.shared_blobs
    if within(final, place.repository):
        base = place.repository
    elif store and within(final, store) and _SHARED_BLOB.fullmatch(os.path.relpath(final, store)):
        base = store
    else:
        return blocked(entry, UnreadReason.LINK_OUTSIDE, f"the link leads to {text!r}, outside the repository's cache")
    if not stat.S_ISREG(status.st_mode):
        return blocked(entry, UnreadReason.NOT_REGULAR, f"the link leads to {text!r}, which is no regular file")
    if not os.access(final, os.R_OK):
        return blocked(entry, UnreadReason.UNREADABLE, "permission to read the file is denied")
    opener = LocalFile(base, os.path.relpath(final, base), FileState.of(status), limits.read_bytes)
    return Artifact(entry.path, status.st_size, opener, _blob_claim(place, root, entry, text))


def _blob_claim(place: CachedCommit, root: str, entry: Entry, text: str) -> tuple[Digest, ...]:
    """The digest that the first hop's name states, if that hop is a blob of the repository."""
    hop = Path(os.path.normpath(Path(root, entry.path).parent / text))
    return digest_named(hop.name) if hop.parent == Path(place.repository, "blobs") else ()


@dataclass(frozen=True, slots=True)
class OfflineSource:
    """A repository of the Hub as the local cache has it. No request is made."""

    ref: ModelRef
    settings: HubSettings
    limits: Limits

    def snapshot(self) -> Snapshot:
        """The snapshot that the cache holds for the revision.

        Raises:
            SourceError: the cache does not have it.
        """
        place = find_cached(self.ref, self.settings)
        if place is None:
            raise UnreachedError(
                f"{str(self.ref)!r} is not in the Hub cache {str(self.settings.cache)!r} and the scan is offline; "
                "fetch it once without --offline and HF_HUB_OFFLINE, or name another cache in HF_HOME."
            )
        known = place.listed(self.limits)
        artifacts, notes = artifacts_of(place, str(self.ref), known or {}, self.limits)
        title = f"offline: commit {place.commit} as the cache has it; the Hub was not asked whether it still is current"
        notes = (title, *unlisted_note(known), *notes)
        return Snapshot(self.ref, place.commit, artifacts, place.snapshot, Path(place.snapshot), notes)
