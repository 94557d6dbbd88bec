"""The claims of a git checkout: the blob of each file in the index, and the content of large files by Git LFS.

Who can change the files of a folder can change its index too. So these claims find damage and careless changes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Final

from modelaudit.integrity.digests import make_hasher
from modelaudit.model.address import read_file_path
from modelaudit.model.artifact import Artifact
from modelaudit.model.digest import Claim, ClaimSource, Digest, DigestAlgorithm
from modelaudit.model.errors import WindowError
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import MIB
from modelaudit.model.source_fact import SourceFact, SourceFactKind
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.model.tree import is_git_setting
from modelaudit.sources.claims import ListedFile, explain_unstorable_name
from modelaudit.sources.folder_records import FolderRecords, iterate_pieces, name_some, read_small_artifact
from modelaudit.sources.git_attributes import ChangingPattern, find_changes, parse_attributes
from modelaudit.sources.git_elsewhere import MOST_PLACE_BYTES, RepositoryElsewhere, is_place
from modelaudit.sources.git_index import IndexEntry, UnreadableIndexError, parse_index
from modelaudit.sources.git_layout import LFS_OBJECT, GitLayout
from modelaudit.sources.git_settings import MOST_BYTES, is_ordinary_setting

_FOLDER: Final = ".git"
_MOST_SETTINGS_BYTES: Final = MIB
_MOST_PATTERNS: Final = 500
_MOST_POINTER_BYTES: Final = 1024  # the specification of Git LFS sets this bound
_POINTER_START: Final = b"version https://git-lfs.github.com/spec/v1\n"
_LINE_ENDS: Final = defer_pattern(rb"^\s*autocrlf\s*=\s*(?:true|yes|on|1)\s*$", re.IGNORECASE | re.MULTILINE)


def read_checkouts(records: FolderRecords) -> None:
    """Add what the git checkouts in a folder claim, and set their bookkeeping aside; nothing where there is none."""
    checkouts = [_Checkout(records, prefix) for prefix in records.find_folders(_FOLDER)]
    checkouts += [_CheckoutOfAnother(records, prefix) for prefix in _find_places(records)]
    for checkout in checkouts:
        checkout.apply()
    _report_untracked(records, checkouts)


def _find_places(records: FolderRecords) -> list[str]:
    """Find the folders with a file ``.git``: each is empty or a path with a slash."""
    return [path.removesuffix(_FOLDER) for path in records.artifacts if f"/{path}".endswith(f"/{_FOLDER}")]


def _report_untracked(records: FolderRecords, checkouts: Iterable[_Checkout]) -> None:
    """Add a fact for each file of a checkout that no index lists, and one note for all of them."""
    by_prefix = {checkout.prefix: checkout for checkout in checkouts}
    tracked = {path for checkout in by_prefix.values() for path in checkout.tracked or ()}
    untracked = []
    for path in records.artifacts if by_prefix else ():
        if path in tracked or path in records.recognised or records.artifacts[path].open is None:
            continue
        parts = path.split("/")
        folders = ("".join(f"{part}/" for part in parts[:length]) for length in range(len(parts) - 1, -1, -1))
        innermost = next((by_prefix[folder] for folder in folders if folder in by_prefix), None)
        # Without an index, the checkout is an absence already.
        if innermost and innermost.tracked is not None and not is_git_setting(path.removeprefix(innermost.prefix)):
            untracked.append(path)
            detail = f"{innermost.record} does not list it"
            records.facts.append(SourceFact(SourceFactKind.UNTRACKED, path, ClaimSource.GIT, detail))
    if untracked:
        records.notes.append(f"files that git does not track, so that it states no digest: {name_some(untracked)}")


class _Checkout:
    """One checkout.

    Attributes:
        prefix: empty, or the path of its folder with a slash.
        record: the path of the record that states the digests.
        tracked: the paths that its index lists; ``None`` if it has none, or it could not be read.
    """

    def __init__(self, records: FolderRecords, prefix: str) -> None:
        self._records = records
        self.prefix = prefix
        self._folder = f"{prefix}{_FOLDER}/"
        self.record = f"{self._folder}index"
        self.tracked: Set[str] | None = None
        self._layout = GitLayout()

    def apply(self) -> None:
        """Read the index, set the bookkeeping aside, and add the claims."""
        records = self._records
        if not self._is_bookkeeping(f"{self._folder}HEAD"):
            return  # not a folder of git
        entries = self._read_index()
        if entries is not None:
            self._add_claims(entries, self._index_large_files())
        own = records.list_below(self._folder)
        bookkeeping = [path for path in own if self._is_bookkeeping(path)]
        records.recognise(bookkeeping)
        # Settings stay files of the model, and a scan judges them. Those of a submodule name its folder, which a scan
        # takes for a command.
        settings = [path for path in set(own).difference(bookkeeping) if self._is_ordinary_setting(path)]
        records.recognise(settings)
        bookkeeping += (path for path in settings if path.startswith(f"{self._folder}modules/"))
        # A record with a fact stays in the inventory, which shows the fact.
        with_facts = {fact.path for fact in records.facts}
        records.set_aside([path for path in bookkeeping if path not in with_facts], self._folder.rstrip("/"))

    def _is_bookkeeping(self, path: str) -> bool:
        """Whether git or Git LFS writes the file at ``path``."""
        artifact = self._records.artifacts.get(path)
        if artifact is None or artifact.open is None or artifact.obstacle is not None:
            return False
        name = path.removeprefix(self._folder)
        return self._layout.is_bookkeeping(name, artifact.size, lambda most: _read_start(artifact, most))

    def _is_ordinary_setting(self, path: str) -> bool:
        """Whether the file at ``path`` holds settings that two clones of one commit may have differently."""
        data = self._records.read(path, MOST_BYTES)
        return data is not None and is_ordinary_setting(path.removeprefix(self._folder), data)

    def _read(self, name: str, most_bytes: int) -> bytes | None:
        """Return the bytes of a file of the repository; ``None`` if it is larger, missing, or cannot be read."""
        return self._records.read(f"{self._folder}{name}", most_bytes)

    def _read_index(self) -> list[IndexEntry] | None:
        """Return the entries of the index; ``None``, with a fact or an absence, if it cannot be read."""
        records, path = self._records, self.record
        if path not in records.artifacts:
            if any(records.list_below(f"{self._folder}objects/")):
                detail = "git has objects and no index, so that it states no digest of these files; run git reset"
                unread = Unread(UnreadReason.UNVERIFIED_BYTES, detail)
                records.artifacts[path] = Artifact(path, 0, None, (), unread)
            return None  # without objects, nothing has ever been added to git
        return self._parse_index()

    def _parse_index(self) -> list[IndexEntry] | None:
        """Return the entries of the index; ``None``, with a fact, if it cannot be read."""
        limits = self._records.limits
        data = self._read("index", limits.document_bytes)
        try:
            if data is None:
                raise UnreadableIndexError(f"it cannot be read, or has more than {limits.document_bytes} bytes")
            return parse_index(data, limits.folder_entries)
        except UnreadableIndexError as error:
            self._report_unsound(self.record, str(error))
            return None

    def _report_unsound(self, path: str, why: str) -> None:
        """Add the fact that a record of git is not used, at least in part."""
        self._records.facts.append(SourceFact(SourceFactKind.UNSOUND_RECORD, path, ClaimSource.GIT, why))

    def _index_large_files(self) -> dict[str, tuple[Digest, int]]:
        """Return the SHA-256 and the size of each content in the store of Git LFS, by the id of its pointer.

        Git stores a pointer in place of a large file, and its text follows from both. So the index states the content,
        although no object is read.
        """
        contents: dict[str, tuple[Digest, int]] = {}
        for path in self._records.list_below(f"{self._folder}lfs/objects/"):
            match = LFS_OBJECT.fullmatch(path.removeprefix(self._folder))
            if match is None:
                continue
            size = self._records.artifacts[path].size
            contents[_compute_id(_write_pointer(match[3], size))] = Digest(DigestAlgorithm.SHA256, match[3]), size
        return contents

    def _add_claims(self, entries: Sequence[IndexEntry], large_files: Mapping[str, tuple[Digest, int]]) -> None:
        """Add the claims of the index, and an absence for each file of it that is not there."""
        records = self._records
        self.tracked = {self.prefix + entry.path for entry in entries}
        settings = self._read("config", _MOST_SETTINGS_BYTES) or b""
        changes_line_ends = _LINE_ENDS.search(settings) is not None
        changing = self._read_changing_patterns()
        record = self.record
        filtered: list[str] = []
        unmerged: dict[str, None] = {}
        for entry in entries:
            path = self.prefix + entry.path
            problem = explain_unstorable_name(entry.path)
            if problem is not None:
                self._report_unsound(record, f"it lists {entry.path[:200]!r}: {problem}")
            elif not entry.is_merged:
                unmerged[path] = None
            elif not (entry.is_link and self._has_text_of_link(path, entry.blob)):
                can_be_undone = find_changes(entry.path, changing)
                if can_be_undone is None and changes_line_ends:
                    can_be_undone = True
                if not self._add_claim(path, entry, large_files, can_be_undone):
                    filtered.append(path)
        if filtered:
            why = "filters of git change the bytes of files at checkout, so that it states no digest of them"
            self._report_unsound(record, f"{why}: {name_some(filtered)}")
        if unmerged:
            why = "a merge left files in conflict, so that it states no digest of them"
            self._report_unsound(record, f"{why}: {name_some(unmerged)}")
        left_out = [path for path in self._list_left_out(entries) if path not in records.artifacts]
        if left_out:
            records.notes.append(f"files that git leaves out of the folder (sparse checkout): {name_some(left_out)}")

    def _add_claim(
        self, path: str, entry: IndexEntry, large_files: Mapping[str, tuple[Digest, int]], can_be_undone: bool | None
    ) -> bool:
        """Add the claim of the index on one file, or its absence.

        Args:
            path: of the file in the folder that is scanned.
            entry: of the index.
            large_files: as ``_index_large_files`` returns it.
            can_be_undone: whether all changes at checkout can be undone; ``None`` if git changes nothing.

        Returns:
            False if git states no digest, because it changes the file at checkout.
        """
        records = self._records
        artifact = records.artifacts.get(path)
        if entry.is_checked_out:
            detail = "git's index lists it, but it is not in the folder"
            records.listed.setdefault(path, (ListedFile(None, ()), detail))
        if artifact is None:
            return True
        digest = Digest(DigestAlgorithm.GIT_BLOB, entry.blob)
        if entry.blob in large_files and not _is_pointer(artifact, entry.blob):
            digest, size = large_files[entry.blob]
            records.listed[path] = ListedFile(size, ()), ""
        elif can_be_undone is not None:
            stated = restate_blob(artifact, entry.blob, records.limits.document_bytes)
            if stated is None and not can_be_undone:
                return False
            digest = stated or digest
        records.claims[path].append(Claim(digest, ClaimSource.GIT, self.record))
        return True

    def _list_left_out(self, entries: Iterable[IndexEntry]) -> list[str]:
        """List the paths of the files that the index leaves out of the folder."""
        return [self.prefix + entry.path for entry in entries if not entry.is_checked_out]

    def _has_text_of_link(self, path: str, blob: str) -> bool:
        """Whether the link at ``path`` has the text that the index states.

        The claim on any other link is one on the bytes at its end, which they contradict. A link without such bytes
        gets an absence, unless it has one.
        """
        records = self._records
        place = f"{records.root}/{path}"
        folder = os.path.dirname(place)  # noqa: PTH120 - a path of text
        try:
            text = os.readlink(place)  # noqa: PTH115 - a path of text
        except OSError:
            return False
        if os.path.realpath(folder) == folder and _compute_id(os.fsencode(text)) == blob:
            return True
        if path not in records.artifacts:
            detail = f"the link leads to {text[:200]!r}, and git's index states another place"
            unread = Unread(UnreadReason.UNVERIFIED_BYTES, detail)
            records.artifacts[path] = Artifact(path, 0, None, (), unread)
        return False

    def _read_changing_patterns(self) -> list[ChangingPattern]:
        """Return the patterns of files whose bytes git changes at checkout."""
        patterns: list[ChangingPattern] = []
        paths = [
            path
            for path in self._records.list_below(self.prefix)
            if path.rpartition("/")[2] == ".gitattributes" and not path.startswith(self._folder)
        ]
        for path in (*paths, None):
            read = self._read("info/attributes", _MOST_SETTINGS_BYTES) if path is None else None
            data = (self._records.read(path, _MOST_SETTINGS_BYTES) if path is not None else read) or b""
            folder = "" if path is None else path.removeprefix(self.prefix).rpartition("/")[0]
            patterns += parse_attributes(data, folder, _MOST_PATTERNS - len(patterns))
        return patterns


class _CheckoutOfAnother(_Checkout):
    """A work tree or a submodule, whose repository lies elsewhere, maybe outside of the scanned folder."""

    def __init__(self, records: FolderRecords, prefix: str) -> None:
        super().__init__(records, prefix)
        self.record = f"{prefix}{_FOLDER}"
        self._repository: RepositoryElsewhere | None = None

    def apply(self) -> None:
        """Read the index, and add the claims; without the repository, add an absence."""
        records = self._records
        data = records.read(self.record, MOST_PLACE_BYTES)
        if data is None or not is_place(data):
            return  # not a file of git
        records.recognise([self.record])
        work_tree = os.path.realpath(f"{records.root}/{read_file_path(self.prefix)}")
        self._repository = RepositoryElsewhere.find(work_tree, data)
        if self._repository is None:
            detail = (
                "it leads to a repository of git that cannot be read or does not name this folder, so that git states "
                "no digest of these files; run git worktree repair, or scan a clone"
            )
            unread = Unread(UnreadReason.UNVERIFIED_BYTES, detail)
            records.artifacts[self.record] = Artifact(self.record, 0, None, (), unread)
            return
        entries = self._parse_index()
        if entries is not None:
            self._add_claims(entries, {})
        if self.record not in {fact.path for fact in records.facts}:
            records.set_aside([self.record], self.record)

    def _read(self, name: str, most_bytes: int) -> bytes | None:
        return None if self._repository is None else self._repository.read(name, most_bytes)


def restate_blob(artifact: Artifact, blob: str, most_bytes: int) -> Digest | None:
    """Return a digest of the bytes in the folder that follows from their blob, if undoing the checkout leads to it.

    Git LFS puts content in the place of its pointer, ``eol=crlf`` other line ends, and ``ident`` the id of the blob.

    Args:
        artifact: the file in the folder.
        blob: git's id of the blob.
        most_bytes: larger files are taken for content of Git LFS alone.

    Returns:
        A SHA-256, or the id of the blob if the bytes are those of the blob; ``None`` if they lead to another blob, or
        cannot be read.
    """
    if artifact.open is None:
        return None
    sha256 = make_hasher(DigestAlgorithm.SHA256, artifact.size)
    pieces: list[bytes] = []
    try:
        with artifact.open() as window:
            for piece in iterate_pieces(window, window.size):
                sha256.update(piece)
                if artifact.size <= most_bytes:
                    pieces.append(piece)
    except WindowError:
        return None
    content = b"".join(pieces)
    digest = Digest(DigestAlgorithm.SHA256, sha256.hexdigest())
    if artifact.size <= most_bytes and _compute_id(content) == blob:
        return Digest(DigestAlgorithm.GIT_BLOB, blob)
    # Any other text between the marks was not written by git.
    undone = content.replace(b"$Id: %s $" % blob.encode(), b"$Id$").replace(b"\r\n", b"\n")
    leads_to_blob = blob in (_compute_id(undone), _compute_id(_write_pointer(digest.value, artifact.size)))
    return digest if leads_to_blob else None


def _is_pointer(artifact: Artifact, blob: str) -> bool:
    """Whether a file is the pointer that the blob holds, in place of the content of Git LFS."""
    data = read_small_artifact(artifact, _MOST_POINTER_BYTES)
    return data is not None and _compute_id(data) == blob


def _write_pointer(sha256: str, size: int) -> bytes:
    """Return the pointer that Git LFS commits in place of content."""
    return _POINTER_START + f"oid sha256:{sha256}\nsize {size}\n".encode()


def _compute_id(content: bytes) -> str:
    """Compute git's id of a blob."""
    hasher = make_hasher(DigestAlgorithm.GIT_BLOB, len(content))
    hasher.update(content)
    return hasher.hexdigest()


def _read_start(artifact: Artifact, most_bytes: int) -> bytes | None:
    """Return the first bytes of a file; ``None`` if it cannot be read."""
    if artifact.open is None:
        return None
    try:
        with artifact.open() as window:
            return window.read(0, min(window.size, most_bytes))
    except WindowError:
        return None
