"""Judge the artifacts of one snapshot, one after the other, and collect findings, inventory records and licence claims.

The pipeline supplies the reading of an artifact and handles its errors.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from functools import cache, partial
from itertools import chain
from pathlib import Path

from modelaudit.checks.allowed_code import GuardedCode, mark_guards
from modelaudit.checks.data_strings import lower_strings
from modelaudit.checks.engine import BRIEF, DETAILED, Judgements, index_rules, judge_subjects
from modelaudit.checks.formats import build_name_subjects, describe_formats
from modelaudit.checks.hub_scanners import find_unshared_alarms
from modelaudit.checks.loaded_code import lower_findings
from modelaudit.checks.own_modules import drop_own_names
from modelaudit.checks.provenance import build_provenance_subjects
from modelaudit.checks.quotations import quote_files
from modelaudit.checks.reach import mark_calls_by_loader
from modelaudit.checks.read_files import mark_read_files
from modelaudit.checks.references import build_reference_subjects, build_shard_subjects, collect_referenced_paths
from modelaudit.checks.run_files import find_fetched_programs, find_unjudged_programs, keep_settled
from modelaudit.checks.source_facts import build_source_subjects
from modelaudit.checks.started_files import mark_started_files
from modelaudit.checks.subjects import build_digest_subjects, build_subjects, build_unread_subjects
from modelaudit.checks.tensor_files import resolve_references
from modelaudit.claim_collector import ClaimCollector
from modelaudit.configured_calls import ConfiguredCalls
from modelaudit.description.collector import DescriptionCollector
from modelaudit.elements import judge_elements
from modelaudit.integrity.digests import compare_digests
from modelaudit.integrity.hashing import BeginHashing, ByteCounter, Hashed, HashingThreads, PendingHash, hash_at_once
from modelaudit.integrity.unverified import find_unverified_bytes
from modelaudit.inventory import ArtifactRead, add_absences, build_record
from modelaudit.licenses import build_subjects as build_license_subjects
from modelaudit.licenses.lineage.traversal import LookUp
from modelaudit.licenses.obligations.policy_lists import compare_with_lists
from modelaudit.licensing import BaseModelLookup
from modelaudit.model.address import file_of, lies_within
from modelaudit.model.artifact import Artifact, Snapshot
from modelaudit.model.catalogue import Catalogue, Subject
from modelaudit.model.finding import CheckFamily, Finding
from modelaudit.model.license import ConclusionState, LicenseConclusion
from modelaudit.model.limits import Limits
from modelaudit.model.opinion import Opinion
from modelaudit.model.policy import Policy
from modelaudit.model.reading import Structure
from modelaudit.model.report import SCHEMA, ArtifactRecord, AuditReport, Coverage, Decision, Extent, Target
from modelaudit.model.signoff import SignOff
from modelaudit.model.source_fact import SourceFactKind
from modelaudit.model.structure import Unread
from modelaudit.model.terms import LicenseCategory
from modelaudit.model_answers import conclude_license
from modelaudit.opinions.modelscan import get_second_opinion
from modelaudit.options import Options, describe_rules_age, format_current_time, name_tool, note_future_rules
from modelaudit.policy.gate import Evidence, Refusal, decide_verdict
from modelaudit.policy.record import record_policy
from modelaudit.sources import find_moving_revision
from modelaudit.tokenizers import read_tokenizers
from modelaudit.waiting import WaitingFacts, make_text_reader
from modelaudit.wire.ledger import ArtifactLedger, RecordLedger

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
        record_ledger: RecordLedger | None = None,
    ) -> None:
        self.catalogue = catalogue
        self.policy = policy
        self.limits = limits
        self._begin_reading = begin_reading
        self._rule_index = index_rules(catalogue.findings, policy.checks)
        self.records: list[ArtifactRecord] = []
        self.findings: list[Finding] = []
        self._folders = [Path(folder) for folder in rules]
        self._record_ledger = record_ledger
        # Recorded when all files were read: a later file may name this one as tensor data.
        self._ledgers: list[ArtifactLedger] = []
        self._absences_left = limits.absences
        self._license_claims = ClaimCollector(catalogue, self._folders)
        self._description = DescriptionCollector(catalogue.description)
        self._waiting = WaitingFacts(catalogue, limits)
        self._expects_claims = False
        self._formats_by_address: dict[str, frozenset[str]] = {}
        """The formats of each file, and of each member with findings."""
        self._unhashed: deque[tuple[ArtifactRecord, PendingHash | None]] = deque()
        self._unlisted_paths: frozenset[str] = frozenset()
        self.failed_look_ups: tuple[str, ...] = ()
        self.read_absences: dict[str, frozenset[Unread]] = {}

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
            rules=tuple(rule.rule for id_, rule in sorted(self.catalogue.findings.items()) if id_ in cited),
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
        return replace(report, elements=judge_elements(report, lists))

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
                describe_rules_age(self.catalogue),
                signoffs,
                frozenset(id_ for id_, rule in self.catalogue.findings.items() if rule.rule.asks_review),
            )
        )

    def quote_sources(self, snapshot: Snapshot) -> None:
        """Quote the lines of code that findings name; a file that cannot be read again is not quoted."""
        formats = {record.path: record.formats for record in self.records}
        quote_files(self.findings, snapshot.artifacts, formats, min(self.limits.document_bytes, self.limits.read_bytes))

    def collect_opinions(self, snapshot: Snapshot, own_cpu_seconds: float) -> tuple[Opinion, ...]:
        """Ask the other scanner about the files, unless the policy leaves out their security.

        Args:
            snapshot: the model.
            own_cpu_seconds: the time that this scan took, which bounds that of the other.
        """
        if CheckFamily.SECURITY not in self.policy.checks:
            return ()
        paths = [artifact.path for artifact in snapshot.artifacts if artifact.open]
        return (get_second_opinion(snapshot.root, paths, self.sort_findings(), self.limits, own_cpu_seconds),)

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
        reading = self._begin_reading(replace(self.limits, absences=max(self._absences_left, 1)))
        is_hashed = CheckFamily.INTEGRITY in self.policy.checks
        pending = reading.run(artifact, begin_hashing if is_hashed else None)
        self._absences_left -= len(reading.unread)
        if reading.unread:
            self.read_absences[artifact.path] = frozenset(unread for _, unread in reading.unread)
        self._ledgers += reading.ledgers
        for address, structure in reading.structures:
            self._description.collect(address, structure)
            if CheckFamily.LICENSE in self.policy.checks:
                self._license_claims.collect_claims(address, structure)
        record = build_record(artifact, reading, self.policy)
        record = add_absences(record, self._waiting.collect_structures(reading.structures), self.policy)
        # Each subject is judged as soon as it is built, because those of a hostile file would not fit into memory.
        judged = self._judge_subjects(self._waiting.keep_subjects(reading))
        found = {artifact.path, *(each.artifact for each in judged.findings)}
        for address, format_ in reading.formats:
            if address in found:
                self._formats_by_address[address] = self._formats_by_address.get(address, frozenset()) | {format_}
        self._unhashed.append((add_absences(record, judged.absences, self.policy), pending))

    def _complete_records(self, most_pending: int) -> None:
        """Add the records of the artifacts that were read first, with their digests, until few are pending."""
        while len(self._unhashed) > most_pending:
            record, pending = self._unhashed.popleft()
            hashed = Hashed() if pending is None else pending()
            digest_state = compare_digests(record.claimed, hashed.digests)
            record = replace(record, digests=hashed.digests, digest_state=digest_state)
            absences = [] if hashed.absence is None else [hashed.absence]
            if hashed.absence is not None:
                self.read_absences[record.path] = self.read_absences.get(record.path, frozenset()) | {hashed.absence}
            is_listed = record.path not in self._unlisted_paths
            absences += find_unverified_bytes(record, is_listed=is_listed, expects_claims=self._expects_claims)
            subjects = chain(build_digest_subjects(record), build_unread_subjects(record.path, absences))
            self._judge_subjects(subjects)
            self.records.append(add_absences(record, [(record.path, each) for each in absences], self.policy))

    def check_references(self, snapshot: Snapshot) -> None:
        """Judge the references between files and the subjects that depend on them, once all files were read."""
        waiting = self._waiting
        paths = collect_referenced_paths(waiting.references, snapshot.artifacts)
        self.records, remaining_subjects, closed_addresses = resolve_references(
            self.records, waiting.possible_tensor_data, paths.data, waiting.references
        )
        reference_subjects = build_reference_subjects(waiting.references, snapshot.artifacts, snapshot.bookkeeping)
        is_alone = len(snapshot.artifacts) == 1
        marked_subjects = mark_calls_by_loader(waiting.importer_dependent, paths.code, is_alone)
        read_text = make_text_reader(snapshot.artifacts)
        imports = waiting.code_imports
        find_beside = cache(partial(imports.find_beside_model, self.records, waiting.references, read_text))
        configured = ConfiguredCalls(self.records, read_text, self.catalogue, self.limits)
        guarded = GuardedCode(paths.code, self.records, find_beside, tuple(waiting.strangers))
        paths_of_files = {each.path for each in snapshot.artifacts if each.open is not None}
        own_names = drop_own_names(waiting.own_names, paths_of_files, self.catalogue.callables, read_text)
        loads = mark_read_files(waiting.loads, frozenset(waiting.fetching), self.records, tuple(self.findings))
        name_subjects = build_name_subjects(artifact.path for artifact in snapshot.artifacts)
        source_subjects = build_source_subjects(snapshot.facts, {each.path: each.formats for each in self.records})
        judgements = self._judge_subjects(
            chain(
                remaining_subjects,
                reference_subjects,
                marked_subjects,
                mark_guards(waiting.code_dependent, guarded),
                own_names,
                loads,
                configured.judge_calls(waiting.computed_calls),
                configured.find_acts(sorted(waiting.importing)),
                name_subjects,
                build_shard_subjects(waiting.references, snapshot.artifacts),
                source_subjects,
                build_provenance_subjects(snapshot.provenance, self.catalogue.known_names),
                waiting.module_aliases.build_subjects(),
                waiting.documented.build_subjects(self.records, self.catalogue),
                waiting.shared_sources.find_subjects(read_text, paths_of_files, self.catalogue),
            )
        )
        waiting.release_subjects()
        absences_by_path: defaultdict[str, list[tuple[str, Unread]]] = defaultdict(list)
        alias_absences = [*waiting.module_aliases.list_absences(), *waiting.shared_sources.list_absences()]
        for address, unread in (*judgements.absences, *alias_absences, *self._judge_run_files(snapshot)):
            absences_by_path[file_of(address)].append((address, unread))
        self.records = [
            add_absences(record, absences_by_path.get(record.path, ()), self.policy) for record in self.records
        ]
        find_runner = waiting.documented.list_runners(self.records, imports).find_runner
        rules = self.catalogue.findings
        self.findings = lower_findings(self.findings, rules, find_beside, find_runner, imports.list_started)
        self.findings = self.findings if waiting.unpickles else lower_strings(self.findings)
        self.records = mark_started_files(
            self.records, self.findings, self.catalogue.formats, find_beside, waiting.commanded
        )
        alarms = find_unshared_alarms(snapshot.provenance, [each.path for each in self.records], self.findings)
        self._judge_subjects(build_source_subjects(alarms, {}))
        self._record_ledgers(closed_addresses)

    def _record_ledgers(self, closed_addresses: Collection[str]) -> None:
        """Hand on the ledgers; the bytes of addresses that a reference closes are declared."""
        if self._record_ledger is None:
            return
        for ledger in self._ledgers:
            is_declared = ledger.address in closed_addresses or any(
                lies_within(ledger.address, address) for address in closed_addresses
            )
            self._record_ledger(ledger.declare_unclaimed() if is_declared else ledger)

    def _judge_run_files(self, snapshot: Snapshot) -> list[tuple[str, Unread]]:
        """Judge data that another file runs in the language of the program that runs it, and return its absences.

        That no format announces the program stays an absence, because the command may run it in another way.
        """
        if CheckFamily.SECURITY not in self.policy.checks:
            return []
        absences: list[tuple[str, Unread]] = []
        artifacts = {artifact.path: artifact for artifact in snapshot.artifacts}
        read_languages: defaultdict[str, frozenset[str]] = defaultdict(frozenset)
        references = self._waiting.take_run_files()
        while references:
            absences += find_fetched_programs(references, self.records)
            for program in find_unjudged_programs(references, self.records):
                languages = program.languages - read_languages[program.path]
                if program.unread is not None and not read_languages[program.path]:
                    absences.append((program.path, program.unread))
                if not languages:
                    continue
                read_languages[program.path] |= languages
                reading = self._begin_reading(replace(self.limits, absences=max(self._absences_left, 1)))
                reading.run_as_program(artifacts[program.path], languages)
                self._absences_left -= len(reading.unread)
                judgements = self._judge_subjects(build_subjects(reading.structures, reading.unread, self.catalogue))
                absences += self._waiting.collect_structures(reading.structures)
                if program.is_certain:
                    absences += [*reading.unread, *judgements.absences]
            # A list may name further ones; each file is read once in each language, so that this ends.
            references = keep_settled(self._waiting.take_run_files())
        return absences

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
