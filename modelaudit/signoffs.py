"""Sign off a saved report, and show the sign-offs of the register beside it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from modelaudit.catalogue import load_catalogue
from modelaudit.elements.controls import judge_controls
from modelaudit.model.acceptance import DecisionState, RecordedDecision
from modelaudit.model.copies import replace
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.finding import CheckFamily
from modelaudit.model.register import LONGEST_DAYS, DecisionAnswer, RegisterEntry, SignedReport
from modelaudit.model.report import AuditReport
from modelaudit.model.signoff import SignOffState
from modelaudit.policy.dates import find_active_state
from modelaudit.policy.recording import record_entry
from modelaudit.policy.signoffs import JudgedSignOffs, find_first_ending, judge_signoffs
from modelaudit.policy.subjects import find_replacements
from modelaudit.reports.content_digest import compute_content_digest
from modelaudit.reports.json_report import compute_report_digest

_DETAILS: Final = {
    SignOffState.OTHER_REPORT: "It is of another report, with other bytes, findings, licences or policy.",
    SignOffState.REPLACED: "A later decision replaces it.",
    SignOffState.EXPIRED: "It expired, so a person must sign off again.",
    SignOffState.VALID: "It is of what this report judges.",
}
_SCAN_WHOLE: Final = "scan the model with `modelaudit scan TARGET -o json=report.json`, and decide on that report"
_STATES: Final = {
    SignOffState.OTHER_REPORT: DecisionState.REOPENED,
    SignOffState.REPLACED: DecisionState.UNUSED,
    SignOffState.EXPIRED: DecisionState.EXPIRED,
}


def refuse_partial_report(report: AuditReport) -> None:
    """Refuse to sign off a report without the check for attacks, such as that of ``license``, which binds no weights.

    Raises:
        ConfigurationError: it is such a report.
    """
    if set(report.policy.checks) == {CheckFamily.LICENSE}:
        raise ConfigurationError(
            "--report: answers on the licences alone and binds no weights, which a sign-off of the model must; "
            "record the review of the licences with `modelaudit decide licence:conclusion --answer accept`, and sign "
            "off a report of `modelaudit scan`"
        )
    if CheckFamily.SECURITY not in report.policy.checks:
        raise ConfigurationError(f"--report: a sign-off needs a report that looked for attacks; {_SCAN_WHOLE}")


def choose_signoff_end(report: AuditReport, answer: DecisionAnswer, expires: str, today: date) -> str:
    """Return the last day of a sign-off: the one that a person states, else the latest.

    An approval may not outlive an acceptance behind the verdict.

    Args:
        report: a saved report.
        answer: of the sign-off.
        expires: as stated; empty if not.
        today: the day of the sign-off.

    Raises:
        ConfigurationError: an acceptance ends before the stated day.
    """
    latest = (today + timedelta(days=LONGEST_DAYS)).isoformat()
    first = find_first_ending(report.decisions) if answer is DecisionAnswer.APPROVE else None
    if first is None:
        return expires or latest
    if expires > first.expires:
        raise ConfigurationError(
            f"--expires {expires}: the verdict rests on an acceptance of {first.by} ({first.place}) that ends before; "
            f"state {first.expires} at the latest"
        )
    return expires or min(first.expires, latest)


def sign_report(report: AuditReport, binding: str, reference: str) -> SignedReport:
    """Return what binds a sign-off to a report.

    Args:
        report: a saved report.
        binding: of its model, as a decision on the model has it.
        reference: the number or name of the review; empty if not stated.

    Raises:
        ConfigurationError: the report does not state the bytes of the whole model.
    """
    if "sha256:" not in binding:
        raise ConfigurationError(
            f"--report: a sign-off needs a report that states the SHA-256 of every file; {_SCAN_WHOLE}"
        )
    return SignedReport(compute_report_digest(report), compute_content_digest(report), " ".join(reference.split()))


def judge_reported(report: AuditReport, entries: Sequence[RegisterEntry], today: date) -> JudgedSignOffs:
    """Judge the sign-offs of a register beside a saved report."""
    if not any(each.signed is not None for each in entries):
        return JudgedSignOffs()
    return judge_signoffs(
        entries,
        report.target.short_name,
        compute_content_digest(report),
        compute_report_digest(report),
        find_replacements(entries, today),
        today,
        find_first_ending(report.decisions),
    )


def show_signoffs(
    report: AuditReport, entries: Sequence[RegisterEntry], today: date
) -> tuple[AuditReport, tuple[str, ...]]:
    """Return a saved report with the sign-offs of the register in place of its own, and remarks for a person.

    Its own come from the file alone, and the digest of a report leaves them out: nothing would show a forged one.

    Args:
        report: a saved report.
        entries: of the register; none without one.
        today: the day on which the sign-offs must hold.
    """
    judged = judge_reported(report, entries, today)
    known = {(each.place, each.report) for each in judged.signoffs}
    dropped = [each for each in report.signoffs if (each.place, each.report) not in known]
    notes = [*judged.notes]
    if dropped:
        notes.append(
            f"{dropped[0].place}: the report shows a sign-off of {dropped[0].by} that no register here holds, so it is "
            "left out; name the register with --decisions FILE"
        )
    shown = replace(report, signoffs=judged.signoffs)
    signed = {}
    if judged.signoffs:
        signed = {(each.framework, each.id): each.signed for each in judge_controls(shown, load_catalogue().controls)}
    controls = tuple(replace(each, signed=signed.get((each.framework, each.id), ())) for each in report.controls)
    return replace(shown, controls=controls), tuple(notes)


def record_approvals(report: AuditReport, entries: Sequence[RegisterEntry], today: date) -> list[RecordedDecision]:
    """Return the approvals of a register on the model of a report as recorded decisions with their states."""
    states = {each.place: each.state for each in judge_reported(report, entries, today).signoffs}
    recorded = []
    for entry in entries:
        if entry.answer is not DecisionAnswer.APPROVE or entry.subject.name != report.target.short_name:
            continue
        state = states.get(entry.place)
        if state is None:
            recorded.append(record_entry(entry, DecisionState.UNUSED, entry.explain_later_start(today)))
        else:
            active = find_active_state(entry, today)
            recorded.append(record_entry(entry, _STATES.get(state, active), _DETAILS[state]))
    return recorded
