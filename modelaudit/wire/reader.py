"""The type of every reader: the name of its format, a function that recognises its bytes, and one that reads them.

A module of its own, because the registry of formats has to be light.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from modelaudit.model.artifact import Artifact, Window
    from modelaudit.model.limits import Limits
    from modelaudit.model.reading import Reading


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


Recognise: TypeAlias = "Callable[[Head], bool]"
Read: TypeAlias = "Callable[[Artifact, Window, Limits], Iterator[Reading]]"


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
