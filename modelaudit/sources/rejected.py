"""Keep files whose bytes contradict a stated digest out of the Hub cache, and let the scan examine them nevertheless.

The client names a blob after the digest that a server states, compares sizes only, and never fetches a blob again that
its cache holds. Without this module, one answer of a hostile server would stay for every later scan and loader.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import threading
import weakref
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct, field

from modelaudit.integrity.digests import Hashers, compare_digests
from modelaudit.model.artifact import Artifact, Snapshot, Window
from modelaudit.model.copies import replace
from modelaudit.model.digest import Digest, DigestState
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import Limits
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.sources.cache import CachedCommit, claim_by_blob
from modelaudit.sources.partial import PartialFile
from modelaudit.sources.windows import FileState, FileWindow, LocalFile

_PIECE_BYTES = 1 << 20
_FOLDER_PREFIX = ".rejected-"
_MOST_TRIES = 100


class _TemporaryFolder:
    """A new folder below ``parent`` that is removed when nothing refers to it any more, or when Python ends.

    It is locked until then. The system unlocks it when its process dies, so that a later download can remove it.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, parent: str) -> None:
        for _ in range(_MOST_TRIES):
            self.path = tempfile.mkdtemp(prefix=_FOLDER_PREFIX, dir=parent)
            lock = _lock_folder(self.path)
            # Another download may have removed the folder before it was locked.
            if lock is not None or os.path.lexists(self.path):
                break
        self.remove = weakref.finalize(self, _remove_locked_folder, self.path, lock)


def remove_abandoned_folders(repository: str) -> None:
    """Remove the folders of rejected files whose process ended without removing them, such as by SIGKILL.

    Args:
        repository: the folder of the repository in the cache.
    """
    for name in os.listdir(repository):  # noqa: PTH208 - a path of text
        path = f"{repository}/{name}"
        if name.startswith(_FOLDER_PREFIX) and (lock := _lock_folder(path)) is not None:
            _remove_locked_folder(path, lock)


def _lock_folder(path: str) -> int | None:
    """Lock a folder, and return the descriptor that holds the lock; ``None`` if it is locked or was removed."""
    try:
        lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_DIRECTORY)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(lock), os.lstat(path)):
            return lock
    except OSError:  # it is locked or was removed
        pass
    os.close(lock)
    return None


def _remove_locked_folder(path: str, lock: int | None) -> None:
    """Remove a folder with its content, and then its lock if the file system has locks."""
    shutil.rmtree(path, ignore_errors=True)
    if lock is not None:
        os.close(lock)


class _RejectedFile(Struct, frozen=True):
    """Opens a file that is no longer in the cache, and keeps its folder for as long as the file may be opened."""

    file: LocalFile
    folder: _TemporaryFolder | None

    def __call__(self) -> FileWindow:
        """Open a window. Raises ``WindowError``."""
        return self.file()


class RejectedFiles(Struct):
    """The files of one download that are not kept in the cache. Several threads use it at a time.

    Attributes:
        cached_commit: the commit that is fetched.
        limits: bounds on reads.
        artifacts: the rejected files by path. They open from a folder that no other program reads, and that is removed
            with the last of them.
    """

    cached_commit: CachedCommit
    limits: Limits
    artifacts: dict[str, Artifact] = field(default_factory=dict)
    _folder: _TemporaryFolder | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def notes(self) -> tuple[str, ...]:
        """A note that names the rejected files; none if there are none."""
        if not self.artifacts:
            return ()
        example = f"{len(self.artifacts)}, such as {min(self.artifacts)!r}"
        return (f"fetched files that were not kept in the cache, because their bytes contradict a digest: {example}",)

    def discard(self) -> None:
        """Remove the rejected files, because no scan will examine them."""
        self.artifacts.clear()
        if self._folder is not None:
            self._folder.remove()

    def take(self, name: str, partial: PartialFile, blob: str) -> None:
        """Take a fetched file that contradicts its digests, so that it never gets its place in the cache.

        Args:
            name: its path in the repository.
            partial: its bytes.
            blob: the name of the blob that it would have become.

        Raises:
            OSError: it cannot be moved.
        """
        with self._lock:
            if self._folder is None:
                self._folder = _TemporaryFolder(self.cached_commit.repository)
            place = str(len(self.artifacts) + 1)
            Path(partial.path).rename(f"{self._folder.path}/{place}")
            self._record(name, self._describe_file(self._folder.path, place), blob)

    def leave(self, name: str, blob: str) -> None:
        """Let a file be examined where its blob is: the bytes have the digest in its name, and the listing another."""
        with self._lock:
            self._record(name, self._describe_file(self.cached_commit.repository, f"blobs/{blob}"), blob)

    def _record(self, name: str, file: LocalFile, blob: str) -> None:
        """Record a rejected file where it is now."""
        opener = _RejectedFile(file, self._folder)
        self.artifacts[name] = Artifact(name, file.state.size, opener, claim_by_blob(blob))

    def _describe_file(self, root: str, path: str) -> LocalFile:
        """Return the opener of a regular file below ``root``."""
        return LocalFile(root, path, FileState.from_stat(os.lstat(f"{root}/{path}")), self.limits.read_bytes)


def _hash_pieces(pieces: Iterable[bytes], size: int, claims: Iterable[Digest]) -> tuple[Digest, ...]:
    """Hash the pieces of a file of ``size`` bytes, for the algorithms of ``claims`` only."""
    hashers = Hashers({claim.algorithm for claim in claims}, size)
    for piece in pieces:
        hashers.update(piece)
    return hashers.conclude()


def close_altered_files(snapshot: Snapshot, most_bytes: int) -> Snapshot:
    """Return the snapshot without the content of files that contradict a claimed digest.

    For files that are read for their terms alone: the digests of such files are compared nowhere else.

    Args:
        snapshot: the files.
        most_bytes: larger files are not compared: they are weights, and only their head is read.
    """
    artifacts = (each if each.size > most_bytes else _close_if_altered(each) for each in snapshot.artifacts)
    return snapshot.with_artifacts(artifacts)


def _close_if_altered(artifact: Artifact) -> Artifact:
    """Return the artifact without content if its bytes contradict a claimed digest."""
    if artifact.open is None or not artifact.claimed:
        return artifact
    try:
        with artifact.open() as window:
            computed = _hash_pieces(_iterate_pieces(window), window.size, artifact.claimed)
    except WindowError:
        return artifact  # the reader of the file meets this failure too, and reports it
    if compare_digests(artifact.claimed, computed) is not DigestState.MISMATCH:
        return artifact
    unread = Unread(UnreadReason.DAMAGED, "its bytes contradict the digest that its source states")
    return replace(artifact, open=None, obstacle=unread)


def _iterate_pieces(window: Window) -> Iterable[bytes]:
    """Yield the bytes of a window in order. Raises ``WindowError``."""
    for offset in range(0, window.size, _PIECE_BYTES):
        yield window.read(offset, _PIECE_BYTES)
