"""The opinions of other scanners on the same bytes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class OpinionFinding:
    """A finding of another scanner, in its words. ``agrees``: this scan has a finding in the same artifact."""

    artifact: str
    severity: str
    message: str
    agrees: bool


class OpinionState(StrEnum):
    """Whether the other scanner gave an opinion. A missing opinion never counts as agreement."""

    GIVEN = "given"
    PARTLY = "partly-given"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Opinion:
    """A second scanner's opinion of the same bytes.

    Attributes:
        absences: what it skipped or failed on, with the reason; a line may count several files.
        disagreements: artifacts that it examined without a finding, and for which this scan has one at or above high.
    """

    scanner: str
    version: str
    state: OpinionState
    detail: str
    findings: tuple[OpinionFinding, ...] = ()
    absences: tuple[str, ...] = ()
    disagreements: tuple[str, ...] = ()
