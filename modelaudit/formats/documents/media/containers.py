"""Where sound, film, typefaces and tables end, by their own structure.

Sources: RIFF (Microsoft), ISO/IEC 14496-12, RFC 3533 (Ogg), OpenType, WOFF 1 and 2 (W3C), the file formats of Parquet,
Arrow and SQLite.
"""

from __future__ import annotations

from typing import Final

from modelaudit.formats.documents.media.steps import Steps, at_least
from modelaudit.model.artifact import Window
from modelaudit.wire.base import DamagedError

_BOX: Final = 8
_LARGE_BOX: Final = 16
_MOST_TABLES: Final = 200


def riff_end(window: Window) -> int:
    """Behind the one chunk that the file is, padded to an even number of bytes. Raises ``DamagedError``."""
    size = int.from_bytes(at_least(window, 4, 4), "little")
    # Who records to a pipe cannot go back to fill in the size.
    if size >= 0xFFFF_FF00:
        return window.size
    end = 8 + size
    return end + (end & 1 if end < window.size else 0)


def is_iso(data: bytes) -> bool:
    """A first box of a length that it can have."""
    return data[4:8] == b"ftyp" and _BOX <= int.from_bytes(data[:4], "big") <= 1024


def iso_end(window: Window) -> int:
    """Behind the last box; what does not look like one ends the film. Raises ``DamagedError``."""
    steps = Steps()
    position = 0
    while position < window.size:
        steps.take(position)
        head = window.read(position, _LARGE_BOX)
        size = int.from_bytes(head[:4], "big")
        least = _BOX
        if len(head) < _BOX or not (head[4:8].isalnum() or head[4:5] == b"\xa9" or b" " in head[4:8]):
            return position
        if size == 0:
            return window.size
        if size == 1:
            size, least = int.from_bytes(head[8:16], "big"), _LARGE_BOX
        if size < least:
            return position
        if position + size > window.size:
            raise DamagedError(f"a box of {size} bytes ends beyond the file", position)
        position += size
    return position


def ogg_end(window: Window) -> int:
    """Behind the last page. Raises ``DamagedError``."""
    steps = Steps()
    position = 0
    while position < window.size:
        steps.take(position)
        head = window.read(position, 27 + 255)
        if not head.startswith(b"OggS") or len(head) < 27:
            return position
        count = head[26]
        position += 27 + count + sum(head[27 : 27 + count])
    if position > window.size:
        raise DamagedError("the last page breaks off", window.size)
    return position


def is_font(data: bytes) -> bool:
    """The table of tables of TrueType or OpenType, with a first tag that is a word."""
    if data[:4] not in (b"\0\1\0\0", b"OTTO", b"true"):
        return False
    count = int.from_bytes(data[4:6], "big")
    return 0 < count <= _MOST_TABLES and len(data) > 28 and all(32 <= byte < 127 for byte in data[12:16])


def font_end(window: Window) -> int:
    """Behind the last table, padded to four bytes. Raises ``DamagedError``."""
    count = int.from_bytes(at_least(window, 4, 2), "big")
    table = at_least(window, 12, 16 * count)
    rows = (table[at : at + 16] for at in range(0, len(table), 16))
    end = max(int.from_bytes(row[8:12], "big") + int.from_bytes(row[12:16], "big") for row in rows)
    return min(-(-end // 4) * 4, max(end, window.size))


def woff_end(window: Window) -> int:
    """Where the header says. Raises ``DamagedError``."""
    return int.from_bytes(at_least(window, 8, 4), "big")


def parquet_end(window: Window) -> int:
    """The end: the footer, its length and the magic number stand there. Raises ``DamagedError``."""
    return _footed(window, b"PAR1", 4)


def arrow_end(window: Window) -> int:
    """The end: as of Parquet, with a longer magic number. Raises ``DamagedError``."""
    return _footed(window, b"ARROW1", 8)


def _footed(window: Window, magic: bytes, first: int) -> int:
    size = window.size
    last = at_least(window, max(0, size - 4 - len(magic)), 4 + len(magic))
    length = int.from_bytes(last[:4], "little")
    if last[4:] != magic:
        raise DamagedError("it does not end as it begins, so that it is cut off or goes on as something else", size)
    if first + length + 4 + len(magic) > size:
        raise DamagedError(f"its footer is stated to take {length} bytes, the file has {size}", size)
    return size


def sqlite_end(window: Window) -> int | None:
    """Behind the last page; ``None`` where the header does not say how many there are. Raises ``DamagedError``."""
    head = at_least(window, 0, 100)
    width = int.from_bytes(head[16:18], "big")
    pages = int.from_bytes(head[28:32], "big")
    return (65536 if width == 1 else width) * pages or None
