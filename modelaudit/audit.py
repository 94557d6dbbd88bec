"""Examine the artifacts of one snapshot, one after the other, and collect inventory records and licence claims.

This is enough for an answer on the licence; ``scan_audit`` judges the content of files as well. The pipeline supplies
the reading of an artifact and handles its errors.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Final

from modelaudit.checks.defects import DEFECT, build_defect_subjects
from modelaudit.checks.engine import BRIEF, DETAILED, Judgements, index_rules, judge_subjects
from modelaudit.checks.formats import describe_formats
from modelaudit.claim_collector import ClaimCollector
from modelaudit.description.collector import DescriptionCollector
from modelaudit.elements import judge_elements
from modelaudit.integrity.digests import compare_digests
from modelaudit.integrity.hashing import BeginHashing, ByteCounter, Hashed, HashingThreads, PendingHash, hash_at_once
from modelaudit.integrity.unverified import find_unverified_bytes
from modelaudit.inventory import ArtifactRead, ReferenceBound, add_absences, build_record
from modelaudit.licenses import KINDS as KINDS_OF_LICENSES
from modelaudit.licenses import build_subjects as build_license_subjects
from modelaudit.licenses.lineage.traversal import LookUp
from modelaudit.licenses.obligations.policy_lists import compare_with_lists
from modelaudit.licensing import BaseModelLookup
from modelaudit.model.artifact import Artifact, Snapshot
from modelaudit.model.catalogue import Catalogue, Subject
from modelaudit.model.copies import replace
from modelaudit.model.finding import CheckFamily, Finding
from modelaudit.model.license import ConclusionState, LicenseConclusion
from modelaudit.model.limits import Limits
from modelaudit.model.opinion import Opinion
from modelaudit.model.outline import References
from modelaudit.model.policy import Policy
from modelaudit.model.reading import Structure
from modelaudit.model.report import SCHEMA, ArtifactRecord, AuditReport, Coverage, Decision, Extent, Target
from modelaudit.model.signoff import SignOff
from modelaudit.model.source_fact import SourceFactKind
from modelaudit.model.structure import Unread
from modelaudit.model.terms import LicenseCategory
from modelaudit.model_answers import conclude_license
from modelaudit.options import Options, describe_rules_age, format_current_time, name_tool, note_future_rules
from modelaudit.policy.gate import Evidence, Refusal, decide_verdict
from modelaudit.policy.record import record_policy
from modelaudit.sources import find_moving_revision
from modelaudit.tokenizers import read_tokenizers

_LICENSE_KINDS: Final = KINDS_OF_LICENSES | {DEFECT}
"""The kinds of subjects that rules on licences match in this installation."""

LookUpWrapper = Callable[[LookUp], LookUp]
"""Adds an error boundary to the function that looks up a base model."""


class Audit:
    """The findings and records of a snapshot so far. Structures are judged and released artifact by artifact.

    Attributes:
        catalogue: the rule set.
        policy: decides the checks to run and the accepted absences.
        limits: bounds on reading.
        records: the inventory so far, one record for each artifact.
        findings: so far, in any order.
        read_absences: the absences from reading each file that has any, by its path, before rules are applied.
        read_digests: the SHA-256 of the small files that were read and not hashed, by path.
        failed_look_ups: a sentence for each base model on whose licence the conclusion depends, and whose look-up
            failed.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        policy: Policy,
        limits: Limits,
        begin_reading: Callable[[Limits], ArtifactRead],
        rules: Sequence[str | Path] = (),
    ) -> None:
        self.catalogue = catalogue
        self.policy = policy
        self.limits = limits
        self._begin_reading = begin_reading
        self._rule_index = index_rules(catalogue.findings, policy.checks)
        self.records: list[ArtifactRecord] = []
        self.findings: list[Finding] = []
        self._folders = [Path(folder) for folder in rules]
        self._absences_left = limits.absences
        self._limits_left = limits
        self._license_claims = ClaimCollector(catalogue, self._folders)
        self._description = DescriptionCollector(catalogue.description)
        self._reference_bound = ReferenceBound(limits)
        self._expects_claims = False
        self._formats_by_address: dict[str, frozenset[str]] = {}
        """The formats of each file, and of each member with findings."""
        self._unhashed: deque[tuple[ArtifactRecord, PendingHash | None]] = deque()
        self._unlisted_paths: frozenset[str] = frozenset()
        self.failed_look_ups: tuple[str, ...] = ()
        self.read_absences: dict[str, frozenset[Unread]] = {}
        self.read_digests: dict[str, str] = {}

    def examine_all(self, snapshot: Snapshot, options: Options) -> None:
        """Examine every artifact of ``snapshot``, and report the progress as ``options`` asks."""
        if CheckFamily.INTEGRITY in self.policy.checks:
            self._expects_claims = snapshot.expects_claims
            unlisted = (fact.path for fact in snapshot.facts if fact.kind is SourceFactKind.UNLISTED)
            self._unlisted_paths = frozenset(unlisted)
        total = sum(artifact.size for artifact in snapshot.artifacts if artifact.open is not None)
        with HashingThreads(ByteCounter(options.hash_progress, total)) as threads:
            for number, artifact in enumerate(snapshot.artifacts, 1):
                if options.progress:
                    options.progress(artifact.path, number, len(snapshot.artifacts))
                self._begin(artifact, threads.begin)
                self._complete_records(2 * threads.count)
            self._complete_records(0)

    def build_report(
        self, target: Target, decision: Decision, license_: LicenseConclusion, opinions: tuple[Opinion, ...]
    ) -> AuditReport:
        """Return the report with all findings and records, and the rules that the findings cite."""
        findings = tuple(self.sort_findings())
        cited = {finding.rule for finding in findings}
        policy = self.policy
        report = AuditReport(
            schema=SCHEMA,
            tool=name_tool(self.catalogue),
            created=format_current_time(),
            target=note_future_rules(target, self.catalogue, policy),
            policy=record_policy(policy),
            decision=decision,
            findings=findings,
            license=license_,
            opinions=opinions,
            rules=tuple(self.catalogue.findings[id_].rule for id_ in sorted(cited) if id_ in self.catalogue.findings),
            formats=describe_formats(
                {each for record in self.records for each in record.formats},
                self.catalogue.formats,
                findings,
                self._formats_by_address,
            ),
            description=self._description.describe(
                target.provenance,
                target.signatures,
                {each.path: each.formats for each in self.records},
                {each.path for each in self.records if each.extent is not Extent.EXAMINED},
            ),
        )
        # Without digests most elements would be absent because of the policy, and not because of the model.
        lists = self.catalogue.element_lists if CheckFamily.INTEGRITY in policy.checks else ()
        return replace(report, elements=judge_elements(report, lists)) if lists else report

    def decide(
        self,
        snapshot: Snapshot,
        coverage: Coverage,
        terms: Coverage,
        license_: LicenseConclusion,
        families: Collection[CheckFamily] = (),
        refusals: Sequence[Refusal] = (),
        signoffs: Sequence[SignOff] = (),
    ) -> Decision:
        """Decide the verdict by the policy; ``Evidence`` documents the arguments."""
        return decide_verdict(
            Evidence(
                coverage,
                terms,
                self.sort_findings(),
                license_,
                self.policy,
                families,
                self.failed_look_ups,
                compare_with_lists(license_, self.policy),
                find_moving_revision(snapshot),
                snapshot.comparison,
                refusals,
                snapshot.signatures,
                describe_rules_age(self.catalogue) if self.policy.rules_days is not None else None,
                signoffs,
                self._list_reviewed_rules(),
            )
        )

    def _list_reviewed_rules(self) -> frozenset[str]:
        """List the rules whose findings so far a person has to read."""
        rules = (self.catalogue.findings.get(id_) for id_ in {each.rule for each in self.findings})
        return frozenset(rule.rule.id for rule in rules if rule is not None and rule.rule.asks_review)

    def sort_findings(self) -> Sequence[Finding]:
        """Sort the findings so far, worst first, and return them."""
        self.findings.sort(key=lambda finding: finding.order)
        return self.findings

    def examine(self, artifact: Artifact) -> None:
        """Read one artifact with its members, judge its content, and add its findings and its record."""
        self._begin(artifact, hash_at_once)
        self._complete_records(0)

    def _begin(self, artifact: Artifact, begin_hashing: BeginHashing) -> None:
        """Read one artifact with its members, judge its content, and begin to hash its bytes."""
        reading = self._begin_reading(self._list_limits_left())
        is_hashed = CheckFamily.INTEGRITY in self.policy.checks
        pending = reading.run(artifact, begin_hashing if is_hashed else None)
        self._absences_left -= len(reading.unread)
        if reading.digest is not None:
            self.read_digests[artifact.path] = reading.digest
        if reading.unread:
            self.read_absences[artifact.path] = frozenset(unread for _, unread in reading.unread)
        for address, structure in reading.structures:
            self._description.collect(address, structure)
            if CheckFamily.LICENSE in self.policy.checks:
                self._license_claims.collect_claims(address, structure)
        record = build_record(artifact, reading, self.policy)
        record = add_absences(record, self._keep_facts(reading), self.policy)
        # Each subject is judged as soon as it is built, because those of a hostile file would not fit into memory.
        judged = self._judge_subjects(self._build_file_subjects(reading))
        found = {artifact.path, *(each.artifact for each in judged.findings)}
        for address, format_ in reading.formats:
            if address in found:
                self._formats_by_address[address] = self._formats_by_address.get(address, frozenset()) | {format_}
        self._unhashed.append((add_absences(record, judged.absences, self.policy), pending))

    def _list_limits_left(self) -> Limits:
        """Return the limits, with as many absences as are left for the next artifact."""
        absences = max(self._absences_left, 1)
        if absences != self._limits_left.absences:
            self._limits_left = replace(self.limits, absences=absences)
        return self._limits_left

    def _keep_facts(self, reading: ArtifactRead) -> Sequence[tuple[str, Unread]]:
        """Keep the facts about an artifact for the end, and return the absences of those beyond the bound."""
        counted = (
            (address, self._reference_bound.admit(structure))
            for address, structure in reading.structures
            if isinstance(structure, References)
        )
        return [(address, absence) for address, absence in counted if absence is not None]

    def _build_file_subjects(self, reading: ArtifactRead) -> Iterable[Subject]:
        """Build the subjects of one artifact that rules of the policy's checks may match."""
        if self._rule_index.wanted_kinds <= _LICENSE_KINDS:
            return build_defect_subjects(reading.structures)
        # The checks of files load slowly, and the rules on licences of this installation need none of them.
        from modelaudit.checks.subjects import build_subjects

        return build_subjects(reading.structures, reading.unread, self.catalogue)

    def _build_byte_subjects(self, record: ArtifactRecord, absences: Sequence[Unread]) -> Iterable[Subject]:
        """Build the subjects on the digests of an artifact, and on the bytes that nothing verifies."""
        if self._rule_index.wanted_kinds <= _LICENSE_KINDS:
            return ()
        from modelaudit.checks.subjects import build_digest_subjects, build_unread_subjects

        return chain(build_digest_subjects(record), build_unread_subjects(record.path, absences))

    def _complete_records(self, most_pending: int) -> None:
        """Add the records of the artifacts that were read first, with their digests, until few are pending."""
        while len(self._unhashed) > most_pending:
            record, pending = self._unhashed.popleft()
            hashed = Hashed() if pending is None else pending()
            digest_state = compare_digests(record.claimed, hashed.digests)
            if hashed.digests or digest_state is not record.digest_state:
                record = replace(record, digests=hashed.digests, digest_state=digest_state)
            absences = [] if hashed.absence is None else [hashed.absence]
            if hashed.absence is not None:
                self.read_absences[record.path] = self.read_absences.get(record.path, frozenset()) | {hashed.absence}
            is_listed = record.path not in self._unlisted_paths
            absences += find_unverified_bytes(record, is_listed=is_listed, expects_claims=self._expects_claims)
            self._judge_subjects(self._build_byte_subjects(record, absences))
            self.records.append(add_absences(record, [(record.path, each) for each in absences], self.policy))

    def conclude_license(self, snapshot: Snapshot, offline: bool, wrap_look_up: LookUpWrapper) -> LicenseConclusion:
        """Conclude on the licence from all claims and from the base models, and judge the conclusion by the rules.

        Args:
            snapshot: the model.
            offline: make no request.
            wrap_look_up: adds an error boundary around the look-up of a base model.
        """
        if CheckFamily.LICENSE not in self.policy.checks:
            return LicenseConclusion(ConclusionState.NOT_CHECKED, LicenseCategory.UNKNOWN)
        lookup = BaseModelLookup(self.catalogue, self.limits, offline, self._read_base_file, self._folders)
        traits = self._license_claims.traits
        traits += list(read_tokenizers(snapshot.artifacts, traits, self._read_base_file, self.limits))
        conclusion, self.failed_look_ups = conclude_license(
            self._license_claims, snapshot, lookup, self.policy.intent, wrap_look_up(lookup.look_up), self.records
        )
        # Subjects of licences and their rules leave no absences: doubts are a part of the conclusion.
        self._judge_subjects(build_license_subjects(conclusion))
        return conclusion

    def _read_base_file(
        self, artifact: Artifact, limits: Limits
    ) -> tuple[Sequence[tuple[str, Structure]], Sequence[tuple[str, Unread]]]:
        """Read a file of a base model within ``limits``, and return its structures and absences.

        They are left out of the records, and the digests do not count.
        """
        reading = self._begin_reading(limits)
        reading.run(artifact)
        return reading.structures, reading.unread

    def _judge_subjects(self, subjects: Iterable[Subject]) -> Judgements:
        """Match subjects against the rules, add the findings, and return them with the absences that remain."""
        bounds = DETAILED if len(self.findings) < self.limits.findings else BRIEF
        judged = judge_subjects(subjects, self._rule_index, bounds)
        self.findings += judged.findings
        return judged
