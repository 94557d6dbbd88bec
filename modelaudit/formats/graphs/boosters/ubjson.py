"""Universal Binary JSON, which XGBoost writes its models in, walked without recursion and without keeping numbers.

Source: https://ubjson.org, draft 12; XGBoost's ``src/common/json.cc`` (``UBJReader``).
"""

from __future__ import annotations

import re
import struct
import sys
from array import array
from collections.abc import Iterator
from typing import Final

from modelaudit.formats.graphs.boosters.trees import Faults, check_learner, check_tree
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.outline import Outline
from modelaudit.wire.base import DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.deadline import keep_time
from modelaudit.wire.leftover import make_leftover_artifacts

_NUMBERS: Final = {b"i": "b", b"U": "B", b"I": "h", b"l": "i", b"L": "q", b"d": "f", b"D": "d"}
_FORMS: Final = {kind: struct.Struct(f">{code}") for kind, code in _NUMBERS.items()}
_LENGTHS: Final = frozenset({b"i", b"U", b"I", b"l", b"L"})
_CONSTANTS: Final[dict[bytes, object]] = {b"Z": None, b"T": True, b"F": False}
_KEY: Final = re.compile(rb"[A-Za-z_][\w .-]*")
_MARKERS: Final = frozenset(b"{[SCHZTFiUIlLdD")
_WANTED: Final = frozenset({"left_children", "right_children", "split_indices"})
_KEPT_STRING: Final = 4096
_MOST_KEPT: Final = 4_000_000
_BLOCK: Final = MIB


def recognises(head: Head) -> bool:
    """An object whose first key has its length in front of it and a value of the format behind."""
    data = head.data
    if head.content is not None or data[:1] != b"{" or data[1:2] not in _LENGTHS:
        return False
    width = _FORMS[data[1:2]].size
    length = int.from_bytes(data[2 : 2 + width], "big")
    end = 2 + width + length
    if not 0 < length < 256 or end >= len(data):
        return False
    return _KEY.fullmatch(data[2 + width : end]) is not None and data[end] in _MARKERS


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the model that it is, if it is one, and what follows the value, as an artifact.

    Raises:
        DamagedError: it is no value of the format to its end.
        LimitReachedError: it nests too deep or holds too many values.
        WindowError: from the window.
    """
    faults = Faults()
    walk = _Walk(window, limits, faults)
    damage: DamagedError | None = None
    try:
        walk.run()
    except DamagedError as error:
        damage = error
    top = walk.root
    learner = top.get("learner") if isinstance(top, dict) else None
    mentions, facts = check_learner(learner, faults) if isinstance(learner, dict) and damage is None else ((), ())
    yield Outline("ubjson", mentions, facts, tuple(faults.found))
    if damage is not None:
        raise damage
    yield from make_leftover_artifacts(artifact, window, walk.position, limits)


class _Open:
    """An object or list that has not ended: how many items are to come, if it says so, and of which type."""

    __slots__ = ("key", "kind", "left", "made")

    def __init__(self, made: dict[str, object] | list[object], left: int | None, kind: bytes) -> None:
        self.made, self.left, self.kind, self.key = made, left, kind, ""


class _Walk:
    def __init__(self, window: Window, limits: Limits, faults: Faults) -> None:
        self.root: object = None
        self.position = 0
        self._window, self._limits, self._faults = window, limits, faults
        self._data, self._base = b"", 0
        self._open: list[_Open] = []
        self._values = 0
        self._trees = 0

    def _take(self, length: int) -> bytes:
        place = self.position - self._base
        if place < 0 or place + length > len(self._data):
            self._data, self._base, place = self._window.read(self.position, max(length, _BLOCK)), self.position, 0
        piece = self._data[place : place + length]
        if len(piece) < length:
            raise DamagedError(f"it breaks off where {length} bytes have to follow", self.position)
        self.position += length
        return piece

    def _skip(self, length: int) -> None:
        if length > self._window.size - self.position:
            left = self._window.size - self.position
            raise DamagedError(f"it states {length} bytes, of which {left} are there", self.position)
        self.position += length

    def _number(self, kind: bytes) -> int | float:
        form = _FORMS[kind]
        (value,) = form.unpack(self._take(form.size))
        return int(value) if kind in _LENGTHS else float(value)

    def _length(self) -> int:
        kind = self._take(1)
        if kind not in _LENGTHS:
            raise DamagedError(f"{kind!r} stands where a length has to", self.position - 1)
        length = int(self._number(kind))
        if length < 0:
            raise DamagedError(f"something has {length} items", self.position)
        return length

    def _string(self) -> str:
        length = self._length()
        kept = self._take(min(length, _KEPT_STRING))
        if length > _KEPT_STRING:
            self._skip(length - _KEPT_STRING)
        return kept.decode("utf-8", "replace")

    def run(self) -> None:
        self._value(self._take(1))
        while self._open:
            keep_time()
            top = self._open[-1]
            if top.left is None:
                ended = self._ends(top)
            else:
                ended = top.left == 0
                top.left -= not ended
            if ended:
                self._end()
            else:
                if isinstance(top.made, dict):
                    top.key = self._string()
                self._value(top.kind or self._marker())

    def _marker(self) -> bytes:
        marker = self._take(1)
        while marker == b"N":
            marker = self._take(1)
        return marker

    def _ends(self, top: _Open) -> bool:
        marker = self._marker()
        if marker == (b"}" if isinstance(top.made, dict) else b"]"):
            return True
        self.position -= 1
        return False

    def _value(self, kind: bytes) -> None:
        self._values += 1
        if self._values > self._limits.document_nodes:
            raise LimitReachedError(f"it holds more than {self._limits.document_nodes} values", self.position)
        if kind in (b"{", b"["):
            self._begin(kind == b"{")
        elif kind in _NUMBERS:
            self._put(self._number(kind))
        elif kind in _CONSTANTS:
            self._put(_CONSTANTS[kind])
        elif kind in (b"S", b"H"):
            self._put(self._string())
        elif kind == b"C":
            self._put(self._take(1).decode("latin-1"))
        else:
            raise DamagedError(f"{kind!r} is no type of Universal Binary JSON", self.position - 1)

    def _put(self, value: object) -> None:
        if not self._open:
            self.root = value
        elif isinstance(made := self._open[-1].made, dict):
            made[self._open[-1].key] = value
        else:
            made.append(value)

    def _begin(self, is_object: bool) -> None:
        kind, left = b"", None
        marker = self._take(1)
        if marker == b"$":
            kind = self._take(1)
            marker = self._take(1)
            if marker != b"#":
                raise DamagedError("a type stands before items without their number", self.position)
        if marker == b"#":
            left = self._length()
            if not is_object and kind in _NUMBERS:
                self._put(self._typed(kind, left))
                return
            if kind in _CONSTANTS and left > self._window.size:
                raise DamagedError(f"it states {left} items that take no bytes", self.position)
        else:
            self.position -= 1
        if len(self._open) >= self._limits.document_depth:
            raise LimitReachedError(f"it nests more than {self._limits.document_depth} deep", self.position)
        self._open.append(_Open({} if is_object else [], left, kind))

    def _typed(self, kind: bytes, count: int) -> object:
        """A list of numbers of one type: those of a tree as they are, of all others only how many there are."""
        width = _FORMS[kind].size
        start = self.position
        self._skip(count * width)
        key = self._open[-1].key if self._open else ""
        if key not in _WANTED or kind not in _LENGTHS or count > _MOST_KEPT:
            return range(count)
        numbers: array[int] = array(_NUMBERS[kind])
        most = self._limits.read_bytes // width * width
        for at in range(0, count * width, most):
            numbers.frombytes(self._window.read(start + at, min(most, count * width - at)))
        if sys.byteorder == "little":
            numbers.byteswap()
        return numbers.tolist()

    def _end(self) -> None:
        ended = self._open.pop()
        made: object = ended.made
        if isinstance(made, dict) and "left_children" in made:
            check_tree(made, self._faults, self._trees)
            self._trees += 1
            made = {}
        self._put(made)
