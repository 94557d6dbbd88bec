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

_BLOCK_BYTES: Final = 64 * KIB


class ItemKind(Enum):
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

    kind: ItemKind
    offset: int
    start: int
    size: int
    code: int = 0


# For each first byte from 0xC4 on: what it is, how wide its length is, and a length that needs no bytes.
_LENGTH_PREFIXED: Final = {
    0xC4: (ItemKind.BYTES, 1), 0xC5: (ItemKind.BYTES, 2), 0xC6: (ItemKind.BYTES, 4),
    0xC7: (ItemKind.EXTENSION, 1), 0xC8: (ItemKind.EXTENSION, 2), 0xC9: (ItemKind.EXTENSION, 4),
    0xD9: (ItemKind.TEXT, 1), 0xDA: (ItemKind.TEXT, 2), 0xDB: (ItemKind.TEXT, 4),
    0xDC: (ItemKind.ARRAY, 2), 0xDD: (ItemKind.ARRAY, 4), 0xDE: (ItemKind.MAP, 2), 0xDF: (ItemKind.MAP, 4),
}  # fmt: skip
_NUMBER_BYTES: Final = {
    0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8,
}  # fmt: skip
_FIXED_EXTENSION_BYTES: Final = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}
_SHORT_FORMS: Final = ((0x80, 0x90, ItemKind.MAP), (0x90, 0xA0, ItemKind.ARRAY), (0xA0, 0xC0, ItemKind.TEXT))


class ItemReader:
    """Reads forward from ``offset``; payloads are passed over."""

    def __init__(self, window: Window, offset: int = 0) -> None:
        self.window = window
        self.offset = offset
        self._held = b""
        self._base = 0

    def read_item(self) -> Item:
        """The next item. What an array or map holds follows as items of their own.

        Raises:
            DamagedError: there is none, or its payload ends beyond the file.
            WindowError: from the window.
        """
        offset = self.offset
        first = self._read_number(1)
        code = 0
        if first < 0x80 or first >= 0xE0 or first in (0xC0, 0xC2, 0xC3):
            return Item(ItemKind.SCALAR, offset, offset, 0)
        if first < 0xC0:
            low, kind = next((low, kind) for low, high, kind in _SHORT_FORMS if low <= first < high)
            size = first - low
        elif first in _NUMBER_BYTES:
            kind, size = ItemKind.SCALAR, _NUMBER_BYTES[first]
        elif first in _FIXED_EXTENSION_BYTES:
            kind, size, code = ItemKind.EXTENSION, _FIXED_EXTENSION_BYTES[first], self._read_number(1)
        elif first in _LENGTH_PREFIXED:
            kind, width = _LENGTH_PREFIXED[first]
            size = self._read_number(width)
            code = self._read_number(1) if kind is ItemKind.EXTENSION else 0
        else:
            raise DamagedError("a byte that MessagePack never uses", offset)
        start = self.offset
        # Each item of an array or map takes a byte at least.
        if size > self.window.size - start:
            raise DamagedError(
                f"{size} bytes or items are stated, the file has {self.window.size - start} left", offset
            )
        if kind not in (ItemKind.ARRAY, ItemKind.MAP):
            self.offset = start + size
        return Item(kind, offset, start, size, code - 256 if code > 127 else code)

    def read_payload(self, item: Item, most: int) -> bytes:
        """The first ``most`` bytes of the payload of an item. Raises ``WindowError``."""
        count = min(item.size, most)
        place = item.start - self._base
        if 0 <= place <= len(self._held) - count:
            return self._held[place : place + count]
        return self.window.read(item.start, count)

    def _read_number(self, width: int) -> int:
        place = self.offset - self._base
        if not 0 <= place <= len(self._held) - width:
            self._held = self.window.read(self.offset, _BLOCK_BYTES)
            self._base, place = self.offset, 0
            if len(self._held) < width:
                raise DamagedError("it breaks off", self.offset)
        self.offset += width
        return int.from_bytes(self._held[place : place + width], "big")
