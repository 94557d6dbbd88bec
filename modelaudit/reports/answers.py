"""The answers of a report in words: *load*, *use*, the exit code with its causes, and the licence that was concluded.

Every output takes these sentences from here, and they derive from the decision and the conclusion alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from modelaudit.model.copies import replace
from modelaudit.model.finding import CheckFamily, Finding, Severity
from modelaudit.model.license import ClaimKind, ConclusionState, LicenseClaim, LicenseConclusion, OriginState
from modelaudit.model.report import AuditReport
from modelaudit.model.terms import Answer, Group, LicenseEntry
from modelaudit.model.verdict import CauseKind, Question, Ruling, Verdict
from modelaudit.reports.decision_words import DENIAL_RULE, list_rejected
from modelaudit.reports.license_parts import list_model_rows
from modelaudit.reports.license_view import Reason, find_untaken, group_tasks, list_own_entries, list_reasons
from modelaudit.reports.signoff_need import find_later_approval, lacks_signoff, word_cause, word_reasons
from modelaudit.reports.wording import (
    CONCLUSIONS,
    count_noun,
    describe_acceptance,
    end_sentence,
    format_sentence,
    lower_first,
)

QUESTIONS = {Question.LOAD: "May it be loaded?", Question.USE: "May it be used as planned?"}

_MAX_PLACES = 2
_DECISIVE_CHECKS = {Question.LOAD: CheckFamily.SECURITY, Question.USE: CheckFamily.LICENSE}
"""The checks without which a question has no answer."""
_ACTS = {Question.LOAD: "loading", Question.USE: "use"}


def list_rulings(report: AuditReport) -> tuple[tuple[Question, Ruling], ...]:
    """List the two questions with their answers; beside a later approval, not that there is none."""
    load = report.decision.load
    for cause in report.decision.causes:
        if cause.kind is CauseKind.SIGNOFF and _fold(cause.reason) == _fold(load.reason):
            load = replace(load, reason=format_sentence(word_cause(report, cause)))
    return (Question.LOAD, load), (Question.USE, report.decision.use)


def is_pass_with_open_answer(report: AuditReport, apart: Collection[Question] = ()) -> bool:
    """Whether the model passes although the policy leaves one answer open, ``apart`` left out."""
    is_open = any(ruling.verdict is not Verdict.PASS for each, ruling in list_rulings(report) if each not in apart)
    return report.decision.verdict is Verdict.PASS and is_open


def describe_verdict(report: AuditReport) -> str:
    """Describe the verdict as the heading and the head of each printed page state it.

    A question whose check did not run is named, because the verdict leaves it out; a failure needs none beside
    it. So is an answer that the policy leaves open. Without the check for attacks, the verdict is one on terms alone.
    """
    verdict = report.decision.verdict.capitalize()
    missing = [each for each, family in _DECISIVE_CHECKS.items() if family not in report.policy.checks]
    unsigned = ["not signed off"] if lacks_signoff(report) else []
    if find_later_approval(report) is not None:
        unsigned = ["signed off since"]
    if missing == [Question.LOAD]:
        return ", ".join((f"{verdict} by the terms alone", "not searched for attacks", *unsigned))
    unchecked = [] if report.decision.verdict is Verdict.FAIL else missing
    if report.decision.verdict is Verdict.PASS:
        unchecked += [each for each, ruling in list_rulings(report) if ruling.verdict is not Verdict.PASS]
    states = [f"{_ACTS[each]} {name_answer(report, each).lower()}" for each in dict.fromkeys(unchecked)]
    return ", ".join((verdict, *states, *unsigned))


def name_answer(report: AuditReport, question: Question) -> str:
    """Name the answer to one question in a word; a question whose check did not run has none, and no use no answer."""
    if _DECISIVE_CHECKS[question] not in report.policy.checks:
        return "Not checked"
    if question is Question.USE and _is_not_judged(report):
        return "Not judged"
    return dict(list_rulings(report))[question].verdict.capitalize()


def _is_not_judged(report: AuditReport) -> bool:
    """Whether the licences were judged for no use, because none is stated, and nothing else decides the answer."""
    on_use = {each.kind for each in report.decision.causes if each.question is Question.USE}
    is_for_review = report.decision.use.verdict is Verdict.REVIEW and report.license.permission is None
    return is_for_review and on_use <= {CauseKind.USE_NOT_STATED}


def list_details(report: AuditReport) -> tuple[tuple[Question, str], ...]:
    """List the reasons of the decision that neither answer states already, as sentences, with the question of each.

    A reason that names a part of the model, or that a cause of *load* has, is one of *load*. So is each if *use* has no
    cause. The others are on the use.
    """
    stated = {_fold(ruling.reason) for ruling in (report.decision.load, report.decision.use)}
    addresses = {finding.artifact for finding in report.findings}
    addresses |= {address for record in report.coverage.artifacts for address, _ in record.absences}

    causes = report.decision.causes
    on_load = {_fold(cause.reason) for cause in causes if cause.question is Question.LOAD}
    is_use_open = any(cause.question is Question.USE for cause in causes)
    checked = set(report.policy.checks) & {CheckFamily.SECURITY, CheckFamily.INTEGRITY}

    def format_reason(reason: str) -> tuple[Question, str]:
        # A path at the beginning keeps its case.
        begins_with_path = any(path and reason.startswith(f"{path}: ") for path in {*addresses, "the model"})
        is_on_load = checked and (begins_with_path or _fold(reason) in on_load or not is_use_open)
        sentence = end_sentence(reason) if begins_with_path else format_sentence(reason)
        return Question.LOAD if is_on_load else Question.USE, sentence

    details = (format_reason(reason) for reason in word_reasons(report) if _fold(reason) not in stated)
    return tuple(sorted(details, key=lambda detail: detail[0] is Question.USE))


def _fold(sentence: str) -> str:
    """Fold a sentence for comparison: a reason becomes a sentence by a capital letter and a full stop."""
    return sentence.rstrip(".").casefold()


def count_causes(report: AuditReport) -> tuple[tuple[CauseKind, int], ...]:
    """Count the parts behind each kind of cause, those of a failure first.

    A part may keep both answers open, and a finding belongs to one of them.
    """
    counts: dict[CauseKind, int] = {}
    for cause in report.decision.causes:
        known = counts.get(cause.kind, 0)
        counts[cause.kind] = known + cause.count if cause.kind is CauseKind.FINDINGS else max(cause.count, known)
    return tuple(counts.items())


def describe_failures(report: AuditReport) -> str:
    """Describe how many findings fail the policy on both answers together, by the threshold; empty without any.

    Beside a denied use, the finding that repeats the denial is not counted.
    """
    failures = [each for each in report.decision.causes if each.kind is CauseKind.FINDINGS]
    # A reason counts the findings of its answer: "2 findings at or above high: 1 critical, 1 high".
    thresholds = {each.reason.partition(": ")[0].partition(" at or above ")[2] for each in failures}
    threshold = thresholds.pop() if len(thresholds) == 1 else "the gates of their checks"
    denials = [each for each in list_rejected(report, [CheckFamily.LICENSE]) if each.rule == DENIAL_RULE]
    is_denied = any(each.kind is CauseKind.LICENCE_DENIED for each in report.decision.causes)
    number = sum(each.count for each in failures) - (len(denials) if is_denied else 0)
    return f"{count_noun(number, 'finding')} at or above {threshold}" if number else ""


def _count_open_parts(report: AuditReport) -> list[tuple[CauseKind, int]]:
    """Count the parts of a repository that a person decides on, where the denial of another is the cause."""
    kinds = {each.kind for each in report.decision.causes}
    if CauseKind.LICENCE_DENIED not in kinds or CauseKind.LICENCE_REVIEW in kinds:
        return []
    number = sum(row.answer is Answer.REVIEW for row in list_model_rows(report.license))
    return [(CauseKind.LICENCE_REVIEW, number)] if number else []


def find_worst_quiet_finding(report: AuditReport) -> Finding | None:
    """Find the worst finding on *load* that no gate rejects and no one accepted; ``None`` without one of weight."""
    weighty = [each for each in list_quiet_findings(report) if each.severity.rank >= Severity.MEDIUM.rank]
    return max(weighty, key=lambda each: each.severity.rank, default=None)


def list_quiet_findings(report: AuditReport) -> list[Finding]:
    """List the findings on *load* below the threshold that nothing accepts."""
    own = (each for each in report.findings if each.check is not CheckFamily.LICENSE and each.acceptance is None)
    return [each for each in own if not report.policy.rejects(each)]


def describe_exit_code(report: AuditReport) -> str:
    """Describe the exit code with the words of its causes, such as ``Exit code 3, incomplete: unread 7.``."""
    verdict = lower_first(describe_verdict(report))
    counts = [*count_causes(report), *_count_open_parts(report)]
    causes = ", ".join(f"{kind} {number}" if number else str(kind) for kind, number in counts)
    if causes:
        return f"Exit code {report.exit_code}, {verdict}: {causes}."
    # The verdict names a question whose check did not run.
    notes = " and ".join(
        f"the policy does not demand an answer on {question}"
        for question, ruling in list_rulings(report)
        if ruling.verdict is not Verdict.PASS and _DECISIVE_CHECKS[question] in report.policy.checks
    )
    return f"Exit code {report.exit_code}, {verdict}{f': {notes}' if notes else ''}."


def describe_conclusion(license_: LicenseConclusion) -> str:
    """Describe the concluded licence and the places that state it, or the reason why there is none."""
    if license_.state is ConclusionState.NOT_CHECKED:
        return CONCLUSIONS[license_.state]
    if license_.models:
        parts = count_noun(len(license_.models), "part")
        if len({model.expression for model in license_.models} - {""}) == 1 and license_.expression:
            return f"{license_.expression}, for each of {parts} of the repository; the answers to them differ."
        return f"{parts} of the repository, each with its own licence."
    if license_.state is not ConclusionState.CONCLUDED or not license_.entries:
        reason = next(iter(license_.reasoning), "")
        decided = f" {describe_acceptance(license_.acceptance)}" if license_.acceptance else ""
        if license_.state is ConclusionState.UNDECLARED and reason:
            return f"No licence is declared for the model. {reason}{decided}"
        return f"{reason or CONCLUSIONS[license_.state]}{decided}"
    names = license_.expression or " and ".join(entry.id for entry in list_own_entries(license_))
    models = describe_reach(license_)
    places = list(dict.fromkeys(_iter_places(license_)))
    stated = f", {' and '.join(places[:_MAX_PLACES])}" if places else ""
    named = names.replace("(", " ").replace(")", " ").split()
    further = [each for each in license_.entries if each.id not in license_.own and each.id in named]
    inherited = [each for each in further if each.id not in find_untaken(license_)]
    if inherited and license_.own and stated:
        # The places state the model's own licence alone.
        sources = "; ".join(_describe_source(license_, each) for each in inherited)
        stated = f": {' and '.join(license_.own)}{stated}; {sources}"
    unverified = [entry.id for entry in license_.entries if not entry.read]
    doubt = f" The terms of {', '.join(unverified)} are not verified for this rule set." if unverified else ""
    return f"{names}{stated}{models}.{doubt}"


def names_place(license_: LicenseConclusion) -> bool:
    """Whether the description of the conclusion names a place that states the licence."""
    return license_.state is ConclusionState.CONCLUDED and not license_.models and any(_iter_places(license_))


def describe_reach(license_: LicenseConclusion) -> str:
    """Describe the base models that the conclusion covers; empty without any."""
    if not license_.origins:
        return ""
    if all(origin.look in (OriginState.READ, OriginState.CYCLE) for origin in license_.origins):
        return ", for the model and its base models"
    # A licence on record for a base model that was not read is part of the conclusion too.
    if all(origin.look in (OriginState.READ, OriginState.CYCLE, OriginState.KNOWN) for origin in license_.origins):
        return "; for base models that were not read, the licence on record counts where it limits the use"
    return ", for the model alone, because not every base model was read"


def _iter_places(license_: LicenseConclusion) -> Iterator[str]:
    """Yield a phrase for each place that states the licence of the model, in the order of the claims."""
    own = {entry.id for entry in list_own_entries(license_)}
    for claim in license_.claims:
        if claim.kind is ClaimKind.INHERITED or claim.is_in_running_text:
            continue
        # An expression resolves to several licences, and to no entry.
        is_named = claim.entry in own or (claim.kind is ClaimKind.DECLARED and claim.entry is None and claim.artifact)
        if is_named:
            yield _describe_place(claim)


def _describe_source(license_: LicenseConclusion, entry: LicenseEntry) -> str:
    """Describe the base model that brings in a licence, and whether it states it itself."""
    origins = [each for each in license_.origins if entry.id in each.entries]
    if not origins:
        return f"{entry.id}, of a part of it"
    record = "on record for" if origins[0].look is OriginState.KNOWN else "the licence of"
    return f"{entry.id}, {record} the base model {origins[0].name}"


def _describe_place(claim: LicenseClaim) -> str:
    if claim.kind is ClaimKind.FOUND:
        return f"by the text in {claim.artifact}"
    line = f":{claim.location.line}" if claim.location.line else ""
    return f"stated in {claim.artifact}{line}" if claim.artifact else "stated by the Hub's metadata"


def list_reasons_on_use(report: AuditReport) -> tuple[Reason, ...]:
    """List the answers against the use, those that deny it or fail the policy first; one fact has its worst outcome."""
    return tuple(sorted(list_reasons(report.license), key=lambda each: not each.fails))


def describe_duties(license_: LicenseConclusion) -> str:
    """Describe how many duties and points to watch the licences bring, and how many files are there; empty without."""
    groups = dict(group_tasks(license_))
    watched = len(groups.pop(Group.WATCH, ()))
    tasks = [task for each in groups.values() for task in each]
    met = sum(bool(task.met) for task in tasks)
    held = f"; the repository holds the file for {met} of them" if met else ""
    duties = f"{count_noun(len(tasks), 'duty', 'duties')}{held}" if tasks else ""
    points = count_noun(watched, "point to watch", "points to watch") if watched else ""
    return "; ".join(filter(None, (duties, points)))
