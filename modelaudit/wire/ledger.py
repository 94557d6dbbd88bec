"""Record which bytes of an artifact a reader parsed, and which bytes its format declares as data.

Every byte of an artifact belongs to exactly one class. A reader *claims* ranges: bytes that it parsed, and bytes that
the format declares as data, such as a tensor, a member or text. Bytes without a claim are *unclaimed*: a loader of
another format may find something there, so the pipeline reports them as an absence and searches them. Nothing but a
claim makes a byte claimed, so a reader that forgets a part of its format causes an absence and never a false pass.

A run of equal bytes carries no content: up to ``MAX_PADDING_BYTES`` of them between claimed ranges are padding, which
counts as data.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from heapq import merge
from itertools import chain
from typing import Final, NamedTuple

from modelaudit.model.artifact import Window
from modelaudit.model.limits import KIB
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.wire.base import LimitReachedError

MAX_PADDING_BYTES: Final = 64 * KIB
"""The longest run of equal bytes that counts as padding. Formats align to at most 64 KiB (pages of memory maps)."""

_MAX_OFFSET: Final = (1 << 63) - 1
"""No file is larger; hostile files state sizes that fit no 64 bits."""

_MAX_RANGES: Final = 1_000_000
"""Separate ranges of one class in one ledger: 16 bytes of memory each."""

_COMPACT_AFTER: Final = 65_536
"""Ranges out of order after which a set is sorted and merged again."""


SHORT_NAME_BYTES: Final = 16
"""Bytes of a name or text that counts as parsed with the fields around it, to bound the number of separate ranges.

Files have millions of them, and so few bytes hold no other content.
"""

MAX_RANGES_SEARCHED: Final = 1000
"""Unclaimed ranges of one artifact that are read as content of their own; the first ones."""

_RANGES_SHOWN: Final = 3

_CONTROL_CHARACTERS: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_EIGHT_BIT_CONTROLS: Final = re.compile(rb"[\x80-\x9f]")


class ByteClass(StrEnum):
    """The class of a byte: parsed by a reader, declared as data by its format, or claimed by neither."""

    PARSED = "parsed"
    DATA = "data"
    UNCLAIMED = "unclaimed"


_CLASSES: Final = tuple(ByteClass)


class ByteRange(NamedTuple):
    """The bytes from ``start`` up to ``end``, exclusive, and their class."""

    start: int
    end: int
    class_: ByteClass


class _RangeSet:
    """A set of byte offsets, stored as ranges. Claims that come in order of offset are merged as they come."""

    __slots__ = ("_compacted_count", "_ends", "_starts")

    def __init__(self) -> None:
        self._starts = array("Q")
        self._ends = array("Q")
        self._compacted_count = 0

    def add(self, start: int, end: int) -> None:
        """Add the offsets from ``start`` up to ``end``, exclusive.

        Raises:
            LimitReachedError: the set consists of more than ``_MAX_RANGES`` separate ranges.
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
        """Sort the ranges and merge those that overlap or touch; raises as ``add``."""
        merged = _RangeSet()
        for start, end in sorted(zip(self._starts, self._ends, strict=True)):
            merged._append_or_merge(start, end)
        self._starts, self._ends, self._compacted_count = merged._starts, merged._ends, len(merged._starts)
        if self._compacted_count > _MAX_RANGES:
            raise LimitReachedError(f"the claimed bytes lie in more than {_MAX_RANGES} separate ranges")

    def _append_or_merge(self, start: int, end: int) -> None:
        """Add a range that begins no earlier than the last one."""
        if self._starts and start <= self._ends[-1]:
            self._ends[-1] = max(self._ends[-1], end)
        else:
            self._starts.append(start)
            self._ends.append(end)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Yield the (start, end) of each separate range, in order."""
        self._compact()
        yield from zip(self._starts, self._ends, strict=True)


class ByteLedger:
    """The claims on the bytes of one artifact."""

    __slots__ = ("_claims",)

    def __init__(self) -> None:
        self._claims = {ByteClass.PARSED: _RangeSet(), ByteClass.DATA: _RangeSet()}

    def claim(self, start: int, end: int, class_: ByteClass) -> None:
        """Claim the bytes from ``start`` up to ``end``, exclusive.

        Raises:
            LimitReachedError: the claims lie in too many separate ranges.
        """
        start, end = max(0, start), min(end, _MAX_OFFSET)
        if start < end:
            self._claims[class_].add(start, end)

    def partition(self, window: Window) -> Iterator[ByteRange]:
        """Yield ranges that cover ``window`` without overlap, in order; neighbours differ in their class.

        A byte that was both parsed and declared as data counts as parsed. Claims on bytes behind the end have no
        effect: formats state sizes that a truncated file does not have.

        Raises:
            LimitReachedError: the claims lie in too many separate ranges.
            WindowError: the window could not return the requested bytes.
        """
        return _merge_neighbours(self._classify(window))

    def _classify(self, window: Window) -> Iterator[ByteRange]:
        """Yield ranges in order as ``partition`` does, except that neighbours may have the same class."""
        parsed = (ByteRange(start, end, ByteClass.PARSED) for start, end in self._claims[ByteClass.PARSED])
        only_data = _subtract(self._claims[ByteClass.DATA], self._claims[ByteClass.PARSED])
        data = (ByteRange(start, end, ByteClass.DATA) for start, end in only_data)
        position = 0
        size = window.size
        for each in merge(parsed, data):
            start, end = min(each.start, size), min(each.end, size)
            if start > position:
                yield _classify_gap(window, position, start)
            if start < end:
                yield ByteRange(start, end, each.class_)
            position = max(position, end)
        if position < size:
            yield _classify_gap(window, position, size)


def _merge_neighbours(ranges: Iterable[ByteRange]) -> Iterator[ByteRange]:
    """Yield the ranges, and one range for neighbours of the same class."""
    last: ByteRange | None = None
    for each in ranges:
        if last is not None and last.class_ is each.class_:
            last = ByteRange(last.start, each.end, last.class_)
            continue
        if last is not None:
            yield last
        last = each
    if last is not None:
        yield last


def _subtract(ranges: _RangeSet, removed: _RangeSet) -> Iterator[tuple[int, int]]:
    """Yield the (start, end) of those parts of ``ranges`` that lie outside ``removed``, in order."""
    cuts = iter(removed)
    cut = next(cuts, None)
    for start, end in ranges:
        position = start
        while cut is not None and cut[0] < end:
            if position < cut[0]:
                yield position, cut[0]
            position = max(position, cut[1])
            if cut[1] > end:
                # The cut reaches into the next range, so it is still needed there.
                break
            cut = next(cuts, None)
        if position < end:
            yield position, end


def _classify_gap(window: Window, start: int, end: int) -> ByteRange:
    """Classify bytes without a claim: a short run of equal bytes is padding and counts as data."""
    if end - start <= MAX_PADDING_BYTES:
        gap = window.read(start, end - start)
        if gap.count(gap[:1]) == end - start:
            return ByteRange(start, end, ByteClass.DATA)
    return ByteRange(start, end, ByteClass.UNCLAIMED)


def describe_unclaimed(ranges: Sequence[ByteRange], formats: Sequence[str]) -> Unread:
    """Return the absence of bytes without a claim.

    Args:
        ranges: the unclaimed ranges of one artifact, in order; at least one.
        formats: the names of the formats whose readers read the artifact.
    """
    total = sum(each.end - each.start for each in ranges)
    shown = ", ".join(f"{each.start}-{each.end}" for each in ranges[:_RANGES_SHOWN])
    more = f" and {len(ranges) - _RANGES_SHOWN} more ranges" if len(ranges) > _RANGES_SHOWN else ""
    name = " or ".join(dict.fromkeys(formats))
    detail = f"{total} bytes belong to no part of the {name} format: bytes {shown}{more}"
    where = Location(offset=ranges[0].start)
    return Unread(UnreadReason.UNCLAIMED, detail, where, format=name, unclaimed_bytes=total)


class ArtifactLedger:
    """The classes of all bytes of one artifact, stored as the end of each range: nine bytes of memory a range.

    Attributes:
        address: the file, or the member of one.
        formats: the names of the formats whose readers read the artifact.
    """

    __slots__ = ("_classes", "_ends", "address", "formats")

    def __init__(self, address: str, formats: Sequence[str], ranges: Iterable[ByteRange]) -> None:
        self.address = address
        self.formats = tuple(dict.fromkeys(formats))
        self._ends = array("Q")
        self._classes = bytearray()
        for each in ranges:
            self._ends.append(each.end)
            self._classes.append(_CLASSES.index(each.class_))

    @property
    def size(self) -> int:
        """The number of bytes of the artifact."""
        return self._ends[-1] if self._ends else 0

    def __iter__(self) -> Iterator[ByteRange]:
        """Yield ranges that cover the artifact without overlap, in order."""
        for start, end, number in zip(chain((0,), self._ends), self._ends, self._classes, strict=False):
            yield ByteRange(start, end, _CLASSES[number])

    def declare_unclaimed(self) -> ArtifactLedger:
        """Return the ledger with declared data in place of unclaimed bytes, because another file declares them."""
        declared = (
            each._replace(class_=ByteClass.DATA) if each.class_ is ByteClass.UNCLAIMED else each for each in self
        )
        return ArtifactLedger(self.address, self.formats, _merge_neighbours(declared))

    def sum_classes(self) -> dict[ByteClass, int]:
        """Return the number of bytes of each class."""
        totals = dict.fromkeys(ByteClass, 0)
        for each in self:
            totals[each.class_] += each.end - each.start
        return totals


RecordLedger = Callable[[ArtifactLedger], None]
"""Called with the ledger of each file, and of each member of it, once the file was read.

It may raise a ``ModelAuditError``, which ends the scan.
"""


class ClaimableWindow(ABC):
    """A window that leads to the ledger of its artifact.

    A base class and no protocol, because every claim tests for it, and a test against a protocol is slow.
    """

    @property
    @abstractmethod
    def size(self) -> int:
        """The number of bytes."""

    @abstractmethod
    def read(self, offset: int, length: int) -> bytes:
        """As ``Window.read``."""

    @abstractmethod
    def claim(self, start: int, end: int, class_: ByteClass) -> None:
        """Claim bytes of this window; offsets are those of this window."""


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

    def claim(self, start: int, end: int, class_: ByteClass) -> None:
        """As ``ByteLedger.claim``."""
        self._ledger.claim(start, end, class_)


def claim_parsed(window: Window, start: int = 0, end: int | None = None) -> None:
    """Record that a reader parsed the bytes of ``window`` from ``start`` to ``end``, its end if ``None``.

    Windows outside a scan have no ledger: there the call has no effect.

    Raises:
        LimitReachedError: the claims lie in too many separate ranges.
    """
    if isinstance(window, ClaimableWindow):
        window.claim(start, window.size if end is None else end, ByteClass.PARSED)


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
    """Record ``name``, which stands at ``start``, as ``claim_text`` does, except that a short one counts as parsed.

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
        window.claim(start, window.size if end is None else end, ByteClass.DATA)
