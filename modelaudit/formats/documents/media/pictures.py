"""Find the end of image files from their structure.

Each function returns the offset after the last byte of the image. Viewers ignore bytes after it.

Sources: PNG (W3C), ITU-T T.81 annex B (JPEG), GIF89a, the BITMAPFILEHEADER and ICONDIR of Windows, TIFF 6.0.
"""

from __future__ import annotations

from typing import Final

from modelaudit.formats.documents.media.steps import PartCounter, read_at_least
from modelaudit.model.artifact import Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.wire.base import DamagedError
from modelaudit.wire.ledger import claim_data, claim_parsed

# The sizes in bytes of all versions of the second header of a bitmap.
_BMP_HEADERS: Final = frozenset({12, 16, 40, 52, 56, 64, 108, 124})
_SHORTEST_BMP_HEADERS: Final = 14 + 12  # both headers, without a colour table
_LONGEST_BMP_HEADERS: Final = 1 << 20  # far more than headers, a colour table and a colour profile take
# The marker that ends a scan: no stuffed byte (00), no restart (d0 to d7), not the first of several fill bytes (ff).
_MARKER: Final = defer_pattern(rb"\xff[\x01-\xcf\xd8-\xfe]")
_CHUNK: Final = 1 << 20
# The markers TEM, RST0 to RST7 and SOI.
_MARKERS_WITHOUT_LENGTH: Final = frozenset({0x01, *range(0xD0, 0xD9)})
_START_OF_SCAN: Final = 0xDA
_END_OF_IMAGE: Final = 0xD9
_GIF_TRAILER: Final = 0x3B
_GIF_EXTENSION: Final = 0x21
_GIF_IMAGE: Final = 0x2C


def find_png_end(window: Window) -> int:
    """Return the end of the chunk IEND.

    Raises:
        DamagedError: a chunk extends beyond the end of the file, or there are too many chunks.
    """
    steps = PartCounter()
    # The first chunk follows the signature of eight bytes.
    position = 8
    while True:
        steps.count_part(position)
        # A chunk has a length, a type, its data and a checksum. The length counts only the data.
        header = read_at_least(window, position, 8)
        length, chunk_type = int.from_bytes(header[:4], "big"), header[4:8]
        position += 12 + length
        if position > window.size:
            raise DamagedError(f"the chunk {chunk_type!r} ends at {position}, beyond the end of the file", position)
        if chunk_type == b"IEND":
            return position


def find_jpeg_end(window: Window) -> int:
    """Return the end of the marker EOI.

    Raises:
        DamagedError: a segment does not begin with a marker, the image is truncated, or there are too many segments.
    """
    steps = PartCounter()
    # The first segment follows the marker SOI.
    position = 2
    while True:
        steps.count_part(position)
        prefix, marker = read_at_least(window, position, 2)
        if prefix != 0xFF:
            raise DamagedError("a segment does not begin with a marker", position)
        if marker == 0xFF:
            # A fill byte: the marker is further on.
            position += 1
        elif marker == _END_OF_IMAGE:
            return position + 2
        elif marker in _MARKERS_WITHOUT_LENGTH:
            position += 2
        else:
            position += 2 + int.from_bytes(read_at_least(window, position + 2, 2), "big")
            if marker == _START_OF_SCAN:
                position = _skip_scan(window, position)


def _skip_scan(window: Window, position: int) -> int:
    """Return the offset of the next marker after the entropy-coded data of a scan, which state no length."""
    while position < window.size:
        data = window.read(position, _CHUNK)
        marker = _MARKER.search(data)
        if marker is not None:
            return position + marker.start()
        # The last byte is read again, because it may be the first one of a marker.
        position += max(1, len(data) - 1)
    raise DamagedError("the image is truncated within its data", window.size)


def find_gif_end(window: Window) -> int:
    """Return the end of the trailer.

    Raises:
        DamagedError: a block has an unknown kind, the image is truncated, or there are too many blocks.
    """
    steps = PartCounter()
    # The header and the screen descriptor have 13 bytes; the flags of the descriptor are at 10.
    screen_flags = read_at_least(window, 10, 1)[0]
    position = 13 + _measure_gif_colors(screen_flags)
    while True:
        steps.count_part(position)
        kind = read_at_least(window, position, 1)[0]
        if kind == _GIF_TRAILER:
            return position + 1
        if kind == _GIF_EXTENSION:
            # The kind, and a label.
            position += 2
        elif kind == _GIF_IMAGE:
            # An image descriptor of 10 bytes with flags at 9, a colour table, and the code size of the compression.
            image_flags = read_at_least(window, position + 9, 1)[0]
            position += 11 + _measure_gif_colors(image_flags)
        else:
            raise DamagedError(f"a block has the unknown kind {kind}", position)
        position = _skip_blocks(window, position, steps)


def _measure_gif_colors(flags: int) -> int:
    """Return the size in bytes of the colour table that ``flags`` announces: 0, or three for each colour."""
    has_table, size_exponent = flags & 0x80, (flags & 7) + 1
    return 3 << size_exponent if has_table else 0


def _skip_blocks(window: Window, position: int, steps: PartCounter) -> int:
    """Return the offset after the data blocks of a GIF image or extension, which end with an empty block.

    A block is a length byte and that many bytes.
    """
    while True:
        data = read_at_least(window, position, 1, 64 * 1024)
        index = 0
        while index < len(data):
            steps.count_part(position + index)
            length = data[index]
            index += 1 + length
            if not length:
                return position + index
        position += index


def is_bmp(data: bytes) -> bool:
    """Whether the data begin with a bitmap header: reserved bytes of zero, and a second header of a known size."""
    has_reserved_zeros = data[6:10] == bytes(4)
    pixels_offset = int.from_bytes(data[10:14], "little")
    second_header_size = int.from_bytes(data[14:18], "little")
    has_plausible_offset = _SHORTEST_BMP_HEADERS <= pixels_offset < _LONGEST_BMP_HEADERS
    return data[:2] == b"BM" and has_reserved_zeros and has_plausible_offset and second_header_size in _BMP_HEADERS


def find_bmp_end(window: Window) -> int | None:
    """Return the end that the header states, or ``None`` if it states none.

    Raises:
        DamagedError: the header is truncated.
    """
    return int.from_bytes(read_at_least(window, 2, 4), "little") or None


def is_ico(data: bytes) -> bool:
    """Whether the data begin with the directory of an icon or cursor, directly followed by its first image."""
    # The types 1 (icon) and 2 (cursor) follow two bytes of zero.
    if data[:4] not in (b"\0\0\1\0", b"\0\0\2\0"):
        return False
    # The rows of the directory begin at 6, with a zero byte at 3 of a row and the offset of the image at 12.
    image_count = int.from_bytes(data[4:6], "little")
    first_image_offset = int.from_bytes(data[18:22], "little")
    reserved_byte = data[9:10]
    return 0 < image_count < 256 and reserved_byte == b"\0" and first_image_offset == 6 + 16 * image_count


def find_ico_end(window: Window) -> int:
    """Claim the directory and the images that it lists, and return the end of the last image.

    Raises:
        DamagedError: the directory is truncated.
    """
    image_count = int.from_bytes(read_at_least(window, 4, 2), "little")
    directory = read_at_least(window, 6, 16 * image_count)
    claim_parsed(window, 0, 6 + len(directory))
    end = 0
    for row in range(0, len(directory), 16):  # a row has the size of the image at 8, and its offset at 12
        size = int.from_bytes(directory[row + 8 : row + 12], "little")
        offset = int.from_bytes(directory[row + 12 : row + 16], "little")
        claim_data(window, offset, offset + size)
        end = max(end, offset + size)
    return end
