"""What is wrong: rules as they are written down, and findings as they were made."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from modelaudit.model.structure import NOWHERE, Location


class Severity(StrEnum):
    """The one ladder. Compare with ``rank``, not with the words."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for info up to 4 for critical."""
        return _RANK[self]


_RANK = {severity: rank for rank, severity in enumerate(Severity)}


class Confidence(StrEnum):
    """How sure a rule is that what it matched is what it names."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class CheckFamily(StrEnum):
    """The groups that ``--checks`` selects."""

    SECURITY = "security"
    INTEGRITY = "integrity"
    LICENSE = "license"
    PROVENANCE = "provenance"
    TRANSPARENCY = "transparency"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as people read it: in reports, in ``explain`` and in the documentation.

    Attributes:
        id: ``family/kebab-words``; permanent and never reused.
        cwe: identifiers such as ``CWE-502``.
        since: the first version of modelaudit that has the rule.
    """

    id: str
    title: str
    check: CheckFamily
    severity: Severity
    confidence: Confidence
    why: str
    fix: str
    references: tuple[str, ...]
    cwe: tuple[str, ...]
    since: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that matched, where, and the evidence for it.

    Attributes:
        rule: the rule's id.
        artifact: path within the snapshot; empty where the finding is about the model as a whole.
        message: one sentence that names the harm.
        evidence: lines a reviewer can check against the bytes: offsets, opcodes, header keys, quotations.
        key: what tells this finding from others of the same rule in the same artifact; never the wording.
    """

    rule: str
    severity: Severity
    check: CheckFamily
    artifact: str
    message: str
    location: Location = NOWHERE
    evidence: tuple[str, ...] = ()
    key: str = ""
    fingerprint: str = ""

    def __post_init__(self) -> None:
        text = "\0".join((self.rule, self.artifact, self.key))
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        object.__setattr__(self, "fingerprint", digest)

    @property
    def order(self) -> tuple[int, str, str, str]:
        """Sorts findings: the worst first, then by place, rule and key."""
        return (-self.severity.rank, self.artifact, self.rule, self.key)
