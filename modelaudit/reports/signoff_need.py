"""Whether the policy asks for the sign-off of a person that the report does not have."""

from __future__ import annotations

from modelaudit.model.policy import Requirement
from modelaudit.model.report import AuditReport
from modelaudit.model.signoff import SignOffState
from modelaudit.model.verdict import CauseKind


def lacks_signoff(report: AuditReport) -> bool:
    """Whether the policy requires a sign-off and none is in force.

    A check of licences alone gates on no sign-off, because a person signs the report of all checks.
    """
    if Requirement.SIGNOFF not in report.policy.require:
        return False
    if any(each.kind is CauseKind.SIGNOFF for each in report.decision.causes):
        return True
    return not any(each.state is SignOffState.VALID for each in report.signoffs)
