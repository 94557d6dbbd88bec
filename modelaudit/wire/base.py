"""What every reader is: a name, a way to recognise its bytes, and a way to read them."""

from __future__ import annotations

from modelaudit.model.reading import Reading, Structure
from modelaudit.wire.reader import Head, Read, Reader, Recognise

__all__ = [
    "HEAD_BYTES",
    "DamagedError",
    "Head",
    "LimitReachedError",
    "Read",
    "Reader",
    "Reading",
    "Recognise",
    "Structure",
]

HEAD_BYTES = 4096


class DamagedError(Exception):
    """The bytes break off or contradict their format so that reading cannot go on. ``offset`` is in bytes."""

    def __init__(self, message: str, offset: int | None = None) -> None:
        super().__init__(message)
        self.offset = offset


class LimitReachedError(DamagedError):
    """A bound of ``Limits`` was reached; reported as ``limit-reached``."""
