"""A file or a folder on disk as a snapshot. Links are described, never followed out of the root."""

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
from modelaudit.sources.walk import Entry, entry_of, walk
from modelaudit.sources.windows import FileState, LocalFile

_SHOWN_LINKS = 5

_MOST_NAMES = 16


@dataclass(frozen=True, slots=True)
class InnerLink:
    """A link to what is examined under its own path. ``artifact`` is the target under the link's name, if a file."""

    text: str
    artifact: Artifact | None = None


LinkRule = Callable[[Entry], Artifact | InnerLink]
"""What to make of a link: an artifact that nothing else stands for, or a link that is noted."""


@dataclass(frozen=True, slots=True)
class FileSource:
    """One file. A link is followed if it is the target itself: it was asked for by name."""

    name: str
    limits: Limits

    def snapshot(self) -> Snapshot:
        """The file as the only artifact.

        Raises:
            SourceError: it is gone or cannot be looked at.
        """
        path = Path(os.path.realpath(self.name))
        try:
            status = path.lstat()
        except OSError as error:
            raise SourceError(f"{self.name!r} cannot be examined: {error.strerror}.") from error
        entry = entry_of(path.name, status, os.access(path, os.R_OK))
        # Where the target is a link, the name that was asked for is the one that loaders go by.
        artifact = replace(as_artifact(str(path.parent), entry, self.limits), path=Path(self.name).name)
        return Snapshot(ModelRef(RefKind.FILE, self.name), None, (artifact,), str(path.parent), path)


@dataclass(frozen=True, slots=True)
class FolderSource:
    """A folder, with everything below it: hidden files, ``.git`` and download records too."""

    name: str
    limits: Limits

    def snapshot(self) -> Snapshot:
        """Every file below the folder, ordered by path.

        Raises:
            SourceError: the folder cannot be listed.
        """
        root = os.path.realpath(self.name)
        artifacts, notes = listing(root, self.name, self.limits, _FolderLinks(root, self.limits).artifact, True)
        return Snapshot(ModelRef(RefKind.FOLDER, self.name), None, artifacts, root, Path(root), notes)


def listing(
    root: str, name: str, limits: Limits, rule: LinkRule, counts_names: bool = False
) -> tuple[tuple[Artifact, ...], tuple[str, ...]]:
    """The artifacts below ``root``, ordered by path, and a note on links if there are any to note.

    Args:
        root: absolute folder without links in it.
        name: the folder as the user wrote it, for the error.
        limits: bounds on depth and reads.
        rule: what to make of each link.
        counts_names: tell which files have further names outside of the folder. Caches keep such names on purpose.

    Raises:
        SourceError: the folder cannot be listed.
    """
    artifacts: list[Artifact] = []
    links: list[str] = []
    try:
        entries = sorted(walk(root, limits), key=lambda entry: entry.path)
        inside = Counter(entry.state.identity for entry in entries if entry.names > 1 and entry.state)
        for entry in entries:
            found = rule(entry) if entry.link else as_artifact(root, entry, limits)
            if counts_names and entry.names > 1 and entry.state and isinstance(found, Artifact):
                found = replace(found, outside_names=entry.names - inside[entry.state.identity])
            if isinstance(found, InnerLink):
                links.append(f"{entry.path!r} -> {found.text!r}")
                artifacts += [found.artifact] if found.artifact is not None else []
            else:
                artifacts.append(found)
    except OSError as error:
        hint = " Check its permissions." if error.errno in (errno.EACCES, errno.EPERM) else ""
        raise SourceError(f"The folder {name!r} cannot be listed: {error.strerror}.{hint}") from error
    return tuple(artifacts), _link_note(links)


def as_artifact(root: str, entry: Entry, limits: Limits) -> Artifact:
    """The artifact for an entry that is no link."""
    size = entry.state.size if entry.state else 0
    if entry.obstacle or entry.state is None:
        return Artifact(entry.path, size, None, obstacle=entry.obstacle)
    return Artifact(entry.path, size, LocalFile(root, entry.path, entry.state, limits.read_bytes))


def blocked(entry: Entry, reason: UnreadReason, detail: str) -> Artifact:
    """The artifact for a link that is not followed."""
    return Artifact(entry.path, 0, None, obstacle=Unread(reason, detail))


def link_target(root: str, entry: Entry) -> tuple[str, str] | Artifact:
    """The text of a link and the absolute path that it leads to in the end, or why that cannot be told."""
    path = f"{root}/{entry.path}"
    try:
        text = str(Path(path).readlink())
    except OSError as error:
        return blocked(entry, UnreadReason.UNREADABLE, f"the link cannot be read: {error.strerror}")
    try:
        return text, os.path.realpath(path, strict=True)
    except OSError as error:
        if error.errno == errno.ELOOP:
            return blocked(entry, UnreadReason.LINK_DANGLING, f"the link to {text!r} leads in a circle")
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return blocked(entry, UnreadReason.LINK_DANGLING, f"the link leads to {text!r}, where there is nothing")
        return blocked(entry, UnreadReason.UNREADABLE, f"the link to {text!r} cannot be followed: {error.strerror}")


def within(path: str, folder: str) -> bool:
    """Whether ``path`` is ``folder`` or lies below it; both absolute and without links."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


class _FolderLinks:
    """What to make of the links of a plain folder, asked in order of their paths."""

    def __init__(self, root: str, limits: Limits) -> None:
        self._root = root
        self._limits = limits
        self._names: Counter[str] = Counter()

    def artifact(self, entry: Entry) -> Artifact | InnerLink:
        """Follow a link to a file of the folder; one to a folder of it adds nothing, one that leads outside is blocked.

        What a loader makes of a file depends on its name, so the file is examined under each name that links give it,
        up to a bound: links cost nothing, and a second look as much as the first.
        """
        target = link_target(self._root, entry)
        if isinstance(target, Artifact):
            return target
        text, final = target
        if not within(final, self._root):
            return blocked(entry, UnreadReason.LINK_OUTSIDE, f"the link leads to {text!r}, outside the folder")
        try:
            status = os.lstat(final)
        except OSError as error:
            return blocked(entry, UnreadReason.UNREADABLE, f"the link to {text!r} cannot be followed: {error.strerror}")
        # Why anything else cannot be read is told under its own path.
        if not stat.S_ISREG(status.st_mode) or not os.access(final, os.R_OK):
            return InnerLink(text)
        self._names[final] += 1
        if self._names[final] > _MOST_NAMES:
            detail = f"the link leads to {text!r}, which was examined under {_MOST_NAMES} other names"
            return InnerLink(text, blocked(entry, UnreadReason.LIMIT, detail))
        path = os.path.relpath(final, self._root)
        opener = LocalFile(self._root, path, FileState.of(status), self._limits.read_bytes)
        return InnerLink(text, Artifact(entry.path, status.st_size, opener))


def _link_note(links: list[str]) -> tuple[str, ...]:
    if not links:
        return ()
    shown = ", ".join(links[:_SHOWN_LINKS]) + (", …" if len(links) > _SHOWN_LINKS else "")
    noun = "link leads" if len(links) == 1 else "links lead"
    rest = "a file is examined under the name of its link too"
    return (f"{len(links)} {noun} to what is examined under its own path ({rest}): {shown}",)
