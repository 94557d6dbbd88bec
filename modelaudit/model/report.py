"""The report of a scan: frozen, complete, and the only input of every output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from pathlib import PurePath

from modelaudit.model.acceptance import Acceptance, RecordedDecision
from modelaudit.model.artifact import RefKind
from modelaudit.model.description import NO_DESCRIPTION, ModelDescription
from modelaudit.model.digest import Claim, ClaimSource, Digest, find_contradictions, list_digests
from modelaudit.model.digest import DigestState as DigestState
from modelaudit.model.elements import ElementList
from modelaudit.model.finding import CheckFamily, Finding, Rule, Severity
from modelaudit.model.license import LicenseConclusion
from modelaudit.model.opinion import Opinion
from modelaudit.model.policy import Requirement
from modelaudit.model.provenance import Provenance
from modelaudit.model.signature import Signature
from modelaudit.model.signoff import ControlEvidence, SignOff
from modelaudit.model.structure import NOWHERE, Unread, UnreadReason
from modelaudit.model.verdict import Cause, Ruling, Verdict

SCHEMA = "modelaudit/report/v1"

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
        """Whether no byte is missing: it stands for a record that would state digests, such as a listing."""
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


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict of a scan. The constructor refuses a pass over an open absence.

    Attributes:
        verdict: the worst verdict of the causes; ``pass`` without any. An answer that the policy does not gate on, such
            as that on a use that no policy states, has no cause.
        load: the answer to the question whether the model may be loaded.
        use: the answer to the question whether it may be used as planned.
        causes: the causes of an exit code other than 0, those of a failure first.
        reasons: lines for a person, most severe first: the causes and their worst examples.
    """

    verdict: Verdict
    load: Ruling
    use: Ruling
    reasons: tuple[str, ...]
    coverage: Coverage
    causes: tuple[Cause, ...] = ()

    def __post_init__(self) -> None:
        if (self.verdict is Verdict.PASS) is bool(self.causes):
            raise ValueError("a pass has no cause, and every other verdict has one")
        # The licence check leaves files unopened that cannot state terms, and may find no others.
        is_empty = not (self.coverage.anything_examined or self.coverage.unopened)
        is_unread = bool(self.coverage.open_absences) or is_empty
        if is_unread and Verdict.PASS in (self.verdict, self.load.verdict):
            raise ValueError("a pass needs at least one examined artifact and no open absence")


@dataclass(frozen=True, slots=True)
class Tool:
    """The tool that made the report.

    Attributes:
        rules_digest: SHA-256 of the rule set in use, with all its files.
        rules_number: of the edition of the rule set; 0 if it states none.
        rules_date: of the edition, ``2026-11-28``; empty if it states none.
    """

    name: str
    version: str
    rules_digest: str
    rules_number: int = 0
    rules_date: str = ""

    @property
    def edition(self) -> str:
        """The edition of the rule set in words: ``rules 1 of 2026-11-28``."""
        return f"rules {self.rules_number} of {self.rules_date}" if self.rules_number else "rules without an edition"


@dataclass(frozen=True, slots=True)
class Anchor:
    """A line of the user's own code or policy that names the model: ``path`` relative, ``line`` from 1."""

    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Target:
    """The scanned model.

    Attributes:
        requested: the target as the user typed it.
        commit: the commit that the revision was resolved to.
        anchors: the lines that name the model, if a policy or a code base led to the scan.
        provenance: of a repository of the Hub; ``None`` for anything else.
        signatures: of the model, with the result of each check.
        folder: the folder of the repository that the report is on alone; empty for all of it.
    """

    requested: str
    kind: RefKind
    name: str
    revision: str | None
    commit: str | None
    origin: str
    offline: bool
    notes: tuple[str, ...] = ()
    anchors: tuple[Anchor, ...] = ()
    provenance: Provenance | None = None
    signatures: tuple[Signature, ...] = ()
    folder: str = ""

    @property
    def short_name(self) -> str:
        """The id on the Hub, or the name of the file or folder without the folders around it; then the folder in it."""
        is_path = self.kind in (RefKind.FILE, RefKind.FOLDER)
        name = (PurePath(self.name).name or self.name) if is_path else self.name
        return f"{name}/{self.folder}" if self.folder else name


@dataclass(frozen=True, slots=True)
class PolicyRecord:
    """The policy of the scan.

    Attributes:
        gates: the lowest severity that fails, for each family of checks; ``None`` never fails.
        gate_use: whether the answer to a stated use changes the exit code.
        require: the conditions without which the scan does not pass.
        organization: for whom the model is reviewed; empty if the policy does not state it, as the two below.
        reference: the number or name of the review.
        reviewer: the person who reviews.
        accept_critical: whether a decision may accept a critical finding.
    """

    name: str
    gates: Mapping[CheckFamily, Severity | None]
    checks: tuple[CheckFamily, ...]
    digest: str
    gate_use: bool = True
    require: tuple[Requirement, ...] = ()
    organization: str = ""
    reference: str = ""
    reviewer: str = ""
    accept_critical: bool = False

    def rejects(self, finding: Finding) -> bool:
        """Whether the finding is as severe as the gate of its family."""
        gate = self.gates.get(finding.check)
        return gate is not None and finding.severity.rank >= gate.rank


@dataclass(frozen=True, slots=True)
class FormatNote:
    """Whether loading a format can run code, with the reason in one clause.

    ``runs_code`` is ``None`` where the rule set has no entry for the format.
    """

    format: str
    runs_code: bool | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The complete result of a scan.

    Attributes:
        created: an ISO 8601 time in UTC.
        rules: the rules that the findings cite.
        formats: every format that was read, sorted by name.
        decisions: every decision of the register that concerns this model, with its state.
        baseline: the name of the earlier report whose findings and absences do not gate; empty without one.
        description: the facts about the model, for the documents.
        elements: published lists of minimum elements, judged for this model.
        signoffs: answers of persons to this report. The digest of a report leaves them out.
        controls: controls of published catalogues with the evidence for each.
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
    decisions: tuple[RecordedDecision, ...] = ()
    baseline: str = ""
    description: ModelDescription = NO_DESCRIPTION
    elements: tuple[ElementList, ...] = ()
    signoffs: tuple[SignOff, ...] = ()
    controls: tuple[ControlEvidence, ...] = ()

    @property
    def coverage(self) -> Coverage:
        """The inventory behind the decision."""
        return self.decision.coverage

    def _repr_html_(self) -> str:
        """Return a summary for notebooks, which look for this method on the class of a value.

        The renderer is found by its name once a notebook asks for it, because the values import nothing above them.
        """
        summary: str = import_module("modelaudit.reports.notebook").render_summary(self)
        return summary

    @property
    def exit_code(self) -> int:
        """0 pass, 1 fail, 3 review or incomplete."""
        return {Verdict.PASS: 0, Verdict.FAIL: 1}.get(self.decision.verdict, 3)
