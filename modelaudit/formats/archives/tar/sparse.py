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
        self._places = [0]
        for _, length in pieces:
            self._places.append(self._places[-1] + length)

    def read(self, offset: int, length: int) -> bytes:
        """Return up to ``length`` bytes from ``offset``; fewer only at the end of the content or the bound on reads.

        Raises:
            WindowError: from the stored window.
        """
        length = min(length, self.size - offset, self._limits.read_bytes)
        if length <= 0 or offset < 0:
            return b""
        out = bytearray(length)
        index = max(0, bisect_right(self._starts, offset) - 1)
        for at in range(index, len(self._pieces)):
            start, stored = self._pieces[at]
            if start >= offset + length:
                break
            first, last = max(start, offset), min(start + stored, offset + length)
            if first < last:
                data = self._stored.read(self._places[at] + first - start, last - first)
                out[first - offset : first - offset + len(data)] = data
        return bytes(out)


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
    """Read the map of the old GNU format from the header and its continuation blocks.

    Returns:
        The map and the offset of the data, or ``None`` if the map is invalid or has more than ``most`` pieces.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    found = parse_sparse_pieces(block, in_header=True)
    pieces: list[tuple[int, int]] = []
    while found is not None:
        pieces += found[0]
        if not found[1]:
            return tuple(pieces), data_start
        block = window.read(data_start, BLOCK)
        data_start += BLOCK
        found = parse_sparse_pieces(block, in_header=False) if len(block) == BLOCK and len(pieces) < most else None
    return None


def parse_pax_map(records: Sequence[tuple[str, str]]) -> SparseMap | None:
    """Parse the map of the pax formats 0.0 (pairs of records) and 0.1 (one list); ``None`` if it is invalid."""
    values = dict(records)
    if "GNU.sparse.map" in values:
        numbers = _parse_numbers(values["GNU.sparse.map"].split(","))
        return None if numbers is None else tuple(zip(numbers[::2], numbers[1::2], strict=False))
    offsets = _parse_numbers([value for key, value in records if key == "GNU.sparse.offset"])
    lengths = _parse_numbers([value for key, value in records if key == "GNU.sparse.numbytes"])
    return None if offsets is None or lengths is None else tuple(zip(offsets, lengths, strict=False))


def read_data_map(window: Window, data_start: int, most: int) -> tuple[SparseMap, int] | None:
    """Read the map of the pax format 1.0, which is stored as decimal lines before the data.

    Returns:
        The map and the offset of the data, or ``None`` if the map is invalid or has more than ``most`` pieces.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    lines: list[str] = []
    text = b""
    position = data_start
    while position - data_start < _LONGEST_MAP:
        block = window.read(position, BLOCK)
        position += BLOCK
        *whole, text = (text + block).split(b"\n")
        lines += [line.decode("ascii", "replace") for line in whole]
        count = _parse_numbers(lines[:1])
        if (lines and count is None) or len(block) < BLOCK or (count and count[0] > most):
            return None
        if count and len(lines) > 2 * count[0]:
            numbers = _parse_numbers(lines[1 : 1 + 2 * count[0]])
            return None if numbers is None else (tuple(zip(numbers[::2], numbers[1::2], strict=True)), position)
    return None


def _parse_numbers(words: Sequence[str]) -> list[int] | None:
    """Parse decimal numbers; ``None`` if one of them is not valid."""
    if any(len(word) > _MOST_DIGITS or not (word.isascii() and word.isdigit()) for word in words):
        return None
    return [int(word) for word in words]
