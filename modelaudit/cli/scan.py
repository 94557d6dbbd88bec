"""``modelaudit scan``: scan models and decide by a policy."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

import click

import modelaudit
from modelaudit.cli.acceptance import add_acceptance_options, check_acceptance_files, list_policy_files
from modelaudit.cli.discovered import RunTargets, choose_targets
from modelaudit.cli.intent import UseArguments, add_intent_options
from modelaudit.cli.ledger_file import open_ledger_file
from modelaudit.cli.output import (
    Destination,
    add_bom_option,
    audit_all,
    describe_output_option,
    prepare_destinations,
    publish_report,
)
from modelaudit.cli.parsing import StrictCommand
from modelaudit.cli.progress import ProgressLine
from modelaudit.cli.rules_options import add_rules_options
from modelaudit.cli.terminal import choose_screen
from modelaudit.cli.trust import GivenTrust, add_trust_options
from modelaudit.cli.writing import show_notes
from modelaudit.model.finding import Severity
from modelaudit.model.report import AuditReport

_LEVELS: Final = [level.value for level in Severity]


def _split_list(context: click.Context, option: click.Parameter, value: str | None) -> list[str] | None:
    """Split the value of an option at its commas; ``None`` where the option is not given."""
    return None if value is None else [word.strip() for word in value.split(",")]


def _publish(
    run: RunTargets,
    destinations: Sequence[Destination],
    written: set[str],
    show: str,
    verbose: bool,
    quiet: bool,
    bom_findings: bool,
    target: str,
    report: AuditReport,
) -> None:
    """Write the report of a target, after a note on each entry of the policy that accepts nothing.

    The notes appear where an absence is open, or where ``verbose`` asks for all.
    """
    from modelaudit.policy.absences import list_unused_entries

    if not quiet and (verbose or report.coverage.open_absences):
        show_notes(list_unused_entries(run.policy, report.coverage.artifacts))
    screen = choose_screen(report, target, show, verbose, quiet)
    publish_report(
        run.note_gap(report),
        target,
        destinations,
        written,
        screen,
        model=run.name(target),
        bom_findings=bom_findings,
    )


@click.command("scan", cls=StrictCommand)
@click.argument("targets", metavar="[TARGET]...", nargs=-1)
@click.option(
    "--discover",
    metavar="PATH",
    help="Also scan each model that the code in this folder or file loads; reports name the lines that load it.",
)
@click.option("--revision", metavar="REV", help="Branch, tag or commit on the Hub; same as TARGET@REV.")
@click.option(
    "--checks",
    metavar="LIST",
    callback=_split_list,
    help="Comma-separated list of security, integrity, license, provenance. Default: the policy's.",
)
@click.option(
    "--policy",
    metavar="NAME|FILE",
    help="The policy that decides the verdict. Default: modelaudit.yaml in this folder or above it, else default.",
)
@click.option(
    "--fail-on",
    type=click.Choice([*_LEVELS, "never"]),
    help="Lowest severity that fails. Default: the policy's: medium in strict, high in the other ready ones.",
)
@click.option(
    "--show",
    type=click.Choice(_LEVELS),
    default="low",
    show_default=True,
    help="Lowest severity to list; changes no verdict. A pass lists the worst that fit in 12 lines.",
)
@click.option(
    "-o",
    "--output",
    "outputs",
    metavar="FORMAT[=FILE]|FILE",
    multiple=True,
    help=describe_output_option(),
)
@add_bom_option
@click.option(
    "--ledger",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write the class of every byte of every file: a line of JSON for each file and member.",
)
@click.option("--lock", metavar="FILE", help="Compare with a lock that modelaudit lock wrote.")
@click.option("--offline", is_flag=True, help="Use the local Hub cache only; make no request.")
@click.option(
    "--second-opinion/--no-second-opinion",
    default=True,
    show_default=True,
    help="Ask modelscan too, in a process of its own.",
)
@add_rules_options
@add_trust_options
@add_intent_options
@add_acceptance_options
@click.option("-v", "--verbose", is_flag=True, help="Show the whole report on the terminal.")
@click.option(
    "-q", "--quiet", is_flag=True, help="No table and no progress. An exit code other than 0 has one line on stderr."
)
def command(
    targets: tuple[str, ...],
    discover: str | None,
    revision: str | None,
    checks: list[str] | None,
    policy: str | None,
    fail_on: str | None,
    show: str,
    outputs: tuple[str, ...],
    bom_findings: str,
    ledger: Path | None,
    lock: str | None,
    trust: GivenTrust,
    offline: bool,
    second_opinion: bool,
    rules: tuple[Path, ...],
    intended_use: UseArguments,
    decisions: Path | None,
    baseline: Path | None,
    verbose: bool,
    quiet: bool,
) -> int:
    """Scan models, and decide if they may be loaded and used.

    A TARGET is org/model[@rev], datasets/org/name[@rev], a folder or a file; an existing path takes
    precedence over a repository. Without a TARGET, the models of the policy are scanned.
    """
    run = choose_targets(policy, targets, revision, discover, rules, quiet)
    check_acceptance_files(decisions, baseline, run.targets)
    written = set[str]()
    destinations = prepare_destinations(outputs, run.targets, list_policy_files(run.policy, run.targets), ledger)

    def audit(target: str) -> AuditReport:
        with ProgressLine(enabled=not quiet) as ticker:
            return modelaudit.scan(
                target,
                revision=revision,
                checks=checks,
                policy=run.policy_name,
                fail_on=fail_on,
                offline=offline,
                second_opinion=second_opinion,
                rules=rules,
                decisions=decisions,
                baseline=baseline,
                **intended_use,
                **ticker.callbacks,
                record_ledger=partial(ledger_file.append, target) if ledger_file else None,
                anchors=run.anchors.get(target, ()),
                lock=lock,
                signers=trust.signers,
                signatures=trust.signatures,
            )

    publish = partial(_publish, run, destinations, written, show, verbose, quiet, bom_findings == "yes")

    with open_ledger_file(ledger) as ledger_file:
        return audit_all(run.targets, audit, publish, quiet, run.gap)
