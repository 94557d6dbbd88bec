"""May it be shipped? What the licence evidence answers, as a line that stands beside the verdict with equal weight."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from modelaudit.model.license import ConclusionState, LicenseConclusion
from modelaudit.model.terms import Answer, LicenseCategory, LicenseEntry
from modelaudit.reports.clause_words import WEIGHTY, join_titles
from modelaudit.reports.license_view import (
    group_tasks,
    list_own_entries,
    list_reasons,
    list_unfollowed_base_models,
    list_unread_base_models,
)
from modelaudit.reports.license_words import MISSING, OVERTHROWING, describe_kind
from modelaudit.reports.wording import count_noun, lower_first, shorten_to_clauses


class Permission(StrEnum):
    """How far the evidence carries: to a permission, to a question for a person, or to a prohibition."""

    ALLOWED = "allowed"
    OPEN = "open"
    FORBIDDEN = "forbidden"


@dataclass(frozen=True, slots=True)
class ShippingAnswer:
    """The answer, and the line that says it."""

    permission: Permission
    line: str


_FORBIDDING_CATEGORIES = (LicenseCategory.NON_COMMERCIAL, LicenseCategory.RESEARCH_ONLY)
_CONDITIONAL_CATEGORIES = (LicenseCategory.USE_RESTRICTED, LicenseCategory.CONDITIONAL)
_PERMISSION_BY_ANSWER = {
    Answer.ALLOW: Permission.ALLOWED,
    Answer.REVIEW: Permission.OPEN,
    Answer.DENY: Permission.FORBIDDEN,
}
_OPEN_REASONS = {
    ConclusionState.CONTRADICTORY: "what is said about the licence contradicts itself",
    ConclusionState.UNRECOGNISED: "the licence that is named is not one that this tool knows",
    ConclusionState.VAGUE: "what is named is a family of licences and not one of them",
    ConclusionState.CONCLUDED: "what the licence permits is not known here",
}
_COUNTED = {
    Answer.REVIEW: ("point has to be decided by a person", "points have to be decided by a person, first"),
    Answer.DENY: ("reason stands against what you mean to do", "reasons stand against what you mean to do, first"),
}
_UNTOLD = {Answer.REVIEW: "A person must decide.", Answer.DENY: "What you mean to do is not allowed."}
_MAX_NAMES = 3
_MAX_REASON_CHARACTERS = 160


def assess_shipping(license_: LicenseConclusion, duties_stand: str = "listed below") -> ShippingAnswer:
    """Return what the conclusion says about shipping.

    Where the policy states a use, the clauses answer. Without one, only a licence that allows every use, whose terms
    were read, over origins of which the same is true, is a permission.

    Args:
        license_: the conclusion of the scan.
        duties_stand: where the reader finds the duties, in words.
    """
    if license_.state is ConclusionState.NOT_CHECKED:
        return ShippingAnswer(Permission.OPEN, "The licence was not checked: this report says nothing about shipping.")
    if license_.permission is not None:
        return _answer_planned_use(license_, license_.permission, duties_stand)
    if license_.state is ConclusionState.UNDECLARED:
        permission, line = Permission.OPEN, "No licence was found: no permission to ship this can be shown."
    else:
        permission, line = _answer_by_category(license_, duties_stand)
    parts = [
        line,
        *_list_forbidding_base_models(license_),
        *_list_territory_limits(license_),
        *_list_conflicts(license_),
        *_list_unclear_base_models(license_),
    ]
    if permission is Permission.ALLOWED and len(parts) > 1:
        permission = Permission.OPEN
    return ShippingAnswer(permission, " ".join(parts))


def _answer_planned_use(license_: LicenseConclusion, answer: Answer, duties_stand: str) -> ShippingAnswer:
    """The answer to the use that the policy states. Nothing is permitted over a licence that was not concluded."""
    if answer is Answer.ALLOW and license_.state is not ConclusionState.CONCLUDED:
        why = _OPEN_REASONS.get(license_.state, "no licence was found")
        return ShippingAnswer(Permission.OPEN, _describe_missing_permission(why))
    found = list_reasons(license_)
    if answer is Answer.ALLOW:
        return ShippingAnswer(Permission.ALLOWED, " ".join(_describe_permission(license_, duties_stand)))
    worst = [each.answer.because for each in found if each.answer.answer is answer]
    opening = f"{count_noun(len(worst), *_COUNTED[answer])}:" if worst else _UNTOLD[answer]
    first = [shorten_to_clauses(because, _MAX_REASON_CHARACTERS) for because in worst[:1]]
    return ShippingAnswer(_PERMISSION_BY_ANSWER[answer], " ".join([opening, *first]))


def _describe_permission(license_: LicenseConclusion, duties_stand: str) -> Iterator[str]:
    """The permission with its price: what reaches into the product, and what its data and its versions leave open."""
    every = [task.kind for _, each in group_tasks(license_) for task in each]
    todo = f"{count_noun(len(every), 'thing')} to do, {duties_stand}" if every else "nothing has to be done for it"
    weighty = tuple(kind for kind in WEIGHTY if kind in every)
    under = license_.expression or _join_license_names(list_own_entries(license_))
    among = f", among them: {join_titles(weighty)}" if weighty else ""
    yield f"What you mean to do is allowed under {under}; {todo}{among}."
    kinds = dict.fromkeys(each.kind for each in license_.conflicts if not each.kind.startswith(MISSING))
    if kinds:
        yield f"Look first at this: {'; '.join(lower_first(describe_kind(kind)) for kind in kinds)}."


def _answer_by_category(license_: LicenseConclusion, duties_stand: str) -> tuple[Permission, str]:
    own = list_own_entries(license_)
    forbidding = [entry for entry in own if entry.category in _FORBIDDING_CATEGORIES]
    if license_.state is not ConclusionState.CONCLUDED:
        named = f" One of them, {_join_license_names(forbidding)}, forbids commercial use." if forbidding else ""
        return Permission.OPEN, _describe_missing_permission(_OPEN_REASONS[license_.state]) + named
    if forbidding:
        unverified = "" if all(entry.read for entry in forbidding) else " Its terms are not verified: read the text."
        names = _join_license_names(forbidding)
        line = f"The author names {names}, which forbids commercial use.{unverified}"
        return Permission.FORBIDDEN, line
    if license_.category is LicenseCategory.UNKNOWN or not own:
        return Permission.OPEN, _describe_missing_permission(_OPEN_REASONS[license_.state])
    if unread := [entry for entry in own if not entry.read]:
        return Permission.OPEN, _describe_missing_permission(
            f"the terms of {_join_license_names(unread)} were not verified in its text"
        )
    number = sum(len(each) for _, each in group_tasks(license_)) or sum(len(entry.clauses) for entry in own)
    if license_.category in _CONDITIONAL_CATEGORIES or any(entry.category in _CONDITIONAL_CATEGORIES for entry in own):
        return Permission.OPEN, f"Only under conditions: {number}, {duties_stand}."
    if license_.category in _FORBIDDING_CATEGORIES:
        return Permission.FORBIDDEN, "A licence that it is under forbids commercial use."
    names, verb = _join_license_names(own), "allow" if len(own) > 1 else "allows"
    listed = f"{count_noun(number, 'duty', 'duties')}, {duties_stand}" if number else "no duty is on record"
    return Permission.ALLOWED, f"The author names {names}, which {verb} it; {listed}."


def _describe_missing_permission(why: str) -> str:
    return f"Permission to ship cannot be shown: {why}; a person must decide."


def _join_license_names(entries: list[LicenseEntry] | tuple[LicenseEntry, ...]) -> str:
    return " and ".join(entry.name for entry in entries)


def _list_territory_limits(license_: LicenseConclusion) -> list[str]:
    """Every limit to certain countries, told whatever else holds."""
    return [
        f"Not everywhere: {duty.text}"
        for entry in license_.entries
        for duty in entry.clauses
        if duty.kind == "territory-limit" and not (duty.scope == "multimodal" and license_.multimodal is False)
    ]


def _list_conflicts(license_: LicenseConclusion) -> list[str]:
    """What leaves open which licence holds, in the words of the first of them."""
    found = [conflict.detail for conflict in license_.conflicts if conflict.kind in OVERTHROWING]
    return found[:1] + ([f"And {count_noun(len(found) - 1, 'more conflict')}."] if len(found) > 1 else [])


def _list_forbidding_base_models(license_: LicenseConclusion) -> list[str]:
    """What it was made from may not be used in a business, whatever the card says."""
    own = {entry.id for entry in list_own_entries(license_)}
    entries = [each for each in license_.entries if each.category in _FORBIDDING_CATEGORIES and each.id not in own]
    return [f"{_join_license_names(entries)}, under which it was made, forbids commercial use."] if entries else []


def _list_unclear_base_models(license_: LicenseConclusion) -> list[str]:
    """The models that it was made from and whose terms nobody could tell: a card cannot grant what they forbid."""
    parts = []
    if missed := list_unfollowed_base_models(license_):
        parts.append(
            f"It was made from {_join_names(missed)}; the licence there may bind you too, and was not checked."
        )
    unclear = tuple(dict.fromkeys(origin.name for origin in list_unread_base_models(license_)))
    if unclear:
        parts.append(f"It was made from {_join_names(unclear)}, and no licence could be concluded there.")
    return parts


def _join_names(names: tuple[str, ...]) -> str:
    return ", ".join(names[:_MAX_NAMES]) + (f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else "")


def describe_conclusion(license_: LicenseConclusion, otherwise: str) -> str:
    """Return what was concluded and how much we know of it; ``otherwise`` where no single licence was."""
    if license_.state is not ConclusionState.CONCLUDED or not license_.entries:
        return otherwise
    own = list_own_entries(license_)
    names = ", ".join(entry.name for entry in own)
    said = (
        f"The author names one licence: {names}."
        if len(own) == 1
        else f"The author names {len(own)} licences: {names}."
    )
    if license_.expression:
        said = f"Concluded{', with what it was made from' if license_.origins else ''}: {license_.expression}."
    unread = [entry.name for entry in license_.entries if not entry.read]
    if unread:
        return f"{said} We have only a second-hand summary of the terms of {', '.join(unread)}."
    dates = ", ".join(dict.fromkeys(entry.read for entry in license_.entries))
    whose = "its terms" if len(license_.entries) == 1 else "the terms of each"
    return f"{said} We have a summary of {whose} (read on {dates})."
