"""State the last steps: to sign the report, to settle what a permission leaves open, to meet the duties, to keep it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelaudit.model.acceptance import DecisionState
from modelaudit.model.finding import CheckFamily
from modelaudit.model.license import LicenseConclusion
from modelaudit.model.register import DecisionAnswer
from modelaudit.model.report import AuditReport
from modelaudit.model.terms import Answer, Group
from modelaudit.model.verdict import CHECK_FIRST, CauseKind, Verdict
from modelaudit.reports import view
from modelaudit.reports.clause_words import WEIGHTY_KINDS
from modelaudit.reports.license_view import Task, group_tasks
from modelaudit.reports.license_words import describe_kind
from modelaudit.reports.open_points import settle_open_points
from modelaudit.reports.openness_words import lacks_weights
from modelaudit.reports.signoff_need import lacks_signoff
from modelaudit.reports.use_steps import Step
from modelaudit.reports.wording import lower_first

_IN_FORCE: Final = (DecisionState.HONOURED, DecisionState.DUE)
_BY_REFLEX: Final = frozenset({"no-sublicensing", "no-added-limits"})
"""Duties that ask to leave something undone; page 1 names one that asks for an act first."""


def list_closing_steps(report: AuditReport) -> Iterator[Step]:
    """Yield to have the report signed where the policy asks for that, and to meet the duties that the use triggers."""
    is_cause = any(each.kind is CauseKind.SIGNOFF for each in report.decision.causes)
    if lacks_signoff(report) and not is_cause:
        yield Step("The policy requires that a person signs off: sign the report of all checks before the use.")
    if report.decision.verdict is Verdict.PASS and CHECK_FIRST in report.decision.use.reason:
        yield from settle_open_points(report)
    if report.decision.verdict is Verdict.PASS and (due := _list_due(report)):
        first, more = due[0], len(due) - 1
        others = f", and {more} more" if more else ""
        section = f" ({first.section})" if first.section else ""
        title = lower_first(describe_kind(first.kind))
        yield Step(f"Meet the duties of your use, as stated under Duties: {title}{section}{others}.")


def keep_report(report: AuditReport) -> Step:
    """State what to do with the report where no other step is left; a pass over files without a model is for them."""
    if lacks_weights(report):
        return Step("Scan again once weights are added: this pass is for the present files and for no model.")
    ends = [
        each.expires
        for each in report.decisions
        if each.expires and each.state in _IN_FORCE and each.answer == DecisionAnswer.ACCEPT
    ]
    then = f", and scan again after {min(ends)}, when an acceptance ends" if ends else ""
    return Step(f"Keep this report with the {view.name_subject(report)}{then}.")


def _list_due(report: AuditReport) -> list[Task]:
    """List the duties that the planned use triggers for sure, the weightiest first."""
    license_: LicenseConclusion = report.license
    if CheckFamily.LICENSE not in report.policy.checks or license_.open_permission is not Answer.ALLOW:
        return []
    tasks = [task for group, each in group_tasks(license_) if group is not Group.WATCH for task in each]
    due = [each for each in tasks if not each.depends_on(license_.intent)]
    return sorted(due, key=lambda each: (each.kind not in WEIGHTY_KINDS, each.kind in _BY_REFLEX))
