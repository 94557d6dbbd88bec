"""Render the first screen of a scan: both answers, what is open, one line a finding, and the exit code.

A pass takes at most 12 lines of 80 columns, any other verdict at most 30 and one a finding, without the paths of
written files. ``-v`` renders the whole report (``reports/terminal.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from modelaudit.model.acceptance import RecordedDecision
from modelaudit.model.finding import Finding, Severity
from modelaudit.model.license import ConclusionState
from modelaudit.model.report import AuditReport, Opinion, OpinionState
from modelaudit.model.structure import Location
from modelaudit.model.verdict import Verdict
from modelaudit.reports.answers import (
    count_causes,
    describe_conclusion,
    describe_duties,
    describe_exit_code,
    list_rulings,
)
from modelaudit.reports.decision_words import (
    describe_acceptance_shortly,
    describe_settlement,
    list_decided,
    list_refusals,
    summarize_decisions,
)
from modelaudit.reports.inventory import AbsenceGroup, group_absences
from modelaudit.reports.layout import (
    MIN_WIDTH,
    build_marked_line,
    build_rows,
    build_text,
    build_title,
    build_written_list,
    indent_block,
    render_parts,
)
from modelaudit.reports.marks import SEVERITY_MARKS, VERDICT_MARKS
from modelaudit.reports.text import escape_unprintable
from modelaudit.reports.view import (
    describe_accepted,
    describe_opinion_extent,
    describe_severities,
    get_model_name,
    group_findings,
    list_absences,
)
from modelaudit.reports.wording import count_noun, describe_place, format_sentence, format_size

_MOST_LINES_OF_PASS = 12
_MOST_LINES = 30
_BLANK_LINES = 3
"""Between the four blocks of a screen that is no pass."""
_MOST_FINDINGS = 40
"""Lines of findings; the others are counted."""
_MOST_ABSENCES = 4
_MOST_DETAILED = 3
_MOST_DECISIONS = 3
_LABEL_COLUMNS = 8
_SEVERITY_COLUMNS = 11
_WORD = re.compile(r"\w+")
_LEADING_PLACE = re.compile(r"^(?:line|byte) \d+: ")
_SENTENCE_END = re.compile(r"(?<=[.:]) ")


def render_screen(
    report: AuditReport,
    *,
    width: int = 80,
    color: bool = False,
    show: Severity = Severity.LOW,
    files: Sequence[tuple[str, str]] = (),
    name: str = "",
) -> bytes:
    """Render the screen as UTF-8 text.

    Args:
        report: the report to show.
        width: columns of the terminal; at least 40 are used.
        color: whether to write ANSI colors.
        show: the lowest severity to list; the others are counted.
        files: format and path of each file that this run wrote for the report.
        name: of the target, as the user typed it; that of the report by default.
    """
    width = max(width, MIN_WIDTH)
    is_pass = report.decision.verdict is Verdict.PASS
    groups = group_findings(report, show)
    findings = [finding for group in groups for finding in group.findings]
    refusals = list_refusals(report)
    lines_of_findings = [_build_finding_line(finding, width, refusals) for finding in findings[:_MOST_FINDINGS]]
    head, end = _render_answers(report, name), _render_end(report, files)
    absences, opinions = _render_absences(report), _render_opinions(report)
    title = _render_title_of_findings(report, show, hidden=len(findings) - len(lines_of_findings))
    # In the order of their importance: what does not fit is left to ``-v``.
    room = _MOST_LINES_OF_PASS if is_pass else _MOST_LINES - _BLANK_LINES
    # The paths of written files take no room from the report: each is there because the user asked for it.
    room -= _count_lines([head, opinions, title, _render_end(report, ())], width)
    optional = {
        **_render_decisions(report, width, room),
        **({"absences": absences} if absences and not is_pass else {}),
        "licence": _render_facts(report),
        **({f"finding {index}": line for index, line in enumerate(lines_of_findings)} if is_pass else {}),
        **(_detail_findings(report, findings) if not is_pass else {}),
        **({"absences": absences} if absences and is_pass else {}),
        **({"notes": _render_notes(report)} if report.target.notes and not is_pass else {}),
    }
    room = max(room, 1 if "decided" in optional else 0)
    kept: dict[str, RenderableType] = {}
    for key, part in optional.items():
        lines = _count_lines([part], width)
        if lines <= room:
            kept[key] = part
            room -= lines
    # A finding of a pass that does not fit is counted in the title.
    shown = [each for index, each in enumerate(lines_of_findings) if not is_pass or f"finding {index}" in kept]
    title = _render_title_of_findings(report, show, hidden=len(findings) - len(shown))
    facts = [
        *(kept[key] for key in ("licence", "decided") if key in kept),
        opinions,
        *(kept[key] for key in ("notes",) if key in kept),
    ]
    listing = chain.from_iterable(
        [line, *([kept[f"detail {index}"]] if f"detail {index}" in kept else [])] for index, line in enumerate(shown)
    )
    blocks = [Group(head, *facts), *([kept["absences"]] if "absences" in kept else []), Group(title, *listing), end]
    return render_parts([Group(*blocks)] if is_pass else blocks, width=width, color=color)


def _count_lines(parts: Sequence[RenderableType], width: int) -> int:
    """Count the lines that the parts take one below the other."""
    return render_parts([Group(*parts)], width=width, color=False).count(b"\n")


def _render_decisions(report: AuditReport, width: int, room: int) -> dict[str, RenderableType]:
    """Render the decisions in force, critical findings first, and as many of them as fit, at least a part of a line."""
    for most in range(_MOST_DECISIONS, 0, -1):
        rows = [(label, build_text(line)) for label, line in summarize_decisions(report, most)]
        part = build_rows(rows, 1, _LABEL_COLUMNS - 1)
        if rows and _count_lines([part], width) <= room:
            return {"decided": part}
    decided = list_decided(report)
    if not decided:
        return {}
    count = f"1 of {len(decided):,}, " if len(decided) > 1 else ""
    line = build_text(f"{count}{decided[0]}")
    line.truncate(width - _LABEL_COLUMNS - 1, overflow="ellipsis")
    return {"decided": build_rows([("decided", line)], 1, _LABEL_COLUMNS - 1)}


def _render_answers(report: AuditReport, name: str) -> RenderableType:
    """Render the verdict with the name of the model, then both answers with their reasons."""
    verdict, target = report.decision.verdict, report.target
    shape, style = VERDICT_MARKS[verdict]
    commit = f" at {target.commit[:12]}" if target.commit else ""
    heading = build_text(
        (f" {shape} {verdict.upper()} ", style), "  ", (name or get_model_name(target), "bold"), commit
    )
    return Group(heading, build_answer_rows(report))


def build_answer_rows(report: AuditReport) -> RenderableType:
    """Build a row for each of the two answers: its mark, its word, and its reason."""
    grid = Table.grid(padding=(0, 1), expand=True)
    grid.add_column(width=_LABEL_COLUMNS - 1, style="dim")
    grid.add_column(no_wrap=True)
    grid.add_column(ratio=1, overflow="fold")
    for question, ruling in list_rulings(report):
        shape, style = VERDICT_MARKS[ruling.verdict]
        color = style.rpartition(" ")[2]
        grid.add_row(
            str(question), build_text((f"{shape} {ruling.verdict}", f"bold {color}")), build_text(ruling.reason)
        )
    return indent_block(grid, 1)


def _render_facts(report: AuditReport) -> RenderableType:
    """Render rows on the licence, unless it was not checked, and on the files."""
    license_, coverage = report.license, report.coverage
    rows = []
    if license_.state is not ConclusionState.NOT_CHECKED:
        duties = describe_duties(license_)
        # The answer on the use may state the reason already.
        stated = report.decision.use.reason
        sentences = [
            each for each in _SENTENCE_END.split(describe_conclusion(license_)) if each.rstrip(".") not in stated
        ]
        text = " ".join([*sentences, *([f"{duties}: modelaudit license."] if duties else [])])
        rows += [("licence", build_text(format_sentence(text)))] if text else []
    if anchors := report.target.anchors:
        more = f" and {count_noun(len(anchors) - 1, 'more line')}" if len(anchors) > 1 else ""
        rows.append(("named", build_text(f"in {anchors[0].path}:{anchors[0].line}{more}")))
    size = format_size(sum(record.size for record in coverage.artifacts))
    unclaimed = coverage.count_bytes().unclaimed
    rest = f", {format_size(unclaimed)} in no part of a format" if unclaimed else ""
    files = f"{count_noun(coverage.file_count, 'file')}, {size}{rest}; policy {report.policy.name}"
    rows.append(("files", build_text(files)))
    return build_rows(rows, indent=1, label=_LABEL_COLUMNS - 1)


def _render_opinions(report: AuditReport) -> RenderableType:
    """Render a row for each second opinion."""
    rows = [("opinion", build_text(_describe_opinion(each))) for each in report.opinions]
    return build_rows(rows or [("opinion", Text("no second scanner ran"))], indent=1, label=_LABEL_COLUMNS - 1)


def _describe_opinion(opinion: Opinion) -> str:
    """Describe a second opinion in one clause, with the files on which it differs."""
    name = f"{opinion.scanner} {opinion.version}".strip()
    if opinion.state is OpinionState.ABSENT:
        return f"{name} gave none: {opinion.detail}" if opinion.detail else f"{name} gave none"
    files = ", ".join(opinion.disagreements[:3])
    differing = f", none in {files}, unlike this report" if files else ""
    return f"{name} {describe_opinion_extent(opinion)}: {count_noun(len(opinion.findings), 'finding')}{differing}"


def _render_notes(report: AuditReport) -> RenderableType:
    """Render a row for each note on how the target was resolved."""
    return build_rows([("note", build_text(note)) for note in report.target.notes], indent=1, label=_LABEL_COLUMNS - 1)


def _render_absences(report: AuditReport) -> RenderableType | None:
    """Render one line for each group of parts that were not examined; ``None`` without any."""
    pairs = list_absences(report)
    if not pairs:
        return None
    groups = group_absences(pairs)
    groups = tuple(sorted(groups, key=lambda group: (group.absence.acceptance is not None, -len(group.addresses))))
    lines: list[RenderableType] = [_describe_absences(group) for group in groups[:_MOST_ABSENCES]]
    rest = sum(len(group.addresses) for group in groups[_MOST_ABSENCES:])
    if rest:
        lines.append(Text(f"and {count_noun(rest, 'more part', 'more parts')} (-v)"))
    heading = f"Not examined: {count_noun(len(pairs), 'part')}{describe_accepted(pairs)}"
    return Group(build_title(heading), *(indent_block(line) for line in lines))


def _describe_absences(group: AbsenceGroup) -> Text:
    """Describe parts that were not examined for one reason."""
    place = describe_place(group.absence.unread.where)
    acceptance = group.absence.acceptance
    accepted = f" ({describe_acceptance_shortly(acceptance)})" if acceptance else ""
    return build_text(
        (group.name, "bold"), f" ({place})" if place else "", f": {group.absence.unread.detail}", accepted
    )


def _render_title_of_findings(report: AuditReport, show: Severity, hidden: int) -> Text:
    """Render the number of findings of each severity, and how many of them are not listed."""
    below = sum(finding.severity.rank < show.rank for finding in report.findings)
    step = "-v --show info" if below else "-v"
    left_out = f" ({hidden + below} not listed: {step})" if hidden + below else ""
    return build_title(f"Findings: {describe_severities(report.findings)}{left_out}")


def _build_finding_line(finding: Finding, width: int, refusals: Mapping[str, RecordedDecision]) -> Text:
    """Build the line of a finding: severity, fingerprint, rule and place, which is cut where it is too long."""
    shape, style = SEVERITY_MARKS[finding.severity]
    mark = f"{shape} {finding.severity}".ljust(_SEVERITY_COLUMNS)
    settlement = describe_settlement(finding, refusals)
    word = f"{settlement[0]} " if settlement else ""
    rule = escape_unprintable(f"{word}{finding.fingerprint}  {finding.rule}  ")
    place = escape_unprintable(f"{finding.artifact or 'the model'}{_format_location(finding.location)}")
    room = max(width - len(mark) - len(rule) - 2, 8)
    place = _cut_place(place, room)
    line = Text(f" {mark} ", style.replace("white on ", ""), no_wrap=True, overflow="ellipsis")
    return line.append(rule, "default").append(place, "bold default")


def _cut_place(place: str, room: int) -> str:
    """Cut a place to ``room`` characters at its left; a file name that is longer itself keeps both of its ends."""
    name = place.rpartition("/")[2]
    if len(place) <= room:
        return place
    if len(name) < room:
        return f"…{place[-(room - 1) :]}"
    head = (room - 2) // 2
    return f"…{name[:head]}…{name[-(room - 2 - head) :]}"


def _format_location(where: Location) -> str:
    """Format a place for the end of a path: ``:12`` for a line, ``@36`` for a byte."""
    if where.line is not None:
        return f":{where.line}"
    return f"@{where.offset}" if where.offset is not None else ""


def _detail_findings(report: AuditReport, findings: Sequence[Finding]) -> dict[str, RenderableType]:
    """Return the message and the most telling line of evidence of the first findings, each message once."""
    failing = [(index, each) for index, each in enumerate(findings) if each.acceptance is None]
    details: dict[str, RenderableType] = {}
    said = {sentence for _, ruling in list_rulings(report) for sentence in _split_sentences(ruling.reason)}
    for index, finding in failing:
        if len(details) == _MOST_DETAILED or finding.severity.rank < Severity.HIGH.rank:
            break
        sentences = _split_sentences(finding.message)
        if not said & sentences:
            said |= sentences
            lines = [build_text(finding.message), *_quote_evidence(finding)]
            details[f"detail {index}"] = indent_block(Group(*lines), _SEVERITY_COLUMNS + 2)
    return details


def _split_sentences(text: str) -> set[str]:
    """Split a text at the ends of its sentences."""
    return {sentence.rstrip(".") for sentence in _SENTENCE_END.split(text)}


def _quote_evidence(finding: Finding) -> Iterator[RenderableType]:
    """Yield the marked line of the evidence, or else its first line."""
    quoted = next((line for line in finding.evidence if line.startswith("> ")), None)
    line = quoted or next(iter(finding.evidence), "")
    # The place of the line is in the line of the finding.
    words = set(_WORD.findall(_LEADING_PLACE.sub("", line)))
    if not words <= set(_WORD.findall(finding.message)):
        yield build_marked_line(Text(">"), build_text(line.removeprefix("> ")))


def _render_end(report: AuditReport, files: Sequence[tuple[str, str]]) -> RenderableType:
    """Render the exit code with its causes, the files that were written, and the next step."""
    lines = [build_text(describe_exit_code(report))]
    if files:
        lines.append(build_written_list(path for _, path in files))
    steps = ["-v"]
    steps += [f"modelaudit explain {kind}" for kind, _ in count_causes(report)[:1]]
    if "html" not in {format_ for format_, _ in files}:
        steps.append("-o report.html for a page to read and sign")
    lines.append(build_text(f"More: {'; '.join(steps)}."))
    return Group(*lines)
