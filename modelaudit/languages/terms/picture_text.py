"""Read the texts in the metadata of a PNG picture: its chunks tEXt, zTXt and iTXt.

Source: Portable Network Graphics (W3C), section 11.3.3.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final

from modelaudit.model.artifact import Window
from modelaudit.model.limits import KIB

PNG_MAGIC: Final = b"\x89PNG\r\n\x1a\n"
_MOST_CHUNKS: Final = 1000
_LARGEST_TEXT: Final = 64 * KIB
_FRAME_BYTES: Final = 12  # length, type and checksum
_COMPRESSED: Final = 1


def iter_picture_texts(window: Window) -> Iterator[str]:
    """Yield the text of each chunk of text, at most 64 KiB of it, in the first thousand chunks.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    position = len(PNG_MAGIC)
    for _ in range(_MOST_CHUNKS):
        header = window.read(position, min(8, max(0, window.size - position)))
        length, name = int.from_bytes(header[:4], "big"), header[4:]
        start = position + len(header)
        if len(header) < 8 or name == b"IEND":
            return
        if name in (b"tEXt", b"zTXt", b"iTXt"):
            yield _decode_chunk(name, window.read(start, min(length, _LARGEST_TEXT, window.size - start)))
        position += _FRAME_BYTES + length


def _decode_chunk(name: bytes, data: bytes) -> str:
    """Decode the text behind the keyword of a chunk; text that cannot be decompressed is left out."""
    _, _, rest = data.partition(b"\0")
    if name == b"tEXt":
        return rest.decode("latin-1")
    if name == b"zTXt":
        return _decompress(rest[1:]).decode("latin-1")
    # Whether it is compressed, the method, a language and a translated keyword precede the text.
    is_compressed = rest[:1] == bytes((_COMPRESSED,))
    text = b"".join(rest[2:].split(b"\0", 2)[2:])
    return (_decompress(text) if is_compressed else text).decode("utf-8", "replace")


def _decompress(data: bytes) -> bytes:
    """Decompress a text, up to its bound; damaged data give what precedes the damage."""
    try:
        return zlib.decompressobj().decompress(data, _LARGEST_TEXT)
    except zlib.error:
        return b""
