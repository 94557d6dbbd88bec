"""The verdict of a scan: two answers, *load* and *use*, and the causes of an exit code other than 0."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

CHECK_FIRST: Final = " Check first: "
"""The words of a ruling between a permission and the first point that it leaves open."""


class Verdict(StrEnum):
    """The answer to one of the two questions, or to both together."""

    PASS = "pass"
    FAIL = "fail"
    REVIEW = "review"
    """A person must decide; everything that the question needs was read."""
    INCOMPLETE = "incomplete"
    """Something that the question needs was not read, not verified or not understood."""


class Question(StrEnum):
    """The two questions of a verdict."""

    LOAD = "load"
    """May the model be loaded? Security, integrity, provenance and coverage answer."""
    USE = "use"
    """May the model be used as planned? The licences answer."""


class CauseKind(StrEnum):
    """The kind of a cause. Pipelines branch on these words, so they are permanent; later versions add further ones."""

    FINDINGS = "findings"
    LICENCE_DENIED = "licence-denied"
    UNREAD = "unread"
    UNCLAIMED_BYTES = "unclaimed-bytes"
    UNVERIFIED_TYPE = "unverified-type"
    UNVERIFIED_BYTES = "unverified-bytes"
    NOTHING_SCANNED = "nothing-scanned"
    LICENCE_REVIEW = "licence-review"
    INSTRUCTIONS_REVIEW = "instructions-review"
    USE_NOT_STATED = "use-not-stated"
    BASE_MODEL_UNREAD = "base-model-unread"
    UNPINNED = "unpinned"
    LOCK = "lock"
    """The policy requires a lock, and none was given or the model does not fit it."""
    RULES_AGE = "rules-age"
    """The policy requires newer rules."""
    SIGNER = "signer"
    """The policy requires a trusted signer, and none signed the model or a file does not fit the signature."""
    SIGNOFF = "signoff"
    """The policy requires that a person signs off the model, and no sign-off of this judgement holds."""
    REFUSED = "refused"
    """A person refused it by a decision."""
    REFUSAL_REOPENED = "refusal-reopened"
    """A person refused it, and its bytes changed since."""


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause of an exit code other than 0.

    Attributes:
        verdict: the verdict that the cause alone would give its question; never ``pass``.
        count: the number of findings, parts, bytes' owners or points behind it.
        reason: one sentence with the number and the worst of them.
    """

    kind: CauseKind
    question: Question
    verdict: Verdict
    count: int
    reason: str

    def __post_init__(self) -> None:
        if self.verdict is Verdict.PASS:
            raise ValueError("a pass has no cause")


@dataclass(frozen=True, slots=True)
class Ruling:
    """The answer to one question, with its reason in one sentence."""

    verdict: Verdict
    reason: str
