"""Render the report as Markdown: a summary of a job, and a comment on a change that later runs can find and replace.

The answers and their causes come first, then findings, absences, accepted results, and the duties of the licences. Each
section has a share of the permitted size, and states how many of its lines were left out.

Sources: GitHub's limits of 1 MiB for the summary of a step and of 65,536 characters for a comment.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from operator import add
from typing import Final

from msgspec import Struct

from modelaudit.model.acceptance import DecisionState, RecordedDecision
from modelaudit.model.report import AuditReport
from modelaudit.model.terms import Group
from modelaudit.reports.answers import describe_verdict, list_rulings
from modelaudit.reports.decision_words import describe_ended, list_valid_signoffs
from modelaudit.reports.license_names import find_license_names, introduce_licenses, name_licenses
from modelaudit.reports.license_parts import list_model_rows
from modelaudit.reports.license_view import Task, group_tasks
from modelaudit.reports.license_words import GROUPS, describe_planned_use
from modelaudit.reports.markdown_text import write_code, write_row, write_text
from modelaudit.reports.provenance_words import describe_provenance
from modelaudit.reports.results import Outcome, Result, ResultKind, list_results
from modelaudit.reports.signature_words import describe_signature, list_unchecked
from modelaudit.reports.signoff_need import word_cause
from modelaudit.reports.view import describe_inventory, get_heading, list_skipped_checks, name_absences
from modelaudit.reports.wording import (
    CHECKS,
    count_noun,
    describe_acceptance,
    describe_gates,
    describe_place,
    end_sentence,
    format_sentence,
    lower_first,
)

SUMMARY_BYTES: Final = 1024 * 1024
COMMENT_BYTES: Final = 65_536
"""GitHub counts characters; as many bytes are never more characters."""
MARKER_START: Final = "<!-- modelaudit:"
"""The beginning of the first line of a comment; a later run finds the comment by it."""

_SHARES: Final = {
    **{"causes": 0.1, "findings": 0.33, "absences": 0.12, "accepted": 0.08, "known": 0.04},
    **{"decisions": 0.04, "duties": 0.07},
}
"""Of the permitted size. The rest is enough for the heading, the answers and the facts, whatever their texts hold."""
_MAX_NAMED_ADDRESSES: Final = 3
_MAX_NAME_CHARACTERS: Final = 100
_MAX_PROVENANCE_CHARACTERS: Final = 1000
_MAX_INTRODUCTION_CHARACTERS: Final = 600


class _Section(Struct, frozen=True):
    """A section of the page: ``lines`` are the rows of a table or the items of a list, worst first."""

    share: str
    heading: str
    head: tuple[str, ...]
    lines: Iterator[str]
    count: int


def render_markdown(report: AuditReport, model: str = "") -> bytes:
    """Render the summary of a job, of at most 1 MiB."""
    return _render(report, model or get_heading(report.target), SUMMARY_BYTES, "")


def render_comment(report: AuditReport, model: str = "") -> bytes:
    """Render a comment of at most 65,536 characters, whose first line is the same in every run on the same model."""
    name = model or get_heading(report.target)
    return _render(report, name, COMMENT_BYTES, f"{MARKER_START}{make_slug(name)} -->\n")


def make_slug(name: str) -> str:
    """Return the name of a model in letters, digits, dots, slashes and single hyphens; different names differ."""
    slug = re.sub(r"[^A-Za-z0-9._/]+|-{2,}", "-", name).strip("-./")
    if slug == name and len(slug) <= 100:
        return slug
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{slug[:80].rstrip('-')}-{digest}".lstrip("-")


def _render(report: AuditReport, model: str, limit: int, marker: str) -> bytes:
    """Render the page with sections that fill their share of ``limit`` bytes at most."""
    introduced = introduce_licenses(report.license, find_license_names(report.license))
    report = name_licenses(report)
    parts = [marker.encode(), "\n".join([*_list_head_lines(report, model, introduced), ""]).encode()]
    parts += (_render_section(section, int(limit * _SHARES[section.share])) for section in _build_sections(report))
    parts.append("\n".join(["", *_list_foot_lines(report), ""]).encode())
    return b"".join(parts)


def _list_head_lines(report: AuditReport, model: str, introduced: str) -> Iterator[str]:
    """Yield the heading, the two answers, the licences by title, and the signatures that were not checked."""
    yield f"## modelaudit: {lower_first(describe_verdict(report))} {write_code(model, _MAX_NAME_CHARACTERS)}"
    yield ""
    yield "| question | answer | reason |"
    yield "|---|---|---|"
    for question, ruling in list_rulings(report):
        yield write_row(question, ruling.verdict, write_text(ruling.reason))
    if introduced:
        yield ""
        yield write_text(introduced, _MAX_INTRODUCTION_CHARACTERS)
    use = describe_planned_use(report.license.intent)
    if use:
        yield ""
        yield f"Planned use: {write_text(use)}"
    rows = list_model_rows(report.license)
    if rows:
        yield ""
        yield "| model | licence | answer | first reason |"
        yield "|---|---|---|---|"
    for row in rows:
        yield write_row(write_text(row.name), write_text(row.terms), row.answer or "", write_text(row.because))
    for text in list_unchecked(report.target.signatures)[:_MAX_NAMED_ADDRESSES]:
        yield ""
        yield f"Signature: {write_text(text, _MAX_PROVENANCE_CHARACTERS)}"


def _list_foot_lines(report: AuditReport) -> Iterator[str]:
    """Yield the facts about the scan."""
    target, policy = report.target, report.policy
    if target.commit:
        yield f"- Commit: {write_code(target.commit, _MAX_NAME_CHARACTERS)}"
    provenance = "; ".join(describe_provenance(target.provenance))
    if provenance:
        yield f"- Provenance: {write_text(provenance, _MAX_PROVENANCE_CHARACTERS)}"
    for signature in target.signatures[:_MAX_NAMED_ADDRESSES]:
        yield f"- Signature: {write_text(describe_signature(signature), _MAX_PROVENANCE_CHARACTERS)}"
    for anchor in target.anchors[:_MAX_NAMED_ADDRESSES]:
        yield f"- Named in: {write_code(f'{anchor.path}:{anchor.line}', _MAX_NAME_CHARACTERS)}"
    yield f"- Files: {write_text(describe_inventory(report))}"
    yield f"- Policy: {write_code(policy.name, _MAX_NAME_CHARACTERS)}, {write_text(describe_gates(policy))}"
    for signed in list_valid_signoffs(report)[:_MAX_NAMED_ADDRESSES]:
        yield f"- Sign-off: {write_text(signed, _MAX_PROVENANCE_CHARACTERS)}"
    if report.baseline:
        yield f"- Baseline: {write_code(report.baseline, _MAX_NAME_CHARACTERS)}"
    for note in target.notes[:_MAX_NAMED_ADDRESSES]:
        yield f"- Note: {write_text(note)}"
    skipped = ", ".join(CHECKS[family] for family in list_skipped_checks(report))
    if skipped:
        yield f"- Checks that did not run: {skipped}"
    tool = write_code(f"{report.tool.name} {report.tool.version}", _MAX_NAME_CHARACTERS)
    yield f"- Tool: {tool}, {write_text(report.tool.edition, _MAX_NAME_CHARACTERS)}"


def _render_section(section: _Section, limit: int) -> bytes:
    """Render a section of at most ``limit`` bytes, and count the lines that exceed it."""
    if not section.count:
        return b""
    head = "\n".join(["", f"### {section.heading}", "", *section.head, ""]).encode()
    note = "\nand {} more, in the JSON and HTML reports\n"
    rows: list[bytes] = []
    room = limit - len(head) - len(note) - len(f"{section.count:,}")
    for line in section.lines:
        row = f"{line}\n".encode()
        room -= len(row)
        if room < 0:
            break
        rows.append(row)
    left_out = section.count - len(rows)
    return head + b"".join(rows) + (note.format(f"{left_out:,}").encode() if left_out else b"")


def _build_sections(report: AuditReport) -> Iterator[_Section]:
    """Yield the sections in their order on the page."""
    results = list_results(report)
    causes = [write_text(format_sentence(word_cause(report, cause))) for cause in report.decision.causes]
    kinds = [f"- {cause.question} {cause.verdict}, {cause.kind}: " for cause in report.decision.causes]
    yield _Section("causes", "Causes", (), map(add, kinds, causes), len(causes))
    open_results = [each for each in results if not each.is_settled]
    findings = [each for each in open_results if each.kind is ResultKind.FINDING]
    total = len(report.findings)
    yield _Section(
        "findings",
        f"Findings: {len(findings):,}" + (f" open of {total:,}" if total > len(findings) else ""),
        ("| severity | rule | place | finding | fingerprint |", "|---|---|---|---|---|"),
        map(_write_finding, findings),
        len(findings),
    )
    absences: dict[tuple[str, str], list[Result]] = {}
    for each in open_results:
        if each.kind is ResultKind.ABSENCE:
            absences.setdefault((each.rule, each.message), []).append(each)
    unread = name_absences(report.coverage.open_absences) if absences else "Not examined"
    yield _Section(
        "absences",
        f"{unread}: {count_noun(sum(each.parts for group in absences.values() for each in group), 'part')}",
        ("| parts | rule | places | reason | fingerprints |", "|---|---|---|---|---|"),
        map(_write_absences, absences.values()),
        len(absences),
    )
    accepted = [each for each in results if each.outcome is Outcome.ACCEPTED]
    yield _Section(
        "accepted",
        f"Accepted: {len(accepted):,}",
        ("| what | place | who, until when, and why |", "|---|---|---|"),
        map(_write_acceptance, accepted),
        len(accepted),
    )
    known = [each for each in results if each.outcome is Outcome.KNOWN]
    yield _Section(
        "known",
        f"Known from the baseline: {len(known):,}",
        ("| what | place | why it does not gate |", "|---|---|---|"),
        map(_write_acceptance, known),
        len(known),
    )
    decisions = sorted(report.decisions, key=lambda each: each.state is DecisionState.HONOURED)
    yield _Section(
        "decisions",
        "Decisions of people",
        ("| decision | about | state, and who decided it until when and why |", "|---|---|---|"),
        map(_write_decision, decisions),
        len(decisions),
    )
    duties = [(group, task) for group, tasks in group_tasks(report.license) for task in tasks]
    yield _Section("duties", "Duties of the licences", (), (_write_duty(*pair) for pair in duties), len(duties))


def _write_place(result: Result) -> str:
    """Write the address of a result and the place in it."""
    place = describe_place(result.location)
    address = write_code(result.address) or "the model as a whole"
    return f"{address}, {write_text(place)}" if place else address


def _write_finding(result: Result) -> str:
    """Write the row of a finding."""
    return write_row(
        result.severity,
        write_code(result.rule),
        _write_place(result),
        write_text(result.message),
        write_code(result.fingerprint),
    )


def _write_absences(results: Sequence[Result]) -> str:
    """Write the row of absences that differ in their place only."""
    first = results[:_MAX_NAMED_ADDRESSES]
    places, fingerprints = map(_write_place, first), (write_code(each.fingerprint) for each in first)
    more = f" and {len(results) - len(first):,} more" if len(results) > len(first) else ""
    return write_row(
        f"{sum(each.parts for each in results):,}",
        write_code(results[0].rule),
        "; ".join(places) + more,
        write_text(results[0].message),
        ", ".join(fingerprints) + more,
    )


def _write_acceptance(result: Result) -> str:
    """Write the row of a result that does not gate, because something accepts or knows it."""
    what = f"{write_code(result.rule)} {write_code(result.fingerprint)}"
    reason = describe_acceptance(result.acceptance) if result.acceptance else ""
    return write_row(what, _write_place(result), write_text(reason))


def _write_decision(decision: RecordedDecision) -> str:
    """Write the row of a recorded decision: those that need an action come first."""
    use = f" Planned use: {write_code(decision.use)}." if decision.use else ""
    words = f"{write_text(describe_ended(decision))}{use}"
    return write_row(write_code(decision.place), write_text(decision.subject), words)


def _write_duty(group: Group, task: Task) -> str:
    """Write the item of a duty, with the file that meets it."""
    when = f" Only {task.when}." if task.when else ""
    met = f" The repository holds it: {write_code(task.met)}." if task.met else ""
    words = f" Exact words: {'; '.join(map(write_code, task.words))}." if task.words else ""
    return f"- {GROUPS[group]}: {write_text(end_sentence(task.text))}{when}{words} ({write_text(task.source)}){met}"
