"""Run a scan from target to report: resolve, read, check, conclude, decide.

A failure of a reader becomes an absence of the artifact, and any other failure becomes an ``InternalError``, so that a
defect of modelaudit is never mistaken for a result of the scan.
"""

from __future__ import annotations

import time
from collections.abc import Sequence, Set
from contextlib import ExitStack
from functools import partial
from typing import Final

from modelaudit.audit import Audit
from modelaudit.decisions import load_acceptances
from modelaudit.formats.registry import PICKLE_SEARCH, TEXT_FORMATS, choose_readers, list_program_readers
from modelaudit.formats.term_searches import list_searches
from modelaudit.integrity.digests import DigestingWindow
from modelaudit.integrity.hashing import BeginHashing, OpenedFile, PendingHash
from modelaudit.internal_errors import convert_internal_errors
from modelaudit.kept_readings import KEPT_READINGS, KeptReading, hold_small_file, make_reading_key
from modelaudit.languages.terms.prose import TERMS
from modelaudit.licenses.lineage.traversal import LookUp, LookupResult
from modelaudit.licensing import doubt_unread_terms
from modelaudit.model.address import join_range
from modelaudit.model.artifact import Artifact, Window, describe_change
from modelaudit.model.copies import replace
from modelaudit.model.errors import WindowError
from modelaudit.model.evidence import Prose
from modelaudit.model.finding import CheckFamily
from modelaudit.model.license import OriginState
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline
from modelaudit.model.report import AuditReport, ByteCounts, Coverage
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.options import Options, describe_target, list_families, prepare, refuse_judges_inside_target
from modelaudit.packs import use_rules
from modelaudit.policy.term_coverage import limit_to_terms
from modelaudit.resolving import resolve_terms, resolve_with_claims
from modelaudit.sources.quarantine import quarantine_wrong_blobs
from modelaudit.sources.small import may_hold_terms
from modelaudit.term_choice import choose_term_files, list_unopened
from modelaudit.wire.base import HEAD_BYTES, DamagedError, Head, LimitReachedError, Reader, ReadingStep
from modelaudit.wire.bounds import AbsenceLog, StructureLog
from modelaudit.wire.byte_ranges import ByteClass
from modelaudit.wire.deadline import Deadline, apply_deadline, start_deadline
from modelaudit.wire.ledger import MAX_RANGES_SEARCHED, ArtifactLedger, ByteLedger, LedgerWindow, describe_unclaimed
from modelaudit.wire.sniff import name_format
from modelaudit.wire.windows import SubWindow, TimedWindow, get_budget, make_opener

_COUNTED_CLASSES: Final = ByteClass.PARSED, ByteClass.DATA, ByteClass.UNCLAIMED
_LEADING_PADDING: Final = b"\0\r\n \t"  # zeros and white space may precede content behind the end of a format


def scan(target: str, options: Options) -> AuditReport:
    """Scan ``target``; ``modelaudit.scan`` documents the options.

    Raises:
        ConfigurationError: an option, a policy or a rule is wrong.
        SourceError: the target cannot be resolved or fetched.
        InternalError: modelaudit itself failed.
    """
    return convert_internal_errors(lambda: use_rules(partial(_scan_target, target), options), f"scanning {target!r}")


def _scan_target(target: str, options: Options) -> AuditReport:
    """Resolve the target, read and check its artifacts, conclude on the licence, and decide."""
    started = time.process_time()
    catalogue, policy, options = prepare(target, options)
    acceptances = load_acceptances(target, options, policy, catalogue)
    snapshot = resolve_with_claims(target, options, policy)
    refuse_judges_inside_target(policy, options.rules, str(snapshot.root or target))
    # The checks of files load slowly, and an answer on the licence needs none.
    from modelaudit.scan_audit import ScanAudit

    begin_reading = partial(ArtifactReading, keep_ledgers=options.record_ledger is not None)
    audit = ScanAudit(catalogue, policy, options.limits, begin_reading, options.rules, options.record_ledger)
    audit.examine_all(snapshot, options)
    audit.check_references(snapshot)
    audit.quote_sources(snapshot)
    license_ = audit.conclude_license(snapshot, options.offline, _guard_lookup)
    families = list_families(catalogue)
    described = describe_target(target, snapshot, options)
    acceptances.accept_parts(audit, snapshot, described, is_complete=families <= set(policy.checks))
    coverage = Coverage(tuple(audit.records))
    term_records = (record for record in audit.records if may_hold_terms(record.path, record.size))
    terms = limit_to_terms(term_records, audit.read_absences)
    license_ = doubt_unread_terms(license_, terms, catalogue) if terms.artifacts else license_
    license_ = acceptances.accept_license(audit, license_)
    opinions = audit.collect_opinions(snapshot, time.process_time() - started) if options.second_opinion else ()
    described = replace(described, notes=(*described.notes, *quarantine_wrong_blobs(snapshot, audit.records)))
    decision = audit.decide(snapshot, coverage, terms, license_, families, acceptances.refusals, acceptances.signoffs)
    return acceptances.complete(audit.build_report(described, decision, license_, opinions))


def answer_license(target: str, options: Options) -> AuditReport:
    """Answer on the licence of ``target`` alone; ``modelaudit.license`` documents the options.

    Raises:
        ConfigurationError: an option, a policy or a rule is wrong.
        SourceError: the target cannot be resolved or fetched.
        InternalError: modelaudit itself failed.
    """
    answer = partial(use_rules, partial(_answer_license, target), options)
    return convert_internal_errors(answer, f"reading the licence of {target!r}")


def _answer_license(target: str, options: Options) -> AuditReport:
    """Read the files that may state terms, collect their claims, trace the base models, and answer."""
    catalogue, policy, options = prepare(target, options)
    policy = replace(policy, checks=(CheckFamily.LICENSE,))
    acceptances = load_acceptances(target, options, policy, catalogue)
    snapshot = resolve_terms(target, options)
    refuse_judges_inside_target(policy, options.rules, str(snapshot.root or target))
    opened, texts = choose_term_files(snapshot)
    audit = Audit(catalogue, policy, options.limits, partial(ArtifactReading, texts=texts), options.rules)
    audit.examine_all(snapshot.with_artifacts(opened), options)
    license_ = audit.conclude_license(snapshot, options.offline, _guard_lookup)
    described = describe_target(target, snapshot, options)
    acceptances.accept_parts(audit, snapshot, described, is_complete=False)
    coverage = limit_to_terms(audit.records, audit.read_absences, list_unopened(snapshot, opened))
    license_ = acceptances.accept_license(audit, doubt_unread_terms(license_, coverage, catalogue))
    decision = audit.decide(snapshot, coverage, coverage, license_, refusals=acceptances.refusals)
    return acceptances.complete(audit.build_report(described, decision, license_, ()))


def _guard_lookup(look_up: LookUp) -> LookUp:
    """Return ``look_up`` with an error boundary: an exception makes the base model unreachable and ends no scan."""

    def guarded_look_up(name: str, is_dataset: bool) -> LookupResult:
        try:
            return look_up(name, is_dataset)
        except Exception as bug:  # a hostile base model must not hide the facts about the model itself
            detail = f"modelaudit failed while looking it up: {type(bug).__name__}: {bug}"
            return LookupResult(OriginState.UNREACHED, detail[:300])

    return guarded_look_up


class ArtifactReading:
    """The reading of one top-level artifact. With ``texts``, paths of texts alone, only terms are searched for."""

    def __init__(self, limits: Limits, keep_ledgers: bool = False, texts: Set[str] | None = None) -> None:
        self.limits = limits
        self._texts = texts
        self.ledgers: list[ArtifactLedger] = []
        self.structures = StructureLog(limits.structure_bytes)
        self.unread = AbsenceLog(limits.absences)
        self.formats: list[tuple[str, str]] = []
        self.members = 0
        self.byte_counts: ByteCounts | None = None
        self.digest: str | None = None
        self._keeps_ledgers = keep_ledgers
        self._prose_characters = 0
        self._deadline = Deadline(float("inf"))

    def run(
        self, artifact: Artifact, begin_hashing: BeginHashing | None = None, reader: Reader | None = None
    ) -> PendingHash | None:
        """Read the artifact, with ``reader`` alone if given, and begin to hash the bytes that no reader requested."""
        reader = TERMS if self._texts and artifact.path in self._texts else reader
        if artifact.obstacle is not None and reader is None:
            self.unread.append((artifact.path, artifact.obstacle))
        if artifact.open is None:
            return None
        with ExitStack() as opened:
            try:
                window = opened.enter_context(artifact.open())
                digesting = DigestingWindow(window, artifact.claimed, artifact.digests) if begin_hashing else None
                digest = self._read_once(artifact, digesting or window, reader)
            except WindowError as error:
                self._record_absence(artifact, error.reason, str(error))
                return None
            if begin_hashing is not None and digesting is not None:
                return begin_hashing(OpenedFile(opened.pop_all(), window, digesting))
            self.digest = None if (change := describe_change(window)) else digest
            if change:
                self._record_absence(artifact, UnreadReason.CHANGED, change)
        return None

    def _read_once(self, artifact: Artifact, window: Window, reader: Reader | None) -> str | None:
        """Take the facts about a small file from the reading of an equal one, or read it; return its SHA-256."""
        name, is_terms_only = reader.format if reader else "", self._texts is not None
        # A ledger is not kept, and readings that were begun by another call have facts of their own.
        may_keep = not (self._keeps_ledgers or self.structures or self.unread)
        held = hold_small_file(artifact, window, self.limits) if may_keep else None
        digest = held.digest if held is not None else None
        key = make_reading_key(artifact, digest, self.limits, name, is_terms_only=is_terms_only) if digest else None
        if (kept := KEPT_READINGS.find(key)) is not None:
            self.structures.extend(kept.structures)
            self.formats, self.byte_counts = list(kept.formats), kept.byte_counts
            return digest
        self._deadline = start_deadline(self.limits, artifact.size)
        with apply_deadline(self._deadline):
            self._read_in_time(artifact, held or window, reader)
        if key is not None and not self.unread and not self.members:
            cost = artifact.size + self.structures.memory + self._prose_characters
            KEPT_READINGS.keep(key, KeptReading(tuple(self.structures), tuple(self.formats), self.byte_counts, cost))
        return digest

    def _read_in_time(self, artifact: Artifact, window: Window, reader: Reader | None) -> None:
        """Read the window until the deadline; a failure becomes an absence."""
        try:
            read = partial(self.read_as, reader) if reader else self.read
            read(artifact, TimedWindow(window, self._deadline), 0)
        except (WindowError, LimitReachedError) as error:
            self._record_absence(artifact, error.reason, str(error))
        detail = self._deadline.detail
        if self._deadline.reached and not any(detail in unread.detail for _, unread in self.unread):
            # A search stopped at the deadline without raising, so its findings are incomplete.
            self._record_absence(artifact, UnreadReason.LIMIT, detail)

    def run_as_program(self, artifact: Artifact, languages: Set[str]) -> None:
        """Read the artifact as a program in each of the languages; failures become absences."""
        for reader in list_program_readers(languages):
            self.run(artifact, reader=reader)

    def read(self, artifact: Artifact, window: Window, depth: int = 0, is_unclaimed: bool = False) -> None:
        """Read ``window`` with every reader that recognises it.

        Args:
            artifact: the file, or the member of one.
            window: its bytes.
            depth: how many containers lie around it.
            is_unclaimed: no reader claims these bytes of the artifact around them, and that absence is recorded.
        """
        if window.size == 0:
            # An empty member is a fact of its container; an empty file may be a failed download of anything.
            if depth == 0:
                self._record_absence(artifact, UnreadReason.EMPTY, "it is empty")
            return
        # Recognition gets a window without a ledger: only the bytes that a reader reads are claimed.
        head = Head(artifact.path, artifact.content, window.read(0, HEAD_BYTES), window)
        ledger = ByteLedger()
        window = LedgerWindow(window, ledger)
        absences_before, structures_before = len(self.unread), len(self.structures)
        readers = choose_readers(head, lambda reader: self._recognises(reader, head, artifact))
        if not readers and not is_unclaimed:
            format_name = name_format(head.data, artifact.path)
            detail = f"no reader for {format_name or 'bytes of an unknown format'}"
            self.unread.append((artifact.path, Unread(UnreadReason.NO_READER, detail, format=format_name or "")))
        for reader in readers:
            self.formats.append((artifact.path, reader.format))
            self.read_as(reader, artifact, window, depth)
        if self._texts is None:
            self._search_programs(head, artifact, window, readers, structures_before, depth)
        classes = ArtifactLedger(artifact.path, [reader.format for reader in readers], ledger.partition(window))
        self._record_classes(classes, depth)
        if readers:
            absences = [unread for path, unread in self.unread.list_since(absences_before) if path == artifact.path]
            self._examine_unclaimed(artifact, window, classes, readers, absences, depth)
        for search in list_searches(are_for_terms=self._texts is not None):
            if search.recognises(head):
                self.read_as(search, artifact, window, depth)

    def _search_programs(
        self, head: Head, artifact: Artifact, window: Window, readers: Sequence[Reader], before: int, depth: int
    ) -> None:
        """Search text, or bytes without a reader, for programs that no reader of the artifact found.

        ``before`` counts the structures of this scan before those of the artifact.
        """
        # Only in bytes without a format of their own: pickles may hide in them.
        if all(reader.fallback for reader in readers):
            self.read_as(PICKLE_SEARCH, artifact, window, depth)
        from modelaudit.languages.text_programs import get_mention_key, make_text_search

        structures = (each for path, each in self.structures[before:] if path == artifact.path)
        outlines = (each for each in structures if isinstance(each, Outline))
        search = make_text_search({get_mention_key(each) for outline in outlines for each in outline.mentions})
        is_text = all(reader.fallback or reader.format in TEXT_FORMATS for reader in readers)
        if is_text and search.recognises(head):
            self.read_as(search, artifact, window)

    def _record_classes(self, classes: ArtifactLedger, depth: int) -> None:
        """Count the bytes of a file by class, and keep the ranges of it and of its members if the caller wants them."""
        if depth == 0:
            self.byte_counts = ByteCounts(*map(classes.sum_classes().__getitem__, _COUNTED_CLASSES))
        if self._keeps_ledgers:
            self.ledgers.append(classes)

    def _examine_unclaimed(
        self,
        artifact: Artifact,
        window: Window,
        classes: ArtifactLedger,
        readers: Sequence[Reader],
        absences: Sequence[Unread],
        depth: int,
    ) -> None:
        """Report the bytes that no reader claims, and read each range of them: another loader may begin there.

        Behind a bound, and in a file without any claim, a reader would only meet the same bound or damage again. There
        the bytes are searched for pickles instead.

        Args:
            artifact: the file, or the member of one.
            window: its bytes.
            classes: the classes of its bytes, by the claims of ``readers``.
            readers: the readers that recognised the artifact.
            absences: those that the readers left for the artifact itself.
            depth: how many containers lie around the artifact.
        """
        unclaimed = classes.list_unclaimed()
        # A format that is recognised and not decoded has no claim, and its absence covers all of its bytes.
        is_undecoded = any(unread.reason is UnreadReason.NO_READER and unread.format for unread in absences)
        is_all_unclaimed = [(start, end) for start, end, _ in unclaimed] == [(0, window.size)]
        if not unclaimed or (is_undecoded and is_all_unclaimed):
            return
        has_reached_limit = any(unread.reason is UnreadReason.LIMIT for unread in absences)
        self.unread.append((artifact.path, describe_unclaimed(unclaimed, [reader.format for reader in readers])))
        for start, end, _ in unclaimed[:MAX_RANGES_SEARCHED]:
            is_whole = end - start == window.size
            if not is_whole:
                # Content often begins behind padding to an aligned offset.
                head = window.read(start, min(end - start, HEAD_BYTES))
                start += len(head) - len(head.lstrip(_LEADING_PADDING))
            part = SubWindow(window, start, end - start, get_budget(window, self.limits))
            member = Artifact(join_range(artifact.path, start, end), part.size, make_opener(part), may_be_program=False)
            if not is_whole and not has_reached_limit:
                self._read_member(member, depth + 1, is_unclaimed=True)
            # With fallback readers alone, ``read`` has searched the whole artifact already.
            elif not all(reader.fallback for reader in readers):
                self.read_as(PICKLE_SEARCH, artifact if is_whole else member, part, depth)

    def _recognises(self, reader: Reader, head: Head, artifact: Artifact) -> bool:
        """Whether ``reader`` recognises the bytes; an exception becomes an absence, and the reader is not used."""
        try:
            return reader.recognises(head)
        except WindowError as error:
            self._record_absence(artifact, error.reason, str(error))
            return False
        except LimitReachedError as error:
            self._record_absence(artifact, UnreadReason.LIMIT, str(error), error.offset)
            return False
        except Exception as bug:  # a reader that fails is an absence, never a crash
            self._record_failure(artifact, f"{reader.format} reader", bug)
            return False

    def read_as(self, reader: Reader, artifact: Artifact, window: Window, depth: int = 0) -> None:
        """Read the artifact with one reader; an exception becomes an absence, and everything yielded before is kept."""
        step = ReadingStep(f"{reader.format} reader", lambda: reader.read(artifact, window, self.limits))
        self._run_step(step, artifact, depth)

    def _run_step(self, step: ReadingStep, artifact: Artifact, depth: int) -> None:
        """Keep what a reader or a step of one yields; an exception becomes an absence and ends this step alone."""
        try:
            for item in step.read():
                if isinstance(item, Artifact):
                    self._read_member(item, depth + 1)
                elif isinstance(item, ReadingStep):
                    self._run_step(item, artifact, depth)
                elif isinstance(item, Unread):
                    self.unread.append((artifact.path, item))
                elif isinstance(item, Prose) and self._prose_characters + len(item.text) > self.limits.prose_bytes:
                    detail = f"more than {self.limits.prose_bytes} characters of terms and notices in all"
                    self._record_absence(artifact, UnreadReason.LIMIT, detail)
                else:
                    self._prose_characters += len(item.text) if isinstance(item, Prose) else 0
                    self.structures.append((artifact.path, item))
        except WindowError as error:
            self._record_absence(artifact, error.reason, str(error))
        except DamagedError as error:
            self._record_absence(artifact, error.reason, str(error), error.offset)
        except Exception as bug:  # a reader that fails is an absence, and everything yielded before is kept
            self._record_failure(artifact, step.name, bug)

    def _read_member(self, member: Artifact, depth: int, is_unclaimed: bool = False) -> None:
        """Read a member of a container, which lies ``depth`` containers deep; see ``read`` for ``is_unclaimed``."""
        self.members += 1
        if member.obstacle is not None:
            self.unread.append((member.path, member.obstacle))
        if member.open is None:
            return
        if depth > self.limits.depth:
            self._record_absence(member, UnreadReason.LIMIT, f"it lies more than {self.limits.depth} containers deep")
        elif self.members > self.limits.members_total:
            raise LimitReachedError(f"only the first {self.limits.members_total} members were read")
        else:
            self.structures.check_memory()
            try:
                with member.open() as window:
                    self.read(member, TimedWindow(window, self._deadline), depth, is_unclaimed)
            except WindowError as error:
                self._record_absence(member, error.reason, str(error))

    def _record_absence(self, artifact: Artifact, reason: UnreadReason, detail: str, offset: int | None = None) -> None:
        self.unread.append((artifact.path, Unread(reason, detail, Location(offset=offset))))

    def _record_failure(self, artifact: Artifact, failing: str, bug: Exception) -> None:
        """Record an exception of ``failing``, such as "pickle reader"."""
        detail = f"the {failing} failed: {type(bug).__name__}: {bug}; please report it with a description of the file"
        is_out_of_memory = isinstance(bug, MemoryError)
        if is_out_of_memory:
            detail = f"memory ran out in the {failing}; allow modelaudit more memory"
        self._record_absence(artifact, UnreadReason.LIMIT if is_out_of_memory else UnreadReason.READER_FAILED, detail)
