"""Read Universal Binary JSON (UBJSON), the default format of XGBoost models.

The values are decoded without recursion. Trees are checked one by one and dropped; of other lists of numbers only the
length is kept.

Source: https://ubjson.org, draft 12; XGBoost's ``src/common/json.cc`` (``UBJReader``).
"""

from __future__ import annotations

import re
import struct
import sys
from array import array
from collections.abc import Iterator
from typing import Final

from modelaudit.formats.graphs.boosters.trees import TreeDefects, check_learner, check_tree
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.outline import Outline
from modelaudit.wire.base import DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.deadline import keep_time
from modelaudit.wire.leftover import make_leftover_artifacts

# Markers of the number types with their codes in ``struct``; those of integers may be the type of a length.
_NUMBERS: Final = {b"i": "b", b"U": "B", b"I": "h", b"l": "i", b"L": "q", b"d": "f", b"D": "d"}
_STRUCTS: Final = {kind: struct.Struct(f">{code}") for kind, code in _NUMBERS.items()}
_INTEGERS: Final = frozenset({b"i", b"U", b"I", b"l", b"L"})
_CONSTANTS: Final[dict[bytes, object]] = {b"Z": None, b"T": True, b"F": False}
_KEY: Final = re.compile(rb"[A-Za-z_][\w .-]*")
_VALUE_MARKERS: Final = frozenset(b"{[SCHZTFiUIlLdD")
_CHECKED_LISTS: Final = frozenset({"left_children", "right_children", "split_indices"})
_KEPT_STRING: Final = 4096
_MOST_KEPT: Final = 4_000_000
_BLOCK_BYTES: Final = MIB


def recognises(head: Head) -> bool:
    """Whether the bytes are an object whose first key has a valid length and is followed by the marker of a value."""
    data = head.data
    if head.content is not None or data[:1] != b"{" or data[1:2] not in _INTEGERS:
        return False
    width = _STRUCTS[data[1:2]].size
    length = int.from_bytes(data[2 : 2 + width], "big")
    end = 2 + width + length
    if not 0 < length < 256 or end >= len(data):
        return False
    return _KEY.fullmatch(data[2 + width : end]) is not None and data[end] in _VALUE_MARKERS


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline of the model, and the bytes after the value as an artifact.

    Raises:
        DamagedError: a value is invalid or breaks off.
        LimitReachedError: it nests too deep or holds too many values.
        WindowError: the window could not return the requested bytes.
    """
    defects = TreeDefects()
    decoder = _Decoder(window, limits, defects)
    damage: DamagedError | None = None
    try:
        decoder.decode_root()
    except DamagedError as error:
        damage = error
    top = decoder.root
    learner = top.get("learner") if isinstance(top, dict) else None
    mentions, facts = check_learner(learner, defects) if isinstance(learner, dict) and damage is None else ((), ())
    yield Outline("ubjson", mentions, facts, tuple(defects.defects))
    if damage is not None:
        raise damage
    yield from make_leftover_artifacts(artifact, window, decoder.position, limits)


class _OpenContainer:
    """An object or list that has not ended.

    Attributes:
        made: its values so far.
        left: how many values are still to come; ``None`` when an end marker ends it.
        kind: the marker of the type of all its values; empty when each value has its own.
        key: the current key of an object.
    """

    __slots__ = ("key", "kind", "left", "made")

    def __init__(self, made: dict[str, object] | list[object], left: int | None, kind: bytes) -> None:
        self.made, self.left, self.kind, self.key = made, left, kind, ""


class _Decoder:
    """Decode one value with an explicit stack of the open objects and lists.

    Attributes:
        root: the decoded value; trees in it are empty objects.
        position: the offset of the next byte.
    """

    def __init__(self, window: Window, limits: Limits, defects: TreeDefects) -> None:
        self.root: object = None
        self.position = 0
        self._window, self._limits, self._defects = window, limits, defects
        self._data, self._base = b"", 0
        self._containers: list[_OpenContainer] = []
        self._values = 0
        self._trees = 0

    def _read_bytes(self, length: int) -> bytes:
        """Read the next bytes, from a block that is read ahead."""
        place = self.position - self._base
        if place < 0 or place + length > len(self._data):
            self._data, self._base, place = (
                self._window.read(self.position, max(length, _BLOCK_BYTES)),
                self.position,
                0,
            )
        piece = self._data[place : place + length]
        if len(piece) < length:
            raise DamagedError(f"the file ends where {length} bytes must follow", self.position)
        self.position += length
        return piece

    def _skip_bytes(self, length: int) -> None:
        if length > self._window.size - self.position:
            left = self._window.size - self.position
            raise DamagedError(f"a value has {length} bytes, the file has {left}", self.position)
        self.position += length

    def _read_number(self, kind: bytes) -> int | float:
        form = _STRUCTS[kind]
        (value,) = form.unpack(self._read_bytes(form.size))
        return int(value) if kind in _INTEGERS else float(value)

    def _read_length(self) -> int:
        kind = self._read_bytes(1)
        if kind not in _INTEGERS:
            raise DamagedError(f"{kind!r} is not the type of a length", self.position - 1)
        length = int(self._read_number(kind))
        if length < 0:
            raise DamagedError(f"a length is {length}", self.position)
        return length

    def _read_string(self) -> str:
        """Read a string after its marker; keep its first 4,096 bytes."""
        length = self._read_length()
        kept = self._read_bytes(min(length, _KEPT_STRING))
        if length > _KEPT_STRING:
            self._skip_bytes(length - _KEPT_STRING)
        return kept.decode("utf-8", "replace")

    def decode_root(self) -> None:
        """Decode the value into ``root``.

        Raises:
            DamagedError: the data are invalid or truncated.
            LimitReachedError: they exceed a limit of the decoder.
            WindowError: the window could not return the requested bytes.
        """
        self._decode_value(self._read_bytes(1))
        while self._containers:
            keep_time()
            top = self._containers[-1]
            if top.left is None:
                ended = self._read_end(top)
            else:
                ended = top.left == 0
                top.left -= not ended
            if ended:
                self._close_container()
            else:
                if isinstance(top.made, dict):
                    top.key = self._read_string()
                self._decode_value(top.kind or self._read_marker())

    def _read_marker(self) -> bytes:
        """Read the next marker; skip N, which does nothing."""
        marker = self._read_bytes(1)
        while marker == b"N":
            marker = self._read_bytes(1)
        return marker

    def _read_end(self, top: _OpenContainer) -> bool:
        """Whether the end marker of the object or list comes next; if not, leave the marker to be read."""
        marker = self._read_marker()
        if marker == (b"}" if isinstance(top.made, dict) else b"]"):
            return True
        self.position -= 1
        return False

    def _decode_value(self, kind: bytes) -> None:
        """Decode one value of a type; an object or list is only opened."""
        self._values += 1
        if self._values > self._limits.document_nodes:
            raise LimitReachedError(f"it has more than {self._limits.document_nodes} values", self.position)
        if kind in (b"{", b"["):
            self._open_container(kind == b"{")
        elif kind in _NUMBERS:
            self._append_value(self._read_number(kind))
        elif kind in _CONSTANTS:
            self._append_value(_CONSTANTS[kind])
        elif kind in (b"S", b"H"):
            self._append_value(self._read_string())
        elif kind == b"C":
            self._append_value(self._read_bytes(1).decode("latin-1"))
        else:
            raise DamagedError(f"{kind!r} is not a type of Universal Binary JSON", self.position - 1)

    def _append_value(self, value: object) -> None:
        """Append a value to the innermost object or list, or make it the root."""
        if not self._containers:
            self.root = value
        elif isinstance(made := self._containers[-1].made, dict):
            made[self._containers[-1].key] = value
        else:
            made.append(value)

    def _open_container(self, is_object: bool) -> None:
        """Open an object or list: read its optional type (``$``) and number of items (``#``)."""
        kind, left = b"", None
        marker = self._read_bytes(1)
        if marker == b"$":
            kind = self._read_bytes(1)
            marker = self._read_bytes(1)
            if marker != b"#":
                raise DamagedError("a type ($) is not followed by the number of items (#)", self.position)
        if marker == b"#":
            left = self._read_length()
            if not is_object and kind in _NUMBERS:
                self._append_value(self._read_typed_list(kind, left))
                return
            # Values of a type such as null or true take no bytes, so without this a few bytes could state any number.
            if kind in _CONSTANTS and left > self._window.size:
                raise DamagedError(f"a list has {left} items without any bytes", self.position)
        else:
            self.position -= 1
        if len(self._containers) >= self._limits.document_depth:
            raise LimitReachedError(f"it nests more than {self._limits.document_depth} deep", self.position)
        self._containers.append(_OpenContainer({} if is_object else [], left, kind))

    def _read_typed_list(self, kind: bytes, count: int) -> object:
        """Read a list of numbers of one type: the numbers if they are checked, otherwise a range of the same length."""
        width = _STRUCTS[kind].size
        start = self.position
        self._skip_bytes(count * width)
        key = self._containers[-1].key if self._containers else ""
        if key not in _CHECKED_LISTS or kind not in _INTEGERS or count > _MOST_KEPT:
            return range(count)
        numbers: array[int] = array(_NUMBERS[kind])
        most = self._limits.read_bytes // width * width
        for at in range(0, count * width, most):
            numbers.frombytes(self._window.read(start + at, min(most, count * width - at)))
        if sys.byteorder == "little":
            numbers.byteswap()
        return numbers.tolist()

    def _close_container(self) -> None:
        """End the innermost object or list; check a tree and drop it."""
        ended = self._containers.pop()
        made: object = ended.made
        if isinstance(made, dict) and "left_children" in made:
            check_tree(made, self._defects, self._trees)
            self._trees += 1
            made = {}
        self._append_value(made)
