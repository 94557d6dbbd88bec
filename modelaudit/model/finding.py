"""Rules and findings.

A *rule* describes a problem: why it matters and how to fix it. A *finding* records that a rule matched, with the
evidence.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from modelaudit.model.acceptance import Acceptance
from modelaudit.model.structure import NOWHERE, Location

QUOTATION_MARK: Final = "> "
"""The beginning of the line of evidence that a finding reports: a quoted line, or an instruction of a listing."""
CONTEXT_MARK: Final = "| "
"""The beginning of a quoted line beside it, which a person needs in order to read it, and which proves nothing."""


def drop_context(evidence: Sequence[str]) -> list[str]:
    """Return the lines of evidence without those quoted beside the marked line, and that line without indentation."""
    is_marked = [line.startswith(QUOTATION_MARK) for line in evidence]
    beside = {index + step for index, marked in enumerate(is_marked) if marked for step in (-1, 1)}
    return [
        QUOTATION_MARK + line.removeprefix(QUOTATION_MARK).lstrip() if marked else line
        for index, (line, marked) in enumerate(zip(evidence, is_marked, strict=True))
        if not (index in beside and line.startswith(CONTEXT_MARK))
    ]


class Severity(StrEnum):
    """Severity levels in ascending order. Compare them by ``rank``, not by their text."""

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
    """The probability that a match of a rule is the problem that it describes."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class CheckFamily(StrEnum):
    """The groups of rules that ``--checks`` selects."""

    SECURITY = "security"
    INTEGRITY = "integrity"
    LICENSE = "license"
    PROVENANCE = "provenance"
    TRANSPARENCY = "transparency"


@dataclass(frozen=True, slots=True)
class Affected:
    """The versions of a package in which the findings of a rule do harm.

    Attributes:
        package: its name on its index, such as ``torch``.
        versions: a range as in PEP 440, such as ``<2.10.0``.
        advisory: the id of a CVE or a GHSA that states the range.
    """

    package: str
    versions: str
    advisory: str


class Exposure(StrEnum):
    """What is in danger where files with a finding were loaded or run before."""

    BY_SEVERITY = "by-severity"
    """The machine for a critical finding, and nothing for another."""
    NOTHING = "nothing"
    SECRETS = "secrets"
    """What the process could read, such as tokens in its environment."""
    MACHINE = "machine"


@dataclass(frozen=True, slots=True)
class Rule:
    """The description of a rule in reports, in ``explain`` and in the documentation.

    Attributes:
        id: ``family/kebab-words``; permanent and never reused.
        cwe: identifiers such as ``CWE-502``.
        since: the first version of modelaudit that has the rule.
        affects: the packages without whose affected versions a finding does no harm; without any, versions change
            nothing.
        before_loading: the step before the model is loaded, where the finding does not fail the policy; ``{files}``
            stands for the files that the finding names. Empty without a step.
        asks_review: whether a person has to read what it finds before the model is loaded.
        exposes: what is in danger where the files were loaded or run before.
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
    affects: tuple[Affected, ...] = ()
    before_loading: str = ""
    asks_review: bool = False
    exposes: Exposure = Exposure.BY_SEVERITY


@dataclass(frozen=True, slots=True)
class Finding:
    """A match of a rule, with its place and evidence.

    Attributes:
        rule: the rule's id.
        artifact: address within the snapshot; empty where the finding concerns the model as a whole.
        message: one sentence that names the harm.
        evidence: lines that a reviewer can check against the bytes: offsets, opcodes, header keys, quotations.
        key: distinguishes findings of one rule in one artifact; independent of the wording.
        fingerprint: derived from rule, artifact and key: 16 hexadecimal digits.
        acceptance: by a decision or a baseline; an accepted finding is shown and does not gate.
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
    acceptance: Acceptance | None = None

    def __post_init__(self) -> None:
        text = "\0".join((self.rule, self.artifact, self.key))
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        object.__setattr__(self, "fingerprint", digest)  # the class is frozen

    @property
    def order(self) -> tuple[int, str, str, str]:
        """The sort key: most severe first, then by artifact, rule and key."""
        return (-self.severity.rank, self.artifact, self.rule, self.key)
