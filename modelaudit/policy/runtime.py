"""Judge whether the stack that a policy states has the flaw that a finding needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from modelaudit.model.acceptance import Acceptance, AcceptanceSource
from modelaudit.model.copies import replace
from modelaudit.model.finding import Affected, Finding
from modelaudit.model.policy import Policy

NOT_REACHABLE = "not reachable in the stated stack"


def settle_unreachable(
    findings: Sequence[Finding], policy: Policy, affects: Mapping[str, Sequence[Affected]]
) -> list[Finding]:
    """Return the findings, those that the stated stack cannot reach with an acceptance that states this.

    A finding stays open unless the policy states a version of every package that its rule names, and none of these is
    in the affected range: an unknown version counts as affected.

    Args:
        findings: of one scan.
        policy: states the versions.
        affects: the affected packages by rule; a rule without any is independent of versions.
    """
    return [
        finding
        if finding.acceptance is not None or (acceptance := _find_reason(affects.get(finding.rule, ()), policy)) is None
        else replace(finding, acceptance=acceptance)
        for finding in findings
    ]


def _find_reason(affects: Sequence[Affected], policy: Policy) -> Acceptance | None:
    """Return why no stated package is affected; ``None`` if one is, or may be."""
    if not affects or not policy.runtime:
        return None
    reasons: list[str] = []
    for affected in affects:
        name = canonicalize_name(affected.package)
        version = policy.runtime.get(name)
        # A pre-release may lack the fix of its release, so it counts as affected.
        if version is None or Version(version).is_prerelease or SpecifierSet(affected.versions).contains(version):
            return None
        reasons.append(f"{affected.package} {version} is not in {affected.versions} ({affected.advisory})")
    origin = policy.origins.get(f"runtime.{canonicalize_name(affects[0].package)}", policy.name)
    return Acceptance(AcceptanceSource.RUNTIME, origin, "; ".join(reasons))
