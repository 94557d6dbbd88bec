"""Take a snapshot of a file or a folder on disk. Links never lead out of the root."""

from __future__ import annotations

import errno
import os
import stat
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from modelaudit.model.artifact import Artifact, ModelRef, RefKind, Snapshot
from modelaudit.model.copies import replace
from modelaudit.model.digest import Claim
from modelaudit.model.errors import SourceError
from modelaudit.model.limits import Limits
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.sources.walk import Entry, make_entry, walk_folder
from modelaudit.sources.windows import FileState, LocalFile

_MAX_NAMES = 5
"""The number of links, or of entries with one reason, that a note names; the others are counted."""
_MOST_NAMES_OF_FILE = 16


class InnerLink(Struct, frozen=True):
    """A link to a file or folder that is examined under its own path too.

    Attributes:
        text: the target as the link spells it.
        artifact: the target under the name of the link, if it is a file.
    """

    text: str
    artifact: Artifact | None = None


LinkResolver = Callable[[Entry], Artifact | InnerLink]
"""Resolves a link: to an artifact of its own, or to a link that is only noted."""


class FileSource(Struct, frozen=True):
    """One file. A link is followed if the user named the link itself.

    Attributes:
        claims: on its bytes.
    """

    name: str
    limits: Limits
    claims: tuple[Claim, ...] = ()

    def snapshot(self) -> Snapshot:
        """Return the snapshot whose only artifact is the file.

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
        artifact = replace(
            make_artifact(str(path.parent), entry, self.limits), path=Path(self.name).name, claims=self.claims
        )
        return Snapshot(ModelRef(RefKind.FILE, self.name), None, (artifact,), str(path.parent), path)


def list_folder(
    root: str, name: str, limits: Limits, resolve_entry: LinkResolver, counts_hard_links: bool = False
) -> tuple[tuple[Artifact, ...], tuple[str, ...]]:
    """List the artifacts below ``root``, sorted by path, with a note on links, if any.

    Args:
        root: absolute folder without links in it.
        name: the folder as the user wrote it, for the error.
        limits: bounds on depth and reads.
        resolve_entry: resolves each link.
        counts_hard_links: also count hard links that lead outside of the folder; not for caches, which contain such
            links on purpose.

    Raises:
        SourceError: the folder cannot be listed.
    """
    artifacts: list[Artifact] = []
    link_notes: list[str] = []
    link_count = 0
    absences = FolderAbsences(limits.folder_absences)
    try:
        entries = sorted(walk_folder(root, limits), key=lambda entry: entry.path)
        links_inside = Counter(entry.state.identity for entry in entries if entry.hard_links > 1 and entry.state)
        for entry in entries:
            resolved = resolve_entry(entry) if entry.link else make_artifact(root, entry, limits)
            artifact = resolved.artifact if isinstance(resolved, InnerLink) else resolved
            if isinstance(resolved, InnerLink):
                link_count += 1
                if link_count <= _MAX_NAMES:
                    link_notes.append(f"{entry.path!r} -> {resolved.text!r}")
            elif counts_hard_links and entry.hard_links > 1 and entry.state:
                links_outside = entry.hard_links - links_inside[entry.state.identity]
                artifact = replace(resolved, outside_hard_links=links_outside)
            if artifact is not None and not absences.count_if_too_many(artifact, len(artifacts)):
                artifacts.append(artifact)
    except OSError as error:
        hint = " Check its permissions." if error.errno in (errno.EACCES, errno.EPERM) else ""
        raise SourceError(f"The folder {name!r} cannot be listed: {error.strerror}.{hint}") from error
    absences.report_counted(artifacts)
    return tuple(artifacts), _note_links(link_count, link_notes)


class FolderAbsences:
    """Counts the entries that cannot be opened, by folder and reason, so that a report does not grow with their number.

    Args:
        most: the entries of one folder and reason that stay artifacts of their own.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._counts: Counter[tuple[str, UnreadReason]] = Counter()
        self._last_artifacts: dict[tuple[str, UnreadReason], int] = {}
        self._names: dict[tuple[str, UnreadReason], list[str]] = {}

    def count_if_too_many(self, artifact: Artifact, index: int) -> bool:
        """Count an artifact that cannot be opened; return whether it is left out, because enough like it are kept.

        The caller keeps any other artifact, at ``index`` of its list.
        """
        if artifact.open is not None or artifact.obstacle is None:
            return False
        folder, _, name = artifact.path.rpartition("/")
        key = (folder, artifact.obstacle.reason)
        self._counts[key] += 1
        if self._counts[key] <= self._most:
            self._last_artifacts[key] = index
            return False
        if self._counts[key] <= self._most + _MAX_NAMES:
            self._names.setdefault(key, []).append(repr(name))
        return True

    def report_counted(self, artifacts: list[Artifact]) -> None:
        """Add the number and first names of the counted entries to the last artifact of their folder and reason."""
        for key, names in self._names.items():
            artifact = artifacts[self._last_artifacts[key]]
            if artifact.obstacle is not None:
                count = self._counts[key] - self._most
                listed = ", ".join(names) + (", …" if count > len(names) else "")
                detail = f"{artifact.obstacle.detail}; {count} more of this folder ({listed}) have the same reason"
                obstacle = replace(artifact.obstacle, detail=detail, further_files=count)
                artifacts[self._last_artifacts[key]] = replace(artifact, obstacle=obstacle)


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
    """Return the text of a link and the absolute path that it leads to.

    A link that does not resolve is returned as an artifact with the reason.
    """
    path = f"{root}/{entry.path}"
    try:
        link_text = str(Path(path).readlink())
    except OSError as error:
        return make_blocked_link(entry, UnreadReason.UNREADABLE, f"the link cannot be read: {error.strerror}")
    try:
        return link_text, os.path.realpath(path, strict=True)
    except OSError as error:
        if error.errno == errno.ELOOP:
            return make_blocked_link(entry, UnreadReason.LINK_DANGLING, f"the link to {link_text!r} leads in a circle")
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return make_blocked_link(
                entry, UnreadReason.LINK_DANGLING, f"the link leads to {link_text!r}, where there is nothing"
            )
        return make_blocked_link(
            entry, UnreadReason.UNREADABLE, f"the link to {link_text!r} cannot be followed: {error.strerror}"
        )


def is_within(path: str, folder: str) -> bool:
    """Whether ``path`` is ``folder`` or lies below it; both absolute and without links."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


class FolderLinks:
    """Resolves the links of a plain folder, in order of their paths.

    Attributes:
        linked_folders: the folders below the root to which links lead, relative to it.
    """

    def __init__(self, root: str, limits: Limits) -> None:
        self._root = root
        self._limits = limits
        self._links_by_target: Counter[str] = Counter()
        self.linked_folders: set[str] = set()

    def resolve_entry(self, entry: Entry) -> Artifact | InnerLink:
        """Follow a link to a file of the folder, note a link to a folder of it, and block a link that leads outside.

        Loaders decide by file name, so a file is examined under each name that links give it. Their number is bounded,
        because a link costs an attacker nothing and every examination costs as much as the first.
        """
        resolved = resolve_link(self._root, entry)
        if isinstance(resolved, Artifact):
            return resolved
        link_text, real_path = resolved
        if not is_within(real_path, self._root):
            return make_blocked_link(
                entry, UnreadReason.LINK_OUTSIDE, f"the link leads to {link_text!r}, outside the folder"
            )
        try:
            status = os.lstat(real_path)
        except OSError as error:
            return make_blocked_link(
                entry, UnreadReason.UNREADABLE, f"the link to {link_text!r} cannot be followed: {error.strerror}"
            )
        if stat.S_ISDIR(status.st_mode):
            self.linked_folders.add(os.path.relpath(real_path, self._root))
        # A folder is walked under its own path, and a file that cannot be opened is reported there.
        if not stat.S_ISREG(status.st_mode) or not os.access(real_path, os.R_OK):
            return InnerLink(link_text)
        self._links_by_target[real_path] += 1
        if self._links_by_target[real_path] > _MOST_NAMES_OF_FILE:
            detail = f"the link leads to {link_text!r}, which was examined under {_MOST_NAMES_OF_FILE} other names"
            return InnerLink(link_text, make_blocked_link(entry, UnreadReason.LIMIT, detail))
        path = os.path.relpath(real_path, self._root)
        opener = LocalFile(self._root, path, FileState.from_stat(status), self._limits.read_bytes)
        return InnerLink(link_text, Artifact(entry.path, status.st_size, opener))


def _note_links(count: int, first_links: list[str]) -> tuple[str, ...]:
    """Return one note with the number of links inside the folder and the first of them; none without links."""
    if not count:
        return ()
    shown = ", ".join(first_links) + (", …" if count > len(first_links) else "")
    noun = "link leads" if count == 1 else "links lead"
    explanation = "linked files are examined under both names"
    return (f"{count} {noun} to files or folders of the model ({explanation}): {shown}",)
