"""State what the policy requires beside its gates, and whether the report has it; which unconfirmed facts may pass."""

from __future__ import annotations

from typing import Final

from modelaudit.model.finding import CheckFamily
from modelaudit.model.policy import Requirement
from modelaudit.model.report import AuditReport
from modelaudit.model.verdict import CauseKind
from modelaudit.reports.check_rows import list_unverified
from modelaudit.reports.signature_words import describe_unmet_signature
from modelaudit.reports.signoff_need import lacks_signoff
from modelaudit.reports.wording import join_phrases

_REQUIRED: Final = {
    Requirement.STATED_USE: ("a stated use", CauseKind.USE_NOT_STATED),
    Requirement.PINNED_REVISIONS: ("a fixed version", CauseKind.UNPINNED),
    Requirement.VERIFIED_BYTES: ("a stated digest of every file", CauseKind.UNVERIFIED_BYTES),
    Requirement.LOCK: ("a lock that the files fit", CauseKind.LOCK),
    Requirement.RULES_AGE: ("rules of a recent date", CauseKind.RULES_AGE),
    Requirement.SIGNER: ("the signature of a trusted signer", CauseKind.SIGNER),
    Requirement.SIGNOFF: ("the sign-off of a person", CauseKind.SIGNOFF),
}
"""Each requirement in words, and the kind of cause that states that it is not met."""
_CONFIRMING: Final = {"signature": Requirement.SIGNER, "digests": Requirement.VERIFIED_BYTES}
"""The requirement that asks for a fact that nothing confirms."""


def describe_requirements(report: AuditReport) -> str:
    """Describe each requirement of the policy with its result, as one sentence; empty without any."""
    unmet = {each.kind for each in report.decision.causes}
    results = []
    for each, (words, kind) in _REQUIRED.items():
        if each in report.policy.require:
            is_missing = lacks_signoff(report) if each is Requirement.SIGNOFF else kind in unmet
            results.append(f"{words} ({_name_missing(report, each) if is_missing else 'present'})")
    return f"It requires {join_phrases(results)}." if results else ""


def describe_passing_parts(report: AuditReport) -> str:
    """Describe which parts that page 1 lists keep the model from passing; empty without the security check."""
    if CheckFamily.SECURITY not in report.policy.checks:
        return ""
    sentence = "A part not examined or not verified must be removed or accepted before the model passes"
    free = [each for each in list_unverified(report) if _CONFIRMING.get(each) not in report.policy.require]
    named = f" ({join_phrases(free, 'or')})" if free and len(free) < len(list_unverified(report)) else ""
    return f"{sentence}; a fact not confirmed{named} may stay so." if free else f"{sentence}."


def describe_unverified(report: AuditReport) -> str:
    """Describe what no outside source confirms, why, and what of it the policy requires; empty where all is confirmed.

    The sentence is for the page, which has the title of it.
    """
    names = list_unverified(report)
    if not names:
        return ""
    ran = {CheckFamily.INTEGRITY, CheckFamily.PROVENANCE}.intersection(report.policy.checks)
    required = [each for each in names if _CONFIRMING.get(each) in report.policy.require]
    needs = f" The policy requires the {join_phrases(required)}." if required else ""
    listed = join_phrases(names)
    return f"{listed[:1].upper()}{listed[1:]} ({'no outside source' if ran else 'no check of them ran'}).{needs}"


def _name_missing(report: AuditReport, requirement: Requirement) -> str:
    """Name what is missing; of a signature, what was found in its place."""
    if requirement is not Requirement.SIGNER:
        return "absent" if requirement is not Requirement.RULES_AGE else "they are older"
    return describe_unmet_signature(report.target.signatures)
