"""State the result of each family of checks: its findings, the comparisons it could not make, and unverified files."""

from __future__ import annotations

from collections.abc import Iterator

from modelaudit.model.digest import ClaimSource
from modelaudit.model.finding import CheckFamily
from modelaudit.model.license import ConclusionState, LicenseConclusion
from modelaudit.model.policy import Requirement
from modelaudit.model.report import AuditReport, DigestState
from modelaudit.model.signature import SignatureState
from modelaudit.model.terms import SHARED_WEIGHTS, UNREAD_TERMS
from modelaudit.model.verdict import CauseKind
from modelaudit.reports import view
from modelaudit.reports.answers import describe_reach
from modelaudit.reports.signature_words import describe_unmet_signature
from modelaudit.reports.wording import CHECKS, STATES, count_noun

_COMPARED = (DigestState.MATCH, DigestState.MATCH_SHA1, DigestState.MISMATCH)
_NOT_COMPARED = {
    CheckFamily.INTEGRITY: "no stated digest",
    CheckFamily.PROVENANCE: "no stated version",
}
"""The result of a check that compared nothing."""


def list_check_rows(report: AuditReport) -> tuple[tuple[str, str], ...]:
    """List (name of the family, result) of each family that has rules, in one order."""
    families = (each for each in CheckFamily if each not in view.FAMILIES_WITHOUT_RULES)
    return tuple((CHECKS[each], _describe_result(report, each)) for each in families)


def _describe_result(report: AuditReport, family: CheckFamily) -> str:
    if family not in report.policy.checks:
        return "did not run"
    findings = [each for each in report.findings if each.check is family]
    required = tuple(_describe_required_signature(report)) if family is CheckFamily.INTEGRITY else ()
    # A check that compared nothing found nothing, which is no result.
    if not findings and not _has_compared(report, family):
        return "; ".join((_NOT_COMPARED[family], *required))
    found = view.describe_severities(findings)
    return "; ".join((found, *_describe_extent(report, family), *required))


def _describe_required_signature(report: AuditReport) -> Iterator[str]:
    """Yield whether the signature that the policy requires was found; nothing where it requires none."""
    if Requirement.SIGNER in report.policy.require:
        is_unmet = any(each.kind is CauseKind.SIGNER for each in report.decision.causes)
        state = describe_unmet_signature(report.target.signatures) if is_unmet else "present"
        yield f"the signature of a trusted signer, which the policy requires, is {state}"


def _has_compared(report: AuditReport, family: CheckFamily) -> bool:
    """Whether a check that compares the model with statements of others had anything to compare."""
    if family is CheckFamily.INTEGRITY:
        return _count_compared(report) > 0
    return family is not CheckFamily.PROVENANCE or report.target.provenance is not None or bool(report.target.commit)


def _count_compared(report: AuditReport) -> int:
    """Count the files whose digest was compared with one that a source states."""
    return sum(each.digest_state in _COMPARED for each in report.coverage.artifacts)


def _describe_extent(report: AuditReport, family: CheckFamily) -> Iterator[str]:
    """Yield what the family could compare, and what it could not."""
    records = report.coverage.artifacts
    if family is CheckFamily.SECURITY and (absences := view.list_absences(report)):
        yield view.count_parts(absences)
    if family is CheckFamily.INTEGRITY:
        files = count_noun(len(records), "file")
        yield f"{_count_compared(report):,} of {files} compared with a digest that a source states"
    if family is CheckFamily.PROVENANCE:
        yield "one version is named" if report.target.commit else "no version is named"
    if family is CheckFamily.LICENSE:
        yield _describe_licence(report.license)
        is_local = report.target.commit is None
        if report.license.models and is_local and CheckFamily.SECURITY not in report.policy.checks:
            yield "whether two parts hold the same weights was not compared"


def _describe_licence(license_: LicenseConclusion) -> str:
    if any(each.kind == SHARED_WEIGHTS for each in license_.conflicts):
        return "which licence covers weights that lie under several is open"
    if license_.models and license_.state is ConclusionState.CONCLUDED:
        return f"the licence of each of {len(license_.models)} parts is determined"
    reach = describe_reach(license_) if license_.state is ConclusionState.CONCLUDED else ""
    return f"the licence is {STATES[license_.state]}{''.join(_list_reservations(license_))}{reach}"


def _list_reservations(license_: LicenseConclusion) -> Iterator[str]:
    """Yield what a licence that was determined leaves open: its version, and whether further terms bind."""
    if license_.state is not ConclusionState.CONCLUDED:
        return
    if any(each.kind == "version-dependent" for each in license_.conflicts):
        yield ", and its version is assumed"
    if any(each.kind == UNREAD_TERMS for each in license_.open_answers):
        yield ", from the files that were read"
    # Base models have words of their own.
    elif not license_.origins and any(not each.license for each in license_.open_answers):
        yield ", and whether further terms bind is open"


def list_unverified(report: AuditReport) -> tuple[str, ...]:
    """List which of the origin, the signature and the digests of the files no source outside of them confirms.

    The origin is verified where files have the bytes that the Hub states in an answer of this scan.
    """
    records = report.coverage.artifacts
    is_signed = any(each.state is SignatureState.VERIFIED for each in report.target.signatures)
    from_hub = any(claim.source is ClaimSource.HUB for each in records for claim in each.agreeing_claims)
    states = (("origin", from_hub), ("signature", is_signed), ("digests", _count_compared(report) > 0))
    return tuple(name for name, is_verified in states if not is_verified) if records else ()
