"""Parse the maps of sparse files in tar archives, and open their content with the holes filled.

A sparse file is stored without its holes, the ranges of zero bytes. A map lists the pieces that are stored. It has four
encodings: in the header of old GNU tar, and in the pax formats 0.0, 0.1 and 1.0. Source: the GNU tar manual, "Storing
Sparse Files".
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from modelaudit.model.artifact import Window
from modelaudit.model.limits import MIB, Limits
from modelaudit.wire.tar_headers import BLOCK, parse_sparse_pieces
from modelaudit.wire.windows import SubWindow

SparseMap = tuple[tuple[int, int], ...]
"""(offset in the content, length) of each stored piece, in bytes and in stored order; the rest is zeros."""

_LONGEST_MAP = MIB
_MOST_DIGITS = 20


class SparseWindow:
    """A window on the content of a sparse file: ``size`` bytes, with ``pieces`` stored and zeros between them."""

    def __init__(self, stored: SubWindow, pieces: SparseMap, size: int, limits: Limits) -> None:
        self.budget = stored.budget
        self.size = size
        self._stored = stored
        self._limits = limits
        self._starts = [offset for offset, _ in pieces]
        self._pieces = pieces
        # The pieces are stored one after the other, so the lengths before a piece add up to its stored offset.
        self._stored_offsets = [0]
        for _, length in pieces:
            self._stored_offsets.append(self._stored_offsets[-1] + length)

    def read(self, offset: int, length: int) -> bytes:
        """Return up to ``length`` bytes from ``offset``; fewer only at the end of the content or the bound on reads.

        Raises:
            WindowError: from the stored window.
        """
        length = min(length, self.size - offset, self._limits.read_bytes)
        if length <= 0 or offset < 0:
            return b""
        end = offset + length
        content = bytearray(length)
        # The last piece that begins at or before the offset may reach into the range.
        first_index = max(0, bisect_right(self._starts, offset) - 1)
        for index in range(first_index, len(self._pieces)):
            piece_start, piece_length = self._pieces[index]
            if piece_start >= end:
                break
            overlap_start, overlap_end = max(piece_start, offset), min(piece_start + piece_length, end)
            if overlap_start < overlap_end:
                stored_offset = self._stored_offsets[index] + overlap_start - piece_start
                data = self._stored.read(stored_offset, overlap_end - overlap_start)
                position = overlap_start - offset
                content[position : position + len(data)] = data
        return bytes(content)


def is_valid_map(pieces: Sequence[tuple[int, int]], size: int, stored: int) -> bool:
    """Whether the pieces are in order, do not overlap, end within ``size``, and need at most ``stored`` bytes."""
    position = total = 0
    for offset, length in pieces:
        if offset < position or length < 0:
            return False
        position = offset + length
        total += length
    return position <= size and total <= stored


def read_header_map(window: Window, block: bytes, data_start: int, most: int) -> tuple[SparseMap, int] | None:
    """Read the map of the old GNU format from the header ``block`` and its continuation blocks at ``data_start``.

    Returns:
        The map and the offset of the data, or ``None`` if the map is invalid or has more than ``most`` pieces.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    pieces: list[tuple[int, int]] = []
    parsed = parse_sparse_pieces(block, in_header=True)
    while parsed is not None:
        block_pieces, continues = parsed
        pieces += block_pieces
        if not continues:
            return tuple(pieces), data_start
        # A continuation block lies where the data would begin, and moves the data.
        block = window.read(data_start, BLOCK)
        data_start += BLOCK
        if len(block) < BLOCK or len(pieces) >= most:
            return None
        parsed = parse_sparse_pieces(block, in_header=False)
    return None


def parse_pax_map(records: Sequence[tuple[str, str]]) -> SparseMap | None:
    """Parse the map of the pax formats 0.0 and 0.1; ``None`` if a number is invalid or an offset has no length.

    Format 0.0 has a record for each offset and each length. Format 0.1 has one record ``offset,length,offset,...``.
    """
    values = dict(records)
    if "GNU.sparse.map" in values:
        numbers = _parse_numbers(values["GNU.sparse.map"].split(","))
        return None if numbers is None else _pair_numbers(numbers[::2], numbers[1::2])
    offsets = _parse_numbers([value for key, value in records if key == "GNU.sparse.offset"])
    lengths = _parse_numbers([value for key, value in records if key == "GNU.sparse.numbytes"])
    return None if offsets is None or lengths is None else _pair_numbers(offsets, lengths)


def _pair_numbers(offsets: Sequence[int], lengths: Sequence[int]) -> SparseMap | None:
    """Pair each offset with its length; ``None`` if the counts differ.

    Programs disagree about an unpaired number: ``tarfile`` drops it, and GNU tar rejects a map of format 0.1 with one.
    """
    return tuple(zip(offsets, lengths, strict=True)) if len(offsets) == len(lengths) else None


def read_data_map(window: Window, data_start: int, data_end: int, most: int) -> tuple[SparseMap, int] | None:
    """Read the map of the pax format 1.0: decimal lines in whole blocks before the data.

    The first line is the number of pieces; the offset and the length of each piece follow, a line each. The map is a
    part of the data of the member, which lie between ``data_start`` and ``data_end``.

    Returns:
        The map and the offset of the data, or ``None`` if the map is invalid or has more than ``most`` pieces.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    lines: list[str] = []
    incomplete_line = b""
    position = data_start
    while position < min(data_end, data_start + _LONGEST_MAP):
        block = window.read(position, BLOCK)
        position += BLOCK
        *complete_lines, incomplete_line = (incomplete_line + block).split(b"\n")
        lines += [line.decode("ascii", "replace") for line in complete_lines]
        first_line = _parse_numbers(lines[:1])
        if first_line is None or len(block) < BLOCK:
            return None
        # Without a first line, it continues in the next block.
        for count in first_line:
            if count > most:
                return None
            if len(lines) >= 1 + 2 * count:
                numbers = _parse_numbers(lines[1 : 1 + 2 * count])
                return None if numbers is None else (tuple(zip(numbers[::2], numbers[1::2], strict=True)), position)
        # The line has more digits than any number of a map. Each further block would copy it again.
        if len(incomplete_line) > _MOST_DIGITS:
            return None
    return None


def _parse_numbers(words: Sequence[str]) -> list[int] | None:
    """Parse decimal numbers; ``None`` if one of them is not valid."""
    if any(len(word) > _MOST_DIGITS or not (word.isascii() and word.isdigit()) for word in words):
        return None
    return [int(word) for word in words]
