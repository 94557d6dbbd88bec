"""``modelaudit diff``: compare two reports, revisions or targets."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

import click

import modelaudit
from modelaudit.cli.acceptance import add_decisions_option, check_acceptance_files
from modelaudit.cli.files import check_file, write_file
from modelaudit.cli.intent import UseArguments, add_intent_options
from modelaudit.cli.output import load_saved_report
from modelaudit.cli.parsing import StrictCommand
from modelaudit.cli.progress import ProgressLine
from modelaudit.cli.writing import print_document, show_notes
from modelaudit.model.difference import Difference
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.report import AuditReport
from modelaudit.policy.difference import compare_reports
from modelaudit.policy_choice import choose_policy
from modelaudit.reports.difference import RENDERERS, render_text

_WIDEST: Final = 100
_DEFAULT: Final = "table"
_REPORT_MARK: Final = b'"modelaudit/report/'
_JUDGING: Final = frozenset({"policy", "uses", "territories", "mau", "revenue", "field", "decisions"})
"""The parameters that matter for targets alone."""
_BYTES_SEARCHED: Final = 16 * 1024 * 1024


@click.command("diff", cls=StrictCommand)
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@click.option("--policy", metavar="NAME|FILE", help="Judges the targets. Default: as for scan.")
@add_intent_options
@add_decisions_option
@click.option("--offline", is_flag=True, help="Use the local Hub cache only; make no request.")
@click.option("-o", "--output", metavar="FORMAT[=FILE]", default=_DEFAULT, help=f"One of {', '.join(RENDERERS)}.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; same as -o json.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def command(
    before: str,
    after: str,
    policy: str | None,
    intended_use: UseArguments,
    decisions: Path | None,
    offline: bool,
    output: str,
    as_json: bool,
    quiet: bool,
) -> int:
    """Compare two reports or targets, and show what got worse.

    The comparison covers files, code, findings, licence, base models and verdict. A and B are reports that
    `scan -o json=FILE` saved, or targets, such as org/model@old and org/model@new. The policy, the intended use and the
    decisions judge the targets; a saved report was judged already.

    Exit codes: 0 nothing got worse; 1 something did; 2 usage error; 4 could not run.
    """
    format_, path = _parse_output("json" if as_json else output)
    targets = [each for each in (before, after) if not _is_report(each)]
    for name in targets if len(targets) == 1 else ():
        if Path(name).suffix == ".json":
            raise ConfigurationError(f"{name}: is not a report; name a report, or the folder of the model")
    if not targets:
        _refuse_judgement(click.get_current_context())
    choice = choose_policy(policy, targets) if targets else None
    check_acceptance_files(decisions, None, targets)
    show_notes(() if quiet or choice is None else choice.remarks)

    def read(name: str) -> AuditReport:
        if choice is None or name not in targets:
            return load_saved_report(Path(name))
        with ProgressLine(enabled=not quiet) as ticker:
            return modelaudit.scan(
                name,
                policy=choice.name,
                offline=offline,
                second_opinion=False,
                decisions=decisions,
                **intended_use,
                **ticker.callbacks,
            )

    first, second = read(before), read(after)
    show_notes(() if quiet else _describe_policies(first, second))
    difference = compare_reports(first, second)
    _write(difference, format_, path)
    return int(difference.is_worse)


def _write(difference: Difference, format_: str, path: Path | None) -> None:
    """Write a difference to a file, or print it."""
    if path is not None:
        write_file(path, RENDERERS[format_](difference))
    elif format_ == _DEFAULT:
        width = min(shutil.get_terminal_size((_WIDEST, 24)).columns, _WIDEST)
        print_document(render_text(difference, width))
    else:
        print_document(RENDERERS[format_](difference))


def _parse_output(value: str) -> tuple[str, Path | None]:
    """Parse ``-o``: a format, and the file after an equals sign. Raises ``ConfigurationError``."""
    format_, equals, path = value.partition("=")
    if format_ not in RENDERERS:
        from modelaudit.catalogue.known_keys import suggest_word

        hint = suggest_word(format_, RENDERERS) or f"; use one of: {', '.join(RENDERERS)}"
        raise ConfigurationError(f"-o {value}: {format_!r} is not a format{hint}")
    if equals and not path:
        raise ConfigurationError(f"-o {value}: write the name of a file after the equals sign")
    if path:
        check_file(Path(path))
    return format_, Path(path) if path else None


def _refuse_judgement(context: click.Context) -> None:
    """Refuse the options that judge a target if both sides are saved reports, instead of ignoring them.

    Raises:
        ConfigurationError: one of them is given.
    """
    for option in context.command.params:
        value = context.params.get(option.name or "")
        if option.name in _JUDGING and value not in (None, False, ()):
            raise ConfigurationError(
                f"{option.opts[0]}: both sides are saved reports, which were judged already; "
                "leave it out, or name a target in place of a report"
            )


def _describe_policies(before: AuditReport, after: AuditReport) -> tuple[str, ...]:
    """Return a note if two policies judged the reports: a difference may then be theirs, and none of the model."""
    names = before.policy.name, after.policy.name
    if before.policy.digest == after.policy.digest:
        return ()
    first, second = names if len(set(names)) > 1 else (f"{names[0]} as it was", "its other version")
    return (f"A was judged by the policy {first}, B by {second}; a difference may come from that",)


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
