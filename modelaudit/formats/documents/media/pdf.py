"""Find the end of a PDF document, and the actions that a viewer may run, such as ``/Launch``.

Actions are names in objects and compressed object streams. Source: ISO 32000-1, 12.6.4 (actions), 7.3.5 (names and
their escapes), 7.5.5 and 7.5.6 (the mark at the end of each update), 7.5.7 (object streams).
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
from modelaudit.wire.base import DamagedError
from modelaudit.wire.windows import iterate_chunks

_ACTION_NAMES: Final = (
    b"JavaScript",
    b"JS",
    b"Launch",
    b"EmbeddedFile",
    b"RichMedia",
    b"SubmitForm",
    b"ImportData",
    b"GoToE",
)
_NAME: Final = re.compile(rb"/([A-Za-z0-9#]{2,60})(?![A-Za-z0-9#])")
_ESCAPE: Final = re.compile(rb"#([0-9A-Fa-f]{2})")
# The end of the dictionary of an object stream, such as ``/Type /ObjStm /N 3 /First 20 >> stream`` and a line break.
_OBJECT_STREAM: Final = re.compile(rb"/ObjStm\b.{0,400}?>>\s{0,4}stream\r?\n", re.DOTALL)
# The mark at the end of a document and of each update that is appended to it, with its line break.
_END_MARK: Final = re.compile(rb"%%EOF[ \t]{0,8}\r?\n?")
# The start of an update: an object such as ``12 0 obj``, or a table of cross references.
_UPDATE_START: Final = re.compile(rb"\s{0,64}(?:\d{1,10}\s{1,8}\d{1,5}\s{1,8}obj\b|xref\b)")
_UPDATE_START_BYTES: Final = 128
_LONGEST_END_MARK: Final = 16
_OVERLAP: Final = 1024
_MOST_BYTES: Final = 256 * MIB
_MOST_STREAMS: Final = 2000
_MOST_EXPANDED_BYTES: Final = MIB
_MOST_STORED_BYTES: Final = MIB


def find_pdf_end(window: Window) -> int:
    """Return the offset after the mark that ends the document, or the last update of it.

    Raises:
        DamagedError: the document has no such mark.
        WindowError: the window could not return the requested bytes.
    """
    end = 0
    position = 0
    overlap = b""
    for chunk in iterate_chunks(window):
        data = overlap + chunk
        start = position - len(overlap)
        for mark in _END_MARK.finditer(data):
            # A mark before ``end`` was found in the piece before.
            # Bytes after a mark belong to the document only if they are an update.
            if start + mark.start() >= end and (not end or _UPDATE_START.match(window.read(end, _UPDATE_START_BYTES))):
                end = start + mark.end()
        position += len(chunk)
        overlap = data[-_LONGEST_END_MARK:]
    if not end:
        raise DamagedError("the document has no mark of its end", window.size)
    return end


def find_actions(window: Window) -> tuple[Mention, ...]:
    """Return one mention for each kind of action or attachment, at the offset of the first piece that contains it.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    found: dict[str, Mention] = {}
    for offset, data in _iterate_text(window):
        for match in _NAME.finditer(data):
            name_bytes = match[1]
            # A name may hide from a search by escaped letters: /J#61vaScript is /JavaScript.
            if b"#" in name_bytes:
                name_bytes = _ESCAPE.sub(lambda escape: bytes.fromhex(escape[1].decode()), name_bytes)
            if name_bytes in _ACTION_NAMES:
                name = name_bytes.decode()
                found.setdefault(name, Mention("pdf-actions", "action", name, Location(offset=offset)))
    return tuple(found.values())


def _iterate_text(window: Window) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, bytes) of overlapping pieces of the file, and of the decompressed object streams in them.

    The bytes searched, the number of streams, and the size of each are bounded.
    """
    position = 0
    stream_count = 0
    overlap = b""
    for chunk in iterate_chunks(window, 0, min(window.size, _MOST_BYTES)):
        data = overlap + chunk
        start = position - len(overlap)
        yield start, data
        for match in _OBJECT_STREAM.finditer(data):
            stream_count += 1
            # A match that ends within the overlap was found in the piece before.
            if stream_count <= _MOST_STREAMS and match.end() > len(overlap):
                stored = window.read(start + match.end(), _MOST_STORED_BYTES)
                yield start + match.start(), _decompress_objects(stored)
        position += len(chunk)
        overlap = data[-_OVERLAP:]


def _decompress_objects(data: bytes) -> bytes:
    """Return the first MiB of the decompressed object stream; empty if the stream is damaged."""
    try:
        return zlib.decompressobj().decompress(data, _MOST_EXPANDED_BYTES)
    except zlib.error:
        return b""
