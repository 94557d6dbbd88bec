"""The Hub cache on disk: ``models--org--name/{blobs,refs,snapshots,trees}``, as huggingface_hub lays it out."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from msgspec import Struct

from modelaudit.model.artifact import Artifact, ModelRef, RefKind
from modelaudit.model.copies import replace
from modelaudit.model.digest import Claim, ClaimSource, sort_claims
from modelaudit.model.evidence import Statements
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.source_fact import SourceFact, SourceFactKind
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.sources.claims import (
    ListedFile,
    StatedListing,
    find_unstorable_names,
    merge_listings,
    parse_digest,
)
from modelaudit.sources.folder_records import add_listed_claims
from modelaudit.sources.local import InnerLink, is_within, list_folder, make_blocked_link, resolve_link
from modelaudit.sources.records import (
    RecordedDescription,
    locate_description_record,
    locate_tree_record,
    read_description_record,
    read_tree_record,
    replace_text,
)
from modelaudit.sources.references import locate_reference, read_reference, read_reference_text
from modelaudit.sources.settings import HubSettings
from modelaudit.sources.target import is_commit
from modelaudit.sources.walk import Entry
from modelaudit.sources.windows import FileState, LocalFile

_REPOSITORY = defer_pattern(r"(?:models|datasets|spaces|kernels)--.+")
# models--org--name above; below, a shared blob such as "ab/ab12…", named by its SHA-256.
_SHARED_BLOB = defer_pattern(r"([0-9a-f]{2})/\1[0-9a-f]{62}")
_SHARED_MARKER = ".huggingface-shared-blobs"


class CachedCommit(Struct, frozen=True):
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


def find_commit_of_folder(path: str, real_path: str | None = None) -> CachedCommit | None:
    """Find the cached commit that contains the folder ``path``; ``None`` if it lies outside of a Hub cache.

    ``real_path`` is the path without links, if it is known.

    Such a folder lies at or below ``models--org--name/snapshots/<commit>``. A snapshot that is a link to another place
    is a snapshot all the same, because programs load the model by it.
    """
    real_path = os.path.realpath(path) if real_path is None else real_path
    spelled_path = os.path.abspath(path)  # noqa: PTH100 - keeps links
    found = _find_commit(real_path)
    if found is not None or spelled_path == real_path:
        return found
    spelled = _find_commit(spelled_path)
    # A link before ".." makes another place of the path.
    return spelled if spelled is not None and os.path.realpath(spelled_path) == real_path else None


def _find_commit(path: str) -> CachedCommit | None:
    """Find the cached commit in the parts of an absolute path."""
    parts = path.split("/")
    for index in range(2, len(parts)):
        repository, folder, commit = parts[index - 2 : index + 1]
        if _REPOSITORY.fullmatch(repository) and folder == "snapshots" and is_commit(commit):
            real = os.path.realpath("/".join(parts[: index - 1]))
            return CachedCommit(real, commit, "/".join(parts[index + 1 :]))
    return None


def is_cached_repository(path: str) -> bool:
    """Whether a path has the form of a repository in a Hub cache: its last part is ``models--org--name``."""
    return _REPOSITORY.fullmatch(path.rpartition("/")[2]) is not None


def locate_cached_repository(ref: ModelRef, settings: HubSettings) -> str:
    """Return the folder of the cache for a repository. The folder need not exist."""
    kind = "datasets" if ref.kind is RefKind.DATASET else "models"
    return os.path.realpath(settings.cache / "--".join((kind, *ref.name.split("/"))))


def find_cached_commit(ref: ModelRef, settings: HubSettings) -> CachedCommit | None:
    """Find the commit that the cache recorded for the revision of ``ref``; ``None`` if its snapshot is not there."""
    folder, revision = locate_cached_repository(ref, settings), ref.revision or "main"
    commit = revision if is_commit(revision) else read_reference(folder, revision)
    if commit is None:
        return None
    cached_commit = CachedCommit(folder, commit)
    return cached_commit if _is_folder(cached_commit.snapshot) else None


def _is_folder(path: str | Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 - Path.is_dir raises without permission


def is_file(path: str | Path) -> bool:
    """Whether the path is a regular file; false without the permission to look."""
    return os.path.isfile(path)  # noqa: PTH113 - Path.is_file raises without permission


def record_commit(cached_commit: CachedCommit, revision: str) -> None:
    """Record the commit of a branch or tag in ``refs`` for later offline use, as the client does.

    A record of the same commit stays, so that its date remains that on which the commit was first recorded.
    """
    if read_reference(cached_commit.repository, revision) != cached_commit.commit:
        replace_text(Path(cached_commit.repository, "refs", revision), cached_commit.commit)


class ListedArtifacts(Struct, frozen=True):
    """The artifacts of a snapshot in a Hub cache, sorted by path, with notes and facts about them."""

    artifacts: tuple[Artifact, ...]
    notes: tuple[str, ...]
    facts: tuple[SourceFact, ...]


def list_cached_artifacts(
    cached_commit: CachedCommit,
    name: str,
    listings: Sequence[StatedListing],
    limits: Limits,
    failures: Mapping[str, Unread] = MappingProxyType({}),
    rejected: Iterable[Artifact] = (),
) -> ListedArtifacts:
    """List the artifacts of a snapshot.

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
    links: set[str] = set()

    def list_claims(path: str) -> tuple[Claim, ...]:
        return tuple(claim for each in listings for claim in each.list_claims(prefix + path))

    def resolve_entry(entry: Entry) -> Artifact | InnerLink:
        links.add(entry.path)
        return _resolve_link(cached_commit, root, entry, limits)

    stored, notes = list_folder(root, name, limits, resolve_entry)
    plain = [artifact.path for artifact in stored if artifact.open and artifact.path not in links] if links else []
    stored = (*stored, *rejected)
    artifacts = [
        add_listed_claims(artifact, listed_below.get(artifact.path), list_claims(artifact.path)) for artifact in stored
    ]
    on_disk = {artifact.path for artifact in stored}
    unstorable = find_unstorable_names(listed_below)
    artifacts += [
        _describe_absent_file(path, stated, list_claims(path), unstorable.get(path), failures.get(path))
        for path, stated in listed_below.items()
        if path not in on_disk
    ]
    facts = _list_unlisted(cached_commit, listings, prefix, on_disk)
    unlisted = {fact.path for fact in facts}
    detail = "it is a file of its own, where the client makes a link to a blob"
    facts += [
        SourceFact(SourceFactKind.PLAIN_FILE, path, ClaimSource.CACHE, detail) for path in plain if path not in unlisted
    ]
    detour = find_detour(cached_commit)
    if detour is not None:
        record = os.path.relpath(f"{cached_commit.repository}/{locate_reference(cached_commit.commit)}", root)
        artifacts.append(Artifact(record, 0, None, (), detour))
    return ListedArtifacts(tuple(sorted(artifacts, key=lambda artifact: artifact.path)), notes, tuple(facts))


def _list_unlisted(
    cached_commit: CachedCommit, listings: Sequence[StatedListing], prefix: str, on_disk: Iterable[str]
) -> list[SourceFact]:
    """List the files on disk that the listing of the commit lacks; none without a listing.

    A program that writes to the cache can add a file to its record of the listing, and not to an answer of the Hub.
    """
    if not listings:
        return []
    stated_now = [each for each in listings if each.source is ClaimSource.HUB and each.files]
    decisive = merge_listings(*(each.files for each in stated_now or listings))
    source = ClaimSource.HUB if stated_now else ClaimSource.CACHE
    detail = f"the listing of commit {cached_commit.commit} names {len(decisive)} files"
    return [
        SourceFact(SourceFactKind.UNLISTED, path, source, detail)
        for path in sorted(on_disk)
        if prefix + path not in decisive
    ]


def find_detour(cached_commit: CachedCommit) -> Unread | None:
    """Return an absence if a reference leads programs that name the commit to another one.

    The client looks for a reference before it takes a revision for a commit, and writes none for a commit itself.
    """
    target = read_reference_text(cached_commit.repository, cached_commit.commit)
    if target in (None, cached_commit.commit):
        return None
    detail = f"programs that name this commit load {target[:100]!r} in its place; delete this reference"
    return Unread(UnreadReason.UNVERIFIED_BYTES, detail)


def list_recorded_artifacts(cached_commit: CachedCommit, name: str, limits: Limits) -> ListedArtifacts:
    """List the artifacts of a snapshot by what the cache records of the two listings of its commit.

    A record of the tree that is missing or cannot be read is an artifact with that obstacle.

    Raises:
        SourceError: the snapshot's folder cannot be listed.
    """
    listings, unread = read_recorded_listings(cached_commit, limits)
    listed = list_cached_artifacts(cached_commit, name, listings, limits)
    # The relative path leads out of the snapshot, so no file of the model has it.
    folder = f"{cached_commit.snapshot}/{cached_commit.below}"
    unread_records = (
        Artifact(os.path.relpath(f"{cached_commit.repository}/{record}", folder), 0, None, (), content)
        for record, content in unread.items()
    )
    return replace(listed, artifacts=(*listed.artifacts, *unread_records))


def read_recorded_listings(
    cached_commit: CachedCommit, limits: Limits
) -> tuple[tuple[StatedListing, ...], dict[str, Unread]]:
    """Return the listings of a commit that the cache records, and the absence of each record that was not read."""
    repository, commit = cached_commit.repository, cached_commit.commit
    tree = read_tree_record(repository, commit, limits)
    description = read_description_record(repository, commit, limits)
    listings = []
    # The description adds to the tree, and names few of the files without it.
    if isinstance(description, RecordedDescription) and isinstance(tree, Mapping):
        listings.append(StatedListing(ClaimSource.CACHE, locate_description_record(commit), description.listing))
    if isinstance(tree, Mapping):
        listings.append(StatedListing(ClaimSource.CACHE, locate_tree_record(commit), tree))
    if tree is None:
        missing = (
            "the cache has no listing of this commit, so nothing shows whether these are its files; compare it with a "
            "lock, or fetch the commit again with a client that records it (huggingface_hub 2.4 does)"
        )
        tree = Unread(UnreadReason.UNVERIFIED_BYTES, missing)
    records = {locate_tree_record(commit): tree, locate_description_record(commit): description}
    return tuple(listings), {path: each for path, each in records.items() if isinstance(each, Unread)}


def read_recorded_statements(cached_commit: CachedCommit, limits: Limits) -> tuple[Statements | None, tuple[str, ...]]:
    """Read the Hub's own statements on the commit, which the cache records; without them, return a note instead."""
    description = read_description_record(cached_commit.repository, cached_commit.commit, limits)
    if isinstance(description, RecordedDescription):
        return description.statements, ()
    return None, ("the cache has no record of the Hub's own statements on licence and base models (its tags)",)


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
        blob = find_blob_of_link(cached_commit, f"{root}/{entry.path}")
        if blob is None or os.path.lexists(f"{cached_commit.repository}/blobs/{blob}"):
            return resolved
        detail = f"its blob {blob} is not in the cache"
        return replace(resolved, obstacle=Unread(UnreadReason.CONTENT_ABSENT, detail))
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
    blob = find_blob_of_link(cached_commit, f"{root}/{entry.path}")
    moved_blobs = os.path.realpath(f"{cached_commit.repository}/blobs")
    if is_within(real_path, cached_commit.repository):
        opening_root = cached_commit.repository
    # The folder of blobs may lie on another disk, behind a link; the name of a blob there is its digest all the same.
    elif real_path == f"{moved_blobs}/{blob}" and claim_by_blob(blob):
        opening_root = moved_blobs
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
            entry, UnreadReason.NOT_REGULAR, f"the link leads to {link_text!r}, which is not a regular file"
        )
    if not os.access(real_path, os.R_OK):
        return make_blocked_link(entry, UnreadReason.UNREADABLE, "permission to read the file is denied")
    opener = LocalFile(
        opening_root, os.path.relpath(real_path, opening_root), FileState.from_stat(status), limits.read_bytes
    )
    return Artifact(entry.path, status.st_size, opener, claim_by_blob(blob))


def claim_by_blob(blob: str | None) -> tuple[Claim, ...]:
    """Return the claim that the name of a blob makes; none if it is not a digest."""
    return tuple(Claim(digest, ClaimSource.CACHE, f"blobs/{blob}") for digest in parse_digest(blob))


def find_blob_of_path(path: str) -> str | None:
    """Return the name of a blob of a repository in a Hub cache by its absolute path; ``None`` for another file."""
    repository, _, blob = path.rpartition("/blobs/")
    return blob if is_cached_repository(repository) and parse_digest(blob) else None


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
