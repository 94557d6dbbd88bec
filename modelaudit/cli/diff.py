"""``modelaudit diff``: compare two reports, revisions or targets."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

import click

import modelaudit
from modelaudit.cli.output import load_saved_report
from modelaudit.cli.progress import ProgressLine
from modelaudit.cli.writing import print_document, show_notes, write_file
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.report import AuditReport
from modelaudit.policy.difference import compare_reports
from modelaudit.policy_choice import choose_policy
from modelaudit.reports.difference import RENDERERS, render_text

_WIDEST: Final = 100
_DEFAULT: Final = "table"
_REPORT_MARK: Final = b'"modelaudit/report/'
_BYTES_SEARCHED: Final = 16 * 1024 * 1024


@click.command("diff")
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@click.option("--policy", metavar="NAME|FILE", help="Judges the targets. Default: as for scan.")
@click.option("--offline", is_flag=True, help="Use the local Hub cache only; make no request.")
@click.option("-o", "--output", metavar="FORMAT[=FILE]", default=_DEFAULT, help=f"One of {', '.join(RENDERERS)}.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; same as -o json.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def command(before: str, after: str, policy: str | None, offline: bool, output: str, as_json: bool, quiet: bool) -> int:
    """Compare A with B: files, code, findings, licence, base models and verdict, and what got worse.

    A and B are reports that `scan -o json=FILE` saved, or targets, such as org/model@old and org/model@new.

    Exit codes: 0 nothing got worse; 1 something did; 2 usage error; 4 could not run.
    """
    format_, path = _parse_output("json" if as_json else output)
    targets = [each for each in (before, after) if not _is_report(each)]
    choice = choose_policy(policy, targets) if targets else None
    show_notes(() if quiet or choice is None else choice.notes)

    def read(name: str) -> AuditReport:
        if choice is None or name not in targets:
            return load_saved_report(Path(name))
        with ProgressLine(enabled=not quiet) as ticker:
            return modelaudit.scan(
                name,
                policy=choice.name,
                offline=offline,
                second_opinion=False,
                **ticker.callbacks,
            )

    difference = compare_reports(read(before), read(after))
    if path is not None:
        write_file(path, RENDERERS[format_](difference))
    elif format_ == _DEFAULT:
        width = min(shutil.get_terminal_size((_WIDEST, 24)).columns, _WIDEST)
        print_document(render_text(difference, width))
    else:
        print_document(RENDERERS[format_](difference))
    return int(difference.is_worse)


def _parse_output(value: str) -> tuple[str, Path | None]:
    """Parse ``-o``: a format, and the file after an equals sign. Raises ``ConfigurationError``."""
    format_, _, path = value.partition("=")
    if format_ not in RENDERERS:
        raise ConfigurationError(f"-o {value}: {format_!r} is not a format; use one of: {', '.join(RENDERERS)}")
    if path and not Path(path).absolute().parent.is_dir():
        raise ConfigurationError(f"{path}: the folder does not exist; create it first")
    return format_, Path(path) if path else None


def _is_report(name: str) -> bool:
    """Whether the argument names a saved report, and no target. A file of a newer version is one too.

    Raises:
        ConfigurationError: a file with the ending of a report is missing or cannot be read.
    """
    path = Path(name)
    if path.suffix == ".json" and "/" not in name and not path.exists():
        raise ConfigurationError(f"{name}: there is no such file; name a report or a target")
    if path.suffix != ".json" or not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            # The keys of a report are sorted, so its schema follows the findings: the end of the file matters too.
            size = path.stat().st_size
            head = file.read(_BYTES_SEARCHED)
            file.seek(max(0, size - _BYTES_SEARCHED))
            return _REPORT_MARK in head or _REPORT_MARK in file.read(_BYTES_SEARCHED)
    except OSError as error:
        raise ConfigurationError(f"{name}: cannot be read: {error.strerror}; name a report or a target") from error
