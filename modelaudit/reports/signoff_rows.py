"""The recorded sign-offs in words, what an approval means beside the verdict, and what it leaves open."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from modelaudit.model.acceptance import DecisionState
from modelaudit.model.finding import CheckFamily
from modelaudit.model.register import DecisionAnswer
from modelaudit.model.report import AuditReport
from modelaudit.model.signoff import SignOff, SignOffAnswer, SignOffState
from modelaudit.model.verdict import CauseKind, Verdict
from modelaudit.reports import answers
from modelaudit.reports.decision_words import describe_consent
from modelaudit.reports.json_report import compute_report_digest
from modelaudit.reports.license_words import describe_planned_use
from modelaudit.reports.signoff_need import find_later_approval, word_cause
from modelaudit.reports.wording import lower_first


class SignOffRow(Struct, frozen=True):
    """A recorded answer of a person to the report, in words.

    Attributes:
        scope: what the answer covers beside the verdict, as one sentence; empty where both agree.
    """

    answer: str
    state: str
    signoff: SignOff
    scope: str = ""


_SIGN_OFF_ANSWERS: Final = {SignOffAnswer.APPROVE: "Approved", SignOffAnswer.REFUSE: "Refused"}
_SIGN_OFF_STATES: Final = {
    SignOffState.VALID: "answers this report, the data with the SHA-256 {}",
    SignOffState.REPLACED: "replaced by a later decision",
    SignOffState.EXPIRED: "expired",
    SignOffState.OTHER_REPORT: "answers another report on this model, SHA-256 {}, and does not count here",
}
_SAME_JUDGEMENT: Final = (
    "given to another report with the same files, findings, licences, planned use and policy (data with the SHA-256 "
    "{}); it counts here too"
)


def list_sign_offs(report: AuditReport) -> tuple[SignOffRow, ...]:
    """List the recorded sign-offs, those that bind this report first."""
    digest = compute_report_digest(report) if report.signoffs else ""

    def describe_state(signoff: SignOff) -> str:
        is_another = signoff.state is SignOffState.VALID and signoff.report != digest
        return (_SAME_JUDGEMENT if is_another else _SIGN_OFF_STATES[signoff.state]).format(signoff.report)

    rows = (
        SignOffRow(_SIGN_OFF_ANSWERS[each.answer], describe_state(each), each, _describe_scope(report, each))
        for each in report.signoffs
    )
    return tuple(sorted(rows, key=lambda row: row.signoff.state is not SignOffState.VALID))


def name_approval(report: AuditReport) -> str:
    """Name what an approval means beside the verdict, for the box to tick and for a recorded answer."""
    verdict = report.decision.verdict
    if verdict is Verdict.FAIL:
        return "Approved against the verdict"
    if verdict is not Verdict.PASS or answers.is_pass_with_open_answer(report):
        is_without = report.license.lacks_permission and CheckFamily.LICENSE in report.policy.checks
        return f"Approved although {'no permission can be shown' if is_without else 'points are open'}"
    return f"Approved{' for the planned use' if describe_planned_use(report.license.intent) else ''}"


def list_open_points(report: AuditReport) -> list[str]:
    """List what an approval leaves open, in the words of the reasons without their details; empty for a pass."""
    causes = report.decision.causes
    points = [
        answers.describe_failures(report)
        if each.kind is CauseKind.FINDINGS
        else lower_first(word_cause(report, each).partition(": ")[0].rstrip("."))
        for each in causes
    ]
    gated = {each.question for each in causes}
    points += [
        f"the answer on {question} is {answers.name_answer(report, question).lower()}"
        for question, ruling in answers.list_rulings(report)
        if ruling.verdict is not Verdict.PASS and question not in gated
    ]
    return list(filter(None, dict.fromkeys(points)))


def list_points_to_sign(report: AuditReport) -> list[str]:
    """List what a signature takes over: the open points, and what people accepted."""
    return list(filter(None, (*list_open_points(report), describe_consent(report))))


def _describe_scope(report: AuditReport, signoff: SignOff) -> str:
    """Describe what an answer in force covers where the verdict is another: the gate follows the verdict alone."""
    if signoff.state is not SignOffState.VALID:
        return ""
    verdict, is_open = answers.describe_verdict(report), report.decision.verdict is not Verdict.PASS
    if signoff.answer is SignOffAnswer.REFUSE:
        return "" if is_open else f"The refusal prevails over the verdict {verdict}: do not use it."
    end = _describe_end(report, signoff)
    if find_later_approval(report) is signoff and len(report.decision.causes) == 1:
        return f"It came after the scan, and a new scan takes it into the verdict. {end}".rstrip()
    if not is_open and not answers.is_pass_with_open_answer(report):
        return end
    confirmed = (
        f"It confirms this report as it is and settles no open point: the verdict {verdict} prevails, and nothing is "
        "released by it, until each point under Next is settled. It answers no question under Ask first."
    )
    return f"{confirmed} {end}".rstrip()


def _describe_end(report: AuditReport, signoff: SignOff) -> str:
    """Describe that an approval ends with an acceptance behind the verdict; empty where it ends before, or none is."""
    in_force = (each for each in report.decisions if each.state in (DecisionState.HONOURED, DecisionState.DUE))
    accepting = (each for each in in_force if each.answer == DecisionAnswer.ACCEPT)
    place = next((each.place for each in accepting if each.expires == signoff.expires), "")
    return f"It ends with the acceptance that the verdict rests on ({place})." if place else ""
