"""The result of ``verify``: the reference of the check, and every difference."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from modelaudit.model.digest import Claim, Digest
from modelaudit.model.signature import Signature


class DifferenceKind(StrEnum):
    """How an entry on disk differs from what was locked or recorded."""

    CHANGED = "changed"
    """Other bytes, or another text of a link."""
    ADDED = "added"
    MISSING = "missing"
    RENAMED = "renamed"
    """The same bytes under another name."""
    CASE = "case"
    """A name that differs in capitals, or in its Unicode form, alone."""
    MODE = "mode"
    """Another executable bit."""
    KIND = "kind"
    """A file, link, folder or special file in place of another one of these."""
    CONTRADICTED = "contradicted"
    """A record beside the files states another digest."""
    SIGNATURE = "signature"
    """A signature is refused, or none of a trusted signer was verified."""


class TreeDifference(Struct, frozen=True):
    """One difference.

    Attributes:
        kind: how the entry differs.
        path: of the entry on disk, or of the locked one if there is none on disk.
        detail: one phrase with both facts.
    """

    kind: DifferenceKind
    path: str
    detail: str = ""


class VerifiedFile(Struct, frozen=True):
    """A file with what records beside it claim.

    Attributes:
        digests: computed; empty where the bytes could not be read.
        claims: what records state, the strongest source first.
    """

    path: str
    digests: tuple[Digest, ...]
    claims: tuple[Claim, ...]


class Verification(Struct, frozen=True):
    """The result for one model.

    Attributes:
        name: the checked folder as the user named it, or the locked name.
        lock: the lock file; ``None`` without one.
        locked_name: the name of the model in the lock, with its commit; empty without a lock.
        entries: how many files, links and empty folders are on disk.
        differences: sorted by path.
        unread: path and reason of each entry that could not be read.
        unclaimed: without a lock, the files that no record claims, but those of ``left_out``.
        left_out: without a lock, the files that no record claims and that a signature leaves out, as its standard
            demands or the user allows it.
        uncompared: path and reason of each claim whose algorithm was not computed.
        files: every hashed file.
        tree_digest: of what is on disk; ``None`` where something could not be read. The executable bits are those that
            the lock knows.
        notes: remarks on how the target was resolved.
        signatures: of the model, with the result of each check.
    """

    name: str
    lock: str | None
    locked_name: str
    entries: int
    differences: tuple[TreeDifference, ...]
    unread: tuple[tuple[str, str], ...]
    unclaimed: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    files: tuple[VerifiedFile, ...] = ()
    tree_digest: str | None = None
    notes: tuple[str, ...] = ()
    signatures: tuple[Signature, ...] = ()
    uncompared: tuple[tuple[str, str], ...] = ()

    @property
    def exit_code(self) -> int:
        """1 for a difference, 3 if something was not read, not compared or claimed by no record, else 0."""
        if self.differences:
            return 1
        return 3 if self.unread or self.unclaimed or self.uncompared else 0
