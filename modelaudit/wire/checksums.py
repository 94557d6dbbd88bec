"""Compute checksums that Python's library lacks."""

from __future__ import annotations

import struct
from functools import cache
from typing import Final

from modelaudit.wire.deadline import check_deadline

_CASTAGNOLI: Final = 0x82F63B78
"""The polynomial of CRC-32C, with its bits reversed (RFC 3720, appendix B.4)."""
_ALL_BITS: Final = 0xFFFF_FFFF
_BYTES_PER_CHECK: Final = 1 << 20
"""The deadline is checked once for this many bytes, which take a tenth of a second."""
_LOOKUP3_START: Final = 0xDEADBEEF
_LOOKUP3_WORDS: Final = struct.Struct("<III")
_LOOKUP3_BYTES_PER_CHECK: Final = _LOOKUP3_WORDS.size << 16


@cache
def _list_remainders() -> tuple[int, ...]:
    """Return the remainder of the polynomial division for each byte."""
    remainders = []
    for remainder in range(256):
        for _ in range(8):
            remainder = remainder >> 1 ^ (_CASTAGNOLI if remainder & 1 else 0)
        remainders.append(remainder)
    return tuple(remainders)


def compute_crc32c(data: bytes) -> int:
    """Return the CRC-32C of ``data``. Raises ``LimitReachedError`` if no time is left."""
    remainders = _list_remainders()
    checksum = _ALL_BITS
    for start in range(0, len(data), _BYTES_PER_CHECK):
        check_deadline()
        for byte in data[start : start + _BYTES_PER_CHECK]:
            checksum = remainders[(checksum ^ byte) & 0xFF] ^ checksum >> 8
    return checksum ^ _ALL_BITS


def compute_lookup3(data: bytes) -> int:
    """Return the checksum ``lookup3`` of ``data``, a number of 32 bits with which HDF5 protects its structures.

    Source: ``hashlittle`` in ``lookup3.c`` of Bob Jenkins, with the initial value 0; ``src/H5checksum.c`` of HDF5.

    Sums grow beyond 32 bits until the next mixing step masks them, because Python has no 32-bit numbers.

    Raises:
        LimitReachedError: no time is left.
    """
    a = b = c = (_LOOKUP3_START + len(data)) & _ALL_BITS
    # The last 1 to 12 bytes are mixed in another way.
    mixed_bytes = max(0, len(data) - 1) // _LOOKUP3_WORDS.size * _LOOKUP3_WORDS.size
    for start in range(0, mixed_bytes, _LOOKUP3_BYTES_PER_CHECK):
        check_deadline()
        block = data[start : min(start + _LOOKUP3_BYTES_PER_CHECK, mixed_bytes)]
        for x, y, z in _LOOKUP3_WORDS.iter_unpack(block):
            a, b, c = a + x, b + y, (c + z) & _ALL_BITS
            a = ((a - c) ^ (c << 4 | c >> 28)) & _ALL_BITS
            c += b
            b = ((b - a) ^ (a << 6 | a >> 26)) & _ALL_BITS
            a += c
            c = ((c - b) ^ (b << 8 | b >> 24)) & _ALL_BITS
            b += a
            a = ((a - c) ^ (c << 16 | c >> 16)) & _ALL_BITS
            c += b
            b = ((b - a) ^ (a << 19 | a >> 13)) & _ALL_BITS
            a += c
            c = ((c - b) ^ (b << 4 | b >> 28)) & _ALL_BITS
            b += a
    last_bytes = data[mixed_bytes:]
    if not last_bytes:
        return c
    x, y, z = (int.from_bytes(last_bytes[start : start + 4], "little") for start in (0, 4, 8))
    a, b, c = (a + x) & _ALL_BITS, (b + y) & _ALL_BITS, (c + z) & _ALL_BITS
    c = ((c ^ b) - (b << 14 | b >> 18)) & _ALL_BITS
    a = ((a ^ c) - (c << 11 | c >> 21)) & _ALL_BITS
    b = ((b ^ a) - (a << 25 | a >> 7)) & _ALL_BITS
    c = ((c ^ b) - (b << 16 | b >> 16)) & _ALL_BITS
    a = ((a ^ c) - (c << 4 | c >> 28)) & _ALL_BITS
    b = ((b ^ a) - (a << 14 | a >> 18)) & _ALL_BITS
    return ((c ^ b) - (b << 24 | b >> 8)) & _ALL_BITS
