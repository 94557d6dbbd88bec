"""The report for a terminal: the verdict, what was not examined, the findings, and one line each for the rest."""

from __future__ import annotations

from rich.console import Group
from rich.padding import Padding
from rich.text import Text

from modelaudit.model.finding import Finding, Severity
from modelaudit.model.license import ClaimKind
from modelaudit.model.report import AuditReport, Opinion, OpinionState, Verdict
from modelaudit.reports.inventory import compared_sentence
from modelaudit.reports.layout import rows_of, text_of, title_of, written
from modelaudit.reports.shipping import Permission, license_sentence, shipping
from modelaudit.reports.view import (
    FindingGroup,
    absences,
    checks_not_run,
    grouped,
    inventory_sentence,
    mode_sentence,
    model_name,
    severity_sentence,
    silent_records,
    verdict_sentence,
)
from modelaudit.reports.wording import (
    CATEGORIES,
    CHECKS,
    CONCLUSIONS,
    EXIT_CODES,
    OPINIONS,
    counted,
    ended,
    fail_on_words,
    place_words,
    unread_words,
)

_SHAPES = {
    Severity.CRITICAL: ("■", "bold white on red"),
    Severity.HIGH: ("▲", "bold red"),
    Severity.MEDIUM: ("◆", "bold yellow"),
    Severity.LOW: ("●", "bold cyan"),
    Severity.INFO: ("○", "bold blue"),
}
_VERDICTS = {
    Verdict.PASS: ("✔", "bold white on green"),
    Verdict.FAIL: ("✘", "bold white on red"),
    Verdict.INCOMPLETE: ("◐", "bold black on yellow"),
}
_SHIPPING = {
    Permission.ALLOWED: Verdict.PASS,
    Permission.OPEN: Verdict.INCOMPLETE,
    Permission.FORBIDDEN: Verdict.FAIL,
}
_EVIDENCE_LINES = 8
_EVIDENCE_HEAD = 3
"""Lines before a listing that stay when it is cut."""

_FINDINGS_PER_RULE = 20
_ABSENCES = 40


def render_table(
    report: AuditReport, *, width: int = 100, color: bool = False, show: Severity = Severity.INFO
) -> bytes:
    """Return the report as UTF-8 text.

    Args:
        report: what to show.
        width: columns of the terminal; at least 40 are used.
        color: whether to write ANSI colours.
        show: the lowest severity to list. It hides findings from this listing only, and the listing says how many.
    """
    parts = (_head(report), _unexamined(report), _findings(report, show), _lines(report), _last(report))
    return written(parts, width=width, color=color)


def _head(report: AuditReport) -> Group:
    shape, style = _VERDICTS[report.decision.verdict]
    target, policy = report.target, report.policy
    rows = [("model", text_of(model_name(target)))]
    if target.commit or target.revision:
        asked = f" (asked for {target.revision})" if target.revision and target.revision != target.commit else ""
        rows.append(("commit", text_of((target.commit or "none") + asked)))
    rows += [("from", text_of(f"{target.origin}; {mode_sentence(report)}"))]
    rows += [("note", text_of(note)) for note in target.notes]
    rows.append(("files", text_of(inventory_sentence(report), ". ", compared_sentence(report))))
    rows.append(("policy", text_of(f"{policy.name}: {fail_on_words(policy.fail_on)}")))
    rows.append(("tool", text_of(f"{report.tool.name} {report.tool.version}, {report.created}")))
    ship = shipping(report.license, "listed in the HTML report")
    if report.decision.verdict is Verdict.PASS and ship.permission is not Permission.ALLOWED:
        style = _VERDICTS[Verdict.INCOMPLETE][1]
    heading = Text.assemble((f" {shape} {report.decision.verdict.upper()} ", style), " ", verdict_sentence(report))
    mark, tone = _VERDICTS[_SHIPPING[ship.permission]]
    second = text_of((f" {mark} LICENCE TO SHIP ", tone), " ", ship.line)
    reasons = [Padding(text_of(f"- {reason}"), (0, 0, 0, 2)) for reason in report.decision.reasons]
    return Group(heading, second, *reasons, Text(), rows_of(rows))


def _unexamined(report: AuditReport) -> Group:
    pairs, silent, left_out = absences(report), silent_records(report), checks_not_run(report)
    lines: list[Text | Padding] = []
    for address, absence in pairs[:_ABSENCES]:
        unread, place = absence.unread, place_words(absence.unread.where)
        accepted = f" Accepted by the policy: {ended(absence.allowed_by)}" if absence.allowed_by else ""
        where = f" ({place})" if place else ""
        lines.append(text_of((address, "bold"), where))
        lines.append(Padding(text_of(f"{unread_words(unread)}{accepted}"), (0, 0, 0, 2)))
    if len(pairs) > _ABSENCES:
        lines.append(Text(f"… and {len(pairs) - _ABSENCES:,} more, all of them in the HTML and JSON reports"))
    lines += [text_of((record.path, "bold"), " (no reason was recorded)") for record in silent]
    if left_out:
        lines.append(text_of("Checks that were not run: ", ", ".join(CHECKS[family] for family in left_out), "."))
    if not report.coverage.artifacts:
        lines.append(Text("There was no file to examine."))
    if not lines:
        return Group(Text.assemble(("Not examined: ", "bold"), "nothing; every file was examined whole."))
    number = len(pairs) + len(silent)
    parts = f": {counted(number, 'part of the model', 'parts of the model')}" if number else ""
    return Group(title_of(f"Not examined{parts}"), *(Padding(line, (0, 0, 0, 2)) for line in lines))


def _findings(report: AuditReport, show: Severity) -> Group:
    shown = [finding for finding in report.findings if finding.severity.rank >= show.rank]
    hidden = len(report.findings) - len(shown)
    note = f" ({hidden:,} below {show} hidden here; they count for the verdict all the same)" if hidden else ""
    blocks: list[Text | Group] = [title_of(f"Findings: {severity_sentence(report.findings)}{note}")]
    for group in grouped(report, show):
        blocks += [Text(), _group(group)]
    return Group(*blocks)


def _group(group: FindingGroup) -> Group:
    shape, style = _SHAPES[group.severity]
    title = group.rule.title if group.rule else "this report does not explain the rule"
    heading = text_of((f" {shape} {group.severity.upper()} ", style), " ", (title, "bold"), f"  {group.rule_id}")
    blocks: list[Text | Padding] = [heading]
    blocks += [_finding(finding) for finding in group.findings[:_FINDINGS_PER_RULE]]
    more = len(group.findings) - _FINDINGS_PER_RULE
    if more > 0:
        blocks.append(
            Padding(Text(f"… and {more:,} more of this rule, all in the HTML and JSON reports"), (0, 0, 0, 4))
        )
    if group.rule:
        blocks.append(rows_of([("why", text_of(group.rule.why)), ("fix", text_of(group.rule.fix))], indent=4, label=8))
    return Group(*blocks)


def _finding(finding: Finding) -> Padding:
    place = place_words(finding.location)
    where = f"{finding.artifact or 'the model as a whole'}" + (f", {place}" if place else "")
    rows = [
        ("where", text_of((where, "bold"), (f"  {finding.fingerprint}", "dim"))),
        ("what", text_of(finding.message)),
    ]
    lines = _evidence(finding.evidence)
    rows += [("evidence" if index == 0 else "", text_of(line)) for index, line in enumerate(lines)]
    return rows_of(rows, indent=4, label=8)


def _evidence(lines: tuple[str, ...]) -> list[str]:
    """Return the lines to show. A listing leads up to its marked line, which stays: what is cut comes before it."""
    # A note in the place of a single line would save nothing.
    if len(lines) <= _EVIDENCE_LINES + 1:
        return list(lines)
    marked = max((index for index, line in enumerate(lines) if line.startswith("> ")), default=None)
    if marked is None or marked <= _EVIDENCE_LINES:
        kept = max(_EVIDENCE_LINES, (marked or 0) + 1)
        return [*lines[:kept], f"… and {counted(len(lines) - kept, 'more line')}"]
    before = next(index for index, line in enumerate(lines) if line.startswith(("  ", "> ")))
    head = min(before, _EVIDENCE_HEAD)
    tail = marked + 1 - (_EVIDENCE_LINES - head)
    shown = [*lines[:head], f"… {counted(tail - head, 'line')} left out", *lines[tail : marked + 1]]
    rest = len(lines) - marked - 1
    return [*shown, f"… and {counted(rest, 'more line')}"] if rest else shown


def _lines(report: AuditReport) -> Group:
    conclusion = report.license
    claimed = ", ".join(
        dict.fromkeys(claim.entry or claim.quotation for claim in conclusion.claims if claim.kind is ClaimKind.DECLARED)
    )
    sentence = license_sentence(conclusion, CONCLUSIONS[conclusion.state])
    license_line = text_of(f"claimed {claimed or 'nothing'}; category {CATEGORIES[conclusion.category]}. {sentence}")
    rows = [("licence", license_line)]
    if not report.opinions:
        rows.append(("opinions", Text("No second scanner was asked.")))
    rows += [("opinions" if index == 0 else "", _opinion(each)) for index, each in enumerate(report.opinions)]
    return Group(rows_of(rows, indent=0, label=8))


def _opinion(opinion: Opinion) -> Text:
    name = f"{opinion.scanner} {opinion.version}".strip()
    if opinion.state is OpinionState.ABSENT:
        return text_of(f"{name} gave no opinion, which is not an agreement: {opinion.detail}")
    agreeing = sum(finding.agrees for finding in opinion.findings)
    parts = [f"{name} {OPINIONS[opinion.state]}"]
    parts.append(f"{counted(len(opinion.findings), 'finding')}, {agreeing:,} in files where we have one too")
    if opinion.absences:
        parts.append(f"{counted(len(opinion.absences), 'file')} skipped or failed")
    if opinion.disagreements:
        parts.append("it found nothing where we did in " + ", ".join(opinion.disagreements))
    return text_of("; ".join(parts) + ".")


def _last(report: AuditReport) -> Text:
    verdict = report.decision.verdict
    return Text(
        f"Exit code {report.exit_code}: {EXIT_CODES[verdict]}. "
        "For a page to read and sign, scan again with -o report.html, or turn a saved JSON report into one: "
        "modelaudit render report.json -o report.html."
    )
