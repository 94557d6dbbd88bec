"""Render the difference between two reports: for a terminal, as Markdown, and as JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from typing import Final

from msgspec import structs

from modelaudit.model.difference import Change, Difference, Direction, Topic
from modelaudit.reports.canonical_json import Json, encode_canonical
from modelaudit.reports.markdown_text import write_code, write_row, write_text
from modelaudit.reports.text import escape_unprintable, guard_lines
from modelaudit.reports.wording import count_noun

TOPICS: Final = {
    Topic.VERDICT: "Verdict",
    Topic.REFUSAL: "Refusals",
    Topic.FINDING: "Findings",
    Topic.ABSENCE: "Not examined",
    Topic.LICENCE: "Licence",
    Topic.LINEAGE: "Base models",
    Topic.CODE: "Code: read it again",
    Topic.FILE: "Files",
}
MARKS: Final = {Direction.WORSE: "✘", Direction.BETTER: "✔", Direction.CHANGED: "•"}
_SHOWN_OF_A_TOPIC: Final = 40
_DETAIL_CHARACTERS: Final = 300


def summarize(difference: Difference) -> str:
    """Return the first line: whether anything got worse, and how much changed."""
    worse = sum(each.direction is Direction.WORSE for each in difference.changes)
    if not difference.changes:
        return "NOTHING CHANGED  The reports agree on files, findings, licence and verdict."
    changed = count_noun(len(difference.changes), "change")
    if worse:
        return f"WORSE  {count_noun(worse, 'change is', 'changes are')} for the worse, of {changed} in all."
    return f"NOT WORSE  {changed}, and none is for the worse."


def render_text(difference: Difference, width: int = 80) -> bytes:
    """Render the difference for a terminal of ``width`` columns."""
    lines = _wrap(summarize(difference), width, 0)
    for label, name in (("from", difference.before), ("to  ", difference.after)):
        lines += _wrap(f"{label} {_escape(name)}", width, 2)
    for topic, changes in _group(difference):
        lines += ["", TOPICS[topic]]
        for change in changes[:_SHOWN_OF_A_TOPIC]:
            lines += _wrap(f"{MARKS[change.direction]} {_escape(change.name)}", width, 2)
            lines += _wrap(_escape(change.detail), width, 6)
        lines += _name_further(changes)
    return guard_lines(f"{chr(10).join(lines)}\n").encode()


def render_markdown(difference: Difference) -> bytes:
    """Render the difference as Markdown, for the summary of a job or a comment."""
    before, after = write_code(difference.before), write_code(difference.after)
    lines = [f"**{summarize(difference)}**", "", f"From {before} to {after}."]
    for topic, changes in _group(difference):
        lines += ["", f"### {TOPICS[topic]}", "", "| | what | change |", "|---|---|---|"]
        for change in changes[:_SHOWN_OF_A_TOPIC]:
            lines.append(write_row(change.direction, write_code(change.name), write_text(change.detail)))
        lines += ["", *_name_further(changes)] if _name_further(changes) else []
    return f"{chr(10).join(lines)}\n".encode()


def render_json(difference: Difference) -> bytes:
    """Render the difference as canonical JSON: ``before``, ``after``, ``worse`` and ``changes``."""
    value: dict[str, Json] = {
        "before": _escape(difference.before),
        "after": _escape(difference.after),
        "worse": difference.is_worse,
        "changes": [
            {key: _escape(str(each)) for key, each in structs.asdict(change).items()} for change in difference.changes
        ],
    }
    return encode_canonical(value)


RENDERERS: Final[Mapping[str, Callable[[Difference], bytes]]] = {
    "table": render_text,
    "json": render_json,
    "markdown": render_markdown,
}
"""The renderers by the name of their format."""


def _group(difference: Difference) -> Iterator[tuple[Topic, list[Change]]]:
    """Yield the changes of each topic; they are in the order of topics already."""
    for topic, changes in groupby(difference.changes, key=lambda change: change.topic):
        yield topic, list(changes)


def _name_further(changes: list[Change]) -> list[str]:
    further = len(changes) - _SHOWN_OF_A_TOPIC
    return [f"  and {further:,} more; --json lists all"] if further > 0 else []


def _escape(text: str) -> str:
    return escape_unprintable(text, limit=_DETAIL_CHARACTERS)


def _wrap(text: str, width: int, indent: int) -> list[str]:
    """Wrap a text to lines with an indent; a long name is broken."""
    return textwrap.wrap(text, width, initial_indent=" " * indent, subsequent_indent=" " * indent)
