"""Views of a repository of several models under different terms: the answer to each, in rows and in sentences."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from modelaudit.model.license import LicenseConclusion
from modelaudit.model.report import AuditReport
from modelaudit.model.terms import Answer
from modelaudit.reports.license_words import ANSWERS
from modelaudit.reports.wording import end_sentence, join_first, lower_first

_MOST_PARTS: Final = 4
_PART_ANSWERS: Final = {
    Answer.ALLOW: "May be used by its licence",
    Answer.REVIEW: "For a person to decide",
    Answer.DENY: "May not be used as planned",
}


class ModelRow(Struct, frozen=True):
    """One of several models of a repository.

    Attributes:
        name: its folder.
        terms: its licence, or why there is none.
        answer: to the planned use, as decisions leave it; ``None`` if no use is stated.
        because: the first reason against the use; empty for a permission.
    """

    name: str
    terms: str
    answer: Answer | None
    because: str


def describe_model_answers(license_: LicenseConclusion) -> list[str]:
    """Describe which of several parts may be used, in one sentence for each answer, best first; empty for one model."""
    lines = []
    for answer, words in _PART_ANSWERS.items():
        names = [f"{row.name} ({row.terms})" for row in list_model_rows(license_) if row.answer is answer]
        if names:
            lines.append(f"{words}: {join_first(names, _MOST_PARTS)}.")
    # The answer to all states the first reason of the worst alone.
    open_rows = [row for row in list_model_rows(license_) if row.answer is Answer.REVIEW]
    if license_.open_permission is Answer.DENY:
        lines += [end_sentence(f"{row.name}: {lower_first(row.because)}") for row in open_rows[:_MOST_PARTS]]
    return lines


def list_model_rows(license_: LicenseConclusion) -> tuple[ModelRow, ...]:
    """List the models of a repository that has several under different terms, in its order; empty for one model."""
    rows = []
    for model in license_.models:
        answers = license_.list_answers(model)
        open_answers = [each for each in answers if each.answer is not Answer.ALLOW and each.acceptance is None]
        answer = None
        if license_.permission is not None:
            answer = open_answers[0].answer if open_answers else Answer.ALLOW
        terms = model.expression or f"no licence determined ({model.state})"
        rows.append(ModelRow(model.name, terms, answer, open_answers[0].because if open_answers else ""))
    return tuple(rows)


def list_outside(license_: LicenseConclusion, report: AuditReport) -> list[str]:
    """List the first files that lie in the folder of none of several models, and count the others.

    They state no terms: otherwise the rest of the repository is a part of its own.
    """
    folders = tuple(f"{each.folder}/" for each in license_.models)
    if not folders or "/" in folders:
        return []
    paths = [each.path for each in report.coverage.artifacts if not each.path.startswith(folders)]
    more = len(paths) - _MOST_PARTS
    return paths[:_MOST_PARTS] + ([f"and {more:,} more"] if more > 0 else [])


def describe_model_row(row: ModelRow) -> str:
    """Describe one of several models in a line: its folder, its licence, the answer and the first reason."""
    answer = "" if row.answer is None else f", {ANSWERS[row.answer].lower()}"
    return end_sentence(f"{row.name}: {row.terms}{answer}{f': {row.because}' if row.because else ''}")
