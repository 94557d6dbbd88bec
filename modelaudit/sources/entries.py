"""The tree of a local model: its files, links and empty folders, without the bookkeeping of the tools around it."""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Collection, Iterable

from modelaudit.model.address import read_file_path
from modelaudit.model.artifact import Artifact, RefKind, Snapshot
from modelaudit.model.errors import SourceError
from modelaudit.model.limits import Limits
from modelaudit.model.structure import UnreadReason
from modelaudit.model.tree import BOOKKEEPING, EntryKind, TreeEntry, is_bookkeeping
from modelaudit.sources.local import make_artifact
from modelaudit.sources.walk import Entry, make_entry, walk_folder


def list_tree(snapshot: Snapshot, limits: Limits, *, has_bookkeeping: bool = True) -> tuple[TreeEntry, ...]:
    """List the entries of the model in a folder or a Hub cache, sorted by the bytes of their paths. No file is hashed.

    The links of a Hub cache that end at a file of the cache are the files of the repository.

    Args:
        snapshot: of the folder.
        limits: bounds on the walk.
        has_bookkeeping: whether the records of tools at the root are left out; false for a folder that is not a model.

    Raises:
        SourceError: the snapshot is not a folder, or it cannot be listed.
    """
    if snapshot.root is None or snapshot.ref.kind is RefKind.FILE:
        raise SourceError(f"{snapshot.ref.name!r} is not a folder, so it has no tree; name the folder of the model")
    root = str(snapshot.root)
    is_cached = snapshot.ref.kind is not RefKind.FOLDER
    stored = {each.path for each in snapshot.artifacts if each.open is not None} if is_cached else None
    try:
        walked = tuple(walk_folder(root, limits, yields_folders=True))
    except OSError as error:
        raise SourceError(f"The folder {root!r} cannot be listed: {error.strerror}.") from error
    stored_paths = None if stored is None else {read_file_path(path) for path in stored}
    return build_tree(root, walked, snapshot.records, stored_paths, has_bookkeeping=has_bookkeeping)


def build_tree(
    root: str,
    walked: Iterable[Entry],
    records: Collection[str] = (),
    stored: Collection[str] | None = None,
    *,
    has_bookkeeping: bool = True,
) -> tuple[TreeEntry, ...]:
    """Return the entries of a model tree from those on disk, sorted by the bytes of their paths.

    Args:
        root: absolute folder without links in it.
        walked: every entry below the root, folders included.
        records: the files whose form shows them to be records of a tool. Below the folders of records at the root,
            these and the folders are no entries. Anything else there is one.
        stored: of a Hub cache, the paths of its files; ``None`` for any other folder.
        has_bookkeeping: as for ``list_tree``.
    """
    tree: dict[str, TreeEntry] = {}
    folders: set[str] = set()
    for entry in walked:
        is_record = has_bookkeeping and is_bookkeeping(entry.path) and not entry.link
        if is_record and (entry.is_folder or entry.path in records):
            continue
        if entry.is_folder:
            folders.add(entry.path)
        else:
            tree[entry.path] = _describe_entry(root, entry, stored)
    # What cannot be listed is not an empty folder, so special files count as entries too.
    filled = {parent for path in tree for parent in _list_parents(path)}
    bookkeeping = {parent for folder in BOOKKEEPING for parent in _list_parents(folder)}
    holds_folder = {parent for folder in folders for parent in _list_parents(folder)}
    for folder in folders - filled - holds_folder:
        # A folder that holds bookkeeping alone is not an entry.
        if not (has_bookkeeping and folder in bookkeeping and _holds_bookkeeping(root, folder)):
            tree.setdefault(folder, TreeEntry(folder, EntryKind.FOLDER))
    return tuple(sorted(tree.values(), key=lambda entry: entry.order))


def find_irregular_paths(snapshot: Snapshot) -> frozenset[str]:
    """Return the paths of pipes, sockets and devices, which are known not to be files of the model."""
    return frozenset(
        read_file_path(each.path)
        for each in snapshot.artifacts
        if each.obstacle is not None and each.obstacle.reason is UnreadReason.NOT_REGULAR
    )


def make_file_artifact(snapshot: Snapshot, path: str, limits: Limits) -> Artifact | None:
    """Make the artifact of a regular file below the root of a folder; ``None`` if it is gone."""
    root = os.path.realpath(str(snapshot.root))
    try:
        status = os.lstat(f"{root}/{path}")
    except OSError:
        return None
    return make_artifact(root, make_entry(path, status, os.access(f"{root}/{path}", os.R_OK)), limits)


def _holds_bookkeeping(root: str, folder: str) -> bool:
    """Whether a folder around one of bookkeeping holds that."""
    return any(os.path.lexists(f"{root}/{each}") for each in BOOKKEEPING if posixpath.dirname(each) == folder)


def _list_parents(path: str) -> Iterable[str]:
    """Yield the folders around a path, the innermost first."""
    while path := posixpath.dirname(path):
        yield path


def _describe_entry(root: str, entry: Entry, stored: Collection[str] | None) -> TreeEntry:
    """Return the entry of the tree for anything but a folder."""
    if entry.link and (stored is None or entry.path not in stored):
        try:
            text = os.readlink(f"{root}/{entry.path}")  # noqa: PTH115 - a path of text
        except OSError:
            return TreeEntry(entry.path, EntryKind.SPECIAL)
        return TreeEntry(entry.path, EntryKind.LINK, link_text=text)
    if not entry.link and (entry.obstacle is not None or entry.state is None):
        return TreeEntry(entry.path, EntryKind.SPECIAL)
    return TreeEntry(entry.path, EntryKind.FILE, entry.executable or (entry.link and _is_executable(root, entry.path)))


def _is_executable(root: str, path: str) -> bool:
    """Whether the file that a link leads to is executable for its owner."""
    try:
        return bool(os.stat(f"{root}/{path}").st_mode & stat.S_IXUSR)  # noqa: PTH116 - a path of text
    except OSError:
        return False
