"""Windows onto files on disk: bounded reads at any offset, and detection of files that change meanwhile."""

from __future__ import annotations

import errno
import os
import stat
from types import TracebackType
from typing import NamedTuple, Self

from msgspec import Struct

from modelaudit.model.errors import WindowError
from modelaudit.model.structure import UnreadReason

# O_NOFOLLOW fails on a link; O_NONBLOCK and O_NOCTTY keep a pipe or a terminal from blocking or controlling the scan.
_READ_ONLY = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
_OPEN_FOLDER_FLAGS = _READ_ONLY | os.O_DIRECTORY
_OPEN_FILE_FLAGS = _READ_ONLY | os.O_NONBLOCK | os.O_NOCTTY
_CHANGE_BY_ERROR = {
    errno.ENOENT: "has disappeared",
    errno.ENOTDIR: "has disappeared",
    errno.ELOOP: "has become a link",
    errno.ENXIO: "has become a pipe or socket",
}


class FileState(NamedTuple):
    """The state of a file, to detect changes. Times are nanoseconds, the size is bytes.

    It includes the time of the last status change, because a writer can reset the modification time but not that one.
    """

    device: int
    inode: int
    size: int
    modified: int
    status_changed: int

    @classmethod
    def from_stat(cls, status: os.stat_result) -> Self:
        """Read the state from a ``stat`` result."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)

    @property
    def identity(self) -> tuple[int, int]:
        """Device and inode, which identify the file regardless of its content."""
        return self.device, self.inode


def open_folder(root: str, path: str) -> int:
    """Open the folder ``path`` (POSIX, relative; empty for the root itself) below ``root`` without following a link.

    Every component is opened separately, so that neither a swapped link nor a long path can interfere.

    Returns:
        A descriptor, which the caller closes.

    Raises:
        OSError: the folder cannot be opened; ``ELOOP`` or ``ENOTDIR`` where a component is a link.
    """
    descriptor = os.open(root, _OPEN_FOLDER_FLAGS & ~os.O_NOFOLLOW)  # the user named the root, also if it is a link
    for part in path.split("/") if path else ():
        try:
            next_descriptor = os.open(part, _OPEN_FOLDER_FLAGS, dir_fd=descriptor)
        finally:
            os.close(descriptor)
        descriptor = next_descriptor
    return descriptor


class LocalFile(Struct, frozen=True):
    """Opens one listed file. It holds no open resource and can be sent to another process.

    Attributes:
        root: absolute folder without links in it.
        path: POSIX path below ``root``.
        state: the state of the file when it was listed.
        read_bytes: the maximum length of one read.
    """

    root: str
    path: str
    state: FileState
    read_bytes: int

    def __call__(self) -> FileWindow:
        """Open a window onto the file that was listed.

        Raises:
            WindowError: ``changed-while-read`` if another file has taken its place, else ``unreadable``.
        """
        try:
            descriptor = self._open_descriptor()
        except OSError as error:
            raise _explain_open_error(error) from error
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or FileState.from_stat(status).identity != self.state.identity:
            os.close(descriptor)
            raise WindowError("another file has taken its place since it was listed", UnreadReason.CHANGED)
        return FileWindow(descriptor, self, status.st_size)

    def status(self) -> os.stat_result:
        """Call ``lstat`` on the path.

        Raises:
            OSError: the file cannot be found.
        """
        folder, _, name = self.path.rpartition("/")
        parent = open_folder(self.root, folder)
        try:
            return os.stat(name, dir_fd=parent, follow_symlinks=False)
        finally:
            os.close(parent)

    def _open_descriptor(self) -> int:
        """Open the file without following a link, and return its descriptor.

        Raises:
            OSError: the file cannot be opened.
            WindowError: it is not a regular file any more.
        """
        folder, _, name = self.path.rpartition("/")
        parent = open_folder(self.root, folder)
        try:
            # Opening a device can have effects, so the kind is checked before opening as well as after it.
            if not stat.S_ISREG(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
                raise WindowError("it is not a regular file any more", UnreadReason.CHANGED)
            return os.open(name, _OPEN_FILE_FLAGS, dir_fd=parent)
        finally:
            os.close(parent)


def _explain_open_error(error: OSError) -> WindowError:
    """Return the error of a file that cannot be opened: ``changed-while-read`` or ``unreadable``."""
    change = _CHANGE_BY_ERROR.get(error.errno or 0)
    if change:
        return WindowError(f"it {change} since it was listed", UnreadReason.CHANGED)
    return WindowError(f"it cannot be opened: {error.strerror}", UnreadReason.UNREADABLE)


class FileWindow:
    """A window onto an open regular file, made by ``LocalFile``. Close it, or use it in a ``with`` statement."""

    __slots__ = ("_descriptor", "_file", "_size")

    def __init__(self, descriptor: int, file: LocalFile, size: int) -> None:
        self._descriptor = descriptor
        self._file = file
        self._size = size

    @property
    def size(self) -> int:
        """The size of the file when it was opened; bytes that are appended later are outside the window."""
        return self._size

    def read(self, offset: int, length: int) -> bytes:
        """Return ``length`` bytes from ``offset``, fewer only where the file ends.

        Raises:
            WindowError: ``limit-reached`` for a request over the bound, ``changed-while-read`` where the file has
                become shorter than it was, else ``unreadable``.
        """
        if length > self._file.read_bytes:
            message = f"a read of {length} bytes exceeds the limit of {self._file.read_bytes}"
            raise WindowError(message, UnreadReason.LIMIT)
        if offset < 0 or length < 0:
            raise WindowError(f"a read of {length} bytes at offset {offset} is invalid")
        end = min(offset + length, self._size)
        pieces: list[bytes] = []
        while offset < end:
            piece = self._read_piece(offset, end - offset)
            pieces.append(piece)
            offset += len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _read_piece(self, offset: int, length: int) -> bytes:
        """Return the bytes that one system call reads; fewer than ``length`` even before the end of the file."""
        try:
            piece = os.pread(self._descriptor, length, offset)
        except OSError as error:
            raise WindowError(f"the read at offset {offset} failed: {error.strerror}") from error
        if not piece:
            raise WindowError(
                f"the file ends at offset {offset}, before the end that it had when it was opened", UnreadReason.CHANGED
            )
        return piece

    def describe_change(self) -> str | None:
        """Describe in one line how the file changed since it was listed; ``None`` if it did not.

        Call it after the last read and before closing.
        """
        listed, current = self._file.state, FileState.from_stat(os.fstat(self._descriptor))
        if current.size != listed.size:
            return f"its size went from {listed.size} to {current.size} bytes"
        if current.modified != listed.modified:
            return "its content was written to"
        try:
            at_path = FileState.from_stat(self._file.status())
        except OSError:
            return "it was removed"
        if at_path.identity != listed.identity:
            return "another file took its place"
        if current.status_changed != listed.status_changed:
            return "its status was changed, which hides a write if its times were set back"
        return None

    def close(self) -> None:
        """Release the file. Closing twice does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
