"""The annexes of the page, in order, each with a letter, a title and what the contents say of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from modelaudit.model.license import ConclusionState
from modelaudit.model.report import AuditReport
from modelaudit.reports import decision_words, view
from modelaudit.reports.file_folders import MOST_TABLE_FILES, list_folders
from modelaudit.reports.finding_groups import NeedGroup
from modelaudit.reports.wording import STATES, count_noun

_QUIET_ORDER = ("license", "description", "findings")
"""The first annexes where no finding needs a decision."""
_PRINTED_LINES = 60
"""Rows of all annexes together above which the longest begin on a sheet of their own, with their titles at the head."""
LONG_ANNEXES = ("license", "findings", "inventory")


@dataclass(frozen=True, slots=True)
class Annex:
    """One annex.

    Attributes:
        letter: ``A`` for the first.
        name: of its template, and its anchor.
        note: a few words for the contents; empty without any.
    """

    letter: str
    name: str
    title: str
    note: str


def list_annexes(report: AuditReport, groups: Sequence[NeedGroup]) -> tuple[Annex, ...]:
    """List the annexes that have content; the first is the one that decides the verdict."""
    parts = list(_iterate_parts(report, groups))
    if view.are_findings_first(report):
        parts.sort(key=lambda part: part[0] != "findings")
    elif not any(group.need.needs_decision for group in groups):
        parts.sort(key=lambda part: _QUIET_ORDER.index(part[0]) if part[0] in _QUIET_ORDER else len(_QUIET_ORDER))
    return tuple(Annex(chr(ord("A") + index), *part) for index, part in enumerate(parts))


def are_long(report: AuditReport, groups: Sequence[NeedGroup]) -> bool:
    """Whether the annexes fill so many pages that the longest begin on pages of their own."""
    rows = sum(len(rule.shown) for group in groups for rule in group.rules)
    clauses = sum(len(entry.clauses) for entry in report.license.entries)
    files = len(report.coverage.artifacts)
    # More files are listed by folder.
    listed = files if files <= MOST_TABLE_FILES else len(list_folders(report))
    return rows + clauses + listed > _PRINTED_LINES


def _iterate_parts(report: AuditReport, groups: Sequence[NeedGroup]) -> Iterator[tuple[str, str, str]]:
    """Yield the name, the title and the note of each annex."""
    license_ = report.license
    if license_.state is not ConclusionState.NOT_CHECKED:
        note = license_.expression or STATES[license_.state]
        yield "license", "Licence", note
    if groups:
        absences = len(view.list_absences(report))
        counts = [count_noun(len(report.findings), "finding")] if report.findings else []
        counts += [f"{absences:,} not examined"] if absences else []
        yield "findings", "Findings and unexamined parts", ", ".join(counts)
    if decided := decision_words.list_further_decisions(report):
        yield "decisions", "Further decisions of people", count_noun(len(decided), "decision")
    if report.description.facts:
        contradictions = len(report.description.contradictions)
        note = count_noun(contradictions, "contradiction") if contradictions else ""
        yield "description", "The model", note
    if report.elements:
        yield "elements", "Completeness of the bill of materials", count_noun(len(report.elements), "list")
    if report.controls:
        evidenced = sum(bool(each.sentences) for each in report.controls)
        yield "controls", "Controls", f"{evidenced} of {len(report.controls)} with evidence"
    if report.coverage.artifacts:
        yield "inventory", "Files", view.describe_inventory(report).partition(", ")[0]
    yield "method", "Origin, method and limits", ""
