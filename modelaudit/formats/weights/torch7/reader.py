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
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.outline import Mention, Outline
from modelaudit.model.structure import Location
from modelaudit.wire.base import DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.bounds import KeptItems
from modelaudit.wire.cursor import Cursor
from modelaudit.wire.deadline import check_deadline

VOCABULARY: Final = "torch7-items"
# Types of items.
_NIL, _NUMBER, _STRING, _TABLE, _OBJECT, _BOOLEAN, _FUNCTION, _RECURSIVE_OLD, _RECURSIVE = range(9)
_BINARY_START: Final = defer_pattern(
    # An object: its type, its index, and the version ``V 1`` or the name of its class, each after its length.
    rb"\x04\x00\x00\x00.{4}(?:\x03\x00\x00\x00V \d|[\x05-\x40]\x00\x00\x00(?:torch|nn|cudnn)\.)"
    # A table: its type, the index 1, the number of entries, and the first key: a name, or a number such as 1 (its type,
    # and a float of 64 bits).
    rb"|\x03\x00\x00\x00\x01\x00\x00\x00.{3}\x00"
    rb"(?:\x02\x00\x00\x00[\x01-\x7f]\x00\x00\x00[A-Za-z_]|\x01\x00{9}[\xf0-\xff][?@])"
    # A function: its type, its index if it has one, the length of its bytecode, and the start of Lua bytecode.
    rb"|[\x06-\x08]\x00\x00\x00.{4}(?:.{4})?\x1bL",
    re.DOTALL,
)
# The same in text form, where each number and each text has a line of its own. The first key of a table is a name.
_TEXT_START: Final = defer_pattern(
    rb"4\r?\n\d+\r?\n(?:3\r?\nV \d|\d+\r?\n(?:torch|nn|cudnn)\.)|3\r?\n1\r?\n\d+\r?\n2\r?\n\d+\r?\n[A-Za-z_]\w*\r?\n"
    rb"|[678]\r?\n(?:\d+\r?\n){1,2}\x1bL"
)
_VERSION: Final = defer_pattern(r"V \d+")
_TENSOR_CLASS: Final = defer_pattern(r"torch\.(\w*)Tensor")
_STORAGE_CLASS: Final = defer_pattern(r"torch\.(\w*)Storage")
# The size of a number by the word before ``Tensor`` or ``Storage`` in the name of the class.
_ITEM_BYTES: Final = {
    "Double": 8, "Float": 4, "Half": 2, "Long": 8, "Int": 4, "Short": 2, "Char": 1, "Byte": 1, "Cuda": 4,
    "CudaDouble": 8, "CudaHalf": 2, "CudaLong": 8, "CudaInt": 4, "CudaShort": 2, "CudaChar": 1, "CudaByte": 1,
}  # fmt: skip
_MAX_DIMENSIONS: Final = 64
_MAX_OPEN_ITEMS: Final = 100_000
_MAX_INDICES: Final = 1_000_000
_MAX_NAME_BYTES: Final = 200
_MAX_CLASSES: Final = 1_000
_LINE_END_BYTES: Final = 2
# A number in text form, with the white space before and one character after it.
_TOKEN: Final = defer_pattern(rb"\s*(\S{1,400})\s?")
_TOKEN_PEEK_BYTES: Final = 512
# As ``printf`` writes it; the runtimes of Windows write ``1.#INF`` and ``-1.#IND``.
_FLOAT: Final = defer_pattern(
    rb"[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|inf(?:inity)?|nan|1\.#[a-z]{3,4}\d*)", re.IGNORECASE
)
# All that ``_TEXT_START`` can match.
_START_BYTES: Final = 256


def recognises(head: Head) -> bool:
    """Whether the file begins with an object, a table or a function of Torch7, in binary or text form.

    Members whose container already decides their format (``content``) are never files of Torch7.
    """
    return head.content is None and (_BINARY_START.match(head.data) or _TEXT_START.match(head.data)) is not None


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline with the functions and classes.

    Raises:
        DamagedError: an item is truncated or invalid.
        LimitReachedError: items nest too deep, or the file has too many classes.
        WindowError: the window could not return the requested bytes.
    """
    walker = _ItemWalker(window, is_text=_TEXT_START.match(window.read(0, _START_BYTES)) is not None)
    damage: DamagedError | None = None
    try:
        walker.run()
    except DamagedError as error:
        damage = error
    walker.claim_items()
    yield Outline("torch7", tuple(walker.mentions.values()))
    if damage is not None:
        raise damage
    if walker.leaves_out_classes:
        raise LimitReachedError(f"only the first {_MAX_CLASSES} classes of the file were read")


class _ItemWalker:
    """A traversal of one object and all its parts.

    Items nest without a stated length, so a stack of read tasks replaces recursion. An object that occurred before is
    only its index, because Torch7 saves shared objects once.

    Attributes:
        mentions: the classes and the functions, by name.
        leaves_out_classes: the object has more classes than are recorded.
    """

    def __init__(self, window: Window, is_text: bool) -> None:
        self.mentions: dict[str, Mention] = {}
        self.leaves_out_classes = False
        self._cursor = Cursor(window, block_size=MIB)
        self._is_text = is_text
        self._seen_indices: set[int] = set()
        self._kept_indices = KeptItems("tables, objects and functions", _MAX_INDICES)
        self._waiting: list[Callable[[], None]] = [self._read_item]

    def claim_items(self) -> None:
        """Claim the items that were read; in text form also the line end after the last one."""
        if self._is_text:
            left = self._cursor.peek(_LINE_END_BYTES)
            if not left.strip():
                self._cursor.skip(len(left), "a line end")
        self._cursor.claim_consumed()

    def run(self) -> None:
        """Read to the end of the object.

        Raises:
            DamagedError: an item is truncated or invalid.
            LimitReachedError: items nest too deep.
            WindowError: the window could not return the requested bytes.
        """
        while self._waiting:
            check_deadline()
            if len(self._waiting) > _MAX_OPEN_ITEMS:
                raise LimitReachedError(f"more than {_MAX_OPEN_ITEMS} items are open at once", self._cursor.offset)
            self._waiting.pop()()

    def _read_integer(self, form: str) -> int:
        """Read an integer, which ``form`` describes in binary form: ``<i`` for 32 bits, ``<q`` for 64 bits.

        Raises:
            DamagedError: the file ends, or the text is not an integer.
        """
        if not self._is_text:
            return int(struct.unpack(form, self._cursor.take(struct.calcsize(form), "an item"))[0])
        token = self._match_token()
        try:
            value = int(token[1])
        except ValueError:
            raise DamagedError(f"{token[1][:40]!r} is in the place of a number", self._cursor.offset) from None
        self._cursor.offset += token.end()
        return value

    def _skip_float(self) -> None:
        """Skip a floating-point number. Raises ``DamagedError`` if the file ends, or the text is not a number."""
        if self._is_text:
            token = self._match_token()
            if _FLOAT.fullmatch(token[1]) is None:
                raise DamagedError(f"{token[1][:40]!r} is in the place of a number", self._cursor.offset)
            self._cursor.offset += token.end()
        else:
            self._cursor.skip(8, "an item")  # 64 bits

    def _match_token(self) -> re.Match[bytes]:
        """Return the match of the next number in text form, which stays unread. Raises ``DamagedError`` at the end."""
        token = _TOKEN.match(self._cursor.peek(_TOKEN_PEEK_BYTES))
        if token is None:
            raise DamagedError("the file is truncated before a number", self._cursor.offset)
        return token

    def _read_string(self) -> str:
        """Read a string and return its first 200 bytes, decoded. Raises ``DamagedError`` if it ends beyond the file."""
        length = self._read_integer("<i")
        start = self._cursor.peek(max(0, min(length, _MAX_NAME_BYTES)))
        self._cursor.skip_data(length, "an item")
        # In text form, a string has a line of its own.
        if self._is_text and self._cursor.peek(1) == b"\n":
            self._cursor.offset += 1
        return start.decode("utf-8", "replace")

    def _read_item(self) -> None:
        """Read the type of the next item and its content, and queue its parts.

        Raises:
            DamagedError: the item is truncated, invalid or of an unknown type.
        """
        start = self._cursor.offset
        kind = self._read_integer("<i")
        if kind == _NUMBER:
            self._skip_float()
        elif kind == _STRING:
            self._read_string()
        elif kind == _BOOLEAN:
            self._read_integer("<i")
        elif kind in (_TABLE, _OBJECT, _RECURSIVE, _RECURSIVE_OLD):
            index = self._read_integer("<i")
            # The index identifies the object. A repeated index is a reference, and no content follows it.
            if index not in self._seen_indices:
                self._kept_indices.count(start)
                self._seen_indices.add(index)
                self._read_indexed_item(kind, start)
        elif kind == _FUNCTION:
            self._read_function(start)
        elif kind != _NIL:
            raise DamagedError(f"{kind} is not a type of Torch7 items", start)

    def _read_indexed_item(self, kind: int, start: int) -> None:
        """Read the content of a table, an object or a function after its index; ``start`` is where the item begins."""
        if kind == _TABLE:
            self._read_table()
        elif kind == _OBJECT:
            self._read_object()
        else:
            self._read_function(start)

    def _read_function(self, start: int) -> None:
        """Record a function at ``start``, skip its bytecode, and queue the item with its captured variables."""
        self._record_mention("function", "function", start)
        self._read_string()
        self._waiting.append(self._read_item)

    def _read_table(self) -> None:
        """Read the number of entries of a table and queue the entries. Raises ``DamagedError`` if it is impossible."""
        count = self._read_integer("<i")
        if not 0 <= count <= self._cursor.window.size:
            detail = f"a table states {count} entries, negative or more than the file has bytes"
            raise DamagedError(detail, self._cursor.offset)
        self._read_pairs(count)

    def _read_pairs(self, count: int) -> None:
        """Queue ``count`` pairs of a table one at a time, so that a forged count does not fill memory with tasks."""
        if count:
            # The last task runs first: the key, the value, and then the other pairs.
            self._waiting += [lambda: self._read_pairs(count - 1), self._read_item, self._read_item]

    def _read_object(self) -> None:
        """Record the class of an object, and read or queue its content: a tensor, a storage, or a table of fields.

        Raises:
            DamagedError: the object is truncated or invalid.
        """
        start = self._cursor.offset
        name = self._read_string()
        # Newer files have a version before the name of the class.
        if _VERSION.fullmatch(name):
            name = self._read_string()
        self._record_mention("class", name, start)
        tensor, storage = _TENSOR_CLASS.fullmatch(name), _STORAGE_CLASS.fullmatch(name)
        if tensor is not None:
            dimensions = self._read_integer("<i")
            if not 0 <= dimensions <= _MAX_DIMENSIONS:
                raise DamagedError(
                    f"a tensor states {dimensions} dimensions, not 0 to {_MAX_DIMENSIONS}", self._cursor.offset
                )
            for _ in range(2 * dimensions + 1):  # sizes, strides and the offset in the storage
                self._read_integer("<q")
            self._waiting.append(self._read_item)  # the storage
        elif storage is not None:
            self._skip_storage(storage[1])
        else:
            self._waiting.append(self._read_item)  # the fields of the object, in a table

    def _skip_storage(self, kind: str) -> None:
        """Skip the numbers of a storage; ``kind`` is the word before ``Storage`` in the name of its class.

        Raises:
            DamagedError: the numbers end beyond the file, or the kind is unknown.
        """
        count = self._read_integer("<q")
        if kind not in _ITEM_BYTES:
            raise DamagedError(f"a storage has numbers of the unknown type {kind!r}", self._cursor.offset)
        if not self._is_text:
            self._cursor.skip_data(count * _ITEM_BYTES[kind], "an item")
        elif kind in ("Byte", "Char"):
            # In text form too, these are stored as raw bytes.
            self._cursor.skip_data(count, "an item")
        else:
            if not 0 <= count <= self._cursor.window.size:
                detail = f"a storage states {count} numbers, negative or more than the file has bytes"
                raise DamagedError(detail, self._cursor.offset)
            for _ in range(count):
                self._skip_float()

    def _record_mention(self, use: str, name: str, offset: int) -> None:
        """Record a name once, with its first offset. Classes beyond the bound are left out, a function never is."""
        if name in self.mentions:
            return
        if len(self.mentions) < _MAX_CLASSES or use == "function":
            self.mentions[name] = Mention(VOCABULARY, use, name, Location(offset=offset))
        else:
            self.leaves_out_classes = True
