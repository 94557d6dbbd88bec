"""``modelaudit rules``: the catalogue at a glance."""

from __future__ import annotations

from pathlib import Path

import click

from modelaudit.catalogue import load_catalogue


@click.command("rules")
@click.option("--rules", "folders", metavar="DIR", multiple=True, type=click.Path(path_type=Path), help="As for scan.")
def command(folders: tuple[Path, ...]) -> int:
    """List every rule: its id, severity and title."""
    for id_, rule in sorted(load_catalogue(extra=folders).findings.items()):
        click.echo(f"{id_:40} {rule.rule.severity:9} {rule.rule.title}")
    return 0
