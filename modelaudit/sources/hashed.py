"""Hash every file of a model on disk, and list the unreadable entries."""

from __future__ import annotations

import os
from collections import deque
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from msgspec import Struct, field

from modelaudit.integrity.digests import DigestingWindow
from modelaudit.integrity.hashing import HashingThreads, OpenedFile, PendingHash
from modelaudit.model.address import read_file_path
from modelaudit.model.artifact import Artifact, ModelRef, RefKind, Snapshot
from modelaudit.model.copies import replace
from modelaudit.model.digest import DigestAlgorithm
from modelaudit.model.errors import SourceError, WindowError
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.structure import UnreadReason
from modelaudit.model.tree import EntryKind, TreeEntry, is_bookkeeping
from modelaudit.model.verification import VerifiedFile
from modelaudit.sources.entries import find_irregular_paths, list_tree, make_file_artifact
from modelaudit.sources.folder_records import read_small_artifact
from modelaudit.sources.walk import walk_folder

_MOST_POINTER_BYTES: Final = 1024  # the specification of Git LFS sets this bound
_POINTER: Final = defer_pattern(
    rb"version https://(?:git-lfs|hawser)\.github\.com/spec/v1\r?\n(?:ext-[^\r\n]{1,200}\r?\n){0,10}"
    rb"oid sha256:[0-9a-f]{64}\r?\nsize (\d{1,19})\r?\n?"
)


class HashedModel(Struct, frozen=True):
    """A model on disk, with the digests of its files.

    Attributes:
        snapshot: its files and the claims about them.
        entries: files with their SHA-256 where it could be computed, links, and empty folders.
        files: every hashed file, with its claims.
        unread: path and reason of each entry that could not be read.
        irregular: those of them that are pipes, sockets or devices, which are known not to be files.
        other_sizes: path and phrase of each hashed file of which a record states another size.
    """

    snapshot: Snapshot
    entries: tuple[TreeEntry, ...]
    files: tuple[VerifiedFile, ...]
    unread: tuple[tuple[str, str], ...]
    irregular: frozenset[str] = frozenset()
    other_sizes: tuple[tuple[str, str], ...] = ()

    @property
    def claim_records(self) -> frozenset[str]:
        """The records that claim digests, which need no claim of their own."""
        return frozenset(claim.record for file in self.files for claim in file.claims)


def hash_model(snapshot: Snapshot, limits: Limits) -> HashedModel:
    """Hash every file of a folder or of a Hub cache, and list its other entries.

    Raises:
        SourceError: it is not a folder, or it cannot be listed.
    """
    tree = list_tree(snapshot, limits)
    with HashingThreads() as threads:
        return _Hashing(snapshot, tree, limits, threads).run()


def hash_tree(root: Path, limits: Limits) -> HashedModel:
    """Hash every file below a folder that is not a model, whatever it is for; no records are read or left out.

    Returns:
        Each file, link and empty folder, and the path and reason of each entry that could not be read. A link may lead
        anywhere.

    Raises:
        SourceError: it is not a folder, or it cannot be listed.
    """
    folder = Path(os.path.realpath(root))
    snapshot = Snapshot(ModelRef(RefKind.FOLDER, str(root)), None, (), str(root), folder)
    tree = list_tree(snapshot, limits, has_bookkeeping=False)
    with HashingThreads() as threads:
        return _Hashing(snapshot, tree, limits, threads).run()


def list_sizes(root: Path, limits: Limits) -> dict[str, int]:
    """List the size in bytes of each file below a folder, by its path, before any is hashed. Links are no files.

    Raises:
        SourceError: the folder cannot be listed.
    """
    try:
        walked = tuple(walk_folder(os.path.realpath(root), limits))
    except OSError as error:
        raise SourceError(f"The folder {str(root)!r} cannot be listed: {error.strerror}.") from error
    return {each.path: each.state.size for each in walked if each.state is not None and not each.link}


class _Hashing(Struct):
    """The files of one model that are hashed so far."""

    snapshot: Snapshot
    tree: tuple[TreeEntry, ...]
    limits: Limits
    threads: HashingThreads
    pending: deque[tuple[Artifact, str, PendingHash]] = field(default_factory=deque)
    files: dict[str, VerifiedFile] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    other_sizes: dict[str, str] = field(default_factory=dict)

    def run(self) -> HashedModel:
        """Hash each file once, and return the model."""
        self._hash_files()
        entries = tuple(map(self._add_digest, self.tree))
        for entry in entries:
            self._note_unread(entry)
        irregular = find_irregular_paths(self.snapshot)
        files = tuple(file for _, file in sorted(self.files.items()))
        unread, other_sizes = (tuple(sorted(each.items())) for each in (self.unread, self.other_sizes))
        return HashedModel(self.snapshot, entries, files, unread, irregular, other_sizes)

    def _hash_files(self) -> None:
        """Hash the files of the snapshot, and those of the tree that it lacks."""
        kinds = {entry.path: entry.kind for entry in self.tree}
        for artifact in self.snapshot.artifacts:
            path = read_file_path(artifact.path)
            # Ordinary settings of git are judged by a scan, and are not part of the model.
            # The absence of a record has no entry.
            if path in kinds or not is_bookkeeping(path) or artifact.open is None:
                self._add(artifact, path, is_link=kinds.get(path) is EntryKind.LINK)
        # Records of tools in folders below the root are not artifacts of a scan, and are entries of the tree.
        for entry in self.tree:
            if entry.kind is EntryKind.FILE and entry.path not in self.files:
                further = make_file_artifact(self.snapshot, entry.path, self.limits)
                if further is not None:
                    self._add(further, entry.path, is_link=False)
        self._collect(most_pending=0)

    def _add(self, artifact: Artifact, path: str, is_link: bool) -> None:
        """Begin to hash one file; the target of a link is its own file, or lies outside, as its obstacle states."""
        if artifact.obstacle is not None:
            has_other_size = artifact.open is not None and artifact.obstacle.reason is UnreadReason.CONTENT_ABSENT
            (self.other_sizes if has_other_size else self.unread)[path] = artifact.obstacle.detail
        if is_link and not artifact.claims:
            return
        self.files[path] = VerifiedFile(path, (), artifact.claims)
        self.sizes[path] = artifact.size
        pointer = _POINTER.match(read_small_artifact(artifact, _MOST_POINTER_BYTES) or b"")
        if pointer is not None:
            self.unread[path] = (
                f"it is a pointer of Git LFS, and its {int(pointer[1]):,} bytes are absent; run git lfs pull"
            )
        if artifact.open is None:
            return
        opened = ExitStack()
        try:
            window = opened.enter_context(artifact.open())
        except WindowError as error:
            self.unread[path] = str(error)
            return
        file = OpenedFile(opened, window, DigestingWindow(window, artifact.claimed))
        self.pending.append((artifact, path, self.threads.begin(file)))
        # Each file is open until it is hashed.
        self._collect(most_pending=2 * self.threads.count)

    def _collect(self, most_pending: int) -> None:
        """Wait until no more files than ``most_pending`` are to be hashed, and keep the digests of the others."""
        while len(self.pending) > most_pending:
            artifact, path, wait = self.pending.popleft()
            hashed = wait()
            if hashed.absence is None:
                self.files[path] = VerifiedFile(path, hashed.digests, artifact.claims)
            else:
                self.unread[path] = hashed.absence.detail

    def _add_digest(self, entry: TreeEntry) -> TreeEntry:
        """Return a file with its size and SHA-256, and any other entry as it is."""
        file = self.files.get(entry.path)
        if entry.kind is not EntryKind.FILE or file is None:
            return entry
        sha256 = next((each.value for each in file.digests if each.algorithm is DigestAlgorithm.SHA256), None)
        return entry if sha256 is None else replace(entry, size=self.sizes[entry.path], sha256=sha256)

    def _note_unread(self, entry: TreeEntry) -> None:
        """Note an entry whose bytes are unknown, or that leads to bytes outside of the model."""
        if entry.kind is EntryKind.FILE and entry.sha256 is None:
            self.unread.setdefault(entry.path, "it was not listed again, so it changed while it was read")
        elif entry.kind is EntryKind.SPECIAL:
            self.unread.setdefault(entry.path, "it cannot be examined")
        elif entry.kind is EntryKind.LINK and self._leads_to_records(entry.path):
            self.unread[entry.path] = "the link leads to records of a tool, which are not part of the model"

    def _leads_to_records(self, path: str) -> bool:
        """Whether a link ends in the records of a tool at the root, at a folder or at a file that is no entry."""
        root = os.path.realpath(str(self.snapshot.root))
        target = os.path.relpath(os.path.realpath(f"{root}/{path}"), root)
        return is_bookkeeping(target) and target not in self.files
