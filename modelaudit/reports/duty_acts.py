"""State what a duty asks for, where a list shows no text of its clause: the title, how, the limits, the exact words."""

from __future__ import annotations

from typing import Final

from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.license import LicenseConclusion
from modelaudit.model.terms import Clause
from modelaudit.reports.license_fields import is_about_fields
from modelaudit.reports.license_view import Task
from modelaudit.reports.license_words import describe_kind
from modelaudit.reports.wording import LIMIT_KINDS, lower_first, shorten_to_clauses

_KINDS_WITH_TEXT: Final = frozenset({"derivative-naming", "pass-on-use-limits"})
"""The kinds whose title names a subject alone: what to do differs from licence to licence, and the clause says it."""
_HOLDS_LIMITS: Final = frozenset({"pass-on-use-limits"})
"""The kinds that refer to limits in other clauses."""
_LIMIT_WORDS: Final = defer_pattern(r"\b(?:limits?|restrictions?|prohibitions?|use conditions|forbidden)\b")
_TEXT_CHARACTERS: Final = 240
_MOST_WORD_CHARACTERS: Final = 40
"""Characters of exact words that fit into a line; longer ones, such as a notice, are in the annex."""


def describe_act(task: Task, when: str = "") -> str:
    """Describe what a duty asks for: the title of its kind, with the clause where the title leaves open how.

    Args:
        task: the duty.
        when: a condition behind the title, with a space before it; empty without one.
    """
    title = f"{describe_kind(task.kind)}{when}"
    if task.kind not in _KINDS_WITH_TEXT:
        return title
    return f"{title}: {lower_first(shorten_to_clauses(task.text, _TEXT_CHARACTERS).rstrip('.'))}"


def describe_particulars(task: Task, license_: LicenseConclusion) -> list[str]:
    """List what belongs to the section of a duty: the exact words that it demands, and where its limits are stated.

    Args:
        task: the duty.
        license_: its conclusion, with the clauses of its licence.
    """
    words = [each for each in task.words if each.rstrip(".") not in task.text]
    particulars = []
    if words and all(len(each) <= _MOST_WORD_CHARACTERS for each in words):
        particulars.append(f"exact words: {' or '.join(f'“{each}”' for each in words)}")
    if sections := _list_limit_sections(task, license_):
        particulars.append(f"the limits: {', '.join(sections)}")
    return particulars


def _list_limit_sections(task: Task, license_: LicenseConclusion) -> list[str]:
    """List the sections with the limits that a duty refers to: those on uses, else every limit of the licence."""
    if task.kind not in _HOLDS_LIMITS or _LIMIT_WORDS.search(task.text) is None:
        return []
    entry = next((each for each in license_.entries if each.id == task.license), None)
    limits: list[Clause] = [each for each in entry.clauses if each.kind in LIMIT_KINDS] if entry else []
    on_uses = [each for each in limits if is_about_fields(each)]
    sections = list(dict.fromkeys(each.section for each in on_uses or limits if each.section))
    # One section may name another with it.
    return [each for each in sections if not any(each in other for other in sections if other != each)]
