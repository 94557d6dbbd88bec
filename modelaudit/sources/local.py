"""Take a snapshot of a file or a folder on disk. Links never lead out of the root."""

from __future__ import annotations

import errno
import os
import stat
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from modelaudit.model.artifact import Artifact, ModelRef, RefKind, Snapshot
from modelaudit.model.errors import SourceError
from modelaudit.model.limits import Limits
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.sources.walk import Entry, make_entry, walk_folder
from modelaudit.sources.windows import FileState, LocalFile

_SHOWN_LINKS = 5

_MOST_NAMES_OF_FILE = 16


@dataclass(frozen=True, slots=True)
class InnerLink:
    """A link to a file or folder that is examined under its own path too.

    Attributes:
        text: the target as the link spells it.
        artifact: the target under the name of the link, if it is a file.
    """

    text: str
    artifact: Artifact | None = None


LinkResolver = Callable[[Entry], Artifact | InnerLink]
"""Resolves a link: to an artifact of its own, or to a link that is only noted."""


@dataclass(frozen=True, slots=True)
class FileSource:
    """One file. A link is followed if the user named the link itself."""

    name: str
    limits: Limits

    def snapshot(self) -> Snapshot:
        """Take the file as the only artifact.

        Raises:
            SourceError: the file is missing or not accessible.
        """
        path = Path(os.path.realpath(self.name))
        try:
            status = path.lstat()
        except OSError as error:
            raise SourceError(f"{self.name!r} cannot be examined: {error.strerror}.") from error
        entry = make_entry(path.name, status, os.access(path, os.R_OK))
        # Loaders decide by the name that the user gave, also where it is the name of a link.
        artifact = replace(make_artifact(str(path.parent), entry, self.limits), path=Path(self.name).name)
        return Snapshot(ModelRef(RefKind.FILE, self.name), None, (artifact,), str(path.parent), path)


@dataclass(frozen=True, slots=True)
class FolderSource:
    """A folder, with everything below it: hidden files, ``.git`` and download records too."""

    name: str
    limits: Limits

    def snapshot(self) -> Snapshot:
        """Take every file below the folder, sorted by path.

        Raises:
            SourceError: the folder cannot be listed.
        """
        root = os.path.realpath(self.name)
        artifacts, notes = list_folder(root, self.name, self.limits, FolderLinks(root, self.limits).resolve_entry, True)
        return Snapshot(ModelRef(RefKind.FOLDER, self.name), None, artifacts, root, Path(root), notes)


def list_folder(
    root: str, name: str, limits: Limits, rule: LinkResolver, counts_names: bool = False
) -> tuple[tuple[Artifact, ...], tuple[str, ...]]:
    """List the artifacts below ``root``, sorted by path, with a note on links, if any.

    Args:
        root: absolute folder without links in it.
        name: the folder as the user wrote it, for the error.
        limits: bounds on depth and reads.
        rule: resolves each link.
        counts_names: count hard links outside of the folder. Caches contain them on purpose.

    Raises:
        SourceError: the folder cannot be listed.
    """
    artifacts: list[Artifact] = []
    links: list[str] = []
    try:
        entries = sorted(walk_folder(root, limits), key=lambda entry: entry.path)
        inside = Counter(entry.state.identity for entry in entries if entry.hard_links > 1 and entry.state)
        for entry in entries:
            found = rule(entry) if entry.link else make_artifact(root, entry, limits)
            if counts_names and entry.hard_links > 1 and entry.state and isinstance(found, Artifact):
                found = replace(found, outside_hard_links=entry.hard_links - inside[entry.state.identity])
            if isinstance(found, InnerLink):
                links.append(f"{entry.path!r} -> {found.text!r}")
                artifacts += [found.artifact] if found.artifact is not None else []
            else:
                artifacts.append(found)
    except OSError as error:
        hint = " Check its permissions." if error.errno in (errno.EACCES, errno.EPERM) else ""
        raise SourceError(f"The folder {name!r} cannot be listed: {error.strerror}.{hint}") from error
    return tuple(artifacts), _note_links(links)


def make_artifact(root: str, entry: Entry, limits: Limits) -> Artifact:
    """Make the artifact of an entry that is not a link."""
    size = entry.state.size if entry.state else 0
    if entry.obstacle or entry.state is None:
        return Artifact(entry.path, size, None, obstacle=entry.obstacle)
    return Artifact(entry.path, size, LocalFile(root, entry.path, entry.state, limits.read_bytes))


def make_blocked_link(entry: Entry, reason: UnreadReason, detail: str) -> Artifact:
    """Make the artifact of a link that is not followed."""
    return Artifact(entry.path, 0, None, obstacle=Unread(reason, detail))


def resolve_link(root: str, entry: Entry) -> tuple[str, str] | Artifact:
    """Resolve a link to its text and its absolute target, or to an artifact with the reason why it does not resolve."""
    path = f"{root}/{entry.path}"
    try:
        text = str(Path(path).readlink())
    except OSError as error:
        return make_blocked_link(entry, UnreadReason.UNREADABLE, f"the link cannot be read: {error.strerror}")
    try:
        return text, os.path.realpath(path, strict=True)
    except OSError as error:
        if error.errno == errno.ELOOP:
            return make_blocked_link(entry, UnreadReason.LINK_DANGLING, f"the link to {text!r} leads in a circle")
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return make_blocked_link(
                entry, UnreadReason.LINK_DANGLING, f"the link leads to {text!r}, where there is nothing"
            )
        return make_blocked_link(
            entry, UnreadReason.UNREADABLE, f"the link to {text!r} cannot be followed: {error.strerror}"
        )


def is_within(path: str, folder: str) -> bool:
    """Whether ``path`` is ``folder`` or lies below it; both absolute and without links."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


class FolderLinks:
    """Resolves the links of a plain folder, in order of their paths."""

    def __init__(self, root: str, limits: Limits) -> None:
        self._root = root
        self._limits = limits
        self._names: Counter[str] = Counter()

    def resolve_entry(self, entry: Entry) -> Artifact | InnerLink:
        """Follow a link to a file of the folder, note a link to a folder of it, and block a link that leads outside.

        Loaders decide by file name, so a file is examined under each name that links give it. Their number is bounded,
        because a link costs an attacker nothing and every examination costs as much as the first.
        """
        target = resolve_link(self._root, entry)
        if isinstance(target, Artifact):
            return target
        text, final = target
        if not is_within(final, self._root):
            return make_blocked_link(
                entry, UnreadReason.LINK_OUTSIDE, f"the link leads to {text!r}, outside the folder"
            )
        try:
            status = os.lstat(final)
        except OSError as error:
            return make_blocked_link(
                entry, UnreadReason.UNREADABLE, f"the link to {text!r} cannot be followed: {error.strerror}"
            )
        # Any other obstacle is reported under the path of the target.
        if not stat.S_ISREG(status.st_mode) or not os.access(final, os.R_OK):
            return InnerLink(text)
        self._names[final] += 1
        if self._names[final] > _MOST_NAMES_OF_FILE:
            detail = f"the link leads to {text!r}, which was examined under {_MOST_NAMES_OF_FILE} other names"
            return InnerLink(text, make_blocked_link(entry, UnreadReason.LIMIT, detail))
        path = os.path.relpath(final, self._root)
        opener = LocalFile(self._root, path, FileState.from_stat(status), self._limits.read_bytes)
        return InnerLink(text, Artifact(entry.path, status.st_size, opener))


def _note_links(links: list[str]) -> tuple[str, ...]:
    if not links:
        return ()
    shown = ", ".join(links[:_SHOWN_LINKS]) + (", …" if len(links) > _SHOWN_LINKS else "")
    noun = "link leads" if len(links) == 1 else "links lead"
    rest = "linked files are examined under both names"
    return (f"{len(links)} {noun} to files or folders of the model ({rest}): {shown}",)
