"""Answer whether the licences permit shipping the model, as one line that reports show beside the verdict."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from modelaudit.model.license import ClaimKind, ConclusionState, LicenseConclusion
from modelaudit.model.terms import Answer, LicenseCategory, LicenseEntry
from modelaudit.reports.clause_words import WEIGHTY_KINDS, join_titles
from modelaudit.reports.license_view import (
    group_tasks,
    list_declared_claims,
    list_own_entries,
    list_reasons,
    list_unfollowed_base_models,
    list_unread_base_models,
)
from modelaudit.reports.license_words import CONFLICTS_LEAVING_LICENSE_OPEN, MISSING_PREFIX, describe_kind
from modelaudit.reports.wording import LIMIT_KINDS, NOTE_KINDS, count_noun, lower_first, shorten_to_clauses


class Permission(StrEnum):
    """The outcome of the licence evidence: a permission, an open question for a person, or a prohibition."""

    ALLOWED = "allowed"
    OPEN = "open"
    FORBIDDEN = "forbidden"


@dataclass(frozen=True, slots=True)
class ShippingAnswer:
    """The answer, and one or more sentences that state it with its main reason."""

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
    ConclusionState.CONTRADICTORY: "the claims about the licence contradict each other",
    ConclusionState.UNRECOGNISED: "this tool does not know the declared licence",
    ConclusionState.VAGUE: "the claims name a family of licences, not one licence",
    ConclusionState.CONCLUDED: "the permissions of the licence are not known",
}
"""Why the state of a conclusion permits nothing; ``CONCLUDED`` applies where the category is unknown."""
_NO_REASON = {Answer.REVIEW: "A person must decide.", Answer.DENY: "Your planned use is not allowed."}
_ONE_REASON = {Answer.REVIEW: "A person must decide.", Answer.DENY: "Not allowed."}
_SEVERAL_REASONS = {
    Answer.REVIEW: "A person must decide {} points. The first:",
    Answer.DENY: "Not allowed, for {} reasons. The first:",
}
_MAX_NAMES = 3
_MAX_REASON_CHARACTERS = 160


def assess_shipping(license_: LicenseConclusion, duties_place: str = "listed below") -> ShippingAnswer:
    """Answer from the conclusion whether the model may be shipped.

    If the policy states an intended use, the clauses of the licences answer it. Without one, the only permission is a
    licence that allows every use and whose terms were verified, provided that the same holds for all base models.

    Args:
        license_: the conclusion of the scan.
        duties_place: a phrase for the place where the reader finds the duties.
    """
    if license_.state is ConclusionState.NOT_CHECKED:
        return ShippingAnswer(Permission.OPEN, "The licence was not checked: this report says nothing about shipping.")
    if license_.permission is not None:
        return _answer_planned_use(license_, license_.permission, duties_place)
    if license_.state is ConclusionState.UNDECLARED:
        permission, line = Permission.OPEN, "No licence was found, so no permission to ship can be shown."
    else:
        permission, line = _answer_by_category(license_, duties_place)
    parts = [
        line,
        *_list_forbidding_base_models(license_),
        *_list_territory_limits(license_),
        *_list_conflicts(license_),
        *_list_unclear_base_models(license_),
    ]
    # Every further sentence is a restriction or a doubt, which the permission of the licence itself does not cover.
    if permission is Permission.ALLOWED and len(parts) > 1:
        permission = Permission.OPEN
    return ShippingAnswer(permission, " ".join(parts))


def _answer_planned_use(license_: LicenseConclusion, answer: Answer, duties_place: str) -> ShippingAnswer:
    """Answer the intended use. A licence that could not be concluded permits nothing."""
    if answer is Answer.ALLOW and license_.state is not ConclusionState.CONCLUDED:
        why = _OPEN_REASONS.get(license_.state, "no licence was found")
        return ShippingAnswer(Permission.OPEN, _describe_missing_permission(why))
    if answer is Answer.ALLOW:
        return ShippingAnswer(Permission.ALLOWED, " ".join(_describe_permission(license_, duties_place)))
    # The answer is the worst of all reasons: a denial is not explained by the points for review.
    reasons = [each.answer.because for each in list_reasons(license_) if each.answer.answer is answer]
    if not reasons:
        return ShippingAnswer(_PERMISSION_BY_ANSWER[answer], _NO_REASON[answer])
    opening = _SEVERAL_REASONS[answer].format(len(reasons)) if len(reasons) > 1 else _ONE_REASON[answer]
    first = shorten_to_clauses(reasons[0], _MAX_REASON_CHARACTERS)
    return ShippingAnswer(_PERMISSION_BY_ANSWER[answer], f"{opening} {first}")


def _describe_permission(license_: LicenseConclusion, duties_place: str) -> Iterator[str]:
    """Yield a sentence with the permission, the number of duties and the weighty ones; then one on open conflicts."""
    duty_kinds = [task.kind for _, tasks in group_tasks(license_) for task in tasks]
    duties = "no duties apply"
    if duty_kinds:
        duties = f"{count_noun(len(duty_kinds), 'duty', 'duties')}, {duties_place}"
    weighty = tuple(kind for kind in WEIGHTY_KINDS if kind in duty_kinds)
    among = f", among them: {join_titles(weighty)}" if weighty else ""
    licenses = license_.expression or _join_license_names(list_own_entries(license_))
    yield f"Your planned use is allowed under {licenses}; {duties}{among}."
    conflict_kinds = dict.fromkeys(each.kind for each in license_.conflicts)
    open_conflicts = [describe_kind(kind) for kind in conflict_kinds if not kind.startswith(MISSING_PREFIX)]
    if open_conflicts:
        yield f"Check first: {'; '.join(map(lower_first, open_conflicts))}."


def _answer_by_category(license_: LicenseConclusion, duties_place: str) -> tuple[Permission, str]:
    """Answer by the categories of the model's own licences, because no intended use is stated."""
    own = list_own_entries(license_)
    forbidding = [entry for entry in own if entry.category in _FORBIDDING_CATEGORIES]
    if license_.state is not ConclusionState.CONCLUDED:
        named = f" One of them, {_join_license_names(forbidding)}, forbids commercial use." if forbidding else ""
        return Permission.OPEN, _describe_missing_permission(_OPEN_REASONS[license_.state]) + named
    if forbidding:
        unverified = "" if all(entry.read for entry in forbidding) else " Its terms are not verified: read the text."
        names = _join_license_names(forbidding)
        line = f"{_name_source(license_)} {names}, which forbids commercial use.{unverified}"
        return Permission.FORBIDDEN, line
    if license_.category is LicenseCategory.UNKNOWN or not own:
        return Permission.OPEN, _describe_missing_permission(_OPEN_REASONS[license_.state])
    unverified_entries = [entry for entry in own if not entry.read]
    if unverified_entries:
        why = f"the terms of {_join_license_names(unverified_entries)} are not verified"
        return Permission.OPEN, _describe_missing_permission(why)
    duty_count = sum(len(tasks) for _, tasks in group_tasks(license_))
    if license_.category in _CONDITIONAL_CATEGORIES or any(entry.category in _CONDITIONAL_CATEGORIES for entry in own):
        clause_count = duty_count or sum(len(entry.clauses) for entry in own)
        return Permission.OPEN, f"Allowed only under conditions: {count_noun(clause_count, 'clause')}, {duties_place}."
    # No licence of the model itself forbids commercial use (see above), so one of a base model does.
    if license_.category in _FORBIDDING_CATEGORIES:
        return Permission.FORBIDDEN, "One of its licences forbids commercial use."
    # A report without listed duties may be an older one, which has the clauses alone.
    if not duty_count:
        clauses = [clause for entry in own for clause in entry.clauses]
        duty_count = sum(clause.kind not in LIMIT_KINDS | NOTE_KINDS for clause in clauses)
    names = _join_license_names(own)
    verb = "allow" if len(own) > 1 else "allows"
    listed = f"{count_noun(duty_count, 'duty', 'duties')}, {duties_place}" if duty_count else "no duty is on record"
    return Permission.ALLOWED, f"{_name_source(license_)} {names}, which {verb} shipping; {listed}."


def _name_source(license_: LicenseConclusion) -> str:
    """Name the source of the model's own licence, as the beginning of a sentence.

    A tag of the Hub may repeat the card, be derived by the Hub, or be made up by a mirror.
    """
    own = {entry.id for entry in list_own_entries(license_)}
    claims = [claim for claim in license_.claims if claim.kind is not ClaimKind.INHERITED]
    is_on_hub = any(claim.entry in own for claim in claims if not claim.artifact)
    is_in_file = any(claim.entry in own for claim in claims if claim.artifact)
    # An expression, or a name that other claims complete, is declared without an entry.
    is_in_file |= any(claim.artifact and claim.entry is None for claim in list_declared_claims(license_))
    return "Only the Hub's metadata names" if is_on_hub and not is_in_file else "The author names"


def _describe_missing_permission(why: str) -> str:
    return f"Permission to ship cannot be shown: {why}; a person must decide."


def _join_license_names(entries: list[LicenseEntry] | tuple[LicenseEntry, ...]) -> str:
    return " and ".join(entry.name for entry in entries)


def _list_territory_limits(license_: LicenseConclusion) -> list[str]:
    """List the clauses that exclude a territory. A clause on multimodal models does not apply to a model of text."""
    limits = [clause for entry in license_.entries for clause in entry.clauses if clause.kind == "territory-limit"]
    if license_.multimodal is False:
        limits = [clause for clause in limits if clause.scope != "multimodal"]
    return [f"Not in every country: {clause.text}" for clause in limits]


def _list_conflicts(license_: LicenseConclusion) -> list[str]:
    """List the first conflict that leaves the licence itself open, and the number of further ones."""
    details = [conflict.detail for conflict in license_.conflicts if conflict.kind in CONFLICTS_LEAVING_LICENSE_OPEN]
    if len(details) <= 1:
        return details
    return [details[0], f"And {count_noun(len(details) - 1, 'more conflict')}."]


def _list_forbidding_base_models(license_: LicenseConclusion) -> list[str]:
    """List the licences of base models that forbid commercial use; a model card cannot grant what they forbid."""
    own = {entry.id for entry in list_own_entries(license_)}
    entries = [each for each in license_.entries if each.category in _FORBIDDING_CATEGORIES and each.id not in own]
    return [f"A base model is under {_join_license_names(entries)}: no commercial use."] if entries else []


def _list_unclear_base_models(license_: LicenseConclusion) -> list[str]:
    """List the base models whose licence is unknown: their terms may forbid what the model card grants."""
    sentences = []
    unfollowed = list_unfollowed_base_models(license_)
    if unfollowed:
        sentences.append(
            f"Base models that were not looked up: {_join_names(unfollowed)}. Their licences may bind you too."
        )
    unconcluded = tuple(dict.fromkeys(origin.name for origin in list_unread_base_models(license_)))
    if unconcluded:
        sentences.append(f"Base models without a concluded licence: {_join_names(unconcluded)}.")
    return sentences


def _join_names(names: tuple[str, ...]) -> str:
    """Join the first names, and count the others."""
    others = len(names) - _MAX_NAMES
    return ", ".join(names[:_MAX_NAMES]) + (f" and {others} more" if others > 0 else "")


def describe_conclusion(license_: LicenseConclusion, otherwise: str) -> str:
    """Describe the concluded licence and whether its terms were verified.

    Args:
        license_: the conclusion of the scan.
        otherwise: the sentence to return if no licence was concluded.
    """
    if license_.state is not ConclusionState.CONCLUDED or not license_.entries:
        return otherwise
    own = list_own_entries(license_)
    names = ", ".join(entry.name for entry in own)
    if license_.expression:
        models = " for the model and its base models" if license_.origins else ""
        conclusion = f"Concluded{models}: {license_.expression}."
    elif len(own) == 1:
        conclusion = f"{_name_source(license_)} one licence: {names}."
    else:
        conclusion = f"{_name_source(license_)} {len(own)} licences: {names}."
    unverified = [entry.name for entry in license_.entries if not entry.read]
    if unverified:
        return f"{conclusion} The terms of {', '.join(unverified)} are not verified for this rule set."
    dates = ", ".join(dict.fromkeys(entry.read for entry in license_.entries))
    return f"{conclusion} Terms verified on {dates}."
