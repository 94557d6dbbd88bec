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
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import MIB
from modelaudit.model.outline import Mention
from modelaudit.model.structure import Location, Unread, UnreadReason
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
_NAME: Final = defer_pattern(rb"/([A-Za-z0-9#]{2,60})(?![A-Za-z0-9#])")
_ESCAPE: Final = defer_pattern(rb"#([0-9A-Fa-f]{2})")
# The name ``/ObjStm``, each of whose letters may be escaped: ``/Obj#53tm``.
_STREAM_NAME: Final = b"/" + b"".join(b"(?:%c|(?i:#%02x))" % (letter, letter) for letter in b"ObjStm")
# The end of the dictionary of an object stream, such as ``/Type /ObjStm /N 3 /First 20 >> stream`` and a line break.
_OBJECT_STREAM: Final = defer_pattern(_STREAM_NAME + rb"\b.{0,400}?>>\s{0,4}stream\r?\n", re.DOTALL)
# The mark at the end of a document and of each update that is appended to it, with its line break.
_END_MARK: Final = defer_pattern(rb"%%EOF[ \t]{0,8}\r?\n?")
# The start of an update: an object such as ``12 0 obj``, or a table of cross references.
_UPDATE_START: Final = defer_pattern(rb"\s{0,64}(?:\d{1,10}\s{1,8}\d{1,5}\s{1,8}obj\b|xref\b)")
_UPDATE_START_BYTES: Final = 128
_LONGEST_END_MARK: Final = 16
_OVERLAP: Final = 1024
_MOST_BYTES: Final = 256 * MIB
_MOST_STREAMS: Final = 2000
_MOST_EXPANDED_BYTES: Final = 4 * MIB
_MOST_STORED_BYTES: Final = MIB
# The bytes of an object stream that are decompressed at a time, so that damage loses few of them.
_DECOMPRESSED_STEP: Final = 4096


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
        raise DamagedError("the document has no end mark (%%EOF)", window.size)
    return end


def find_actions(window: Window) -> tuple[tuple[Mention, ...], tuple[Unread, ...]]:
    """Return one mention for each kind of action or attachment, and an absence for each reason why some are not found.

    The offset of a mention is that of the first piece of the file that contains it.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    found: dict[str, Mention] = {}
    absences: dict[UnreadReason, Unread] = {}
    for offset, data in _iterate_text(window, absences):
        for match in _NAME.finditer(data):
            name_bytes = _decode_name(match[1])
            if name_bytes in _ACTION_NAMES:
                name = name_bytes.decode()
                found.setdefault(name, Mention("pdf-actions", "action", name, Location(offset=offset)))
    return tuple(found.values()), tuple(absences.values())


def _decode_name(name: bytes) -> bytes:
    """Decode the escaped letters by which a name may hide from a search: ``/J#61vaScript`` is ``/JavaScript``."""
    return _ESCAPE.sub(lambda escape: bytes.fromhex(escape[1].decode()), name) if b"#" in name else name


def _iterate_text(window: Window, absences: dict[UnreadReason, Unread]) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, bytes) of overlapping pieces of the file, and of the decompressed object streams in them.

    The bytes searched, the number of streams, and the size of each are bounded.

    Args:
        window: the file.
        absences: receives the first absence of each reason: a bound, or an object stream that cannot be decompressed.
    """
    position = 0
    stream_count = 0
    overlap = b""
    if window.size > _MOST_BYTES:
        detail = f"only its first {_MOST_BYTES} bytes were searched for actions"
        absences[UnreadReason.LIMIT] = Unread(UnreadReason.LIMIT, detail, Location(offset=_MOST_BYTES))
    for chunk in iterate_chunks(window, 0, min(window.size, _MOST_BYTES)):
        data = overlap + chunk
        start = position - len(overlap)
        yield start, data
        for match in _OBJECT_STREAM.finditer(data):
            # A match that ends within the overlap was found in the piece before.
            if match.end() <= len(overlap):
                continue
            stream_count += 1
            where = Location(offset=start + match.start())
            if stream_count > _MOST_STREAMS:
                detail = f"only its first {_MOST_STREAMS} object streams were searched for actions"
                absences.setdefault(UnreadReason.LIMIT, Unread(UnreadReason.LIMIT, detail, where))
                break
            stored = window.read(start + match.end(), _MOST_STORED_BYTES)
            objects, is_cut = _decompress_objects(stored)
            yield start + match.start(), objects
            if is_cut:
                detail = f"of an object stream only {len(objects)} bytes were searched for actions"
                absences.setdefault(UnreadReason.LIMIT, Unread(UnreadReason.LIMIT, detail, where))
            elif not objects and _is_filtered(data, match):
                detail = "an object stream is encrypted, damaged or in a filter that is not decoded"
                absence = Unread(UnreadReason.NO_READER, detail, where, format="PDF object stream")
                absences.setdefault(UnreadReason.NO_READER, absence)
        position += len(chunk)
        overlap = data[-_OVERLAP:]


def _is_filtered(data: bytes, stream: re.Match[bytes]) -> bool:
    """Whether the dictionary of an object stream, which a match in ``data`` ends, names a filter."""
    dictionary_start = max(data.rfind(b"obj", 0, stream.start()), 0)
    return b"/Filter" in _decode_name(data[dictionary_start : stream.end()])


def _decompress_objects(data: bytes) -> tuple[bytes, bool]:
    """Return the objects of a stream that begins with ``data``, and whether a bound cuts them.

    The objects before damage count, because a viewer shows them too.
    """
    decompressor = zlib.decompressobj()
    objects = bytearray()
    for start in range(0, len(data), _DECOMPRESSED_STEP):
        try:
            step = data[start : start + _DECOMPRESSED_STEP]
            objects += decompressor.decompress(step, _MOST_EXPANDED_BYTES - len(objects))
        except zlib.error:
            return bytes(objects) + _decompress_last_bytes(data, start), False
        if decompressor.eof:
            return bytes(objects), False
        if len(objects) >= _MOST_EXPANDED_BYTES:
            return bytes(objects), True
    return bytes(objects), len(data) == _MOST_STORED_BYTES


def _decompress_last_bytes(data: bytes, start: int) -> bytes:
    """Return what the bytes from ``start`` to the damage after it expand to.

    A decompressor keeps nothing of a step that fails, so the bytes of that step are fed one by one.
    """
    decompressor = zlib.decompressobj()
    # These bytes were decompressed before, and stayed below the bound.
    decompressor.decompress(data[:start])
    expanded = b""
    for index in range(start, min(start + _DECOMPRESSED_STEP, len(data))):
        try:
            expanded += decompressor.decompress(data[index : index + 1], _MOST_EXPANDED_BYTES)
        except zlib.error:
            break
    return expanded
