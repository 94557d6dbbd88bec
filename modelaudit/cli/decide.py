"""``modelaudit decide``: record a decision in the register, or list the decisions and what is open."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import click

from modelaudit.catalogue.document import Document, parse_text, read_document
from modelaudit.catalogue.register import append_entry, parse_register, read_register
from modelaudit.cli.files import write_file
from modelaudit.cli.output import load_saved_report
from modelaudit.cli.parsing import StrictCommand
from modelaudit.cli.writing import print_document, print_text, show_notes
from modelaudit.model.acceptance import DecisionState
from modelaudit.model.artifact import RefKind
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.policy import Policy
from modelaudit.model.register import RegisterEntry
from modelaudit.model.report import AuditReport
from modelaudit.policy.model_folders import holds_files
from modelaudit.policy.places import (
    REGISTER_NAME,
    explain_unused_register,
    find_enclosing_target,
    find_register,
    suggest_place,
)
from modelaudit.policy.recording import record_entry
from modelaudit.policy_choice import choose_policy
from modelaudit.register import Statement, compose_entry, judge_entries, refuse_repetition, refuse_without_effect
from modelaudit.reports.decision_list import render_decision_json, render_decision_list
from modelaudit.reports.text import escape_unprintable

_WIDEST = 100


@click.command("decide", cls=StrictCommand)
@click.argument("subject", required=False)
@click.option("--report", metavar="REPORT.json", type=click.Path(path_type=Path), help="The report of a scan.")
@click.option("--answer", type=click.Choice(["accept", "refuse"]), help="A refusal fails the gate.")
@click.option("--reason", metavar="TEXT", help="Why; shown in every report.")
@click.option("--by", metavar="NAME", help="Who decided.")
@click.option("--approved-by", metavar="NAME", help="Who approved the decision.")
@click.option("--expires", metavar="DATE", help="The last day of the decision, at most a year from today.")
@click.option("--reference", metavar="TEXT", help="The number or name of the contract; for agreement:ID.")
@click.option(
    "--any-model", is_flag=True, help="The agreement is on each model under the licence, not on that of the report."
)
@click.option(
    "--decisions",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The register. Default: decisions.yaml beside modelaudit.yaml or here.",
)
@click.option(
    "--policy",
    metavar="NAME|FILE",
    help="States whether a critical finding may be accepted, and where the register is. Default: as for scan.",
)
@click.option("--list", "lists", is_flag=True, help="List the decisions by state; with --report also what is open.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    subject: str | None,
    report: Path | None,
    answer: str | None,
    reason: str | None,
    by: str | None,
    approved_by: str | None,
    expires: str | None,
    reference: str | None,
    any_model: bool,
    decisions: Path | None,
    policy: str | None,
    lists: bool,
    as_json: bool,
) -> int:
    """Record a decision on a SUBJECT of a report, or list them.

    A decision is bound to the bytes that were scanned. A SUBJECT is the fingerprint of a finding, rule/id:artifact,
    absence-reason:artifact, licence:ID (or licence:conclusion), agreement:ID[,ID]..., or model. The entry is appended
    to decisions.yaml, which scans use from then on.
    """
    audit = load_saved_report(report) if report is not None else None
    # A report names a folder without its path, so the folder is recognised by its files.
    targets = _list_targets(audit, decisions)
    choice = choose_policy(policy, targets)
    effective = choice.policy
    register, remarks = _find_register(decisions, effective, targets)
    show_notes((*choice.remarks, *remarks))
    if lists:
        _refuse_with_list(subject, answer, reason, by, approved_by, expires, reference, any_model or None)
        return _print_list(register, audit, effective, as_json)
    if audit is None or subject is None:
        raise click.UsageError("name a SUBJECT and its report, as in: decide FINGERPRINT --report report.json")
    given = {"answer": answer, "reason": reason, "by": by, "approved-by": approved_by, "expires": expires}
    missing = [f"--{name}" for name, value in given.items() if value is None]
    if missing:
        raise click.UsageError(f"a decision needs {', '.join(missing)} too")

    statement = Statement(
        answer or "", reason or "", by or "", approved_by or "", expires or "", reference or "", any_model
    )
    composed = compose_entry(subject, audit, statement)
    known = read_register(register) if register.exists() else ()
    refuse_without_effect(composed, audit, effective, known)
    _print_entry(_append(register, composed), as_json)
    return 0


def _list_targets(report: AuditReport | None, given: Path | None) -> tuple[str, ...]:
    """List the folders that may be the model of a report: one of its name here, and each with its files around here."""
    if report is None or report.target.kind is not RefKind.FOLDER:
        return ()
    folders = [Path.cwd(), *Path.cwd().parents]
    folders += given.resolve().parents if given is not None else []
    return (report.target.name, *(str(each) for each in dict.fromkeys(folders) if holds_files(each, report)))


def _find_register(given: Path | None, policy: Policy, targets: tuple[str, ...]) -> tuple[Path, tuple[str, ...]]:
    """Return the register to use: the named one, that of the policy, else ``decisions.yaml`` beside the policy or here.

    The second value are remarks: on files that are passed over, and on a register that scans of the model pass over.

    Raises:
        ConfigurationError: it lies in the model of the report.
    """
    path = given or policy.decisions_path
    notes: tuple[str, ...] = ()
    if path is None:
        path, notes = find_register(policy.files, targets)
    if path is None:
        path = (policy.files[0].parent if policy.files else Path()) / REGISTER_NAME
        reason = explain_unused_register(path.absolute(), policy.files, targets)
        notes = (*notes, *([f"{path}: no scan finds it, because {reason}"] if reason else []))
    target = find_enclosing_target(path, targets)
    if target is not None:
        place = suggest_place(Path(target).absolute()) / REGISTER_NAME
        raise ConfigurationError(
            f"{'--decisions ' if given else ''}{path}: lies in the target {target}, and a model must not judge itself; "
            f"name a register outside of it, such as --decisions {place}"
        )
    if path.exists() and not path.is_file():
        fault = "is a folder" if path.is_dir() else "is not a regular file"
        raise ConfigurationError(f"--decisions {path}: {fault}; name a file")
    # The report does not tell in which folder the model lies, so a folder of its name may be another one.
    if any(each.name in targets for each in path.resolve().parents):
        notes = (*notes, f"{path}: lies in a folder with the name of the model; a scan of that folder does not use it")
    return path, notes


def _refuse_with_list(*values: str | bool | None) -> None:
    """Refuse a decision together with ``--list``, instead of ignoring it."""
    if any(value is not None for value in values):
        raise ConfigurationError("--list: records nothing; leave out --list, or all but --report and --decisions")


def _print_list(register: Path, report: AuditReport | None, policy: Policy, as_json: bool) -> int:
    """Print the list and return 0."""
    entries = read_register(register) if register.is_file() else ()
    state = judge_entries(entries, report, policy)
    if as_json:
        print_document(render_decision_json(state.decisions, state.open))
        return 0
    width = min(shutil.get_terminal_size((_WIDEST, 24)).columns, _WIDEST)
    if not register.is_file():
        print_text(f"{register}: no register yet; `modelaudit decide SUBJECT` creates it.\n")
    print_text(render_decision_list(state.decisions, state.open, width))
    return 0


def _append(register: Path, entry: RegisterEntry) -> RegisterEntry:
    """Append the entry to the file, whole or not at all, and return it with its place.

    Raises:
        ConfigurationError: the file is invalid, holds this decision already, or cannot be written.
    """
    label = str(register)
    with _lock_folder(register):
        text = read_document(register, label).text if register.exists() else ""
        if text.strip():
            before = Document(label, text, parse_text(text, label))
            refuse_repetition(entry, parse_register(before, register.name))
        extended = append_entry(text, entry, label)
        parsed = parse_register(Document(label, extended, parse_text(extended, label)), register.name)
        write_file(register, extended.encode())
    return parsed[-1]


@contextmanager
def _lock_folder(register: Path) -> Iterator[None]:
    """Hold a lock on the folder of the register, so that two runs at once append one after the other.

    The folder is locked because each run replaces the file. A folder that cannot be opened fails when it is written.
    """
    try:
        descriptor = os.open(register.resolve().parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        yield
        return
    try:
        # Some network file systems have no locks; the entry is then written without one.
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _print_entry(entry: RegisterEntry, as_json: bool) -> None:
    """Print what was recorded."""
    if as_json:
        print_document(render_decision_json([record_entry(entry, DecisionState.HONOURED)], None))
        return
    verb = "accepted" if entry.answer == "accept" else "refused"
    binding = f"bound to {entry.bound_to}" if entry.bound_to else f"for {entry.model or 'any model'}"
    words = f"{entry.place}: {entry.subject} {verb} until {entry.expires}, {binding}"
    print_text(escape_unprintable(words))
