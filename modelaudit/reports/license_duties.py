"""Render the duties of licences for a terminal, by group, as a list to tick off."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from modelaudit.model.license import LicenseConclusion
from modelaudit.model.terms import Answer
from modelaudit.model.terms import Group as DutyGroup
from modelaudit.reports.answers import describe_duties
from modelaudit.reports.layout import build_rows, build_text, build_title
from modelaudit.reports.license_view import Task, group_tasks
from modelaudit.reports.license_words import SHORT_GROUPS, describe_kind
from modelaudit.reports.wording import cut_text, end_sentence, lower_first

LABEL_COLUMNS = 8
"""The width of the labels at the left of the screen."""
_MAX_TASKS_PER_GROUP = 8
_MAX_DUTY_CHARACTERS = 240
_GROUPS_IN_ONE_LINE = (DutyGroup.WATCH,)
"""Groups whose duties are listed by their kind alone: they are many, and nothing has to be prepared for them."""


def render_tasks(license_: LicenseConclusion) -> RenderableType | None:
    """Render the duties by group, as a list to tick off; for a denied use, only the kinds of duties."""
    groups = group_tasks(license_)
    if not groups:
        return None
    all_tasks = [task for _, tasks in groups for task in tasks]
    ids = list(dict.fromkeys(task.license for task in all_tasks))
    # The licence of a duty is shown unless the heading names it for all of them.
    show_license = len(ids) > 1
    is_denied = license_.open_permission is Answer.DENY
    rows: list[tuple[str, Text]] = []
    for group, tasks in groups:
        label = SHORT_GROUPS[group]
        if is_denied or group in _GROUPS_IN_ONE_LINE:
            rows.append((label, _format_kinds(tasks, show_license)))
            continue
        items = [_format_alike_tasks(alike, show_license) for alike in _group_alike_tasks(tasks)]
        rows += [(label if index == 0 else "", item) for index, item in enumerate(items[:_MAX_TASKS_PER_GROUP])]
        if len(items) > _MAX_TASKS_PER_GROUP:
            omitted = len(items) - _MAX_TASKS_PER_GROUP
            rows.append(("", build_text(f"… and {omitted} more, in the HTML and JSON reports")))
    under = "" if show_license else f" under {build_text(ids[0])}"
    heading = "If the use were allowed" if is_denied else "To do"
    title = build_title(f"{heading}{under}: {describe_duties(license_)}")
    return Group(title, build_rows(rows, label=LABEL_COLUMNS))


def _group_alike_tasks(tasks: tuple[Task, ...]) -> list[list[Task]]:
    """Group open duties of one kind that several licences share, one duty from each licence.

    A duty that is met or that requires exact words forms a group of its own.
    """
    groups: list[list[Task]] = []
    shared_groups: dict[str, list[Task]] = {}
    for task in tasks:
        shared = shared_groups.get(task.kind)
        has_license = any(task.license == other.license for other in shared or ())
        if task.met or task.words or has_license:
            groups.append([task])
        elif shared is None:
            shared_groups[task.kind] = [task]
            groups.append(shared_groups[task.kind])
        else:
            shared.append(task)
    return groups


def _format_alike_tasks(alike: list[Task], show_license: bool) -> Text:
    """Format duties of one kind as one item: their text if it is the same, else their kind, and every section."""
    if len(alike) == 1:
        return _format_task(alike[0], show_license)
    has_one_text = len({task.text for task in alike}) == 1
    if has_one_text:
        description = cut_text(alike[0].text, _MAX_DUTY_CHARACTERS)
    else:
        description = f"{describe_kind(alike[0].kind)}, for each:"
    sources = "; ".join(f"{shorten_id(task.license)}, {task.section or 'section not stated'}" for task in alike)
    return build_text(f"[ ] {description}", (f" ({sources})", "dim"))


def _format_task(task: Task, show_license: bool) -> Text:
    """Format a duty with its box, the exact words that its text lacks, and its section."""
    text = cut_text(task.text, _MAX_DUTY_CHARACTERS)
    item = f"[ ] {text} The repository holds it: {task.met}." if task.met else f"[ ] {text}"
    quotations = " / ".join(f"“{words}”" for words in task.words if words not in task.text)
    exact_words = [f" Exact words: {quotations}"] if quotations else []
    section = task.section or "section not stated"
    source = f"{shorten_id(task.license)}, {section}" if show_license else section
    return build_text(item, *exact_words, (f" ({source})", "dim"))


def shorten_id(license_id: str) -> str:
    """Shorten a licence id that is shown in full above."""
    return license_id.removeprefix("LicenseRef-")


def _format_kinds(tasks: tuple[Task, ...], show_license: bool) -> Text:
    """Format duties as one sentence that names each kind with its sections: ``Ship the notices (4.1, 4.2)``."""
    places_by_kind: dict[str, list[str]] = {}
    for task in tasks:
        section = task.section.removeprefix("section ")
        place = f"{shorten_id(task.license)} {section}" if show_license else section
        places_by_kind.setdefault(lower_first(describe_kind(task.kind)), []).append(place.strip())
    description = "; ".join(f"{kind} ({', '.join(dict.fromkeys(places))})" for kind, places in places_by_kind.items())
    return build_text(end_sentence(description[:1].upper() + description[1:]))
