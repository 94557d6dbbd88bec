"""The report as one page to read, print and sign: no network, no script, all of it in one file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from modelaudit.model.finding import Finding
from modelaudit.model.report import AuditReport, DigestState
from modelaudit.reports import inventory, license_view, license_words, view, wording
from modelaudit.reports.json_report import report_digest
from modelaudit.reports.questions import questions
from modelaudit.reports.shipping import license_sentence, shipping
from modelaudit.reports.text import https_link, printable

_PLAIN = re.compile(r"[A-Za-z0-9 ._-]")
_LONGEST = 2000
"""Characters of one value that the page shows; it says how many more there are."""

FIRST_FINDINGS = 5
"""How many findings of one rule stand open before the rest folds away."""


def render_html(report: AuditReport) -> bytes:
    """Return the page as UTF-8. It carries the SHA-256 of the report's canonical JSON, which binds it to the data."""
    groups = view.grouped(report)
    states = [record.digest_state for record in report.coverage.artifacts]
    page = _template().render(
        report=report,
        digest=report_digest(report),
        severities=[
            (severity, count, [group for group in groups if group.severity is severity])
            for severity, count in view.severity_counts(report.findings)
            if count
        ],
        absences=view.absences(report),
        verified=states.count(DigestState.MATCH),
        mismatched=states.count(DigestState.MISMATCH),
        ship=shipping(report.license),
        tree=inventory.tree_digest(report),
        asked=questions(report),
        anchor=_anchors(),
    )
    return page.encode()


def _anchors() -> Callable[[Finding], str]:
    """Return a function that names the place of a finding on the page; equal findings get numbers."""
    seen: Counter[str] = Counter()

    def anchor(finding: Finding) -> str:
        seen[finding.fingerprint] += 1
        times = seen[finding.fingerprint]
        return f"finding-{finding.fingerprint}" + (f"-{times}" if times > 1 else "")

    return anchor


@cache
def _template() -> Template:
    """Return the page's template. Whatever it shows passes ``_shown`` first and the HTML escape after."""
    environment = Environment(
        loader=PackageLoader("modelaudit.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals.update(
        view=view,
        wording=wording,
        words=license_words,
        licensed=license_view,
        inventory=inventory,
        license_sentence=license_sentence,
        https_link=https_link,
        first_findings=FIRST_FINDINGS,
    )
    environment.filters["css_string"] = css_string
    environment.filters["grouped_digits"] = lambda number: f"{number:,}"
    environment.filters["sentence"] = wording.sentence
    return environment.get_template("report.html.j2")


def css_string(text: str, limit: int = 80) -> Markup:
    """Return ``text`` as a CSS string in quotes, fit for a style element: all but plain letters and figures escaped.

    Source: CSS Syntax Level 3, section 4.3.7: a backslash, six hexadecimal digits. What is over ``limit`` is cut off.
    """
    shown = printable(text)
    shown = shown if len(shown) <= limit else shown[: limit - 1] + "…"
    # Only ASCII letters and figures stand for themselves, so nothing can end the string or the element.
    return Markup('"' + "".join(c if _PLAIN.fullmatch(c) else f"\\{ord(c):06x}" for c in shown) + '"')


def _shown(value: object) -> object:
    return printable(str(value), _LONGEST) if isinstance(value, str) and not isinstance(value, Markup) else value
