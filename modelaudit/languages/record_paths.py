"""Find texts that name content which git or the Hub's client keeps for itself, such as ``.git/objects/ab/cdef``.

Such files are recognised by their form and not read as files of a model. A program that reads them as such would find
content there that no reader has examined.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.outline import RECORD_PATH, Reference, ReferenceKind
from modelaudit.model.structure import Location
from modelaudit.wire.base import Reader, Reading
from modelaudit.wire.bounds import build_references
from modelaudit.wire.text import looks_like_text
from modelaudit.wire.windows import iterate_chunks

_OVERLAP: Final = 512  # of two chunks, longer than a match
_MOST_REFERENCES: Final = 100
_SLASH: Final = rb"[/\\]{1,2}"
_PATH: Final = defer_pattern(
    rb"(?<!\w)(?:\.git" + _SLASH + rb"(?:(?:lfs" + _SLASH + rb")?objects|logs)|"
    rb"\.cache" + _SLASH + rb"huggingface" + _SLASH + rb"(?:download|upload|trees))" + _SLASH + rb"[\w./\\-]{1,200}|"
    rb"(?<!\w)\.git" + _SLASH + rb"hooks" + _SLASH + rb"[\w-]{1,100}\.sample"
)
_MARKS: Final = (b".git", b"huggingface")


def _read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield references to the named records.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    yield from build_references(RECORD_PATH, _find_paths(window, limits), _MOST_REFERENCES)


def _find_paths(window: Window, limits: Limits) -> Iterator[Reference]:
    """Yield a reference to each named record, with its line."""
    before, line = b"", 1
    for chunk in iterate_chunks(window, 0, min(window.size, limits.document_bytes)):
        data = before + chunk
        if any(mark in data for mark in _MARKS):
            for match in _PATH.finditer(data):
                path = re.sub(r"[/\\]+", "/", match[0].decode("ascii", "replace"))
                number = line + data.count(b"\n", 0, match.start())
                yield Reference(ReferenceKind.DATA, path, where=Location(line=number))
        before = data[-_OVERLAP:]
        line += data.count(b"\n", 0, len(data) - len(before))


RECORD_PATHS: Final = Reader("text", looks_like_text, _read)
"""Searches every text, in addition to the reader of its format; therefore it is not one of ``READERS``."""
