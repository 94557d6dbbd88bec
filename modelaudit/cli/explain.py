"""``modelaudit explain``: print the page of a rule or a licence, or one finding of a saved report."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from pathlib import Path

import click

from modelaudit.catalogue import load_catalogue
from modelaudit.cli.license_show import choose_page_width, find_license, format_license, look_up_license, suggest_names
from modelaudit.cli.output import print_text
from modelaudit.formats.registry import FACTS
from modelaudit.model.catalogue import Catalogue, FindingRule
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.finding import Finding

_FINGERPRINT = re.compile(r"[0-9a-f]{16}")


@click.command("explain")
@click.argument("name", metavar="[RULE|LICENSE|FINGERPRINT]", required=False)
@click.option("--report", metavar="REPORT.json", type=click.Path(path_type=Path), help="The report with the finding.")
@click.option("--rules", "folders", metavar="DIR", multiple=True, type=click.Path(path_type=Path), help="As for scan.")
def command(name: str | None, report: Path | None, folders: tuple[Path, ...]) -> int:
    """Print the page of a rule (pickle/dangerous-call) or a licence (Apache-2.0), or explain a finding.

    Name a finding by its fingerprint, and with --report the report that `scan -o json=FILE` saved. Without a name,
    list all rules and licences.
    """
    catalogue = load_catalogue(extra=folders, formats=FACTS)
    if name is None:
        if report is not None:
            raise ConfigurationError(
                "give the fingerprint of a finding, as in: modelaudit explain FINGERPRINT --report REPORT.json"
            )
        print_text(_list_pages(catalogue))
        return 0
    if report is not None or _FINGERPRINT.fullmatch(name):
        finding = _find_finding(name, report)
        print_text(f"{_format_finding(finding)}\n\n{_format_page(finding.rule, catalogue, folders)}")
    else:
        print_text(_format_page(name, catalogue, folders))
    return 0


def _list_pages(catalogue: Catalogue) -> str:
    """List the rules and then the licences, one a line."""
    rules = [
        f"{id_:40} {entry.rule.severity:9} {entry.rule.title}" for id_, entry in sorted(catalogue.findings.items())
    ]
    licenses = sorted(catalogue.licenses.items(), key=lambda item: item[0].casefold())
    return "\n".join([*rules, *(f"{id_:40} {'licence':9} {entry.name}" for id_, entry in licenses)])


def _find_finding(fingerprint: str, report: Path | None) -> Finding:
    """Find a finding in a saved report by its fingerprint.

    Raises:
        ConfigurationError: no report is named, it cannot be read, or it does not contain the finding.
    """
    from modelaudit.cli.output import load_saved_report

    if report is None:
        raise ConfigurationError(
            f"the finding {fingerprint!r} is explained from a saved report; "
            f"name it: explain {fingerprint} --report REPORT.json"
        )
    findings = load_saved_report(report).findings
    finding = next((each for each in findings if each.fingerprint == fingerprint), None)
    if finding is None:
        next_step = f"`modelaudit render {report}` lists its findings"
        raise ConfigurationError(f"{report}: no finding has the fingerprint {fingerprint!r}; {next_step}")
    return finding


def _format_finding(finding: Finding) -> str:
    """Format a finding: its message, severity and place, then its evidence."""
    from modelaudit.reports.text import escape_unprintable

    place = escape_unprintable(finding.artifact) or "the model as a whole"
    return "\n".join(
        [
            textwrap.fill(f"{finding.fingerprint}: {escape_unprintable(finding.message)}", choose_page_width()),
            f"severity {finding.severity}, in {place}",
            "",
            *(f"  {escape_unprintable(line)}" for line in finding.evidence),
        ]
    )


def _format_page(name: str, catalogue: Catalogue, folders: Sequence[Path]) -> str:
    """Format the page of a rule, or else of a licence.

    Raises:
        ConfigurationError: the name belongs to neither.
    """
    if (rule := catalogue.findings.get(name)) is not None:
        return _format_rule(rule, catalogue, folders)
    # A rule id always has a slash, an identifier of a licence never.
    if "/" not in name:
        if look_up_license(name, catalogue) is None:
            _refuse_part_of_rule_id(name, catalogue)
        return format_license(find_license(name, catalogue, "is neither a rule nor a licence"), catalogue)
    if (retired := catalogue.retired.get(name)) is not None:
        note = f"The rule {name} is gone since {retired.since}; {retired.became} reports the same.\n\n"
        return note + _format_rule(catalogue.findings[retired.became], catalogue, folders)
    similar = suggest_names(name, catalogue.findings)
    hint = f"did you mean {similar[0]}?" if similar else "`modelaudit explain` lists all rules"
    raise ConfigurationError(f"there is no rule {name!r}; {hint}")


def _refuse_part_of_rule_id(name: str, catalogue: Catalogue) -> None:
    """Raise ``ConfigurationError`` if ``name`` is the part of a rule id before or after its slash."""
    parts = [id_.partition("/") for id_ in sorted(catalogue.findings)]
    if any(family == name for family, _, _ in parts):
        raise ConfigurationError(f"{name!r} is a family of rules; `modelaudit rules {name}` lists them")
    matching = [f"{family}/{end}" for family, _, end in parts if end == name]
    if matching:
        raise ConfigurationError(f"{name!r} is only the last part of a rule id; did you mean {' or '.join(matching)}?")


def _format_rule(rule: FindingRule, catalogue: Catalogue, folders: Sequence[Path]) -> str:
    """Format the page of a rule for the terminal."""
    from modelaudit.catalogue.examples import load_examples
    from modelaudit.catalogue.taxonomy import find_standards
    from modelaudit.reports.page import render_page_text
    from modelaudit.reports.rule_page import describe_rule

    example = load_examples(folders).get(rule.rule.id)
    return render_page_text(describe_rule(rule, find_standards(rule, catalogue.taxonomy), example), choose_page_width())
