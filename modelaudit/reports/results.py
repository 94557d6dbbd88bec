"""List what a report raises as results: findings, open or accepted absences, and causes without a finding, worst first.

SARIF, JUnit, Markdown and annotations show the same results, each as far as its format can carry them.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Final

from msgspec import Struct

from modelaudit.model.acceptance import Acceptance, AcceptanceSource
from modelaudit.model.copies import replace
from modelaudit.model.finding import CheckFamily, Finding, Rule, Severity
from modelaudit.model.report import COVERAGE_RULES, Absence, AuditReport
from modelaudit.model.structure import NOWHERE, Location, UnreadReason
from modelaudit.model.verdict import Cause, CauseKind, Question, Verdict
from modelaudit.reports.answers import list_rulings
from modelaudit.reports.cause_words import CAUSES
from modelaudit.reports.decision_words import list_refusals
from modelaudit.reports.signoff_need import word_cause
from modelaudit.reports.wording import UNREAD, count_noun, describe_refusal, describe_unread, format_sentence

ABSENCE_SEVERITY: Final = Severity.MEDIUM
"""Of an absence that no finding states. It makes the verdict incomplete whatever the threshold of the policy is."""

_MOST_REASONS: Final = 3
_DECISION_FAMILY: Final = "decision"
_STATED_OTHERWISE: Final = frozenset(
    {
        CauseKind.FINDINGS,
        CauseKind.UNREAD,
        CauseKind.UNCLAIMED_BYTES,
        CauseKind.UNVERIFIED_TYPE,
        CauseKind.UNVERIFIED_BYTES,
    }
)
"""The causes whose findings and absences are results themselves."""
_ABSENCE_RULES: Final = {reason: f"{COVERAGE_RULES}/{reason}" for reason in UnreadReason}
_CAUSE_TITLES: Final = {
    CauseKind.LICENCE_DENIED: "The licences deny the planned use",
    CauseKind.LICENCE_REVIEW: "The licences leave the planned use open",
    CauseKind.NOTHING_SCANNED: "Nothing was examined",
    CauseKind.INSTRUCTIONS_REVIEW: "A person must review instructions of the model",
    CauseKind.USE_NOT_STATED: "No planned use is stated",
    CauseKind.BASE_MODEL_UNREAD: "A base model was not read",
    CauseKind.REFUSED: "A decision refuses the model",
    CauseKind.REFUSAL_REOPENED: "A refusal is to be decided again",
    CauseKind.UNPINNED: "The model is not pinned to a commit",
    CauseKind.LOCK: "The model does not fit a lock",
    CauseKind.RULES_AGE: "The rules are too old",
    CauseKind.SIGNER: "No trusted signer signed the model",
    CauseKind.SIGNOFF: "No person signed off the model",
}


class ResultKind(StrEnum):
    """The part of a report that a result comes from."""

    FINDING = "finding"
    ABSENCE = "absence"
    """An absence, or a finding that states one."""
    CAUSE = "cause"


class Outcome(StrEnum):
    """The effect of a result on the verdict."""

    FAILS = "fails"
    """The policy rejects it."""
    OPEN = "open"
    """A person must decide, or something was not examined."""
    NOTED = "noted"
    """It is below the threshold of the policy."""
    ACCEPTED = "accepted"
    """The policy or a decision accepts it."""
    KNOWN = "known"
    """An earlier report holds it: the baseline, which is not a decision of a person."""


_OUTCOME_ORDER: Final = tuple(Outcome)


class Result(Struct, frozen=True):
    """One result of a report.

    Attributes:
        rule: the id of a rule, ``coverage/REASON`` of an absence, or ``decision/KIND`` of a cause.
        address: the address within the snapshot; empty where it concerns the model as a whole.
        message: one sentence.
        fingerprint: that of the finding, or a digest of the same length over rule, address and place.
        number: 1, or from 2 on where earlier results have the same fingerprint.
        parts: the number of files or parts that an absence counts, also those that it does not list.
        is_refused: whether a person refused it.
    """

    kind: ResultKind
    rule: str
    severity: Severity
    check: CheckFamily
    address: str
    location: Location
    message: str
    evidence: tuple[str, ...]
    fingerprint: str
    outcome: Outcome
    acceptance: Acceptance | None = None
    number: int = 1
    parts: int = 1
    is_refused: bool = False

    @property
    def is_settled(self) -> bool:
        """Whether it does not gate, because something accepts it or a baseline holds it."""
        return self.outcome in (Outcome.ACCEPTED, Outcome.KNOWN)

    @property
    def _order(self) -> tuple[int, int, str, str, int, int, str]:
        """Return the sort key; rule, artifact and place come in the order of the table (``view.group_findings``)."""
        outcome, where = _OUTCOME_ORDER.index(self.outcome), self.location
        place = (self.address, where.offset or 0, where.line or 0, self.fingerprint)
        return (-self.severity.rank, outcome, self.rule, *place)


def list_results(report: AuditReport) -> list[Result]:
    """List the results of a report: most severe first, and among equals those that decide the verdict first."""
    absences: dict[str, list[Absence]] = {}
    results: list[Result] = []
    for record in report.coverage.artifacts:
        for address, absence in record.absences:
            absences.setdefault(address, []).append(absence)
    reviewable = {each.fingerprint for each in list_findings_to_review(report)}
    for finding in report.findings:
        # Most absences are findings too. One result is enough for both.
        unstated = absences.get(finding.artifact, [])
        stated = [absence for absence in unstated if absence.is_stated_by(finding, finding.artifact)]
        unstated[:] = [absence for absence in unstated if absence not in stated]
        result = _convert_finding(report, finding, stated)
        is_open = result.outcome is Outcome.NOTED and finding.fingerprint in reviewable
        results.append(replace(result, outcome=Outcome.OPEN) if is_open else result)
    for address, unstated in absences.items():
        results += (_convert_absence(_ABSENCE_RULES[each.unread.reason], address, each) for each in unstated)
    results += _convert_causes(report)
    results.sort(key=lambda result: result._order)
    permanent = {finding.fingerprint for finding in report.findings}
    return list(_mark_refused(report, _number_equals(results, permanent)))


def list_findings_to_review(report: AuditReport) -> list[Finding]:
    """List the findings that a person has to read, below the threshold of the policy, and that nothing accepts."""
    asking = {each.id for each in report.rules if each.asks_review}
    return [
        each
        for each in report.findings
        if each.rule in asking
        and each.acceptance is None
        and report.policy.gates.get(each.check) is not None
        and not report.policy.rejects(each)
    ]


def count_settled(results: Iterable[Result]) -> str:
    """Count results that do not gate, as ``2 accepted results and 1 known from the baseline``; empty without any."""
    counts = Counter(each.outcome for each in results)
    accepted, known = counts[Outcome.ACCEPTED], counts[Outcome.KNOWN]
    parts = [count_noun(accepted, "accepted result")] if accepted else []
    known_words = f"{known:,}" if accepted else count_noun(known, "result")
    parts += [f"{known_words} known from the baseline"] if known else []
    return " and ".join(parts)


def _number_equals(results: Iterable[Result], permanent: Collection[str]) -> Iterator[Result]:
    """Yield the results; equal ones get a number, and different ones with one fingerprint a mark.

    ``permanent`` are the fingerprints of findings, which never change.
    """
    firsts: dict[str, Result] = {}
    counts: Counter[str] = Counter()
    for result in results:
        attempt = 1
        fingerprint = result.fingerprint
        while fingerprint not in permanent and not _is_equal(firsts.setdefault(fingerprint, result), result):
            attempt += 1
            fingerprint = _compute_fingerprint(result.rule, result.address, f"{result.fingerprint} {attempt}")
        counts[fingerprint] += 1
        is_changed = fingerprint != result.fingerprint or counts[fingerprint] > 1
        yield replace(result, fingerprint=fingerprint, number=counts[fingerprint]) if is_changed else result


def _is_equal(first: Result, second: Result) -> bool:
    """Whether two results with one fingerprint are equal."""
    return (first.rule, first.address, first.message) == (second.rule, second.address, second.message)


def _mark_refused(report: AuditReport, results: Iterable[Result]) -> Iterator[Result]:
    """Yield the results, those that a person refused as failures with who refused them and why."""
    refusals = list_refusals(report)
    for result in results:
        reason = result.rule.partition("/")[2]
        is_absence = result.rule.startswith(f"{COVERAGE_RULES}/")
        subjects = (result.fingerprint, *([f"{reason}:{result.address}"] if is_absence else []))
        refusal = next((refusals[each] for each in subjects if each in refusals), None)
        if refusal is None:
            yield result
        else:
            message = f"{format_sentence(result.message)} {describe_refusal(refusal)}"
            yield replace(result, message=message, outcome=Outcome.FAILS, acceptance=None, is_refused=True)


def describe_rule(rule_id: str, rules: Sequence[Rule]) -> tuple[str, Rule | None]:
    """Return the title of the rule of a result, and the rule itself if the report describes it."""
    rule = next((each for each in rules if each.id == rule_id), None)
    if rule is not None:
        return rule.title, rule
    family, _, name = rule_id.partition("/")
    titles = {
        COVERAGE_RULES: {reason.value: text for reason, text in UNREAD.items()},
        _DECISION_FAMILY: {kind.value: text for kind, text in _CAUSE_TITLES.items()},
    }
    return titles.get(family, {}).get(name, rule_id), None


def _convert_finding(report: AuditReport, finding: Finding, stated: Sequence[Absence]) -> Result:
    """Convert a finding. ``stated`` are the absences that it is about."""
    acceptance = finding.acceptance
    if acceptance is not None:
        outcome = _judge_acceptance(acceptance)
    elif report.policy.rejects(finding):
        outcome = Outcome.FAILS
    elif any(absence.acceptance is None for absence in stated):
        outcome = Outcome.OPEN
    elif stated:
        acceptance = stated[0].acceptance
        outcome = _judge_acceptance(acceptance)
    else:
        outcome = Outcome.NOTED
    return Result(
        ResultKind.ABSENCE if stated else ResultKind.FINDING,
        finding.rule,
        finding.severity,
        finding.check,
        finding.artifact,
        finding.location,
        finding.message,
        finding.evidence,
        finding.fingerprint,
        outcome,
        acceptance,
        parts=sum(1 + absence.unread.further_files for absence in stated) or 1,
    )


def _judge_acceptance(acceptance: Acceptance | None) -> Outcome:
    """Return the outcome of something that nothing accepts, that something accepts, or that the baseline holds."""
    if acceptance is None:
        return Outcome.OPEN
    return Outcome.KNOWN if acceptance.source is AcceptanceSource.BASELINE else Outcome.ACCEPTED


def _convert_absence(rule: str, address: str, absence: Absence) -> Result:
    """Convert an absence that no finding states."""
    unread = absence.unread
    place = "\0".join(map(str, (unread.where.offset, unread.where.line, unread.where.key)))
    return Result(
        ResultKind.ABSENCE,
        rule,
        ABSENCE_SEVERITY,
        CheckFamily.SECURITY,
        address,
        unread.where,
        describe_unread(unread),
        (),
        _compute_fingerprint(rule, address, place),
        _judge_acceptance(absence.acceptance),
        absence.acceptance,
        parts=1 + unread.further_files,
    )


def _convert_causes(report: AuditReport) -> Iterator[Result]:
    """Yield a result for each cause that no finding and no absence states, once if both answers have it."""
    shown: set[tuple[CauseKind, str]] = set()
    rulings = dict(list_rulings(report))
    for cause in report.decision.causes:
        if cause.kind in _STATED_OTHERWISE or (cause.kind, cause.reason) in shown:
            continue
        shown.add((cause.kind, cause.reason))
        rule, fails = f"{_DECISION_FAMILY}/{cause.kind}", cause.verdict is Verdict.FAIL
        ruling = rulings[cause.question]
        # The reason of a ruling also names the first example of its worst cause.
        first = next(each for each in report.decision.causes if each.question is cause.question)
        is_its_reason = cause is first and ruling.verdict is cause.verdict
        yield Result(
            ResultKind.CAUSE,
            rule,
            Severity.HIGH if fails else ABSENCE_SEVERITY,
            CheckFamily.LICENSE if cause.question is Question.USE else CheckFamily.SECURITY,
            "",
            NOWHERE,
            _describe_cause(report, cause, ruling.reason if is_its_reason else word_cause(report, cause)),
            (),
            _compute_fingerprint(rule, "", cause.question),
            Outcome.FAILS if fails else Outcome.OPEN,
        )


def _describe_cause(report: AuditReport, cause: Cause, summary: str) -> str:
    """Describe a cause: licences that leave the use open with each reason and the next step, others by ``summary``."""
    if cause.kind is not CauseKind.LICENCE_REVIEW:
        return format_sentence(summary)
    reasons = [
        format_sentence(each.because) for each in report.license.answers if each.answer is report.license.permission
    ]
    kept = list(dict.fromkeys(reasons))[:_MOST_REASONS]
    return " ".join([*(kept or [summary]), f"Next: {CAUSES[cause.kind][1]}"])


def _compute_fingerprint(rule: str, address: str, place: str) -> str:
    """Compute 16 hexadecimal digits from what identifies a result, as a finding does from its rule, file and key."""
    text = "\0".join((rule, address, place))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
