"""Apply the decisions of the register to the findings, absences and licences of one scan."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from modelaudit.model.acceptance import Acceptance, DecisionState, RecordedDecision
from modelaudit.model.finding import CheckFamily, Finding, Severity
from modelaudit.model.license import ConclusionState, LicenseConclusion, UseAnswer
from modelaudit.model.policy import LicenseListing
from modelaudit.model.register import CONCLUSION, DUE_DAYS, DecisionAnswer, RegisterEntry, SubjectKind
from modelaudit.model.report import Absence, ArtifactRecord
from modelaudit.model.structure import Unread
from modelaudit.model.terms import Answer
from modelaudit.model.verdict import Question
from modelaudit.policy.gate import Refusal
from modelaudit.policy.recording import accept_absences, accept_findings, make_acceptance, record_entry
from modelaudit.policy.subjects import (
    LICENSE_KINDS,
    Matches,
    find_bound_files,
    find_replacements,
    match_license,
    match_parts,
)

_ACTIVE: Final = (DecisionState.HONOURED, DecisionState.DUE)
_DIGITS_SHOWN: Final = 12


@dataclass(frozen=True, slots=True)
class ScannedModel:
    """The model that decisions are compared with.

    Attributes:
        name: its id on the Hub, or the name of the file or folder.
        commit: the commit that the Hub resolved; ``None`` for local bytes, whatever their path states.
        altered: addresses of the files whose bytes differ from the digest of their source.
        compute_digest: returns the SHA-256 of the file at an address, of the tree for an empty one; ``None`` if a byte
            could not be read.
        digests: the SHA-256 of files, and of the tree, that are known without reading anything again.
        is_checked_completely: whether every family of checks ran, so that what is missing is gone.
    """

    name: str
    commit: str | None
    altered: frozenset[str]
    compute_digest: Callable[[str], str | None]
    digests: frozenset[str] = frozenset()
    is_checked_completely: bool = True


@dataclass(frozen=True, slots=True)
class Consent:
    """What the policy lets decisions accept. ``policy`` is its name."""

    policy: str
    accept_critical: bool = False


class Decisions:
    """The decisions of a register for one model. Parts come first, because an unread file leaves the licence open.

    Args:
        entries: of the register, in its order.
        model: the scanned model.
        consent: of the policy.
        today: the day of the scan.
    """

    def __init__(self, entries: Sequence[RegisterEntry], model: ScannedModel, consent: Consent, today: date) -> None:
        self._model = model
        self._consent = consent
        self._today = today
        self._entries = [entry for entry in entries if self._is_concerned(entry)]
        self._replaced_by = find_replacements(self._entries, today, are_of_one_model=True)
        self._records: dict[str, RecordedDecision] = {}
        self._questions: dict[str, tuple[Question, ...]] = {}
        self._refused_names: dict[str, str] = {}
        # The place of the refusal of each part; a refusal overrules every acceptance of it.
        self._refused_findings: dict[str, str] = {}
        self._refused_absences: dict[tuple[str, Unread], str] = {}

    @property
    def recorded(self) -> tuple[RecordedDecision, ...]:
        """The decisions that concern this model with their states, in the order of the register."""
        return tuple(self._records[entry.place] for entry in self._entries if entry.place in self._records)

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """What people refused: each fails the gate, and leaves it for review once the bytes are others.

        A decision on the new bytes takes the place of a refusal of the old ones.
        """
        active = {entry.place for entry in self._entries if self._is_active(entry)}
        decided = {entry.subject for entry in self._entries if entry.place in active}
        return tuple(
            Refusal(
                question,
                f"{entry.by} refused {self._refused_names[entry.place]} ({entry.place}): {entry.reason}",
                is_of_other_bytes=entry.place not in active,
            )
            for entry in self._entries
            if entry.answer is DecisionAnswer.REFUSE
            and (entry.place in active or (self._is_reopened(entry) and entry.subject not in decided))
            for question in self._questions[entry.place]
        )

    def _is_active(self, entry: RegisterEntry) -> bool:
        record = self._records.get(entry.place)
        return record is not None and record.state in _ACTIVE

    def _is_reopened(self, entry: RegisterEntry) -> bool:
        record = self._records.get(entry.place)
        return record is not None and record.state is DecisionState.REOPENED

    def accept_parts(
        self, findings: Iterable[Finding], records: Iterable[ArtifactRecord]
    ) -> tuple[list[Finding], list[ArtifactRecord]]:
        """Return the findings and records with the acceptances of decisions on them and on the whole model.

        What a person refused has no acceptance, whoever accepts it.
        """
        findings, records = list(findings), list(records)
        absences = [pair for record in records for pair in record.absences]
        accepted_findings: dict[tuple[str, str], Acceptance] = {}
        accepted_absences: dict[tuple[str, Absence], Acceptance] = {}
        # Refusals come first, because they overrule.
        for entry in sorted(self._entries, key=lambda each: each.answer is DecisionAnswer.ACCEPT):
            if entry.subject.kind in LICENSE_KINDS:
                continue
            matches = match_parts(entry.subject, findings, absences)
            record = self._judge(entry, matches, is_model=entry.subject.kind is SubjectKind.MODEL)
            if record is None or record.state not in _ACTIVE or entry.answer is DecisionAnswer.REFUSE:
                continue
            acceptance = make_acceptance(entry)
            for finding in matches.findings:
                accepted_findings.setdefault((finding.fingerprint, finding.artifact), acceptance)
            for pair in matches.absences:
                accepted_absences.setdefault(pair, acceptance)
        return self.withdraw_refused(
            accept_findings(findings, accepted_findings),
            [accept_absences(record, accepted_absences) for record in records],
        )

    def withdraw_refused(
        self, findings: Iterable[Finding], records: Iterable[ArtifactRecord]
    ) -> tuple[list[Finding], list[ArtifactRecord]]:
        """Return the findings and records without the acceptances of what a person refused."""

        def withdraw(address: str, absence: Absence) -> Absence:
            is_refused = (address, absence.unread) in self._refused_absences
            return replace(absence, acceptance=None) if is_refused else absence

        return (
            [
                replace(each, acceptance=None) if each.fingerprint in self._refused_findings else each
                for each in findings
            ],
            [
                replace(record, absences=tuple((address, withdraw(address, each)) for address, each in record.absences))
                if self._refused_absences
                else record
                for record in records
            ],
        )

    def accept_license(
        self,
        license_: LicenseConclusion,
        findings: Iterable[Finding],
        listing: LicenseListing = LicenseListing(),  # noqa: B008 - frozen
        failed_look_ups: Sequence[str] = (),
    ) -> tuple[LicenseConclusion, list[Finding]]:
        """Return the conclusion and the findings with the acceptances of decisions on the licences.

        The conclusion is accepted when decisions cover each answer that does not allow the use, each objection, and
        each base model that was not read.

        Args:
            license_: the conclusion.
            findings: of the whole scan.
            listing: the licences beside the lists of the policy.
            failed_look_ups: a sentence for each base model that was not read.
        """
        findings = list(findings)
        accepted: dict[tuple[str, str], Acceptance] = {}
        covering: dict[UseAnswer | str, Acceptance] = {}
        for entry in self._entries:
            matches = match_license(entry, license_, findings, listing.objections, failed_look_ups)
            if entry.subject.kind in LICENSE_KINDS:
                record = self._judge_license(entry, matches, license_, listing)
            else:
                record = self._extend_model_record(entry, matches)
            if record is None or record.state not in _ACTIVE or entry.answer is DecisionAnswer.REFUSE:
                continue
            for finding in matches.findings:
                accepted.setdefault((finding.fingerprint, finding.artifact), make_acceptance(entry))
            for question in matches.questions:
                covering.setdefault(question, make_acceptance(entry))
        findings = accept_findings(findings, accepted)
        questions: list[UseAnswer | str] = [
            *(each for each in license_.answers if each.answer is not Answer.ALLOW),
            *listing.objections,
            *failed_look_ups,
        ]
        if not questions or not all(question in covering for question in questions):
            return license_, findings
        # Of several decisions, the first to expire opens the question again.
        soonest = min((covering[question] for question in questions), key=lambda each: each.expires)
        return replace(license_, acceptance=soonest), findings

    def _is_concerned(self, entry: RegisterEntry) -> bool:
        """Whether the entry names this model, names none, or binds its bytes."""
        bound = {each.partition(":")[2] for each in entry.bound_to.split()}
        return entry.model in ("", self._model.name) or self._model.commit in bound or bool(bound & self._model.digests)

    def _judge(self, entry: RegisterEntry, matches: Matches, is_model: bool) -> RecordedDecision | None:
        """Record the state of a decision on parts; ``None`` if this scan cannot tell whether its subject exists."""
        if not matches and not is_model:
            if not self._model.is_checked_completely and self._replaced_by.get(entry.place) is None:
                return None
            return self._record(entry, DecisionState.UNUSED, "Nothing in this report matches it.")
        are_of_license = all(each.check is CheckFamily.LICENSE for each in matches.findings) and not matches.absences
        questions = (Question.USE,) if are_of_license and not is_model else (Question.LOAD,)
        self._questions[entry.place] = (Question.LOAD, Question.USE) if is_model else questions
        self._refused_names[entry.place] = "the model" if is_model else matches.name_first()
        paths = find_bound_files(matches, is_model)
        if len(paths) > 1:
            bound_paths = [path for path in paths if not self._explain_difference(entry.bound_to, path)]
            matches.keep_files(bound_paths or paths)
            paths = (*bound_paths, *paths)
        settled = self._find_ended_state(entry, paths[0])
        if settled is not None:
            return self._record(entry, *settled)
        if entry.answer is DecisionAnswer.REFUSE:
            return self._refuse(entry, matches, is_model)
        overruling = self._remove_refused(matches)
        if overruling and not matches and not is_model:
            return self._record(entry, DecisionState.UNUSED, f"The refusal {overruling} overrules it.")
        critical = [each for each in matches.findings if each.severity is Severity.CRITICAL]
        if critical and not self._consent.accept_critical:
            return self._record(entry, DecisionState.NOT_PERMITTED, self._explain_critical(len(critical)))
        fingerprints = tuple(each.fingerprint for each in matches.findings)
        acceptances = [each.acceptance for each in matches.findings]
        acceptances += [absence.acceptance for _, absence in matches.absences]
        if not is_model and None not in acceptances:
            return self._record(entry, DecisionState.UNUSED, "The policy accepts it already.")
        detail = f"It accepts {matches.describe()}."
        return self._record(entry, self._find_active_state(entry), detail, fingerprints)

    def _refuse(self, entry: RegisterEntry, matches: Matches, is_model: bool) -> RecordedDecision:
        """Record a refusal of parts or of the model, and keep which parts it refuses."""
        state = self._find_active_state(entry)
        if is_model:
            return self._record(entry, state, "It refuses this model, so the gate fails.")
        fingerprints = tuple(each.fingerprint for each in matches.findings)
        self._refused_findings |= dict.fromkeys(fingerprints, entry.place)
        self._refused_absences |= {(address, each.unread): entry.place for address, each in matches.absences}
        return self._record(entry, state, f"It refuses {matches.name_first()}, so the gate fails.", fingerprints)

    def _remove_refused(self, matches: Matches) -> str:
        """Remove what a person refused from the matches, and return the place of the first refusal; empty if none."""
        places = [self._refused_findings.get(each.fingerprint, "") for each in matches.findings]
        places += [self._refused_absences.get((address, each.unread), "") for address, each in matches.absences]
        matches.findings = [each for each in matches.findings if each.fingerprint not in self._refused_findings]
        matches.absences = [
            (address, each)
            for address, each in matches.absences
            if (address, each.unread) not in self._refused_absences
        ]
        return next(filter(None, places), "")

    def _judge_license(
        self, entry: RegisterEntry, matches: Matches, license_: LicenseConclusion, listing: LicenseListing
    ) -> RecordedDecision | None:
        """Record the state of a decision on the licences; ``None`` if they were not checked."""
        if license_.state is ConclusionState.NOT_CHECKED:
            return None
        self._questions[entry.place] = (Question.USE,)
        name = entry.subject.name
        self._refused_names[entry.place] = "the licences" if name == CONCLUSION else f"the licence {name}"
        is_refusal = entry.answer is DecisionAnswer.REFUSE
        is_named = name == CONCLUSION or name in {each.id for each in license_.entries}
        obstacle = _explain_denial(name, matches, license_, listing)
        if not is_named or not (matches or obstacle or is_refusal):
            detail = "The licences leave nothing of it open." if is_named else "No licence of this model has this name."
            return self._record(entry, DecisionState.UNUSED, detail)
        settled = self._find_ended_state(entry, "")
        if settled is not None:
            return self._record(entry, *settled)
        fingerprints = tuple(each.fingerprint for each in matches.findings)
        if is_refusal:
            detail = f"It refuses {self._refused_names[entry.place]}, so the gate fails."
            return self._record(entry, self._find_active_state(entry), detail, fingerprints)
        if obstacle:
            return self._record(entry, DecisionState.NOT_PERMITTED, obstacle)
        return self._record(entry, self._find_active_state(entry), f"It accepts {matches.describe()}.", fingerprints)

    def _extend_model_record(self, entry: RegisterEntry, matches: Matches) -> RecordedDecision | None:
        """Add the matches among the licences to the record of a decision on the model; ``None`` for other subjects."""
        record = self._records.get(entry.place)
        if record is None or entry.subject.kind is not SubjectKind.MODEL or not matches:
            return None
        if record.state not in _ACTIVE or entry.answer is DecisionAnswer.REFUSE:
            return None
        fingerprints = (*record.fingerprints, *(each.fingerprint for each in matches.findings))
        detail = f"{record.detail[:-1]}, and for the licences {matches.describe()}."
        return self._record(entry, record.state, detail, fingerprints)

    def _find_ended_state(self, entry: RegisterEntry, bound_file: str) -> tuple[DecisionState, str] | None:
        """Return the state of a decision that was replaced, expired or bound to other bytes; ``None`` if it holds."""
        later_start = entry.explain_later_start(self._today)
        if later_start:
            return DecisionState.UNUSED, later_start
        replacement = self._replaced_by.get(entry.place)
        if replacement is not None:
            return DecisionState.UNUSED, f"The later decision {replacement} replaces it."
        if self._today > date.fromisoformat(entry.expires):
            return DecisionState.EXPIRED, f"It expired on {entry.expires}, so what it decided is open again."
        difference = self._explain_difference(entry.bound_to, bound_file)
        return (DecisionState.REOPENED, difference) if difference else None

    def _explain_difference(self, binding: str, path: str) -> str:
        """Explain how the file, or the model for an empty path, differs from the bound one; empty if it does not."""
        return next(filter(None, (self._explain_one(each, path) for each in binding.split())), "")

    def _explain_one(self, binding: str, path: str) -> str:
        """Explain how the bytes at ``path`` differ from one digest or commit; empty if they do not."""
        algorithm, _, wanted = binding.partition(":")
        place = path or "the model"
        if algorithm == "commit":
            if self._model.commit is None:
                return "It binds a commit, and local bytes have none; bind it to their SHA-256."
            if self._model.commit != wanted:
                shown = self._model.commit[:_DIGITS_SHOWN]
                return f"The model is at commit {shown}, and the decision binds {wanted[:_DIGITS_SHOWN]}."
            altered = path in self._model.altered if path else self._model.altered
            return f"The bytes of {place} are not those of the commit." if altered else ""
        digest = self._model.compute_digest(path)
        if digest is None:
            return f"The SHA-256 of {place} could not be computed, so nothing shows that the bytes are the same."
        if digest != wanted:
            shown = digest[:_DIGITS_SHOWN]
            return f"The SHA-256 of {place} is {shown}…, and the decision binds {wanted[:_DIGITS_SHOWN]}…."
        return ""

    def _find_active_state(self, entry: RegisterEntry) -> DecisionState:
        """Return whether the decision is honoured for longer, or due."""
        is_due = date.fromisoformat(entry.expires) - self._today <= timedelta(days=DUE_DAYS)
        return DecisionState.DUE if is_due else DecisionState.HONOURED

    def _explain_critical(self, number: int) -> str:
        findings = "a critical finding" if number == 1 else f"{number} critical findings"
        return f"It would accept {findings}, and the policy {self._consent.policy} has no accept-critical: true."

    def _record(
        self, entry: RegisterEntry, state: DecisionState, detail: str, fingerprints: tuple[str, ...] = ()
    ) -> RecordedDecision:
        """Record the state of a decision and return the record."""
        record = record_entry(entry, state, detail, fingerprints)
        self._records[entry.place] = record
        return record


def _explain_denial(name: str, matches: Matches, license_: LicenseConclusion, listing: LicenseListing) -> str:
    """Explain the denial of the policy or of a licence that the decision does not concern; empty without one.

    Args:
        name: the id of a licence, or ``conclusion``.
        matches: of the decision; an agreement concerns the denials of its licence.
        license_: the conclusion.
        listing: the licences beside the lists of the policy.
    """
    pattern = re.compile(rf"(?<![\w.+-]){re.escape(name)}(?![\w+-]|\.\w)")
    for denial in listing.denials:
        if name == CONCLUSION or pattern.search(denial):
            return f"No decision accepts it. {denial}"
    for answer in license_.answers:
        if answer.answer is Answer.DENY and answer not in matches.answers and name in (CONCLUSION, answer.license):
            return f"A denial needs an agreement with the owner; record it as agreement:{answer.license}."
    return ""
