"""Sort the bytes of an artifact into ranges of one class each.

``RangeSet`` collects ranges in any order. ``Partition`` has each byte in exactly one range. ``GapReader`` classifies
bytes between claims.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from enum import StrEnum
from heapq import merge
from itertools import chain, compress, islice
from operator import sub
from typing import Final, NamedTuple

from modelaudit.model.artifact import Window
from modelaudit.model.limits import KIB
from modelaudit.wire.base import LimitReachedError

MAX_RANGES: Final = 1_000_000
"""Separate ranges of one class in one ledger: 16 bytes of memory each."""

MAX_PADDING_BYTES: Final = 64 * KIB
"""The longest run of equal bytes that counts as padding. Formats align to at most 64 KiB (pages of memory maps)."""

_GAP_BLOCK_BYTES: Final = 4 * KIB
"""Bytes that are read at once where many short ranges have no claim."""

_COMPACT_AFTER: Final = 65_536
"""Ranges out of order after which a set is sorted and merged again."""


class ByteClass(StrEnum):
    """The class of a byte: parsed by a reader, declared as data by its format, or claimed by neither."""

    PARSED = "parsed"
    DATA = "data"
    UNCLAIMED = "unclaimed"


_CLASSES: Final = tuple(ByteClass)
PARSED, DATA, UNCLAIMED = range(len(_CLASSES))
"""The numbers of the classes, as ranges store them."""
_SELECTIONS: Final = tuple(bytes(number == each for each in range(256)) for number in range(len(_CLASSES)))
"""For each class, a table that translates its number to 1 and all others to 0."""


class ByteRange(NamedTuple):
    """The bytes from ``start`` up to ``end``, exclusive, and their class."""

    start: int
    end: int
    class_: ByteClass


class RangeSet:
    """A set of byte offsets, stored as ranges. Claims that come in order of offset are merged as they come."""

    __slots__ = ("_compacted_count", "_ends", "_starts")

    def __init__(self) -> None:
        self._starts = array("Q")
        self._ends = array("Q")
        self._compacted_count = 0

    @property
    def is_empty(self) -> bool:
        """Whether no range was added."""
        return not self._starts

    def add(self, start: int, end: int) -> None:
        """Add the offsets from ``start`` up to ``end``, exclusive.

        Raises:
            LimitReachedError: the set consists of more than ``MAX_RANGES`` separate ranges.
        """
        if self._starts and self._starts[-1] <= start <= self._ends[-1]:
            if end > self._ends[-1]:
                self._ends[-1] = end
            return
        self._starts.append(start)
        self._ends.append(end)
        if len(self._starts) - self._compacted_count > _COMPACT_AFTER:
            self._compact()

    def _compact(self) -> None:
        """Sort the ranges and merge those that overlap or touch; raises as ``add``.

        The ranges before the last compaction are in order. Only the newer ones become objects to be sorted, so that a
        million ranges take no more memory than their arrays.
        """
        count = self._compacted_count
        newer = sorted(zip(self._starts[count:], self._ends[count:], strict=True))
        if not newer:
            return
        # The ranges before the first newer one stay as they are, except for the last of them, which may touch it.
        kept = max(0, bisect_left(self._starts, newer[0][0], 0, count) - 1)
        older = zip(islice(self._starts, kept, count), islice(self._ends, kept, count), strict=True)
        starts, ends = self._starts[:kept], self._ends[:kept]
        last_end = ends[-1] if kept else -1
        for start, end in merge(older, newer):
            if start > last_end:
                starts.append(start)
                ends.append(end)
                last_end = end
            elif end > last_end:
                ends[-1] = last_end = end
        self._starts, self._ends, self._compacted_count = starts, ends, len(starts)
        if self._compacted_count > MAX_RANGES:
            raise LimitReachedError(f"the claimed bytes lie in more than {MAX_RANGES} separate ranges")

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Yield the (start, end) of each separate range, in order."""
        self._compact()
        yield from zip(self._starts, self._ends, strict=True)


class Partition:
    """Ranges that cover all bytes of an artifact without overlap, as the end of each: nine bytes of memory a range.

    Attributes:
        ends: the end of each range, in ascending order; the first range starts at 0.
        numbers: the number of the class of each range; neighbours differ.
    """

    __slots__ = ("ends", "numbers")

    def __init__(self) -> None:
        self.ends = array("Q")
        self.numbers = bytearray()

    @classmethod
    def from_ranges(cls, ranges: Iterable[ByteRange]) -> Partition:
        """Return a partition of ranges that follow one another from 0 on."""
        partition = cls()
        for _, end, class_ in ranges:
            partition.append(end, _CLASSES.index(class_))
        return partition

    def append(self, end: int, number: int) -> None:
        """Add the range up to ``end``; it joins the last one if they have the same class."""
        if self.numbers and self.numbers[-1] == number:
            self.ends[-1] = end
        else:
            self.ends.append(end)
            self.numbers.append(number)

    @property
    def size(self) -> int:
        """The number of bytes."""
        return self.ends[-1] if self.ends else 0

    def __iter__(self) -> Iterator[ByteRange]:
        """Yield the ranges in order."""
        for start, end, number in zip(chain((0,), self.ends), self.ends, self.numbers, strict=False):
            yield ByteRange(start, end, _CLASSES[number])

    def list_unclaimed(self) -> list[ByteRange]:
        """Return the ranges that no reader claims, in order."""
        if UNCLAIMED not in self.numbers:
            return []
        return [each for each in self if each.class_ is ByteClass.UNCLAIMED]

    def sum_classes(self) -> dict[ByteClass, int]:
        """Return the number of bytes of each class."""
        lengths = array("Q", map(sub, self.ends, chain((0,), self.ends)))
        return {
            class_: sum(compress(lengths, self.numbers.translate(_SELECTIONS[number])))
            for number, class_ in enumerate(_CLASSES)
        }


class GapReader:
    """Reads the bytes without a claim. Many lie close together, because alignment is between most parts of a file."""

    def __init__(self, window: Window, starts: array[int]) -> None:
        """Read gaps of ``window``. ``starts`` are the starts of the claimed ranges, in order: gaps end there."""
        self._window = window
        self._starts = starts
        self._block, self._block_start = b"", 0

    def classify(self, start: int, end: int) -> int:
        """Return the class of the bytes of a gap: a short run of equal bytes is padding and counts as data.

        Raises:
            WindowError: the window could not return the requested bytes.
        """
        length = end - start
        if length > MAX_PADDING_BYTES:
            return UNCLAIMED
        place = start - self._block_start
        if not 0 <= place <= len(self._block) - length:
            # Up to the last claim that begins within the block, so that nothing behind the last gap is read.
            next_claim = bisect_right(self._starts, start + _GAP_BLOCK_BYTES)
            block_end = max(end, self._starts[next_claim - 1] if next_claim else 0)
            self._block, self._block_start, place = self._window.read(start, block_end - start), start, 0
        gap = self._block[place : place + length]
        return DATA if gap.count(gap[:1]) == length else UNCLAIMED
