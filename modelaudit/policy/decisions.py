"""Apply the decisions of the register to the findings, absences and licences of one scan."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from functools import partial

from modelaudit.model.acceptance import Acceptance, DecisionState, RecordedDecision
from modelaudit.model.copies import replace
from modelaudit.model.finding import Finding
from modelaudit.model.license import ConclusionState, LicenseConclusion, UseAnswer
from modelaudit.model.policy import LicenseListing
from modelaudit.model.register import CONCLUSION, DecisionAnswer, RegisterEntry, SubjectKind
from modelaudit.model.report import Absence, ArtifactRecord
from modelaudit.model.signoff import SignOff
from modelaudit.model.structure import Unread
from modelaudit.model.terms import Intent, Vocabulary
from modelaudit.model.verdict import Question
from modelaudit.policy.binding import ScannedModel, explain_other_terms
from modelaudit.policy.consent import Consent
from modelaudit.policy.dates import find_active_state, find_date_state
from modelaudit.policy.denials import explain_denial
from modelaudit.policy.gate import Refusal
from modelaudit.policy.planned_use import explain_wider_use
from modelaudit.policy.recording import (
    accept_absences,
    accept_answers,
    accept_findings,
    describe_ended_agreement,
    make_acceptance,
    record_entry,
)
from modelaudit.policy.refusals import (
    ACTIVE,
    ENDED,
    GONE,
    combine_matches,
    find_copies,
    find_questions,
    find_successor,
    match_copies,
)
from modelaudit.policy.subjects import (
    LICENSE_KINDS,
    NOTHING,
    Matches,
    find_replacements,
    is_agreement,
    match_license,
    match_parts,
)


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
        concerned = [entry for entry in entries if self._is_concerned(entry)]
        self._replaced_by = find_replacements(concerned, today, are_of_one_model=True)
        self._find_date_state = partial(find_date_state, today=today, replaced_by=self._replaced_by)
        self._find_active_state = partial(find_active_state, today=today)
        # An approval replaces an earlier refusal. It accepts nothing, and ``signoffs`` judges it.
        self._entries = [entry for entry in concerned if entry.answer is not DecisionAnswer.APPROVE]
        self._approval: SignOff | None = None
        self._records: dict[str, RecordedDecision] = {}
        self._questions: dict[str, tuple[Question, ...]] = {}
        self._refused_names: dict[str, str] = {}
        # The places of decisions that answer for a narrower use than the planned one.
        self._of_other_uses: set[str] = set()
        # The place of the refusal of each part; a refusal overrules every acceptance of it.
        self._refused_findings: dict[str, str] = {}
        self._refused_absences: dict[tuple[str, Unread], str] = {}

    @property
    def recorded(self) -> tuple[RecordedDecision, ...]:
        """The decisions that concern this model with their states, in the order of the register."""
        return tuple(self._settle_ended(entry) for entry in self._entries if entry.place in self._records)

    def _settle_ended(self, entry: RegisterEntry) -> RecordedDecision:
        """Return the record of an entry; one that ended is unused once a person decided again on its subject."""
        record = self._records[entry.place]
        successor = ""
        if record.state in ENDED:
            successor = find_successor(entry, self._entries, self._records) or self._find_approval(entry)
        if not successor:
            return record
        detail = f"{record.detail} The decision {successor} settles it now."
        return replace(record, state=DecisionState.UNUSED, detail=detail, fingerprints=(), absences=())

    def settle_by(self, approval: SignOff) -> None:
        """Let a valid approval settle the refusals of the model that ended before it."""
        self._approval = approval

    def _find_approval(self, entry: RegisterEntry) -> str:
        """Return the place of the approval that decides again on a refused model; empty without one."""
        if self._approval is None or entry.subject.kind is not SubjectKind.MODEL or entry.decided > self._approval.date:
            return ""
        return self._approval.place

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """What people refused: each fails the gate. One that ended leaves it for review until a person decides again.

        It ends when it expires, and when its bytes changed or are gone.
        """
        refusing = {entry.place: entry for entry in self._entries if entry.answer is DecisionAnswer.REFUSE}
        refusals = []
        for record in self.recorded:
            if record.place not in refusing or record.state not in (*ACTIVE, *ENDED):
                continue
            is_reopened = record.state in ENDED
            name = self._refused_names[record.place]
            reason = f"{record.by} refused {name} ({record.place}): {record.reason}"
            if is_reopened:
                reason = f"{reason.rstrip('.')}. {record.detail}"
            refusals += [Refusal(question, reason, is_reopened) for question in self._questions[record.place]]
        return tuple(refusals)

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
            if entry.answer is DecisionAnswer.REFUSE:
                self._judge_refusal(entry, matches, findings, absences)
                continue
            record = self._judge(entry, matches, is_model=entry.subject.kind is SubjectKind.MODEL)
            if record is None or record.state not in ACTIVE:
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
        vocabulary: Vocabulary = Vocabulary(),  # noqa: B008 - frozen
    ) -> tuple[LicenseConclusion, list[Finding]]:
        """Return the conclusion and the findings with the acceptances of decisions on the licences.

        The conclusion is accepted when decisions for the planned use, or a wider one, cover each answer that does not
        allow it, each objection of the policy's lists, and each base model that was not read.
        """
        findings = list(findings)
        accepted: dict[tuple[str, str], Acceptance] = {}
        covering: dict[UseAnswer | str, Acceptance] = {}
        ended: dict[UseAnswer, str] = {}
        # An agreement comes first: what it permits keeps no other decision from accepting the rest.
        for entry in sorted(self._entries, key=lambda each: not is_agreement(each)):
            matches = match_license(entry, license_, findings, listing.objections, failed_look_ups)
            is_refusal = entry.answer is DecisionAnswer.REFUSE
            wider = explain_wider_use(entry, license_.intent or Intent(), vocabulary.territories)
            if entry.subject.kind in LICENSE_KINDS:
                obstacle = explain_denial(entry, license_, listing, covering, vocabulary.negotiable_kinds)
                record = self._judge_license(entry, matches, license_, obstacle, wider)
            else:
                record = self._extend_model_record(entry, matches, wider)
            if record is not None and record.state in ENDED and is_agreement(entry):
                ended |= dict.fromkeys(matches.answers, describe_ended_agreement(record))
            if record is None or record.state not in ACTIVE or is_refusal or wider:
                continue
            for finding in matches.findings:
                accepted.setdefault((finding.fingerprint, finding.artifact), make_acceptance(entry))
            for question in matches.questions:
                covering.setdefault(question, make_acceptance(entry))
        self._retire_other_uses()
        findings = accept_findings(findings, accepted)
        questions: list[UseAnswer | str] = [*license_.open_answers, *listing.objections, *failed_look_ups]
        license_ = replace(license_, answers=accept_answers(license_.answers, covering, ended))
        if not questions or not all(question in covering for question in questions):
            return license_, findings
        # Of several decisions, the first to expire opens the question again.
        soonest = min((covering[question] for question in questions), key=lambda each: each.expires)
        return replace(license_, acceptance=soonest), findings

    def _retire_other_uses(self) -> None:
        """Mark a decision for another use as unused where one on the same subject answers the planned use."""
        records = ((entry, self._records.get(entry.place)) for entry in self._entries)
        active = {entry.subject: entry.place for entry, record in records if record and record.state in ACTIVE}
        for entry in self._entries:
            if entry.place in self._of_other_uses and entry.subject in active:
                detail = f"It answers another use; {active[entry.subject]} answers the planned one."
                self._record(entry, DecisionState.UNUSED, detail)

    def _is_concerned(self, entry: RegisterEntry) -> bool:
        """Whether the entry names this model, names none, or refuses bytes that this model holds too."""
        is_refusal = entry.answer is DecisionAnswer.REFUSE
        return self._is_general_or_own(entry) or (is_refusal and bool(find_copies(entry, self._model.digests)))

    def _is_general_or_own(self, entry: RegisterEntry) -> bool:
        return entry.model in ("", self._model.name)

    def _judge(self, entry: RegisterEntry, matches: Matches, is_model: bool) -> RecordedDecision | None:
        """Record the state of an acceptance of parts; ``None`` if its subject may be out of this scan."""
        if not matches and not is_model:
            if not self._model.is_checked_completely and self._replaced_by.get(entry.place) is None:
                return None
            return self._record(entry, DecisionState.UNUSED, "Nothing in this report matches it.")
        settled = self._find_ended_state(entry, self._model.keep_bound(entry.bound_to, matches, is_model))
        if settled is not None:
            return self._record(entry, *settled)
        overruling = self._remove_refused(matches)
        if overruling and not matches and not is_model:
            return self._record(entry, DecisionState.UNUSED, f"The refusal {overruling} overrules it.")
        obstacle = self._consent.explain_obstacle(matches, is_model)
        if obstacle:
            return self._record(entry, DecisionState.NOT_PERMITTED, obstacle)
        acceptances = [each.acceptance for each in matches.findings]
        acceptances += [absence.acceptance for _, absence in matches.absences]
        if not is_model and None not in acceptances:
            return self._record(entry, DecisionState.UNUSED, "The policy accepts it already.")
        is_unchecked = is_model and not matches and not self._model.is_checked_completely
        detail = f"It accepts {'the model, whose files were not checked' if is_unchecked else matches.describe()}."
        return self._record(entry, self._find_active_state(entry), detail, matches)

    def _judge_refusal(
        self,
        entry: RegisterEntry,
        named: Matches,
        findings: Sequence[Finding],
        absences: Sequence[tuple[str, Absence]],
    ) -> RecordedDecision | None:
        """Record the state of a refusal of parts or of the model, and keep which parts it refuses.

        It holds for its bytes under any path, and one that names this model ends by a person alone.
        """
        is_model = entry.subject.kind is SubjectKind.MODEL
        copies = () if is_model else find_copies(entry, self._model.digests)
        is_gone = not (named or is_model or copies)
        self._questions[entry.place] = find_questions(named, is_model)
        names = named.name_first() if named else f"the bytes of {copies[0]}" if copies and copies[0] else ""
        self._refused_names[entry.place] = "the model" if is_model else names or str(entry.subject)
        if is_gone and not self._model.is_checked_completely:
            return self._record(
                entry, DecisionState.UNUSED, "Not every check ran, so nothing tells whether it is gone."
            )
        if is_gone and entry.model != self._model.name:
            return self._record(entry, DecisionState.UNUSED, "Nothing in this report matches it.")
        ended = self._find_date_state(entry)
        if ended is None and not self._is_general_or_own(entry):
            ended = (DecisionState.REOPENED, f"It refuses the same bytes in the model {entry.model}.")
        difference = GONE
        if ended is None and (named or is_model):
            difference = self._model.explain_difference(
                entry.bound_to, self._model.keep_bound(entry.bound_to, named, is_model)
            )
        if ended is None and difference and not copies:
            ended = (DecisionState.REOPENED, difference)
        if ended is not None:
            return self._record(entry, *ended, Matches() if is_model else named)
        if is_model:
            return self._record(entry, self._find_active_state(entry), "It refuses this model, so the gate fails.")
        matches = match_copies(entry.subject, named, findings, absences, copies)
        matches = combine_matches(named, matches) if not difference else matches
        self._refused_findings |= {each.fingerprint: entry.place for each in matches.findings}
        self._refused_absences |= {(address, each.unread): entry.place for address, each in matches.absences}
        if matches:
            self._refused_names[entry.place] = matches.name_first()
        detail = f"It refuses {self._refused_names[entry.place]}, so the gate fails."
        return self._record(entry, self._find_active_state(entry), detail, matches)

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
        self, entry: RegisterEntry, matches: Matches, license_: LicenseConclusion, obstacle: str, wider: str
    ) -> RecordedDecision | None:
        """Record the state of a decision on the licences; ``None`` if they were not checked.

        ``obstacle`` is a denial that it does not concern, and ``wider`` what the planned use includes beyond it.
        """
        if license_.state is ConclusionState.NOT_CHECKED:
            return None
        self._questions[entry.place] = (Question.USE,)
        name = entry.subject.name
        self._refused_names[entry.place] = "the licences" if name == CONCLUSION else f"the licence {name}"
        is_refusal = entry.answer is DecisionAnswer.REFUSE
        is_named = name == CONCLUSION or not {each.id for each in license_.entries}.isdisjoint(entry.subject.licenses)
        if is_refusal and not is_named and entry.model == self._model.name:
            return self._record(entry, *(self._find_date_state(entry) or (DecisionState.REOPENED, GONE)))
        if not is_named or not (matches or obstacle or is_refusal):
            detail = "The licences leave nothing of it open." if is_named else "No licence of this model has this name."
            return self._record(entry, DecisionState.UNUSED, detail)
        settled = self._find_ended_state(entry, "", license_.terms_digest)
        if settled is not None:
            return self._record(entry, *settled)
        if is_refusal:
            detail = f"It refuses {self._refused_names[entry.place]}, so the gate fails."
            return self._record(entry, self._find_active_state(entry), detail, matches)
        if wider:
            self._of_other_uses.add(entry.place)
            return self._record(entry, DecisionState.REOPENED, wider)
        if obstacle:
            return self._record(entry, DecisionState.NOT_PERMITTED, obstacle)
        permits = f"It permits {', '.join(entry.permits)}." if is_agreement(entry) else ""
        detail = permits or f"It accepts {matches.describe()}."
        return self._record(entry, self._find_active_state(entry), detail, matches)

    def _extend_model_record(self, entry: RegisterEntry, matches: Matches, wider: str) -> RecordedDecision | None:
        """Add the matches among the licences to the record of a decision on the model; ``None`` for other subjects."""
        record = self._records.get(entry.place)
        if record is None or entry.subject.kind is not SubjectKind.MODEL or not matches:
            return None
        if record.state not in ACTIVE or entry.answer is DecisionAnswer.REFUSE:
            return None
        if wider:
            self._records[entry.place] = replace(record, detail=f"{record.detail} Not for the licences: {wider}")
            return self._records[entry.place]
        own = "" if record.detail == f"It accepts {NOTHING}." else f"{record.detail[:-1]}, and "
        detail = f"{own or 'It accepts '}of the licences {matches.describe()}."
        fingerprints = (*record.fingerprints, *(each.fingerprint for each in matches.findings))
        self._records[entry.place] = replace(record, detail=detail, fingerprints=fingerprints)
        return self._records[entry.place]

    def _find_ended_state(
        self, entry: RegisterEntry, bound_file: str, terms: str = ""
    ) -> tuple[DecisionState, str] | None:
        """Return the state of a decision that was replaced, expired or bound to other bytes; ``None`` if it holds."""
        ended = self._find_date_state(entry)
        if ended is not None:
            return ended
        if not entry.bound_to:
            return None
        if entry.bound_to.startswith("terms:"):
            difference = explain_other_terms(entry.bound_to, terms)
        else:
            difference = self._model.explain_difference(entry.bound_to, bound_file)
        return (DecisionState.REOPENED, difference) if difference else None

    def _record(
        self, entry: RegisterEntry, state: DecisionState, detail: str, matches: Matches | None = None
    ) -> RecordedDecision:
        """Record the state of a decision, with the findings and absences that it concerns, and return the record."""
        matches = matches or Matches()
        fingerprints = tuple(each.fingerprint for each in matches.findings)
        names = tuple(dict.fromkeys(absence.name_at(address) for address, absence in matches.absences))
        record = record_entry(entry, state, detail, fingerprints, names)
        self._records[entry.place] = record
        return record
