"""The answers of the Hub's own scanners about the files of a commit: opinions of others, kept in their words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

SUMMARY: Final = "the Hub"
"""The scanner of an answer that the Hub states for a file as a whole, without naming one of its scanners."""
UNKNOWN: Final = "unknown"
"""The status of an answer that has no known form."""


class ScanOutcome(StrEnum):
    """The meaning of a status. All but ``no-alarm`` leave it open whether the scanner would raise an alarm."""

    ALARM = "alarm"
    CAUTION = "caution"
    NO_ALARM = "no-alarm"
    NOT_SCANNED = "not-scanned"
    """It has no result: unscanned, queued, failed, or of an unknown form."""


STATUSES: Final = {
    "unsafe": ScanOutcome.ALARM,
    "suspicious": ScanOutcome.ALARM,
    "caution": ScanOutcome.CAUTION,
    "safe": ScanOutcome.NO_ALARM,
    "error": ScanOutcome.NOT_SCANNED,
    "queued": ScanOutcome.NOT_SCANNED,
    "unscanned": ScanOutcome.NOT_SCANNED,
    UNKNOWN: ScanOutcome.NOT_SCANNED,
}
"""The statuses, the gravest first. Source: ``securityFileStatus`` of the Hub's OpenAPI description, August 2026."""


@dataclass(frozen=True, slots=True)
class ScannerAnswer:
    """One answer of one scanner, with every file for which the scanner gave it.

    Attributes:
        scanner: the field of the Hub's answer: ``avScan``, ``protectAiScan``; or ``the Hub`` for a file as a whole.
        status: the Hub's own word; ``unknown`` for a word or a form that the Hub does not document.
        message: the scanner's own words on one line, cut where they are long; empty if it gave none.
        version: of the scanner or its database; empty if it states none.
        files: the addresses of the files, sorted.
    """

    scanner: str
    status: str
    message: str
    version: str
    files: tuple[str, ...]

    @property
    def outcome(self) -> ScanOutcome:
        """The meaning of the status; a word that is not documented means that there is no result."""
        return STATUSES.get(self.status, ScanOutcome.NOT_SCANNED)


@dataclass(frozen=True, slots=True)
class HubScans:
    """The answers of the Hub's scanners about a commit.

    Attributes:
        date: when the Hub gave them, in UTC: ``2026-11-28T20:00:00Z``. A later scan of the commit shows them again.
        origin: the address of the Hub.
        is_done: whether the Hub states that its scanners have finished; ``None`` if it states neither.
        answers: by scanner, then the gravest status first.
        remarks: one line for each part that was not answered, or had no known form.
    """

    date: str
    origin: str
    is_done: bool | None
    answers: tuple[ScannerAnswer, ...]
    remarks: tuple[str, ...] = ()

    @property
    def file_count(self) -> int:
        """The number of files about which there is any answer."""
        return len({path for answer in self.answers for path in answer.files})
