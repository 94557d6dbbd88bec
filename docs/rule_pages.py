"""Pages of rules for the site, the index of rules, and the examples that ``modelaudit explain`` shows.

The example of a rule is its finding in the first fixture in which it has to fire. Payloads of fixtures are inert.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from itertools import groupby
from pathlib import Path

import yaml

import modelaudit
from modelaudit.catalogue.taxonomy import find_standards
from modelaudit.model.catalogue import Catalogue, FindingRule, RuleExample
from modelaudit.model.finding import Finding
from modelaudit.model.page import Item, Page, Section
from modelaudit.reports.page import escape_markdown, render_page_markdown
from modelaudit.reports.rule_page import describe_rule
from modelaudit.reports.text import escape_unprintable

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT / "tests") not in sys.path:
    sys.path.insert(0, str(ROOT / "tests"))

from support.fixtures import explain_missing_build, fixture_path  # noqa: E402 - tests are on no path

NOTICE = "<!-- Written by docs/generate.py; change its source and run `make docs`. -->\n"
_MAX_EVIDENCE_LINES = 8
_MAX_LINE_CHARACTERS = 150


def render_rule_pages(catalogue: Catalogue) -> Mapping[str, str]:
    """Render one Markdown page for each rule, by its path within the site."""
    pages = {}
    for id_, entry in catalogue.findings.items():
        page = describe_rule(entry, find_standards(entry, catalogue.taxonomy), find_example(entry))
        pages[f"rules/{id_}.md"] = f"{render_page_markdown(_add_fixtures(page, entry))}\n[All rules](../../rules.md)\n"
    return pages


def _add_fixtures(page: Page, entry: FindingRule) -> Page:
    """Return the page with a section that lists the fixtures of the rule."""
    items = [Item(f"must fire: `fixtures/{path}`") for path in entry.fires]
    items += [Item(f"must not fire: `fixtures/{path}`") for path in entry.quiet]
    sections = (*page.sections, Section("Fixtures that test it", tuple(items))) if items else page.sections
    return Page(page.name, page.title, page.facts, sections)


def render_rule_index(catalogue: Catalogue, link: str) -> str:
    """Render the list of all rules; ``link`` is the target of a rule's link, with ``{id}`` for the rule's id."""
    rules = [rule for _, rule in sorted(catalogue.findings.items())]
    edition = catalogue.edition
    assert edition is not None
    parts = [
        NOTICE,
        "# Rules\n",
        f"{len(rules)} rules, each in one file below `rules/findings/`. `modelaudit explain RULE` prints the page of a "
        "rule: the finding, the reason, an example, the remedy and references. An organisation adds its own rules with "
        "`--rules DIR`: the same layout, `DIR/findings/<family>/<name>.yaml`, the same fields, the same errors with "
        "file and line.\n",
        f"These are the rules {edition.number} of {edition.date} (`rules/edition.yaml`). Reports show the number and "
        "the date, a policy can require with `rules-not-older-than` that they are not too old, and a signed pack "
        "(`modelaudit policy rules`) carries them to a machine without network.\n",
    ]
    for family, members in groupby(rules, key=lambda rule: rule.rule.id.partition("/")[0]):
        parts.append(f"## {family}\n\n| rule | severity | finds |\n|---|---|---|")
        parts += [
            f"| [{rule.rule.id}]({link.format(id=rule.rule.id)}) | {rule.rule.severity} "
            f"| {escape_markdown(rule.rule.title)} |"
            for rule in members
        ]
        parts.append("")
    if catalogue.retired:
        parts.append("## Retired rules\n\n| rule | replaced by | since |\n|---|---|---|")
        parts += [f"| {old} | {each.became} | {each.since} |" for old, each in sorted(catalogue.retired.items())]
        parts.append("")
    return "\n".join(parts)


def render_examples(catalogue: Catalogue) -> str:
    """Render ``rules/examples.yaml``: for each rule that a fixture shows, the lines that a scan reports.

    Ends the script if the fixtures are not current: the example of a rule whose fixture is not built would be lost.
    """
    if fault := explain_missing_build():
        raise SystemExit(fault)
    examples = {id_: found for id_, entry in sorted(catalogue.findings.items()) if (found := find_example(entry))}
    content = {id_: {"fixture": each.fixture, "lines": list(each.lines)} for id_, each in examples.items()}
    head = "# Derived by docs/generate.py from scans of the fixtures: run `make docs`. Shown by `modelaudit explain`.\n"
    return head + yaml.safe_dump({"examples": content}, sort_keys=False, allow_unicode=True, width=118)


def find_example(entry: FindingRule) -> RuleExample | None:
    """Find the first fixture in which the rule fires, with the lines that a scan reports for it."""
    for fixture in filter(_exists, entry.fires):  # tests/test_rules.py reports a missing one with its rule
        finding = next((each for each in _scan_fixture(fixture) if each.rule == entry.rule.id), None)
        if finding is not None:
            lines = [finding.message, *finding.evidence[:_MAX_EVIDENCE_LINES]]
            return RuleExample(fixture, tuple(map(_shorten_line, lines)))
    return None


def _shorten_line(line: str) -> str:
    """Escape invisible characters of a line, and cut it if it is too long."""
    escaped = escape_unprintable(line)
    return escaped if len(escaped) <= _MAX_LINE_CHARACTERS else escaped[: _MAX_LINE_CHARACTERS - 1] + "…"


def _exists(fixture: str) -> bool:
    """Whether a fixture that a rule names has been built."""
    return fixture_path(fixture).exists()


@cache
def _scan_fixture(fixture: str) -> tuple[Finding, ...]:
    """Scan a fixture once for all rules that list it, and return its findings."""
    return modelaudit.scan(fixture_path(fixture), second_opinion=False).findings
