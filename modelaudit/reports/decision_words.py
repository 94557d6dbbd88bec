"""The words of a report on the decisions of people and on its baseline, for screens and lists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from modelaudit.model.acceptance import Acceptance, AcceptanceSource, DecisionState, RecordedDecision
from modelaudit.model.finding import Finding
from modelaudit.model.register import DecisionAnswer
from modelaudit.model.report import AuditReport
from modelaudit.reports.wording import count_noun, describe_decision

_NEEDS_ACTION = (DecisionState.REOPENED, DecisionState.EXPIRED, DecisionState.REFUSED, DecisionState.DUE)
_IN_FORCE = (DecisionState.HONOURED, DecisionState.DUE)
_PLACE_CHARACTERS: Final = 60


def list_decision_lines(report: AuditReport) -> list[str]:
    """List a line for each decision that concerns the model, and one for the baseline."""
    lines = [
        f"{each.subject} ({each.place}) until {each.expires}, {each.state}. {describe_decision(each)} {each.detail}"
        for each in report.decisions
    ]
    return lines + ([_describe_known(report)] if report.baseline else [])


def list_decided(report: AuditReport) -> list[str]:
    """List a line for each decision that is in force: refusals, then the one on the most severe finding first."""
    findings = {each.fingerprint: each for each in report.findings}

    def list_accepted(decision: RecordedDecision) -> list[Finding]:
        accepted = [findings[each] for each in decision.fingerprints if each in findings]
        return sorted(accepted, key=lambda finding: finding.order)

    def get_order(decision: RecordedDecision) -> tuple[bool, int]:
        worst = max((each.severity.rank for each in list_accepted(decision)), default=-1)
        return decision.answer == DecisionAnswer.ACCEPT, -worst

    in_force = [each for each in report.decisions if each.state in _IN_FORCE]
    return [_describe_shortly(each, list_accepted(each)) for each in sorted(in_force, key=get_order)]


def summarize_decisions(report: AuditReport, most: int = 1) -> list[str]:
    """Summarize the decisions and the baseline in lines: at most ``most`` decisions in force, then the rest."""
    decided = list_decided(report)
    rest = [f"and {count_noun(len(decided) - most, 'further decision')}"] if len(decided) > most else []
    rest.append(describe_attention(report))
    return [*decided[:most], *filter(None, ["; ".join(filter(None, rest))])]


def describe_attention(report: AuditReport) -> str:
    """Describe the decisions that need an action, counted by their state, and the baseline; empty without any."""
    counts = Counter(each.state for each in report.decisions)
    states = [f"{counts[state]} {state}" for state in _NEEDS_ACTION if counts[state]]
    parts = [f"decisions to look at: {', '.join(states)}"] if states else []
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


def _describe_shortly(decision: RecordedDecision, accepted: Sequence[Finding]) -> str:
    """Describe what a decision accepts, worst first, by whom and until when."""
    verb = "accepted" if decision.answer == DecisionAnswer.ACCEPT else "refused"
    # A screen may cut the end of the line.
    people = f"{verb} by {decision.by} until {decision.expires}"
    if not accepted:
        return f"{people}: {decision.subject} ({decision.place})"
    worst, *others = accepted
    place = worst.artifact or "the model"
    # The end of an address names the file.
    place = place if len(place) <= _PLACE_CHARACTERS else f"…{place[1 - _PLACE_CHARACTERS :]}"
    more = f" and {count_noun(len(others), 'more finding')}" if others else ""
    return f"{people}: {worst.severity} {worst.rule} in {place}{more} ({decision.place}, {decision.subject})"


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
