"""Summarize the duties of the licences for page 1: what the planned use triggers, and what may bring further duties."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from modelaudit.model.license import ConclusionState, LicenseConclusion
from modelaudit.model.terms import UNREAD_TERMS, Answer, Group, Use
from modelaudit.reports import license_view
from modelaudit.reports.clause_words import SOURCE_TO_USERS
from modelaudit.reports.duty_acts import describe_act, describe_particulars
from modelaudit.reports.front_page import ShortList
from modelaudit.reports.license_fields import list_forbidden_uses
from modelaudit.reports.license_parts import list_model_rows
from modelaudit.reports.license_view import Task, group_tasks
from modelaudit.reports.license_words import TRIGGERS, describe_kind
from modelaudit.reports.next_step import list_base_models_to_look_up
from modelaudit.reports.use_steps import list_contradicting
from modelaudit.reports.wording import count_noun, cut_text, join_first, join_phrases, lower_first

_MOST_NAMES: Final = 2
_MOST_DUTIES: Final = 8
_MOST_WATCHED: Final = 6
_MOST_FORBIDDEN: Final = 6
_SENTENCE_CHARACTERS: Final = 200
_DUTIES_OF_DENIED: Final = "its duties apply if an agreement with the licensor or a different use changes that"
_NO_OBLIGATIONS: Final = "No obligations can be listed, because no known licence was recognised."
_DUTY_SIGNS: Final = frozenset({"attribution-duty"})
"""The signs of sentences that demand an act, by the keys of ``rules/restrictions.yaml``."""


def summarize_duties(license_: LicenseConclusion) -> ShortList:
    """Summarize the duties by their titles, the things to do first; those to watch are counted."""
    if license_.state is ConclusionState.NOT_CHECKED:
        return ShortList("Not known: the licence was not checked.")
    groups = dict(group_tasks(license_))
    tasks = [task for group, each in groups.items() if group is not Group.WATCH for task in each]
    watched = groups.get(Group.WATCH, ())
    if not license_.entries:
        return ShortList(f"{_NO_OBLIGATIONS} There may still be obligations.", _point_to_duties(license_))
    if license_.state is not ConclusionState.CONCLUDED and not license_.models:
        return _summarize_unsettled_duties(license_)
    # The duties that begin with a stated act come first.
    tasks.sort(key=lambda task: task.depends_on(license_.intent) != ())
    lines = list(dict.fromkeys(_describe_duty(task, license_) for task in tasks))
    more = max(len(lines) - _MOST_DUTIES, 0)
    watch = [f"{_name_watched(watched, license_)}."] if watched else []
    forbidden = [
        f"Not permitted (annex on the licence): {each}." for each in list_forbidden_uses(license_, _MOST_FORBIDDEN)
    ]
    doubts = _list_doubts_on_duties(license_)
    return ShortList(describe_duty_scope(license_, tasks), (*lines[:_MOST_DUTIES], *forbidden, *watch, *doubts), more)


def _name_watched(tasks: Sequence[Task], license_: LicenseConclusion) -> str:
    """Name the points that ask for nothing in advance; an annex explains each. Without a planned use, count them."""
    if license_.intent is None or not license_.intent.is_stated:
        return count_noun(len(tasks), "point to watch", "points to watch")
    titles = [lower_first(describe_kind(task.kind)) for task in tasks]
    return f"To watch (annex on the licence): {join_first(titles, _MOST_WATCHED, '; ')}"


def _summarize_unsettled_duties(license_: LicenseConclusion) -> ShortList:
    """Summarize the duties of each licence that may apply, where none could be determined."""
    rivals = list_contradicting(license_)
    lead = "Which duties apply is not known, because no licence could be determined."
    if rivals:
        lead = f"The duties depend on which of {join_phrases(rivals)} applies."
    denying = {each.license for each in license_.open_answers if each.answer is Answer.DENY}
    is_denied_throughout = not rivals or denying.issuperset(rivals)
    if license_.open_permission is Answer.DENY and is_denied_throughout:
        lead = f"Your planned use is not allowed: {_DUTIES_OF_DENIED}. {lead}"
    lines = []
    for entry in license_.entries:
        own = [(group, task) for group, each in group_tasks(license_) for task in each if task.license == entry.id]
        kinds = [lower_first(_describe_duty(task, license_).rstrip(".")) for group, task in own if group != Group.WATCH]
        watched = [task for group, task in own if group is Group.WATCH]
        none = "its clauses bring no duty" if license_.permission is None else "your planned use triggers no duty"
        duties = join_first(kinds, _MOST_DUTIES, "; ") or none
        watch = f". {_name_watched(watched, license_)}" if watched else ""
        is_denied = entry.id in denying and not is_denied_throughout
        denied = "your planned use is not allowed; under an agreement with the licensor, " if is_denied else ""
        lines.append(f"If {entry.id} applies: {denied}{duties}{watch}.")
    return ShortList(lead, (*lines[:_MOST_DUTIES], *_point_to_duties(license_)), max(len(lines) - _MOST_DUTIES, 0))


def _point_to_duties(license_: LicenseConclusion) -> tuple[str, ...]:
    """Point to the sentences of the repository that demand something of the user, beside any licence on record."""
    claims = [each for each in license_.claims if each.field == "restriction" and each.location.key in _DUTY_SIGNS]
    quoted = [(each, cut_text(" ".join(each.quotation.split()), _SENTENCE_CHARACTERS)) for each in claims]
    lines = [
        f"{each.artifact}:{each.location.line} demands: “{words}”"
        for each, words in quoted
        if words and each.location.line
    ]
    return tuple(dict.fromkeys(lines))[:_MOST_DUTIES]


def _list_doubts_on_duties(license_: LicenseConclusion) -> list[str]:
    """List what may bring further duties: sentences of the author, base models and files that were not read."""
    doubts = [*_point_to_duties(license_)]
    if names := list_base_models_to_look_up(license_):
        doubts.append(f"The licence of {join_first(names, _MOST_NAMES)} was not read and may bring further duties.")
    if any(each.kind == UNREAD_TERMS for each in license_.open_answers):
        doubts.append("Terms in files that were not read to their end may bring further duties.")
    elif not (license_.origins or doubts) and any(not each.license for each in license_.open_answers):
        doubts.append("The terms that are open may bring further duties.")
    unverified = [each.id for each in license_.entries if not each.read]
    if unverified:
        doubts.append(
            f"The terms of {join_first(unverified, _MOST_NAMES)} are not verified and may bring further duties."
        )
    return doubts


def describe_duty_scope(license_: LicenseConclusion, tasks: Sequence[Task]) -> str:
    """Describe in one or two sentences when the duties apply, by stated and unstated parts of the planned use."""
    if not license_.permission and not license_.acceptance:
        return "Each under its condition." if tasks else "The clauses on record bring no duty."
    open_uses = dict.fromkeys(use for task in tasks for use in task.depends_on(license_.intent))
    unstated = f"you did not state whether you {join_phrases([TRIGGERS[use] for use in open_uses], 'or')}"
    depending = sum(bool(task.depends_on(license_.intent)) for task in tasks)
    if not tasks:
        scope = "Your planned use triggers no duty."
    elif not depending:
        scope = "The duties of your planned use."
    elif depending == len(tasks):
        scope = f"Each under its condition; {unstated}."
    else:
        scope = f"The duties of your planned use, then those with an “if”; {unstated}."
    if license_.open_permission is not Answer.DENY:
        return scope
    rows = list_model_rows(license_)
    lost = [row.name for row in rows if row.answer is Answer.DENY]
    whose = f"Your planned use of {join_phrases(lost)}" if lost and len(lost) < len(rows) else "Your planned use"
    if not tasks:
        return f"{whose} is not allowed. It would trigger no duty."
    lead = f"{whose} is not allowed: {_DUTIES_OF_DENIED}."
    return f"{lead} {scope}" if depending else lead


def _describe_duty(task: Task, license_: LicenseConclusion) -> str:
    open_words = task.describe_open(license_.intent)
    when = f" {open_words}" if open_words else ""
    met = f"; the repository holds {task.met}" if task.met else ""
    if license_view.lacks_text(license_, task):
        met = "; the repository lacks it"
    is_planned = license_.intent is not None and license_.intent.uses.get(Use.REDISTRIBUTE)
    if task.kind == SOURCE_TO_USERS and not is_planned:
        met = "; this gives copies, and brings the duties on copies"
    parts = [each.name for each in license_.models if task.license in each.entries]
    part = f", for {join_first(parts, _MOST_NAMES)}" if parts and len(parts) < len(license_.models) else ""
    # Page 1 names a single licence at its head.
    source = task.source if len(license_.entries) > 1 else task.section or "section not stated"
    place = "; ".join((source, *describe_particulars(task, license_)))
    return f"{describe_act(task, when)} ({place}){part}{met}."
