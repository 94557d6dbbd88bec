"""Describe which answer the licences give to the planned use, as a cause of the verdict."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelaudit.model.license import LicenseConclusion
from modelaudit.model.terms import Answer, Outcome
from modelaudit.model.verdict import Cause, CauseKind, Question, Verdict

_PERMISSIONS: Final = {Answer.ALLOW: "permit", Answer.REVIEW: "leave open", Answer.DENY: "forbid"}
_MAX_NAMED_ANSWERS: Final = 3


def describe_permission(
    license_: LicenseConclusion, *, are_unread_named: bool = False
) -> Iterator[tuple[Cause, tuple[str, ...]]]:
    """Yield the cause for the worst open answer to the planned use, with the first reasons; nothing for a permission.

    One fact has one outcome. A finding that fails the policy leaves no person to decide on its fact, and a file that
    was not read leaves no text to decide on.

    Args:
        license_: the conclusion, with the outcome of each answer.
        are_unread_named: whether a cause of its own names the files that may state terms and were not read.
    """
    permission = license_.open_permission
    if permission in (None, Answer.ALLOW):
        return
    answers = [each for each in license_.open_answers if each.answer is permission]
    if permission is Answer.DENY:
        kind, verdict, words = CauseKind.LICENCE_DENIED, Verdict.FAIL, "licences do not permit the planned use"
    else:
        elsewhere = {Outcome.FAILS, Outcome.INCOMPLETE} if are_unread_named else {Outcome.FAILS}
        waiting = [each for each in answers if (each.outcome or each.judge()) not in elsewhere]
        if answers and not waiting:
            return
        answers = waiting
        kind, verdict, words = CauseKind.LICENCE_REVIEW, Verdict.REVIEW, "licences leave open the planned use"
    if license_.lacks_permission:
        words = "no permission for the planned use can be shown"
    distinct = {(each.license, each.kind, each.because, each.text, each.section): each.because for each in answers}
    cause = Cause(kind, Question.USE, verdict, max(len(distinct), 1), f"{words}{_name_models(license_, permission)}")
    yield cause, tuple(dict.fromkeys(distinct.values()))[:_MAX_NAMED_ANSWERS]


def _name_models(license_: LicenseConclusion, permission: Answer) -> str:
    """Name the models of a repository of several with the answer to each; empty where one answer is for all."""
    names: dict[Answer, list[str]] = {}
    for model in license_.models:
        open_answers = {each.answer for each in license_.list_answers(model)} & {
            each.answer for each in license_.open_answers if not each.folders or model.folder in each.folders
        }
        worst = max(open_answers, key=lambda each: each.rank, default=Answer.ALLOW)
        names.setdefault(worst, []).append(model.name)
    if set(names) <= {permission}:
        return ""
    parts = [f"{_PERMISSIONS[answer]} that of {', '.join(names[answer])}" for answer in Answer if answer in names]
    return f" of a part; they {', and '.join(parts)}"
