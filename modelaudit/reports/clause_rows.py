"""The clauses of each licence, each once: our words, the original words, and what follows for the planned use."""

from __future__ import annotations

from msgspec import Struct

from modelaudit.model.license import ClauseQuotation, ConclusionState, LicenseConclusion, UseAnswer
from modelaudit.model.terms import GENERAL_FIELD, Answer, Clause, Group, LicenseEntry
from modelaudit.reports.clause_words import SOURCE_TO_USERS, describe_counted_month
from modelaudit.reports.license_fields import find_condition_on_field
from modelaudit.reports.license_view import Task, find_untaken, group_tasks
from modelaudit.reports.license_words import describe_kind, describe_met_figure, join_fields
from modelaudit.reports.view import group_clauses
from modelaudit.reports.wording import DUTIES_HEADING, LIMITS_HEADING, end_sentence, join_phrases, lower_first


class ClauseRow(Struct, frozen=True):
    """One clause.

    Attributes:
        title: of its kind.
        text: in our words.
        section: of the licence; empty if none is on record.
        words: exact words that the licence fixes.
        original: the sentence of the copy in the repository; ``None`` if no copy shows it.
        task: the duty that it brings; ``None`` without one.
        answers: to the planned use.
        effect: the consequence without a duty or an answer; empty if unknown.
    """

    title: str
    text: str
    section: str
    words: tuple[str, ...]
    original: ClauseQuotation | None
    task: Task | None
    answers: tuple[UseAnswer, ...]
    effect: str

    @property
    def is_watched(self) -> bool:
        """Whether it asks for nothing in advance, and has to be kept in mind."""
        return self.task is not None and self.task.group is Group.WATCH and not self.task.met

    @property
    def reason(self) -> str:
        """Why the clause permits the use; the reasons against it are listed on their own."""
        return join_phrases([each.because for each in self.answers if each.answer is Answer.ALLOW])


class LicenseTerms(Struct, frozen=True):
    """A licence with its clauses in groups; each group has a heading."""

    entry: LicenseEntry
    groups: tuple[tuple[str, tuple[ClauseRow, ...]], ...]
    has_originals: bool


def list_terms(license_: LicenseConclusion) -> tuple[LicenseTerms, ...]:
    """List the clauses of each licence of a conclusion. A duty without a clause on record is a row of its own."""
    tasks = [task for _, each in group_tasks(license_) for task in each]
    terms = []
    for entry in license_.entries:
        own = [task for task in tasks if task.license == entry.id]
        groups: list[tuple[str, tuple[ClauseRow, ...]]] = []
        for heading, clauses in group_clauses(entry):
            rows = tuple(_build_row(license_, entry, clause, own, heading) for clause in clauses)
            groups.append((heading, rows))
        if own:
            groups.append((DUTIES_HEADING if not groups else "Further duties", tuple(map(_build_task_row, own))))
        quoted = any(row.original for _, rows in groups for row in rows)
        terms.append(LicenseTerms(entry, tuple(groups), quoted))
    listed = {entry.id for entry in license_.entries}
    if rest := [task for task in tasks if task.license not in listed]:
        for license_id in dict.fromkeys(task.license for task in rest):
            rows = tuple(_build_task_row(task) for task in rest if task.license == license_id)
            terms.append(LicenseTerms(_build_empty_entry(license_, license_id), ((DUTIES_HEADING, rows),), False))
    return tuple(terms)


def has_clause(license_: LicenseConclusion, answer: UseAnswer) -> bool:
    """Whether the list of clauses shows the clause of an answer."""
    return any(
        (entry.id, clause.kind, clause.section) == (answer.license, answer.kind, answer.section)
        for entry in license_.entries
        for clause in entry.clauses
    )


def _build_row(
    license_: LicenseConclusion, entry: LicenseEntry, clause: Clause, tasks: list[Task], heading: str
) -> ClauseRow:
    """Build the row of a clause, and take its duty out of ``tasks``."""
    task = next((each for each in tasks if (each.kind, each.section) == (clause.kind, clause.section)), None)
    if task is not None:
        tasks.remove(task)
    key = (entry.id, clause.kind, clause.section)
    answers = tuple(each for each in license_.answers if (each.license, each.kind, each.section) == key)
    fields = join_fields(clause.fields)
    listed = "uses under conditions" if clause.kind == "use-condition" else "forbidden uses"
    text = end_sentence(clause.text) + (f" {listed.capitalize()}: {fields}." if fields else "")
    text = " ".join(filter(None, (text, describe_counted_month(clause.text, entry.version))))
    effect = "" if task is not None or answers else _describe_effect(license_, entry, clause, heading)
    words = tuple(dict.fromkeys((*clause.words, *(task.words if task else ()))))
    original = license_.find_quotation(*key)
    return ClauseRow(describe_kind(clause.kind), text, clause.section, words, original, task, answers, effect)


def _describe_effect(license_: LicenseConclusion, entry: LicenseEntry, clause: Clause, heading: str) -> str:
    """Describe what a clause without a duty and without an answer means for the planned use, or why that is open."""
    if heading not in (LIMITS_HEADING, DUTIES_HEADING):
        return "For information."
    if license_.permission is None:
        return "Not judged: no use is planned."
    if license_.state is not ConclusionState.CONCLUDED and not license_.models:
        return f"If this licence applies, {lower_first(_describe_meaning(license_, entry, clause, heading))}"
    return _describe_meaning(license_, entry, clause, heading)


def _describe_meaning(license_: LicenseConclusion, entry: LicenseEntry, clause: Clause, heading: str) -> str:
    """Describe what a clause without a duty and without an answer means for the planned use under its licence."""
    if entry.id in find_untaken(license_):
        return f"Not needed if you take {join_phrases(license_.own)}."
    if heading == DUTIES_HEADING:
        giving = [each.section for each in license_.duties if (each.license, each.kind) == (entry.id, SOURCE_TO_USERS)]
        exception = f", except for copies that you give under {giving[0]}" if giving else ""
        return f"The planned use does not trigger it{exception}."
    if clause.fields and license_.intent is not None and license_.intent.field in ("", GENERAL_FIELD):
        if clause.kind == "use-policy" and license_.intent.field == GENERAL_FIELD:
            return "It binds you; the field that you stated is none that licences forbid."
        return "It affects the planned use if your field is one of these."
    if clause.fields and (permitting := find_condition_on_field(license_, entry)):
        return f"It binds you; your field of use is none of these by name, and subject to conditions ({permitting})."
    if clause.fields:
        return "It binds you; your field of use is none of these."
    return describe_met_figure(clause, license_.intent) or "It does not affect the planned use."


def _build_task_row(task: Task) -> ClauseRow:
    """Build the row of a duty whose clause the report does not hold."""
    return ClauseRow(describe_kind(task.kind), end_sentence(task.text), task.section, task.words, None, task, (), "")


def _build_empty_entry(license_: LicenseConclusion, license_id: str) -> LicenseEntry:
    """Build the entry of a licence that the report names and does not hold."""
    return LicenseEntry(license_id, license_id, license_.category, (), (), (), "", "")
