"""Find the end of audio, video, font and table files from their structure.

Each function returns the offset after the last byte of the format. Bytes after it may be another file.

Sources: RIFF (Microsoft), ISO/IEC 14496-12, RFC 3533 (Ogg), OpenType, WOFF 1 and 2 (W3C), the file formats of Parquet,
Arrow and SQLite.
"""

from __future__ import annotations

from typing import Final

from modelaudit.formats.documents.media.steps import PartCounter, read_at_least
from modelaudit.model.artifact import Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.wire.base import DamagedError
from modelaudit.wire.ledger import claim_data, claim_parsed

_BOX_HEADER_BYTES: Final = 8
_LARGE_BOX_HEADER_BYTES: Final = 16
_LONGEST_FTYP_BOX: Final = 1024
_MOST_TABLES: Final = 200
_PILLOW_FONT: Final = defer_pattern(rb"PILfont\n;;;;;;\d{1,4};\n(?:(?!DATA\n)[ -~]{1,200}\n){0,50}DATA\n")
_LONGEST_FONT_HEAD: Final = 16 * 1024
_GLYPHS: Final = 256
_GLYPH_BYTES: Final = 20
_OGG_HEADER_BYTES: Final = 27
_MOST_OGG_SEGMENTS: Final = 255


def find_riff_end(window: Window) -> int:
    """Return the end of the outermost chunk, padded to an even number of bytes.

    Raises:
        DamagedError: the file ends before the size of the chunk.
    """
    header = read_at_least(window, 0, 8)
    size = int.from_bytes(header[4:], "big" if header.startswith(b"RIFX") else "little")
    if header.startswith(b"RF64"):
        # The first chunk, ds64, states the size in 64 bits (EBU Tech 3306, 4).
        size = int.from_bytes(read_at_least(window, 20, 8), "little")
        return 8 + size + size % 2
    # A program that writes to a pipe cannot go back to fill in the size, and writes a number near the maximum instead.
    if size >= 0xFFFF_FF00:
        return window.size
    end = 8 + size
    # Some writers omit the padding byte at the end of the file.
    has_padding = end % 2 == 1 and end < window.size
    return end + 1 if has_padding else end


def is_iso(data: bytes) -> bool:
    """Whether the data begin with a ``ftyp`` box of a plausible size, as MP4 files do."""
    return data[4:8] == b"ftyp" and _BOX_HEADER_BYTES <= int.from_bytes(data[:4], "big") <= _LONGEST_FTYP_BOX


def find_iso_end(window: Window) -> int:
    """Return the end of the last box. The first bytes that do not look like the header of a box end the format.

    A box begins with its size, including the header, and a type of four characters, such as ``moov``.

    Raises:
        DamagedError: a box extends beyond the end of the file, or there are too many boxes.
    """
    steps = PartCounter()
    position = 0
    while position < window.size:
        steps.count_part(position)
        header = window.read(position, _LARGE_BOX_HEADER_BYTES)
        size = int.from_bytes(header[:4], "big")
        header_size = _BOX_HEADER_BYTES
        box_type = header[4:8]
        # Types of QuickTime may begin with a copyright sign; short types are padded with spaces.
        is_box_type = box_type.isalnum() or box_type[:1] == b"\xa9" or b" " in box_type
        if len(header) < _BOX_HEADER_BYTES or not is_box_type:
            return position
        # Size 0 extends the box to the end of the file, size 1 announces a 64-bit size.
        if size == 0:
            return window.size
        if size == 1:
            size, header_size = int.from_bytes(header[8:16], "big"), _LARGE_BOX_HEADER_BYTES
        if size < header_size:
            return position
        if position + size > window.size:
            raise DamagedError(f"a box of {size} bytes extends beyond the end of the file", position)
        position += size
    return position


def find_ogg_end(window: Window) -> int:
    """Return the end of the last page.

    A page has a header, a table with the length of each segment, and the segments.

    Raises:
        DamagedError: the last page is truncated, or there are too many pages.
    """
    steps = PartCounter()
    position = 0
    while position < window.size:
        steps.count_part(position)
        page = window.read(position, _OGG_HEADER_BYTES + _MOST_OGG_SEGMENTS)
        if not page.startswith(b"OggS") or len(page) < _OGG_HEADER_BYTES:
            return position
        segment_count = page[26]
        segments_start = _OGG_HEADER_BYTES + segment_count
        position += segments_start + sum(page[_OGG_HEADER_BYTES:segments_start])
    if position > window.size:
        raise DamagedError("the last Ogg page is truncated", window.size)
    return position


def is_font(data: bytes) -> bool:
    """Whether the data begin with the table directory of TrueType or OpenType, with a printable first tag."""
    if data[:4] not in (b"\0\1\0\0", b"OTTO", b"true"):
        return False
    table_count = int.from_bytes(data[4:6], "big")
    first_tag = data[12:16]
    has_printable_tag = all(32 <= byte < 127 for byte in first_tag)
    # The directory has a header of 12 bytes and a row of 16 bytes for each table.
    return 0 < table_count <= _MOST_TABLES and len(data) > 12 + 16 and has_printable_tag


def find_font_end(window: Window) -> int:
    """Claim the directory and the tables, and return the end of the last table, padded to four bytes if possible.

    Raises:
        DamagedError: the table directory is truncated.
    """
    table_count = int.from_bytes(read_at_least(window, 4, 2), "big")
    directory = read_at_least(window, 12, 16 * table_count)
    claim_parsed(window, 0, 12 + len(directory))
    end = 0
    for row in range(0, len(directory), 16):
        # A row has a tag, a checksum, an offset and a length of four bytes each.
        offset = int.from_bytes(directory[row + 8 : row + 12], "big")
        length = int.from_bytes(directory[row + 12 : row + 16], "big")
        claim_data(window, offset, offset + length)
        end = max(end, offset + length)
    padded_end = (end + 3) // 4 * 4
    return min(padded_end, max(end, window.size))


def find_woff_end(window: Window) -> int:
    """Return the end that the header states.

    Raises:
        DamagedError: the header is truncated.
    """
    return int.from_bytes(read_at_least(window, 8, 4), "big")


def find_parquet_end(window: Window) -> int:
    """Return the size of the file, after a check of the magic number at its end and of the footer before that.

    Raises:
        DamagedError: the file does not end with the magic number, or its footer is longer than the file.
    """
    return _find_footer_end(window, b"PAR1", 4)


def find_arrow_end(window: Window) -> int:
    """Return the size of the file, after a check of the magic number at its end and of the footer before that.

    Raises:
        DamagedError: the file does not end with the magic number, or its footer is longer than the file.
    """
    # The footer must not reach into the magic number at the beginning, which is padded to eight bytes.
    return _find_footer_end(window, b"ARROW1", 8)


def _find_footer_end(window: Window, magic: bytes, start_bytes: int) -> int:
    """Return the size of a file that ends with a footer, the length of the footer, and a magic number.

    Args:
        window: the file.
        magic: the magic number at the end.
        start_bytes: the size of the magic number at the beginning, with padding.

    Raises:
        DamagedError: the file does not end with the magic number, or its footer is longer than the file.
    """
    size = window.size
    trailer_bytes = 4 + len(magic)
    trailer = read_at_least(window, max(0, size - trailer_bytes), trailer_bytes)
    footer_length = int.from_bytes(trailer[:4], "little")
    if trailer[4:] != magic:
        raise DamagedError("the file does not end with its magic number: it is truncated or has trailing data", size)
    if start_bytes + footer_length + trailer_bytes > size:
        raise DamagedError(
            f"the footer is stated to take {footer_length} bytes, more than fit in a file of {size} bytes", size
        )
    return size


def find_sqlite_end(window: Window) -> int:
    """Return the end of the last page. Without a page count in the header, all whole pages of the file count.

    Raises:
        DamagedError: the header is truncated.
    """
    header = read_at_least(window, 0, 100)
    # The size 65536 does not fit in two bytes; the value 1 represents it.
    stated_size = int.from_bytes(header[16:18], "big")
    page_size = 65536 if stated_size == 1 else stated_size
    page_count = int.from_bytes(header[28:32], "big")
    return page_size * (page_count or window.size // max(1, page_size))


def is_pillow_font(data: bytes) -> bool:
    """Whether the data begin with the head of a typeface of Pillow: a size, and lines of properties, in ASCII."""
    return _PILLOW_FONT.match(data) is not None


def find_pillow_font_end(window: Window) -> int:
    """Return the end of the places of 256 glyphs, ten numbers of 16 bits each, behind the head.

    Source: ``_load_pilfont_data`` in ``PIL/ImageFont.py``. Raises ``DamagedError`` if the head has no end.
    """
    head = _PILLOW_FONT.match(window.read(0, _LONGEST_FONT_HEAD))
    if head is None:
        raise DamagedError("the head of the typeface has no end", 0)
    return head.end() + _GLYPHS * _GLYPH_BYTES
