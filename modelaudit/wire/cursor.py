"""Read a window forward through a block in memory.

Parsers of formats without an index read numbers, lengths and texts one after the other. ``Cursor`` checks every length
against the bytes that are left before it reads, so that a stated length never costs memory. The cursor of a format may
derive from it, with its own messages or integer widths.
"""

from __future__ import annotations

from typing import Final

from modelaudit.model.artifact import Window
from modelaudit.model.limits import KIB
from modelaudit.wire.base import DamagedError

BLOCK: Final = 256 * KIB
"""Default size of a block, in bytes."""


class BeyondError(DamagedError):
    """A stated size is larger than the rest of the window. ``wanted`` is that size in bytes."""

    def __init__(self, what: str, wanted: int, offset: int) -> None:
        super().__init__(f"{what} is stated to take {wanted} bytes, more than the file has left", offset)
        self.wanted = wanted


class BytesCursor:
    """A forward cursor over bytes in memory.

    Attributes:
        data: the bytes.
        at: index of the next byte.
        offset: position of the first byte in the artifact, for messages.
    """

    __slots__ = ("at", "data", "offset")

    def __init__(self, data: bytes, offset: int = 0) -> None:
        self.data = data
        self.offset = offset
        self.at = 0

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return len(self.data) - self.at

    def take(self, length: int) -> bytes:
        """Consume and return the next ``length`` bytes.

        Raises:
            DamagedError: fewer are left.
        """
        if not 0 <= length <= self.left:
            raise DamagedError(f"{length} bytes are stated where {self.left} are left", self.offset + self.at)
        self.at += length
        return self.data[self.at - length : self.at]

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

    __slots__ = ("_base", "_block", "_held", "end", "offset", "window")

    def __init__(self, window: Window, offset: int = 0, block: int = BLOCK, end: int | None = None) -> None:
        self.window = window
        self.offset = offset
        self.end = window.size if end is None else end
        self._block = block
        self._held = b""
        self._base = offset

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return self.end - self.offset

    def need(self, count: int, what: str) -> None:
        """Raise ``BeyondError`` unless ``count`` bytes are left."""
        if not 0 <= count <= self.end - self.offset:
            raise BeyondError(what, count, self.offset)

    def peek(self, count: int) -> bytes:
        """Return the next ``count`` bytes without consuming them; fewer at the end.

        Raises:
            WindowError: the window could not return the requested bytes.
        """
        place = self.offset - self._base
        if place < 0 or place + count > len(self._held):
            self._held = self.window.read(self.offset, max(count, self._block))
            self._base, place = self.offset, 0
        return self._held[place : place + count]

    def take(self, count: int, what: str) -> bytes:
        """Consume and return the next ``count`` bytes; ``what`` describes them in messages.

        Raises:
            BeyondError: fewer are left.
            WindowError: the window could not return the requested bytes.
        """
        self.need(count, what)
        data = self.peek(count)
        if len(data) < count:
            raise BeyondError(what, count, self.offset)
        self.offset += count
        return data

    def skip(self, count: int, what: str) -> None:
        """Skip ``count`` bytes without reading them. Raises ``BeyondError`` if fewer are left."""
        self.need(count, what)
        self.offset += count
        if self.offset > self._base + len(self._held):
            self._held, self._base = b"", self.offset

    def _locate(self, count: int, what: str) -> int:
        """Consume the next ``count`` bytes, fewer than a block, and return their index in the block in memory."""
        place = self.offset - self._base
        if place + count > len(self._held):
            self.need(count, what)
            self._held = self.window.read(self.offset, self._block)
            self._base, place = self.offset, 0
            if len(self._held) < count:
                raise BeyondError(what, count, self.offset)
        self.offset += count
        return place
