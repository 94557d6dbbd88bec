"""``modelaudit explain``: what a rule found, why it matters, what to do; or one finding of a saved report."""

from __future__ import annotations

import difflib
import re
import textwrap
from pathlib import Path

import click

from modelaudit.catalogue import load_catalogue
from modelaudit.catalogue.taxonomy import standards_of
from modelaudit.model.catalogue import Catalogue
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.finding import Finding

_WIDTH = 96
_FINGERPRINT = re.compile(r"[0-9a-f]{16}")


@click.command("explain")
@click.argument("name", metavar="RULE|FINGERPRINT")
@click.option("--report", metavar="REPORT.json", type=click.Path(path_type=Path), help="The report with the finding.")
@click.option("--rules", "folders", metavar="DIR", multiple=True, type=click.Path(path_type=Path), help="As for scan.")
def command(name: str, report: Path | None, folders: tuple[Path, ...]) -> int:
    """Explain a rule, such as pickle/dangerous-call, or a finding of a report that `scan -o json=FILE` saved."""
    catalogue = load_catalogue(extra=folders)
    if report is not None or _FINGERPRINT.fullmatch(name):
        found = _finding(name, report)
        _tell_finding(found)
        name = found.rule
    _tell_rule(name, catalogue)
    return 0


def _finding(fingerprint: str, report: Path | None) -> Finding:
    from modelaudit.cli.output import saved_report

    if report is None:
        raise ConfigurationError(
            f"{fingerprint!r} is a fingerprint; name the report that holds it: explain {fingerprint} --report FILE.json"
        )
    findings = saved_report(report).findings
    found = next((each for each in findings if each.fingerprint == fingerprint), None)
    if found is None:
        raise ConfigurationError(f"{report}: none of its {len(findings)} findings has the fingerprint {fingerprint!r}")
    return found


def _tell_finding(finding: Finding) -> None:
    from modelaudit.reports.text import printable

    click.echo(f"{finding.fingerprint}: {printable(finding.message)}")
    click.echo(f"severity {finding.severity}, in {printable(finding.artifact) or 'the model as a whole'}\n")
    for line in finding.evidence:
        click.echo(f"  {printable(line)}")
    click.echo()


def _tell_rule(name: str, catalogue: Catalogue) -> None:
    entry = catalogue.findings.get(name)
    if entry is None:
        near = difflib.get_close_matches(name, catalogue.findings, n=1)
        hint = f"did you mean {near[0]}?" if near else "`modelaudit rules` lists them"
        raise ConfigurationError(f"there is no rule {name!r}; {hint}")
    rule = entry.rule
    click.echo(f"{rule.id}: {rule.title}")
    click.echo(f"severity {rule.severity}, confidence {rule.confidence}, check {rule.check}, since {rule.since}\n")
    for heading, body in (("Why it matters", rule.why), ("What to do", rule.fix)):
        click.echo(f"{heading}\n{textwrap.indent(textwrap.fill(' '.join(body.split()), _WIDTH), '  ')}\n")
    for standard in standards_of(entry, catalogue.taxonomy):
        click.echo(f"  {standard.id}, {standard.title} ({standard.framework})")
    for reference in rule.references:
        click.echo(f"  {reference}")
