"""State the steps for a licence under review: the texts to read, and how to record the answer."""

from __future__ import annotations

from typing import Final

from modelaudit.model.license import LicenseConclusion, OriginState, UseAnswer
from modelaudit.model.terms import Answer
from modelaudit.reports.clause_words import describe_counted_month
from modelaudit.reports.conflict_places import VARIANT, name_conflict_place
from modelaudit.reports.license_view import list_unfollowed_base_models, list_unread_base_models
from modelaudit.reports.license_words import STATEMENTS
from modelaudit.reports.wording import format_number, join_first, lower_first

CONTRADICTION: Final = "declared-found"
"""The kind of a conflict between the declared licence and that of a text."""
_KINDS: Final = frozenset({"declared-prose", VARIANT, "text-not-recognised", CONTRADICTION, "template-differs"})
"""The kinds of conflicts whose place a person reads to decide."""
_MOST_PLACES = 4
CONTACT: Final = "contact-required"
"""The key of the place of a sentence that asks the user to contact the publisher."""
_CONCLUSION: Final = "conclusion"
_FIGURES: Final = frozenset({"monthly-active-users", "annual-revenue-usd"})
"""The facts of a planned use that a clause compares with a figure."""


def describe_next_step(license_: LicenseConclusion) -> str:
    """Name the places to read and the command that accepts the use; empty if nothing is for review.

    A denial is not for review: only an agreement with the owner settles it.
    """
    open_answers = [each for each in license_.answers if each.acceptance is None]
    if license_.permission is not Answer.REVIEW or any(each.answer is Answer.DENY for each in open_answers):
        return ""
    ids = dict.fromkeys(each.license or _CONCLUSION for each in open_answers if each.answer is Answer.REVIEW)
    if not ids:
        return ""
    places = list_places(license_)
    reading = _name_reading(license_, places)
    asking = list_requests(license_)
    unstated = list_missing_statements(license_)
    others = [f"licence:{each}" for each in ids][1:]
    also = f", then the same for {', '.join(others)}" if others else ""
    return (
        f"{' '.join(filter(None, (reading, *asking, *unstated)))} If the terms permit your use, add"
        f" -o json=report.json here, and accept it with: modelaudit decide"
        f" licence:{next(iter(ids))} --report report.json --answer accept --reason WHY --by YOU --approved-by WHO"
        f" --expires DATE{also}"
    )


def _name_reading(license_: LicenseConclusion, places: list[str]) -> str:
    """Name the texts to read, as a sentence; empty if only a figure is missing, and a request without any licence."""
    if places:
        return f"Read {join_first(places, _MOST_PLACES)}."
    if not license_.entries:
        return "Ask the publisher for a licence."
    open_answers = license_.open_answers
    licenses = {each.license: None for each in open_answers if each.license and not each.unstated}
    unread = [each.name for each in license_.origins if each.look is not OriginState.READ]
    if not licenses and all(each.license for each in open_answers):
        return ""
    return f"Read the terms of {', '.join([*licenses, *unread][:_MOST_PLACES] or [license_.entries[0].id])}."


def list_requests(license_: LicenseConclusion) -> list[str]:
    """Ask to contact the publisher where a sentence of the model demands it, as sentences."""
    asking = (each for each in license_.conflicts if each.location.key == CONTACT and each.artifact)
    places = [f"{each.artifact}:{each.location.line}" for each in asking]
    if not places:
        return []
    demands = "demands" if len(places) == 1 else "demand"
    return [f"Contact the publisher as {', '.join(places[:_MOST_PLACES])} {demands}, before you use it."]


def list_reviewable_answers(license_: LicenseConclusion) -> list[UseAnswer]:
    """List the open answers for review that a statement or a decision may settle: those of no part that is denied."""
    open_answers = license_.open_answers
    denied = [each for each in open_answers if each.answer is Answer.DENY]
    if any(not each.folders for each in denied):
        return []
    lost = {folder for each in denied for folder in each.folders}
    reviewable = [each for each in open_answers if each.answer is Answer.REVIEW]
    return [each for each in reviewable if not each.folders or not lost.issuperset(each.folders)]


def list_missing_statements(license_: LicenseConclusion) -> list[str]:
    """List a sentence with its option for each fact that ``find_missing_statements`` finds."""
    return [
        f"{sentence.partition(': ')[0].partition(', ')[0].rstrip('.')} ({option})."
        for sentence, option in find_missing_statements(license_)
    ]


def find_missing_statements(license_: LicenseConclusion) -> list[tuple[str, str]]:
    """Find each fact that the planned use does not state and an open answer asks for: a sentence, and its option."""
    limits: dict[str, list[str]] = {}
    for each in list_reviewable_answers(license_):
        for fact in each.unstated:
            limits.setdefault(fact, []).extend(_describe_limit(license_, each) if fact in _FIGURES else ())
    lines = []
    for fact, figures in limits.items():
        if fact in STATEMENTS:
            words, option = STATEMENTS[fact]
            limit = f", counted as {'; and as '.join(dict.fromkeys(figures))}." if figures else "."
            lines.append((f"State {words}{limit}", option))
    return lines


def _describe_limit(license_: LicenseConclusion, answer: UseAnswer) -> list[str]:
    """Describe how the clause of an answer counts, and from which figure: the first sentence of the clause."""
    limits = []
    for entry in license_.entries:
        for clause in entry.clauses:
            if (entry.id, clause.kind, clause.section) != (answer.license, answer.kind, answer.section):
                continue
            if clause.number is not None:
                sentence, number = clause.text.partition(". ")[0].rstrip("."), format_number(clause.number)
                limit = "" if number in sentence else f"; the limit is {number}"
                name = entry.id.removeprefix("LicenseRef-")
                month = describe_counted_month(sentence, entry.version).rstrip(".")
                counted = f" ({lower_first(month)})" if month else ""
                limits.append(f"{name} does ({clause.section}): {lower_first(sentence)}{limit}{counted}")
    return limits


def list_base_models_to_look_up(license_: LicenseConclusion) -> list[str]:
    """List the base models whose licence was not read or not concluded, each once.

    Those of a cycle are left out, and those whose licence on record counts, unless an open answer names them.
    """
    open_because = " ".join(each.because for each in license_.open_answers)
    unread = [
        each.name
        for each in list_unread_base_models(license_)
        if each.look is not OriginState.CYCLE and (each.look is not OriginState.KNOWN or each.name in open_because)
    ]
    return list(dict.fromkeys([*unread, *list_unfollowed_base_models(license_)]))


def list_open_answers(license_: LicenseConclusion) -> list[str]:
    """List what a person decides on where the use is for review: the ids of licences, or ``conclusion``; each once."""
    return list(dict.fromkeys(each.license or _CONCLUSION for each in list_reviewable_answers(license_)))


def list_places(license_: LicenseConclusion, *, has_contradiction: bool = True) -> list[str]:
    """List the places to read as ``README.md:45``, each once, in the order of the conflicts.

    Args:
        license_: the conclusion.
        has_contradiction: whether to list the place of a declaration that a licence text contradicts.
    """
    return list(
        dict.fromkeys(
            name_conflict_place(license_, each)
            for each in license_.conflicts
            if each.kind in _KINDS and each.artifact and (has_contradiction or each.kind != CONTRADICTION)
        )
    )
