"""``modelaudit render``: render a saved report in other formats, without a second scan."""

from __future__ import annotations

from pathlib import Path

import click

from modelaudit.cli.acceptance import check_acceptance_files
from modelaudit.cli.files import write_file
from modelaudit.cli.output import (
    DEFAULT_FORMAT,
    add_bom_option,
    describe_output_option,
    load_saved_report,
    parse_destinations,
    render,
)
from modelaudit.cli.parsing import StrictCommand
from modelaudit.cli.terminal import render_for_terminal
from modelaudit.cli.writing import print_document, show_notes
from modelaudit.model.policy import Policy
from modelaudit.model.report import AuditReport


@click.command("render", cls=StrictCommand)
@click.argument("report", metavar="REPORT.json", type=click.Path(path_type=Path))
@click.option("-o", "--output", "outputs", metavar="FORMAT[=FILE]|FILE", multiple=True, help=describe_output_option())
@add_bom_option
@click.option(
    "--decisions",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The register with the sign-offs to show. Default: as for decide.",
)
@click.option("-v", "--verbose", is_flag=True, help="Show the whole report on the terminal.")
@click.option("-q", "--quiet", is_flag=True, help="No table; reports and the exit code only.")
def command(
    report: Path, outputs: tuple[str, ...], bom_findings: str, decisions: Path | None, verbose: bool, quiet: bool
) -> int:
    """Render a saved report in other formats, without a second scan.

    REPORT.json is a report that `scan -o json=FILE` saved. The sign-offs are those that the register holds today.
    """
    destinations = parse_destinations(outputs, 1)
    check_acceptance_files(decisions, None, ())
    audit = _show_signoffs(load_saved_report(report), decisions)
    # ``parse_destinations`` adds the table to outputs that are all files, but here a file is all that was asked for.
    is_table_wanted = not outputs or DEFAULT_FORMAT in outputs
    has_findings = bom_findings == "yes"
    written: set[str] = set()
    for destination in destinations:
        path = destination.choose_file(audit.target, written)
        if path is not None:
            write_file(path, render(audit, destination.format, bom_findings=has_findings))
        elif destination.format != DEFAULT_FORMAT:
            print_document(render(audit, destination.format, bom_findings=has_findings))
        elif is_table_wanted and not quiet:
            print_document(render_for_terminal(audit, verbose=verbose))
    return 0


def _show_signoffs(report: AuditReport, given: Path | None) -> AuditReport:
    """Return the report with the sign-offs of the register that is named or found."""
    from modelaudit.cli.register_choice import choose_register, list_targets
    from modelaudit.policy.places import find_policy

    targets = list_targets(report, given)
    policy = _choose_found_policy(targets) if find_policy(Path.cwd(), targets).path is not None else None
    register, remarks = choose_register(given, policy, targets)
    is_there = given is not None or register.exists()
    if not is_there and not report.signoffs and not any(each.signed for each in report.controls):
        return report
    from modelaudit.catalogue.register import read_register  # these are slow, and a report without sign-offs needs none
    from modelaudit.decisions import read_today
    from modelaudit.signoffs import show_signoffs

    if is_there:
        show_notes(remarks)
    entries = read_register(register) if is_there else ()
    shown, notes = show_signoffs(report, entries, read_today())
    show_notes(notes)
    return shown


def _choose_found_policy(targets: tuple[str, ...]) -> Policy:
    """Return the policy that the search finds."""
    from modelaudit.policy_choice import choose_policy  # it reads the whole rule set

    return choose_policy(None, targets).policy
