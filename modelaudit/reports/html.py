"""Render the report as one HTML page to read, print and sign, without scripts or references to other files."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from functools import cache
from io import BytesIO

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from modelaudit.model.finding import Finding
from modelaudit.model.report import AuditReport, DigestState
from modelaudit.reports import (
    answers,
    decision_words,
    hub_scanners,
    inventory,
    license_view,
    license_words,
    view,
    wording,
)
from modelaudit.reports.json_report import compute_report_digest
from modelaudit.reports.provenance_words import list_provenance
from modelaudit.reports.questions import list_questions
from modelaudit.reports.signature_words import list_signatures, list_unchecked
from modelaudit.reports.text import escape_unprintable, validate_https_link

_UNESCAPED_IN_CSS = re.compile(r"[A-Za-z0-9 ._-]")
_MAX_VALUE_CHARACTERS = 2000
"""Characters of one value that the page shows; the number of further ones is appended."""

FIRST_DECISIONS = 5
"""Decisions that the head of the page names."""

FIRST_FINDINGS = 5
"""Findings of one rule that are visible at once; the rest is folded."""


def render_html(report: AuditReport) -> bytes:
    """Render the page as UTF-8. It contains the SHA-256 of the report's canonical JSON, so the data can be verified."""
    groups = view.group_findings(report)
    states = [record.digest_state for record in report.coverage.artifacts]
    texts = _load_template().generate(
        report=report,
        digest=compute_report_digest(report),
        severities=[
            (severity, count, [group for group in groups if group.severity is severity])
            for severity, count in view.count_severities(report.findings)
            if count
        ],
        absences=view.list_absences(report),
        verified=states.count(DigestState.MATCH) + states.count(DigestState.MATCH_SHA1),
        mismatched=states.count(DigestState.MISMATCH),
        tree_digest=inventory.compute_tree_digest(report),
        questions=list_questions(report),
        decided=decision_words.list_decided(report, with_reasons=True),
        ended=[
            f"{each.subject} ({each.place}): {decision_words.describe_ended(each)}"
            for each in decision_words.list_ended(report)
        ],
        provenance=list_provenance(report.target.provenance),
        signatures=tuple(list_signatures(report.target.signatures)),
        unchecked_signatures=list_unchecked(report.target.signatures),
        consent=decision_words.describe_consent(report),
        refusals=decision_words.list_refusals(report),
        anchor=_build_anchor_namer(),
    )
    # A row of a file is made of some twenty short texts: all of them at once take five times the memory of the page.
    page = BytesIO()
    page.writelines(text.encode() for text in texts)
    return page.getvalue()


def _build_anchor_namer() -> Callable[[Finding], str]:
    """Return a function that gives each finding a unique anchor on the page; equal fingerprints get a number."""
    occurrences: Counter[str] = Counter()

    def name_anchor(finding: Finding) -> str:
        occurrences[finding.fingerprint] += 1
        number = occurrences[finding.fingerprint]
        return f"finding-{finding.fingerprint}" + (f"-{number}" if number > 1 else "")

    return name_anchor


@cache
def _load_template() -> Template:
    """Load the template of the page. Every value passes ``_escape_value`` and then the HTML escape."""
    environment = Environment(
        loader=PackageLoader("modelaudit.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_escape_value,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals.update(
        view=view,
        wording=wording,
        words=license_words,
        licensed=license_view,
        decisions=decision_words,
        inventory=inventory,
        hub_scanners=hub_scanners,
        answers=answers,
        https_link=validate_https_link,
        first_decisions=FIRST_DECISIONS,
        first_findings=FIRST_FINDINGS,
    )
    environment.filters["css_string"] = format_css_string
    environment.filters["grouped_digits"] = lambda number: f"{number:,}"
    environment.filters["sentence"] = wording.format_sentence
    return environment.get_template("report.html.j2")


def format_css_string(text: str, limit: int = 80) -> Markup:
    """Format a text as a quoted CSS string for a style element, cut at ``limit`` characters.

    Every character but ASCII letters, digits, space, dot, underscore and hyphen becomes a backslash and six
    hexadecimal digits (CSS Syntax Level 3, section 4.3.7).
    """
    shown = escape_unprintable(text)
    if len(shown) > limit:
        shown = shown[: limit - 1] + "…"
    # Quotes, backslashes and angle brackets are escaped, so no text can end the string or the element.
    escaped = (
        character if _UNESCAPED_IN_CSS.fullmatch(character) else f"\\{ord(character):06x}" for character in shown
    )
    return Markup('"' + "".join(escaped) + '"')


def _escape_value(value: object) -> object:
    """Escape invisible characters of a string that the template prints, and cut it; markup of the page is kept."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return escape_unprintable(str(value), _MAX_VALUE_CHARACTERS)
    return value
