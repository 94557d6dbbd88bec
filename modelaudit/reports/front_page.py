"""The facts of the first two pages: reasons, parts not examined, origins not read, accepted risks; all bounded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from msgspec import Struct

from modelaudit.model.finding import CheckFamily
from modelaudit.model.license import LicenseConclusion, OriginState, UseAnswer
from modelaudit.model.report import Absence, AuditReport
from modelaudit.model.restrictions import is_unsearched
from modelaudit.model.structure import UnreadReason
from modelaudit.model.verdict import CauseKind, Question, Verdict
from modelaudit.reports import answers, license_fields, license_view, view
from modelaudit.reports.absent_terms import list_absent_terms
from modelaudit.reports.license_parts import describe_model_answers
from modelaudit.reports.license_words import MISSING_PREFIX
from modelaudit.reports.officer_steps import find_forbidding
from modelaudit.reports.openness_words import lacks_weights
from modelaudit.reports.wording import (
    CHECKS,
    UNREAD,
    count_noun,
    cut_text,
    describe_acceptance,
    end_sentence,
    format_sentence,
    join_first,
    shorten_to_clauses,
)

MOST_REASONS: Final = 3
_MOST_REASONS_UNREAD: Final = 4
_MOST_NAMES: Final = 2
_MOST_CONFLICTS: Final = 2
_SENTENCE_CHARACTERS: Final = 240
_LONG_ANSWER: Final = 400
"""Characters of an answer with its reasons above which it may take more than half of the width."""
_NOT_EXAMINED: Final = "Not examined"
_APART: Final = {True: "For the duties of your use: ", False: "Only if you pass it on: "}
"""Before items that the publisher left out, which are no reason of the answer: by whether a duty of the use asks."""
_SUMMARIES: Final = (
    CauseKind.FINDINGS,
    CauseKind.UNCLAIMED_BYTES,
    CauseKind.LICENCE_DENIED,
    CauseKind.LICENCE_REVIEW,
)


class ShortList(Struct, frozen=True):
    """The first entries of a list.

    Attributes:
        lead: a sentence before them; empty without one.
        lines: sentences or phrases.
        more: the number of entries left out.
        is_open: whether something of the list keeps the model from passing.
        title: the subject of the list, where the page has no title of its own for it.
    """

    lead: str
    lines: tuple[str, ...] = ()
    more: int = 0
    is_open: bool = False
    title: str = ""


def list_reasons(report: AuditReport, question: Question) -> ShortList:
    """List the first reasons for one answer that the answer does not state already.

    Below a pass on *load* are the findings below the threshold, because they may concern the loading.
    """
    if question is Question.LOAD and report.decision.load.verdict is Verdict.PASS:
        number = len(report.coverage.artifacts)
        bound = f"It holds no model: the pass is for {'this file' if number == 1 else 'these files'} alone."
        return ShortList("", (*([bound] if lacks_weights(report) else []), *_describe_quiet_findings(report)))
    stated = " ".join(ruling.reason.casefold() for _, ruling in answers.list_rulings(report))
    # These count or announce the subjects of the other reasons.
    summaries = {each.reason.casefold() for each in report.decision.causes if each.kind in _SUMMARIES}
    details = [
        detail
        for each, detail in answers.list_details(report)
        if each is question and (words := detail.casefold().rstrip(".")) not in stated and words not in summaries
    ]
    # The same of several files is one reason, with the first of them.
    first_by_words = {detail.partition(": ")[2] or detail: detail for detail in reversed(details)}
    unique = [_count_places(report, detail) for detail in details if detail in first_by_words.values()]
    unique = [_drop_stated_rest(detail, stated) for detail in unique]
    shown = unique[:MOST_REASONS]
    if question is Question.USE:
        further = _list_points_on_use(report, " ".join((stated, *details)).casefold())
        more = max(len(unique) - MOST_REASONS, 0) + _count_unnamed_answers(report, (stated, *details, *further))
        return ShortList("", (*shown, *further), more)
    more = max(len(unique) - MOST_REASONS, 0) + _count_unnamed_findings(report, details)
    return ShortList("", (*shown, *_explain_worst_finding(report)), more)


def weigh_answers(report: AuditReport) -> str:
    """Return the class of the two columns of answers: `` first`` or `` second`` for one with far more to say."""
    load, use = (
        len(ruling.reason) + sum(map(len, list_reasons(report, question).lines))
        for question, ruling in answers.list_rulings(report)
    )
    # Below that number of characters, a column of half the width holds each.
    if max(load, use) < _LONG_ANSWER or max(load, use) < 2 * min(load, use):
        return ""
    return " first" if load > use else " second"


def _count_unnamed_findings(report: AuditReport, details: Sequence[str]) -> int:
    """Count the findings that fail the answer to load and that none of the reasons names: a decision names the first.

    Equal findings count once, as their reason does.
    """
    named = " ".join(details).casefold()
    failing = (
        end_sentence(each.message)
        for each in report.findings
        if each.acceptance is None and each.check is not CheckFamily.LICENSE and report.policy.rejects(each)
    )
    return sum(message.casefold().rstrip(".") not in named for message in set(failing))


def _drop_stated_rest(detail: str, stated: str) -> str:
    """Drop what follows the first sentence of a reason where the page states it already."""
    head, _, rest = detail.partition(". ")
    return f"{head}." if rest and rest.casefold().rstrip(".") in stated else detail


def _count_unnamed_answers(report: AuditReport, sentences: Sequence[str]) -> int:
    """Count the open answers on the use that none of the sentences states: a decision names the first."""
    named = " ".join(sentences).casefold()

    def is_named(answer: UseAnswer) -> bool:
        return answer.because.casefold().rstrip(".") in named or any(map(answer.is_stated_by, filter(None, sentences)))

    reasons = {each.answer.because: each.answer for each in answers.list_reasons_on_use(report) if each.is_open}
    return sum(not is_named(answer) for answer in reasons.values())


def _explain_worst_finding(report: AuditReport) -> tuple[str, ...]:
    """Explain what the worst finding that forbids to load means, in the words of its rule; empty without one."""
    why = explain_worst_rule(report)
    return (f"What the first means: {why}",) if why else ()


def explain_worst_rule(report: AuditReport) -> str:
    """Return the first sentences of the rule whose finding forbids to load; empty without one."""
    forbidding = find_forbidding(report)
    why = next((rule.why for rule in report.rules if forbidding and rule.id == forbidding[0].rule), "")
    return shorten_to_clauses(why, _SENTENCE_CHARACTERS)


def _list_points_on_use(report: AuditReport, stated: str) -> list[str]:
    """List the answer to each of several parts, the fields of use that a licence limits, and what contradicts it.

    Args:
        report: of any scan.
        stated: the sentences of the page on the use so far, in lower case.
    """
    license_ = report.license
    points = describe_model_answers(license_)
    if report.decision.use.verdict is not Verdict.FAIL:
        points += license_fields.list_field_limits(license_, has_address=False)
    points = [each for each in points if not any(words in stated for words in _split_detail(each))]
    is_said = " ".join((stated, *points)).casefold()
    conflicts = [
        (each, end_sentence(each.detail))
        for each in license_view.list_unsaid_conflicts(license_)
        # The page lists unread and unsearched texts among the parts that were not examined.
        if each.kind not in ("origin-unknown", "dataset-unknown", "unplanned-prose")
        and not is_unsearched(each.location)
        # Without a planned use, a missing item is one of the duties.
        and not (license_.permission is None and each.kind.startswith(MISSING_PREFIX))
        # The detail may begin with the part of the repository, which the answer leaves out.
        and not any(words in is_said for words in _split_detail(each.detail))
    ]
    open_points = [detail for each, detail in conflicts if not each.kind.startswith(MISSING_PREFIX)]
    missing = [(each, detail) for each, detail in conflicts if each.kind.startswith(MISSING_PREFIX)]
    more = max(len(open_points) - _MOST_CONFLICTS, 0) + max(len(missing) - _MOST_CONFLICTS, 0)
    lines = [*points, *open_points[:_MOST_CONFLICTS]]
    for is_due, words in _APART.items():
        own = [detail for each, detail in missing[:_MOST_CONFLICTS] if license_view.is_due(license_, each) is is_due]
        lines += [f"{words}{' '.join(own)}"] if own else []
    lines += [f"{count_noun(more, 'further point')} in the annex on the licence."] if more else []
    return [cut_text(each, _SENTENCE_CHARACTERS * 2) for each in dict.fromkeys(lines)]


def _split_detail(detail: str) -> tuple[str, str]:
    """Return the words of a conflict without case, and the same without a part of the repository in front."""
    words = detail.casefold().rstrip(".")
    return words, words.partition(": ")[2] or words


def _count_places(report: AuditReport, detail: str) -> str:
    """Append the number of other files with an equal finding."""
    path, _, message = detail.partition(": ")
    others = {each.artifact for each in report.findings if end_sentence(each.message) == end_sentence(message)} - {path}
    return f"{path} and {count_noun(len(others), 'more file')}: {message}" if others else detail


def _describe_quiet_findings(report: AuditReport) -> tuple[str, ...]:
    """Count the findings on load below the threshold by severity, and quote the worst; empty without any."""
    worst = answers.find_worst_quiet_finding(report)
    if worst is None:
        return ()
    path = f"{worst.artifact}: " if worst.artifact else ""
    sentence = cut_text(f"{path}{end_sentence(worst.message)}", _SENTENCE_CHARACTERS)
    counts = view.describe_severities(answers.list_quiet_findings(report))
    return (f"The policy permits loading with what is below its threshold: {counts}.", sentence)


def summarize_unexamined(report: AuditReport) -> ShortList:
    """Summarize the parts that were not examined: their number, those never opened, and the first of each reason."""
    coverage = report.coverage
    left_out = view.list_skipped_checks(report)
    checks = f"Checks that did not run: {', '.join(CHECKS[each] for each in left_out)}." if left_out else ""
    if not coverage.artifacts:
        return ShortList(
            f"There was no file to examine, so this report says nothing about the {view.name_subject(report)}.",
            _drop_empty([checks]),
            is_open=True,
            title=_NOT_EXAMINED,
        )
    absences, silent = view.list_absences(report), view.list_unexplained_records(report)
    unopened = view.describe_unopened(report)
    origins = _name_unread_origins(report.license)
    lacking = list_absent_terms(report.license)
    absent = f"Absent: {join_first(lacking, _MOST_NAMES)}." if lacking else ""
    unsearched = [*view.list_unsearched_texts(report)[:_MOST_REASONS_UNREAD], origins, absent]
    if not absences and not silent:
        lead = format_sentence(view.describe_completeness(report))
        if origins or absent:
            lead = lead.replace("Nothing;", f"Nothing of the {view.name_subject(report)} itself;")
        weights = "No file with weights is among them." if lacks_weights(report) else ""
        return ShortList(lead, _drop_empty([weights, *unsearched, checks]), title=_NOT_EXAMINED)
    title = _NOT_EXAMINED if silent else view.name_absences(absences)
    rest = "" if silent or not _is_rest_examined(report) else " Everything else in the files was examined."
    lead = f"{view.count_parts(absences, len(silent))}{view.describe_accepted(absences)}.{rest}"
    by_reason: dict[UnreadReason, list[str]] = {}
    for address, absence in absences:
        by_reason.setdefault(absence.unread.reason, []).append(_name_part(address, absence))
    lines = [f"{UNREAD[reason]}: {end_sentence(join_first(names, _MOST_NAMES))}" for reason, names in by_reason.items()]
    if silent:
        names = join_first((record.path for record in silent), _MOST_NAMES)
        lines.append(f"No reason was recorded: {end_sentence(names)}")
    shown = _drop_empty([*lines[:_MOST_REASONS_UNREAD], *unsearched, unopened and format_sentence(unopened), checks])
    more = max(len(lines) - _MOST_REASONS_UNREAD, 0)
    return ShortList(lead, shown, more, is_open=bool(silent or coverage.open_absences), title=title)


def _is_rest_examined(report: AuditReport) -> bool:
    """Whether all that no absence names was examined for attacks: every file was opened, and at least one read."""
    coverage = report.coverage
    is_checked = CheckFamily.SECURITY in report.policy.checks
    return is_checked and coverage.anything_examined and not coverage.unopened


def _name_part(address: str, absence: Absence) -> str:
    """Name the part of an absence; an absent file with the file that names it."""
    part = absence.name_part(address)
    return part if part == address else f"{part} (named in {address})"


def name_gaps(report: AuditReport) -> str:
    """Name what the person who signs takes into account beside the findings, by what the report leaves open."""
    absences, silent = view.list_absences(report), view.list_unexplained_records(report)
    unread = _name_unread_origins(report.license) or list_absent_terms(report.license)
    if not (absences or silent) and report.coverage.is_complete:
        return "the items that were not read" if unread else "what a scan never covers"
    name = view.name_absences(absences).lower() if absences and not silent else _NOT_EXAMINED.lower()
    return f"the parts that were {name}"


def name_never_covered(report: AuditReport) -> str:
    """Name in a few words what no scan covers; an annex lists all of it."""
    if view.name_subject(report) == "data set":
        return "collection, rights, personal data, statutory duties and more"
    return "behaviour, training data, personal data, statutory duties and more"


def _name_unread_origins(license_: LicenseConclusion) -> str:
    """Name the base models and data sets that were not read, as one sentence; empty without any."""
    names = [f"the base model {each.name}" for each in license_view.list_unread_base_models(license_)]
    names += [f"the data set {each.name}" for each in license_.datasets if each.look is not OriginState.READ]
    if not names:
        return ""
    is_on_record = any(each.look is OriginState.KNOWN for each in license_.origins)
    record = ", and on the licence that the rule set has on record for a base model" if is_on_record else ""
    basis = f"The answers are on the files of this repository{record}."
    return f"Not read: {end_sentence(join_first(names, _MOST_NAMES))} {basis}"


def _drop_empty(lines: Iterable[str]) -> tuple[str, ...]:
    return tuple(line for line in lines if line)


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
