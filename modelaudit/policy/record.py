"""Record the policy of a scan for its report."""

from __future__ import annotations

from modelaudit.model.policy import Policy
from modelaudit.model.report import PolicyRecord


def record_policy(policy: Policy) -> PolicyRecord:
    """Return the record of a policy for a report."""
    return PolicyRecord(
        policy.label,
        {family: policy.gates.get(family) for family in policy.checks},
        policy.checks,
        policy.digest,
        policy.gate_use,
        tuple(sorted(policy.require)),
        policy.organization,
        policy.reference,
        policy.reviewer,
        policy.accept_critical,
    )
