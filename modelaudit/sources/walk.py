"""Lists everything below a folder, following no link and opening no file."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from modelaudit.model.limits import Limits
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.sources.windows import FileState, open_folder

_KINDS = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """Something below the root that is no folder, or a folder that could not be listed.

    Attributes:
        path: POSIX path below the root, bytes that are not UTF-8 as surrogate escapes.
        state: as ``lstat`` tells; ``None`` where it could not be had.
        link: whether it is a symbolic link.
        obstacle: why it cannot be read, where that is known already.
        names: how many names the file has on its disk (hard links).
    """

    path: str
    state: FileState | None
    link: bool = False
    obstacle: Unread | None = None
    names: int = 1


def walk(root: str, limits: Limits) -> Iterator[Entry]:
    """List the folder ``root`` (absolute, without links), in no particular order.

    Raises:
        OSError: the root itself cannot be listed. Anything below that cannot be is an entry with an obstacle.
    """
    pending: list[str] = []
    yield from _folder(root, "", pending)
    while pending:
        folder = pending.pop()
        if folder.count("/") >= limits.folder_depth:
            detail = f"the folder lies more than {limits.folder_depth} folders deep and was not listed"
            yield Entry(folder, None, obstacle=Unread(UnreadReason.LIMIT, detail))
            continue
        try:
            yield from _folder(root, folder, pending)
        except OSError as error:
            yield Entry(folder, None, obstacle=_unlisted(error))


def _folder(root: str, folder: str, pending: list[str]) -> Iterator[Entry]:
    descriptor = open_folder(root, folder)
    try:
        with os.scandir(descriptor) as listing:
            names = [entry.name for entry in listing]
        for name in names:
            path = f"{folder}/{name}" if folder else name
            entry = _entry(descriptor, name, path)
            if entry is None:
                pending.append(path)
            else:
                yield entry
    finally:
        os.close(descriptor)


def _entry(folder: int, name: str, path: str) -> Entry | None:
    """The entry for a name in an open folder; ``None`` for a folder."""
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError as error:
        return Entry(path, None, obstacle=_unlisted(error))
    if stat.S_ISDIR(status.st_mode):
        return None
    return entry_of(path, status, os.access(name, os.R_OK, dir_fd=folder, effective_ids=True, follow_symlinks=False))


def entry_of(path: str, status: os.stat_result, readable: bool) -> Entry:
    """The entry for anything but a folder, from its ``lstat``."""
    state, kind = FileState.of(status), stat.S_IFMT(status.st_mode)
    if kind == stat.S_IFLNK:
        return Entry(path, state, link=True)
    if kind != stat.S_IFREG:
        detail = f"it is {_KINDS.get(kind, 'neither a file nor a folder')}, which is never opened"
        return Entry(path, state, obstacle=Unread(UnreadReason.NOT_REGULAR, detail))
    if not readable:
        return Entry(path, state, obstacle=Unread(UnreadReason.UNREADABLE, "permission to read the file is denied"))
    return Entry(path, state, names=status.st_nlink)


def _unlisted(error: OSError) -> Unread:
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
        return Unread(UnreadReason.CHANGED, "it was removed or replaced while its folder was being listed")
    return Unread(UnreadReason.UNREADABLE, f"it cannot be listed: {error.strerror}")
