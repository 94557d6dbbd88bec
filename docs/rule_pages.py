"""One page for every rule, and the list of them: what was found, why it matters, an example, what to do, where to read.

The example is what a scan says of the first fixture in which the rule has to fire; payloads of fixtures are inert.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import groupby
from pathlib import Path

import modelaudit
from modelaudit.catalogue.taxonomy import standards_of
from modelaudit.model.catalogue import Catalogue, FindingRule, Matcher, Standard
from modelaudit.model.finding import Finding
from modelaudit.reports.text import printable

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from support.fixtures import fixture_path  # noqa: E402 - tests are on no path

NOTICE = "<!-- Written by docs/generate.py; change its source and run `make docs`. -->\n"
_LINES_SHOWN = 8
_WIDTH = 150
_ADVISORY = re.compile(r"CVE-\d{4}-\d+|GHSA(?:-[0-9a-z]{4}){3}")


def render_rule_pages(catalogue: Catalogue) -> Mapping[str, str]:
    """Render one Markdown page for each rule, by its path within the site."""
    return {f"rules/{id_}.md": _render_page(rule, catalogue.taxonomy) for id_, rule in catalogue.findings.items()}


def plain(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    return re.sub(r"([\\`*_<>|\[\]])", r"\\\1", " ".join(text.split()))


def render_rule_index(catalogue: Catalogue, link: str) -> str:
    """Render the list of all rules; ``link`` is the target of a rule's link, with ``{id}`` for the rule's id."""
    rules = [rule for _, rule in sorted(catalogue.findings.items())]
    parts = [
        NOTICE,
        "# Rules\n",
        f"{len(rules)} rules, each one file in `rules/findings/`. `modelaudit rules` lists them, `modelaudit explain "
        "RULE` prints the text of one. An organisation adds its own with `--rules DIR`: the same layout, "
        "`DIR/findings/<family>/<name>.yaml`, the same fields, the same errors with file and line.\n",
    ]
    for family, members in groupby(rules, key=lambda rule: rule.rule.id.partition("/")[0]):
        parts.append(f"## {family}\n\n| rule | severity | finds |\n|---|---|---|")
        parts += [
            f"| [{rule.rule.id}]({link.format(id=rule.rule.id)}) | {rule.rule.severity} | {plain(rule.rule.title)} |"
            for rule in members
        ]
        parts.append("")
    return "\n".join(parts)


def _render_page(entry: FindingRule, taxonomy: Mapping[str, tuple[Standard, ...]]) -> str:
    rule = entry.rule
    up = "../" * rule.id.count("/")
    parts = [
        NOTICE,
        f"# {rule.id}\n",
        f"**{plain(rule.title)}**\n",
        f"Severity {rule.severity} · confidence {rule.confidence} · check {rule.check} · since {rule.since}\n",
        f"## What it finds\n\n{plain(_sentence(entry.message))}\n",
        "It fires on:\n",
        *(f"- {_matcher(matcher)}" for matcher in entry.match),
        f"\n## Why it matters\n\n{plain(rule.why)}\n",
        *_example(entry),
        f"## What to do\n\n{plain(rule.fix)}\n",
        *_references(entry, taxonomy),
        *_fixtures(entry),
        f"[All rules]({up}../rules.md)\n",
    ]
    return "\n".join(parts)


def _sentence(message: str) -> str:
    """The sentence that it reports, with the places of fields in words."""
    return re.sub(r"\{(\w+)\}", lambda field: f"({field[1].replace('_', ' ')})", message)


def _matcher(matcher: Matcher) -> str:
    conditions = [f"{field} is {' or '.join(f'`{value}`' for value in values)}" for field, values in matcher.where]
    return f"`{matcher.on}`" + (" whose " + ", and ".join(conditions) if conditions else "")


def _example(entry: FindingRule) -> Iterator[str]:
    for fixture in entry.fires:
        found = next((each for each in _findings(fixture) if each.rule == entry.rule.id), None)
        if found is not None:
            lines = [printable(found.message), *map(printable, found.evidence)][: _LINES_SHOWN + 1]
            shown = "\n".join(line if len(line) <= _WIDTH else line[: _WIDTH - 1] + "…" for line in lines)
            yield f"## Example\n\nOf `fixtures/{fixture}`, whose payload is inert, a scan says:\n"
            yield f"```text\n{shown}\n```\n"
            return


@cache
def _findings(fixture: str) -> tuple[Finding, ...]:
    return modelaudit.scan(fixture_path(fixture), second_opinion=False).findings


def _references(entry: FindingRule, taxonomy: Mapping[str, tuple[Standard, ...]]) -> Iterator[str]:
    standards = standards_of(entry, taxonomy)
    if not standards and not entry.rule.references:
        return
    yield "## References\n"
    yield from (f"- {each.framework}: [{each.id}]({each.url}), {plain(each.title)}" for each in standards)
    for url in entry.rule.references:
        named = _ADVISORY.search(url)
        yield f"- [{named[0]}]({url})" if named else f"- <{url}>"
    yield ""


def _fixtures(entry: FindingRule) -> Iterator[str]:
    if entry.fires or entry.quiet:
        yield "## Fixtures that hold it to this\n"
        yield from (f"- must fire: `fixtures/{path}`" for path in entry.fires)
        yield from (f"- must not fire: `fixtures/{path}`" for path in entry.quiet)
        yield ""
