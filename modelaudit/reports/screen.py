"""Render the first screen of a scan: both answers, the open parts, one line a finding, and the exit code.

A pass takes at most 12 lines of 80 columns, any other verdict at most 30 and one a finding, without the paths of
written files. ``-v`` renders the whole report (``reports/terminal.py``).
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from modelaudit.model.acceptance import RecordedDecision
from modelaudit.model.digest import ClaimSource
from modelaudit.model.finding import Severity
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.license import ConclusionState
from modelaudit.model.opinion import Opinion, OpinionState
from modelaudit.model.report import AuditReport
from modelaudit.model.signature import Signature, SignatureState
from modelaudit.model.verdict import Verdict
from modelaudit.reports.answers import (
    count_causes,
    describe_conclusion,
    describe_duties,
    describe_exit_code,
    describe_verdict,
    list_rulings,
)
from modelaudit.reports.decision_words import (
    describe_acceptance_shortly,
    list_decided,
    list_refusals,
    summarize_decisions,
)
from modelaudit.reports.finding_lines import FindingRow, build_finding_line, detail_findings, group_rows
from modelaudit.reports.hub_scanners import describe_scanners, find_denied_files
from modelaudit.reports.inventory import AbsenceGroup, describe_comparison_shortly, group_absences
from modelaudit.reports.layout import (
    MIN_WIDTH,
    build_rows,
    build_text,
    build_title,
    build_written_list,
    indent_block,
    render_parts,
)
from modelaudit.reports.license_names import name_licenses
from modelaudit.reports.license_words import describe_planned_use
from modelaudit.reports.marks import VERDICT_MARKS
from modelaudit.reports.open_names import list_open_names
from modelaudit.reports.signature_words import describe_signature, summarize_signature
from modelaudit.reports.view import (
    describe_accepted,
    describe_findings,
    describe_opinion_extent,
    get_model_name,
    group_findings,
    list_absences,
    name_absences,
)
from modelaudit.reports.wording import count_noun, describe_place, format_sentence, format_size

_MOST_LINES_OF_PASS = 12
_MOST_LINES = 30
_BLANK_LINES = 3
"""Between the four blocks of a screen that is no pass."""
_MOST_FINDINGS = 40
"""Lines of findings; the others are counted."""
_MOST_ABSENCES = 4
_MOST_DECISIONS = 3
_SIGNATURE_ROWS = ("signature 1", "signature 2")
_MOST_LINES_OF_SIGNATURE = 3
"""Enough for the record, the signer, the time, the trust and the extent, unless the model chose long names."""
_MOST_DETAILS_BEFORE_NOTES = 1
_MOST_NOTES = 8
_LABEL_COLUMNS = 8
_SENTENCE_END = defer_pattern(r"(?<=[.:]) ")


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
    report, width = name_licenses(report), max(width, MIN_WIDTH)
    is_pass = report.decision.verdict is Verdict.PASS
    refusals = list_refusals(report)
    rows = group_rows([each for group in group_findings(report, show) for each in group.findings], refusals)
    lines = [build_finding_line(row, width, refusals) for row in rows[:_MOST_FINDINGS]]
    head, end = _render_answers(report, name, width), _render_end(report, files)
    opinions = _render_opinions(report, width)
    title = _render_title_of_findings(report, show, hidden=len(report.findings))
    room = _MOST_LINES_OF_PASS if is_pass else _MOST_LINES - _BLANK_LINES
    # The paths of written files take no room from the report: each is there because the user asked for it.
    room -= _count_lines([head, opinions, title, _render_end(report, ())], width)
    decided = _render_decisions(report, width, room)
    kept = _choose_parts([*decided.items(), *_order_parts(report, rows, lines, width)], max(room, len(decided)), width)
    # A finding of a pass that does not fit is counted in the title.
    shown = [index for index in range(len(lines)) if not is_pass or f"finding {index}" in kept]
    listed = sum(len(rows[index]) for index in shown)
    title = _render_title_of_findings(report, show, hidden=sum(map(len, rows)) - listed)
    facts = [kept[key] for key in (*_SIGNATURE_ROWS, "lock", "licence", "named", "files", "decided") if key in kept]
    notes = [kept[key] for key in ("notes",) if key in kept]
    listing = chain.from_iterable(
        [lines[index], *([kept[f"detail {index}"]] if f"detail {index}" in kept else [])] for index in shown
    )
    absences = [kept["absences"]] if "absences" in kept else []
    blocks = [Group(head, *facts, opinions, *notes), *absences, Group(title, *listing), end]
    return render_parts([Group(*blocks)] if is_pass else blocks, width=width, color=color)


def _order_parts(
    report: AuditReport, rows: Sequence[FindingRow], lines: Sequence[Text], width: int
) -> Iterator[tuple[str, RenderableType]]:
    """Yield the parts of the screen that need room, by name, the most important first.

    A name that comes again is a longer form of the same part. A screen that is no pass lists its findings anyway.
    """
    is_pass = report.decision.verdict is Verdict.PASS
    absences = _render_absences(report)
    facts = _list_facts(report)
    short = [(key, _shorten_fact(key, words, width)) for key, words in facts]
    findings = [(f"finding {index}", line) for index, line in enumerate(lines)] if is_pass else []
    open_rows = [
        key
        for (key, _), row in zip(findings, rows, strict=False)
        if row[0].acceptance is None and row[0].severity.rank >= Severity.MEDIUM.rank
    ]
    heavy = [pair for pair in findings if pair[0] in open_rows]
    signatures = _list_signatures(report)
    yield from ((key, _shorten_fact("signed", summarize_signature(each), width)) for key, each in signatures)
    yield from heavy[:1]
    yield from short
    if absences and not is_pass:
        yield "absences", absences
    yield from heavy[1:]
    yield from ((key, _build_fact(key, words)) for key, words in facts)
    yield from (pair for pair in findings if pair[0] not in open_rows)
    details = list(detail_findings(report, rows[: len(lines)]))
    if absences and is_pass:
        yield "absences", absences
    # The last notes name the changes to the cache, and compare the lock.
    notes = (
        [] if is_pass else [("notes", _render_notes(report, most)) for most in range(1, len(report.target.notes) + 1)]
    )
    yield from details[:_MOST_DETAILS_BEFORE_NOTES]
    yield from notes[:1]
    yield from details[_MOST_DETAILS_BEFORE_NOTES:]
    yield from notes[1:_MOST_NOTES]
    for key, each in signatures:
        yield key, _shorten_fact("signed", describe_signature(each), width, _MOST_LINES_OF_SIGNATURE)


def _choose_parts(parts: Sequence[tuple[str, RenderableType]], room: int, width: int) -> dict[str, RenderableType]:
    """Choose the parts that fit into ``room`` lines, in their order; a longer form takes the place of a shorter one."""
    kept: dict[str, RenderableType] = {}
    lines: dict[str, int] = {}
    for key, part in parts:
        needed = _count_lines([part], width)
        if needed - lines.get(key, 0) <= room:
            room -= needed - lines.get(key, 0)
            kept[key], lines[key] = part, needed
    return kept


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


def _render_answers(report: AuditReport, name: str, width: int) -> RenderableType:
    """Render the verdict with the name of the model, both answers with their reasons, and a line on the planned use."""
    verdict, target = report.decision.verdict, report.target
    shape, style = VERDICT_MARKS[verdict]
    model = name or get_model_name(target)
    commit = f" at {target.commit[:12]}" if target.commit and target.commit not in model else ""
    heading = build_text((f" {shape} {describe_verdict(report).upper()} ", style), "  ", (model, "bold"), commit)
    use = describe_planned_use(report.license.intent)
    plan = build_text(use)
    plan.truncate(width - _LABEL_COLUMNS - 1, overflow="ellipsis")
    rows: list[RenderableType] = [build_rows([("for", plan)], 1, _LABEL_COLUMNS - 1)] if use else []
    return Group(heading, build_answer_rows(report), *rows)


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


def _list_signatures(report: AuditReport) -> list[tuple[str, Signature]]:
    """List each signature with the name of its row; a refused one is a finding, which names it below."""
    held = [each for each in report.target.signatures if each.state is not SignatureState.REFUSED]
    return list(zip(_SIGNATURE_ROWS, held, strict=False))


def _list_facts(report: AuditReport) -> list[tuple[str, str]]:
    """List the label and the text of the rows on the licence, unless it was not checked, and on the files."""
    license_, coverage = report.license, report.coverage
    facts = []
    if license_.state is not ConclusionState.NOT_CHECKED:
        duties = describe_duties(license_)
        # The answer on the use may state the reason already.
        stated = report.decision.use.reason
        sentences = [
            each for each in _SENTENCE_END.split(describe_conclusion(license_)) if each.rstrip(".") not in stated
        ]
        text = " ".join([*sentences, *([f"{duties}, which modelaudit license lists."] if duties else [])])
        facts += [("licence", format_sentence(text))] if text else []
    if anchors := report.target.anchors:
        more = f" and {count_noun(len(anchors) - 1, 'more line')}" if len(anchors) > 1 else ""
        facts.append(("named", f"in {anchors[0].path}:{anchors[0].line}{more}"))
    size = format_size(sum(record.size for record in coverage.artifacts))
    unclaimed = coverage.count_bytes().unclaimed
    rest = f", {format_size(unclaimed)} in no part of a format" if unclaimed else ""
    verified = describe_comparison_shortly(report)
    files = f"{count_noun(coverage.file_count, 'file')}, {size}{rest}; {verified}; policy {report.policy.name}"
    return [*facts, *_list_other_lock(report), ("files", files)]


def _list_other_lock(report: AuditReport) -> Iterator[tuple[str, str]]:
    """Yield the row on a lock of another commit, which is the cause of all differences from it."""
    provenance = report.target.provenance
    for pin in () if provenance is None else provenance.pins:
        if pin.source is ClaimSource.LOCK and provenance is not None and pin.commit != provenance.commit:
            commits = f"commit {pin.commit[:12]}, and this is commit {provenance.commit[:12]}"
            yield "lock", f"{pin.record} is of {commits}, so the files may differ for that"


def _build_fact(label: str, text: str) -> RenderableType:
    """Build the row of a fact."""
    return build_rows([(label, build_text(text))], indent=1, label=_LABEL_COLUMNS - 1)


def _shorten_fact(label: str, text: str, width: int, most_lines: int = 1) -> RenderableType:
    """Build the row of a fact in about ``most_lines`` lines, cut at the end where it is too long."""
    line = build_text(text)
    line.truncate(most_lines * (width - _LABEL_COLUMNS - 1), overflow="ellipsis")
    return build_rows([(label, line)], indent=1, label=_LABEL_COLUMNS - 1)


def _render_opinions(report: AuditReport, width: int) -> RenderableType:
    """Render a row for each second opinion, and one line for the Hub's scanners unless they contradict this report."""
    rows = [("opinion", build_text(_describe_opinion(each))) for each in report.opinions]
    rows = rows or [("opinion", Text("no second scanner ran"))]
    if words := describe_scanners(report):
        line = build_text(words)
        if not find_denied_files(report):
            line.truncate(width - _LABEL_COLUMNS - 1, overflow="ellipsis")
        rows.append(("hub", line))
    return build_rows(rows, indent=1, label=_LABEL_COLUMNS - 1)


def _describe_opinion(opinion: Opinion) -> str:
    """Describe a second opinion in one clause, with the files that it judges differently."""
    name = f"{opinion.scanner} {opinion.version}".strip()
    if opinion.state is OpinionState.ABSENT:
        return f"{name} gave none: {opinion.detail}" if opinion.detail else f"{name} gave none"
    files = ", ".join(opinion.disagreements[:3])
    differing = f", none in {files}, unlike this report" if files else ""
    return f"{name} {describe_opinion_extent(opinion)}: {count_noun(len(opinion.findings), 'finding')}{differing}"


def _render_notes(report: AuditReport, most: int) -> RenderableType:
    """Render a row for each of the last ``most`` notes on how the target was resolved, and count the others."""
    left_out = len(report.target.notes) - most
    rows = [("note", build_text(note)) for note in report.target.notes[left_out:]]
    if left_out:
        rows.append(("", build_text(f"and {count_noun(left_out, 'more note', 'more notes')} (-v)")))
    return build_rows(rows, indent=1, label=_LABEL_COLUMNS - 1)


def _render_absences(report: AuditReport) -> RenderableType | None:
    """Render one line for each group of parts that were not examined; ``None`` without any."""
    pairs = list_absences(report)
    if not pairs:
        return None
    groups = group_absences(pairs)
    groups = tuple(sorted(groups, key=lambda group: (group.absence.acceptance is not None, -len(group.addresses))))
    refusals = list_refusals(report)
    lines: list[RenderableType] = [_describe_absences(group, refusals) for group in groups[:_MOST_ABSENCES]]
    rest = sum(len(group.addresses) for group in groups[_MOST_ABSENCES:])
    if rest:
        lines.append(Text(f"and {count_noun(rest, 'more part', 'more parts')} (-v)"))
    heading = f"{name_absences(pairs)}: {count_noun(len(pairs), 'part')}{describe_accepted(pairs)}"
    return Group(build_title(heading), *(indent_block(line) for line in lines))


def _describe_absences(group: AbsenceGroup, refusals: Mapping[str, RecordedDecision]) -> Text:
    """Describe parts that were not examined for one reason."""
    place = describe_place(group.absence.unread.where)
    acceptance = group.absence.acceptance
    accepted = f" ({describe_acceptance_shortly(acceptance)})" if acceptance else ""
    refusing = [refusals[name] for each in group.addresses if (name := group.absence.name_at(each)) in refusals]
    if refusing:
        number = f"{len(refusing)} " if len(refusing) < len(group.addresses) else ""
        accepted = f" ({number}refused by {refusing[0].by} until {refusing[0].expires})"
    return build_text(
        (group.name, "bold"), f" ({place})" if place else "", f": {group.absence.unread.detail}", accepted
    )


def _render_title_of_findings(report: AuditReport, show: Severity, hidden: int) -> Text:
    """Render the number of findings of each severity, how many of them fail, and how many are not listed."""
    below = sum(finding.severity.rank < show.rank for finding in report.findings)
    step = "-v --show info" if below else "-v"
    left_out = f" ({hidden + below} not listed: {step})" if hidden + below else ""
    return build_title(f"Findings: {describe_findings(report)}{left_out}")


def _render_end(report: AuditReport, files: Sequence[tuple[str, str]]) -> RenderableType:
    """Render the exit code with its causes, the files that were written, and the next step."""
    lines = [build_text(describe_exit_code(report))]
    if files:
        lines.append(build_written_list(path for _, path in files))
    steps = ["-v"]
    steps += [f"modelaudit explain {kind}" for kind, _ in count_causes(report)[:1]]
    if names := list_open_names(report):
        saved = next((path for format_, path in files if format_ == "json"), "")
        # A long name would take the room of the report.
        first = shlex.quote(min(names, key=len))
        others = ", and so for the others that decide --list names" if len(names) > 1 else ""
        steps.append(
            f"{'' if saved else '-o report.json, then '}"
            f"modelaudit decide {first} --report {shlex.quote(saved or 'report.json')} --answer …"
            f"{others}"
        )
    if "html" not in {format_ for format_, _ in files}:
        steps.append("-o report.html for a page to read and sign")
    lines.append(build_text(f"More: {'; '.join(steps)}."))
    return Group(*lines)
