"""The items of MessagePack one after the other, without their bytes: what each is, and where its payload stands.

Source: https://github.com/msgpack/msgpack/blob/master/spec.md
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from modelaudit.model.artifact import Window
from modelaudit.model.limits import KIB
from modelaudit.wire.base import DamagedError

_STEP: Final = 64 * KIB


class Kind(Enum):
    """What an item is."""

    SCALAR = auto()
    TEXT = auto()
    BYTES = auto()
    EXTENSION = auto()
    ARRAY = auto()
    MAP = auto()


@dataclass(frozen=True, slots=True)
class Item:
    """One item. ``size`` counts bytes of payload, or what an array or map holds; ``code`` is that of an extension."""

    kind: Kind
    offset: int
    start: int
    size: int
    code: int = 0


# For each first byte from 0xC4 on: what it is, how wide its length is, and a length that needs no bytes.
_SIZED: Final = {
    0xC4: (Kind.BYTES, 1), 0xC5: (Kind.BYTES, 2), 0xC6: (Kind.BYTES, 4),
    0xC7: (Kind.EXTENSION, 1), 0xC8: (Kind.EXTENSION, 2), 0xC9: (Kind.EXTENSION, 4),
    0xD9: (Kind.TEXT, 1), 0xDA: (Kind.TEXT, 2), 0xDB: (Kind.TEXT, 4),
    0xDC: (Kind.ARRAY, 2), 0xDD: (Kind.ARRAY, 4), 0xDE: (Kind.MAP, 2), 0xDF: (Kind.MAP, 4),
}  # fmt: skip
_NUMBERS: Final = {
    0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8,
}  # fmt: skip
_FIXED: Final = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}
_SHORT: Final = ((0x80, 0x90, Kind.MAP), (0x90, 0xA0, Kind.ARRAY), (0xA0, 0xC0, Kind.TEXT))


class Items:
    """Reads forward from ``offset``; payloads are passed over."""

    def __init__(self, window: Window, offset: int = 0) -> None:
        self.window = window
        self.offset = offset
        self._held = b""
        self._base = 0

    def next(self) -> Item:
        """The next item. What an array or map holds follows as items of their own.

        Raises:
            DamagedError: there is none, or its payload ends beyond the file.
            WindowError: from the window.
        """
        offset = self.offset
        first = self._number(1)
        code = 0
        if first < 0x80 or first >= 0xE0 or first in (0xC0, 0xC2, 0xC3):
            return Item(Kind.SCALAR, offset, offset, 0)
        if first < 0xC0:
            low, kind = next((low, kind) for low, high, kind in _SHORT if low <= first < high)
            size = first - low
        elif first in _NUMBERS:
            kind, size = Kind.SCALAR, _NUMBERS[first]
        elif first in _FIXED:
            kind, size, code = Kind.EXTENSION, _FIXED[first], self._number(1)
        elif first in _SIZED:
            kind, width = _SIZED[first]
            size = self._number(width)
            code = self._number(1) if kind is Kind.EXTENSION else 0
        else:
            raise DamagedError("a byte that MessagePack never uses", offset)
        start = self.offset
        # Each item of an array or map takes a byte at least.
        if size > self.window.size - start:
            raise DamagedError(
                f"{size} bytes or items are stated, the file has {self.window.size - start} left", offset
            )
        if kind not in (Kind.ARRAY, Kind.MAP):
            self.offset = start + size
        return Item(kind, offset, start, size, code - 256 if code > 127 else code)

    def payload(self, item: Item, most: int) -> bytes:
        """The first ``most`` bytes of the payload of an item. Raises ``WindowError``."""
        count = min(item.size, most)
        place = item.start - self._base
        if 0 <= place <= len(self._held) - count:
            return self._held[place : place + count]
        return self.window.read(item.start, count)

    def _number(self, width: int) -> int:
        place = self.offset - self._base
        if not 0 <= place <= len(self._held) - width:
            self._held = self.window.read(self.offset, _STEP)
            self._base, place = self.offset, 0
            if len(self._held) < width:
                raise DamagedError("it breaks off", self.offset)
        self.offset += width
        return int.from_bytes(self._held[place : place + width], "big")
