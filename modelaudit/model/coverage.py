"""What a scan examined: the record of each file with its digests and its absences, and the inventory of all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from modelaudit.model.acceptance import Acceptance
from modelaudit.model.address import file_of
from modelaudit.model.digest import Claim, ClaimSource, Digest, DigestState, find_contradictions, list_digests
from modelaudit.model.finding import Finding
from modelaudit.model.structure import NOWHERE, Unread, UnreadReason

COVERAGE_RULES = "coverage"
"""The group of the rules whose findings state absences: ``coverage/damaged``."""


class Extent(StrEnum):
    """The part of an artifact that was examined."""

    EXAMINED = "examined"
    PARTLY = "partly-examined"
    NOT = "not-examined"


@dataclass(frozen=True, slots=True)
class Absence:
    """An ``Unread`` with its acceptance by the policy, a decision or a baseline; ``None`` leaves it open."""

    unread: Unread
    acceptance: Acceptance | None = None

    def name_at(self, address: str) -> str:
        """Return the name of this absence at an address, as ``modelaudit decide`` takes it: ``no-reader:a.bin``."""
        return f"{self.unread.reason}:{address}"

    def name_part(self, address: str) -> str:
        """Name the part that it is about: the absent file that the artifact at the address names, or the artifact."""
        return self.unread.missing_file or address

    def is_stated_by(self, finding: Finding, address: str) -> bool:
        """Whether a finding is about this absence, which is at an address: both are one thing to decide on."""
        unread = self.unread
        if finding.artifact != address:
            return False
        if finding.rule != f"{COVERAGE_RULES}/{unread.reason}":
            # A finding that leaves an absence gives it its own words and its own place.
            return unread.where == finding.location and unread.detail == finding.message.removesuffix(".")
        is_place_equal = unread.where == finding.location != NOWHERE
        return is_place_equal or unread.detail in finding.message or unread.detail in finding.evidence


@dataclass(frozen=True, slots=True)
class ByteCounts:
    """The bytes of a file by class; members are data of the container around them.

    Attributes:
        parsed: bytes that a reader parsed.
        data: bytes that the format declares as data, such as tensors, and padding.
        unclaimed: bytes that belong to no part of the format.
    """

    parsed: int = 0
    data: int = 0
    unclaimed: int = 0


@dataclass(frozen=True, slots=True)
class ArtifactRecord:
    """The inventory entry of a file; members of containers are counted, not listed.

    Attributes:
        formats: formats that were recognised, outermost first: ``zip``, then the formats of members.
        members: number of child artifacts that were examined.
        digests: of the bytes that were read.
        claims: digests that sources state, the strongest source first.
        digest_state: the result of comparing both.
        byte_counts: the bytes by class; ``None`` if the file was not read.
        is_by_hand: whether a person starts the file or follows its text, and no loader of a model runs it.
    """

    path: str
    size: int
    extent: Extent
    formats: tuple[str, ...] = ()
    members: int = 0
    digests: tuple[Digest, ...] = ()
    claims: tuple[Claim, ...] = ()
    digest_state: DigestState = DigestState.NOT_COMPUTED
    absences: tuple[tuple[str, Absence], ...] = ()
    byte_counts: ByteCounts | None = None
    is_by_hand: bool = False

    @property
    def claimed(self) -> tuple[Digest, ...]:
        """The stated digests, sorted and without repetition."""
        return list_digests(self.claims)

    @property
    def is_confirmed_from_outside(self) -> bool:
        """Whether the Hub or a lock confirms the bytes, and no source contradicts them."""
        is_confirmed = any(claim.source.rank <= ClaimSource.LOCK.rank for claim in self.agreeing_claims)
        return is_confirmed and not self.contradicting_claims

    @property
    def agreeing_claims(self) -> tuple[Claim, ...]:
        """The claims that the digests of the bytes fulfil."""
        return tuple(claim for claim in self.claims if claim.digest in self.digests)

    @property
    def contradicting_claims(self) -> tuple[Claim, ...]:
        """The claims that the digests of the bytes contradict."""
        return find_contradictions(self.claims, self.digests)

    @property
    def lacks_digests_alone(self) -> bool:
        """Whether the artifact represents an absent record of digests, such as a listing, without bytes of its own."""
        reasons = {absence.unread.reason for _, absence in self.absences}
        return self.extent is Extent.NOT and reasons == {UnreadReason.UNVERIFIED_BYTES}

    @property
    def file_count(self) -> int:
        """The number of files that the record reports: itself, and those that its absence counts without a record."""
        return 1 + sum(absence.unread.further_files for _, absence in self.absences)

    @property
    def is_complete(self) -> bool:
        """Whether all of it was examined, it names no absent file, and no name in it is unverified."""
        reasons = {absence.unread.reason for _, absence in self.absences}
        return self.extent is Extent.EXAMINED and reasons <= {UnreadReason.UNVERIFIED_BYTES}

    def __post_init__(self) -> None:
        is_unread = any(not each.unread.is_beside_read_bytes for _, each in self.absences)
        if self.extent is Extent.EXAMINED and is_unread:
            raise ValueError(f"{self.path} counts as examined and has parts that were not read")


@dataclass(frozen=True, slots=True)
class UnopenedFile:
    """A file that was left unopened.

    Attributes:
        size: number of bytes that the source states.
    """

    path: str
    size: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """The inventory: the files of the snapshot that were opened, sorted by path.

    Attributes:
        unopened: how many files of the snapshot were left unopened, because the question did not need them.
        unopened_files: these files; a report of an older version has their number alone.
    """

    artifacts: tuple[ArtifactRecord, ...]
    unopened: int = 0
    unopened_files: tuple[UnopenedFile, ...] = ()

    def count(self, extent: Extent) -> int:
        """The number of files that were examined to this extent."""
        return sum(record.file_count for record in self.artifacts if record.extent is extent)

    @property
    def file_count(self) -> int:
        """The number of files of the snapshot that were opened, or that could not be."""
        return sum(record.file_count for record in self.artifacts)

    @property
    def anything_examined(self) -> bool:
        """Whether at least one artifact was read, completely or partly."""
        return any(record.extent is not Extent.NOT for record in self.artifacts)

    @property
    def is_complete(self) -> bool:
        """Whether each file was opened and examined completely, without unclaimed bytes, and none is known to lack."""
        are_examined = all(record.is_complete for record in self.artifacts)
        return bool(self.artifacts) and are_examined and not self.unopened and not self.count_bytes().unclaimed

    def count_bytes(self) -> ByteCounts:
        """Return the sum over all files whose bytes are counted."""
        counts = [record.byte_counts for record in self.artifacts if record.byte_counts is not None]
        return ByteCounts(
            sum(each.parsed for each in counts),
            sum(each.data for each in counts),
            sum(each.unclaimed for each in counts),
        )

    def list_started_by_hand(self, findings: Sequence[Finding]) -> list[str]:
        """List the files of the findings where no loader runs any of them by itself; empty otherwise."""
        by_hand = {record.path for record in self.artifacts if record.is_by_hand}
        paths = dict.fromkeys(file_of(each.artifact) for each in findings)
        return list(paths) if by_hand.issuperset(paths) else []

    @property
    def missing_files(self) -> Mapping[str, tuple[tuple[str, Absence], ...]]:
        """(address, absence) of each absent file that artifacts name, by its path."""
        named: dict[str, tuple[tuple[str, Absence], ...]] = {}
        for record in self.artifacts:
            for address, absence in record.absences:
                if path := absence.unread.missing_file:
                    named[path] = (*named.get(path, ()), (address, absence))
        return named

    @property
    def open_absences(self) -> tuple[tuple[str, Absence], ...]:
        """(address, absence) of every absence that nothing accepts."""
        return tuple(
            (address, absence)
            for record in self.artifacts
            for address, absence in record.absences
            if absence.acceptance is None
        )
