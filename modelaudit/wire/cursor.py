"""Read a window forward through a block in memory.

Parsers of formats without an index read numbers, lengths and texts one after the other. ``Cursor`` checks every length
against the bytes that are left before it reads, so that a stated length never costs memory. The cursor of a format may
derive from it, with its own messages or integer widths.
"""

from __future__ import annotations

from array import array
from typing import Final

from modelaudit.model.artifact import Window
from modelaudit.model.limits import KIB
from modelaudit.wire.base import DamagedError, LimitReachedError
from modelaudit.wire.ledger import SHORT_NAME_BYTES, claim_data, claim_parsed, is_plain_text

BLOCK: Final = 256 * KIB
"""Default size of a block, in bytes."""


_MAX_MARKS: Final = 1_000_000
"""Ranges that wait for their claim: 24 bytes of memory each."""
_NUMBERS_PER_MARK: Final = 3


class SizeBeyondEndError(DamagedError):
    """A stated size is negative or larger than the rest of the window. ``stated_size`` is that size in bytes."""

    def __init__(self, what: str, stated_size: int, offset: int) -> None:
        problem = "more than the file has left" if stated_size >= 0 else "a negative size"
        super().__init__(f"{what} is stated to take {stated_size} bytes, {problem}", offset)
        self.stated_size = stated_size


class BytesCursor:
    """A forward cursor over bytes in memory.

    Attributes:
        data: the bytes.
        position: index of the next byte.
        offset: position of the first byte in the artifact, for messages.
    """

    __slots__ = ("data", "offset", "position")

    def __init__(self, data: bytes, offset: int = 0) -> None:
        self.data = data
        self.offset = offset
        self.position = 0

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return len(self.data) - self.position

    def take(self, length: int) -> bytes:
        """Consume and return the next ``length`` bytes.

        Raises:
            DamagedError: fewer are left.
        """
        if not 0 <= length <= self.left:
            raise DamagedError(
                f"a length of {length} bytes is stated where {self.left} are left", self.offset + self.position
            )
        self.position += length
        return self.data[self.position - length : self.position]

    def skip(self, length: int) -> None:
        """Skip ``length`` bytes. Raises ``DamagedError`` if fewer are left."""
        self.take(length)


class Cursor:
    """A forward cursor over a window, or over a part of it, that reads one block at a time.

    Attributes:
        window: the bytes.
        offset: position of the next byte in the window.
        end: position in the window where the cursor stops.
    """

    __slots__ = ("_block_size", "_buffer", "_buffer_start", "_claimed", "_not_parsed", "end", "offset", "window")

    def __init__(self, window: Window, offset: int = 0, block_size: int = BLOCK, end: int | None = None) -> None:
        self.window = window
        self.offset = offset
        self.end = window.size if end is None else end
        self._block_size = block_size
        self._buffer = b""
        self._buffer_start = offset
        self._claimed = offset
        # The start and the end of each range since the last claim that ``claim_consumed`` shall not claim as parsed,
        # and whether it shall claim it as data.
        self._not_parsed = array("Q")

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return self.end - self.offset

    def require_bytes(self, count: int, what: str) -> None:
        """Raise ``SizeBeyondEndError`` unless ``count`` bytes are left; the message calls them ``what``."""
        if not 0 <= count <= self.end - self.offset:
            raise SizeBeyondEndError(what, count, self.offset)

    def peek(self, count: int) -> bytes:
        """Return the next ``count`` bytes without consuming them; fewer where the cursor ends.

        Raises:
            WindowError: the window could not return the requested bytes.
        """
        count = min(count, self.end - self.offset)
        index = self.offset - self._buffer_start
        if index < 0 or index + count > len(self._buffer):
            self._buffer = self.window.read(self.offset, max(count, self._block_size))
            self._buffer_start, index = self.offset, 0
        return self._buffer[index : index + count]

    def take(self, count: int, what: str) -> bytes:
        """Consume and return the next ``count`` bytes; ``what`` describes them in messages.

        Raises:
            SizeBeyondEndError: fewer are left.
            WindowError: the window could not return the requested bytes.
        """
        self.require_bytes(count, what)
        data = self.peek(count)
        if len(data) < count:  # the window returned less than its size promises
            raise SizeBeyondEndError(what, count, self.offset)
        self.offset += count
        return data

    def skip(self, count: int, what: str) -> None:
        """Skip ``count`` bytes without reading them. Raises ``SizeBeyondEndError`` if fewer are left."""
        self.require_bytes(count, what)
        self.offset += count
        if self.offset > self._buffer_start + len(self._buffer):
            self._buffer, self._buffer_start = b"", self.offset

    def skip_data(self, count: int, what: str) -> None:
        """Skip ``count`` bytes that the format declares as data. Raises ``SizeBeyondEndError`` if fewer are left."""
        self.skip(count, what)
        self.mark_data(count)

    def mark_data(self, count: int) -> None:
        """Record that the last ``count`` bytes are data. A few bytes count as parsed, see ``SHORT_NAME_BYTES``."""
        if count > SHORT_NAME_BYTES:
            self._mark(self.offset - count, self.offset, is_data=True)

    def mark_name(self, name: bytes) -> None:
        """Record that the last bytes were ``name``: data if it is plain text; otherwise they stay unclaimed."""
        if not is_plain_text(name):
            self._mark(self.offset - len(name), self.offset, is_data=False)
        else:
            self.mark_data(len(name))

    def claim_consumed(self) -> None:
        """Claim the bytes since the last claim: as data those that were marked, and as parsed all others.

        The cursor must have moved forward only, and every byte that it passed must have been parsed or marked.

        Raises:
            LimitReachedError: the claims lie in too many separate ranges.
        """
        marks = iter(self._not_parsed)
        for start, end, is_data in zip(marks, marks, marks, strict=True):
            claim_parsed(self.window, self._claimed, start)
            if is_data:
                claim_data(self.window, start, end)
            self._claimed = end
        self._not_parsed = array("Q")
        claim_parsed(self.window, self._claimed, self.offset)
        self._claimed = self.offset

    def leave_unclaimed(self, count: int, what: str) -> None:
        """Skip ``count`` bytes that belong to nothing, such as padding. Raises ``SizeBeyondEndError``."""
        self.skip(count, what)
        self._mark(self.offset - count, self.offset, is_data=False)

    def _mark(self, start: int, end: int, *, is_data: bool) -> None:
        """Mark a range that was passed as data, or as bytes that stay unclaimed. Raises ``LimitReachedError``."""
        if len(self._not_parsed) >= _NUMBERS_PER_MARK * _MAX_MARKS:
            raise LimitReachedError(f"it has more than {_MAX_MARKS} separate texts and arrays", start)
        self._not_parsed.extend((start, end, is_data))

    def _consume_in_buffer(self, count: int, what: str) -> int:
        """Consume the next ``count`` bytes, at most a block, and return their index in ``_buffer``.

        A subclass unpacks numbers there in place, which is faster than ``take``, which copies them.
        """
        index = self.offset - self._buffer_start
        if index + count > len(self._buffer):
            self.require_bytes(count, what)
            self._buffer = self.window.read(self.offset, self._block_size)
            self._buffer_start, index = self.offset, 0
            if len(self._buffer) < count:
                raise SizeBeyondEndError(what, count, self.offset)
        self.offset += count
        return index
