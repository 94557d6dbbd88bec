"""Judge what each answer of the licences means for the verdict, once the findings and the policy are known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from modelaudit.model.copies import replace
from modelaudit.model.finding import CheckFamily, Finding, Severity
from modelaudit.model.license import LicenseConclusion


def judge_outcomes(
    license_: LicenseConclusion, findings: Iterable[Finding], gates: Mapping[CheckFamily, Severity | None]
) -> LicenseConclusion:
    """Return the conclusion with the outcome of each answer: a finding that fails leaves no person to decide.

    Args:
        license_: the conclusion, with what decisions accept.
        findings: with what decisions accept.
        gates: of the policy.
    """
    failing = [
        each.message
        for each in findings
        if each.check is CheckFamily.LICENSE and each.acceptance is None and breaks_gate(each, gates)
    ]
    outcomes = [each.judge(failing) for each in license_.answers]
    if all(each.outcome == outcome for each, outcome in zip(license_.answers, outcomes, strict=True)):
        return license_
    answers = (replace(each, outcome=outcome) for each, outcome in zip(license_.answers, outcomes, strict=True))
    return replace(license_, answers=tuple(answers))


def breaks_gate(finding: Finding, gates: Mapping[CheckFamily, Severity | None]) -> bool:
    """Whether a finding is as severe as the gate of its family; a family without a gate never fails."""
    gate = gates.get(finding.check)
    return gate is not None and finding.severity.rank >= gate.rank
