"""Render the list of decisions and of open subjects, for ``modelaudit decide --list``."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import structs

from modelaudit.model.acceptance import DecisionState, RecordedDecision
from modelaudit.model.register import OpenSubject
from modelaudit.reports.canonical_json import Json, encode_canonical
from modelaudit.reports.text import escape_unprintable, guard_lines
from modelaudit.reports.wording import count_noun, describe_decision, end_sentence

STATES: Final = {
    DecisionState.REOPENED: "Reopened: the bytes are not those that were decided on, or are gone",
    DecisionState.EXPIRED: "Expired: decide again, or remove the entry",
    DecisionState.NOT_PERMITTED: "Not permitted: the policy or the licence lets no decision accept it",
    DecisionState.DUE: "Due: expires within 30 days",
    DecisionState.UNUSED: "Unused: no effect on this report",
    DecisionState.HONOURED: "Honoured",
}
"""The heading of each state, in the order of the list: decisions that need an action come first."""
NO_REPORT: Final = "With --report, the list also shows what is open, unused or reopened."
NEXT: Final = "Next: modelaudit decide SUBJECT --report REPORT.json --answer "
_DETAIL_CHARACTERS: Final = 300


def render_decision_list(
    decisions: Sequence[RecordedDecision], subjects: Sequence[OpenSubject] | None, width: int
) -> str:
    """Render the list as text.

    Args:
        decisions: the entries of the register with their states.
        subjects: what a report leaves open; ``None`` without a report.
        width: in columns.
    """
    blocks = [*_render_open(subjects or (), width), *_render_states(decisions, width)]
    if subjects is None:
        blocks.append(NO_REPORT)
    elif subjects:
        blocks.append(NEXT + ("accept|refuse" if any(each.is_acceptable for each in subjects) else "refuse"))
    elif not blocks:
        blocks.append("Nothing is open, and the register holds no decision on this model.")
    return "\n\n".join(blocks)


def render_decision_json(decisions: Sequence[RecordedDecision], subjects: Sequence[OpenSubject] | None) -> bytes:
    """Render the list as JSON: ``decisions``, and ``open``, which is null without a report."""
    value: dict[str, Json] = {
        "decisions": [dataclasses.asdict(each) for each in decisions],
        "open": None if subjects is None else [structs.asdict(each) for each in subjects],
    }
    return encode_canonical(value)


def _render_open(subjects: Sequence[OpenSubject], width: int) -> Iterator[str]:
    """Yield the block of open subjects, if there are any."""
    if not subjects:
        return
    lines = [f"Open: {count_noun(len(subjects), 'subject')} without a decision"]
    for each in subjects:
        lines += _wrap(f"{each.subject}  {each.severity}".rstrip(), width, 2)
        lines += _wrap(end_sentence(each.detail), width, 4)
    yield "\n".join(lines)


def _render_states(decisions: Sequence[RecordedDecision], width: int) -> Iterator[str]:
    """Yield a block for each state that occurs."""
    for state, heading in STATES.items():
        lines = []
        for each in decisions:
            if each.state is state:
                lines += _wrap(f"{each.place}  {each.subject}  until {each.expires}", width, 2)
                lines += _wrap(describe_decision(each), width, 4)
                lines += _wrap(each.detail, width, 4)
        if lines:
            yield "\n".join([heading, *lines])


def _wrap(text: str, width: int, indent: int) -> list[str]:
    """Wrap an escaped text to lines with an indent."""
    shown = escape_unprintable(text, limit=_DETAIL_CHARACTERS)
    lines = textwrap.wrap(shown, width, initial_indent=" " * indent, subsequent_indent=" " * indent)
    return [guard_lines(each) for each in lines]
