"""Describe the rules of results for SARIF: titles, reasons and remedies as text, tags, and a score for GitHub.

Sources: SARIF 2.1.0, section 3.49 (``reportingDescriptor``); GitHub, "SARIF support for code scanning".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from modelaudit.model.finding import Confidence, Rule, Severity
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.reports.canonical_json import Json
from modelaudit.reports.markdown_text import write_text
from modelaudit.reports.results import Result, describe_rule
from modelaudit.reports.text import escape_unprintable, validate_https_link

LEVELS: Final = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.INFO: "note",
}
_SCORES: Final = {
    Severity.CRITICAL: "9.5",
    Severity.HIGH: "8.0",
    Severity.MEDIUM: "5.5",
    Severity.LOW: "2.0",
    Severity.INFO: "0.5",
}
"""GitHub calls a score above 9.0 critical, from 7.0 high, from 4.0 medium, and from 0.1 low."""
_PROBLEM_SEVERITIES: Final = {"error": "error", "warning": "warning", "note": "recommendation"}
_PRECISIONS: Final = {Confidence.LOW: "low", Confidence.MEDIUM: "medium", Confidence.HIGH: "high"}
_CWE: Final = defer_pattern(r"CWE-([1-9][0-9]{0,5})")
_MAX_TAGS: Final = 10
"""GitHub takes twenty, and shows ten."""
_MAX_ID_CHARACTERS: Final = 200
_MAX_DESCRIPTION_CHARACTERS: Final = 800
"""GitHub takes 1,024 characters of a description and 255 of an id; escapes and the note on a cut come on top."""
_MAX_HELP_CHARACTERS: Final = 4_000
_MAX_REFERENCES: Final = 10
_REMEDY: Final = "Read the part by other means, or accept it in the policy or by a decision."


def name_rule(rule_id: str) -> str:
    """Return the id of a rule as the report names it, fit for SARIF."""
    return _cut(rule_id, _MAX_ID_CHARACTERS)


def build_rule(result: Result, rules: Sequence[Rule]) -> Json:
    """Build the description of the rule of a result, the most severe one of its rule."""
    title, rule = describe_rule(result.rule, rules)
    level = LEVELS[result.severity]
    why, fix = (rule.why, rule.fix) if rule else (title, _REMEDY)
    links = [link for link in map(validate_https_link, rule.references if rule else ()) if link][:_MAX_REFERENCES]
    cwes = [match[1] for match in map(_CWE.fullmatch, rule.cwe if rule else ()) if match]
    tags: list[Json] = [
        "security",
        f"modelaudit/{result.check}",
        *(f"external/cwe/cwe-{number.zfill(3)}" for number in cwes),
    ]
    properties: dict[str, Json] = {
        "security-severity": _SCORES[result.severity],
        "problem.severity": _PROBLEM_SEVERITIES[level],
        "tags": tags[:_MAX_TAGS],
    }
    if rule is not None:
        properties["precision"] = _PRECISIONS[rule.confidence]
    descriptor: dict[str, Json] = {
        "id": name_rule(result.rule),
        "shortDescription": {"text": _cut(title, _MAX_DESCRIPTION_CHARACTERS)},
        "fullDescription": {"text": _cut(why, _MAX_DESCRIPTION_CHARACTERS)},
        "defaultConfiguration": {"level": level},
        "help": {"text": _build_help_text(why, fix, links), "markdown": _build_help_markdown(why, fix, links)},
        "properties": properties,
    }
    addresses = [*links, *(f"https://cwe.mitre.org/data/definitions/{number}.html" for number in cwes)]
    if addresses:
        descriptor["helpUri"] = addresses[0]
    return descriptor


def _cut(text: str, limit: int) -> str:
    """Escape a text and cut it to at most ``limit`` characters."""
    # Each character becomes one at least, so that a longer text need not be escaped.
    shown = escape_unprintable(text[: limit + 1])
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


def _build_help_text(why: str, fix: str, links: Sequence[str]) -> str:
    """Build the help as plain text."""
    lines = [f"Why: {_cut(why, _MAX_HELP_CHARACTERS)}", f"Fix: {_cut(fix, _MAX_HELP_CHARACTERS)}", *links]
    return "\n\n".join(lines)


def _build_help_markdown(why: str, fix: str, links: Sequence[str]) -> str:
    """Build the help as Markdown. The links are addresses without markup, of the rule set or a saved report."""
    parts = [f"**Why:** {write_text(why, _MAX_HELP_CHARACTERS)}", f"**Fix:** {write_text(fix, _MAX_HELP_CHARACTERS)}"]
    if links:
        parts.append("\n".join(f"- <{link}>" for link in links))
    return "\n\n".join(parts)
