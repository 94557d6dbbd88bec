"""Source code of Python by its syntax tree: what it imports and calls, when, and under which disguise."""

from __future__ import annotations

from modelaudit.readers.base import Reader
from modelaudit.readers.python import build, notebook, reader

READERS: tuple[Reader, ...] = (reader.READER, build.READER)

FALLBACKS: tuple[Reader, ...] = (notebook.READER,)

__all__ = ["FALLBACKS", "READERS"]
