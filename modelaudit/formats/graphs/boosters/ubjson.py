"""Read Universal Binary JSON (UBJSON), the default format of XGBoost models.

The values are decoded without recursion. Trees are checked one by one and dropped; of other lists of numbers only the
length is kept.

Source: https://ubjson.org, draft 12; XGBoost's ``src/common/json.cc`` (``UBJReader``).
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterator
from typing import Final

from modelaudit.formats.graphs.boosters.trees import TreeDefects, check_tree, read_learner
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.outline import Outline
from modelaudit.wire.base import DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.bounds import KeptItems
from modelaudit.wire.deadline import check_deadline
from modelaudit.wire.ledger import claim_data, claim_parsed

# Markers of the number types with their codes in ``struct``; those of integers may be the type of a length.
_NUMBERS: Final = {b"i": "b", b"U": "B", b"I": "h", b"l": "i", b"L": "q", b"d": "f", b"D": "d"}
_STRUCTS: Final = {kind: struct.Struct(f">{code}") for kind, code in _NUMBERS.items()}
_INTEGERS: Final = frozenset({b"i", b"U", b"I", b"l", b"L"})
_CONSTANTS: Final[dict[bytes, object]] = {b"Z": None, b"T": True, b"F": False}
_KEY: Final = defer_pattern(rb"[A-Za-z_][\w .-]*")
_VALUE_MARKERS: Final = frozenset(b"{[SCHZTFiUIlLdD")
_CHECKED_LISTS: Final = frozenset({"left_children", "right_children", "split_indices"})
_LONGEST_FIRST_KEY: Final = 255  # bytes; the keys of models are short words such as "learner"
_KEPT_STRING: Final = 4096
# Each value takes some tens of bytes of memory. A list of numbers counts as one value.
_MOST_VALUES: Final = 1_000_000
_MOST_KEPT: Final = 4_000_000
# Bytes of keys and strings in memory, each with what it takes beside its characters, also in an object.
_MOST_TEXT_BYTES: Final = 64 * MIB
_TEXT_OVERHEAD: Final = 100
_BLOCK_BYTES: Final = MIB
# Shorter lists of numbers count as parsed, with the bytes around them: a forest has many, and a ledger is bounded.
_DATA_BYTES: Final = 1024


def recognises(head: Head) -> bool:
    """Whether the bytes are an object whose first key has a valid length and is followed by the marker of a value."""
    # The layout: "{", the type of the key's length, the length, the key, the marker of its value.
    data = head.data
    length_type = data[1:2]
    if head.content is not None or data[:1] != b"{" or length_type not in _INTEGERS:
        return False
    key_start = 2 + _STRUCTS[length_type].size
    key_length = int.from_bytes(data[2:key_start], "big")
    key_end = key_start + key_length
    if not 0 < key_length <= _LONGEST_FIRST_KEY or key_end >= len(data):
        return False
    return _KEY.fullmatch(data[key_start:key_end]) is not None and data[key_end] in _VALUE_MARKERS


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline of the model.

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
    decoder.claim_decoded()
    learner = decoder.root.get("learner") if isinstance(decoder.root, dict) else None
    if not isinstance(learner, dict) or damage is not None:
        learner = {}  # nothing to check, as the learner is missing or incomplete
    mentions, facts = read_learner(learner, defects)
    yield Outline("ubjson", mentions, facts, tuple(defects.defects))
    if decoder.has_unchecked_tree:
        damage = damage or LimitReachedError(f"a tree has more than {_MOST_KEPT} nodes, and was not checked")
    if damage is not None:
        raise damage


class _OmittedIntegers:
    """Takes the place of a list of integers that is too long to keep."""


class _OpenContainer:
    """An object or list that has not ended.

    Attributes:
        values: its values so far.
        remaining: how many values are still to come; ``None`` when an end marker ends it.
        value_type: the marker of the type of all its values; empty when each value has its own.
        key: the current key of an object.
    """

    __slots__ = ("key", "remaining", "value_type", "values")

    def __init__(self, values: dict[str, object] | list[object], remaining: int | None, value_type: bytes) -> None:
        self.values = values
        self.remaining = remaining
        self.value_type = value_type
        self.key = ""


class _Decoder:
    """Decodes one value with an explicit stack of the open objects and lists.

    Attributes:
        root: the decoded value; trees in it are empty objects.
        position: the offset of the next byte.
        has_unchecked_tree: whether a tree has more nodes than are kept.
    """

    def __init__(self, window: Window, limits: Limits, defects: TreeDefects) -> None:
        self.root: object = None
        self.position = 0
        self.has_unchecked_tree = False
        self._window, self._limits, self._defects = window, limits, defects
        # A block that was read ahead, and its offset in the file.
        self._block, self._block_offset = b"", 0
        self._claimed_end = 0  # all bytes before this offset are claimed
        self._containers: list[_OpenContainer] = []
        self._value_count = 0
        self._kept_texts = KeptItems("keys and strings", 2 * _MOST_VALUES, _MOST_TEXT_BYTES)
        self._tree_count = 0

    def claim_decoded(self, end: int | None = None) -> None:
        """Claim as parsed the bytes decoded since the last claim, up to the offset ``end`` or the current one."""
        claim_parsed(self._window, self._claimed_end, self.position if end is None else end)

    def _read_bytes(self, length: int) -> bytes:
        """Read the next ``length`` bytes, from a block that is read ahead."""
        start = self.position - self._block_offset
        if start < 0 or start + length > len(self._block):
            self._block = self._window.read(self.position, max(length, _BLOCK_BYTES))
            self._block_offset, start = self.position, 0
        piece = self._block[start : start + length]
        if len(piece) < length:
            raise DamagedError(f"the file ends where {length} bytes must follow", self.position)
        self.position += length
        return piece

    def _skip_bytes(self, length: int) -> None:
        """Move past ``length`` bytes; raise ``DamagedError`` if the file ends before."""
        bytes_left = self._window.size - self.position
        if length > bytes_left:
            raise DamagedError(f"a value has {length} bytes, the file has {bytes_left} bytes left", self.position)
        self.position += length

    def _read_number(self, kind: bytes) -> int | float:
        """Read a number of the type with the marker ``kind``."""
        form = _STRUCTS[kind]
        (value,) = form.unpack(self._read_bytes(form.size))
        return int(value) if kind in _INTEGERS else float(value)

    def _read_length(self) -> int:
        """Read a length: the marker of an integer type, and the integer, which must not be negative."""
        kind = self._read_bytes(1)
        if kind not in _INTEGERS:
            raise DamagedError(f"{kind!r} is not the type of a length", self.position - 1)
        length = int(self._read_number(kind))
        if length < 0:
            raise DamagedError(f"a length is negative: {length}", self.position)
        return length

    def _read_string(self) -> str:
        """Read a string after its marker; keep its first 4,096 bytes."""
        length = self._read_length()
        self._kept_texts.count(self.position, min(length, _KEPT_STRING) + _TEXT_OVERHEAD)
        first_bytes = self._read_bytes(min(length, _KEPT_STRING))
        if length > _KEPT_STRING:
            self._skip_bytes(length - _KEPT_STRING)
        return first_bytes.decode("utf-8", "replace")

    def decode_root(self) -> None:
        """Decode the value into ``root``.

        Raises:
            DamagedError: the data are invalid or truncated.
            LimitReachedError: they exceed a limit of the decoder.
            WindowError: the window could not return the requested bytes.
        """
        self._decode_value(self._read_bytes(1))
        while self._containers:
            check_deadline()
            innermost = self._containers[-1]
            has_ended = self._read_end(innermost) if innermost.remaining is None else innermost.remaining == 0
            if has_ended:
                self._close_container()
                continue
            if innermost.remaining is not None:
                innermost.remaining -= 1
            if isinstance(innermost.values, dict):
                innermost.key = self._read_string()
            self._decode_value(innermost.value_type or self._read_marker())

    def _read_marker(self) -> bytes:
        """Read the next marker; skip N, which does nothing."""
        marker = self._read_bytes(1)
        while marker == b"N":
            marker = self._read_bytes(1)
        return marker

    def _read_end(self, container: _OpenContainer) -> bool:
        """Read the end marker of an object or list if it comes next; return whether it did."""
        marker = self._read_marker()
        if marker == (b"}" if isinstance(container.values, dict) else b"]"):
            return True
        self.position -= 1
        return False

    def _decode_value(self, kind: bytes) -> None:
        """Decode one value of the type with the marker ``kind``; of an object or list, read the beginning only."""
        self._value_count += 1
        most_values = min(_MOST_VALUES, self._limits.document_nodes)
        if self._value_count > most_values:
            raise LimitReachedError(f"it has more than {most_values} values", self.position)
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
            return
        innermost = self._containers[-1]
        if isinstance(innermost.values, dict):
            innermost.values[innermost.key] = value
        else:
            innermost.values.append(value)

    def _open_container(self, is_object: bool) -> None:
        """Open an object or list: read its optional type (``$``) and number of items (``#``)."""
        value_type, remaining = b"", None
        marker = self._read_bytes(1)
        if marker == b"$":
            value_type = self._read_bytes(1)
            marker = self._read_bytes(1)
            if marker != b"#":
                raise DamagedError("a type ($) is not followed by the number of items (#)", self.position)
        if marker == b"#":
            remaining = self._read_length()
            if not is_object and value_type in _NUMBERS:
                self._append_value(self._read_typed_list(value_type, remaining))
                return
            # Values of a type such as null or true take no bytes. Without a bound, a few bytes could state millions.
            if value_type in _CONSTANTS and remaining > self._window.size:
                detail = f"a list states {remaining} items that take no bytes, more than the file has bytes"
                raise DamagedError(detail, self.position)
        else:
            self.position -= 1  # the marker belongs to the first value, key or end
        if len(self._containers) >= self._limits.document_depth:
            raise LimitReachedError(f"it nests more than {self._limits.document_depth} deep", self.position)
        self._containers.append(_OpenContainer({} if is_object else [], remaining, value_type))

    def _read_typed_list(self, kind: bytes, count: int) -> object:
        """Read a list of ``count`` numbers of the type ``kind``.

        Returns:
            The numbers of a list that the checks of trees need, or ``_OmittedIntegers`` if there are too many; for any
            other list, a range of the same length, since only its length is compared.
        """
        width = _STRUCTS[kind].size
        start = self.position
        self._skip_bytes(count * width)
        if count * width >= _DATA_BYTES:
            self.claim_decoded(start)
            claim_data(self._window, start, self.position)
            self._claimed_end = self.position
        key = self._containers[-1].key if self._containers else ""
        if key not in _CHECKED_LISTS or kind not in _INTEGERS:
            return range(count)
        if count > _MOST_KEPT:
            return _OmittedIntegers()
        numbers: array[int] = array(_NUMBERS[kind])
        piece_bytes = self._limits.read_bytes // width * width  # whole numbers only
        list_bytes = count * width
        for done in range(0, list_bytes, piece_bytes):
            numbers.frombytes(self._window.read(start + done, min(piece_bytes, list_bytes - done)))
        if sys.byteorder == "little":  # the format is big-endian
            numbers.byteswap()
        return numbers

    def _close_container(self) -> None:
        """End the innermost object or list; check a tree and drop it."""
        value: object = self._containers.pop().values
        if isinstance(value, dict) and "left_children" in value:
            if any(isinstance(value.get(key), _OmittedIntegers) for key in _CHECKED_LISTS):
                self.has_unchecked_tree = True
            else:
                check_tree(value, self._defects, self._tree_count)
            self._tree_count += 1
            value = {}
        self._append_value(value)
