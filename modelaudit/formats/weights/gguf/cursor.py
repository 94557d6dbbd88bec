"""Numbers and texts of GGUF one after the other, from a block of the window that is held in memory."""

from __future__ import annotations

import struct
from typing import Final

from modelaudit.formats.weights.gguf.types import VALUES, WIDTHS
from modelaudit.model.artifact import Window
from modelaudit.model.limits import KIB
from modelaudit.wire.base import DamagedError

_STEP: Final = 256 * KIB


class BeyondError(DamagedError):
    """Something is stated to be larger than what is left of the file. ``wanted`` is in bytes."""

    def __init__(self, what: str, wanted: int, offset: int) -> None:
        super().__init__(f"{what} is stated to take {wanted} bytes, more than the file has left", offset)
        self.wanted = wanted


class Cursor:
    """Reads forward; every length is held against the size of the window before anything is read.

    Attributes:
        offset: of what is read next, in bytes.
        wide: whether counts and lengths have 64 bits, as from version 2 on, or 32.
    """

    def __init__(self, window: Window, offset: int, order: str, wide: bool) -> None:
        self.window = window
        self.offset = offset
        self.wide = wide
        self._order = order
        self._held = b""
        self._base = offset
        self._u32 = struct.Struct(order + "I")
        self._u64 = struct.Struct(order + "Q")

    def need(self, count: int, what: str) -> None:
        """Raise ``BeyondError`` unless ``count`` bytes are left."""
        if count > self.window.size - self.offset:
            raise BeyondError(what, count, self.offset)

    def _at(self, count: int, what: str) -> int:
        """Where the next ``count`` bytes stand in what is held; there are few of them."""
        place = self.offset - self._base
        if place + count > len(self._held):
            self.need(count, what)
            self._held = self.window.read(self.offset, _STEP)
            self._base, place = self.offset, 0
            if len(self._held) < count:
                raise BeyondError(what, count, self.offset)
        self.offset += count
        return place

    def u32(self, what: str) -> int:
        """A number of 32 bits. Raises ``DamagedError``."""
        place = self._at(4, what)
        return int(self._u32.unpack_from(self._held, place)[0])

    def u64(self, what: str) -> int:
        """A number of 64 bits. Raises ``DamagedError``."""
        place = self._at(8, what)
        return int(self._u64.unpack_from(self._held, place)[0])

    def length(self, what: str) -> int:
        """A count or length, as wide as the version has it. Raises ``DamagedError``."""
        return self.u64(what) if self.wide else self.u32(what)

    def value(self, kind: int, what: str) -> int | float:
        """A value of a type that has a width of its own. Raises ``DamagedError``."""
        place = self._at(WIDTHS[kind], what)
        number: int | float = struct.unpack_from(self._order + VALUES[kind], self._held, place)[0]
        return number

    def text(self, what: str, most: int) -> tuple[bytes, int, int]:
        """A text: up to ``most`` bytes of it, where it begins, and its length; all of it is passed.

        Raises:
            DamagedError: it is longer than what is left.
            WindowError: from the window.
        """
        length = self.length(f"the length of {what}")
        start = self.offset
        self.need(length, what)
        kept = min(length, most)
        place = start - self._base
        held = place + kept <= len(self._held)
        data = self._held[place : place + kept] if held else self.window.read(start, kept)
        self.offset = start + length
        if self.offset > self._base + len(self._held):
            self._held, self._base = b"", self.offset
        return data, start, length

    def skip(self, count: int, what: str) -> None:
        """Pass ``count`` bytes. Raises ``DamagedError``."""
        self.need(count, what)
        self.offset += count
        if self.offset > self._base + len(self._held):
            self._held, self._base = b"", self.offset

    def skip_texts(self, count: int, what: str) -> None:
        """Pass ``count`` texts, of which vocabularies have hundreds of thousands. Raises ``DamagedError``."""
        width, unpack = (8, self._u64.unpack_from) if self.wide else (4, self._u32.unpack_from)
        while count:
            place = self.offset - self._base
            held = self._held
            last = len(held) - width
            while count and place <= last:
                end = place + width + int(unpack(held, place)[0])
                if end > len(held):
                    break
                place = end
                count -= 1
            self.offset = self._base + place
            if count:
                self.text(what, 0)
                count -= 1
                if not self._held:
                    self._refill()

    def _refill(self) -> None:
        self._base = self.offset
        self._held = self.window.read(self.offset, _STEP) if self.offset < self.window.size else b""
