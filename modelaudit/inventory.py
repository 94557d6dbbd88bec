"""Make the inventory record of an artifact from its reading, with the absences that the policy accepts."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Protocol

from modelaudit.integrity.hashing import BeginHashing, PendingHash
from modelaudit.model.artifact import Artifact
from modelaudit.model.copies import replace
from modelaudit.model.limits import Limits
from modelaudit.model.outline import References
from modelaudit.model.policy import Policy
from modelaudit.model.reading import Structure
from modelaudit.model.report import ArtifactRecord, ByteCounts, Extent
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.policy.absences import apply_policy
from modelaudit.wire.ledger import ArtifactLedger


class ArtifactRead(Protocol):
    """The reading of one top-level artifact: formats, structures and absences with their addresses, in order.

    Attributes:
        digest: the SHA-256 of a small file that was read whole and not to be hashed, and that did not change meanwhile.
    """

    formats: list[tuple[str, str]]
    members: int
    byte_counts: ByteCounts | None
    digest: str | None
    ledgers: list[ArtifactLedger]

    @property
    def structures(self) -> Sequence[tuple[str, Structure]]:
        """The structures with their addresses."""

    @property
    def unread(self) -> Sequence[tuple[str, Unread]]:
        """The absences with their addresses."""

    def run(self, artifact: Artifact, begin_hashing: BeginHashing | None = None) -> PendingHash | None:
        """Read the artifact, and begin to hash it; a failure becomes an absence."""

    def run_as_program(self, artifact: Artifact, languages: Set[str]) -> None:
        """Read the artifact as a program in each of the languages; a failure becomes an absence."""


def build_record(artifact: Artifact, reading: ArtifactRead, policy: Policy) -> ArtifactRecord:
    """Return the record of an artifact, before its structures are judged and its bytes are hashed."""
    absences = tuple((address, apply_policy(address, unread, policy)) for address, unread in reading.unread)
    extent = Extent.EXAMINED
    if absences and not reading.structures:
        extent = Extent.NOT
    elif not all(unread.is_beside_read_bytes for _, unread in reading.unread):
        extent = Extent.PARTLY
    return ArtifactRecord(
        path=artifact.path,
        size=artifact.size,
        extent=extent,
        formats=tuple(dict.fromkeys(format_ for _, format_ in reading.formats)),
        members=reading.members,
        claims=artifact.claims,
        absences=absences,
        byte_counts=reading.byte_counts,
    )


def add_absences(record: ArtifactRecord, absences: Sequence[tuple[str, Unread]], policy: Policy) -> ArtifactRecord:
    """Return ``record`` with further absences, each accepted or not by the policy."""
    if not absences:
        return record
    judged_absences = tuple((address, apply_policy(address, unread, policy)) for address, unread in absences)
    is_read = all(unread.is_beside_read_bytes for _, unread in absences)
    extent = record.extent if is_read or record.extent is Extent.NOT else Extent.PARTLY
    return replace(record, absences=(*record.absences, *judged_absences), extent=extent)


class ReferenceBound:
    """The bound on the references of all files of a model together."""

    def __init__(self, limits: Limits) -> None:
        self._most = self._left = limits.references

    def admit(self, references: References) -> Unread | None:
        """Count the references of a file; return the absence that remains if there are too many."""
        self._left -= len(references.items)
        if self._left >= 0:
            return None
        detail = f"the files have more than {self._most} references in all; its own are not checked"
        return Unread(UnreadReason.LIMIT, detail)
