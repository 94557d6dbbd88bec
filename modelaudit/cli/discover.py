"""``modelaudit discover``: list the models that a code base loads."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Final

import click

from modelaudit.cli.parsing import StrictCommand
from modelaudit.cli.rules_options import add_rules_options
from modelaudit.cli.writing import print_document

_INCOMPLETE: Final = 3


@click.command("discover", cls=StrictCommand)
@click.argument("path", metavar="PATH")
@click.option("--json", "as_json", is_flag=True, help="Print canonical JSON instead of the table.")
@add_rules_options
def command(path: str, as_json: bool, rules: tuple[Path, ...]) -> int:
    """List every model that a code base loads, with its line.

    PATH is a folder or a file. Nothing is run, and no network is used. Exit code 3 means that the list is incomplete: a
    name is not known from the code alone, or a file was not read.
    """
    from modelaudit.catalogue import load_catalogue
    from modelaudit.discovery import discover
    from modelaudit.internal_errors import convert_internal_errors
    from modelaudit.model.limits import Limits

    catalogue = load_catalogue(extra=rules)
    found = convert_internal_errors(lambda: discover(path, Limits(), catalogue), f"searching {path!r}")
    if as_json:
        from modelaudit.reports.discovery_json import render_discovery_json

        print_document(render_discovery_json(found))
    else:
        from modelaudit.reports.discovery_screen import render_discovery

        width = shutil.get_terminal_size((80, 24)).columns
        color = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        print_document(render_discovery(found, width=width, color=color))
    return 0 if found.is_complete else _INCOMPLETE
