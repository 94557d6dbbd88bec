"""Decisions of reports, built from a verdict on loading and a licence."""

from __future__ import annotations

from modelaudit.model.finding import CheckFamily
from modelaudit.model.license import LicenseConclusion
from modelaudit.model.policy import Policy
from modelaudit.model.report import ArtifactRecord, Coverage, Decision, Extent
from modelaudit.model.verdict import Cause, CauseKind, Question, Ruling, Verdict
from modelaudit.policy.gate import Evidence, decide_verdict

_KINDS = {
    Verdict.FAIL: CauseKind.FINDINGS,
    Verdict.INCOMPLETE: CauseKind.UNREAD,
    Verdict.REVIEW: CauseKind.INSTRUCTIONS_REVIEW,
}


def answer_use(license_: LicenseConclusion) -> Ruling:
    """Return the answer to use that the gate gives for a licence alone."""
    coverage = Coverage((ArtifactRecord("README.md", 1, Extent.EXAMINED),))
    policy = Policy("test", "", {}, (CheckFamily.LICENSE,))
    return decide_verdict(Evidence(coverage, Coverage(()), (), license_, policy)).use


def build_decision(
    verdict: Verdict, reasons: tuple[str, ...], coverage: Coverage, license_: LicenseConclusion | None = None
) -> Decision:
    """Build a decision with the verdict as the answer to load; without a licence, use is a pass."""
    reason = reasons[0] if reasons else f"The verdict is {verdict}."
    causes = () if verdict is Verdict.PASS else (Cause(_KINDS[verdict], Question.LOAD, verdict, 1, reason),)
    use = answer_use(license_) if license_ else Ruling(Verdict.PASS, "Apache-2.0 permits the planned use.")
    return Decision(verdict, Ruling(verdict, reason), use, reasons, coverage, causes)
