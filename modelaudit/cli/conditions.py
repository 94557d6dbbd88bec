"""The conditions of an attested verdict on the command line, for ``modelaudit verify`` and the verifier in one file."""

from __future__ import annotations

from datetime import timedelta

from modelaudit.cli.days import parse_days
from modelaudit.cli.digests import parse_digest
from modelaudit.integrity.conditions import Conditions


def parse_conditions(
    verifier_id: str | None, policy_digest: str | None, resource: str | None, not_older_than: str | None
) -> Conditions:
    """Return the conditions that options state. Raises ``ConfigurationError`` for a digest or days that are none."""
    days = None if not_older_than is None else parse_days("--not-older-than", not_older_than, allows_never=False)
    digest = None if policy_digest is None else parse_digest("--policy-digest", policy_digest)
    return Conditions(verifier_id, digest, resource, None if days is None else timedelta(days=days))
