"""Render the whole report as text, for ``-v`` and for files: answers, absences, findings, licence and opinions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from modelaudit.model.acceptance import RecordedDecision
from modelaudit.model.coverage import Absence
from modelaudit.model.finding import Finding, Severity
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.opinion import Opinion, OpinionState
from modelaudit.model.report import AuditReport
from modelaudit.model.terms import LicenseCategory
from modelaudit.reports.answers import describe_conclusion, describe_exit_code, describe_verdict, list_details
from modelaudit.reports.decision_words import (
    describe_settled_absence,
    describe_settlement,
    list_decision_lines,
    list_refusals,
    list_valid_signoffs,
)
from modelaudit.reports.hub_scanners import describe_scanners, get_scans
from modelaudit.reports.inventory import describe_bytes, describe_comparison
from modelaudit.reports.layout import (
    Rows,
    build_marked_line,
    build_rows,
    build_text,
    build_title,
    build_written_list,
    indent_block,
    render_parts,
)
from modelaudit.reports.license_names import find_license_names, introduce_licenses, name_licenses
from modelaudit.reports.license_parts import describe_model_row, list_model_rows
from modelaudit.reports.license_words import describe_intended_use
from modelaudit.reports.marks import SEVERITY_MARKS, VERDICT_MARKS
from modelaudit.reports.provenance_words import describe_provenance
from modelaudit.reports.screen import build_answer_rows
from modelaudit.reports.signature_words import describe_signature
from modelaudit.reports.view import (
    FindingGroup,
    describe_accepted,
    describe_completeness,
    describe_findings,
    describe_inventory,
    describe_network_use,
    describe_opinion_extent,
    get_model_name,
    group_findings,
    list_absences,
    list_skipped_checks,
    list_unexplained_records,
    name_absences,
)
from modelaudit.reports.wording import (
    CATEGORIES,
    CHECKS,
    count_noun,
    describe_gates,
    describe_place,
    describe_unread,
    end_sentence,
    format_sentence,
    lower_first,
)

_Equal = TypeVar("_Equal")
_UNKNOWN = LicenseCategory.UNKNOWN
_MAX_EVIDENCE_LINES = 8
_MAX_INTRODUCTION_LINES = 3
"""Lines before a listing that are kept when it is shortened."""
_LISTING_MARKS = ("  ", "> ")
"""The beginnings of the lines of a listing; ``> `` marks the line that the finding is about."""

_PLACE_IN_EVIDENCE = defer_pattern(r"^(?:(?:line|byte) \d+: |(?:> )?\s*\d+ )")
"""Findings are equal if they differ in places alone: no other arguments of a call hide behind an entry."""

_MAX_FINDINGS_PER_RULE = 20
_MAX_ABSENCES = 40
_LEAST_FOLDED = 5
"""Equal findings or parts that share one entry; fewer have one each."""
_MAX_FOLDED_PLACES = 3
"""Places that such an entry names."""


def render_table(
    report: AuditReport,
    *,
    width: int = 100,
    color: bool = False,
    show: Severity = Severity.INFO,
    files: Sequence[tuple[str, str]] = (),
) -> bytes:
    """Render the report as UTF-8 text.

    Args:
        report: the report to show.
        width: columns of the terminal; at least 40 are used.
        color: whether to write ANSI colors.
        show: the lowest severity to list. The listing states the number of hidden findings.
        files: format and path of each file that this run wrote for the report.
    """
    named = name_licenses(report)
    parts = (
        *build_summary(report),
        _render_findings(named, show),
        _render_license_and_opinions(named),
        _render_exit_code(named, files),
    )
    return render_parts(parts, width=width, color=color)


def build_summary(report: AuditReport) -> tuple[Group, Group]:
    """Build the parts before the findings: the answers with the facts of the scan, and what was not examined."""
    introduced = introduce_licenses(report.license, find_license_names(report.license))
    report = name_licenses(report)
    return _render_head(report, introduced), _render_absences(report)


def _render_head(report: AuditReport, introduced: str) -> Group:
    """Render the verdict, both answers, the further reasons, and rows about the target and the policy.

    Args:
        report: to show.
        introduced: the licences by title and short name; empty without any.
    """
    shape, style = VERDICT_MARKS[report.decision.verdict]
    target, policy = report.target, report.policy
    rows = [("model", build_text(get_model_name(target)))]
    if introduced:
        label, _, names = introduced.partition(": ")
        noun, _, named = lower_first(label).partition(" ")
        rows.append((noun, build_text(f"{named}: {names}" if named else names)))
    if target.commit or target.revision:
        asked = f" (asked for {target.revision})" if target.revision and target.revision != target.commit else ""
        rows.append(("commit", build_text((target.commit or "none") + asked)))
    rows += [("from", build_text(f"{target.origin}; {describe_network_use(report)}"))]
    rows += [("origin", build_text(line)) for line in describe_provenance(target.provenance)]
    rows += [("signed", build_text(describe_signature(each))) for each in target.signatures]
    rows += [("note", build_text(note)) for note in target.notes]
    rows.append(("files", build_text(describe_inventory(report), ". ", describe_comparison(report))))
    rows.append(("bytes", build_text(describe_bytes(report))))
    rows.append(("policy", build_text(f"{policy.name}: {describe_gates(policy)}")))
    if report.license.intent is not None:
        rows.append(("use", build_text("; ".join(describe_intended_use(report.license.intent)))))
    rows += [("part", build_text(describe_model_row(row))) for row in list_model_rows(report.license)]
    rows += [(label, build_text(line)) for label, line in list_decision_lines(report)]
    rows += [("sign-off", build_text(format_sentence(line))) for line in list_valid_signoffs(report)]
    rows.append(
        ("tool", build_text(f"{report.tool.name} {report.tool.version}, {report.tool.edition}, {report.created}"))
    )
    heading = build_text(
        (f" {shape} {describe_verdict(report).upper()} ", style), "  ", (get_model_name(target), "bold")
    )
    return Group(
        heading,
        build_answer_rows(report),
        *(build_marked_line(Text(f"  - {question}:"), build_text(detail)) for question, detail in list_details(report)),
        Text(),
        build_rows(rows),
    )


def _render_absences(report: AuditReport) -> Group:
    """Render the parts that were not examined, each with its reason, and the checks that did not run."""
    pairs = list_absences(report)
    unexplained = list_unexplained_records(report)
    skipped_checks = list_skipped_checks(report)
    refusals = list_refusals(report)
    lines: list[Text | Padding] = []
    entries: dict[str, list[Text]] = {}
    for address, absence in pairs:
        settled = describe_settled_absence(absence, address, refusals)
        words = f"{describe_unread(absence.unread)}{f' {settled}' if settled else ''}"
        entries.setdefault(words, []).append(_name_absent_part(address, absence))
    shown = [entry for words, places in entries.items() for entry in _fold_equals(words, places)]
    for words, places in shown[:_MAX_ABSENCES]:
        lines += [_join_places(places), indent_block(build_text(words))]
    if hidden := sum(len(places) for _, places in shown[_MAX_ABSENCES:]):
        lines.append(Text(f"… and {hidden:,} more, in the HTML and JSON reports"))
    lines += [build_text((record.path, "bold"), " (no reason was recorded)") for record in unexplained]
    if skipped_checks:
        names = ", ".join(CHECKS[family] for family in skipped_checks)
        lines.append(build_text("Checks that did not run: ", names, "."))
    if not report.coverage.artifacts:
        lines.append(Text("There was no file to examine."))
    if not lines:
        return Group(Text.assemble(("Not examined: ", "bold"), f"{describe_completeness(report)}."))
    number = len(pairs) + len(unexplained)
    counted = count_noun(number, "part of the model", "parts of the model")
    parts = f": {counted}{describe_accepted(pairs)}" if number else ""
    name = name_absences(pairs) if pairs and not unexplained else "Not examined"
    return Group(build_title(f"{name}{parts}"), *map(indent_block, lines))


def _name_absent_part(address: str, absence: Absence) -> Text:
    """Name the part that was not examined, and the place in it or the file that names it."""
    place, part = describe_place(absence.unread.where), absence.name_part(address)
    where = f" ({place})" if place else ""
    named = f" (named in {address}{f', {place}' if place else ''})" if part != address else where
    return build_text((part, "bold"), named)


def _fold_equals(words: str, equals: list[_Equal]) -> Iterator[tuple[str, list[_Equal]]]:
    """Yield all of those with equal words as one entry if they are many, and else an entry for each."""
    if len(equals) >= _LEAST_FOLDED:
        yield words, equals
    else:
        yield from ((words, [each]) for each in equals)


def _join_places(places: Sequence[Text]) -> Text:
    """Join the places of an entry in one text: the first ones, and the number of the others."""
    text = Text(", ").join(places[:_MAX_FOLDED_PLACES])
    more = len(places) - _MAX_FOLDED_PLACES
    return text.append(f" and {more:,} more, in the HTML and JSON reports") if more > 0 else text


def _render_findings(report: AuditReport, show: Severity) -> Group:
    """Render the findings of severity ``show`` or above, grouped by rule, and the number of the others."""
    shown = [finding for finding in report.findings if finding.severity.rank >= show.rank]
    hidden = len(report.findings) - len(shown)
    counts = "it counts" if hidden == 1 else "they count"
    note = f" ({hidden:,} below {show} not listed: --show info; {counts} for the verdict too)" if hidden else ""
    blocks: list[Text | Group] = [build_title(f"Findings: {describe_findings(report)}{note}")]
    refusals = list_refusals(report)
    for group in group_findings(report, show):
        blocks += [Text(), _render_finding_group(group, refusals)]
    return Group(*blocks)


def _render_finding_group(group: FindingGroup, refusals: Mapping[str, RecordedDecision]) -> Group:
    """Render the findings of one rule under its title; the reason and the remedy follow once for all of them."""
    shape, style = SEVERITY_MARKS[group.severity]
    title = group.rule.title if group.rule else "this report contains no description of the rule"
    mark = build_text((f" {shape} {group.severity.upper()} ", style))
    heading = build_marked_line(mark, build_text((title, "bold"), f"  {group.rule_id}"))
    blocks: list[RenderableType] = [heading]
    equals: dict[str, list[Finding]] = {}
    for finding in group.findings:
        settlement = describe_settlement(finding, refusals)
        evidence = (_PLACE_IN_EVIDENCE.sub("", line) for line in finding.evidence)
        words = "\n".join((finding.message, settlement[1] if settlement else "", *evidence))
        equals.setdefault(words, []).append(finding)
    shown = [entry for words, findings in equals.items() for _, entry in _fold_equals(words, findings)]
    blocks += [_render_finding(entry, refusals) for entry in shown[:_MAX_FINDINGS_PER_RULE]]
    if more := sum(map(len, shown[_MAX_FINDINGS_PER_RULE:])):
        note = Text(f"… and {more:,} more of this rule, in the HTML and JSON reports")
        blocks.append(indent_block(note, columns=4))
    if group.rule:
        blocks.append(
            build_rows([("why", build_text(group.rule.why)), ("fix", build_text(group.rule.fix))], indent=4, label=8)
        )
    return Group(*blocks)


def _render_finding(equals: Sequence[Finding], refusals: Mapping[str, RecordedDecision]) -> Rows:
    """Render the place, the message and the evidence of a finding as rows, and who accepted or refused it.

    Args:
        equals: the finding, and those with the same message and evidence; each of the first ones has its place.
        refusals: the decisions that refuse a finding, by its fingerprint.
    """
    finding = equals[0]
    rows = [
        ("where" if index == 0 else "", _name_place(each)) for index, each in enumerate(equals[:_MAX_FOLDED_PLACES])
    ]
    if (more := len(equals) - _MAX_FOLDED_PLACES) > 0:
        rows.append(("", Text(f"… and {more:,} more places, in the HTML and JSON reports")))
    rows.append(("what", build_text(finding.message)))
    settlement = describe_settlement(finding, refusals)
    rows += [(settlement[0], build_text(settlement[1]))] if settlement else []
    lines = _shorten_evidence(finding.evidence)
    rows += [("evidence" if index == 0 else "", build_text(line)) for index, line in enumerate(lines)]
    return build_rows(rows, indent=4, label=8)


def _name_place(finding: Finding) -> Text:
    """Name the artifact, the place in it, and the fingerprint of the finding."""
    place = describe_place(finding.location)
    where = f"{finding.artifact or 'the model as a whole'}" + (f", {place}" if place else "")
    return build_text((where, "bold"), (f"  {finding.fingerprint}", "dim"))


def _shorten_evidence(lines: tuple[str, ...]) -> list[str]:
    """Shorten the evidence of a finding, and state the number of lines left out.

    The evidence is an introduction, then perhaps a listing that marks its most important line with ``> ``. The last
    marked line is always shown. Where it is far from the beginning, lines of the listing before it are left out.
    """
    # Replacing a single line by a note would save nothing.
    if len(lines) <= _MAX_EVIDENCE_LINES + 1:
        return list(lines)
    marked = max((index for index, line in enumerate(lines) if line.startswith("> ")), default=None)
    if marked is None or marked <= _MAX_EVIDENCE_LINES:
        # A marked line right behind the bound is still shown.
        end = max(_MAX_EVIDENCE_LINES, (marked or 0) + 1)
        return [*lines[:end], f"… and {count_noun(len(lines) - end, 'more line')}"]
    listing_start = next(index for index, line in enumerate(lines) if line.startswith(_LISTING_MARKS))
    introduction_end = min(listing_start, _MAX_INTRODUCTION_LINES)
    # The introduction and the lines that end with the marked one fill the bound together.
    end = marked + 1
    second_start = end - (_MAX_EVIDENCE_LINES - introduction_end)
    omission = f"… {count_noun(second_start - introduction_end, 'line')} left out"
    shown = [*lines[:introduction_end], omission, *lines[second_start:end]]
    if end < len(lines):
        shown.append(f"… and {count_noun(len(lines) - end, 'more line')}")
    return shown


def _render_license_and_opinions(report: AuditReport) -> Group:
    """Render a row for the licence and a row for each second opinion."""
    conclusion = report.license
    category = f" Category: {CATEGORIES[conclusion.category]}." if conclusion.category is not _UNKNOWN else ""
    rows = [("licence", build_text(f"{describe_conclusion(conclusion)}{category}"))]
    if not report.opinions:
        rows.append(("opinions", Text("No second scanner ran.")))
    rows += [("opinions" if index == 0 else "", _describe_opinion(each)) for index, each in enumerate(report.opinions)]
    if words := describe_scanners(report):
        rows.append(("hub", build_text(f"The Hub's own scanners on {words}.")))
    if scans := get_scans(report):
        rows += [("", build_text(end_sentence(remark))) for remark in scans.remarks]
    return Group(build_rows(rows, indent=0, label=8))


def _describe_opinion(opinion: Opinion) -> Text:
    """Describe a second opinion: its extent, its findings, and the files that it judges differently."""
    name = f"{opinion.scanner} {opinion.version}".strip()
    if opinion.state is OpinionState.ABSENT:
        return build_text(f"{name} gave no opinion, so it does not confirm this report: {end_sentence(opinion.detail)}")
    agreeing = sum(finding.agrees for finding in opinion.findings)
    parts = [f"{name} {describe_opinion_extent(opinion)}"]
    shared = f", {agreeing:,} in files with findings of this report" if opinion.findings else ""
    parts.append(f"{count_noun(len(opinion.findings), 'finding')}{shared}")
    if opinion.absences:
        parts.append("the HTML and JSON reports list what it left out")
    if opinion.disagreements:
        parts.append("no finding in " + ", ".join(opinion.disagreements) + ", unlike this report")
    return build_text("; ".join(parts) + ".")


def _render_exit_code(report: AuditReport, files: Sequence[tuple[str, str]]) -> Text:
    """Render the exit code with its causes, the files that were written, and the way to the page to sign."""
    text = build_text(describe_exit_code(report))
    if files:
        text.append(" ").append_text(build_written_list(path for _, path in files))
    if "html" not in {format_ for format_, _ in files}:
        text.append(" For a page to read and sign, scan again with -o report.html.")
    return text
