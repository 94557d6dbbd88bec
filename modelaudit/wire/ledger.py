"""Record which bytes of an artifact a reader parsed, and which bytes its format declares as data.

Every byte of an artifact belongs to exactly one class. A reader *claims* ranges: bytes that it parsed, and bytes that
the format declares as data, such as a tensor, a member or text. Bytes without a claim are *unclaimed*: a loader of
another format may find something there, so the pipeline reports them as an absence and searches them. Nothing but a
claim makes a byte claimed, so a reader that forgets a part of its format causes an absence and never a false pass.

A run of equal bytes carries no content: up to ``MAX_PADDING_BYTES`` of them between claimed ranges are padding, which
counts as data.
"""

from __future__ import annotations

from abc import abstractmethod
from array import array
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, cycle
from typing import Final

from modelaudit.model.artifact import Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.wire.base import LimitReachedError
from modelaudit.wire.byte_ranges import (
    DATA,
    MAX_RANGES,
    PARSED,
    UNCLAIMED,
    ByteClass,
    ByteRange,
    GapReader,
    Partition,
    RangeSet,
)

_MAX_OFFSET: Final = (1 << 63) - 1
"""No file is larger; hostile files state sizes that fit no 64 bits."""

SHORT_NAME_BYTES: Final = 16
"""Bytes of a name or text that counts as parsed with the fields around it, to bound the number of separate ranges.

Files have millions of them, and so few bytes hold no other content.
"""

MAX_RANGES_SEARCHED: Final = 1000
"""Unclaimed ranges of one artifact that are read as content of their own; the first ones."""

_MAX_RANGES_IN_ORDER: Final = 2 * MAX_RANGES
"""Ranges of both classes."""

_RANGES_SHOWN: Final = 3
_NO_RANGE: Final = (_MAX_OFFSET + 1, _MAX_OFFSET + 1)
"""In place of the range after the last one."""

_CONTROL_CHARACTERS: Final = defer_pattern(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_EIGHT_BIT_CONTROLS: Final = defer_pattern(rb"[\x80-\x9f]")


class ByteLedger:
    """The claims on the bytes of one artifact.

    Readers claim most bytes in order, and each at most once. Those claims are a list of ranges without overlap, which
    needs neither sorting nor merging; the others are kept as sets.
    """

    __slots__ = ("_end", "_ends", "_number", "_numbers", "_others", "_starts")

    def __init__(self) -> None:
        # The ranges that came in order, and the end and the class of the last one.
        self._starts = array("Q")
        self._ends = array("Q")
        self._numbers = bytearray()
        self._end = 0
        self._number = UNCLAIMED
        # The parsed ranges that came out of order, and those of data.
        self._others = (RangeSet(), RangeSet())

    def claim(self, start: int, end: int, number: int) -> None:
        """Claim the bytes from ``start`` up to ``end``, exclusive; ``number`` is ``PARSED`` or ``DATA``.

        Raises:
            LimitReachedError: the claims lie in too many separate ranges.
        """
        # Comparisons, because calls of ``min`` and ``max`` would take longer than all the rest.
        if start < 0:
            start = 0
        if end > _MAX_OFFSET:
            end = _MAX_OFFSET
        if start >= end:
            return
        last_end = self._end
        if start > last_end or (start == last_end and number != self._number):
            self._starts.append(start)
            self._ends.append(end)
            self._numbers.append(number)
            self._end, self._number = end, number
            if len(self._ends) > _MAX_RANGES_IN_ORDER:
                self._refuse_ranges()
        elif number == self._number and start >= self._starts[-1]:
            if end > last_end:
                self._ends[-1] = self._end = end
        else:
            self._others[number].add(start, end)

    def claim_in_turn(self, start: int, ends: array[int]) -> None:
        """Claim adjacent ranges, the first one from ``start``: the first as parsed, the next as data, and so on.

        Args:
            start: the start of the first range.
            ends: the end of each range, in ascending order.

        Raises:
            LimitReachedError: the claims lie in too many separate ranges.
        """
        if not ends:
            return
        if start < self._end:
            for range_start, range_end, number in zip(chain((start,), ends), ends, cycle((PARSED, DATA)), strict=False):
                self.claim(range_start, range_end, number)
            return
        self.claim(start, ends[0], PARSED)
        self._starts += ends[:-1]
        self._ends += ends[1:]
        self._numbers += bytes((DATA, PARSED)) * (len(ends) // 2)
        del self._numbers[len(self._ends) :]
        self._end, self._number = self._ends[-1], self._numbers[-1]
        if len(self._ends) > _MAX_RANGES_IN_ORDER:
            self._refuse_ranges()

    def _refuse_ranges(self) -> None:
        """Raise ``LimitReachedError``: there are too many ranges."""
        raise LimitReachedError(f"the claimed bytes lie in more than {MAX_RANGES} separate ranges")

    def partition(self, window: Window) -> Partition:
        """Return the classes of all bytes of ``window``.

        A byte that was both parsed and declared as data counts as parsed. Claims on bytes behind the end have no
        effect: formats state sizes that a truncated file does not have.

        Raises:
            LimitReachedError: the claims lie in too many separate ranges.
            WindowError: the window could not return the requested bytes.
        """
        partition = Partition()
        size = window.size
        has_all_in_order = all(each.is_empty for each in self._others)
        covers_all = bool(self._starts) and self._starts[0] == 0 and self._end == size
        if has_all_in_order and covers_all and self._starts[1:] == self._ends[:-1]:
            partition.ends, partition.numbers = self._ends[:], self._numbers[:]
            return partition
        if not has_all_in_order:
            self._resolve_overlaps()
        gaps = GapReader(window, self._starts)
        position = 0
        for start, end, number in zip(self._starts, self._ends, self._numbers, strict=True):
            if end > size:
                start, end = min(start, size), size
            if start > position:
                partition.append(start, gaps.classify(position, start))
            if start < end:
                partition.append(end, number)
                position = end
        if position < size:
            partition.append(size, gaps.classify(position, size))
        return partition

    def _resolve_overlaps(self) -> None:
        """Put all ranges in order, without those of data that overlap with parsed ones."""
        for start, end, number in zip(self._starts, self._ends, self._numbers, strict=True):
            self._others[number].add(start, end)
        parsed_ranges, data_ranges = self._others
        in_order = ByteLedger()
        parsed = iter(parsed_ranges)
        parsed_start, parsed_end = next(parsed, _NO_RANGE)
        position = 0
        for start, end in data_ranges:
            # A parsed range may have covered the first bytes.
            position = max(position, start)
            while parsed_start < end:
                in_order.claim(position, parsed_start, DATA)
                in_order.claim(parsed_start, parsed_end, PARSED)
                position = max(position, parsed_end)
                parsed_start, parsed_end = next(parsed, _NO_RANGE)
            in_order.claim(position, end, DATA)
        while parsed_start < parsed_end:
            in_order.claim(parsed_start, parsed_end, PARSED)
            parsed_start, parsed_end = next(parsed, _NO_RANGE)
        self._starts, self._ends, self._numbers = in_order._starts, in_order._ends, in_order._numbers
        self._end, self._number, self._others = in_order._end, in_order._number, in_order._others


def describe_unclaimed(ranges: Sequence[ByteRange], formats: Sequence[str]) -> Unread:
    """Return the absence of bytes without a claim.

    Args:
        ranges: the unclaimed ranges of one artifact, in order; at least one.
        formats: the names of the formats whose readers read the artifact.
    """
    total = sum(each.end - each.start for each in ranges)
    shown = ", ".join(f"{each.start}-{each.end - 1}" for each in ranges[:_RANGES_SHOWN])
    more = f" and {len(ranges) - _RANGES_SHOWN} more ranges" if len(ranges) > _RANGES_SHOWN else ""
    name = " or ".join(dict.fromkeys(formats))
    detail = f"{total} bytes belong to no part of the {name} format: bytes {shown}{more}"
    where = Location(offset=ranges[0].start)
    return Unread(UnreadReason.UNCLAIMED, detail, where, format=name, unclaimed_bytes=total)


class ArtifactLedger:
    """The classes of all bytes of one artifact.

    Attributes:
        address: the file, or the member of one.
        formats: the names of the formats whose readers read the artifact.
    """

    __slots__ = ("_partition", "address", "formats")

    def __init__(self, address: str, formats: Sequence[str], partition: Partition) -> None:
        self.address = address
        self.formats = tuple(dict.fromkeys(formats))
        self._partition = partition

    @property
    def size(self) -> int:
        """The number of bytes of the artifact."""
        return self._partition.size

    def __iter__(self) -> Iterator[ByteRange]:
        """Yield ranges that cover the artifact without overlap, in order."""
        return iter(self._partition)

    def list_unclaimed(self) -> list[ByteRange]:
        """Return the ranges that no reader claims, in order."""
        return self._partition.list_unclaimed()

    def declare_unclaimed(self) -> ArtifactLedger:
        """Return the ledger with declared data in place of unclaimed bytes, because another file declares them."""
        declared = (
            each._replace(class_=ByteClass.DATA) if each.class_ is ByteClass.UNCLAIMED else each for each in self
        )
        return ArtifactLedger(self.address, self.formats, Partition.from_ranges(declared))

    def sum_classes(self) -> dict[ByteClass, int]:
        """Return the number of bytes of each class."""
        return self._partition.sum_classes()


RecordLedger = Callable[[ArtifactLedger], None]
"""Called with the ledger of each file, and of each member of it, once the file was read.

It may raise a ``ModelAuditError``, which ends the scan.
"""


class ClaimableWindow:
    """A window that leads to the ledger of its artifact.

    A plain base class, because every claim tests for it: a test against a protocol or ``ABC`` is slow. It has no
    attributes, so that a class of many windows can have slots.
    """

    __slots__ = ()

    @property
    @abstractmethod
    def size(self) -> int:
        """The number of bytes."""

    @abstractmethod
    def claim(self, start: int, end: int, number: int) -> None:
        """Claim bytes of this window as ``PARSED`` or ``DATA``; offsets are those of this window."""

    @abstractmethod
    def claim_in_turn(self, start: int, ends: array[int]) -> None:
        """As ``ByteLedger.claim_in_turn``; offsets are those of this window."""


class LedgerWindow(ClaimableWindow):
    """The window that readers get: all bytes of an artifact, with the ledger of the claims on them."""

    def __init__(self, inner: Window, ledger: ByteLedger) -> None:
        self._inner = inner
        self._ledger = ledger
        self.budget = getattr(inner, "budget", None)

    @property
    def size(self) -> int:
        """The number of bytes."""
        return self._inner.size

    def read(self, offset: int, length: int) -> bytes:
        """As ``Window.read``."""
        return self._inner.read(offset, length)

    def claim(self, start: int, end: int, number: int) -> None:
        """As ``ByteLedger.claim``."""
        self._ledger.claim(start, end, number)

    def claim_in_turn(self, start: int, ends: array[int]) -> None:
        """As ``ByteLedger.claim_in_turn``."""
        self._ledger.claim_in_turn(start, ends)


def claim_parsed(window: Window, start: int = 0, end: int | None = None) -> None:
    """Record that a reader parsed the bytes of ``window`` from ``start`` to ``end``, its end if ``None``.

    Windows outside a scan have no ledger: there the call has no effect.

    Raises:
        LimitReachedError: the claims lie in too many separate ranges.
    """
    if isinstance(window, ClaimableWindow):
        window.claim(start, window.size if end is None else end, PARSED)


def claim_in_turn(window: Window, start: int, ends: array[int]) -> None:
    """Record adjacent ranges, the first one from ``start``: the first as parsed, the next as data, and so on.

    ``ends`` has the end of each range. A reader of very many small parts claims them so with one call.

    Raises:
        LimitReachedError: the claims lie in too many separate ranges.
    """
    if isinstance(window, ClaimableWindow):
        window.claim_in_turn(start, ends)


def claim_text(window: Window, start: int, text: bytes) -> None:
    """Record ``text``, a comment or a name at ``start`` that no loader acts on, as data if it is plain text.

    Plain text has no control characters other than tabs and the ends of lines. Anything else stays unclaimed, because a
    field for a comment may hold content of another format.

    Raises:
        LimitReachedError: the claims lie in too many separate ranges.
    """
    if is_plain_text(text):
        claim_data(window, start, start + len(text))


def claim_name(window: Window, start: int, name: bytes) -> None:
    """Record ``name``, which begins at ``start``, as ``claim_text`` does, except that a short one counts as parsed.

    Raises:
        LimitReachedError: the claims lie in too many separate ranges.
    """
    if len(name) > SHORT_NAME_BYTES:
        claim_text(window, start, name)
    elif is_plain_text(name):
        claim_parsed(window, start, start + len(name))


def is_plain_text(data: bytes) -> bool:
    """Whether ``data`` are UTF-8, or text in an 8-bit encoding, without control characters."""
    if _CONTROL_CHARACTERS.search(data):
        return False
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return not _EIGHT_BIT_CONTROLS.search(data)
    return True


def claim_data(window: Window, start: int = 0, end: int | None = None) -> None:
    """Record that the format declares the bytes of ``window`` from ``start`` to ``end`` as data.

    Data are bytes that every loader of the format reads as numbers, text or pixels, or hands on as a member. The window
    of a member has a ledger of its own.

    Raises:
        LimitReachedError: the claims lie in too many separate ranges.
    """
    if isinstance(window, ClaimableWindow):
        window.claim(start, window.size if end is None else end, DATA)
