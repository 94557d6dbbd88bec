"""The acceptance of a finding, an absence or a licence by the policy, by a decision, or by a baseline."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class AcceptanceSource(StrEnum):
    """The origin of an acceptance."""

    POLICY = "policy"
    DECISION = "decision"
    BASELINE = "baseline"
    """An earlier report holds the same finding or absence; a person did not decide on it."""
    RUNTIME = "runtime"
    """The policy states versions of libraries that the finding does not affect."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """An acceptance, which stays visible in every output.

    Attributes:
        origin: the place in the policy (``modelaudit.yaml:7``), which may be that of a version of its ``runtime``; the
            place of the decision (``decisions.yaml:12``), or the name of the baseline.
        reason: the reason that the policy or the decision gives.
        by: the author of the decision; empty for a policy and a baseline.
        approved_by: who approved the decision; empty for a policy and a baseline.
        expires: the ISO date on which the decision ends; empty for a policy and a baseline.
        reference: the number or name of the contract, for an agreement with the owner of a licence; else empty.
    """

    source: AcceptanceSource
    origin: str
    reason: str
    by: str = ""
    approved_by: str = ""
    expires: str = ""
    reference: str = ""


class DecisionState(StrEnum):
    """The state of a recorded decision in one scan."""

    HONOURED = "honoured"
    DUE = "due"
    """Honoured, and it expires within 30 days."""
    EXPIRED = "expired"
    REOPENED = "reopened"
    """The bytes, the terms or the planned use differ from those that it binds, or what was refused is gone."""
    UNUSED = "unused"
    """Nothing in the report matches its subject, or another decision or the policy settles it."""
    NOT_PERMITTED = "not-permitted"
    """The policy or the licence does not let a decision accept this, such as a critical finding."""


@dataclass(frozen=True, slots=True)
class RecordedDecision:
    """A decision of the register and its effect on one scan.

    Attributes:
        place: file and line in the register: ``decisions.yaml:12``.
        subject: the kind and the name of its subject: ``finding 0123456789abcdef``, ``licence LicenseRef-Gemma``.
        bound_to: the SHA-256, the commit or the terms: ``sha256:…``, ``commit:…``, ``commit:… sha256:…``, ``terms:…``;
            empty for an agreement that binds no terms.
        answer: ``accept`` or ``refuse``.
        expires: an ISO date.
        detail: one sentence on the state: what reopened it, or what it accepts.
        fingerprints: the fingerprints of the findings that it accepts or refuses in this report; the refusal of a whole
            model names none. Those of a refusal that ended are the findings to decide again.
        absences: likewise the absences, as ``Absence.name_at`` names them.
        use: the planned use that it answers, in one line; empty if it answers for none.
        permits: the kinds of the clauses that an agreement permits.
        reference: the number or name of the contract, for an agreement; else empty.
        date: the ISO date of the decision; empty in a report of an older version.
        role: of the person who decided; empty if not stated.
        approver_role: of the person who approved the decision; empty if not stated.
    """

    place: str
    subject: str
    bound_to: str
    answer: str
    reason: str
    by: str
    approved_by: str
    expires: str
    state: DecisionState
    detail: str = ""
    fingerprints: tuple[str, ...] = ()
    absences: tuple[str, ...] = ()
    use: str = ""
    permits: tuple[str, ...] = ()
    reference: str = ""
    date: str = ""
    role: str = ""
    approver_role: str = ""
