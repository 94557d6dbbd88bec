"""Recognise what the Hub's client keeps for itself in its cache, where a whole cache or repository of it is scanned.

Such a scan reads the blobs and every snapshot as a plain folder. The name of a blob is a claim about its bytes, and the
recorded listing of a commit states the files of its snapshot.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from modelaudit.model.artifact import Artifact
from modelaudit.model.digest import ClaimSource
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.source_fact import SourceFact, SourceFactKind
from modelaudit.model.tree import is_bookkeeping
from modelaudit.sources.cache import CachedCommit, claim_by_blob, find_detour, read_recorded_listings
from modelaudit.sources.claims import merge_listings
from modelaudit.sources.download_records import is_cache_tag
from modelaudit.sources.folder_records import FolderRecords
from modelaudit.sources.records import RecordedDescription, read_description_record, read_tree_record
from modelaudit.sources.references import locate_reference
from modelaudit.sources.scan_records import ScansRecord, read_scans_record
from modelaudit.sources.target import is_commit
from modelaudit.sources.windows import LocalFile

_MOST_BYTES: Final = 1024
_REPOSITORY: Final = r"(?:.*/)?(?:models|datasets|spaces|kernels)--[^/]+"
_COMMIT: Final = r"[0-9a-f]{40}"
_REFERENCE: Final = defer_pattern(rf"({_REPOSITORY}/refs)/.+")
_ABSENT: Final = defer_pattern(rf"({_REPOSITORY}/\.no_exist)/{_COMMIT}/.+")
_LOCK: Final = defer_pattern(r"((?:.*/)?\.locks)/(?:models|datasets|spaces|kernels)--[^/]+/[^/]+\.lock")
_TREE: Final = defer_pattern(rf"({_REPOSITORY})/trees/({_COMMIT})(\.description|\.scans)?\.json")
_BLOB: Final = defer_pattern(rf"{_REPOSITORY}/blobs/([0-9a-f]{{40}}|[0-9a-f]{{64}})")
_TAG: Final = defer_pattern(r"(?:(.*)/)?CACHEDIR\.TAG")
_SNAPSHOT: Final = defer_pattern(rf"({_REPOSITORY})/snapshots/([^/]+)/.+")


def read_cache_folders(records: FolderRecords) -> None:
    """Set the bookkeeping of the cache aside, and add the claims of the names of blobs; nothing in other folders."""
    name = records.root.rpartition("/")[2]
    # Folders of the cache have two hyphens in their names.
    if "--" not in name and not any("--" in path or path.endswith("CACHEDIR.TAG") for path in records.artifacts):
        return
    files = ((path, each.open) for path, each in records.artifacts.items() if isinstance(each.open, LocalFile))
    linked = {file.path for path, file in files if file.path != path}
    _read_snapshots(records, name)
    for path, artifact in list(records.artifacts.items()):
        # The scanned folder itself may be that of a repository.
        folder = _find_bookkeeping(records, path, artifact, f"{name}/{path}")
        if folder is not None:
            _set_aside(records, path, folder.partition("/")[2] or ".")
            continue
        file = artifact.open
        if path in linked and _BLOB.fullmatch(f"{name}/{path}"):
            # It is read under the names that loaders know, which decide what it is.
            _set_aside(records, path, path.rpartition("/")[0])
            continue
        blob = _BLOB.fullmatch(f"{name}/{file.path}") if isinstance(file, LocalFile) else None
        if blob is not None:
            records.claims[path] += claim_by_blob(blob[1])


def _set_aside(records: FolderRecords, path: str, folder: str) -> None:
    """Take a file of the client out of the model. It needs no claim, and a tree digest covers it."""
    if not is_bookkeeping(path):
        records.recognise([path])
    records.set_aside([path], folder)


def _find_bookkeeping(records: FolderRecords, path: str, artifact: Artifact, full_path: str) -> str | None:
    """Return the folder that a file of the client belongs to; ``None`` if it is a file of a model."""
    if artifact.open is None:
        return None
    for pattern in (_ABSENT, _LOCK):
        match = pattern.fullmatch(full_path)
        if match is not None and artifact.size == 0:
            return match[1]
    reference = _REFERENCE.fullmatch(full_path)
    if reference is not None and re.fullmatch(_COMMIT.encode(), records.read(path, _MOST_BYTES) or b""):
        return reference[1]
    tag = _TAG.fullmatch(full_path)
    if tag is not None and is_cache_tag(records.read(path, _MOST_BYTES) or b""):
        return full_path
    tree = _TREE.fullmatch(full_path)
    if tree is None:
        return None
    repository = _locate(records, tree[1])
    readers = {".description": read_description_record, ".scans": read_scans_record}
    reader = readers.get(tree[3], read_tree_record)
    is_read = isinstance(reader(repository, tree[2], records.limits), Mapping | RecordedDescription | ScansRecord)
    return f"{tree[1]}/trees" if is_read else None


def _locate(records: FolderRecords, full_path: str) -> str:
    """Return the absolute path of a folder whose path begins with the name of the scanned one."""
    return f"{records.root.rpartition('/')[0]}/{full_path}"


def _read_snapshots(records: FolderRecords, name: str) -> None:
    """Compare each snapshot with the listing of its commit.

    Args:
        records: of the scanned folder, before bookkeeping is set aside.
        name: of the scanned folder, which may be that of a repository.
    """
    snapshots: dict[tuple[str, str], list[str]] = {}
    for path in records.artifacts:
        match = _SNAPSHOT.fullmatch(f"{name}/{path}")
        if match is not None and not is_commit(match[2]):
            # The client loads a snapshot with the name of a branch too, if the branch has no reference.
            detail = f"the client makes no snapshot {match[2][:100]!r}, which is not the id of a commit"
            records.facts.append(SourceFact(SourceFactKind.UNLISTED, path, ClaimSource.CACHE, detail))
        elif match is not None:
            snapshots.setdefault((match[1], match[2]), []).append(path)
    for (repository, commit), paths in snapshots.items():
        folder = repository.removeprefix(name).removeprefix("/")
        _Snapshot(records, CachedCommit(_locate(records, repository), commit), folder).apply(paths)


class _Snapshot(Struct, frozen=True):
    """A snapshot below the scanned folder; ``folder`` is the path of that of its repository, empty for the scanned."""

    records: FolderRecords
    cached_commit: CachedCommit
    folder: str

    def apply(self, paths: list[str]) -> None:
        """Add the claims of the listings on the files at ``paths``, and what the two disagree on."""
        records, commit = self.records, self.cached_commit.commit
        listings, unread = read_recorded_listings(self.cached_commit, records.limits)
        detour = find_detour(self.cached_commit)
        absences = unread if detour is None else {**unread, locate_reference(commit): detour}
        for record, absence in absences.items():
            path = posixpath.join(self.folder, record)
            records.artifacts[path] = Artifact(path, 0, None, (), absence)
        if not listings:
            return
        listing = merge_listings(*(each.files for each in listings))
        prefix = posixpath.join(self.folder, "snapshots", commit, "")
        for name, listed in listing.items():
            path = prefix + name
            records.claims[path] += [claim for each in listings for claim in each.list_claims(name)]
            records.listed[path] = listed, f"the listing of commit {commit} names it, and it is not in the snapshot"
        for path in paths:
            self._compare(path, path.removeprefix(prefix) in listing)

    def _compare(self, path: str, is_listed: bool) -> None:
        """Add a fact about a file that is not listed, and about one that the client did not write."""
        file = self.records.artifacts[path].open
        kind, detail = SourceFactKind.UNLISTED, f"the listing of commit {self.cached_commit.commit} lacks it"
        if is_listed:
            if not isinstance(file, LocalFile) or file.path != path:
                return
            kind, detail = SourceFactKind.PLAIN_FILE, "it is a file of its own, where the client makes a link to a blob"
        self.records.facts.append(SourceFact(kind, path, ClaimSource.CACHE, detail))
