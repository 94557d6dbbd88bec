"""``modelaudit rules``: the catalogue at a glance."""

from __future__ import annotations

import click

from modelaudit.catalogue import load_catalogue


@click.command("rules")
def command() -> int:
    """List every rule: its id, severity and title."""
    for id_, rule in sorted(load_catalogue().findings.items()):
        click.echo(f"{id_:40} {rule.rule.severity:9} {rule.rule.title}")
    return 0
