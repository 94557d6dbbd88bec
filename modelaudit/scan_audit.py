"""Judge the content of the artifacts of one snapshot, and the references between them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from itertools import chain
from pathlib import Path

from modelaudit.audit import Audit
from modelaudit.checks.allowed_code import GuardedCode, mark_guards
from modelaudit.checks.data_strings import lower_strings
from modelaudit.checks.formats import build_name_subjects
from modelaudit.checks.hub_scanners import find_unshared_alarms
from modelaudit.checks.loaded_code import lower_findings
from modelaudit.checks.own_modules import drop_own_names
from modelaudit.checks.provenance import build_provenance_subjects
from modelaudit.checks.quotations import quote_files
from modelaudit.checks.reach import OwnRepository, depends_on_importer, mark_calls_by_loader
from modelaudit.checks.read_files import mark_read_files
from modelaudit.checks.references import build_reference_subjects, build_shard_subjects, collect_referenced_paths
from modelaudit.checks.run_files import find_fetched_programs, find_unjudged_programs, keep_settled
from modelaudit.checks.source_facts import build_source_subjects
from modelaudit.checks.started_files import mark_started_files
from modelaudit.checks.subjects import (
    build_subjects,
)
from modelaudit.checks.tensor_files import resolve_references
from modelaudit.configured_calls import ConfiguredCalls, calls_computed_name, is_source, partition_subjects
from modelaudit.inventory import ArtifactRead, add_absences
from modelaudit.languages.python.rebound_names import may_rebind_file
from modelaudit.model.address import file_of, lies_within
from modelaudit.model.artifact import Snapshot
from modelaudit.model.catalogue import Catalogue, Subject
from modelaudit.model.finding import CheckFamily
from modelaudit.model.limits import Limits
from modelaudit.model.opinion import Opinion
from modelaudit.model.policy import Policy
from modelaudit.model.structure import Unread
from modelaudit.opinions.modelscan import get_second_opinion
from modelaudit.waiting import WaitingFacts, make_text_reader
from modelaudit.wire.ledger import ArtifactLedger, RecordLedger


class ScanAudit(Audit):
    """The audit of a scan: it judges each file by its content, and again when all files were read."""

    def __init__(
        self,
        catalogue: Catalogue,
        policy: Policy,
        limits: Limits,
        begin_reading: Callable[[Limits], ArtifactRead],
        rules: Sequence[str | Path] = (),
        record_ledger: RecordLedger | None = None,
    ) -> None:
        super().__init__(catalogue, policy, limits, begin_reading, rules)
        self._record_ledger = record_ledger
        # Recorded when all files were read: a later file may name this one as tensor data.
        self._ledgers: list[ArtifactLedger] = []
        self._waiting = WaitingFacts(catalogue, limits)

    def _keep_facts(self, reading: ArtifactRead) -> Sequence[tuple[str, Unread]]:
        """Keep what can be judged only when all files were read, and return the absences of those beyond."""
        self._ledgers += reading.ledgers
        return self._waiting.collect_structures(reading.structures)

    def _build_file_subjects(self, reading: ArtifactRead) -> Iterable[Subject]:
        """Build the subjects of one artifact, and set those aside that another file can explain or make worse."""
        return self._waiting.keep_subjects(reading)

    def check_references(self, snapshot: Snapshot) -> None:
        """Judge the references between files and the subjects that depend on them, once all files were read."""
        waiting = self._waiting
        paths = collect_referenced_paths(waiting.references, snapshot.artifacts)
        self.records, remaining_subjects, closed_addresses = resolve_references(
            self.records, waiting.possible_tensor_data, paths.data, waiting.references, self.catalogue.formats.run_names
        )
        reference_subjects = build_reference_subjects(waiting.references, snapshot.artifacts, snapshot.bookkeeping)
        read_text = make_text_reader(
            snapshot.artifacts, frozenset(each.path for each in self.records if is_source(each))
        )
        imports = waiting.code_imports
        find_beside = cache(partial(imports.find_beside_model, self.records, waiting.references, read_text))
        paths_of_files = {each.path for each in snapshot.artifacts if each.open is not None}
        own_repository = OwnRepository(
            paths_of_files, partial(self._list_loaded_code, find_beside), read_text, may_rebind_file
        )
        resolved_names = self._resolve_computed_names(read_text, paths_of_files)
        dependent, resolved_subjects = partition_subjects(depends_on_importer, resolved_names)
        dependent += waiting.importer_dependent
        marked_subjects = mark_calls_by_loader(dependent, paths.code, len(snapshot.artifacts) == 1, own_repository)
        guarded = GuardedCode(paths.code, self.records, find_beside, tuple(waiting.strangers))
        own_names = drop_own_names(waiting.own_names, paths_of_files, self.catalogue, read_text)
        loads = mark_read_files(waiting.loads, frozenset(waiting.fetching), self.records, tuple(self.findings))
        name_subjects = build_name_subjects(artifact.path for artifact in snapshot.artifacts)
        source_subjects = build_source_subjects(snapshot.facts, {each.path: each.formats for each in self.records})
        judgements = self._judge_subjects(
            chain(
                remaining_subjects,
                resolved_subjects,
                reference_subjects,
                marked_subjects,
                mark_guards(waiting.code_dependent, guarded),
                own_names,
                loads,
                name_subjects,
                build_shard_subjects(waiting.references, snapshot.artifacts),
                source_subjects,
                build_provenance_subjects(snapshot.provenance, self.catalogue.known_names),
                waiting.documented.build_subjects(self.records, self.catalogue),
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

    def _list_loaded_code(self, find_beside: Callable[[], Mapping[str, str]]) -> list[str]:
        """List the Python files with text that are loaded with the model; ``find_beside`` returns the others."""
        sources = [each for each in self.records if "python" in each.formats and each.size]
        return [each.path for each in sources if each.path not in find_beside()]

    def _resolve_computed_names(self, read_text: Callable[[str], str], paths: Collection[str]) -> Iterator[Subject]:
        """Yield the subjects of names that code computes, as far as its files and configurations leave them open.

        Args:
            read_text: reads a small file of the model.
            paths: of all files that can be read.
        """
        waiting = self._waiting
        shared = waiting.shared_sources
        aliased, alias_subjects = partition_subjects(calls_computed_name, waiting.module_aliases.build_subjects())
        still_open = shared.find_open([*waiting.text_dependent, *aliased], read_text)
        across_files = shared.find_subjects(read_text, paths, self.catalogue)
        computed, others = partition_subjects(calls_computed_name, (*still_open, *across_files))
        find_imported = partial(shared.find_settled_values, read_text=read_text)
        merge_source = partial(shared.merge_source, read_text=read_text)
        configured = ConfiguredCalls(self.records, read_text, self.catalogue, self.limits, find_imported, merge_source)
        yield from (*alias_subjects, *others)
        yield from configured.judge_calls([*waiting.computed_calls, *computed])
        yield from configured.find_acts(sorted({*waiting.importing, *shared.helped}))
        yield from configured.find_loads(sorted(waiting.unpickling - waiting.importing))

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
                reading = self._begin_reading(self._list_limits_left())
                reading.run_as_program(artifacts[program.path], languages)
                self._absences_left -= len(reading.unread)
                judgements = self._judge_subjects(build_subjects(reading.structures, reading.unread, self.catalogue))
                absences += self._waiting.collect_structures(reading.structures)
                if program.is_certain:
                    absences += [*reading.unread, *judgements.absences]
            # A list may name further ones; each file is read once in each language, so that this ends.
            references = keep_settled(self._waiting.take_run_files())
        return absences

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
