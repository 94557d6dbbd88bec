"""What every reader is: a name, a way to recognise its bytes, and a way to read them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.reading import Reading, Structure

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


@dataclass(frozen=True, slots=True)
class Head:
    """What recognition may look at: the first ``HEAD_BYTES`` and, for formats told by their end, the window.

    Attributes:
        path: only to tell formats apart that share their bytes (JSON is YAML, Markdown is text);
            an extension never overrules the bytes.
        content: what the container says the bytes are, if it does.
    """

    path: str
    content: str | None
    data: bytes
    window: Window


Recognise = Callable[[Head], bool]
Read = Callable[[Artifact, Window, Limits], Iterator[Reading]]


@dataclass(frozen=True, slots=True)
class Reader:
    """One format.

    Attributes:
        format: its name in reports.
        recognises: whether the bytes are this format; cheap, reads nothing beyond the head but a trailer.
        read: yields what it reads, as it reads it. What it yielded stays when it raises: ``WindowError`` and
            ``DamagedError`` become an ``Unread`` with their own reason, any other exception is a bug in the reader and
            becomes ``reader-failed``.
        fallback: reads only what no other reader recognises. Several other readers may recognise the same bytes, and
            then each reads them: a polyglot is what every loader makes of it.
    """

    format: str
    recognises: Recognise
    read: Read
    fallback: bool = False


class DamagedError(Exception):
    """The bytes break off or contradict their format so that reading cannot go on. ``offset`` is in bytes."""

    def __init__(self, message: str, offset: int | None = None) -> None:
        super().__init__(message)
        self.offset = offset


class LimitReachedError(DamagedError):
    """A bound of ``Limits`` was reached; reported as ``limit-reached``."""
