"""Load the register of decisions and the baseline of a scan, and apply both to its findings, records and licences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Final, Protocol

import modelaudit
from modelaudit.catalogue.agreements import check_agreements
from modelaudit.elements.controls import judge_controls
from modelaudit.integrity.digests import hash_artifact
from modelaudit.licenses.evidence.terms_digest import compute_terms_digest
from modelaudit.licenses.obligations.policy_lists import compare_with_lists
from modelaudit.model.artifact import Artifact, Snapshot
from modelaudit.model.catalogue import Catalogue
from modelaudit.model.controls import Controls
from modelaudit.model.copies import replace
from modelaudit.model.digest import DigestAlgorithm
from modelaudit.model.finding import Finding
from modelaudit.model.license import ConclusionState, LicenseConclusion
from modelaudit.model.policy import Policy
from modelaudit.model.register import RegisterEntry, SubjectKind
from modelaudit.model.report import ArtifactRecord, AuditReport, DigestState, Target
from modelaudit.model.signoff import SignOff
from modelaudit.options import Options, format_current_time
from modelaudit.policy.absences import accept_statements
from modelaudit.policy.baseline import Baseline, refuse_other_model
from modelaudit.policy.binding import ScannedModel, digest_statement
from modelaudit.policy.consent import Consent
from modelaudit.policy.decisions import Decisions
from modelaudit.policy.gate import Refusal
from modelaudit.policy.outcomes import judge_outcomes
from modelaudit.policy.places import find_register, refuse_inside_target
from modelaudit.policy.runtime import settle_unreachable
from modelaudit.policy.signoffs import JudgedSignOffs, find_first_ending, find_valid_approval, judge_signoffs
from modelaudit.policy.subjects import find_replacements
from modelaudit.reports.content_digest import digest_content
from modelaudit.reports.inventory import combine_digests
from modelaudit.reports.json_report import load_report
from modelaudit.sources import resolve_target
from modelaudit.sources.small import may_hold_terms

_WEIGHTS: Final = (".gguf", ".safetensors")


class AuditedParts(Protocol):
    """The findings and records of a scan, which the acceptances replace, its rules, and the base models not read.

    ``read_digests`` holds the SHA-256 of files whose records state none.
    """

    findings: list[Finding]
    records: list[ArtifactRecord]
    catalogue: Catalogue
    failed_look_ups: tuple[str, ...]
    read_digests: dict[str, str]


class Acceptances:
    """The register and the baseline of one scan.

    The order is that of the pipeline: ``accept_parts``, then ``accept_license``, then ``complete``.

    Attributes:
        refusals: what people refused, once the parts and the licence were judged.
    """

    def __init__(
        self,
        entries: tuple[RegisterEntry, ...],
        baseline: AuditReport | None,
        baseline_name: str,
        policy: Policy,
        files: Mapping[str, Path],
        notes: tuple[str, ...] = (),
        resolve_whole: Callable[[], Snapshot | None] = lambda: None,
        controls: Controls = Controls(),  # noqa: B008 - frozen
    ) -> None:
        self._entries = entries
        self._baseline_report = baseline
        self._baseline = Baseline(baseline, baseline_name) if baseline is not None else None
        self._policy = policy
        self._files = files
        self._notes = notes
        self._resolve_whole = resolve_whole
        self._controls = controls
        self._digests: _Digests | None = None
        self._decisions: Decisions | None = None
        self._target: Target | None = None
        self._judged = JudgedSignOffs()

    def accept_parts(self, audit: AuditedParts, snapshot: Snapshot, target: Target, is_complete: bool) -> None:
        """Accept findings and absences by the decisions, and absences by the baseline.

        Args:
            audit: its findings and records are replaced.
            snapshot: the model.
            target: the model, as the report describes it.
            is_complete: whether every family of checks ran.

        Raises:
            ConfigurationError: the baseline is a report on another model, or of a newer version; or a file lies in the
                folder to which the Hub's files were fetched.
        """
        for option, path in self._files.items():
            refuse_inside_target(path, (str(snapshot.root),) if snapshot.root else (), option)
        if self._baseline_report is not None and self._baseline is not None:
            label, checks = f"--baseline {self._baseline.name}", self._policy.checks
            refuse_other_model(self._baseline_report, target.short_name, modelaudit.__version__, label, checks)
        self._target = target
        audit.findings = accept_statements(audit.findings, audit.records)
        rules = audit.catalogue.findings
        affects = {each.rule: rules[each.rule].rule.affects for each in audit.findings if each.rule in rules}
        audit.findings = settle_unreachable(audit.findings, self._policy, affects)
        self._digests = _Digests(audit.records, audit.read_digests, snapshot, self._resolve_whole)
        if self._entries:
            binds_trees = any(each.subject.kind is SubjectKind.MODEL for each in self._entries)
            model = describe_model(audit.records, snapshot, target, is_complete, self._digests, binds_trees)
            self._decisions = Decisions(
                self._entries, model, Consent(self._policy.label, self._policy.accept_critical), read_today()
            )
            audit.findings, audit.records = self._decisions.accept_parts(audit.findings, audit.records)
        if self._baseline is not None:
            audit.records = self._baseline.accept_absences(audit.records)
        self._withdraw_refused(audit)

    def accept_license(self, audit: AuditedParts, license_: LicenseConclusion) -> LicenseConclusion:
        """Return the conclusion with the digest of its terms, its acceptance and the outcome of each answer.

        Findings are accepted alike.
        """
        if license_.state is not ConclusionState.NOT_CHECKED and self._digests is not None:
            paths = self._digests.list_term_files()
            license_ = replace(
                license_, terms_digest=compute_terms_digest(license_.claims, paths, self._digests.compute)
            )
        if self._decisions is not None:
            listing = compare_with_lists(license_, self._policy)
            license_, audit.findings = self._decisions.accept_license(
                license_, audit.findings, listing, audit.failed_look_ups, audit.catalogue.clauses
            )
        if self._baseline is not None:
            audit.findings = self._baseline.accept_findings(audit.findings, audit.records)
        self._withdraw_refused(audit)
        license_ = judge_outcomes(license_, audit.findings, self._policy.gates)
        self._judge_signoffs(audit, license_)
        return license_

    def _judge_signoffs(self, audit: AuditedParts, license_: LicenseConclusion) -> None:
        """Compare the sign-offs on this model with what the scan judges, once nothing of it changes any more."""
        if self._target is None or not any(each.signed is not None for each in self._entries):
            return
        today, policy = read_today(), self._policy
        content = digest_content(
            self._target, policy.digest, sorted(policy.checks), audit.records, audit.findings, license_
        )
        replaced_by = find_replacements(self._entries, today)
        ending = find_first_ending(self._decisions.recorded) if self._decisions is not None else None
        self._judged = judge_signoffs(self._entries, self._target.short_name, content, "", replaced_by, today, ending)
        approval = find_valid_approval(self._judged.signoffs, policy.signoff_terms)
        if self._decisions is not None and approval is not None:
            self._decisions.settle_by(approval)

    def _withdraw_refused(self, audit: AuditedParts) -> None:
        """Withdraw the acceptances of what a person refused, such as those of the baseline."""
        if self._decisions is not None:
            audit.findings, audit.records = self._decisions.withdraw_refused(audit.findings, audit.records)

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """What people refused by a decision that holds."""
        return self._decisions.refusals if self._decisions is not None else ()

    @property
    def signoffs(self) -> tuple[SignOff, ...]:
        """The sign-offs on the model with their states."""
        return self._judged.signoffs

    def complete(self, report: AuditReport) -> AuditReport:
        """Return the report with the decisions and sign-offs on the model, the baseline, and the controls."""
        notes = (*self._notes, *self._judged.notes)
        if notes:
            report = replace(report, target=replace(report.target, notes=(*report.target.notes, *notes)))
        if self._decisions is not None or self._baseline is not None or self.signoffs:
            report = replace(
                report,
                decisions=self._decisions.recorded if self._decisions is not None else (),
                baseline=self._baseline.name if self._baseline is not None else "",
                signoffs=self.signoffs,
            )
        return replace(report, controls=judge_controls(report, self._controls))


def _read_register(path: Path) -> tuple[RegisterEntry, ...]:
    """Read a register of decisions, with modules that a scan without one does not load."""
    from modelaudit.catalogue.register import read_register

    return read_register(path)


def load_acceptances(target: str, options: Options, policy: Policy, rules: Catalogue) -> Acceptances:
    """Load the register and the baseline that the options or the policy name, or the register that is found.

    Raises:
        ConfigurationError: a file cannot be read, is invalid, or lies in the target.
    """
    named = {
        "--decisions": options.decisions or policy.decisions_path,
        "--baseline": options.baseline or policy.baseline_path,
    }
    files = {option: Path(path) for option, path in named.items() if path is not None}
    for option, path in files.items():
        refuse_inside_target(path, (target,), option)
    notes: tuple[str, ...] = ()
    if "--decisions" not in files:
        found, notes = find_register(policy.files, (target,))
        files |= {"--decisions": found} if found is not None else {}
    register, baseline = files.get("--decisions"), files.get("--baseline")
    entries = _read_register(register) if register is not None else ()
    check_agreements(entries, rules.clauses, rules.licenses)
    return Acceptances(
        entries,
        load_report(baseline) if baseline is not None else None,
        baseline.name if baseline is not None else "",
        policy,
        files,
        notes,
        lambda: resolve_target(target, limits=options.limits) if Path(target).exists() else None,
        rules.controls,
    )


def describe_model(
    records: list[ArtifactRecord],
    snapshot: Snapshot,
    target: Target,
    is_complete: bool,
    digests: _Digests,
    binds_trees: bool,
) -> ScannedModel:
    """Describe the scanned model for the comparison with decisions; a digest that no record has is computed.

    Args:
        records: of the files that were opened.
        snapshot: the model.
        target: the model, as the report describes it.
        is_complete: whether every family of checks ran.
        digests: of its files.
        binds_trees: whether a decision on a whole model is to be compared.
    """
    known = digests.known
    is_known = known.keys() == {each.path for each in snapshot.artifacts}
    tree = digests.compute("") if is_known or binds_trees else None
    return ScannedModel(
        target.short_name,
        # The path of a local folder may state any commit, as that of a Hub cache does.
        snapshot.commit if snapshot.ref.is_on_hub else None,
        frozenset(record.path for record in records if record.digest_state is DigestState.MISMATCH),
        digests.compute,
        {**known, **({"": tree} if tree else {})},
        is_complete,
    )


def _digest_without_bytes(artifact: Artifact) -> str | None:
    """Return the digest that binds an entry without bytes, such as a link to nowhere; ``None`` for any other."""
    return digest_statement(artifact.obstacle) if artifact.open is None and artifact.obstacle is not None else None


class _Digests:
    """The SHA-256 of the files of a snapshot; each is computed at most once.

    ``license`` leaves weights closed, so that one of them is opened only when a decision binds it.

    Attributes:
        known: those that the records state.
    """

    def __init__(
        self,
        records: list[ArtifactRecord],
        read_digests: Mapping[str, str],
        snapshot: Snapshot,
        resolve_whole: Callable[[], Snapshot | None],
    ) -> None:
        self.known = {
            record.path: digest.value
            for record in records
            for digest in record.digests
            if digest.algorithm is DigestAlgorithm.SHA256
        }
        self.known |= {
            each.path: stated for each in snapshot.artifacts if (stated := _digest_without_bytes(each)) is not None
        }
        self._digests: dict[str, str | None] = {**read_digests, **self.known}
        self._artifacts = {each.path: each for each in snapshot.artifacts}
        self._resolve_whole = resolve_whole
        self._is_whole = False

    def list_term_files(self) -> list[str]:
        """List the paths of the files that may hold terms as a whole, unlike weights."""
        return [
            each.path
            for each in self._artifacts.values()
            if may_hold_terms(each.path, each.size) and not each.path.lower().endswith(_WEIGHTS)
        ]

    def compute(self, path: str) -> str | None:
        """Return the SHA-256 of the file at ``path``, or of the tree for an empty one; ``None`` where unreadable."""
        if path not in self._digests:
            if not path:
                digests = {each: self.compute(each) for each in self._artifacts}
                self._digests[path] = combine_digests(digests)
            else:
                artifact = self._find_open(path)
                digest = hash_artifact(artifact) or _digest_without_bytes(artifact) if artifact is not None else None
                self._digests[path] = digest
        return self._digests[path]

    def _find_open(self, path: str) -> Artifact | None:
        """Return the file at ``path``, from the whole of a local model if it is closed."""
        artifact = self._artifacts.get(path)
        if artifact is not None and artifact.open is None and not self._is_whole:
            self._is_whole = True
            whole = self._resolve_whole()
            opened = {each.path: each for each in whole.artifacts} if whole is not None else {}
            self._artifacts = {each: opened.get(each, artifact) for each, artifact in self._artifacts.items()}
        return self._artifacts.get(path)


def read_today() -> date:
    """Return the day of the scan in UTC, as the report states it; ``SOURCE_DATE_EPOCH`` sets it."""
    return date.fromisoformat(format_current_time()[:10])
