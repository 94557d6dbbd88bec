"""Read the vectors of marisa: of items, of bits with an index, and of numbers of a few bits.

Each begins with its size in bytes and ends in zeros up to a multiple of eight.
"""

from __future__ import annotations

import struct
from typing import Final

from msgspec import Struct

from modelaudit.wire.base import DamagedError
from modelaudit.wire.cursor import BLOCK
from modelaudit.wire.record_cursor import RecordCursor

_SIZE: Final = struct.Struct("<Q")
_BITS: Final = struct.Struct("<II")
_NUMBERS: Final = struct.Struct("<IIQ")
_ALIGNMENT: Final = 8
_WORD_BITS: Final = 64
_RANK_BITS: Final = 512
_RANK_BYTES: Final = 12
_SELECT_BYTES: Final = 4
# Children of one node have different first bytes.
_MOST_CHILDREN: Final = 256
_START_BYTES: Final = (_MOST_CHILDREN + 2) // 8 + 2


class BitVector(Struct, frozen=True):
    """Bits with their number, how many of them are ones, and the first ones as a number, the lowest bit first."""

    size: int
    ones: int
    start: int

    def count_ones_from(self, position: int) -> int:
        """Return how many ones follow each other from a position on, up to the bits of ``start``."""
        rest = self.start >> position
        return (~rest & (rest + 1)).bit_length() - 1


def read_vector(cursor: RecordCursor, item_bytes: int, what: str) -> int:
    """Skip a vector of items, and return their number.

    Raises:
        DamagedError: the size is no multiple of that of an item, goes beyond the file, or the padding has content.
    """
    start = cursor.offset
    (size,) = cursor.read(_SIZE, f"the size of {what}")
    if size % item_bytes:
        raise DamagedError(f"{what} takes {size} bytes, which is no whole number of items", start)
    cursor.skip_data(size, what)
    cursor.skip_zeros(-size % _ALIGNMENT, f"the padding of {what}")
    return int(size // item_bytes)


def read_bit_vector(cursor: RecordCursor, what: str, has_index: bool = True) -> BitVector:
    """Read a vector of bits and skip its index; one without bits has none, whatever ``has_index`` says.

    Raises:
        DamagedError: the number of bits or of ones, or the size of the index, is not that of the bits.
    """
    start = cursor.offset
    words = read_vector(cursor, _WORD_BITS // 8, what)
    first = int.from_bytes(cursor.window.read(start + _SIZE.size, min(_START_BYTES, words * _WORD_BITS // 8)), "little")
    found = _count_ones(cursor, start + _SIZE.size, words)
    size, ones = cursor.read(_BITS, f"the number of bits of {what}")
    if words != -(-size // _WORD_BITS) or ones != found:
        raise DamagedError(f"{what} states {size} bits with {ones} ones, it has {words} words with {found}", start)
    ranks = read_vector(cursor, _RANK_BYTES, f"the ranks of {what}")
    zero_marks = read_vector(cursor, _SELECT_BYTES, f"the index of {what}")
    one_marks = read_vector(cursor, _SELECT_BYTES, f"the index of {what}")
    wanted_ranks = -(-size // _RANK_BITS) + 1 if size and has_index else 0
    # The index of the zeros or of the ones may be left out.
    has_marks = zero_marks in (0, _count_marks(size - ones)) and one_marks in (0, _count_marks(ones))
    if ranks != wanted_ranks or not has_marks:
        raise DamagedError(f"the index of {what} is not of the size that {size} bits need", start)
    return BitVector(size, ones, first)


def _count_ones(cursor: RecordCursor, start: int, words: int) -> int:
    """Return the number of ones in the words from ``start`` on."""
    end = start + words * _WORD_BITS // 8
    steps = range(start, end, BLOCK)
    return sum(int.from_bytes(cursor.window.read(step, min(BLOCK, end - step)), "little").bit_count() for step in steps)


def _count_marks(bits: int) -> int:
    """Return the number of entries in the index of so many zeros or ones: each 512th of them, and the end."""
    return -(-bits // _RANK_BITS) + 1


def read_flat_vector(cursor: RecordCursor, what: str) -> int:
    """Read a vector of numbers that take the same number of bits, and return how many there are.

    Raises:
        DamagedError: the numbers do not take the bytes that they should.
    """
    start = cursor.offset
    words = read_vector(cursor, _WORD_BITS // 8, what)
    width, mask, count = cursor.read(_NUMBERS, f"the numbers of {what}")
    # Numbers that are all zero take no bits and one word.
    needed = -(-width * count // _WORD_BITS) if width else min(count, 1)
    if width > 32 or mask != (1 << width) - 1 or words != needed:
        raise DamagedError(f"{what} states {count} numbers of {width} bits in {words} words", start)
    return int(count)
