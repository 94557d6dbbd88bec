"""``modelaudit license``: may we use this model as we mean to, and what must we do for it?"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Final

import click

import modelaudit
from modelaudit.batch import audit_targets
from modelaudit.cli.intent import intent_options, uses_of
from modelaudit.cli.license_show import show
from modelaudit.cli.output import destinations, help_text, publish_report, show_error, write
from modelaudit.cli.progress import Ticker
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.report import AuditReport

_SHOW: Final = "show"
_PAGE: Final = 100


@click.command("license")
@click.argument("targets", metavar="TARGET... | show ID...", nargs=-1, required=True)
@click.option("--revision", metavar="REV", help="Branch, tag or commit on the Hub; same as TARGET@REV.")
@click.option(
    "--policy", metavar="NAME|FILE", default="default", show_default=True, help="What you mean to do with the model."
)
@intent_options
@click.option("-o", "--output", "outputs", metavar="FORMAT[=FILE]|FILE", multiple=True, help=help_text())
@click.option(
    "--notices",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the notices and lists that have to be shipped into this folder.",
)
@click.option("--offline", is_flag=True, help="Use the local Hub cache only; make no request.")
@click.option(
    "--rules",
    "rules",
    metavar="DIR",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A further rule folder, laid out like rules/.",
)
@click.option("-q", "--quiet", is_flag=True, help="No screen and no progress; reports and the exit code only.")
def command(
    targets: tuple[str, ...],
    revision: str | None,
    policy: str,
    uses: tuple[str, ...],
    territories: tuple[str, ...],
    mau: float | None,
    revenue: float | None,
    field: str | None,
    outputs: tuple[str, ...],
    notices: Path | None,
    offline: bool,
    rules: tuple[Path, ...],
    quiet: bool,
) -> int:
    """Answer whether the licences that bind a model permit what you mean to do with it, and list what you must do.

    A TARGET is org/model[@rev], a folder or a file; of a repository only small files are fetched, never weights.
    `modelaudit license show ID` prints what the rule set knows of a licence; a folder called show is ./show.

    Exit codes: 0 allowed; 1 denied; 2 usage error; 3 for a person to decide; 4 could not run.
    """
    if targets[0] == _SHOW:
        _hold_show()
        return show(targets[1:], rules)
    places = destinations(outputs, len(targets))
    if notices is not None and len(targets) > 1:
        raise ConfigurationError("--notices writes the files of one target; ask for the others one by one")
    written: set[str] = set()

    def audit(target: str) -> AuditReport:
        with Ticker(enabled=not quiet) as ticker:
            return modelaudit.license(
                target,
                revision=revision,
                policy=policy,
                offline=offline,
                rules=rules,
                uses=uses_of(uses),
                territories=territories,
                monthly_active_users=mau,
                annual_revenue_usd=revenue,
                field=field,
                progress=ticker,
            )

    def publish(report: AuditReport) -> None:
        if notices is not None:
            _write_notices(report, notices)
        screen = None if quiet else lambda: _screen(report)
        publish_report(report, places, written, screen, page=lambda: _screen(report, _PAGE))

    return audit_targets(targets, audit, publish, show_error)


def _hold_show() -> None:
    """``show`` prints and does nothing else: an option that would do nothing is told, not passed over."""
    context = click.get_current_context()
    for option in context.command.params:
        given = context.get_parameter_source(option.name or "") is click.core.ParameterSource.COMMANDLINE
        if given and option.name not in ("targets", "rules", "offline"):
            raise ConfigurationError(f"{option.opts[-1]}: show takes no option but --rules; leave it out")


def _screen(report: AuditReport, page: int = 0) -> bytes:
    """The screen for the terminal; or for a file of a page's width, without colours."""
    from modelaudit.pipeline import guard_defects
    from modelaudit.reports.license_screen import render_license

    color = not page and sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    width = page or shutil.get_terminal_size((_PAGE, 24)).columns
    return guard_defects(lambda: render_license(report, width=width, color=color), "rendering the answer")


def _write_notices(report: AuditReport, folder: Path) -> None:
    from modelaudit.pipeline import guard_defects
    from modelaudit.reports.notices import notices

    files = guard_defects(lambda: notices(report), "writing the notices")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"{folder}: the folder cannot be made: {error.strerror}") from error
    for name, content in files.items():
        write(folder / name, content)
    click.echo(f"modelaudit: wrote {', '.join(files) or 'nothing'} to {folder}", err=True)
