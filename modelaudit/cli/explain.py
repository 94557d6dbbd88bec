"""``modelaudit explain``: what a rule found, why it matters, what to do."""

from __future__ import annotations

import difflib
import textwrap
from pathlib import Path

import click

from modelaudit.catalogue import load_catalogue
from modelaudit.model.errors import ConfigurationError


@click.command("explain")
@click.argument("rule", metavar="RULE")
@click.option("--rules", "folders", metavar="DIR", multiple=True, type=click.Path(path_type=Path), help="As for scan.")
def command(rule: str, folders: tuple[Path, ...]) -> int:
    """Explain a rule, such as pickle/dangerous-call."""
    rules = load_catalogue(extra=folders).findings
    found = rules.get(rule)
    if found is None:
        near = difflib.get_close_matches(rule, rules, n=1)
        hint = f"did you mean {near[0]}?" if near else "`modelaudit rules` lists them"
        raise ConfigurationError(f"there is no rule {rule!r}; {hint}")
    text = found.rule
    click.echo(f"{text.id}: {text.title}")
    click.echo(f"severity {text.severity}, confidence {text.confidence}, check {text.check}, since {text.since}\n")
    for heading, body in (("Why it matters", text.why), ("What to do", text.fix)):
        click.echo(f"{heading}\n{textwrap.indent(textwrap.fill(' '.join(body.split()), 96), '  ')}\n")
    for reference in (*text.cwe, *text.references):
        click.echo(f"  {reference}")
    return 0
