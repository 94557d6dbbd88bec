"""Parse the 512-byte header of a tar member in every dialect, with the results of Python's ``tarfile``.

Sources: POSIX.1-2017, pax, "ustar Interchange Format"; the GNU tar manual, "Basic Tar Format"; ``tarfile`` of Python.
"""

from __future__ import annotations

import re

from msgspec import Struct

from modelaudit.model.lazy_pattern import defer_pattern

BLOCK = 512
ZEROS = bytes(BLOCK)

HARD_LINK = b"1"
SYMBOLIC_LINK = b"2"
DEVICES = {b"3": "a character device", b"4": "a block device", b"6": "a pipe"}
FOLDER = b"5"
GNU_LONG_NAME = b"L"
GNU_LONG_LINK = b"K"
GNU_SPARSE = b"S"
PAX_LOCAL = b"xX"
PAX_GLOBAL = b"g"
_GNU_KINDS = b"LKS"

USTAR = slice(257, 262)
"""The field where newer dialects write ``ustar``."""

# Fields of the ustar header.
_NAME = slice(0, 100)
_SIZE = slice(124, 136)
_SUM = slice(148, 156)
_KIND = slice(156, 157)
_LINK = slice(157, 257)
_PREFIX = slice(345, 500)
# mode, uid, gid, size, mtime, devmajor, devminor
_NUMBERS = (slice(100, 108), slice(108, 116), slice(116, 124), _SIZE, slice(136, 148), slice(329, 337), slice(337, 345))
# Checksum fields that ``parse_number`` may parse: a quick check before the sum over all bytes of a block. They have
# blanks, signs, octal digits, "_" and the prefix "0o", as ``int`` accepts them, up to a zero byte; or a binary number.
_SUM_SHAPE = defer_pattern(rb"[\x09-\x0d\x1c-\x20+\-0-7_oO]*(\x00.*)?|[\x80\xff].*", re.DOTALL)
# Old GNU sparse maps: offset of the first entry, number of entries; a flag follows the last: another block continues.
_SPARSE_IN_HEADER = (386, 4)
_SPARSE_IN_BLOCK = (0, 21)
_SPARSE_ENTRY_LENGTH = 24  # an offset and a length, 12 bytes each
_SPARSE_REAL_SIZE = slice(483, 495)
_MOST_LENGTH_DIGITS = 20  # of a pax record: more than any length has


class TarHeader(Struct, frozen=True):
    """A member as one header block states it.

    Attributes:
        name: the path, with the prefix of ustar.
        kind: the type flag, one byte.
        size: bytes of data that follow the header.
        link: the target of a link.
        offset: position of the block in the archive, in bytes.
        block: the 512 bytes.
    """

    name: str
    kind: bytes
    size: int
    link: str
    offset: int
    block: bytes

    @property
    def is_file(self) -> bool:
        """Whether loaders read the data that follow as a file; they also do so for unknown kinds."""
        # Before POSIX, folders had no type flag of their own, only a slash at the end of the name.
        if self.kind == b"\0" and self.name.endswith("/"):
            return False
        return self.kind not in (HARD_LINK, SYMBOLIC_LINK, FOLDER, *DEVICES)


def parse_number(field: bytes) -> int | None:
    """Parse a number as ``tarfile`` does: binary after 0x80 or 0xff, else octal digits; ``None`` if neither.

    0xff marks a negative number, in two's complement. A field without digits is 0.
    """
    if field[0] in (0x80, 0xFF):
        modulus = 256 ** (len(field) - 1)
        return int.from_bytes(field[1:], "big") - (modulus if field[0] == 0xFF else 0)
    try:
        return int(field.partition(b"\0")[0].decode("ascii").strip() or "0", 8)
    except ValueError:
        return None


def parse_text(field: bytes) -> str:
    """Return the text up to the first zero byte; bytes outside UTF-8 become surrogate escapes."""
    return field.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def is_header(block: bytes) -> bool:
    """Whether ``block`` is the header of a member. The checksum is the only mark that all dialects share.

    It is the sum of all 512 bytes, with spaces in place of its own field; old writers added the bytes as signed
    numbers. A block of zeros is the end of an archive.
    """
    if len(block) < BLOCK or _SUM_SHAPE.fullmatch(block[_SUM]) is None or not block.rstrip(b"\0"):
        return False
    stated_sum = parse_number(block[_SUM])
    if stated_sum is None or any(parse_number(block[field]) is None for field in _NUMBERS):
        return False
    others = block[: _SUM.start] + b" " * 8 + block[_SUM.stop : BLOCK]
    unsigned_sum = sum(others)
    signed_sum = unsigned_sum - 256 * sum(byte >= 0x80 for byte in others)
    return stated_sum in (unsigned_sum, signed_sum)


def parse_header(block: bytes, offset: int) -> TarHeader | None:
    """Parse the header in ``block``, which lies at ``offset``; ``None`` if it is not a header."""
    if not is_header(block):
        return None
    kind, name, prefix = block[_KIND], parse_text(block[_NAME]), parse_text(block[_PREFIX])
    # GNU tar stores other data in the place of the prefix.
    if prefix and kind not in _GNU_KINDS:
        name = f"{prefix}/{name}"
    return TarHeader(name, kind, parse_number(block[_SIZE]) or 0, parse_text(block[_LINK]), offset, block)


def parse_pax_records(data: bytes) -> tuple[list[tuple[str, str]], bool]:
    """Return the keywords and values of an extended header in order, and whether it was well formed to its end.

    A record is its own length in decimal digits, a space, ``keyword=value`` and a line break, such as
    ``30 mtime=1700000000.123456789``.
    """
    records: list[tuple[str, str]] = []
    position = 0
    while position < len(data) and data[position]:  # zero bytes fill the last block
        space = data.find(b" ", position, position + _MOST_LENGTH_DIGITS)
        digits = data[position:space] if space > 0 else b""
        end = position + int(digits) if digits.isdigit() else 0
        keyword, equals, value = data[space + 1 : end - 1].partition(b"=")
        is_inside = space < end <= len(data)
        has_line_break = data[end - 1 : end] == b"\n"
        if not (is_inside and has_line_break and equals and keyword):
            return records, False
        records.append((keyword.decode("utf-8", "surrogateescape"), value.decode("utf-8", "surrogateescape")))
        position = end
    return records, True


def parse_sparse_pieces(block: bytes, in_header: bool) -> tuple[list[tuple[int, int]], bool] | None:
    """Parse an old GNU sparse map in a header, or in a block that continues it.

    Returns:
        The (offset, length) pairs, and whether another such block follows; ``None`` if a number is invalid.
    """
    start, count = _SPARSE_IN_HEADER if in_header else _SPARSE_IN_BLOCK
    pieces = []
    flag_offset = start + _SPARSE_ENTRY_LENGTH * count  # behind the last entry; not zero if a further block follows
    for position in range(start, flag_offset, _SPARSE_ENTRY_LENGTH):
        middle, end = position + _SPARSE_ENTRY_LENGTH // 2, position + _SPARSE_ENTRY_LENGTH
        offset, length = parse_number(block[position:middle]), parse_number(block[middle:end])
        if offset is None or length is None:
            return None
        if length:
            pieces.append((offset, length))
    return pieces, bool(block[flag_offset])


def parse_sparse_size(block: bytes) -> int | None:
    """Return the size of the expanded file that an old GNU sparse header states; ``None`` if it is not a number."""
    return parse_number(block[_SPARSE_REAL_SIZE])
