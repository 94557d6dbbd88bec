"""The answer of a person to a whole report, and the controls for which the report holds evidence."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class SignOffAnswer(StrEnum):
    """The answer of a person to the model of a report."""

    APPROVE = "approve"
    REFUSE = "refuse"


class SignOffState(StrEnum):
    """The state of a sign-off beside the report at hand."""

    VALID = "valid"
    """It binds what this report judges, whether this report was signed or one with the same judgement."""
    EXPIRED = "expired"
    OTHER_REPORT = "other-report"
    """It binds another report on the same model."""
    REPLACED = "replaced"
    """A later decision on the same bytes replaces it."""


@dataclass(frozen=True, slots=True)
class SignOff:
    """A recorded answer of a person to a whole report.

    Attributes:
        report: the SHA-256 over the canonical form of the report, 64 hexadecimal digits.
        by: who answered.
        role: of that person; empty if not stated.
        approved_by: a second person; empty if the policy asks for none.
        date: ISO date of the answer.
        expires: ISO date on which it ends.
        place: file and line in the register: ``decisions.yaml:12``.
        reference: the number or name of the review; empty if not stated.
        content: the SHA-256 over what the report judges (``reports.content_digest``), 64 hexadecimal digits.
        approver_role: of the second person; empty if not stated.
    """

    report: str
    answer: SignOffAnswer
    reason: str
    by: str
    role: str
    approved_by: str
    date: str
    expires: str
    state: SignOffState
    place: str
    reference: str = ""
    content: str = ""
    approver_role: str = ""


@dataclass(frozen=True, slots=True)
class ControlEvidence:
    """A control of a published catalogue, and the evidence for it in this report.

    Attributes:
        framework: ``NIST SP 800-53 Rev. 5``.
        id: ``SR-4``.
        evidence: sentences that derive from the report.
        gap: what a person has to add, in one sentence.
        signed: sentences on sign-offs; the digest of a report leaves them out with the sign-offs.
    """

    framework: str
    id: str
    name: str
    evidence: tuple[str, ...] = ()
    gap: str = ""
    signed: tuple[str, ...] = ()

    @property
    def sentences(self) -> tuple[str, ...]:
        """All of the evidence; empty means "not evidenced"."""
        return (*self.evidence, *self.signed)

    @property
    def contributions(self) -> tuple[str, ...]:
        """What each sentence contributes, in few words: the text begins with it, before a semicolon or a colon."""
        return tuple(each.partition("; ")[0].partition(": ")[0] for each in self.sentences)
