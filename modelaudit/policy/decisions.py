"""Apply the decisions of the register to the findings, absences and licences of one scan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from modelaudit.model.acceptance import Acceptance, AcceptanceSource, DecisionState, RecordedDecision
from modelaudit.model.finding import CheckFamily, Finding, Severity
from modelaudit.model.license import ConclusionState, LicenseConclusion, UseAnswer
from modelaudit.model.register import CONCLUSION, DUE_DAYS, DecisionAnswer, RegisterEntry, SubjectKind
from modelaudit.model.report import Absence, ArtifactRecord
from modelaudit.model.terms import Answer
from modelaudit.model.verdict import Question
from modelaudit.policy.gate import Refusal
from modelaudit.policy.subjects import (
    LICENSE_KINDS,
    Matches,
    find_bound_file,
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
        self._replaced_by = find_replacements(self._entries, today)
        self._records: dict[str, RecordedDecision] = {}
        self._questions: dict[str, tuple[Question, ...]] = {}
        self._refused_names: dict[str, str] = {}

    @property
    def recorded(self) -> tuple[RecordedDecision, ...]:
        """The decisions that concern this model with their states, in the order of the register."""
        return tuple(self._records[entry.place] for entry in self._entries if entry.place in self._records)

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """What people refused; each fails the gate."""
        active = [each for each in self.recorded if each.state in _ACTIVE and each.answer == DecisionAnswer.REFUSE]
        return tuple(
            Refusal(question, f"{each.by} refused {self._refused_names[each.place]} ({each.place}): {each.reason}")
            for each in active
            for question in self._questions[each.place]
        )

    def accept_parts(
        self, findings: Iterable[Finding], records: Iterable[ArtifactRecord]
    ) -> tuple[list[Finding], list[ArtifactRecord]]:
        """Return the findings and records with the acceptances of decisions on them and on the whole model."""
        findings, records = list(findings), list(records)
        absences = [pair for record in records for pair in record.absences]
        accepted_findings: dict[str, Acceptance] = {}
        accepted_absences: dict[tuple[str, Absence], Acceptance] = {}
        for entry in self._entries:
            if entry.subject.kind in LICENSE_KINDS:
                continue
            matches = match_parts(entry.subject, findings, absences)
            record = self._judge(entry, matches, is_model=entry.subject.kind is SubjectKind.MODEL)
            if record is None or record.state not in _ACTIVE or entry.answer is DecisionAnswer.REFUSE:
                continue
            acceptance = make_acceptance(entry)
            for finding in matches.findings:
                accepted_findings.setdefault(finding.fingerprint, acceptance)
            for pair in matches.absences:
                accepted_absences.setdefault(pair, acceptance)
        return (
            _accept_findings(findings, accepted_findings),
            [_accept_absences(record, accepted_absences) for record in records],
        )

    def accept_license(
        self, license_: LicenseConclusion, findings: Iterable[Finding], objections: Sequence[str] = ()
    ) -> tuple[LicenseConclusion, list[Finding]]:
        """Return the conclusion and the findings with the acceptances of decisions on the licences.

        The conclusion is accepted when decisions cover each answer that does not allow the use, and each objection.

        Args:
            license_: the conclusion.
            findings: of the whole scan.
            objections: a sentence for each licence that the policy does not list as allowed.
        """
        findings = list(findings)
        accepted: dict[str, Acceptance] = {}
        covering: dict[UseAnswer | str, Acceptance] = {}
        for entry in self._entries:
            matches = match_license(entry, license_, findings, objections)
            if entry.subject.kind in LICENSE_KINDS:
                record = self._judge_license(entry, matches, license_)
            else:
                record = self._extend_model_record(entry, matches)
            if record is None or record.state not in _ACTIVE or entry.answer is DecisionAnswer.REFUSE:
                continue
            for finding in matches.findings:
                accepted.setdefault(finding.fingerprint, make_acceptance(entry))
            for question in matches.questions:
                covering.setdefault(question, make_acceptance(entry))
        findings = _accept_findings(findings, accepted)
        questions: list[UseAnswer | str] = [
            *(each for each in license_.answers if each.answer is not Answer.ALLOW),
            *objections,
        ]
        if not questions or not all(question in covering for question in questions):
            return license_, findings
        # Of several decisions, the first to expire opens the question again.
        soonest = min((covering[question] for question in questions), key=lambda each: each.expires)
        return replace(license_, acceptance=soonest), findings

    def _is_concerned(self, entry: RegisterEntry) -> bool:
        """Whether the entry names this model, names none, or binds its bytes."""
        bound = entry.bound_to.partition(":")[2]
        return entry.model in ("", self._model.name) or bound == self._model.commit or bound in self._model.digests

    def _judge(self, entry: RegisterEntry, matches: Matches, is_model: bool) -> RecordedDecision | None:
        """Record the state of a decision on parts; ``None`` if this scan cannot tell whether its subject exists."""
        if not matches and not is_model:
            if not self._model.is_checked_completely and self._replaced_by.get(entry.place) is None:
                return None
            return self._record(entry, DecisionState.UNUSED, "Nothing in this report matches it.")
        are_of_license = all(each.check is CheckFamily.LICENSE for each in matches.findings) and not matches.absences
        questions = (Question.USE,) if are_of_license and not is_model else (Question.LOAD,)
        self._questions[entry.place] = (Question.LOAD, Question.USE) if is_model else questions
        settled = self._find_ended_state(entry, find_bound_file(matches, is_model))
        if settled is not None:
            return self._record(entry, *settled)
        if entry.answer is DecisionAnswer.REFUSE:
            self._refused_names[entry.place] = "the model" if is_model else matches.name_first()
            return self._record(entry, self._find_active_state(entry), "It refuses this model, so the gate fails.")
        critical = [each for each in matches.findings if each.severity is Severity.CRITICAL]
        if critical and not self._consent.accept_critical:
            return self._record(entry, DecisionState.REFUSED, self._explain_refused(len(critical)))
        fingerprints = tuple(each.fingerprint for each in matches.findings)
        if not is_model and not fingerprints and all(each.acceptance for _, each in matches.absences):
            return self._record(entry, DecisionState.UNUSED, "The policy accepts the absence already.")
        detail = f"It accepts {matches.describe()}."
        return self._record(entry, self._find_active_state(entry), detail, fingerprints)

    def _judge_license(
        self, entry: RegisterEntry, matches: Matches, license_: LicenseConclusion
    ) -> RecordedDecision | None:
        """Record the state of a decision on the licences; ``None`` if they were not checked."""
        if license_.state is ConclusionState.NOT_CHECKED:
            return None
        self._questions[entry.place] = (Question.USE,)
        name = entry.subject.name
        is_refusal = entry.answer is DecisionAnswer.REFUSE
        is_named = name == CONCLUSION or name in {each.id for each in license_.entries}
        if not is_named or not (matches or is_refusal):
            detail = "The licences leave nothing of it open." if is_named else "No licence of this model has this name."
            return self._record(entry, DecisionState.UNUSED, detail)
        settled = self._find_ended_state(entry, "")
        if settled is not None:
            return self._record(entry, *settled)
        if is_refusal:
            self._refused_names[entry.place] = f"the licence {name}"
            return self._record(entry, self._find_active_state(entry), "It refuses this licence, so the gate fails.")
        denials = [
            each
            for each in license_.answers
            if each.answer is Answer.DENY and each not in matches.answers and name in (CONCLUSION, each.license)
        ]
        if denials:
            detail = f"A denial needs an agreement with the owner; record it as agreement: {denials[0].license}."
            return self._record(entry, DecisionState.REFUSED, detail)
        fingerprints = tuple(each.fingerprint for each in matches.findings)
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

    def _explain_refused(self, number: int) -> str:
        findings = "a critical finding" if number == 1 else f"{number} critical findings"
        return f"It would accept {findings}, and the policy {self._consent.policy} has no accept-critical: true."

    def _record(
        self, entry: RegisterEntry, state: DecisionState, detail: str, fingerprints: tuple[str, ...] = ()
    ) -> RecordedDecision:
        """Record the state of a decision and return the record."""
        record = record_entry(entry, state, detail, fingerprints)
        self._records[entry.place] = record
        return record


def record_entry(
    entry: RegisterEntry, state: DecisionState, detail: str = "", fingerprints: tuple[str, ...] = ()
) -> RecordedDecision:
    """Return an entry of the register with its state."""
    return RecordedDecision(
        entry.place,
        str(entry.subject),
        entry.bound_to,
        str(entry.answer),
        entry.reason,
        entry.by,
        entry.approved_by,
        entry.expires,
        state,
        detail,
        fingerprints,
    )


def make_acceptance(entry: RegisterEntry) -> Acceptance:
    """Return the acceptance by an entry of the register."""
    return Acceptance(AcceptanceSource.DECISION, entry.place, entry.reason, entry.by, entry.approved_by, entry.expires)


def _accept_findings(findings: Iterable[Finding], acceptances: Mapping[str, Acceptance]) -> list[Finding]:
    """Return the findings, with an acceptance where ``acceptances`` has one for the fingerprint."""
    return [
        replace(each, acceptance=acceptances[each.fingerprint])
        if each.acceptance is None and each.fingerprint in acceptances
        else each
        for each in findings
    ]


def _accept_absences(record: ArtifactRecord, acceptances: Mapping[tuple[str, Absence], Acceptance]) -> ArtifactRecord:
    """Return the record, with an acceptance where ``acceptances`` has one for an open absence."""
    if not any(pair in acceptances for pair in record.absences):
        return record
    absences = tuple(
        (address, replace(absence, acceptance=acceptances[address, absence]))
        if absence.acceptance is None and (address, absence) in acceptances
        else (address, absence)
        for address, absence in record.absences
    )
    return replace(record, absences=absences)
