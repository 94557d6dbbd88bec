"""Define the errors that parsers raise, and export the interface of readers beside them."""

from __future__ import annotations

from typing import ClassVar

from modelaudit.model.reading import Reading, ReadingStep, Structure
from modelaudit.model.structure import UnreadReason
from modelaudit.wire.reader import Head, Read, Reader, Recognise

__all__ = [
    "HEAD_BYTES",
    "DamagedError",
    "Head",
    "LimitReachedError",
    "Read",
    "Reader",
    "Reading",
    "ReadingStep",
    "Recognise",
    "Structure",
]

HEAD_BYTES = 4096
"""Length of the head: the bytes that identify a format."""


class DamagedError(Exception):
    """The bytes end early or contradict their format, and reading cannot continue. ``offset`` is in bytes."""

    reason: ClassVar = UnreadReason.DAMAGED

    def __init__(self, message: str, offset: int | None = None) -> None:
        super().__init__(message)
        self.offset = offset


class LimitReachedError(DamagedError):
    """A limit of ``Limits`` was reached; reported as ``limit-reached``."""

    reason: ClassVar = UnreadReason.LIMIT
