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

_FIRST_COMMIT = 1_700_000_000
_COMMIT_ID = re.compile(r"[0-9a-f]{7,40}")


def iso(date: int) -> str:
    """A date (seconds since the epoch) as the Hub writes it."""
    return datetime.fromtimestamp(date, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def contents(files: Files) -> dict[str, Content]:
    """The files of a mapping, or of a folder on disk (links are not followed), keyed by path in the repository."""
    if isinstance(files, Path):
        found = sorted(p for p in files.rglob("*") if p.is_file() and not p.is_symlink())
        return {p.relative_to(files).as_posix(): p for p in found}
    return {path: value.encode() if isinstance(value, str) else value for path, value in files.items()}


@dataclass(frozen=True, slots=True)
class FileScan:
    """What the Hub's scanners say about one file; ``imports`` are (module, name, safety) triples of a pickle."""

    status: Status
    message: str = ""
    imports: tuple[tuple[str, str, str], ...] = ()


@dataclass(slots=True)
class Repository:
    """A model or dataset with its commits.

    Args:
        id: ``owner/name``, or a bare ``name`` for the oldest repositories.
        kind: Which of the two name spaces holds it.
        private: Hidden from everybody who was not granted access.
        gated: Listed for everybody, downloadable only with a grant.
        disabled: Listed, but taken down: nothing can be downloaded.
        scans_done: Whether the Hub's scanners have finished; else every file is "queued".
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
        """The repository's identity, which outlives a change of name (24 hexadecimal digits)."""
        return hashlib.sha256(f"{self.kind}:{self.id}".encode()).hexdigest()[:24]

    @property
    def owner(self) -> str | None:
        """The account before the slash, or None."""
        return self.id.split("/")[0] if "/" in self.id else None

    @property
    def sha(self) -> str:
        """The commit at the head of ``main``."""
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
        for path, content in contents(files).items():
            listing[path] = make_blob(path, content, self.lfs)
        for path in delete:
            del listing[path]
        date = _FIRST_COMMIT + 60 * len(self.commits)
        made = make_commit(listing, parent=parent, message=message, author=self.owner or "hub", date=date)
        self.commits[made.oid] = made
        refs[branch] = made.oid
        return made.oid

    def branch(self, name: str, at: str = "main") -> None:
        """Create or move a branch."""
        self.branches[name] = self.at(at).oid

    def tag(self, name: str, at: str = "main") -> None:
        """Create or move a tag."""
        self.tags[name] = self.at(at).oid

    def scan(
        self, path: str, status: Status, *, message: str = "", imports: Sequence[tuple[str, str, str]] = ()
    ) -> None:
        """Record the Hub scanners' opinion of a file."""
        self.scans[path] = FileScan(status, message, tuple(imports))

    def at(self, revision: str) -> Commit:
        """The commit that a branch, tag, ``refs/…`` name or (abbreviated) commit id names.

        Raises:
            KeyError: There is none.
        """
        for refs, prefix in ((self.branches, "refs/heads/"), (self.tags, "refs/tags/"), (self.pull_requests, "")):
            name = revision.removeprefix(prefix) if prefix else revision
            if name in refs:
                return self.commits[refs[name]]
        if _COMMIT_ID.fullmatch(revision):
            found = [commit for oid, commit in self.commits.items() if oid.startswith(revision)]
            if len(found) == 1:
                return found[0]
        raise KeyError(revision)

    def history(self, commit: Commit) -> Iterator[Commit]:
        """The commit and its ancestors, newest first."""
        at: Commit | None = commit
        while at is not None:
            yield at
            at = self.commits[at.parent] if at.parent else None

    def last_change(self, commit: Commit, path: str) -> Commit:
        """The commit that gave a file, or anything under a folder, its present state."""

        def state(of: Commit) -> str | None:
            return of.files[path].oid if path in of.files else of.trees.get(path)

        wanted, answer = state(commit), commit
        for older in self.history(commit):
            if state(older) != wanted:
                break
            answer = older
        return answer
