"""The annexes of the page, in order, each with a letter, a title and a line for the contents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from modelaudit.model.license import ConclusionState
from modelaudit.model.report import AuditReport
from modelaudit.reports import decision_words, view
from modelaudit.reports.file_folders import MOST_TABLE_FILES, list_folders
from modelaudit.reports.finding_groups import NeedGroup
from modelaudit.reports.wording import STATES, count_noun

_QUIET_ORDER = ("license", "description", "findings")
"""The first annexes where no finding needs a decision."""
_PRINTED_LINES = 60
"""Rows of an annex above which it begins on a sheet of its own, with its title at the head of each sheet."""


class Annex(Struct, frozen=True):
    """One annex.

    Attributes:
        letter: ``A`` for the first.
        name: of its template, and its anchor.
        note: a few words for the contents; empty without any.
        is_long: whether it begins on a sheet of its own.
    """

    letter: str
    name: str
    title: str
    note: str
    is_long: bool = False


def list_annexes(report: AuditReport, groups: Sequence[NeedGroup]) -> tuple[Annex, ...]:
    """List the annexes that have content; the first is the one that decides the verdict."""
    parts = list(_iterate_parts(report, groups))
    if view.are_findings_first(report):
        parts.sort(key=lambda part: part[0] != "findings")
    elif not any(group.need.needs_decision for group in groups):
        parts.sort(key=lambda part: _QUIET_ORDER.index(part[0]) if part[0] in _QUIET_ORDER else len(_QUIET_ORDER))
    rows = _count_rows(report, groups)
    # The first annex follows the sign-off on its sheet, whatever its length.
    return tuple(
        Annex(chr(ord("A") + index), *part, is_long=index > 0 and rows.get(part[0], 0) > _PRINTED_LINES)
        for index, part in enumerate(parts)
    )


def _count_rows(report: AuditReport, groups: Sequence[NeedGroup]) -> dict[str, int]:
    """Count the printed rows of the annexes that may be long."""
    files = len(report.coverage.artifacts)
    return {
        "license": sum(len(entry.clauses) for entry in report.license.entries),
        "findings": sum(len(rule.shown) for group in groups for rule in group.rules),
        # More files are listed by folder.
        "inventory": files if files <= MOST_TABLE_FILES else len(list_folders(report)),
    }


def _iterate_parts(report: AuditReport, groups: Sequence[NeedGroup]) -> Iterator[tuple[str, str, str]]:
    """Yield the name, the title and the note of each annex."""
    license_ = report.license
    if license_.state is not ConclusionState.NOT_CHECKED:
        note = license_.expression or STATES[license_.state]
        if len({each.expression for each in license_.models}) > 1:
            note = f"{count_noun(len(license_.models), 'part')}, each with its own licence"
        yield "license", "Licence", note
    if groups:
        absences = view.list_absences(report)
        counts = [count_noun(len(report.findings), "finding")] if report.findings else []
        counts += [view.count_parts(absences)] if absences else []
        yield "findings", "Findings and unexamined parts", ", ".join(counts)
    if decided := decision_words.list_further_decisions(report):
        yield "decisions", "Further decisions of people", count_noun(len(decided), "decision")
    if report.description.facts:
        contradictions = len(report.description.contradictions)
        note = count_noun(contradictions, "contradiction") if contradictions else ""
        yield "description", f"The {view.name_subject(report)}", note
    if report.elements:
        yield "elements", "Bill of materials", ""
    if report.controls:
        evidenced = sum(bool(each.sentences) for each in report.controls)
        yield "controls", "Controls", f"evidence: {evidenced:,} of {len(report.controls)}"
    if report.coverage.artifacts:
        yield "inventory", "Files", ""
    yield "method", "Origin, method and limits", ""
