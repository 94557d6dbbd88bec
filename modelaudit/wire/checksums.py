"""Compute checksums that Python's library lacks."""

from __future__ import annotations

from functools import cache
from typing import Final

from modelaudit.wire.deadline import check_deadline

_CASTAGNOLI: Final = 0x82F63B78
"""The polynomial of CRC-32C, with its bits reversed (RFC 3720, appendix B.4)."""
_ALL_BITS: Final = 0xFFFF_FFFF
_BYTES_PER_CHECK: Final = 1 << 20
"""The deadline is checked once for this many bytes, which take a tenth of a second."""


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
