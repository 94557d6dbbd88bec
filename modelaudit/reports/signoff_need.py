"""Whether the policy asks for the sign-off of a person that the report does not have, or got after the scan."""

from __future__ import annotations

from modelaudit.model.policy import Requirement
from modelaudit.model.report import AuditReport
from modelaudit.model.signoff import SignOff, SignOffAnswer, SignOffState
from modelaudit.model.verdict import Cause, CauseKind


def lacks_signoff(report: AuditReport) -> bool:
    """Whether the policy requires a sign-off and none is in force.

    A check of licences alone gates on no sign-off, because a person signs the report of all checks.
    """
    if Requirement.SIGNOFF not in report.policy.require:
        return False
    if any(each.kind is CauseKind.SIGNOFF for each in report.decision.causes):
        return True
    return not any(each.state is SignOffState.VALID for each in report.signoffs)


def find_later_approval(report: AuditReport) -> SignOff | None:
    """Find the approval in force that came after a scan which missed one; ``None`` without it.

    The verdict is that of the scan. Only a new scan judges whether the approval meets the policy.
    """
    cause = next((each for each in report.decision.causes if each.kind is CauseKind.SIGNOFF), None)
    approvals = [
        each for each in report.signoffs if each.state is SignOffState.VALID and each.answer is SignOffAnswer.APPROVE
    ]
    # The cause names an approval that the scan knew and did not count.
    later = [each for each in approvals if cause is not None and each.place not in cause.reason]
    return later[-1] if later else None


def word_cause(report: AuditReport, cause: Cause) -> str:
    """Return the reason of a cause; of a missing sign-off beside a later approval, that the scan found none."""
    approval = find_later_approval(report) if cause.kind is CauseKind.SIGNOFF else None
    if approval is None:
        return cause.reason
    return f"the policy requires a sign-off, and the scan found none; {approval.by} approved since ({approval.place})"


def word_reasons(report: AuditReport) -> list[str]:
    """Return the reasons of the decision, the causes among them as ``word_cause`` states them."""
    worded = {each.reason: word_cause(report, each) for each in report.decision.causes}
    return [worded.get(each, each) for each in report.decision.reasons]
