"""The words of a report on the decisions of people and on its baseline, for screens and lists."""

from __future__ import annotations

from collections import Counter

from modelaudit.model.acceptance import Acceptance, AcceptanceSource, DecisionState, RecordedDecision
from modelaudit.model.register import DecisionAnswer
from modelaudit.model.report import AuditReport
from modelaudit.reports.wording import count_noun, describe_decision

_NEEDS_ACTION = (DecisionState.REOPENED, DecisionState.EXPIRED, DecisionState.REFUSED, DecisionState.DUE)
_IN_FORCE = (DecisionState.HONOURED, DecisionState.DUE)


def list_decision_lines(report: AuditReport) -> list[str]:
    """List a line for each decision that concerns the model, and one for the baseline."""
    lines = [
        f"{each.subject} ({each.place}) until {each.expires}, {each.state}. {describe_decision(each)} {each.detail}"
        for each in report.decisions
    ]
    return lines + ([_describe_known(report)] if report.baseline else [])


def summarize_decisions(report: AuditReport) -> str:
    """Summarize the decisions and the baseline in one line; empty without any.

    The first decision that is in force is named with the person and the last day, and those that need an action are
    counted by their state.
    """
    in_force = [each for each in report.decisions if each.state in _IN_FORCE]
    parts = []
    if in_force:
        further = f", and {count_noun(len(in_force) - 1, 'further decision')}" if len(in_force) > 1 else ""
        parts.append(f"{_describe_shortly(in_force[0])}{further}")
    counts = Counter(each.state for each in report.decisions)
    states = [f"{counts[state]} {state}" for state in _NEEDS_ACTION if counts[state]]
    if states:
        parts.append(f"decisions to look at: {', '.join(states)}")
    if report.baseline:
        parts.append(_describe_known(report))
    return "; ".join(parts)


def describe_acceptance_shortly(acceptance: Acceptance) -> str:
    """Describe in a clause who accepts something until when, or that the baseline holds it."""
    if acceptance.source is AcceptanceSource.BASELINE:
        return f"known from the baseline {acceptance.origin}"
    if acceptance.source is AcceptanceSource.POLICY:
        return f"accepted by the policy {acceptance.origin}"
    return f"accepted by {acceptance.by} until {acceptance.expires}"


def _describe_shortly(decision: RecordedDecision) -> str:
    verb = "accepted" if decision.answer == DecisionAnswer.ACCEPT else "refused"
    return f"{decision.subject} {verb} by {decision.by} until {decision.expires} ({decision.place})"


def _describe_known(report: AuditReport) -> str:
    """Describe how much of the report is known from its baseline."""
    absences = [absence for record in report.coverage.artifacts for _, absence in record.absences]
    numbers = [
        (sum(_is_known(each.acceptance) for each in report.findings), "finding"),
        (sum(_is_known(each.acceptance) for each in absences), "absence"),
    ]
    known = " and ".join(count_noun(number, noun) for number, noun in numbers if number) or "nothing here"
    return f"{known} known from the baseline {report.baseline}, on which no person decided"


def _is_known(acceptance: Acceptance | None) -> bool:
    """Whether the baseline is what accepts it."""
    return acceptance is not None and acceptance.source is AcceptanceSource.BASELINE
