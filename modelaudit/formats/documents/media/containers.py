"""Find the end of audio, video, font and table files from their structure.

Each function returns the offset after the last byte of the format. Bytes after it may be another file.

Sources: RIFF (Microsoft), ISO/IEC 14496-12, RFC 3533 (Ogg), OpenType, WOFF 1 and 2 (W3C), the file formats of Parquet,
Arrow and SQLite.
"""

from __future__ import annotations

from typing import Final

from modelaudit.formats.documents.media.steps import PartCounter, read_at_least
from modelaudit.model.artifact import Window
from modelaudit.wire.base import DamagedError

_BOX_HEADER_BYTES: Final = 8
_LARGE_BOX_HEADER_BYTES: Final = 16
_MOST_TABLES: Final = 200


def find_riff_end(window: Window) -> int:
    """Return the end of the outermost chunk, padded to an even number of bytes.

    Raises:
        DamagedError: the file ends before the size of the chunk.
    """
    size = int.from_bytes(read_at_least(window, 4, 4), "little")
    # A program that writes to a pipe cannot go back to fill in the size, and writes the maximum instead.
    if size >= 0xFFFF_FF00:
        return window.size
    end = 8 + size
    return end + (end & 1 if end < window.size else 0)


def is_iso(data: bytes) -> bool:
    """Whether the data begin with a ``ftyp`` box of a plausible size."""
    return data[4:8] == b"ftyp" and _BOX_HEADER_BYTES <= int.from_bytes(data[:4], "big") <= 1024


def find_iso_end(window: Window) -> int:
    """Return the end of the last box; bytes that do not look like a box end the file.

    Raises:
        DamagedError: a box extends beyond the end of the file, or there are too many boxes.
    """
    steps = PartCounter()
    position = 0
    while position < window.size:
        steps.count_part(position)
        head = window.read(position, _LARGE_BOX_HEADER_BYTES)
        size = int.from_bytes(head[:4], "big")
        least = _BOX_HEADER_BYTES
        if len(head) < _BOX_HEADER_BYTES or not (head[4:8].isalnum() or head[4:5] == b"\xa9" or b" " in head[4:8]):
            return position
        # Size 0 extends the box to the end of the file, size 1 announces a 64-bit size.
        if size == 0:
            return window.size
        if size == 1:
            size, least = int.from_bytes(head[8:16], "big"), _LARGE_BOX_HEADER_BYTES
        if size < least:
            return position
        if position + size > window.size:
            raise DamagedError(f"a box of {size} bytes extends beyond the end of the file", position)
        position += size
    return position


def find_ogg_end(window: Window) -> int:
    """Return the end of the last page.

    Raises:
        DamagedError: the last page is truncated, or there are too many pages.
    """
    steps = PartCounter()
    position = 0
    while position < window.size:
        steps.count_part(position)
        head = window.read(position, 27 + 255)
        if not head.startswith(b"OggS") or len(head) < 27:
            return position
        count = head[26]
        position += 27 + count + sum(head[27 : 27 + count])
    if position > window.size:
        raise DamagedError("the last page is truncated", window.size)
    return position


def is_font(data: bytes) -> bool:
    """Whether the data begin with the table directory of TrueType or OpenType, with a printable first tag."""
    if data[:4] not in (b"\0\1\0\0", b"OTTO", b"true"):
        return False
    count = int.from_bytes(data[4:6], "big")
    return 0 < count <= _MOST_TABLES and len(data) > 28 and all(32 <= byte < 127 for byte in data[12:16])


def find_font_end(window: Window) -> int:
    """Return the end of the last table, padded to four bytes.

    Raises:
        DamagedError: the table directory is truncated.
    """
    count = int.from_bytes(read_at_least(window, 4, 2), "big")
    table = read_at_least(window, 12, 16 * count)
    rows = (table[at : at + 16] for at in range(0, len(table), 16))
    end = max(int.from_bytes(row[8:12], "big") + int.from_bytes(row[12:16], "big") for row in rows)
    return min(-(-end // 4) * 4, max(end, window.size))


def find_woff_end(window: Window) -> int:
    """Return the end that the header states.

    Raises:
        DamagedError: the header is truncated.
    """
    return int.from_bytes(read_at_least(window, 8, 4), "big")


def find_parquet_end(window: Window) -> int:
    """Return the size of the file if it ends with a footer and the magic number.

    Raises:
        DamagedError: the file does not end so, or the stated length of the footer does not fit.
    """
    return _find_footer_end(window, b"PAR1", 4)


def find_arrow_end(window: Window) -> int:
    """Return the size of the file as for Parquet, with a longer magic number.

    Raises:
        DamagedError: the file does not end so, or the stated length of the footer does not fit.
    """
    return _find_footer_end(window, b"ARROW1", 8)


def _find_footer_end(window: Window, magic: bytes, first: int) -> int:
    """Check the footer, its length and the magic number at the end of the file."""
    size = window.size
    last = read_at_least(window, max(0, size - 4 - len(magic)), 4 + len(magic))
    length = int.from_bytes(last[:4], "little")
    if last[4:] != magic:
        raise DamagedError("the file does not end with its magic number: it is truncated or has trailing data", size)
    if first + length + 4 + len(magic) > size:
        raise DamagedError(f"the footer states a length of {length} bytes, the file has {size}", size)
    return size


def find_sqlite_end(window: Window) -> int | None:
    """Return the end of the last page, or ``None`` if the header states no page count.

    Raises:
        DamagedError: the header is truncated.
    """
    head = read_at_least(window, 0, 100)
    width = int.from_bytes(head[16:18], "big")
    pages = int.from_bytes(head[28:32], "big")
    return (65536 if width == 1 else width) * pages or None
