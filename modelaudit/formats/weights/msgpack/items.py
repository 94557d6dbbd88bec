"""Read the items of MessagePack in file order: the kind and size of each, and the offset of its payload.

Source: https://github.com/msgpack/msgpack/blob/master/spec.md
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from msgspec import Struct

from modelaudit.model.artifact import Window
from modelaudit.model.limits import KIB
from modelaudit.wire.base import DamagedError

_BLOCK_BYTES: Final = 64 * KIB


class ItemKind(Enum):
    """The kinds of items."""

    SCALAR = auto()
    TEXT = auto()
    BYTES = auto()
    EXTENSION = auto()
    ARRAY = auto()
    MAP = auto()


class Item(Struct, frozen=True):
    """One item.

    Attributes:
        offset: of its first byte in the window.
        start: offset of its payload, or of the first item that it contains.
        size: of the payload in bytes; for an array or a map, the number of its values or pairs.
        code: the type number of an extension, signed.
    """

    kind: ItemKind
    offset: int
    start: int
    size: int
    code: int = 0


# First bytes that a length follows: the kind of the item, and the width of the length in bytes.
_LENGTH_PREFIXED: Final = {
    0xC4: (ItemKind.BYTES, 1), 0xC5: (ItemKind.BYTES, 2), 0xC6: (ItemKind.BYTES, 4),
    0xC7: (ItemKind.EXTENSION, 1), 0xC8: (ItemKind.EXTENSION, 2), 0xC9: (ItemKind.EXTENSION, 4),
    0xD9: (ItemKind.TEXT, 1), 0xDA: (ItemKind.TEXT, 2), 0xDB: (ItemKind.TEXT, 4),
    0xDC: (ItemKind.ARRAY, 2), 0xDD: (ItemKind.ARRAY, 4), 0xDE: (ItemKind.MAP, 2), 0xDF: (ItemKind.MAP, 4),
}  # fmt: skip
# First bytes that a number follows, and the width of the number in bytes.
_NUMBER_BYTES: Final = {
    0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8,
}  # fmt: skip
_TRUTH_VALUES: Final = {0xC2: False, 0xC3: True}
_FIXED_EXTENSION_BYTES: Final = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}
# First bytes that hold the length as well, with the kind of the item and the length.
_SHORT_FORMS: Final = {
    first: (kind, first - start)
    for start, end, kind in (
        (0x80, 0x90, ItemKind.MAP),
        (0x90, 0xA0, ItemKind.ARRAY),
        (0xA0, 0xC0, ItemKind.TEXT),
    )
    for first in range(start, end)
}


class ItemReader:
    """A forward reader of items, which skips their payloads."""

    def __init__(self, window: Window, offset: int = 0) -> None:
        self.window = window
        self.offset = offset
        # The part of the window that is in memory, and its offset.
        self._block = b""
        self._block_offset = 0

    def read_item(self) -> Item:
        """Read the next item. The values of an array or map follow as items of their own.

        Raises:
            DamagedError: the file ends, or the payload ends beyond the file.
            WindowError: the window could not return the requested bytes.
        """
        offset = self.offset
        index = offset - self._block_offset
        if 0 <= index < len(self._block):
            first, self.offset = self._block[index], offset + 1
        else:
            first = self._read_number(1)
        code = 0
        # The first byte is the whole item: a small positive or negative number, nil, false or true.
        if first < 0x80 or first >= 0xE0 or first in (0xC0, 0xC2, 0xC3):
            return Item(ItemKind.SCALAR, offset, offset, 0)
        if first < 0xC0:
            kind, size = _SHORT_FORMS[first]
        elif first in _NUMBER_BYTES:
            kind, size = ItemKind.SCALAR, _NUMBER_BYTES[first]
        elif first in _FIXED_EXTENSION_BYTES:
            kind, size, code = ItemKind.EXTENSION, _FIXED_EXTENSION_BYTES[first], self._read_number(1)
        elif first in _LENGTH_PREFIXED:
            kind, width = _LENGTH_PREFIXED[first]
            size = self._read_number(width)
            code = self._read_number(1) if kind is ItemKind.EXTENSION else 0
        else:
            raise DamagedError("MessagePack never uses the byte 0xC1", offset)
        start = self.offset
        # Each value of an array or map takes at least one byte, so this bound holds for counts as well.
        if size > self.window.size - start:
            raise DamagedError(
                f"an item states {size} bytes or values, the file has {self.window.size - start} bytes left", offset
            )
        if kind not in (ItemKind.ARRAY, ItemKind.MAP):
            self.offset = start + size
        signed_code = code - 256 if code > 127 else code
        return Item(kind, offset, start, size, signed_code)

    def read_payload(self, item: Item, max_bytes: int) -> bytes:
        """Return the first ``max_bytes`` bytes of the payload of an item.

        Raises:
            WindowError: the window could not return the requested bytes.
        """
        count = min(item.size, max_bytes)
        index = item.start - self._block_offset
        if 0 <= index <= len(self._block) - count:
            return self._block[index : index + count]
        return self.window.read(item.start, count)

    def read_truth_value(self, item: Item) -> bool | None:
        """Return the truth value that an item is; ``None`` for any other item.

        Raises:
            WindowError: the window could not return the requested bytes.
        """
        if item.kind is not ItemKind.SCALAR or item.size:
            return None
        index = item.offset - self._block_offset
        first = self._block[index] if 0 <= index < len(self._block) else self.window.read(item.offset, 1)[0]
        return _TRUTH_VALUES.get(first)

    def _read_number(self, width: int) -> int:
        """Read the next ``width`` bytes as an unsigned number. Raises ``DamagedError`` at the end of the file."""
        index = self.offset - self._block_offset
        if not 0 <= index <= len(self._block) - width:
            self._block = self.window.read(self.offset, _BLOCK_BYTES)
            self._block_offset, index = self.offset, 0
            if len(self._block) < width:
                raise DamagedError("the file is truncated", self.offset)
        self.offset += width
        return int.from_bytes(self._block[index : index + width], "big")
