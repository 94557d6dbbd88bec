"""The facts of the first two pages: reasons, next steps, parts not examined, duties, accepted risks; all bounded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from modelaudit.model.finding import CheckFamily, Severity
from modelaudit.model.license import ConclusionState, LicenseConclusion, OriginState
from modelaudit.model.report import AuditReport
from modelaudit.model.signoff import SignOff, SignOffAnswer, SignOffState
from modelaudit.model.structure import UnreadReason
from modelaudit.model.terms import Answer, Group
from modelaudit.model.verdict import CauseKind, Question, Verdict
from modelaudit.reports import answers, license_view, view
from modelaudit.reports.license_view import Task, group_tasks
from modelaudit.reports.license_words import describe_kind
from modelaudit.reports.wording import (
    CHECKS,
    UNREAD,
    count_noun,
    cut_text,
    describe_acceptance,
    end_sentence,
    format_sentence,
)

MOST_REASONS: Final = 3
_MOST_REASONS_UNREAD: Final = 4
_MOST_NAMES: Final = 2
_MOST_DUTIES: Final = 8
_SENTENCE_CHARACTERS: Final = 240
_SUMMARIES: Final = (CauseKind.FINDINGS, CauseKind.LICENCE_DENIED, CauseKind.LICENCE_REVIEW)


@dataclass(frozen=True, slots=True)
class ShortList:
    """The first entries of a list.

    Attributes:
        lead: a sentence before them; empty without one.
        lines: sentences or phrases.
        more: the number of entries left out.
        is_open: whether something of the list keeps the model from passing.
    """

    lead: str
    lines: tuple[str, ...] = ()
    more: int = 0
    is_open: bool = False


def list_reasons(report: AuditReport, question: Question) -> ShortList:
    """List the first reasons for one answer that the answer does not state already.

    Below a pass on *load* are the findings below the threshold, because they may concern the loading.
    """
    if question is Question.LOAD and report.decision.load.verdict is Verdict.PASS:
        return ShortList("", _describe_quiet_findings(report))
    stated = " ".join(ruling.reason.casefold() for _, ruling in answers.list_rulings(report))
    # These count or announce what the other reasons name.
    summaries = {each.reason.casefold() for each in report.decision.causes if each.kind in _SUMMARIES}
    details = [
        detail
        for each, detail in answers.list_details(report)
        if each is question and (words := detail.casefold().rstrip(".")) not in stated and words not in summaries
    ]
    # The same of several files is one reason, with the first of them.
    first_by_words = {detail.partition(": ")[2] or detail: detail for detail in reversed(details)}
    unique = [_count_places(report, detail) for detail in details if detail in first_by_words.values()]
    return ShortList("", tuple(unique[:MOST_REASONS]), max(len(unique) - MOST_REASONS, 0))


def _count_places(report: AuditReport, detail: str) -> str:
    """Append the number of other files in which a finding says the same."""
    path, _, message = detail.partition(": ")
    others = {each.artifact for each in report.findings if end_sentence(each.message) == end_sentence(message)} - {path}
    return f"{path} and {count_noun(len(others), 'more file')}: {message}" if others else detail


def _describe_quiet_findings(report: AuditReport) -> tuple[str, ...]:
    """Count the findings on load below the threshold by severity, and quote the worst; empty without any."""
    quiet = [
        each
        for each in report.findings
        if each.check is not CheckFamily.LICENSE and each.acceptance is None and not report.policy.rejects(each)
    ]
    weighty = [each for each in quiet if each.severity.rank >= Severity.MEDIUM.rank]
    if not weighty:
        return ()
    worst = max(weighty, key=lambda each: each.severity.rank)
    path = f"{worst.artifact}: " if worst.artifact else ""
    sentence = cut_text(f"{path}{end_sentence(worst.message)}", _SENTENCE_CHARACTERS)
    return (f"Below the threshold: {view.describe_severities(quiet)}.", sentence)


def summarize_unexamined(report: AuditReport) -> ShortList:
    """Summarize the parts that were not examined: their number, those never opened, and the first of each reason."""
    coverage = report.coverage
    left_out = view.list_skipped_checks(report)
    checks = f"Checks that did not run: {', '.join(CHECKS[each] for each in left_out)}." if left_out else ""
    if not coverage.artifacts:
        return ShortList(
            "There was no file to examine, so this report says nothing about the model.",
            _drop_empty([checks]),
            is_open=True,
        )
    absences, silent = view.list_absences(report), view.list_unexplained_records(report)
    unopened = view.describe_unopened(report)
    origins = _name_unread_origins(report.license)
    unsearched = [*view.list_unsearched_texts(report)[:_MOST_REASONS_UNREAD], origins]
    if not absences and not silent:
        lead = format_sentence(view.describe_completeness(report))
        if origins:
            lead = lead.replace("Nothing;", "Nothing of the model itself;")
        return ShortList(lead, _drop_empty([*unsearched, checks]))
    number = len(absences) + len(silent)
    name = view.name_absences(absences).lower() if not silent else "not examined"
    lead = f"{count_noun(number, 'part')} {name}{view.describe_accepted(absences)}."
    by_reason: dict[UnreadReason, list[str]] = {}
    for address, absence in absences:
        by_reason.setdefault(absence.unread.reason, []).append(address)
    lines = [f"{UNREAD[reason]}: {_join_first(names)}" for reason, names in by_reason.items()]
    if silent:
        lines.append(f"No reason was recorded: {_join_first(record.path for record in silent)}")
    shown = _drop_empty([*lines[:_MOST_REASONS_UNREAD], *unsearched, unopened and format_sentence(unopened), checks])
    more = max(len(lines) - _MOST_REASONS_UNREAD, 0)
    return ShortList(lead, shown, more, is_open=bool(silent or coverage.open_absences))


def _name_unread_origins(license_: LicenseConclusion) -> str:
    """Name the base models and data sets that were not read, as one sentence; empty without any."""
    names = [f"the base model {each.name}" for each in license_view.list_unread_base_models(license_)]
    names += [f"the data set {each.name}" for each in license_.datasets if each.look is not OriginState.READ]
    return f"Not read: {_join_first(names)}" if names else ""


def _join_first(names: Iterable[str]) -> str:
    """Join the first names, each once, and count the others."""
    unique = list(dict.fromkeys(names))
    more = len(unique) - _MOST_NAMES
    return end_sentence(", ".join(unique[:_MOST_NAMES]) + (f" and {more:,} more" if more > 0 else ""))


def _drop_empty(lines: Iterable[str]) -> tuple[str, ...]:
    return tuple(line for line in lines if line)


def summarize_duties(license_: LicenseConclusion) -> ShortList:
    """Summarize the duties by their titles, the things to do first; those to watch are counted."""
    if license_.state is ConclusionState.NOT_CHECKED:
        return ShortList("Not known: the licence was not checked.")
    groups = dict(group_tasks(license_))
    tasks = [task for group, each in groups.items() if group is not Group.WATCH for task in each]
    watched = len(groups.get(Group.WATCH, ()))
    if not tasks and not watched:
        if not license_.entries:
            return ShortList(
                "No obligations can be listed, because no known licence was recognised. There may still be obligations."
            )
        return ShortList("The clauses on record bring no duty for this use.")
    is_planned = bool(license_.acceptance or license_.permission)
    # Without a planned use every duty is conditional, and the annex states when each one begins.
    lines = list(dict.fromkeys(_describe_duty(task, is_planned) for task in tasks))
    more = max(len(lines) - _MOST_DUTIES, 0)
    watch = [f"{count_noun(watched, 'point to watch', 'points to watch')}, which are no duties."] if watched else []
    return ShortList(describe_duty_scope(license_), (*lines[:_MOST_DUTIES], *watch), more)


def describe_duty_scope(license_: LicenseConclusion) -> str:
    """Describe when the duties apply, as one sentence."""
    if license_.open_permission is Answer.DENY:
        return (
            "Your planned use is not allowed. These duties apply if an agreement with the publisher or a different use "
            "changes that."
        )
    if license_.acceptance or license_.permission:
        return "The duties of your planned use."
    return "No planned use is stated: these are the duties of any use. The annex states when each begins."


def _describe_duty(task: Task, is_planned: bool) -> str:
    when = f" {task.when}" if task.when and is_planned else ""
    met = f"; the repository holds it: {task.met}" if task.met else ""
    return f"{describe_kind(task.kind)}{when} ({task.source}){met}."


@dataclass(frozen=True, slots=True)
class SignOffRow:
    """A recorded answer of a person to the report, in words."""

    answer: str
    state: str
    signoff: SignOff


_SIGN_OFF_ANSWERS: Final = {SignOffAnswer.APPROVE: "Approved", SignOffAnswer.REFUSE: "Refused"}
_SIGN_OFF_STATES: Final = {
    SignOffState.VALID: "answers this report",
    SignOffState.EXPIRED: "expired",
    SignOffState.OTHER_REPORT: "answers another report on this model, and does not count here",
    SignOffState.REPLACED: "replaced by a later decision",
}


def list_sign_offs(report: AuditReport) -> tuple[SignOffRow, ...]:
    """List the recorded sign-offs, those that bind this report first."""
    rows = (SignOffRow(_SIGN_OFF_ANSWERS[each.answer], _SIGN_OFF_STATES[each.state], each) for each in report.signoffs)
    return tuple(sorted(rows, key=lambda row: row.signoff.state is not SignOffState.VALID))


def list_acceptances(report: AuditReport) -> tuple[str, ...]:
    """List what the policy and the baseline settle, and the acceptance of the licences, as sentences."""
    return tuple(_iterate_acceptances(report))


def _iterate_acceptances(report: AuditReport) -> Iterator[str]:
    """Yield the acceptance of the licences, then each acceptance by the policy or the baseline with its number."""
    if report.license.acceptance and not any(each.use for each in report.decisions):
        yield f"Licences: {describe_acceptance(report.license.acceptance)}"
    counts: dict[str, int] = {}
    accepted = [each.acceptance for each in report.findings]
    accepted += [absence.acceptance for record in report.coverage.artifacts for _, absence in record.absences]
    for acceptance in accepted:
        if acceptance is not None and not acceptance.by:
            sentence = describe_acceptance(acceptance)
            counts[sentence] = counts.get(sentence, 0) + 1
    for sentence, number in counts.items():
        yield f"{count_noun(number, 'finding or part', 'findings and parts')}: {sentence}"
