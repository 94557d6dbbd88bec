"""Decisions of reports, built from a verdict on loading alone."""

from __future__ import annotations

from modelaudit.model.report import Coverage, Decision
from modelaudit.model.verdict import Cause, CauseKind, Question, Ruling, Verdict

_KINDS = {
    Verdict.FAIL: CauseKind.FINDINGS,
    Verdict.INCOMPLETE: CauseKind.UNREAD,
    Verdict.REVIEW: CauseKind.INSTRUCTIONS_REVIEW,
}


def build_decision(verdict: Verdict, reasons: tuple[str, ...], coverage: Coverage) -> Decision:
    """Build a decision with the verdict as the answer to load, and a pass as the answer to use."""
    reason = reasons[0] if reasons else f"The verdict is {verdict}."
    causes = () if verdict is Verdict.PASS else (Cause(_KINDS[verdict], Question.LOAD, verdict, 1, reason),)
    use = Ruling(Verdict.PASS, "Apache-2.0 permits the planned use.")
    return Decision(verdict, Ruling(verdict, reason), use, reasons, coverage, causes)
