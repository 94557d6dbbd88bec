"""``modelaudit license``: judge the licences of a model for the intended use, and list the obligations."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import click
from msgspec import Struct

import modelaudit
from modelaudit.batch import name_targets
from modelaudit.cli.acceptance import add_acceptance_options, check_acceptance_files, list_policy_files
from modelaudit.cli.files import check_folder
from modelaudit.cli.intent import UseArguments, add_intent_options
from modelaudit.cli.output import (
    Destination,
    audit_all,
    describe_output_option,
    prepare_destinations,
    publish_report,
)
from modelaudit.cli.parsing import StrictCommand
from modelaudit.cli.progress import ProgressLine
from modelaudit.cli.rules_options import add_rules_options
from modelaudit.cli.terminal import choose_width, uses_color
from modelaudit.cli.writing import show_notes
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.report import AuditReport
from modelaudit.policy.places import find_enclosing_target

_SHOW: Final = "show"
_FILE_COLUMNS: Final = 100
"""The width of the answer in a file."""


@click.command("license", cls=StrictCommand)
@click.argument("targets", metavar="[TARGET]...", nargs=-1)
@click.option("--revision", metavar="REV", help="Branch, tag or commit on the Hub; same as TARGET@REV.")
@click.option(
    "--path",
    "folder",
    metavar="FOLDER",
    help="Answer for the model in this folder of the repository: its own card and licence, else the nearest above.",
)
@click.option(
    "--policy",
    metavar="NAME|FILE",
    help="The policy that states the intended use. Default: modelaudit.yaml in this folder or above it, else default.",
)
@add_intent_options
@add_acceptance_options
@click.option("-o", "--output", "outputs", metavar="FORMAT[=FILE]|FILE", multiple=True, help=describe_output_option())
@click.option(
    "--notices",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write into this folder the notices and lists that you have to ship.",
)
@click.option("--offline", is_flag=True, help="Use the local Hub cache only; make no request.")
@add_rules_options
@click.option(
    "-q", "--quiet", is_flag=True, help="No answer and no progress. An exit code other than 0 has one line on stderr."
)
def command(
    targets: tuple[str, ...],
    revision: str | None,
    folder: str | None,
    policy: str | None,
    intended_use: UseArguments,
    decisions: Path | None,
    baseline: Path | None,
    outputs: tuple[str, ...],
    notices: Path | None,
    offline: bool,
    rules: tuple[Path, ...],
    quiet: bool,
) -> int:
    """Judge whether the licences of a model permit the intended use.

    All licences that bind the model count, and the obligations are listed.
    A TARGET is org/model[@rev], a folder or a file. From a repository only small files are fetched, never weights.
    `modelaudit explain ID` prints the page of a licence.

    The answer and the exit code are those of scan for the same use: 0 pass, or no use is stated; 1 denied; 2 usage
    error; 3 for review or incomplete; 4 could not run.
    """
    if targets[:1] == (_SHOW,):
        words = " ".join(("modelaudit explain", *targets[1:]))
        raise ConfigurationError(f"'license show' is a part of explain now: {words}")
    from modelaudit.policy_choice import choose_policy, require_targets  # slow, and --help needs none of it

    choice = choose_policy(policy, targets, rules)
    show_notes(choice.notes if quiet else choice.remarks)
    targets = tuple(dict.fromkeys(require_targets(choice, revision)))
    if notices is not None:
        _check_notices(notices, targets)
    if folder is not None:
        _check_folder(folder, targets)
    check_acceptance_files(decisions, baseline, targets)
    written = set[str]()
    destinations = prepare_destinations(outputs, targets, list_policy_files(choice.policy, targets))

    def audit(target: str) -> AuditReport:
        with ProgressLine(enabled=not quiet) as ticker:
            return modelaudit.license(
                target,
                revision=revision,
                policy=choice.name,
                offline=offline,
                rules=rules,
                path=folder or "",
                decisions=decisions,
                baseline=baseline,
                progress=ticker,
                anchors=choice.anchors.get(target, ()),
                **intended_use,
            )

    to_ship = _Notices(notices, revision, offline, folder or "") if notices is not None else None
    publish = partial(_publish, name_targets(targets), destinations, written, to_ship, quiet)
    return audit_all(targets, audit, publish, quiet)


def _publish(
    names: Mapping[str, str],
    destinations: Sequence[Destination],
    written: set[str],
    notices: _Notices | None,
    quiet: bool,
    target: str,
    report: AuditReport,
) -> None:
    """Write the notices of a target and its report."""
    if notices is not None:
        _write_notices(report, target, notices)
    render_screen = None if quiet else lambda _: _render_for_terminal(report)
    render_page = partial(_render_answer, report, _FILE_COLUMNS, color=False)
    publish_report(report, target, destinations, written, render_screen, render_page, names.get(target, ""))


def _check_notices(folder: Path, targets: Sequence[str]) -> None:
    """Refuse a folder of several targets, in the model, or that cannot be written, before any target is read."""
    if len(targets) > 1:
        raise ConfigurationError("--notices writes the files of one target; run the other targets one by one")
    inside = find_enclosing_target(folder, targets)
    if inside is not None:
        raise ConfigurationError(
            f"--notices {folder}: lies in the model {inside}, and its files would become a part of the model; name a "
            "folder outside of it"
        )
    check_folder(folder)


def _check_folder(folder: str, targets: Sequence[str]) -> None:
    """Refuse a folder in several targets, or one that is no folder below a repository, before any target is read."""
    from modelaudit.sources.folder import parse_folder  # slow, and --help needs none of it

    if len(targets) > 1:
        raise ConfigurationError("--path names a folder of one target; run the other targets one by one")
    parse_folder(folder)


def _render_for_terminal(report: AuditReport) -> bytes:
    """Render the answer for stdout, in colour and in the width of the terminal if there is one."""
    return _render_answer(report, choose_width(), uses_color(sys.stdout))


def _render_answer(report: AuditReport, width: int, color: bool) -> bytes:
    """Render the answer in ``width`` columns. Raises ``InternalError`` if rendering itself fails."""
    from modelaudit.internal_errors import convert_internal_errors
    from modelaudit.reports.license_screen import render_license

    return convert_internal_errors(lambda: render_license(report, width=width, color=color), "rendering the answer")


class _Notices(Struct, frozen=True):
    """Where the notices go, and how their texts are found; the options of the command document the rest."""

    path: Path
    revision: str | None
    offline: bool
    folder: str


def _write_notices(report: AuditReport, target: str, notices: _Notices) -> None:
    """Write the files to ship into a folder, which is created if it does not exist, and name them on stderr.

    Raises:
        ConfigurationError: a file of another origin is in the way, or the folder cannot be written.
        SourceError: the model is not there any more.
    """
    from modelaudit.cli.notice_folder import write_notice_folder
    from modelaudit.internal_errors import convert_internal_errors
    from modelaudit.notice_texts import build_notice_files
    from modelaudit.options import Options

    options = Options(revision=notices.revision, offline=notices.offline, folder=notices.folder)
    files = convert_internal_errors(lambda: build_notice_files(target, options, report), "writing the notices")
    write_notice_folder(notices.path, files)
    click.echo(f"modelaudit: wrote {', '.join(files)} to {notices.path}", err=True)
