"""Render the report as one HTML page to read, print and sign, without references to other files.

Pages 1 and 2 hold the decision, and annexes the evidence. A page with many files has one script, which filters them.
Its policy names the digest of that script, so that a browser runs no other; the page is complete without it.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files
from io import BytesIO
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup, escape
from msgspec import Struct

from modelaudit.model.address import is_member
from modelaudit.model.finding import QUOTATION_MARK, CheckFamily, Confidence
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.license import Conflict
from modelaudit.model.report import AuditReport
from modelaudit.model.verdict import Verdict
from modelaudit.reports import (
    annexes,
    answers,
    clause_rows,
    decision_words,
    duty_summary,
    element_lists,
    fact_rows,
    file_folders,
    finding_groups,
    front_page,
    hub_scanners,
    inventory,
    license_parts,
    license_view,
    license_words,
    lineage_picture,
    officer_steps,
    openness_words,
    requirement_words,
    signoff_rows,
    view,
    wording,
)
from modelaudit.reports.check_rows import list_check_rows
from modelaudit.reports.json_report import compute_report_digest
from modelaudit.reports.license_names import find_license_names, introduce_licenses, name_licenses
from modelaudit.reports.provenance_words import list_provenance
from modelaudit.reports.questions import group_questions
from modelaudit.reports.signature_words import list_signatures, list_unchecked
from modelaudit.reports.signoff_need import lacks_signoff
from modelaudit.reports.text import escape_unprintable, validate_https_link

_UNESCAPED_IN_CSS: Final = defer_pattern(r"[A-Za-z0-9._-]")
_LONG_WORD: Final = defer_pattern(r"\S{241,}")
"""A path or another word that would push what follows it off the page."""
_PART_OF_ADDRESS: Final = defer_pattern(r"[^/@:]*[/@:]+|[^/@:]+")
"""A part of an address with the marks behind it."""
_MAX_VALUE_CHARACTERS: Final = 2000
"""Characters of one value that the page shows; the number of further ones is appended."""
_MOST_UNBROKEN: Final = 40
"""Characters of a word that a line always holds."""

MOST_ROWS: Final = 20
"""Rows of a table that are visible at once; the rest is folded."""


class Script(Struct, frozen=True):
    """The script of the page, and the source expression that permits it (Content Security Policy Level 3, 2.3.1)."""

    text: Markup
    source: str


def _cut_middle(word: re.Match[str]) -> str:
    """Return a long word without its middle: the end of a path holds the name of the file."""
    return f"{word[0][:100]}…({len(word[0]) - 200:,} characters)…{word[0][-100:]}"


def render_html(report: AuditReport) -> bytes:
    """Render the page as UTF-8. It contains the SHA-256 of the report's canonical JSON, so the data can be verified."""
    original, report = report, name_licenses(report)
    names = find_license_names(original.license)
    groups = finding_groups.group_by_need(report)
    has_script = len(report.coverage.artifacts) > file_folders.MOST_TABLE_FILES
    rows = finding_groups.count_rows(groups)
    is_folded = bool(rows.merged or rows.folded)
    forbidding = officer_steps.find_forbidding(report)
    texts = _load_template().generate(
        report=report,
        digest=compute_report_digest(original),
        license_names=names,
        introduced=introduce_licenses(original.license, names),
        running_head=_describe_running_head(report),
        script=_load_script() if has_script else None,
        groups=groups,
        fingerprints={finding.fingerprint for finding in report.findings},
        rows=rows,
        is_folded=is_folded,
        glossary=_list_glossary(report),
        confidences=_list_confidences(groups),
        has_places=_have_places(groups),
        unfound_conflicts=tuple(_list_unfound_conflicts(report)),  # their evidence has no other place
        csv_words=file_folders.describe_table_of_files(original) if is_folded or has_script else "",
        folders=file_folders.list_folders(report) if has_script else (),
        annexes=annexes.list_annexes(report, groups),
        steps=officer_steps.list_steps(report),
        forbidden=frozenset(each.artifact for each in forbidding),
        forbidding=forbidding[0].rule if forbidding else "",
        lacks_signoff=lacks_signoff(report),
        may_not_load=report.decision.load.verdict is not Verdict.PASS and CheckFamily.SECURITY in report.policy.checks,
        unexamined=front_page.summarize_unexamined(report),
        unverified=requirement_words.describe_unverified(report),
        duties=duty_summary.summarize_duties(report.license),
        accepted=front_page.list_acceptances(report),
        signoffs=signoff_rows.list_sign_offs(original),
        decided=decision_words.list_decision_rows(report)[: decision_words.MOST_FIRST],
        ended=decision_words.list_first_ended(report),
        further=decision_words.list_further_decisions(report),
        consent=decision_words.describe_consent(report),
        tree_digest=inventory.compute_tree_digest(report),
        checks=list_check_rows(report),
        questions=group_questions(report),
        provenance=list_provenance(report.target.provenance),
        signatures=tuple(list_signatures(report.target.signatures)),
        unchecked_signatures=list_unchecked(report.target.signatures),
    )
    # A row of a file is made of some twenty short texts: all of them at once take five times the memory of the page.
    page = BytesIO()
    page.writelines(text.encode() for text in texts)
    return page.getvalue()


def _list_glossary(report: AuditReport) -> list[tuple[str, str]]:
    """List the words of the glossary that the page uses; a format whose note explains it needs no other word."""
    unused = {note.format for note in report.formats if note.why}
    unused |= {
        name for name in ("pickle", "safetensors") if not any(name in r.formats for r in report.coverage.artifacts)
    }
    unused |= set() if report.target.commit else {"commit"}
    unused |= set() if report.findings else {"fingerprint"}
    details = [each.detail for each in report.license.origins] + [each.detail for each in report.license.datasets]
    unused |= set() if any("Hub cache" in each for each in details) else {"Hub cache"}
    return [(word, meaning) for word, meaning in wording.GLOSSARY.items() if word not in unused]


def _list_confidences(groups: tuple[finding_groups.NeedGroup, ...]) -> list[Confidence]:
    """List the confidences below high of the rules, which a note explains."""
    found = {rule.rule.confidence for group in groups for rule in group.rules if rule.rule is not None}
    return [each for each in Confidence if each in found and each is not Confidence.HIGH]


def _have_places(groups: tuple[finding_groups.NeedGroup, ...]) -> bool:
    """Whether a visible row has a place in bytes, a part of a container, or a marked line, which a note explains."""
    rows = [row.first for group in groups for rule in group.rules for row in rule.shown]
    return any(
        row.location.offset is not None
        or is_member(row.address)
        or any(line.startswith(QUOTATION_MARK) for line in row.evidence)
        for row in rows
    )


def _list_unfound_conflicts(report: AuditReport) -> list[Conflict]:
    """List the conflicts that no finding states with the same words and the same evidence."""
    return [
        each
        for each in report.license.conflicts
        if not any(
            each.detail.rstrip(".").casefold() in finding.message.casefold()
            and set(each.evidence) <= {line.strip() for line in finding.evidence}
            for finding in report.findings
        )
    ]


def _describe_running_head(report: AuditReport) -> str:
    """Describe the head of each printed page: for whom, the reference, and the model."""
    parts = (report.policy.organization, report.policy.reference, view.get_heading(report.target))
    return " · ".join(part for part in parts if part)


@cache
def _load_script() -> Script:
    """Load the script of the page and compute the digest that permits it."""
    source = (files("modelaudit.reports") / "templates" / "page.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
    return Script(Markup(source), f"sha256-{digest}")


@cache
def _load_environment() -> Environment:
    """Set up the templates. Every value passes ``_escape_value`` and then the HTML escape."""
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
        officer=officer_steps,
        licensed=license_view,
        parts=license_parts,
        decisions=decision_words,
        inventory=inventory,
        requirements=requirement_words,
        hub_scanners=hub_scanners,
        answers=answers,
        element_lists=element_lists,
        https_link=validate_https_link,
        clauses=clause_rows,
        facts=fact_rows,
        openness=openness_words,
        files=file_folders,
        front=front_page,
        signing=signoff_rows,
        lineage=lineage_picture,
        most_rows=MOST_ROWS,
        line_break=Markup("\n"),
    )
    environment.filters["css_string"] = format_css_string
    environment.filters["grouped_digits"] = lambda number: f"{number:,}"
    environment.filters["sentence"] = wording.format_sentence
    environment.filters["lower_first"] = wording.lower_first
    environment.filters["capitalize_first"] = lambda text: text[:1].upper() + text[1:]
    # A line of a listing is escaped where it is built, and may be longer than other values.
    environment.filters["line"] = escape
    environment.filters["unbroken"] = _keep_hyphens
    environment.filters["address"] = _break_after_marks
    return environment


@cache
def _load_template() -> Template:
    """Load the template of the page."""
    return _load_environment().get_template("report.html.j2")


def _keep_hyphens(text: str) -> Markup:
    """Escape a line and keep each short word with a hyphen on one line, so that a command can be read and typed."""
    words = (
        Markup('<span class="unbroken">{}</span>').format(each)
        if "-" in each and len(each) <= _MOST_UNBROKEN
        else escape(each)
        for each in escape_unprintable(text, _MAX_VALUE_CHARACTERS).split(" ")
    )
    return Markup(" ").join(words)


def _break_after_marks(text: str) -> Markup:
    """Escape an address, and let a line end after each mark between its parts, before a part itself breaks."""
    shown = escape_unprintable(_LONG_WORD.sub(_cut_middle, text), _MAX_VALUE_CHARACTERS)
    parts = _PART_OF_ADDRESS.findall(shown)
    return Markup("<wbr>").join(map(escape, parts))


def format_css_string(text: str, limit: int = 80) -> Markup:
    """Format a text as a quoted CSS string for a style element, cut at ``limit`` characters.

    Every character but ASCII letters, digits, dot, underscore and hyphen becomes a backslash and six
    hexadecimal digits (CSS Syntax Level 3, section 4.3.7). That holds for a space too, because an escape swallows one.
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
        return escape_unprintable(_LONG_WORD.sub(_cut_middle, str(value)), _MAX_VALUE_CHARACTERS)
    return value
