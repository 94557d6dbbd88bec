"""The type of every reader: the name of its format, a function that recognises its bytes, and one that reads them.

A module of its own, because the registry of formats has to be light.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct

if TYPE_CHECKING:
    from modelaudit.model.artifact import Artifact, Window
    from modelaudit.model.limits import Limits
    from modelaudit.model.reading import Reading


class Head(Struct, frozen=True):
    """The input of recognition: the first ``HEAD_BYTES`` and, for formats with a trailer, the window.

    Attributes:
        path: only to distinguish formats with the same bytes (JSON is YAML, Markdown is text);
            an extension never overrules the bytes.
        content: the format that the container declares for the bytes, or ``None``.
        data: the first bytes.
        window: all bytes.
    """

    path: str
    content: str | None
    data: bytes
    window: Window


Recognise: TypeAlias = "Callable[[Head], bool]"
Read: TypeAlias = "Callable[[Artifact, Window, Limits], Iterator[Reading]]"


class Reader(Struct, frozen=True):
    """One format.

    Attributes:
        format: its name in reports.
        recognises: returns whether the bytes are this format. It must be cheap and read only the head and a trailer.
        read: yields structures and absences while it reads. They are kept if it raises: ``WindowError`` and
            ``DamagedError`` become an ``Unread`` with their own reason; any other exception is a bug in the reader and
            becomes ``reader-failed``.
        fallback: reads only artifacts that no other reader recognises. If several other readers recognise the bytes,
            each reads them, because every loader reads a polyglot in its own way.
    """

    format: str
    recognises: Recognise
    read: Read
    fallback: bool = False
