"""Interpret the documents that programs keep in the texts of pictures: the workflow of an image generator, as JSON.

ComfyUI and others read such a workflow back from the picture and run its nodes. The values are therefore interpreted as
those of a JSON file.

Sources: PNG (W3C), sections 11.3.3.2 to 11.3.3.4 (tEXt, zTXt, iTXt); the RIFF container of WebP (EXIF, XMP);
ITU-T T.81, annex B (JPEG, APPn and COM).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final

from modelaudit.formats.documents.media.steps import PartCounter, read_at_least
from modelaudit.formats.value_trees import ValueTree
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.wire.base import DamagedError, LimitReachedError, Reading
from modelaudit.wire.windows import get_budget

_LONGEST_TEXT: Final = 4 * MIB
_PNG_TEXTS: Final = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_RIFF_TEXTS: Final = frozenset({b"EXIF", b"XMP ", b"ICMT", b"INFO"})
# A JSON object, behind the name of a key as in ``workflow:{``.
_OBJECT: Final = defer_pattern(rb"\{\s*+\"[^\0]*+\}?")


def interpret_texts(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield what the interpreters find in the documents of a PNG, WebP or JPEG image.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    tree = ValueTree()
    is_whole = True
    try:
        for name, data in _iterate_texts(window, limits):
            if len(data) > _LONGEST_TEXT:
                is_whole = False
                continue
            # EXIF may keep a text in UTF-16, which puts zeros between the letters of ASCII.
            for match in _OBJECT.finditer(data if b"\0{\0" not in data else data.replace(b"\0", b"")):
                text = match[0][: match[0].rfind(b"}") + 1].decode("utf-8", "replace")
                if text:
                    tree.add_json((name,), text, limits)
    except (DamagedError, LimitReachedError):
        is_whole = False
    yield from tree.interpret(artifact.path, limits)
    if not is_whole:
        yield Unread(UnreadReason.LIMIT, "texts of the picture were not read to their end")


def _iterate_texts(window: Window, limits: Limits) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the bytes of each text in the picture, by the kind of its first bytes.

    Raises:
        DamagedError: the picture is truncated, or a text in it is.
        LimitReachedError: the texts unpack to more than the budget allows.
    """
    start = window.read(0, 12)
    if start.startswith(b"\x89PNG"):
        yield from _iterate_png_texts(window, limits)
    elif start.startswith(b"RIFF"):
        yield from _iterate_chunks(window)
    elif start.startswith(b"\xff\xd8"):
        yield from _iterate_segments(window)


def _iterate_png_texts(window: Window, limits: Limits) -> Iterator[tuple[str, bytes]]:
    """Yield the texts of the chunks of a PNG, unpacked."""
    steps = PartCounter()
    position, kind = 8, b""
    while kind != b"IEND":
        steps.count_part(position)
        header = read_at_least(window, position, 8)
        length, kind = int.from_bytes(header[:4], "big"), header[4:8]
        if kind in _PNG_TEXTS:
            data = read_at_least(window, position + 8, length) if length <= _LONGEST_TEXT else bytes(_LONGEST_TEXT + 1)
            name, _, text = data.partition(b"\0")
            is_packed = kind == b"zTXt" or (kind == b"iTXt" and text[:1] == b"\x01")
            # An international text has two flags, a language and a translated key; a packed one the method.
            text = text[2:].split(b"\0", 2)[-1] if kind == b"iTXt" else text[is_packed:]
            yield name[:80].decode("latin-1"), _unpack(text, window, limits) if is_packed else text
        position += 12 + length


def _unpack(data: bytes, window: Window, limits: Limits) -> bytes:
    """Return the unpacked text, at most one byte longer than the longest that is read.

    Raises:
        DamagedError: the data are no zlib stream.
        LimitReachedError: the budget is spent.
    """
    try:
        text = zlib.decompressobj().decompress(data, _LONGEST_TEXT + 1)
    except zlib.error as error:
        raise DamagedError(f"a text of the picture is damaged: {error}") from error
    get_budget(window, limits).spend(len(text))
    return text


def _iterate_chunks(window: Window) -> Iterator[tuple[str, bytes]]:
    """Yield the metadata of a RIFF container, by the name of the chunk."""
    steps = PartCounter()
    position = 12
    while position + 8 <= window.size:
        steps.count_part(position)
        header = read_at_least(window, position, 8)
        length = int.from_bytes(header[4:8], "little")
        if header[:4] in _RIFF_TEXTS and length <= _LONGEST_TEXT:
            yield header[:4].decode("latin-1").strip(), read_at_least(window, position + 8, length)
        position += 8 + length + (length & 1)


def _iterate_segments(window: Window) -> Iterator[tuple[str, bytes]]:
    """Yield the application data and comments before the first scan of a JPEG, by their marker."""
    steps = PartCounter()
    position = 2
    while True:
        steps.count_part(position)
        prefix, marker = read_at_least(window, position, 2)
        if prefix != 0xFF or marker in (0xDA, 0xD9):
            return
        if marker == 0xFF:
            position += 1
            continue
        length = int.from_bytes(read_at_least(window, position + 2, 2), "big")
        if 0xE0 <= marker <= 0xEF or marker == 0xFE:
            yield f"{marker:02x}", read_at_least(window, position + 4, max(0, length - 2)) if length > 2 else b""
        position += 2 + length
