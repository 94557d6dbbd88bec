"""The claims of a git checkout: the blob of each file in the index, and the content of large files by Git LFS.

Who can change the files of a folder can change its index too. So these claims find damage and careless changes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Set
from fnmatch import fnmatchcase
from typing import Final

from modelaudit.model.artifact import Artifact
from modelaudit.model.digest import Claim, ClaimSource, Digest, DigestAlgorithm
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import MIB
from modelaudit.model.source_fact import SourceFact, SourceFactKind
from modelaudit.sources.claims import ListedFile, explain_unstorable_name
from modelaudit.sources.folder_records import FolderRecords, name_some
from modelaudit.sources.git_index import IndexEntry, UnreadableIndexError, parse_index
from modelaudit.sources.git_layout import LFS_OBJECT, GitLayout

_FOLDER: Final = ".git"
_MOST_SETTINGS_BYTES: Final = MIB
_MOST_POINTER_BYTES: Final = 1024
_MOST_PATTERNS: Final = 2000
_POINTER_START: Final = b"version https://git-lfs.github.com/spec/v1\n"
# Attributes by which git writes other bytes into the folder than the blob has.
_CHANGING: Final = re.compile(r"filter=\S+|ident|working-tree-encoding=\S+|eol=crlf")
_LINE_ENDS: Final = re.compile(rb"^\s*autocrlf\s*=\s*(?:true|yes|on|1)\s*$", re.IGNORECASE | re.MULTILINE)


def read_checkouts(records: FolderRecords) -> None:
    """Add what the git checkouts in a folder claim, and set their bookkeeping aside; nothing where there is none."""
    for prefix in records.find_folders(_FOLDER):
        _Checkout(records, prefix).apply()


class _Checkout:
    """One checkout; ``prefix`` is empty or the path of its folder with a slash."""

    def __init__(self, records: FolderRecords, prefix: str) -> None:
        self._records = records
        self._prefix = prefix
        self._folder = f"{prefix}{_FOLDER}/"
        self._layout = GitLayout()

    def apply(self) -> None:
        """Read the index, set the bookkeeping aside, and add the claims."""
        records = self._records
        if not self._is_bookkeeping(f"{self._folder}HEAD"):
            return  # not a folder of git
        entries = self._read_index()
        if entries is not None:
            self._add_claims(entries, self._index_large_files())
            self._note_untracked({self._prefix + entry.path for entry in entries})
        # A record with a fact stays in the inventory, which shows the fact.
        with_facts = {fact.path for fact in records.facts}
        own = [path for path in records.list_below(self._folder) if path not in with_facts]
        records.set_aside([path for path in own if self._is_bookkeeping(path)], self._folder.rstrip("/"))

    def _note_untracked(self, tracked: Set[str]) -> None:
        """Add a note that names the files of the checkout that the index does not list."""
        records = self._records
        files = (path for path in records.list_below(self._prefix) if not path.startswith(self._folder))
        untracked = [path for path in files if path not in tracked and records.artifacts[path].open is not None]
        if untracked:
            records.notes.append(f"files that git does not track, so that it states no digest: {name_some(untracked)}")

    def _is_bookkeeping(self, path: str) -> bool:
        """Whether git or Git LFS writes the file at ``path``."""
        artifact = self._records.artifacts.get(path)
        if artifact is None or artifact.open is None or artifact.obstacle is not None:
            return False
        name = path.removeprefix(self._folder)
        return self._layout.is_bookkeeping(name, artifact.size, lambda most: _read_start(artifact, most))

    def _read_index(self) -> list[IndexEntry] | None:
        """Return the entries of the index; ``None``, with a fact or a note, if it cannot be read."""
        records, path = self._records, f"{self._folder}index"
        if path not in records.artifacts:
            records.notes.append(f"{self._folder.rstrip('/')!r} has no index, so git states no digests")
            return None
        data = records.read(path, records.limits.document_bytes)
        try:
            if data is None:
                raise UnreadableIndexError(f"it cannot be read, or has more than {records.limits.document_bytes} bytes")
            return parse_index(data, records.limits.folder_entries)
        except UnreadableIndexError as error:
            self._report_unsound(path, str(error))
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
            pointer = _POINTER_START + f"oid sha256:{match[3]}\nsize {size}\n".encode()
            id_ = hashlib.sha1(b"blob %d\0" % len(pointer) + pointer, usedforsecurity=False).hexdigest()
            contents[id_] = Digest(DigestAlgorithm.SHA256, match[3]), size
        return contents

    def _add_claims(self, entries: Iterable[IndexEntry], large_files: Mapping[str, tuple[Digest, int]]) -> None:
        """Add the claims of the index, and an absence for each file of it that is not there."""
        records = self._records
        settings = records.read(f"{self._folder}config", _MOST_SETTINGS_BYTES) or b""
        changes_line_ends = _LINE_ENDS.search(settings) is not None
        changing = self._read_changing_patterns()
        record = f"{self._folder}index"
        without_claim: list[str] = []
        for entry in entries:
            path = self._prefix + entry.path
            problem = explain_unstorable_name(entry.path)
            if problem is not None:
                self._report_unsound(record, f"it lists {entry.path[:200]!r}: {problem}")
                continue
            artifact = records.artifacts.get(path)
            if entry.is_checked_out:
                detail = "git's index lists it, but it is not in the folder"
                records.listed.setdefault(path, (ListedFile(None, ()), detail))
            if artifact is None:
                continue
            if entry.blob in large_files:
                digest, size = large_files[entry.blob]
                records.listed[path] = ListedFile(size, ()), ""
                records.claims[path].append(Claim(digest, ClaimSource.GIT, record))
            elif (changes_line_ends or _fits_any(entry.path, changing)) and not _is_pointer(artifact):
                without_claim.append(path)
            else:
                digest = Digest(DigestAlgorithm.GIT_BLOB, entry.blob)
                records.claims[path].append(Claim(digest, ClaimSource.GIT, record))
        if without_claim:
            why = "git changes their bytes at checkout, so its index states no digest of them"
            records.notes.append(f"{why}: {name_some(without_claim)}")

    def _read_changing_patterns(self) -> list[tuple[str, str]]:
        """Return the patterns of files whose bytes git changes at checkout, each with its folder below the checkout."""
        patterns: list[tuple[str, str]] = []
        paths = [
            path
            for path in self._records.list_below(self._prefix)
            if path.rpartition("/")[2] == ".gitattributes" and not path.startswith(self._folder)
        ]
        for path in (*paths, f"{self._folder}info/attributes"):
            data = self._records.read(path, _MOST_SETTINGS_BYTES) or b""
            folder = path.removeprefix(self._prefix).rpartition("/")[0]
            folder = "" if path.startswith(self._folder) else folder
            for line in data.decode("utf-8", "surrogateescape").splitlines():
                words = line.split()
                is_changing = any(_CHANGING.fullmatch(word) for word in words[1:])
                if words and not line.startswith("#") and is_changing and len(patterns) < _MOST_PATTERNS:
                    patterns.append((folder, words[0]))
        return patterns


def _fits_any(path: str, patterns: Iterable[tuple[str, str]]) -> bool:
    """Whether one of the patterns of attributes fits a path; a pattern without a slash fits names in any folder."""
    for folder, pattern in patterns:
        below = path.removeprefix(f"{folder}/") if folder else path
        if folder and below == path:
            continue
        subject = below if "/" in pattern.rstrip("/") else below.rpartition("/")[2]
        if fnmatchcase(subject, pattern.removeprefix("/")) or fnmatchcase(subject, pattern.replace("**/", "")):
            return True
    return False


def _is_pointer(artifact: Artifact) -> bool:
    """Whether a file is the pointer of Git LFS itself, because its content was not fetched."""
    return artifact.size <= _MOST_POINTER_BYTES and _read_start(artifact, len(_POINTER_START)) == _POINTER_START


def _read_start(artifact: Artifact, most_bytes: int) -> bytes | None:
    """Return the first bytes of a file; ``None`` if it cannot be read."""
    if artifact.open is None:
        return None
    try:
        with artifact.open() as window:
            return window.read(0, min(window.size, most_bytes))
    except WindowError:
        return None
