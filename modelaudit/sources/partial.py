"""Files of the cache that are not complete yet: locked, hashed as they are written, and continued by a later run."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import uuid
from collections.abc import Collection
from typing import Self

from modelaudit.integrity.digests import Hashers
from modelaudit.model.digest import Digest, DigestAlgorithm
from modelaudit.model.limits import MIB
from modelaudit.sources.windows import FileState

_SUFFIX = ".modelaudit.incomplete"
_KEPT_BYTES = MIB
"""The smallest partial file that a later run continues; fetching fewer bytes again takes a moment."""
_PIECE_BYTES = MIB
_OPEN_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_MOST_TRIES = 100


class PartialFile:
    """An open file in a folder of blobs that receives the bytes of one file of a repository.

    It is locked. The system unlocks it when its process dies, so that a later run can continue or remove it.

    Attributes:
        path: of the file.
        size: bytes in it.
        has_earlier_bytes: whether some of the bytes were written by an earlier run.

    Args:
        folder: of the blobs.
        name: of the blob, by which a later run finds the file again; empty if it is not known.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, folder: str, name: str) -> None:
        for _ in range(_MOST_TRIES):
            self.path = f"{folder}/{name or uuid.uuid4().hex}{_SUFFIX}"
            descriptor = _open_locked(self.path)
            if descriptor is not None:
                break
            name = ""  # another process writes this file
        else:
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN), folder)
        self._descriptor = descriptor
        self.size = os.fstat(descriptor).st_size
        self.has_earlier_bytes = self.size > 0
        self._algorithms: frozenset[DigestAlgorithm] = frozenset()
        self._hashers = Hashers((), 0)
        self._hashed_size = 0
        self._modified = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def hash_by(self, algorithms: Collection[DigestAlgorithm], size: int) -> None:
        """Begin to hash the bytes that the file has and those that will be written, unless that has begun.

        Args:
            algorithms: of the digests.
            size: bytes that the complete file will have; a git blob id covers it.

        Raises:
            OSError: it cannot be read.
        """
        self._hashed_size = size
        if self._algorithms == set(algorithms):
            return
        self._algorithms = frozenset(algorithms)
        self._hashers = Hashers(algorithms, size)
        for offset in range(0, self.size, _PIECE_BYTES):
            self._hashers.update(os.pread(self._descriptor, min(_PIECE_BYTES, self.size - offset), offset))

    def write(self, piece: bytes) -> None:
        """Append bytes. Raises ``OSError``."""
        self._hashers.update(piece)
        rest = memoryview(piece)
        while rest:
            written = os.pwrite(self._descriptor, rest, self.size)
            self.size += written
            rest = rest[written:]

    def restart(self) -> None:
        """Remove the bytes so far. Raises ``OSError``."""
        os.ftruncate(self._descriptor, 0)
        self._algorithms, self._hashers = frozenset(), Hashers((), 0)
        self.size = 0
        self.has_earlier_bytes = False

    def compute_digests(self) -> tuple[Digest, ...]:
        """Return the digests of the complete file. Raises ``OSError``."""
        if self._hashed_size != self.size:  # the size was not stated, or another one was
            algorithms, self._algorithms = self._algorithms, frozenset()
            self.hash_by(algorithms, self.size)
        self._modified = os.fstat(self._descriptor).st_mtime_ns
        return self._hashers.conclude()

    def read_state(self) -> FileState | None:
        """Return the state of the file, whatever its path is now; ``None`` if it was written to since it was hashed."""
        state = FileState.from_stat(os.fstat(self._descriptor))
        return state if state.modified == self._modified else None

    def remove_if_short(self) -> None:
        """Remove the file, unless it has so many bytes that a later run should continue it."""
        if self.size < _KEPT_BYTES:
            self.remove()

    def remove(self) -> None:
        """Remove the file from its folder, if it still is there."""
        with contextlib.suppress(OSError):
            if os.path.samestat(os.fstat(self._descriptor), os.lstat(self.path)):
                os.unlink(self.path)  # noqa: PTH108 - a path of text

    def close(self) -> None:
        """Close and unlock the file."""
        os.close(self._descriptor)


def measure_partial(folder: str, name: str) -> int:
    """Return the bytes of the partial file of a blob; 0 if there is none."""
    try:
        return os.lstat(f"{folder}/{name}{_SUFFIX}").st_size
    except OSError:
        return 0


def remove_abandoned_partials(folder: str, kept: Collection[str] = ()) -> None:
    """Remove the partial files of a folder that no process writes, but those at the paths in ``kept``."""
    for name in os.listdir(folder):  # noqa: PTH208 - a path of text
        path = f"{folder}/{name}"
        if not name.endswith(_SUFFIX) or path in kept:
            continue
        with contextlib.suppress(OSError):
            descriptor = _open_locked(path)
            if descriptor is not None:
                os.unlink(path)  # noqa: PTH108 - a path of text
                os.close(descriptor)


def _open_locked(path: str) -> int | None:
    """Open and lock a regular file, and return its descriptor; ``None`` if another process has locked it.

    Raises:
        OSError: it cannot be made, or something else has its path.
    """
    for _ in range(_MOST_TRIES):
        descriptor = os.open(path, _OPEN_FLAGS, 0o666)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EEXIST, os.strerror(errno.EEXIST), path)
            if status.st_nlink > 1:  # the bytes of a file elsewhere, which must not be overwritten
                os.unlink(path)  # noqa: PTH108 - a path of text
            _lock(descriptor)
            # The process that held the lock before may have moved or removed the file meanwhile.
            if os.path.samestat(os.fstat(descriptor), os.lstat(path)):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            return None
        except FileNotFoundError:
            pass
        except OSError:
            os.close(descriptor)
            raise
        os.close(descriptor)
    return None


def _lock(descriptor: int) -> None:
    """Lock a file. Raises ``BlockingIOError`` if it is locked; a file system without locks locks nothing."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if isinstance(error, BlockingIOError):
            raise
