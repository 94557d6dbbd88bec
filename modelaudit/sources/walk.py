"""List the entries below a folder without following a link or opening a file."""

from __future__ import annotations

import errno
import heapq
import itertools
import os
import stat
from collections.abc import Callable, Generator, Iterator, Sequence

from msgspec import Struct

from modelaudit.model.limits import Limits
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.sources.windows import FileState, open_folder

_KINDS = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}


class Entry(Struct, frozen=True):
    """A file, link, special file or folder below the root. A folder that could not be listed is a second entry.

    Attributes:
        path: POSIX path below the root, bytes that are not UTF-8 as surrogate escapes.
        state: from ``lstat``; ``None`` where it failed.
        link: whether it is a symbolic link.
        obstacle: the reason why it cannot be read, if known.
        hard_links: number of hard links.
        is_folder: whether it is a folder, whose own entries follow.
        executable: whether the owner may execute it.
    """

    path: str
    state: FileState | None
    link: bool = False
    obstacle: Unread | None = None
    hard_links: int = 1
    is_folder: bool = False
    executable: bool = False


FolderFilter = Callable[[str, Sequence[str]], bool]
"""Whether the entries of a folder are wanted, by its path and the names in it."""


def walk_folder(
    root: str, limits: Limits, wants_folder: FolderFilter | None = None, *, yields_folders: bool = False
) -> Iterator[Entry]:
    """Yield the entries of the folder ``root`` (absolute, without links) and below it, folder by folder.

    The order depends on the names alone, because entries beyond the limit on their number are not listed. The folder in
    which the listing ends is an entry with that absence.

    Args:
        root: absolute, without links.
        limits: the bounds on depth and number of entries.
        wants_folder: selects the folders below the root whose entries are yielded; by default all of them.
        yields_folders: whether each folder below the root is an entry too.

    Raises:
        OSError: the root itself cannot be listed. A folder below that cannot be listed is an entry with an obstacle.
    """
    pending: list[str] = [""]
    remaining = limits.folder_entries
    while pending:
        folder = pending.pop()
        if folder.count("/") >= limits.folder_depth:
            detail = f"the folder lies more than {limits.folder_depth} folders deep and was not listed"
            yield Entry(folder, None, obstacle=Unread(UnreadReason.LIMIT, detail))
            continue
        try:
            folders, listed, total = yield from _list_entries(root, folder, remaining, wants_folder)
        except OSError as error:
            if not folder:
                raise
            yield Entry(folder, None, obstacle=_explain_listing_error(error))
            continue
        if yields_folders:
            yield from folders
        pending += (entry.path for entry in reversed(folders))  # the last one is listed next
        remaining -= listed
        if listed < total:
            detail = (
                f"only the first {limits.folder_entries} entries of the model were listed; "
                f"{total - listed} of {total} in this folder were left out, and with them folders that come later"
            )
            yield Entry(folder or ".", None, obstacle=Unread(UnreadReason.LIMIT, detail))
            return


def _list_entries(
    root: str, folder: str, most: int, wants_folder: FolderFilter | None
) -> Generator[Entry, None, tuple[list[Entry], int, int]]:
    """Yield the first ``most`` entries of one folder by name, except for the folders in it.

    Returns:
        The folders, how many names were listed, and how many the folder has.
    """
    descriptor = open_folder(root, folder)
    try:
        # All names first, so that the listing is closed before the caller handles an entry.
        with os.scandir(descriptor) as listing:
            # ``zip`` advances the counter once for each entry, so its next number is their total.
            counter = itertools.count()
            names = heapq.nsmallest(most, (entry.name for entry, _ in zip(listing, counter, strict=False)))
        total = next(counter)
        if folder and wants_folder is not None and not wants_folder(folder, names):
            return [], 0, 0
        folders = []
        for name in names:
            path = f"{folder}/{name}" if folder else name
            entry = _inspect_name(descriptor, name, path)
            if entry.is_folder:
                folders.append(entry)
            else:
                yield entry
        return folders, len(names), total
    finally:
        os.close(descriptor)


def _inspect_name(folder: int, name: str, path: str) -> Entry:
    """Return the entry of a name in the open folder with the descriptor ``folder``."""
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError as error:
        return Entry(path, None, obstacle=_explain_listing_error(error))
    if stat.S_ISDIR(status.st_mode):
        return Entry(path, FileState.from_stat(status), is_folder=True)
    return make_entry(path, status, os.access(name, os.R_OK, dir_fd=folder, effective_ids=True, follow_symlinks=False))


def make_entry(path: str, status: os.stat_result, readable: bool) -> Entry:
    """Return the entry of anything but a folder, from its ``lstat``."""
    state, kind = FileState.from_stat(status), stat.S_IFMT(status.st_mode)
    if kind == stat.S_IFLNK:
        return Entry(path, state, link=True)
    if kind != stat.S_IFREG:
        detail = f"it is {_KINDS.get(kind, 'neither a file nor a folder')}, which is never opened"
        return Entry(path, state, obstacle=Unread(UnreadReason.NOT_REGULAR, detail))
    if not readable:
        return Entry(path, state, obstacle=Unread(UnreadReason.UNREADABLE, "permission to read the file is denied"))
    return Entry(path, state, hard_links=status.st_nlink, executable=bool(status.st_mode & stat.S_IXUSR))


def _explain_listing_error(error: OSError) -> Unread:
    """Return the absence of an entry that could not be listed."""
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
        return Unread(UnreadReason.CHANGED, "it was removed or replaced while its folder was being listed")
    return Unread(UnreadReason.UNREADABLE, f"it cannot be listed: {error.strerror}")
