"""What decisions may accept of findings and absences: the policy and the licences set the limits."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from modelaudit.model.finding import Severity
from modelaudit.policy.subjects import Matches

_DENIAL_RULE: Final = "license/use-denied"


class Consent(Struct, frozen=True):
    """What the policy lets decisions accept. ``policy`` is its name."""

    policy: str
    accept_critical: bool = False

    def explain_obstacle(self, matches: Matches, is_model: bool) -> str:
        """Explain why a decision may not accept its subject; empty if it may.

        Args:
            matches: the findings and absences that it names.
            is_model: it is about the whole model, whose denials it leaves as they are.
        """
        number = sum(each.severity is Severity.CRITICAL for each in matches.findings)
        if number and not self.accept_critical:
            findings = "a critical finding" if number == 1 else f"{number} critical findings"
            return f"It would accept {findings}, and the policy {self.policy} has no accept-critical: true."
        if matches.findings and not is_model and all(each.rule == _DENIAL_RULE for each in matches.findings):
            return "An agreement with the licensor alone ends a denial: decide agreement:LICENCE."
        return ""
