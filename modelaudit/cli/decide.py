"""``modelaudit decide``: record a decision in the register, or list the decisions and open subjects."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import click

from modelaudit.catalogue.document import Document, parse_text, read_document
from modelaudit.catalogue.register import append_entry, parse_register, read_register
from modelaudit.cli.files import write_file
from modelaudit.cli.output import load_saved_report
from modelaudit.cli.parsing import StrictCommand
from modelaudit.cli.register_choice import choose_register, list_targets
from modelaudit.cli.writing import print_document, print_text, show_notes
from modelaudit.model.acceptance import DecisionState
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.policy import Policy, Requirement
from modelaudit.model.register import DecisionAnswer, RegisterEntry, SubjectKind
from modelaudit.model.report import AuditReport
from modelaudit.model.verdict import CauseKind
from modelaudit.policy.recording import record_entry
from modelaudit.policy.signoffs import explain_unmet_terms
from modelaudit.policy_choice import choose_policy
from modelaudit.register import Statement, compose_entry, judge_entries, refuse_repetition, refuse_without_effect
from modelaudit.reports.decision_list import render_decision_json, render_decision_list
from modelaudit.reports.text import escape_unprintable
from modelaudit.reports.wording import describe_answer

_WIDEST = 100


@click.command("decide", cls=StrictCommand)
@click.argument("subject", required=False)
@click.option("--report", metavar="REPORT.json", type=click.Path(path_type=Path), help="The report of a scan.")
@click.option(
    "--answer",
    type=click.Choice(["accept", "refuse", "approve"]),
    help="A refusal fails the gate. approve signs off a model.",
)
@click.option("--reason", metavar="TEXT", help="Why; shown in every report.")
@click.option("--by", metavar="NAME", help="Who decided.")
@click.option("--role", metavar="TEXT", help="The role of that person.")
@click.option("--approved-by", metavar="NAME", help="Who approved it; a sign-off may leave it out.")
@click.option("--approver-role", metavar="TEXT", help="The role of who approved it.")
@click.option(
    "--expires",
    metavar="DATE",
    help="The last day of the decision, at most a year from today. Only a sign-off may leave it out.",
)
@click.option("--reference", metavar="TEXT", help="The number or name of the contract of agreement:ID, or of a review.")
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
    role: str | None,
    approved_by: str | None,
    approver_role: str | None,
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

    `decide model --answer approve` signs off the report itself. It accepts no finding, binds what the report judges,
    and is what a policy with require: [signoff] asks for.
    """
    audit = load_saved_report(report) if report is not None else None
    # A report names a folder without its path, so the folder is recognised by its files.
    targets = list_targets(audit, decisions)
    choice = choose_policy(policy, targets)
    effective = choice.policy
    register, remarks = choose_register(decisions, effective, targets)
    show_notes((*choice.remarks, *remarks))
    if lists:
        given_texts = (answer, reason, by, role, approved_by, approver_role, expires, reference)
        _refuse_with_list(subject, *given_texts, any_model or None)
        return _print_list(register, audit, effective, as_json)
    if audit is None or subject is None:
        raise click.UsageError("name a SUBJECT and its report, as in: decide FINGERPRINT --report report.json")
    given = {"answer": answer, "reason": reason, "by": by, "approved-by": approved_by, "expires": expires}
    _refuse_missing(subject, given)
    statement = Statement(
        answer or "",
        reason or "",
        by or "",
        approved_by or "",
        expires or "",
        reference or "",
        any_model,
        role or "",
        approver_role or "",
    )
    composed = compose_entry(subject, audit, statement)
    _refuse_unmet_terms(composed, effective)
    known = read_register(register) if register.exists() else ()
    refuse_without_effect(composed, audit, effective, known)
    show_notes(_warn_of_verdict(composed, audit))
    _print_entry(_append(register, composed), as_json)
    return 0


def _refuse_missing(subject: str, given: Mapping[str, str | None]) -> None:
    """Refuse a decision without one of the options that it needs; a sign-off may leave out two of them."""
    is_signoff = subject == SubjectKind.MODEL and given["answer"] in (DecisionAnswer.APPROVE, DecisionAnswer.REFUSE)
    optional = ("approved-by", "expires") if is_signoff else ()
    missing = [f"--{name}" for name, value in given.items() if value is None and name not in optional]
    if missing:
        raise click.UsageError(f"a decision needs {', '.join(missing)} too")


def _refuse_unmet_terms(entry: RegisterEntry, policy: Policy) -> None:
    """Refuse an approval that the policy would not count, because of its role or for want of a second person.

    Raises:
        ConfigurationError: it names the place of the policy.
    """
    if entry.answer is not DecisionAnswer.APPROVE or entry.signed is None:
        return
    unmet = explain_unmet_terms(entry.role, entry.approved_by, policy.signoff_terms)
    if unmet:
        option = "--role" if "role" in unmet else "--approved-by"
        place = policy.origins.get(f"require.{Requirement.SIGNOFF}", policy.name)
        raise ConfigurationError(f"{option}: the approval {unmet}, as {place} requires; state it, or choose --policy")


def _warn_of_verdict(entry: RegisterEntry, report: AuditReport) -> tuple[str, ...]:
    """Return a remark if a person approves a report that does not pass for another reason than the missing sign-off."""
    others = [each for each in report.decision.causes if each.kind is not CauseKind.SIGNOFF]
    if entry.answer is not DecisionAnswer.APPROVE or not others:
        return ()
    return (f"the verdict of the report is {report.decision.verdict}, and an approval changes nothing about it",)


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
    """Print the recorded decisions."""
    if as_json:
        print_document(render_decision_json([record_entry(entry, DecisionState.HONOURED)], None))
        return
    verb = describe_answer(entry.answer)
    binding = f"bound to {entry.bound_to}" if entry.bound_to else f"for {entry.model or 'any model'}"
    if entry.signed is not None:
        binding = f"of the report with SHA-256 {entry.signed.digest}"
    words = f"{entry.place}: {entry.subject} {verb} until {entry.expires}, {binding}"
    print_text(escape_unprintable(words))
