"""The records that ``hf download --local-dir`` leaves beside the files: ``.cache/huggingface/{download,trees}``.

Source: ``_local_folder.py`` and ``_tree_cache.py`` of huggingface_hub 2.4.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping

from msgspec import Struct

from modelaudit.model.artifact import Artifact
from modelaudit.model.copies import replace
from modelaudit.model.digest import Claim, ClaimSource
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.source_fact import SourceFact, SourceFactKind
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.sources.claims import ListedFile, Listing, StatedListing, explain_unstorable_name, parse_digest
from modelaudit.sources.folder_records import FolderRecords
from modelaudit.sources.records import locate_tree_record, read_tree_record

FOLDER = ".cache/huggingface"
_MOST_RECORD_BYTES = 1024
_MOST_LISTINGS = 8
"""The listings that are kept at a time; those of further commits count as missing."""
_COMMIT = r"[0-9a-f]{40}"
# The commit, the digest as an ETag, and the seconds since 1970, a line each.
# The form of the ETag leaves no room for code.
_DOWNLOAD = defer_pattern(rf'({_COMMIT})\n("?[0-9A-Za-z][0-9A-Za-z._/+=-]{{0,199}}"?)\n(\d{{1,12}}(?:\.\d{{1,9}})?)\n')
# Seconds, size, a flag, a SHA-256, the mode, a remote id, and two flags, a line each.
_UPLOAD = defer_pattern(r"\d+(?:\.\d+)?\n\d+\n[01]?\n(?:[0-9a-f]{64})?\n(?:regular|lfs)?\n[0-9a-f]*\n[01]\n[01]\n")
_TREE = defer_pattern(rf"trees/({_COMMIT})\.json")
_TAG = defer_pattern(r"Signature: 8a477f597d28d172789f06886806bc55\n(?:#[^\n]*\n)*")
"""Source: https://bford.info/cachedir/."""


class _Download(Struct, frozen=True):
    """The record of the download of one file."""

    commit: str
    etag: str
    seconds: float
    record: str


def read_download_records(records: FolderRecords) -> None:
    """Add what the records of downloads claim, and set them aside; nothing where the folder has none."""
    for prefix in records.find_folders(FOLDER):
        _DownloadFolder(records, prefix).apply()


def is_cache_tag(data: bytes) -> bool:
    """Whether a file is the tag of a cache folder, in the form that the Hub's client writes."""
    return _TAG.fullmatch(data.decode("utf-8", "replace")) is not None


def note_download_above(real_path: str) -> tuple[str, ...]:
    """Return a note if a folder above a file or folder is a download whose records are about it, and are not read.

    ``real_path`` is its absolute path without links.
    """
    folder = os.path.dirname(real_path)  # noqa: PTH120 - a path of text
    while folder != "/":
        records = f"{folder.rstrip('/')}/{FOLDER}/download"
        record = f"{records}/{os.path.relpath(real_path, folder)}" if os.path.lexists(records) else ""
        if record and (os.path.lexists(record) or os.path.lexists(f"{record}.metadata")):
            place = os.path.relpath(folder, real_path)
            why = "its records state digests, and are read by a scan of that folder alone"
            return (f"the target lies in a download of the Hub's client ({place}): {why}",)
        folder = os.path.dirname(folder)  # noqa: PTH120
    return ()


class _DownloadFolder:
    """One folder that a download was made into; ``prefix`` is empty or its path with a slash."""

    def __init__(self, records: FolderRecords, prefix: str) -> None:
        self._records = records
        self._prefix = prefix
        self._folder = f"{prefix}{FOLDER}/"
        self._downloads: dict[str, _Download] = {}
        self._commits: set[str] = set()
        self._trees: dict[str, Listing] = {}

    def apply(self) -> None:
        """Read the records, set them aside, and add the claims, the absences and the unlisted files."""
        records = self._records
        known = [path for path in records.list_below(self._folder) if self._recognise(path)]
        self._report_listings()
        records.recognise(known)
        names = {path.removeprefix(self._folder) for path in known}
        records.set_aside(known, self._folder.rstrip("/"))
        if not self._downloads and not self._trees:
            # The client writes these two before it downloads or uploads anything.
            if names & {".gitignore", "CACHEDIR.TAG"} and not any(each.startswith("upload/") for each in names):
                self._report_removed_records()
            return
        current = self._find_current_commit()
        listing = self._trees.get(current)
        if not self._prefix:
            records.expects_claims, records.commit = True, current
            records.notes.append(f"the folder is a download of commit {current} by the Hub's client")
        if len(self._commits) > 1:
            records.notes.append(f"the files of the download come from {len(self._commits)} commits")
        for name in sorted({*self._downloads, *(listing or ())}):
            self._add_claims(name, current)
        self._report_unlisted(current)

    def _recognise(self, path: str) -> bool:
        """Whether a file has the name and the form of a record of the client; keep what it states."""
        records, name = self._records, path.removeprefix(self._folder)
        if re.fullmatch(r"\.gitignore\.lock|(?:download|upload)/.+\.lock", name):
            return records.artifacts[path].size == 0 and records.artifacts[path].open is not None
        tree = _TREE.fullmatch(name)
        if tree is not None:
            return self._read_listing(path, tree[1])
        data = records.read(path, _MOST_RECORD_BYTES) or b""
        if name == "CACHEDIR.TAG":
            return is_cache_tag(data)
        if name == ".gitignore":
            return data == b"*"
        text = data.decode("utf-8", "replace")
        if name.startswith("upload/") and name.endswith(".metadata"):
            return _UPLOAD.fullmatch(text) is not None
        is_download = name.startswith("download/") and name.endswith(".metadata")
        return is_download and self._read_download(path, text)

    def _read_listing(self, path: str, commit: str) -> bool:
        """Read the listing of a commit, and return whether it could be read."""
        records = self._records
        listing = read_tree_record(f"{records.root}/{self._folder.rstrip('/')}", commit, records.limits)
        if isinstance(listing, Unread):
            records.artifacts[path] = replace(records.artifacts[path], open=None, obstacle=listing)
        if not isinstance(listing, Mapping):
            return False
        # The records of files come first in the order of paths.
        is_named = not self._commits or commit in self._commits
        if is_named and len(self._trees) < _MOST_LISTINGS:
            self._trees[commit] = listing
        return True

    def _read_download(self, path: str, text: str) -> bool:
        """Read the record of one file, and return whether it has the form of one."""
        match = _DOWNLOAD.fullmatch(text)
        if match is None:
            detail = f"{path} is not the record of a download: commit, digest and time"
            self._records.facts.append(SourceFact(SourceFactKind.UNSOUND_RECORD, path, ClaimSource.LOCAL_DIR, detail))
            return False
        name = path.removeprefix(f"{self._folder}download/").removesuffix(".metadata")
        self._commits.add(match[1])
        self._downloads[name] = _Download(match[1], match[2].strip('"'), float(match[3]), path)
        return True

    def _find_current_commit(self) -> str:
        """Return the commit of the latest download, or of a listing if no file has a record."""
        latest = max(self._downloads.values(), key=lambda download: download.seconds, default=None)
        return latest.commit if latest is not None else max(self._trees)

    def _report_listings(self) -> None:
        """Add an absence for each commit without a listing."""
        for commit in sorted(self._commits - set(self._trees)):
            path = f"{self._folder}{locate_tree_record(commit)}"
            detail = (
                "the download has no listing of this commit, so nothing shows whether these are its files; download "
                "the whole repository into the folder"
            )
            unread = Unread(UnreadReason.UNVERIFIED_BYTES, detail)
            self._records.artifacts.setdefault(path, Artifact(path, 0, None, (), unread))

    def _report_removed_records(self) -> None:
        """Add an absence for the records, because the client has used the folder and none is there."""
        records, path = self._records, f"{self._folder}download"
        detail = "the Hub's client has used this folder, and neither a listing nor a record of a download is there"
        records.artifacts[path] = Artifact(path, 0, None, (), Unread(UnreadReason.UNVERIFIED_BYTES, detail))
        records.expects_claims = records.expects_claims or not self._prefix

    def _add_claims(self, name: str, current: str) -> None:
        """Add the claims of the file ``name`` of the repository, by its own record and the listing of its commit."""
        records, path = self._records, self._prefix + name
        download = self._downloads.get(name)
        commit = current if download is None else download.commit
        if download is not None:
            digests = parse_digest(download.etag)
            records.claims[path] += [Claim(each, ClaimSource.LOCAL_DIR, download.record) for each in digests]
        record = f"{self._folder}{locate_tree_record(commit)}"
        tree = self._trees.get(commit, {})
        records.claims[path] += StatedListing(ClaimSource.LOCAL_DIR, record, tree).list_claims(name)
        listed = tree.get(name, ListedFile(None, ()))
        problem = explain_unstorable_name(name)
        detail = "the records of the download list it, but it is not in the folder"
        records.listed[path] = listed, f"{detail}: {problem}" if problem else detail

    def _report_unlisted(self, current: str) -> None:
        """Add a fact for each file that neither a record nor the listing of its commit names."""
        for path in self._iterate_files():
            name = path.removeprefix(self._prefix)
            download = self._downloads.get(name)
            commit = current if download is None else download.commit
            tree, present = self._trees.get(commit), self._trees.get(current)
            if name in tree if tree is not None else download is not None:
                if present is None or name in present:
                    continue
                detail = f"it is left of commit {commit}, and the download of commit {current} lacks it"
            else:
                detail = f"the records of the download of commit {commit} lack it"
            self._records.facts.append(SourceFact(SourceFactKind.UNLISTED, path, ClaimSource.LOCAL_DIR, detail))

    def _iterate_files(self) -> Iterator[str]:
        """Yield the paths of the files of the model: all but those in the folder of records, and absent listings."""
        for path in self._records.list_below(self._prefix):
            is_record = path.startswith(self._folder) and self._records.artifacts[path].open is None
            if not is_record:
                yield path
