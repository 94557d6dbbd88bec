"""``modelaudit explain``: what a rule found, why it matters, what to do."""

from __future__ import annotations

import textwrap

import click

from modelaudit.catalogue import load_catalogue
from modelaudit.model.errors import ConfigurationError


@click.command("explain")
@click.argument("rule", metavar="RULE")
def command(rule: str) -> int:
    """Explain a rule, such as pickle/dangerous-call."""
    found = load_catalogue().findings.get(rule)
    if found is None:
        raise ConfigurationError(f"there is no rule {rule!r}; `modelaudit rules` lists them")
    text = found.rule
    click.echo(f"{text.id}: {text.title}")
    click.echo(f"severity {text.severity}, confidence {text.confidence}, check {text.check}, since {text.since}\n")
    for heading, body in (("Why it matters", text.why), ("What to do", text.fix)):
        click.echo(f"{heading}\n{textwrap.indent(textwrap.fill(' '.join(body.split()), 96), '  ')}\n")
    for reference in (*text.cwe, *text.references):
        click.echo(f"  {reference}")
    return 0
