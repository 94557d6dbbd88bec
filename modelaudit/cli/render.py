"""``modelaudit render``: other formats from a saved report, without a second scan."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from modelaudit.cli.output import DEFAULT, destinations, help_text, rendered, saved_report, write


@click.command("render")
@click.argument("report", metavar="REPORT.json", type=click.Path(path_type=Path))
@click.option("-o", "--output", "outputs", metavar="FORMAT[=FILE]|FILE", multiple=True, help=help_text())
def command(report: Path, outputs: tuple[str, ...]) -> int:
    """Render a report that `scan -o json=FILE` saved in other formats."""
    places = destinations(outputs, 1)
    audit = saved_report(report)
    written: set[str] = set()
    for place in places:
        path = place.file_for(audit.target, written)
        if path is not None:
            write(path, rendered(audit, place.format))
        elif place.format != DEFAULT or not outputs or all(value == DEFAULT for value in outputs):
            sys.stdout.buffer.write(rendered(audit, place.format))
    return 0
