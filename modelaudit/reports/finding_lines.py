"""The lines of the findings on the first screen: one a finding, or one for equal findings of one container."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from modelaudit.model.acceptance import RecordedDecision
from modelaudit.model.address import is_member
from modelaudit.model.finding import Finding, Severity
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.report import AuditReport
from modelaudit.model.structure import Location
from modelaudit.reports.answers import describe_conclusion, list_rulings
from modelaudit.reports.decision_words import describe_settlement
from modelaudit.reports.layout import build_marked_line, build_text, indent_block
from modelaudit.reports.marks import SEVERITY_MARKS
from modelaudit.reports.text import escape_unprintable

FindingRow = tuple[Finding, ...]
"""One finding, or several of one rule in one container, which take one line."""

_MOST_DETAILED: Final = 6
_LEAST_GROUPED: Final = 3
_SEVERITY_COLUMNS: Final = 11
_SHARD: Final = defer_pattern(r"\d+-of-\d+")
_WORD: Final = defer_pattern(r"\w+")
_LEADING_PLACE: Final = defer_pattern(r"^(?:line|byte) \d+: ")
_SENTENCE_END: Final = defer_pattern(r"(?<=[.:]) ")


def group_rows(findings: Sequence[Finding], refusals: Mapping[str, RecordedDecision]) -> list[FindingRow]:
    """Group findings of one rule on three or more members of one container; each other one is a row of its own."""

    def identify(finding: Finding) -> tuple[object, ...]:
        settlement = describe_settlement(finding, refusals)
        container = finding.artifact.rpartition("!")[0] if is_member(finding.artifact) else ""
        return finding.severity, finding.rule, container, settlement, "" if container else finding.fingerprint

    rows: list[FindingRow] = []
    for _, group in groupby(findings, identify):
        row = tuple(group)
        rows += [row] if len(row) >= _LEAST_GROUPED else [(each,) for each in row]
    return rows


def build_finding_line(row: FindingRow, width: int, refusals: Mapping[str, RecordedDecision]) -> Text:
    """Build the line of a finding: severity, fingerprint, rule and place, which is cut where it is too long.

    Grouped findings have their number in place of the fingerprint, and their container as the place.
    """
    finding = row[0]
    shape, style = SEVERITY_MARKS[finding.severity]
    mark = f"{shape} {finding.severity}".ljust(_SEVERITY_COLUMNS)
    settlement = describe_settlement(finding, refusals)
    word = f"{settlement[0]} " if settlement else ""
    is_group = len(row) > 1
    name = f"{len(row):,} findings".ljust(len(finding.fingerprint)) if is_group else finding.fingerprint
    rule = escape_unprintable(f"{word}{name}  {finding.rule}  ")
    where = "" if is_group else _format_location(finding.location)
    artifact = finding.artifact.rpartition("!")[0] if is_group else finding.artifact or "the model"
    place = escape_unprintable(f"{artifact}{where}")
    room = max(width - len(mark) - len(rule) - 2, 8)
    place = _cut_place(place, room)
    line = Text(f" {mark} ", style.replace("white on ", ""), no_wrap=True, overflow="ellipsis")
    return line.append(rule, "default").append(place, "bold default")


def _cut_place(place: str, room: int) -> str:
    """Cut a place to ``room`` characters at its left.

    A file name that is longer itself keeps both of its ends, or the number of its part.
    """
    name = place.rpartition("/")[2]
    if len(place) <= room:
        return place
    if len(name) < room:
        return f"…{place[-(room - 1) :]}"
    shard = _SHARD.search(name)
    if shard is not None and len(shard[0]) <= room - 2:
        # Both ends of these names are equal.
        end = name[shard.start() :]
        return f"…{end}" if len(end) < room else f"…{end[: room - 2]}…"
    head = (room - 2) // 2
    return f"…{name[:head]}…{name[-(room - 2 - head) :]}"


def _format_location(where: Location) -> str:
    """Format a place for the end of a path: ``:12`` for a line, ``@36`` for a byte."""
    if where.line is not None:
        return f":{where.line}"
    return f"@{where.offset}" if where.offset is not None else ""


def detail_findings(report: AuditReport, rows: Sequence[FindingRow]) -> Iterator[tuple[str, RenderableType]]:
    """Yield the lines below a finding, by name: the open ones with the most weight, each text once.

    The first that are high or fail have their message and the most telling line of evidence. The first others of a rule
    have its title.
    """
    said = {sentence for _, ruling in list_rulings(report) for sentence in _split_sentences(ruling.reason)}
    said |= _split_sentences(describe_conclusion(report.license))
    titles = {rule.id: rule.title for rule in report.rules}
    detailed: set[str] = set()
    repeated: set[str] = set()
    for index, row in enumerate(rows):
        finding = row[0]
        is_heavy = finding.severity.rank >= Severity.HIGH.rank or report.policy.rejects(finding)
        if len(detailed) == _MOST_DETAILED or finding.acceptance is not None:
            continue
        text = finding.message if is_heavy else titles.get(finding.rule, "")
        sentences = _split_sentences(text)
        if text and not said & sentences and not sentences <= repeated and (is_heavy or finding.rule not in detailed):
            repeated |= sentences
            detailed.add(finding.fingerprint if is_heavy else finding.rule)
            evidence = _quote_evidence(finding) if is_heavy else ()
            yield f"detail {index}", indent_block(Group(build_text(text), *evidence), _SEVERITY_COLUMNS + 2)


def _split_sentences(text: str) -> set[str]:
    """Split a text at the ends of its sentences."""
    return {sentence.rstrip(".") for sentence in _SENTENCE_END.split(text)}


def _quote_evidence(finding: Finding) -> Iterator[RenderableType]:
    """Yield the marked line of the evidence, or else its first line."""
    first = next(iter(finding.evidence), "")
    line = next((line for line in finding.evidence if line.startswith("> ")), first)
    if set(_WORD.findall(line)) <= set(_WORD.findall(first)):
        # The marked instruction of a listing; its first line also names the operand.
        line = first
    # The place of the line is in the line of the finding.
    words = set(_WORD.findall(_LEADING_PLACE.sub("", line)))
    if not words <= set(_WORD.findall(finding.message)):
        yield build_marked_line(Text(">"), build_text(_LEADING_PLACE.sub("", line).removeprefix("> ")))
