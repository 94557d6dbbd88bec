"""Windows onto files on disk: bounded reads at any offset, and the news that a file changed under them."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from types import TracebackType
from typing import NamedTuple, Self

from modelaudit.model.errors import WindowError
from modelaudit.model.structure import UnreadReason

_READ_ONLY = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
_FOLDER = _READ_ONLY | os.O_DIRECTORY
_FILE = _READ_ONLY | os.O_NONBLOCK | os.O_NOCTTY
_GONE = {errno.ENOENT: "is gone", errno.ENOTDIR: "is gone", errno.ELOOP: "became a link", errno.ENXIO: "is no file"}


class FileState(NamedTuple):
    """What tells one state of a file from another. Times are nanoseconds, the size is bytes.

    The time of the last status change is part of it because a writer can set the modification time back, but not that.
    """

    device: int
    inode: int
    size: int
    modified: int
    status_changed: int

    @classmethod
    def of(cls, status: os.stat_result) -> Self:
        """The state that a ``stat`` result describes."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)

    @property
    def identity(self) -> tuple[int, int]:
        """Device and inode: the same file, whatever its content."""
        return self.device, self.inode


def open_folder(root: str, path: str) -> int:
    """Open the folder ``path`` (POSIX, relative; empty for the root itself) below ``root``, through no link.

    Every component is opened on its own, so that neither a swapped link nor the length of the path matters.

    Returns:
        A descriptor, which the caller closes.

    Raises:
        OSError: it cannot be opened; ``ELOOP`` or ``ENOTDIR`` where a component is a link.
    """
    descriptor = os.open(root, _FOLDER & ~os.O_NOFOLLOW)
    for part in path.split("/") if path else ():
        try:
            deeper = os.open(part, _FOLDER, dir_fd=descriptor)
        finally:
            os.close(descriptor)
        descriptor = deeper
    return descriptor


@dataclass(frozen=True, slots=True)
class LocalFile:
    """Opens one listed file. A value without open resources, so it can travel to another process.

    Attributes:
        root: absolute folder without links in it.
        path: POSIX path below ``root``.
        state: the file as it was listed.
        read_bytes: the most that one read of the window may ask for.
    """

    root: str
    path: str
    state: FileState
    read_bytes: int

    def __call__(self) -> FileWindow:
        """Open a window onto the very file that was listed.

        Raises:
            WindowError: ``changed-while-read`` if anything else stands there now, else ``unreadable``.
        """
        try:
            # A device may act on being opened, so its kind is looked at before as well as after.
            if not stat.S_ISREG(self.status().st_mode):
                raise WindowError("it is no regular file any more", UnreadReason.CHANGED)
            descriptor = self._descriptor()
        except OSError as error:
            raise _unopened(error) from error
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or FileState.of(status).identity != self.state.identity:
            os.close(descriptor)
            raise WindowError("another file stands in its place than was listed", UnreadReason.CHANGED)
        return FileWindow(descriptor, self, status.st_size)

    def status(self) -> os.stat_result:
        """``lstat`` of the file as its folder names it now.

        Raises:
            OSError: it cannot be found.
        """
        folder, _, name = self.path.rpartition("/")
        parent = open_folder(self.root, folder)
        try:
            return os.stat(name, dir_fd=parent, follow_symlinks=False)
        finally:
            os.close(parent)

    def _descriptor(self) -> int:
        folder, _, name = self.path.rpartition("/")
        parent = open_folder(self.root, folder)
        try:
            return os.open(name, _FILE, dir_fd=parent)
        finally:
            os.close(parent)


def _unopened(error: OSError) -> WindowError:
    gone = _GONE.get(error.errno or 0)
    if gone:
        return WindowError(f"it {gone} since it was listed", UnreadReason.CHANGED)
    return WindowError(f"it cannot be opened: {error.strerror}", UnreadReason.UNREADABLE)


class FileWindow:
    """A window onto an open regular file. Made by ``LocalFile``; close it, or use it in a ``with`` statement."""

    __slots__ = ("_descriptor", "_file", "_size")

    def __init__(self, descriptor: int, file: LocalFile, size: int) -> None:
        self._descriptor = descriptor
        self._file = file
        self._size = size

    @property
    def size(self) -> int:
        """Bytes of the file when it was opened; what is appended later is outside the window."""
        return self._size

    def read(self, offset: int, length: int) -> bytes:
        """Return ``length`` bytes from ``offset``, fewer only where the file ends.

        Raises:
            WindowError: ``limit-reached`` for a request over the bound, ``changed-while-read`` where the file has
                become shorter than it was, else ``unreadable``.
        """
        if length > self._file.read_bytes:
            message = f"a read of {length} bytes is over the bound of {self._file.read_bytes}"
            raise WindowError(message, UnreadReason.LIMIT)
        if offset < 0 or length < 0:
            raise WindowError(f"no bytes can be read at offset {offset} with length {length}")
        end = min(offset + length, self._size)
        pieces: list[bytes] = []
        while offset < end:
            piece = self._piece(offset, end - offset)
            pieces.append(piece)
            offset += len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _piece(self, offset: int, length: int) -> bytes:
        try:
            piece = os.pread(self._descriptor, length, offset)
        except OSError as error:
            raise WindowError(f"the read at offset {offset} failed: {error.strerror}") from error
        if not piece:
            raise WindowError(f"the file ends at offset {offset}, before its size", UnreadReason.CHANGED)
        return piece

    def changed(self) -> str | None:
        """What became of the file since it was listed, in one line; ``None`` if nothing did.

        Call it after the last read and before closing.
        """
        listed, now = self._file.state, FileState.of(os.fstat(self._descriptor))
        if now.size != listed.size:
            return f"its size went from {listed.size} to {now.size} bytes"
        if now.modified != listed.modified:
            return "its content was written to"
        try:
            there = FileState.of(self._file.status())
        except OSError:
            return "it was removed"
        if there.identity != listed.identity:
            return "another file took its place"
        if now.status_changed != listed.status_changed:
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
