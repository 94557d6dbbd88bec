"""What a PDF does of itself: names of actions in its objects, those in compressed objects included.

Source: ISO 32000-1, 12.6.4 (actions), 7.3.5 (names and their escapes), 7.5.7 (object streams).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import Final

from modelaudit.model.artifact import Window
from modelaudit.model.limits import MIB
from modelaudit.model.outline import Mention
from modelaudit.model.structure import Location
from modelaudit.wire.windows import iterate_chunks

_NAMES: Final = (b"JavaScript", b"JS", b"Launch", b"EmbeddedFile", b"RichMedia", b"SubmitForm", b"ImportData", b"GoToE")
_NAME: Final = re.compile(rb"/([A-Za-z0-9#]{2,60})(?![A-Za-z0-9#])")
_ESCAPE: Final = re.compile(rb"#([0-9A-Fa-f]{2})")
_OBJECTS: Final = re.compile(rb"/ObjStm\b.{0,400}?>>\s{0,4}stream\r?\n", re.DOTALL)
_OVERLAP: Final = 1024
_MOST_BYTES: Final = 256 * MIB
_MOST_STREAMS: Final = 2000
_EXPANDED: Final = MIB
_COMPRESSED: Final = MIB


def actions_of(window: Window) -> tuple[Mention, ...]:
    """Each kind of action or attachment once, where it stands first. Raises ``WindowError``."""
    found: dict[str, Mention] = {}
    for offset, data in _texts(window):
        for match in _NAME.finditer(data):
            word = match[1]
            if b"#" in word:
                word = _ESCAPE.sub(lambda code: bytes((int(code[1], 16),)), word)
            if word in _NAMES:
                name = word.decode()
                found.setdefault(name, Mention("pdf-actions", "action", name, Location(offset=offset)))
    return tuple(found.values())


def _texts(window: Window) -> Iterator[tuple[int, bytes]]:
    """The bytes in pieces that overlap, and what their streams of objects expand to, with the offsets; bounded."""
    position = 0
    streams = 0
    tail = b""
    for piece in iterate_chunks(window, 0, min(window.size, _MOST_BYTES)):
        data = tail + piece
        start = position - len(tail)
        yield start, data
        for match in _OBJECTS.finditer(data):
            streams += 1
            if streams <= _MOST_STREAMS and match.end() > len(tail):
                yield start + match.start(), _expanded(window.read(start + match.end(), _COMPRESSED))
        position += len(piece)
        tail = data[-_OVERLAP:]


def _expanded(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, _EXPANDED)
    except zlib.error:
        return b""
