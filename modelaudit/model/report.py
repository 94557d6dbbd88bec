"""The report of a scan: frozen, complete, and the only input of every output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import PurePath

from modelaudit.model.acceptance import RecordedDecision
from modelaudit.model.artifact import RefKind
from modelaudit.model.coverage import COVERAGE_RULES as COVERAGE_RULES
from modelaudit.model.coverage import Absence as Absence
from modelaudit.model.coverage import ArtifactRecord as ArtifactRecord
from modelaudit.model.coverage import ByteCounts as ByteCounts
from modelaudit.model.coverage import Coverage as Coverage
from modelaudit.model.coverage import Extent as Extent
from modelaudit.model.coverage import UnopenedFile as UnopenedFile
from modelaudit.model.description import NO_DESCRIPTION, ModelDescription
from modelaudit.model.digest import DigestState as DigestState
from modelaudit.model.elements import ElementList
from modelaudit.model.finding import CheckFamily, Finding, Rule, Severity
from modelaudit.model.license import LicenseConclusion
from modelaudit.model.opinion import Opinion
from modelaudit.model.policy import Requirement
from modelaudit.model.provenance import Provenance
from modelaudit.model.signature import Signature
from modelaudit.model.signoff import ControlEvidence, SignOff
from modelaudit.model.verdict import Cause, Ruling, Verdict

SCHEMA = "modelaudit/report/v1"


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

    Attributes:
        runs_code: ``None`` where the rule set has no entry for the format.
        findings: how many findings of the security check are on files and members of this format; ``None`` in a report
            of an older version.
    """

    format: str
    runs_code: bool | None
    why: str = ""
    findings: int | None = None


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
