"""Entries of the register of decisions, as ``decisions.yaml`` states them, before a scan compares them with a model."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from enum import StrEnum

from msgspec import Struct

from modelaudit.model.terms import Intent

CONCLUSION = "conclusion"
"""The name of a licence subject that covers every open question of the licences."""
LONGEST_DAYS = 366
"""The longest validity of a decision: one year, a leap year included."""
_LICENSE_SEPARATOR = ", "
DUE_DAYS = 30
"""A decision is due for renewal when at most this many days are left."""


class SubjectKind(StrEnum):
    """The kind of a decision's subject; each is a key of ``subject`` in the register."""

    FINDING = "finding"
    RULE = "rule"
    ABSENCE = "absence"
    LICENCE = "licence"
    AGREEMENT = "agreement"
    """A contract with the owner of a licence, which permits what the licence denies."""
    MODEL = "model"

    @property
    def has_use(self) -> bool:
        """Whether a decision on it answers for a planned use."""
        return self in (SubjectKind.LICENCE, SubjectKind.AGREEMENT, SubjectKind.MODEL)

    @property
    def has_artifact(self) -> bool:
        """Whether the subject also names an artifact."""
        return self in (SubjectKind.RULE, SubjectKind.ABSENCE)


class DecisionAnswer(StrEnum):
    """The answer of a decision."""

    ACCEPT = "accept"
    REFUSE = "refuse"
    APPROVE = "approve"
    """A sign-off: the model may be loaded and used as the report says. It accepts no finding."""


def join_licenses(ids: Iterable[str]) -> str:
    """Join the ids of the licences of one agreement to the name of its subject; no id has a space."""
    return _LICENSE_SEPARATOR.join(dict.fromkeys(ids))


class DecisionSubject(Struct, frozen=True):
    """The subject of a decision.

    Attributes:
        name: a fingerprint, the id of a rule, the reason of an absence, the id of a licence or ``conclusion``, or the
            name of a model; for an agreement the ids of its licences, as ``join_licenses`` joins them.
        artifact: the address of the finding or the absence; empty for a finding on the model as a whole.
        reference: the number or name of the contract, for an agreement; two contracts are two subjects.
    """

    kind: SubjectKind
    name: str
    artifact: str = ""
    reference: str = ""

    @property
    def licenses(self) -> tuple[str, ...]:
        """The ids of the licences that a subject of the licences names; ``conclusion`` names none."""
        return tuple(self.name.split(_LICENSE_SEPARATOR))

    def __str__(self) -> str:
        if self.reference:
            return f"{self.kind} {self.reference} on {self.name}"
        if not self.kind.has_artifact:
            return f"{self.kind} {self.name}"
        return f"{self.kind} {self.name} in {self.artifact or 'the model'}"


class SignedReport(Struct, frozen=True):
    """The report that a sign-off answers.

    Attributes:
        digest: the SHA-256 over its canonical form without sign-offs, 64 hexadecimal digits.
        content: the SHA-256 over what it judges, which a later report on the same bytes shares; 64 digits.
        reference: the number or name of the review; empty if not stated.
    """

    digest: str
    content: str
    reference: str = ""


class RegisterEntry(Struct, frozen=True):
    """A decision as the register states it.

    Attributes:
        place: file and line: ``decisions.yaml:12``.
        bound_to: ``sha256:`` or ``terms:`` and 64 hexadecimal digits, or ``commit:`` and 40, alone or with ``sha256:``;
            empty for an agreement that binds no terms.
        decided: an ISO date.
        expires: an ISO date, the last day on which the decision holds.
        model: the model that the decision concerns; empty for any. A model subject names it itself.
        use: the planned use that a decision on licences or on a model answers; empty for other subjects, and for an
            agreement on every use.
        permits: the kinds of the clauses that an agreement permits.
        signed: the report that a sign-off answers; ``None`` for any other decision.
        role: of the person who decided; empty if not stated.
        approver_role: of the person who approved the decision; empty if not stated.
    """

    place: str
    subject: DecisionSubject
    bound_to: str
    answer: DecisionAnswer
    reason: str
    by: str
    approved_by: str
    decided: str
    expires: str
    model: str = ""
    use: Intent = Intent()
    permits: tuple[str, ...] = ()
    signed: SignedReport | None = None
    role: str = ""
    approver_role: str = ""

    @property
    def identity(self) -> tuple[DecisionSubject, str, str]:
        """The subject, the bytes and the model: of two entries with the same, the later one replaces the earlier."""
        return self.subject, self.bound_to, self.model

    def is_about_same(self, other: RegisterEntry) -> bool:
        """Whether both decide on one subject in the same bytes, of one model or of any, and answer one question.

        An approval answers for a report, and an acceptance for the findings of a model. Several persons may approve.
        """
        is_same = (self.subject, self.bound_to) == (other.subject, other.bound_to) and self.competes_with(other)
        return is_same and (self.model == other.model or not (self.model and other.model))

    def competes_with(self, other: RegisterEntry) -> bool:
        """Whether one of two answers on the same subject and bytes can replace the other."""
        answers = {self.answer, other.answer}
        if DecisionAnswer.REFUSE in answers or DecisionAnswer.APPROVE not in answers:
            return True
        if self.signed is None or other.signed is None:
            return False
        return (self.signed.content, self.by) == (other.signed.content, other.by)

    def answers_as(self, other: RegisterEntry) -> bool:
        """Whether both answer for the same use, or one is a refusal, which holds for every use."""
        return self.use == other.use or DecisionAnswer.REFUSE in (self.answer, other.answer)

    def explain_later_start(self, today: date) -> str:
        """Return why the decision is not in force yet on the day of a scan; empty if it is.

        A scan with the date of an old report (``SOURCE_DATE_EPOCH``) meets decisions of later days.
        """
        if date.fromisoformat(self.decided) <= today:
            return ""
        return f"It is not in force yet: it was decided on {self.decided}, after the day of this scan, {today} in UTC."


class OpenSubject(Struct, frozen=True):
    """A finding, an absence or a licence question of a report that nothing accepts.

    Attributes:
        subject: as ``modelaudit decide`` takes it.
        severity: of a finding; empty otherwise.
        detail: one line of the report on it.
        is_acceptable: whether the policy lets a decision accept it.
    """

    subject: str
    severity: str
    detail: str
    is_acceptable: bool = True
