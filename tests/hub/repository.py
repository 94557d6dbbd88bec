"""A repository of the loopback Hub: its history, references, access and scan results."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from hub.gitstore import LFS_PATTERNS, Blob, Commit, Content, make_blob, make_commit

Kind = Literal["model", "dataset"]
Gate = Literal[False, "auto", "manual"]
Status = Literal["unscanned", "safe", "queued", "error", "caution", "suspicious", "unsafe"]
Files = Mapping[str, bytes | str | Path] | Path

_FIRST_COMMIT_DATE = 1_700_000_000
_COMMIT_ID = re.compile(r"[0-9a-f]{7,40}")


def format_date(date: int) -> str:
    """Format a date (seconds since the epoch) as the Hub does: ``2023-11-14T22:13:20.000Z``."""
    return datetime.fromtimestamp(date, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def collect_contents(files: Files) -> dict[str, Content]:
    """Collect the files of a mapping, or of a folder on disk without links, by their path in the repository."""
    if isinstance(files, Path):
        paths = sorted(path for path in files.rglob("*") if path.is_file() and not path.is_symlink())
        return {path.relative_to(files).as_posix(): path for path in paths}
    return {path: value.encode() if isinstance(value, str) else value for path, value in files.items()}


@dataclass(frozen=True, slots=True)
class FileScan:
    """The result of the Hub's scanners for one file.

    Args:
        imports: The (module, name, safety) triples of a pickle.
        answers: What the Hub answers for single scanners, in place of the result; None leaves a scanner out.
    """

    status: Status
    message: str = ""
    imports: tuple[tuple[str, str, str], ...] = ()
    answers: Mapping[str, object] = field(default_factory=dict)


@dataclass(slots=True)
class Repository:
    """A model or dataset with its commits.

    Args:
        id: ``owner/name``, or a bare ``name`` for the oldest repositories.
        kind: ``model`` or ``dataset``; the ids of both kinds are independent.
        private: Whether it is hidden from accounts without access.
        gated: Whether it is listed for everybody, but downloadable only with a grant.
        disabled: Whether it is listed, but nothing can be downloaded.
        scans_done: Whether the Hub's scanners have finished; else every file is "queued".
        lfs: The name patterns of the files that are kept in LFS.
        branches: The commit id at the head of each branch.
        tags: The commit id of each tag.
        pull_requests: The commit id at the head of each pull request, by ``refs/pr/N``.
        commits: Every commit by its id, in the order of creation.
        scans: The result of the scanners by path; a file without one is safe.
    """

    id: str
    kind: Kind = "model"
    private: bool = False
    gated: Gate = False
    disabled: bool = False
    scans_done: bool = True
    lfs: Sequence[str] = LFS_PATTERNS
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    pull_requests: dict[str, str] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)
    scans: dict[str, FileScan] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The identifier of the repository within the Hub: 24 hexadecimal digits."""
        return hashlib.sha256(f"{self.kind}:{self.id}".encode()).hexdigest()[:24]

    @property
    def owner(self) -> str | None:
        """The account before the slash of the id, or None."""
        return self.id.split("/")[0] if "/" in self.id else None

    @property
    def sha(self) -> str:
        """The id of the commit at the head of ``main``."""
        return self.branches["main"]

    def commit(
        self, files: Files, *, message: str = "Upload files", branch: str = "main", delete: Sequence[str] = ()
    ) -> str:
        """Add a commit that sets and deletes files, and move a branch (or ``refs/pr/N``) to it.

        Returns:
            The new commit's 40-digit id.
        """
        refs = self.pull_requests if branch.startswith("refs/pr/") else self.branches
        parent = refs.get(branch) or self.branches.get("main")
        listing: dict[str, Blob] = dict(self.commits[parent].files) if parent else {}
        for path, content in collect_contents(files).items():
            listing[path] = make_blob(path, content, self.lfs)
        for path in delete:
            del listing[path]
        # Each commit is a minute younger than the one before.
        date = _FIRST_COMMIT_DATE + 60 * len(self.commits)
        commit = make_commit(listing, parent=parent, message=message, author=self.owner or "hub", date=date)
        self.commits[commit.oid] = commit
        refs[branch] = commit.oid
        return commit.oid

    def set_branch(self, name: str, at: str = "main") -> None:
        """Create or move a branch."""
        self.branches[name] = self.find_commit(at).oid

    def set_tag(self, name: str, at: str = "main") -> None:
        """Create or move a tag."""
        self.tags[name] = self.find_commit(at).oid

    def set_scan(
        self,
        path: str,
        status: Status,
        *,
        message: str = "",
        imports: Sequence[tuple[str, str, str]] = (),
        answers: Mapping[str, object] | None = None,
    ) -> None:
        """Record the result of the Hub's scanners for a file."""
        self.scans[path] = FileScan(status, message, tuple(imports), answers or {})

    def find_commit(self, revision: str) -> Commit:
        """Return the commit of a branch, a tag, a name ``refs/…`` or a commit id, which may be abbreviated.

        Raises:
            KeyError: There is none.
        """
        for refs, prefix in ((self.branches, "refs/heads/"), (self.tags, "refs/tags/"), (self.pull_requests, "")):
            name = revision.removeprefix(prefix)
            if name in refs:
                return self.commits[refs[name]]
        if _COMMIT_ID.fullmatch(revision):
            matching = [commit for oid, commit in self.commits.items() if oid.startswith(revision)]
            if len(matching) == 1:
                return matching[0]
        raise KeyError(revision)

    def iter_history(self, commit: Commit) -> Iterator[Commit]:
        """Yield a commit and its ancestors, newest first."""
        current: Commit | None = commit
        while current is not None:
            yield current
            current = self.commits[current.parent] if current.parent else None

    def find_last_change(self, commit: Commit, path: str) -> Commit:
        """Return the newest commit, up to ``commit``, that changed a file or anything in a folder."""

        def get_object_id(at: Commit) -> str | None:
            return at.files[path].oid if path in at.files else at.trees.get(path)

        last_change = commit
        for older in self.iter_history(commit):
            if get_object_id(older) != get_object_id(commit):
                break
            last_change = older
        return last_change
