"""Read Torch7 files (``.t7``), in binary and in text form: list the classes of their objects and their Lua functions.

Source: https://github.com/torch/torch7/blob/master/doc/serialization.md; ``File.lua`` of Torch7, whose reader loads a
function with ``loadstring``.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from typing import Final

from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.outline import Mention, Outline
from modelaudit.model.structure import Location
from modelaudit.wire.base import DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.cursor import Cursor
from modelaudit.wire.deadline import check_deadline
from modelaudit.wire.leftover import make_leftover_artifacts

VOCABULARY: Final = "torch7-items"
_NIL, _NUMBER, _STRING, _TABLE, _OBJECT, _BOOLEAN, _FUNCTION, _RECURSIVE_OLD, _RECURSIVE = range(9)
_BINARY_START: Final = re.compile(
    rb"\x04\x00\x00\x00.{4}(?:\x03\x00\x00\x00V \d|[\x05-\x40]\x00\x00\x00(?:torch|nn|cudnn)\.)"
    rb"|\x03\x00\x00\x00\x01\x00\x00\x00.{3}\x00"
    rb"(?:\x02\x00\x00\x00[\x01-\x7f]\x00\x00\x00[A-Za-z_]|\x01\x00{8}\x00[\xf0-\xff][?@])"
    rb"|[\x06-\x08]\x00\x00\x00.{4}(?:.{4})?\x1bL",
    re.DOTALL,
)
_TEXT_START: Final = re.compile(
    rb"4\r?\n\d+\r?\n(?:3\r?\nV \d|\d+\r?\n(?:torch|nn|cudnn)\.)|3\r?\n1\r?\n\d+\r?\n2\r?\n\d+\r?\n[A-Za-z_]\w*\r?\n"
    rb"|[678]\r?\n(?:\d+\r?\n){1,2}\x1bL"
)
_VERSION: Final = re.compile(r"V \d+")
_TENSOR_CLASS: Final = re.compile(r"torch\.(\w*)Tensor")
_STORAGE_CLASS: Final = re.compile(r"torch\.(\w*)Storage")
_ITEM_BYTES: Final = {
    "Double": 8, "Float": 4, "Half": 2, "Long": 8, "Int": 4, "Short": 2, "Char": 1, "Byte": 1, "Cuda": 4,
    "CudaDouble": 8, "CudaHalf": 2, "CudaLong": 8, "CudaInt": 4, "CudaShort": 2, "CudaChar": 1, "CudaByte": 1,
}  # fmt: skip
_MAX_DIMENSIONS: Final = 64
_MAX_OPEN_ITEMS: Final = 100_000
_MAX_NAME_BYTES: Final = 200
_MAX_CLASSES: Final = 1_000
_TOKEN: Final = re.compile(rb"\s*(\S{1,400})\s?")


def recognises(head: Head) -> bool:
    """Whether the bytes begin an object with its version or class, a table with its first key, or a function."""
    return head.content is None and (_BINARY_START.match(head.data) or _TEXT_START.match(head.data)) is not None


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline with functions and classes, then the bytes after the object as an artifact.

    Raises:
        DamagedError: an item is truncated or invalid.
        LimitReachedError: items nest too deep.
        WindowError: the window could not return the requested bytes.
    """
    walker = _ItemWalker(window, is_text=_TEXT_START.match(window.read(0, 256)) is not None)
    damage: DamagedError | None = None
    try:
        walker.run()
    except DamagedError as error:
        damage = error
    yield Outline("torch7", tuple(walker.mentions.values()))
    if damage is not None:
        raise damage
    yield from make_leftover_artifacts(artifact, window, walker.offset, limits)


class _ItemWalker:
    """A traversal of one object and all its parts.

    Items nest without a stated length, so a stack of read tasks replaces recursion. An object that occurred before is
    only its index, because Torch7 saves shared objects once.
    """

    def __init__(self, window: Window, is_text: bool) -> None:
        self.mentions: dict[str, Mention] = {}
        self._cursor = Cursor(window, block_size=MIB)
        self._is_text = is_text
        self._seen_indices: set[int] = set()
        self._waiting: list[Callable[[], None]] = [self._read_item]

    @property
    def offset(self) -> int:
        """Where the next item begins, in bytes."""
        return self._cursor.offset

    def run(self) -> None:
        while self._waiting:
            check_deadline()
            if len(self._waiting) > _MAX_OPEN_ITEMS:
                raise LimitReachedError(f"more than {_MAX_OPEN_ITEMS} items are open at once", self._cursor.offset)
            self._waiting.pop()()

    def _read_number(self, form: str) -> int:
        if self._is_text:
            match = _TOKEN.match(self._cursor.peek(512))
            if match is None:
                raise DamagedError("the file is truncated before a number", self._cursor.offset)
            try:
                value = int(float(match[1])) if form == "<d" else int(match[1])
            except (ValueError, OverflowError):
                if form != "<d":
                    raise DamagedError(f"{match[1][:40]!r} is in the place of a number", self._cursor.offset) from None
                value = 0
            self._cursor.offset += match.end()
            return value
        width = struct.calcsize(form)
        piece = self._cursor.peek(width)
        self._cursor.skip(width, "an item")
        return 0 if form == "<d" else int(struct.unpack(form, piece)[0])

    def _read_string(self) -> str:
        length = self._read_number("<i")
        kept = self._cursor.peek(max(0, min(length, _MAX_NAME_BYTES)))
        self._cursor.skip(length, "an item")
        if self._is_text and self._cursor.peek(1) == b"\n":
            self._cursor.offset += 1
        return kept.decode("utf-8", "replace")

    def _read_item(self) -> None:
        start = self._cursor.offset
        kind = self._read_number("<i")
        if kind == _NUMBER:
            self._read_number("<d")
        elif kind == _STRING:
            self._read_string()
        elif kind == _BOOLEAN:
            self._read_number("<i")
        elif kind in (_TABLE, _OBJECT, _RECURSIVE, _RECURSIVE_OLD):
            index = self._read_number("<i")
            # The index identifies the object. A repeated index is a reference, and no content follows it.
            if index not in self._seen_indices:
                self._seen_indices.add(index)
                {_TABLE: self._read_table, _OBJECT: self._read_object}.get(kind, lambda: self._read_function(start))()
        elif kind == _FUNCTION:
            self._read_function(start)
        elif kind != _NIL:
            raise DamagedError(f"{kind} is not a type of Torch7 items", start)

    def _read_function(self, start: int) -> None:
        self._record_mention("function", "function", start)
        self._read_string()
        self._waiting.append(self._read_item)  # the upvalues of the function

    def _read_table(self) -> None:
        count = self._read_number("<i")
        if not 0 <= count <= self._cursor.window.size:
            raise DamagedError(f"a table has {count} entries", self._cursor.offset)
        self._read_pairs(count)

    def _read_pairs(self, left: int) -> None:
        # One pair at a time: a forged count must not fill memory with tasks.
        if left:
            self._waiting += [lambda: self._read_pairs(left - 1), self._read_item, self._read_item]

    def _read_object(self) -> None:
        start = self._cursor.offset
        name = self._read_string()
        if _VERSION.fullmatch(name):
            name = self._read_string()
        self._record_mention("class", name, start)
        tensor, storage = _TENSOR_CLASS.fullmatch(name), _STORAGE_CLASS.fullmatch(name)
        if tensor is not None:
            dimensions = self._read_number("<i")
            if not 0 <= dimensions <= _MAX_DIMENSIONS:
                raise DamagedError(f"a tensor has {dimensions} dimensions", self._cursor.offset)
            for _ in range(2 * dimensions + 1):  # sizes, strides and the offset in the storage
                self._read_number("<q")
            self._waiting.append(self._read_item)
        elif storage is not None:
            self._skip_storage(storage[1])
        else:
            self._waiting.append(self._read_item)  # the fields of the object, in a table

    def _skip_storage(self, kind: str) -> None:
        count = self._read_number("<q")
        if kind not in _ITEM_BYTES:
            raise DamagedError(f"a storage has numbers of the unknown type {kind!r}", self._cursor.offset)
        if not self._is_text:
            self._cursor.skip(count * _ITEM_BYTES[kind], "an item")
        elif kind in ("Byte", "Char"):
            self._cursor.skip(count, "an item")
        else:
            if not 0 <= count <= self._cursor.window.size:
                raise DamagedError(f"a storage has {count} numbers", self._cursor.offset)
            for _ in range(count):
                self._read_number("<d")

    def _record_mention(self, use: str, name: str, offset: int) -> None:
        if len(self.mentions) < _MAX_CLASSES or use == "function":
            self.mentions.setdefault(name, Mention(VOCABULARY, use, name, Location(offset=offset)))
