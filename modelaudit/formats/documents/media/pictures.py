"""Find the end of image files from their structure.

Each function returns the offset after the last byte of the image. Viewers ignore bytes after it.

Sources: PNG (W3C), ITU-T T.81 annex B (JPEG), GIF89a, the BITMAPFILEHEADER and ICONDIR of Windows, TIFF 6.0.
"""

from __future__ import annotations

import re
from typing import Final

from modelaudit.formats.documents.media.steps import PartCounter, read_at_least
from modelaudit.model.artifact import Window
from modelaudit.wire.base import DamagedError

_BMP_HEADERS: Final = frozenset({12, 16, 40, 52, 56, 64, 108, 124})
# A marker within a scan: not a stuffed byte, not a restart, not the first of several fill bytes.
_MARKER: Final = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_CHUNK: Final = 1 << 20
_MARKERS_WITHOUT_LENGTH: Final = frozenset({0x01, *range(0xD0, 0xD9)})
_START_OF_SCAN: Final = 0xDA
_END_OF_IMAGE: Final = 0xD9


def find_png_end(window: Window) -> int:
    """Return the end of the chunk IEND.

    Raises:
        DamagedError: a chunk extends beyond the end of the file, or there are too many chunks.
    """
    steps = PartCounter()
    position = 8
    while True:
        steps.count_part(position)
        head = read_at_least(window, position, 8)
        position += 12 + int.from_bytes(head[:4], "big")
        if position > window.size:
            raise DamagedError(f"the chunk {head[4:8]!r} ends at {position}, beyond the end of the file", position)
        if head[4:8] == b"IEND":
            return position


def find_jpeg_end(window: Window) -> int:
    """Return the end of the marker EOI.

    Raises:
        DamagedError: a segment does not begin with a marker, the image is truncated, or there are too many segments.
    """
    steps = PartCounter()
    position = 2
    while True:
        steps.count_part(position)
        mark = read_at_least(window, position, 2)
        if mark[0] != 0xFF:
            raise DamagedError("a segment does not begin with a marker", position)
        if mark[1] == 0xFF:
            position += 1
        elif mark[1] == _END_OF_IMAGE:
            return position + 2
        elif mark[1] in _MARKERS_WITHOUT_LENGTH:
            position += 2
        else:
            position += 2 + int.from_bytes(read_at_least(window, position + 2, 2), "big")
            if mark[1] == _START_OF_SCAN:
                position = _skip_scan(window, position)


def _skip_scan(window: Window, position: int) -> int:
    """Return the offset of the next marker after the entropy-coded data of a scan, which state no length."""
    while position < window.size:
        data = window.read(position, _CHUNK)
        found = _MARKER.search(data)
        if found is not None:
            return position + found.start()
        position += max(1, len(data) - 1)
    raise DamagedError("the image is truncated within its data", window.size)


def find_gif_end(window: Window) -> int:
    """Return the end of the trailer.

    Raises:
        DamagedError: a block has an unknown kind, the image is truncated, or there are too many blocks.
    """
    steps = PartCounter()
    flags = read_at_least(window, 10, 1)[0]
    position = 13 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)
    while True:
        steps.count_part(position)
        kind = read_at_least(window, position, 1)[0]
        if kind == 0x3B:
            return position + 1
        if kind == 0x21:
            position += 2
        elif kind == 0x2C:
            flags = read_at_least(window, position + 9, 1)[0]
            position += 11 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)
        else:
            raise DamagedError(f"a block has the unknown kind {kind}", position)
        position = _skip_blocks(window, position, steps)


def _skip_blocks(window: Window, position: int, steps: PartCounter) -> int:
    """Return the offset after the data blocks of a GIF image or extension, which end with an empty block."""
    while True:
        data = read_at_least(window, position, 1, 64 * 1024)
        place = 0
        while place < len(data):
            steps.count_part(position + place)
            length = data[place]
            place += 1 + length
            if not length:
                return position + place
        position += place


def is_bmp(data: bytes) -> bool:
    """Whether the data begin with a bitmap header: reserved bytes of zero, and a second header of a known size."""
    return (
        data[:2] == b"BM" and data[6:10] == bytes(4) and int.from_bytes(data[14:18], "little") in _BMP_HEADERS
        and 26 <= int.from_bytes(data[10:14], "little") < 1 << 20
    )  # fmt: skip


def find_bmp_end(window: Window) -> int | None:
    """Return the end that the header states, or ``None`` if it states none.

    Raises:
        DamagedError: the header is truncated.
    """
    return int.from_bytes(read_at_least(window, 2, 4), "little") or None


def is_ico(data: bytes) -> bool:
    """Whether the data begin with the directory of an icon or cursor, directly followed by its first image."""
    count = int.from_bytes(data[4:6], "little")
    first = int.from_bytes(data[18:22], "little")
    return (
        data[:4] in (b"\0\0\1\0", b"\0\0\2\0") and 0 < count < 256 and data[9:10] == b"\0" and first == 6 + 16 * count
    )


def find_ico_end(window: Window) -> int:
    """Return the end of the last image that the directory lists.

    Raises:
        DamagedError: the directory is truncated.
    """
    count = int.from_bytes(read_at_least(window, 4, 2), "little")
    table = read_at_least(window, 6, 16 * count)
    rows = (table[at : at + 16] for at in range(0, len(table), 16))
    return max(int.from_bytes(row[8:12], "little") + int.from_bytes(row[12:16], "little") for row in rows)
