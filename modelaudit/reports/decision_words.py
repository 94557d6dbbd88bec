"""The words of a report on the decisions of people and on its baseline, for screens and lists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from msgspec import Struct

from modelaudit.model.acceptance import Acceptance, AcceptanceSource, DecisionState, RecordedDecision
from modelaudit.model.address import file_of
from modelaudit.model.finding import CheckFamily, Finding, Severity
from modelaudit.model.license import UseAnswer
from modelaudit.model.register import DecisionAnswer
from modelaudit.model.report import Absence, AuditReport, PolicyRecord
from modelaudit.model.signoff import SignOff, SignOffAnswer, SignOffState
from modelaudit.model.verdict import CauseKind
from modelaudit.reports.wording import (
    count_noun,
    describe_acceptance,
    describe_answer,
    describe_decision,
    describe_refusal,
    end_sentence,
    name_people,
    shorten_to_clauses,
)

_LABELS: Final = {AcceptanceSource.BASELINE: "known", AcceptanceSource.RUNTIME: "unreachable"}
"""The labels of findings that are settled without a decision of a person, by the source."""
_NEEDS_ACTION = (DecisionState.REOPENED, DecisionState.EXPIRED, DecisionState.NOT_PERMITTED, DecisionState.DUE)
_IN_FORCE = (DecisionState.HONOURED, DecisionState.DUE)
_PLACE_CHARACTERS: Final = 60
_MOST_OF_FINDING: Final = 200
"""Characters of the message of an accepted finding."""
MOST_FIRST: Final = 6
"""Decisions in force, and decisions without effect, that the first page of a document names."""


DENIAL_RULE: Final = "license/use-denied"
"""The rule of the finding that repeats a denied use."""


def is_acceptable(finding: Finding, policy: PolicyRecord) -> bool:
    """Whether the gate would honour a decision that accepts a finding; an agreement alone ends a denial."""
    is_critical = finding.severity is Severity.CRITICAL
    return finding.rule != DENIAL_RULE and (policy.accept_critical or not is_critical)


FAMILIES_ON_LOAD: Final = tuple(each for each in CheckFamily if each is not CheckFamily.LICENSE)
"""The checks on which the answer to load rests."""


def list_rejected(report: AuditReport, families: Collection[CheckFamily]) -> list[Finding]:
    """List the findings of these checks that the policy rejects and that nothing accepts."""
    rejected = (each for each in report.findings if each.acceptance is None and report.policy.rejects(each))
    return [each for each in rejected if each.check in families]


def permits_exception(report: AuditReport, families: Collection[CheckFamily]) -> bool:
    """Whether a person may accept all findings of these checks that fail; a refusal or a denied use permits none."""
    is_denied = any(each.kind is CauseKind.LICENCE_DENIED for each in report.decision.causes)
    if find_refusal(report) or (is_denied and CheckFamily.LICENSE in families):
        return False
    rejected = list_rejected(report, families)
    return bool(rejected) and all(is_acceptable(each, report.policy) for each in rejected)


def find_refusal(report: AuditReport) -> SignOff | None:
    """Find the refusal of the model in force, the one that ends last; ``None`` without one."""
    in_force = (each for each in report.signoffs if each.state is SignOffState.VALID)
    refusing = (each for each in in_force if each.answer is SignOffAnswer.REFUSE)
    return max(refusing, key=lambda each: each.expires, default=None)


def list_decision_lines(report: AuditReport, *, only_use: bool = False) -> list[tuple[str, str]]:
    """List a labelled line for each decision that concerns the model, and one for the baseline.

    Args:
        report: of a scan.
        only_use: whether to list only decisions that may affect the answer to the use.
    """
    lines = [
        (
            "decided",
            f"{each.subject} ({each.place}) until {each.expires}, {describe_state(each.state)}. "
            f"{describe_decision(each)} {each.detail}{_describe_scope(each)}",
        )
        for each in (list_use_decisions(report) if only_use else report.decisions)
    ]
    return lines + ([("known", _describe_known(report))] if report.baseline else [])


def list_use_decisions(report: AuditReport) -> list[RecordedDecision]:
    """List the decisions on licences and on the whole model, which the answer to the use may rest on."""
    return [each for each in report.decisions if each.use]


def describe_settled_answer(answer: UseAnswer) -> str:
    """Describe whose decision settles an answer of a licence, or which agreement ended; empty without either."""
    return describe_acceptance(answer.acceptance) if answer.acceptance else answer.ended


def list_refusals(report: AuditReport) -> dict[str, RecordedDecision]:
    """Return each refusal in force by the findings and absences that it refuses, and by its subject."""
    in_force = (each for each in report.decisions if each.state in _IN_FORCE and each.answer == DecisionAnswer.REFUSE)
    return {key: each for each in in_force for key in (*each.fingerprints, *each.absences, each.subject)}


def describe_settlement(finding: Finding, refusals: Mapping[str, RecordedDecision]) -> tuple[str, str] | None:
    """Return a label and a sentence on who refused or accepted a finding, or that the baseline holds it; else ``None``.

    Args:
        finding: of a report.
        refusals: of ``list_refusals``.
    """
    if finding.fingerprint in refusals:
        return "refused", describe_refusal(refusals[finding.fingerprint])
    if finding.acceptance is None:
        return None
    return _LABELS.get(finding.acceptance.source, "accepted"), describe_acceptance(finding.acceptance)


def describe_state(state: DecisionState) -> str:
    """Describe a state in words."""
    return state.replace("-", " ")


def describe_settled_absence(absence: Absence, address: str, refusals: Mapping[str, RecordedDecision]) -> str:
    """Describe who refused or accepted an absence, or that the baseline holds it; empty for an open one.

    Args:
        absence: of a report.
        address: of the absence.
        refusals: of ``list_refusals``.
    """
    if absence.name_at(address) in refusals:
        return describe_refusal(refusals[absence.name_at(address)])
    return describe_acceptance(absence.acceptance) if absence.acceptance else ""


def list_ended(report: AuditReport) -> list[RecordedDecision]:
    """List the decisions that a person must look at: due, expired, reopened, or not permitted."""
    return [each for each in report.decisions if each.state in _NEEDS_ACTION]


def describe_ended(decision: RecordedDecision) -> str:
    """Describe a decision that is due or has no effect: who decided what until when, why, and its state."""
    approval = f", approved by {decision.approved_by}" if decision.approved_by else ""
    who = f"{decision.by} {describe_answer(decision.answer)} it until {decision.expires}{approval}: {decision.reason}"
    return f"{describe_state(decision.state).capitalize()}. {end_sentence(who)} {decision.detail}".strip()


class DecisionRow(Struct, frozen=True):
    """A decision in force in words.

    Attributes:
        matter: the worst finding that it accepts and the number of others, or its subject.
        answer: ``accepted``, ``refused`` or ``recorded``, for an agreement.
        note: the message of that finding, the planned use, what an agreement permits, and the state if it is due.
    """

    matter: str
    answer: str
    note: str
    decision: RecordedDecision


def list_decision_rows(report: AuditReport) -> list[DecisionRow]:
    """List the decisions in force as rows, in the order of ``list_decided``."""
    return [
        DecisionRow(
            _describe_matter(each, accepted), _describe_verb(each), _describe_note(each, report, accepted), each
        )
        for each, accepted in _sort_in_force(report)
    ]


def list_first_ended(report: AuditReport) -> list[RecordedDecision]:
    """List the decisions without effect that the first page names: those that a person must look at."""
    return [each for each in list_ended(report) if each.state not in _IN_FORCE][:MOST_FIRST]


def name_ended_matter(decision: RecordedDecision, report: AuditReport) -> str:
    """Name what a decision without effect is on: the finding of its fingerprint, or its subject."""
    kind, _, name = decision.subject.partition(" ")
    found = [each for each in report.findings if kind == "finding" and each.fingerprint == name]
    return (
        f"{_describe_matter(decision, found)} ({decision.place}, {decision.subject})"
        if found
        else (f"{decision.subject} ({decision.place})")
    )


def list_further_decisions(report: AuditReport) -> list[RecordedDecision]:
    """List the decisions that the first page does not show: the rest of those in force, and those without effect."""
    shown = [row.decision for row in list_decision_rows(report)[:MOST_FIRST]] + list_first_ended(report)
    return [each for each in report.decisions if not any(each is one for one in shown)]


def list_decided(report: AuditReport) -> list[str]:
    """List a line for each decision in force: accepted critical findings, then refusals, then the most severe first."""
    return [_describe_shortly(each, accepted) for each, accepted in _sort_in_force(report)]


def _sort_in_force(report: AuditReport) -> list[tuple[RecordedDecision, list[Finding]]]:
    """Sort the decisions in force, and return each with the findings that it accepts, worst first."""
    findings = {each.fingerprint: each for each in report.findings}

    def list_accepted(decision: RecordedDecision) -> list[Finding]:
        accepted = [findings[each] for each in decision.fingerprints if each in findings]
        return sorted(accepted, key=lambda finding: finding.order)

    def get_order(decision: RecordedDecision) -> tuple[bool, bool, int]:
        worst = max((each.severity.rank for each in list_accepted(decision)), default=-1)
        is_acceptance = decision.answer == DecisionAnswer.ACCEPT
        return not (is_acceptance and worst == Severity.CRITICAL.rank), is_acceptance, -worst

    in_force = [each for each in report.decisions if each.state in _IN_FORCE]
    return [(each, list_accepted(each)) for each in sorted(in_force, key=get_order)]


def summarize_decisions(report: AuditReport, most: int = 1) -> list[tuple[str, str]]:
    """Summarize the decisions and the baseline in labelled lines: at most ``most`` in force, then the rest."""
    decided = list_decided(report)
    rest = [f"and {count_noun(len(decided) - most, 'further decision')}"] if len(decided) > most else []
    lines = [*decided[:most], *filter(None, ["; ".join(filter(None, [*rest, _describe_states(report)]))])]
    labelled = [("" if index else "decided", line) for index, line in enumerate(lines)]
    signed = list_valid_signoffs(report)
    labelled += [("signed", "; ".join(signed))] if signed else []
    return labelled + ([("known", _describe_known(report))] if report.baseline else [])


def list_valid_signoffs(report: AuditReport) -> list[str]:
    """List who signed off this report or one with the same judgement, and until when, in one line each."""
    verbs = {SignOffAnswer.APPROVE: "approved", SignOffAnswer.REFUSE: "refused"}
    return [
        f"{verbs[each.answer]} by {name_people(each)} until {each.expires} ({each.place})"
        for each in report.signoffs
        if each.state is SignOffState.VALID
    ]


def describe_attention(report: AuditReport) -> str:
    """Describe the decisions that need an action, counted by their state, and the baseline; empty without any."""
    return "; ".join(filter(None, [_describe_states(report), _describe_known(report) if report.baseline else ""]))


def _describe_states(report: AuditReport) -> str:
    """Describe the decisions that need an action, counted by their state; empty without any."""
    counts = Counter(each.state for each in report.decisions)
    refusals = sum(
        each.state in (DecisionState.REOPENED, DecisionState.EXPIRED) and each.answer == DecisionAnswer.REFUSE
        for each in report.decisions
    )
    firsts = {each.state: each for each in reversed(report.decisions)}
    states = [
        f"{counts[state]} {describe_state(state)} ({firsts[state].by}, {firsts[state].subject}, {firsts[state].place})"
        for state in _NEEDS_ACTION
        if counts[state]
    ]
    more = f", {count_noun(refusals, 'refusal')} among them" if refusals else ""
    return f"decisions to look at: {', '.join(states)}{more}" if states else ""


def describe_consent(report: AuditReport) -> str:
    """Describe how many findings in which file were accepted by whom, such as ``2 findings in a.pkl accepted by Jane``.

    Empty without any.
    """
    accepted = [
        (each.artifact, each.acceptance)
        for each in report.findings
        if each.acceptance and each.acceptance.source not in _LABELS
    ]
    if not accepted:
        return ""
    people = dict.fromkeys(acceptance.by or "the policy" for _, acceptance in accepted)
    names = next(iter(people)) if len(people) == 1 else f"{len(people)} people or policies"
    files = list(dict.fromkeys(file_of(artifact) for artifact, _ in accepted if artifact))
    where = f" in {_shorten_place(files[0])}" if len(files) == 1 else ""
    where = f" in {len(files):,} files" if len(files) > 1 else where
    return f"{count_noun(len(accepted), 'finding')}{where} accepted by {names}"


def _shorten_place(place: str) -> str:
    """Cut the beginning of a long address: its end names the file."""
    return place if len(place) <= _PLACE_CHARACTERS else f"…{place[1 - _PLACE_CHARACTERS :]}"


def describe_acceptance_shortly(acceptance: Acceptance) -> str:
    """Describe in a clause who accepts something until when, or that the baseline holds it."""
    if acceptance.source is AcceptanceSource.BASELINE:
        return f"known from the baseline {acceptance.origin}"
    if acceptance.source is AcceptanceSource.POLICY:
        return f"accepted by the policy {acceptance.origin}"
    if acceptance.source is AcceptanceSource.RUNTIME:
        return f"not reachable in the stated stack ({acceptance.origin})"
    verb = f"under agreement {acceptance.reference}, recorded" if acceptance.reference else "accepted"
    return f"{verb} by {acceptance.by} until {acceptance.expires}"


def _describe_scope(decision: RecordedDecision) -> str:
    """Describe the planned use that a decision answers, as a sentence to append; empty if it answers for none."""
    return f" Planned use: {decision.use}." if decision.use else ""


def _describe_shortly(decision: RecordedDecision, accepted: Sequence[Finding]) -> str:
    """Describe what a decision accepts, worst first, by whom and until when."""
    # A screen may cut the end of the line.
    people = f"{_describe_verb(decision)} by {decision.by} until {decision.expires}"
    subject = f", {decision.subject}" if accepted else ""
    return f"{people}: {_describe_matter(decision, accepted)} ({decision.place}{subject})"


def _describe_verb(decision: RecordedDecision) -> str:
    return "recorded" if decision.reference else describe_answer(decision.answer)


def _describe_matter(decision: RecordedDecision, accepted: Sequence[Finding]) -> str:
    """Name the worst finding that a decision accepts and count the others, or name its subject."""
    if not accepted:
        return decision.subject
    worst, *others = accepted
    place = _shorten_place(worst.artifact or "the model")
    more = f" and {count_noun(len(others), 'more finding')}" if others else ""
    return f"{worst.severity} {worst.rule} in {place}{more}"


def _describe_note(decision: RecordedDecision, report: AuditReport, accepted: Sequence[Finding]) -> str:
    """Describe the worst finding that it accepts, what an agreement permits, whether it is due, and another use."""
    parts = [
        f"finding: {shorten_to_clauses(accepted[0].message, _MOST_OF_FINDING)}" if accepted else "",
        "" if decision.state is DecisionState.HONOURED else f"{describe_state(decision.state)}. {decision.detail}",
        f"agreement {decision.reference}" if decision.reference else "",
        f"planned use: {decision.use}" if decision.use not in ("", str(report.license.intent)) else "",
        f"permits: {', '.join(decision.permits)}" if decision.permits else "",
    ]
    return "; ".join(filter(None, parts))


def _describe_known(report: AuditReport) -> str:
    """Describe how much of the report is known from its baseline."""
    absences = [absence for record in report.coverage.artifacts for _, absence in record.absences]
    numbers = [
        (sum(_is_known(each.acceptance) for each in report.findings), "finding"),
        (sum(_is_known(each.acceptance) for each in absences), "absence"),
    ]
    known = " and ".join(count_noun(number, noun) for number, noun in numbers if number) or "nothing here"
    return f"{known} known from the baseline {report.baseline}, on which no person decided"


def _is_known(acceptance: Acceptance | None) -> bool:
    """Whether the baseline is what accepts it."""
    return acceptance is not None and acceptance.source is AcceptanceSource.BASELINE
