"""Provide windows on a part of an artifact: a range of its bytes, or a decompressed range."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from types import TracebackType
from typing import Self

from modelaudit.model.artifact import Window
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.structure import UnreadReason
from modelaudit.wire.codecs import Codec
from modelaudit.wire.deadline import TIME_SPENT, Deadline
from modelaudit.wire.decompression import Expansion, Follows

CHUNK = MIB
_IN_MEMORY = 8 * MIB


class Budget:
    """How many bytes one top-level artifact may still expand to; the windows nested in it share one.

    The ratio that bounds a member bounds their sum too: members that share their stored bytes add up otherwise.
    """

    def __init__(self, limits: Limits, stored_size: int) -> None:
        self.left = min(limits.expanded_bytes, max(limits.expansion_floor, limits.expansion_ratio * stored_size))

    def spend(self, count: int) -> None:
        """Take ``count`` bytes off the budget.

        Raises:
            WindowError: with reason ``limit-reached``, when the budget is spent.
        """
        if count > self.left:
            raise WindowError("what this file holds expands to more bytes in all than a scan takes", UnreadReason.LIMIT)
        self.left -= count


def get_budget(window: Window, limits: Limits) -> Budget:
    """Return the budget of ``window`` if it lies inside an archive; a new one otherwise."""
    return getattr(window, "budget", None) or Budget(limits, window.size)


class TimedWindow:
    """The same window until a deadline; after it, reads are refused.

    Every window that a reader is given is one: what a compressed member expands to costs time, too, without a read of
    the file around it.
    """

    def __init__(self, inner: Window, deadline: Deadline) -> None:
        self._inner = inner
        self._deadline = deadline
        self.budget: Budget | None = getattr(inner, "budget", None)

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return self._inner.size

    def read(self, offset: int, length: int) -> bytes:
        """As ``Window.read``; raises ``WindowError`` with reason ``limit-reached`` once the deadline has passed."""
        if self._deadline.has_passed():
            raise WindowError(TIME_SPENT, UnreadReason.LIMIT)
        return self._inner.read(offset, length)


class SubWindow:
    """``length`` bytes of ``parent`` from ``start``, cut where the parent ends, as far as that is known."""

    def __init__(self, parent: Window, start: int, length: int, budget: Budget) -> None:
        self._parent = parent
        self._start = start
        self._length = max(0, length)
        self.budget = budget

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return max(0, min(self._length, self._parent.size - self._start))

    def read(self, offset: int, length: int) -> bytes:
        """Bytes from ``offset``; fewer than ``length`` only where the stretch ends.

        Raises:
            WindowError: from the parent window.
        """
        length = min(length, self.size - offset)
        return self._parent.read(self._start + offset, length) if length > 0 and offset >= 0 else b""


class DecompressedWindow:
    """A compressed stretch as its loader would see it, decompressed forward on demand and kept for random access.

    ``size`` is what the container states until the data prove it wrong. Where the data break off, a read returns
    the bytes that stand before the break; the next one, which starts at the break, raises.

    Attributes:
        overflowed: whether a bound on expansion stopped it.
    """

    def __init__(
        self, stored: SubWindow, codec: Codec, stated_size: int, limits: Limits, follows: Follows | None = None
    ) -> None:
        self.budget = stored.budget
        self.overflowed = False
        self._expansion = Expansion(stored, codec, stated_size, follows)
        self._limits = limits
        self._stated = stated_size
        self._allowed = max(limits.expansion_floor, limits.expansion_ratio * stored.size)
        self._spool = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed by __exit__
        self._produced = 0
        self._at_end = False
        self._broken: WindowError | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._spool.close()

    @property
    def size(self) -> int:
        """How many bytes there are, as far as is known."""
        return self._produced if self._at_end else max(self._stated, self._produced)

    @property
    def expansion(self) -> Expansion:
        """How far the compressed data were followed."""
        return self._expansion

    def expand(self) -> WindowError | None:
        """Decompress all there is, after which ``size`` is what can be read; why that is not all, if it is not."""
        while not self._at_end and self._broken is None:
            self._expand_to(self._produced + 1)
        return self._broken

    def read(self, offset: int, length: int) -> bytes:
        """Bytes from ``offset``; fewer where the data end or break off.

        Raises:
            WindowError: ``length`` is over the bound, the compressed data are damaged at ``offset``, or a bound on
                expansion was reached there.
        """
        if length > self._limits.read_bytes:
            raise WindowError(f"a read of {length} bytes is over the bound of {self._limits.read_bytes}")
        if offset < 0 or length <= 0:
            return b""
        self._expand_to(offset + length)
        if self._broken is not None and offset >= self._produced:
            raise WindowError(str(self._broken), self._broken.reason)
        self._spool.seek(offset)
        return self._spool.read(length)

    def _expand_to(self, goal: int) -> None:
        try:
            while self._produced < goal and not self._at_end and self._broken is None:
                self._store_piece(self._expansion.next_piece())
        except WindowError as error:
            self._broken = error
        except OSError as error:
            self._broken = WindowError(f"no room to decompress into: {error.strerror}")

    def _store_piece(self, piece: bytes) -> None:
        if not piece:
            self._at_end = True
            return
        room = self._allowed - self._produced
        kept = piece[:room]
        self.overflowed = len(piece) > min(room, self.budget.left)
        self.budget.spend(len(kept))
        self._spool.seek(self._produced)
        self._spool.write(kept)
        self._produced += len(kept)
        if len(piece) > room:
            detail = f"expands to more than {self._allowed} bytes from {self._expansion.stored_size} stored"
            raise WindowError(detail, UnreadReason.LIMIT)


def make_opener(window: Window) -> Callable[[], AbstractContextManager[Window]]:
    """Return an open function of an artifact for a window that is open as long as the one around it."""
    return lambda: nullcontext(window)


def iterate_chunks(window: Window, start: int = 0, end: int | None = None, length: int = CHUNK) -> Iterator[bytes]:
    """Yield the bytes of ``window`` from ``start`` to ``end`` (its end if ``None``), ``length`` at a time.

    Raises:
        WindowError: from the window, after the bytes before the failure were yielded.
    """
    position = start
    while end is None or position < end:
        piece = window.read(position, length if end is None else min(length, end - position))
        if not piece:
            return
        yield piece
        position += len(piece)


def read_all_bytes(window: Window, most: int) -> bytes:
    """Return all bytes of ``window``.

    Raises:
        WindowError: with reason ``limit-reached`` when there are more than ``most``, or from the window.
    """
    data = bytearray()
    for piece in iterate_chunks(window):
        if len(data) + len(piece) > most:
            raise WindowError(f"larger than the {most} bytes that are read at once", UnreadReason.LIMIT)
        data += piece
    return bytes(data)


def read_available(window: Window, start: int, length: int) -> bytes:
    """Return up to ``length`` bytes from ``start``; none if the read fails. For recognition only."""
    with suppress(WindowError):
        return window.read(start, length)
    return b""
