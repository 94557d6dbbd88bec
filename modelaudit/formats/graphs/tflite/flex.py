"""What an operator of TensorFlow inside TensorFlow Lite runs: a definition in its options, whatever its name says.

The options are a FlexBuffer of two texts, a name and a ``NodeDef`` as protocol buffer; the delegate runs the latter.
Sources: tensorflow/lite/delegates/flex/kernel.cc, https://flatbuffers.dev/flatbuffers_internals/#flexbuffers
"""

from __future__ import annotations

from typing import Final

from modelaudit.wire.base import DamagedError
from modelaudit.wire.protobuf import BYTES, Message

_VECTORS: Final = frozenset({10, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24})
"""A vector, and those whose elements are all of one type or are a few of it."""
_WIDTHS: Final = (1, 2, 4, 8)
_OPERATOR: Final = 2
_MOST_BYTES: Final = 256


class _Bytes:
    """Bytes in memory as a window."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def read(self, offset: int, length: int) -> bytes:
        """Bytes from ``offset``; fewer than ``length`` only at the end."""
        return self._data[offset : offset + length]


def operator_of(options: bytes) -> str:
    """The operator that the definition in ``options`` names; empty where there is no definition to be found."""
    definition = _second_text(options)
    name = ""
    try:
        for field in Message.from_window(_Bytes(definition)).fields():
            if field.number == _OPERATOR and field.wire == BYTES:
                name = field.body.text(_MOST_BYTES)
    except DamagedError:
        return name
    return name


def _second_text(data: bytes) -> bytes:
    """The second element of the vector that is the root of a FlexBuffer, as bytes; empty where there is none."""
    if len(data) < 3:
        return b""
    width, kind = data[-1], data[-2]
    root = len(data) - 2 - width
    if width not in _WIDTHS or kind >> 2 not in _VECTORS or root < 0:
        return b""
    elements = 1 << (kind & 3)
    start = root - int.from_bytes(data[root : root + width], "little")
    count = int.from_bytes(data[start - elements : start], "little") if start >= elements else 0
    if count < 2 or start + count * (elements + 1) > len(data):
        return b""
    kinds = data[start + count * elements : start + count * (elements + 1)]
    at = start + elements
    text = at - int.from_bytes(data[at : at + elements], "little")
    size = 1 << (kinds[1] & 3)
    if text < size:
        return b""
    length = int.from_bytes(data[text - size : text], "little")
    return data[text : text + length]
