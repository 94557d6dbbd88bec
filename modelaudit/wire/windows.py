"""Provide windows on a part of an artifact: a range of its bytes, or a decompressed range."""

from __future__ import annotations

import io
import tempfile
from array import array
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from types import TracebackType
from typing import Self

from modelaudit.model.artifact import Window
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.structure import UnreadReason
from modelaudit.wire.codecs import Codec
from modelaudit.wire.deadline import Deadline
from modelaudit.wire.decompression import BeginsNextStream, Expansion
from modelaudit.wire.ledger import ClaimableWindow

CHUNK = MIB
_IN_MEMORY = 8 * MIB  # decompressed content above this size is kept in a temporary file


class Budget:
    """The bytes that one top-level artifact may still expand to. All windows nested in it share one budget.

    The ratio that limits a member also limits the sum: members that share their stored bytes would otherwise add up.
    """

    def __init__(self, limits: Limits, stored_size: int) -> None:
        self.left = min(limits.expanded_bytes, max(limits.expansion_floor, limits.expansion_ratio * stored_size))

    def spend(self, count: int) -> None:
        """Take ``count`` bytes off the budget.

        Raises:
            WindowError: with reason ``limit-reached``, when the budget is spent.
        """
        if count > self.left:
            raise WindowError("the content of this file expands to more bytes than a scan reads", UnreadReason.LIMIT)
        self.left -= count


def get_budget(window: Window, limits: Limits) -> Budget:
    """Return the budget that ``window`` shares if it lies inside an archive; a new budget otherwise."""
    return getattr(window, "budget", None) or Budget(limits, window.size)


class TimedWindow(ClaimableWindow):
    """A window that refuses reads after a deadline.

    Readers get only such windows: expanding a compressed member takes time even without a read of the outer file.
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
            raise WindowError(self._deadline.detail, UnreadReason.LIMIT)
        return self._inner.read(offset, length)

    def claim(self, start: int, end: int, number: int) -> None:
        """Claim bytes in the ledger of the inner window, if it has one."""
        if isinstance(self._inner, ClaimableWindow):
            self._inner.claim(start, end, number)

    def claim_in_turn(self, start: int, ends: array[int]) -> None:
        """As ``ByteLedger.claim_in_turn``, in the ledger of the inner window."""
        if isinstance(self._inner, ClaimableWindow):
            self._inner.claim_in_turn(start, ends)


class SubWindow(ClaimableWindow):
    """A window on ``length`` bytes of ``parent`` from ``start``, or fewer if the parent ends before.

    The size of a compressed parent is exact only after it was decompressed to its end.
    """

    __slots__ = ("_length", "_parent", "_start", "budget")

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
        """Return bytes from ``offset``; fewer than ``length`` only at the end of the window.

        Raises:
            WindowError: from the parent window.
        """
        length = min(length, self.size - offset)
        return self._parent.read(self._start + offset, length) if length > 0 and offset >= 0 else b""

    def claim(self, start: int, end: int, number: int) -> None:
        """Claim bytes in the ledger of the parent window, if it has one; offsets are those of this window."""
        if isinstance(self._parent, ClaimableWindow):
            self._parent.claim(self._start + start, self._start + min(end, self.size), number)

    def claim_in_turn(self, start: int, ends: array[int]) -> None:
        """As ``ByteLedger.claim_in_turn``, in the ledger of the parent window."""
        if isinstance(self._parent, ClaimableWindow):
            size = self.size
            moved_ends = array("Q", [self._start + min(end, size) for end in ends])
            self._parent.claim_in_turn(self._start + start, moved_ends)


class UnclaimedWindow:
    """A window whose bytes a reader only tries to read, so that no claim on them reaches the ledger."""

    def __init__(self, inner: Window) -> None:
        self._inner = inner
        self.budget: Budget | None = getattr(inner, "budget", None)

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return self._inner.size

    def read(self, offset: int, length: int) -> bytes:
        """As ``Window.read``."""
        return self._inner.read(offset, length)


class DecompressedWindow:
    """A compressed range as its loader would see it, decompressed forward on demand and kept for random access.

    ``size`` is the stated size until the data contradict it. At damage, a read returns the bytes before it; a read that
    starts at the damage raises.

    Attributes:
        overflowed: whether a limit on expansion stopped it.
    """

    def __init__(
        self,
        stored: SubWindow,
        codec: Codec,
        stated_size: int,
        limits: Limits,
        begins_next: BeginsNextStream | None = None,
    ) -> None:
        self.budget = stored.budget
        self.overflowed = False
        self._expansion = Expansion(stored, codec, stated_size, begins_next)
        self._limits = limits
        self._stated = stated_size
        self._most_bytes = max(limits.expansion_floor, limits.expansion_ratio * stored.size)
        self._spool = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed by __exit__
        self._produced = 0
        self._at_end = False
        self._failure: WindowError | None = None

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
        """The progress of decompression."""
        return self._expansion

    def expand(self) -> WindowError | None:
        """Decompress to the end, after which ``size`` is exact; return the error that stopped it early, if any."""
        while not self._at_end and self._failure is None:
            self._expand_to(self._produced + 1)  # takes one more piece
        return self._failure

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes from ``offset``; fewer where the data end or break off.

        Raises:
            WindowError: ``length`` is over the limit, the compressed data are damaged at ``offset``, or a limit on
                expansion was reached there.
        """
        # Readers size their reads by stated lengths; this limit keeps a forged length from filling memory.
        if length > self._limits.read_bytes:
            raise WindowError(
                f"a read of {length} bytes is over the bound of {self._limits.read_bytes}", UnreadReason.LIMIT
            )
        if offset < 0 or length <= 0:
            return b""
        self._expand_to(offset + length)
        if self._failure is not None and offset >= self._produced:
            raise WindowError(str(self._failure), self._failure.reason)
        self._spool.seek(offset)
        return self._spool.read(length)

    def _expand_to(self, goal: int) -> None:
        """Decompress until ``goal`` bytes of content are kept, or to the end or an error, which is kept too."""
        try:
            while self._produced < goal and not self._at_end and self._failure is None:
                self._store_piece(self._expansion.next_piece())
        except WindowError as error:
            self._failure = error
        except OSError as error:
            self._failure = WindowError(f"the rest of the decompressed content cannot be stored: {error.strerror}")

    def _store_piece(self, piece: bytes) -> None:
        """Keep ``piece``, the next bytes of the content; an empty one marks its end.

        Raises:
            WindowError: a limit on expansion was reached.
        """
        if not piece:
            self._at_end = True
            return
        room = self._most_bytes - self._produced
        allowed_part = piece[:room]
        # The part that still fits is kept: a loader would see it, and the limit applies only to the bytes behind it.
        self.overflowed = len(piece) > min(room, self.budget.left)
        self.budget.spend(len(allowed_part))
        self._spool.seek(self._produced)
        self._spool.write(allowed_part)
        self._produced += len(allowed_part)
        if len(piece) > room:
            detail = f"expands to more than {self._most_bytes} bytes from {self._expansion.stored_size} stored"
            raise WindowError(detail, UnreadReason.LIMIT)


def make_opener(window: Window) -> Callable[[], AbstractContextManager[Window]]:
    """Return an ``open`` function that returns ``window`` and leaves it open; the window that contains it closes it."""
    return lambda: nullcontext(window)


def iterate_chunks(window: Window, start: int = 0, end: int | None = None, length: int = CHUNK) -> Iterator[bytes]:
    """Yield the bytes of ``window`` from ``start`` to ``end`` (its end if ``None``), ``length`` at a time.

    Raises:
        WindowError: the window could not return the requested bytes; the bytes before them were yielded.
    """
    position = start
    while end is None or position < end:
        piece = window.read(position, length if end is None else min(length, end - position))
        if not piece:
            return
        yield piece
        position += len(piece)


def read_all_bytes(window: Window, most_bytes: int) -> bytes:
    """Return all bytes of ``window``.

    Raises:
        WindowError: with reason ``limit-reached`` if there are more than ``most_bytes``, or the window could not
            return the requested bytes.
    """
    data = io.BytesIO()
    for piece in iterate_chunks(window):
        if data.tell() + len(piece) > most_bytes:
            raise WindowError(f"it is larger than {most_bytes} bytes, the limit for one read", UnreadReason.LIMIT)
        data.write(piece)
    return data.getvalue()  # without a copy


def read_available(window: Window, start: int, length: int) -> bytes:
    """Return up to ``length`` bytes from ``start``; no bytes if the read fails.

    For recognition only: the reader will report the failure.
    """
    with suppress(WindowError):
        return window.read(start, length)
    return b""
