"""The result of a scan: frozen, whole, and enough to render every report from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from modelaudit.model.artifact import Digest, RefKind
from modelaudit.model.finding import CheckFamily, Finding, Rule, Severity
from modelaudit.model.license import LicenseConclusion
from modelaudit.model.structure import Unread

SCHEMA = "modelaudit/report/v1"


class Extent(StrEnum):
    """How much of an artifact was examined."""

    EXAMINED = "examined"
    PARTLY = "partly-examined"
    NOT = "not-examined"


class DigestState(StrEnum):
    """How the computed digests stand against those the source claims."""

    MATCH = "match"
    MISMATCH = "mismatch"
    UNCLAIMED = "unclaimed"
    NOT_COMPUTED = "not-computed"


@dataclass(frozen=True, slots=True)
class Absence:
    """An ``Unread`` as the policy saw it: ``allowed_by`` names the policy entry that accepts it, if any does."""

    unread: Unread
    allowed_by: str | None = None


@dataclass(frozen=True, slots=True)
class ArtifactRecord:
    """One artifact of the inventory; members of containers are counted in it, not listed on their own.

    Attributes:
        formats: what the bytes turned out to be, outermost first: ``zip``, then the formats of members.
        members: child artifacts that were examined inside it.
    """

    path: str
    size: int
    extent: Extent
    formats: tuple[str, ...] = ()
    members: int = 0
    digests: tuple[Digest, ...] = ()
    claimed: tuple[Digest, ...] = ()
    digest_state: DigestState = DigestState.NOT_COMPUTED
    absences: tuple[tuple[str, Absence], ...] = ()

    def __post_init__(self) -> None:
        if self.extent is Extent.EXAMINED and self.absences:
            raise ValueError(f"{self.path}: examined whole, yet with absences")


@dataclass(frozen=True, slots=True)
class Coverage:
    """Every artifact of the snapshot, in order of its path."""

    artifacts: tuple[ArtifactRecord, ...]

    def count(self, extent: Extent) -> int:
        """How many artifacts were examined to this extent."""
        return sum(record.extent is extent for record in self.artifacts)

    @property
    def anything_examined(self) -> bool:
        """Whether at least one artifact was read, whole or in part."""
        return any(record.extent is not Extent.NOT for record in self.artifacts)

    @property
    def open_absences(self) -> tuple[tuple[str, Absence], ...]:
        """(address, absence) of every part that was not read and that no policy entry accepts."""
        return tuple(pair for record in self.artifacts for pair in record.absences if pair[1].allowed_by is None)


class Verdict(StrEnum):
    """The answer to: may we load and ship this model?"""

    PASS = "pass"
    FAIL = "fail"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True, slots=True)
class OpinionFinding:
    """What another scanner reports, in its words. ``agrees`` tells whether we have a finding in the same artifact."""

    artifact: str
    severity: str
    message: str
    agrees: bool


class OpinionState(StrEnum):
    """Whether the other scanner gave an opinion. Only ``given`` is one; silence never counts as agreement."""

    GIVEN = "given"
    PARTLY = "partly-given"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Opinion:
    """A second scanner's opinion of the same bytes.

    Attributes:
        absences: files it skipped or failed on, and why; one line each.
        disagreements: artifacts that it examined without a finding where we have one at or above high.
    """

    scanner: str
    version: str
    state: OpinionState
    detail: str
    findings: tuple[OpinionFinding, ...] = ()
    absences: tuple[str, ...] = ()
    disagreements: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict with its reasons, worst first. A pass over an open absence cannot be constructed."""

    verdict: Verdict
    reasons: tuple[str, ...]
    coverage: Coverage

    def __post_init__(self) -> None:
        if self.verdict is Verdict.PASS and (self.coverage.open_absences or not self.coverage.anything_examined):
            raise ValueError("a pass cannot stand while something was not read, or over nothing")


@dataclass(frozen=True, slots=True)
class Tool:
    """What made the report. ``rules_digest`` is the SHA-256 over the rule set in use."""

    name: str
    version: str
    rules_digest: str


@dataclass(frozen=True, slots=True)
class Target:
    """What was scanned. ``requested`` is what the user typed; ``commit`` is what it resolved to."""

    requested: str
    kind: RefKind
    name: str
    revision: str | None
    commit: str | None
    origin: str
    offline: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PolicyRecord:
    """The policy that decided. ``fail_on`` is ``None`` for ``never``."""

    name: str
    fail_on: Severity | None
    checks: tuple[CheckFamily, ...]
    digest: str


@dataclass(frozen=True, slots=True)
class FormatNote:
    """What is known of a format that was read: whether loading it can run code, and why or why not, one clause.

    ``runs_code`` is ``None`` where the rule set does not say.
    """

    format: str
    runs_code: bool | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class AuditReport:
    """Everything a scan found out.

    Attributes:
        created: an ISO 8601 time in UTC.
        rules: those that findings cite.
        formats: every format that was read, in order of its name.
    """

    schema: str
    tool: Tool
    created: str
    target: Target
    policy: PolicyRecord
    decision: Decision
    findings: tuple[Finding, ...]
    license: LicenseConclusion
    opinions: tuple[Opinion, ...]
    rules: tuple[Rule, ...]
    formats: tuple[FormatNote, ...] = ()

    @property
    def coverage(self) -> Coverage:
        """The inventory, as the decision saw it."""
        return self.decision.coverage

    @property
    def exit_code(self) -> int:
        """0 pass, 1 fail, 3 incomplete."""
        return {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.INCOMPLETE: 3}[self.decision.verdict]
