"""Render the summary of a report that a notebook shows in place of the ``repr`` of its value.

Notebooks call ``_repr_html_`` of a value (docs: "Rich display", IPython). The summary has no script, no reference to
another file and no style outside of its own elements, because it becomes a part of the page of the notebook.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from html import escape
from typing import Final

from modelaudit.model.finding import Severity
from modelaudit.model.report import AuditReport, Extent
from modelaudit.model.signoff import SignOffState
from modelaudit.reports.answers import describe_verdict, list_rulings
from modelaudit.reports.inventory import compute_tree_digest
from modelaudit.reports.license_names import name_licenses
from modelaudit.reports.text import escape_unprintable
from modelaudit.reports.wording import count_noun, end_sentence

_MOST_FINDINGS: Final = 5
_MOST_CHARACTERS: Final = 300
_CELL: Final = "text-align:left;vertical-align:top;padding:2px 12px 2px 0"


def render_summary(report: AuditReport) -> str:
    """Render the verdict, both answers, the coverage, the worst findings and the licence as one HTML element."""
    report, name = name_licenses(report), _show(report.target.short_name)
    verdict = _show(describe_verdict(report).upper())
    rows = "".join(
        f'<tr><th scope="row" style="{_CELL}">{_show(label)}</th><td style="{_CELL}">{text}</td></tr>'
        for label, text in _list_rows(report)
    )
    return f"<div><p><strong>{verdict}</strong> {name}</p><table>{rows}</table></div>"


def _list_rows(report: AuditReport) -> Iterator[tuple[str, str]]:
    """Yield pairs of a label and HTML."""
    license_ = report.license
    for question, ruling in list_rulings(report):
        yield question.capitalize(), _show(f"{ruling.verdict}. {end_sentence(ruling.reason)}")
    yield "Licence", _show(license_.expression or f"not determined: {license_.state}")
    yield "Findings", _describe_findings(report)
    yield "Files", _show(_describe_coverage(report))
    pin = report.target.commit or compute_tree_digest(report)
    if pin:
        yield ("Commit" if report.target.commit else "Tree SHA-256"), f"<code>{_show(pin)}</code>"
    valid = [each for each in report.signoffs if each.state is SignOffState.VALID]
    if valid:
        yield "Sign-off", _show("; ".join(f"{each.answer} by {each.by} until {each.expires}" for each in valid))
    yield "Policy", _show(f"{report.policy.name}; exit code {report.exit_code}; {report.created}")


def _describe_findings(report: AuditReport) -> str:
    """Return the numbers by severity, and the worst findings as a list, as HTML."""
    if not report.findings:
        return "none"
    counts = Counter(each.severity for each in report.findings)
    numbers = ", ".join(f"{counts[level]} {level}" for level in reversed(Severity) if counts[level])
    accepted = sum(each.acceptance is not None for each in report.findings)
    numbers += f" ({accepted} accepted)" if accepted else ""
    items = "".join(
        f"<li>{_show(f'{each.severity} {each.rule}')} <code>{_show(each.artifact or 'the model')}</code>: "
        f"{_show(end_sentence(each.message))}</li>"
        for each in report.findings[:_MOST_FINDINGS]
    )
    more = len(report.findings) - _MOST_FINDINGS
    rest = f"<li>{_show(count_noun(more, 'further finding'))}</li>" if more > 0 else ""
    return f"{_show(numbers)}<ul>{items}{rest}</ul>"


def _describe_coverage(report: AuditReport) -> str:
    """Describe how many files were examined, and the parts that were not."""
    coverage = report.coverage
    files = count_noun(coverage.file_count + coverage.unopened, "file")
    parts = [
        f"{coverage.count(Extent.EXAMINED):,} of {files} examined",
        f"{coverage.count(Extent.PARTLY):,} partly" if coverage.count(Extent.PARTLY) else "",
        f"{coverage.count(Extent.NOT):,} not examined" if coverage.count(Extent.NOT) else "",
        f"{coverage.unopened:,} left closed" if coverage.unopened else "",
        f"{count_noun(len(coverage.open_absences), 'open absence')}" if coverage.open_absences else "",
    ]
    return ", ".join(filter(None, parts))


def _show(text: str) -> str:
    """Escape a text for HTML, on one line and bounded."""
    return escape(escape_unprintable(text, _MOST_CHARACTERS))
