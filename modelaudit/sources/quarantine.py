"""Take files out of the Hub cache that a scan has proved wrong, so that no loader finds them under their right names.

The client compares sizes only, and never fetches a blob again that its cache holds. A blob whose bytes contradict the
digest in its name is renamed below the same folder, so that nothing is lost, and the client fetches it again. A link
to another blob than the listing names is removed, and that blob stays.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from modelaudit.model.address import read_file_path
from modelaudit.model.artifact import Artifact, RefKind, Snapshot
from modelaudit.model.digest import ClaimSource, find_contradictions
from modelaudit.model.report import ArtifactRecord
from modelaudit.sources.cache import (
    CachedCommit,
    claim_by_blob,
    find_blob_of_link,
    find_blob_of_path,
    find_commit_of_folder,
)
from modelaudit.sources.local import is_within
from modelaudit.sources.windows import FileState, LocalFile

_STATED_BY = frozenset({ClaimSource.HUB, ClaimSource.CACHE})
"""The sources whose digests the client follows, too; a file of checksums changes nothing about the cache."""
_LOCK_SECONDS = 30.0
_MOST_TRIES = 10_000
_MOST_NOTES = 20


class _ChangedError(OSError):
    """The file is not the one that was hashed any more."""


def quarantine_wrong_blobs(snapshot: Snapshot, records: Iterable[ArtifactRecord]) -> tuple[str, ...]:
    """Take the files out of the Hub cache whose bytes contradict their digests; nothing for any other source.

    Args:
        snapshot: the model that was read.
        records: its files, with the digests of their bytes.

    Returns:
        A note for each file that was taken out, or that could not be.
    """
    wrong = [record for record in records if _is_wrong(record)]
    if not wrong or snapshot.root is None:
        return ()
    folder = snapshot.root.parent if snapshot.ref.kind is RefKind.FILE else snapshot.root
    snapshot_commit = find_commit_of_folder(str(folder))
    artifacts = {artifact.path: artifact for artifact in snapshot.artifacts}
    notes = []
    for record in wrong:
        artifact = artifacts.get(record.path)
        if artifact is None or not isinstance(artifact.open, LocalFile):
            continue
        # Of a whole cache or repository, each file tells its snapshot.
        pointer = Path(folder, read_file_path(artifact.path))
        cached_commit = (
            snapshot_commit or find_commit_of_folder(str(pointer.parent)) or _find_commit_of_blob(artifact.open)
        )
        if cached_commit is not None:
            notes.append(_WrongFile(cached_commit, str(folder), artifact, artifact.open, record).take_out())
    if len(notes) > _MOST_NOTES:
        notes = [*notes[:_MOST_NOTES], f"{len(notes) - _MOST_NOTES} more files of the cache were treated like these"]
    return tuple(notes)


def _find_commit_of_blob(file: LocalFile) -> CachedCommit | None:
    """Find the repository of a blob where a whole cache or repository was scanned as a folder; ``None`` for others.

    The commit is not known, and only blobs are taken out.
    """
    path = f"{file.root}/{file.path}"
    return CachedCommit(path.rpartition("/blobs/")[0], "") if find_blob_of_path(path) else None


def _is_wrong(record: ArtifactRecord) -> bool:
    """Whether the bytes of a file contradict a digest by which the client finds files."""
    return any(claim.source in _STATED_BY for claim in record.contradicting_claims)


class _WrongFile(Struct, frozen=True):
    """A file of the cache whose bytes contradict a digest."""

    cached_commit: CachedCommit
    folder: str
    artifact: Artifact
    file: LocalFile
    record: ArtifactRecord

    def take_out(self) -> str:
        """Take the file out of its place, and return a note on it."""
        pointer = f"{self.folder}/{read_file_path(self.artifact.path)}"
        blob = find_blob_of_link(self.cached_commit, pointer)
        if not self.cached_commit.commit:
            blob = self.file.path.rpartition("/")[2]
        try:
            if blob is None:
                done = self._move_plain_file(pointer)
            elif find_contradictions(claim_by_blob(blob), self.record.digests):
                done = self._rename_blob(blob)
            else:
                done = self._remove_link(pointer, blob)
        except _ChangedError:
            return f"the cache was changed while {self.artifact.path!r} was read, and is left as it is; scan again"
        except FileNotFoundError:
            return f"the wrong bytes of {self.artifact.path!r} are not in the cache any more"
        except OSError as error:
            why = error.strerror or str(error)
            # From the cache on: a report leaves the machine on which it was made.
            below = os.path.relpath(pointer, Path(self.cached_commit.repository).parent)
            return (
                f"the cache still holds the wrong bytes of {self.artifact.path!r}, because it cannot be changed "
                f"({why}): delete {blob or below!r} there before a program loads the model"
            )
        return f"{done}, so that no program loads it as {self.artifact.path!r}"

    def _rename_blob(self, blob: str) -> str:
        """Rename a blob below the client's lock."""
        from huggingface_hub.utils._fixes import WeakFileLock  # the client takes a while to load

        repository = Path(self.cached_commit.repository)
        path = Path(f"{self.file.root}/{self.file.path}")
        shared_blobs = self.cached_commit.shared_blobs
        is_shared = shared_blobs is not None and is_within(str(path), shared_blobs)
        # A link in the place of the blob is renamed itself, unless it leads into the store that repositories share.
        path = path if is_shared else repository / "blobs" / blob
        lock = repository.parent / ".locks" / repository.name / f"{blob}.lock"
        lock.parent.mkdir(parents=True, exist_ok=True)
        if os.path.realpath(lock.parent) != str(lock.parent):
            raise OSError("its folder of locks is a link")
        with WeakFileLock(lock, timeout=_LOCK_SECONDS):
            if not path.is_symlink() or is_shared:
                self._check_unchanged()
            renamed = _rename(path, path)
        return f"the blob {blob!r} of the cache does not have that digest and was renamed to {renamed.name!r}"

    def _move_plain_file(self, pointer: str) -> str:
        """Move a file that lies in the place of a link to the folder of blobs."""
        self._check_unchanged()
        blobs = Path(self.cached_commit.repository, "blobs")
        blobs.mkdir(exist_ok=True)
        stated = next(claim.digest.value for claim in self.record.contradicting_claims)
        renamed = _rename(Path(pointer), blobs / stated)
        return f"a file of the snapshot contradicts its digest and was moved to 'blobs/{renamed.name}'"

    def _remove_link(self, pointer: str, blob: str) -> str:
        """Remove a link to a blob that has its own digest, but not the one that is stated for the file."""
        Path(pointer).unlink()
        return f"a link of the snapshot to the blob {blob!r} of another file was removed"

    def _check_unchanged(self) -> None:
        """Raise ``_ChangedError`` if the file is not the one that was hashed; ``OSError`` if it is gone."""
        current, hashed = FileState.from_stat(self.file.status()), self.file.state
        if (current.identity, current.size, current.modified) != (hashed.identity, hashed.size, hashed.modified):
            raise _ChangedError


def _rename(path: Path, target: Path) -> Path:
    """Rename a file to ``TARGET.rejected-1``, or the next number that is free, and return its path."""
    for number in range(1, _MOST_TRIES):
        renamed = target.with_name(f"{target.name}.rejected-{number}")
        if not os.path.lexists(renamed):
            return path.rename(renamed)
    raise FileExistsError(f"there are {_MOST_TRIES} rejected files of one name")
