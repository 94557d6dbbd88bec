"""Find the operator that a Flex operator runs, which is an operator of TensorFlow inside TensorFlow Lite.

The options of a Flex operator are a FlexBuffer of two texts: a name and a serialized ``NodeDef``. The Flex delegate
runs the ``NodeDef``, even when it differs from the name of the operator in the model.

Sources: tensorflow/lite/delegates/flex/kernel.cc, https://flatbuffers.dev/flatbuffers_internals/#flexbuffers
"""

from __future__ import annotations

from typing import Final

from modelaudit.wire.base import DamagedError
from modelaudit.wire.protobuf import BYTES, Message

_VECTOR_TYPES: Final = frozenset({10, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24})
"""The FlexBuffer types for vectors: of mixed types, of one type, and of a fixed length."""
_WIDTHS: Final = (1, 2, 4, 8)
_OPERATOR: Final = 2
_NAME_BYTES: Final = 256


class _BytesWindow:
    """A window over bytes in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def read(self, offset: int, length: int) -> bytes:
        """Return the bytes from ``offset``; fewer than ``length`` only at the end."""
        return self._data[offset : offset + length]


def find_operator_name(options: bytes) -> str:
    """Return the operator of the ``NodeDef`` in ``options``; empty where there is no ``NodeDef``."""
    definition = _read_second_text(options)
    name = ""
    try:
        for field in Message.from_window(_BytesWindow(definition)).fields():
            if field.number == _OPERATOR and field.wire == BYTES:
                name = field.body.text(_NAME_BYTES)
    except DamagedError:
        return name
    return name


def _read_second_text(data: bytes) -> bytes:
    """Return the second text of the vector at the root of a FlexBuffer; empty where there is none.

    A FlexBuffer is read from its end: the last byte is the width of the root, the byte before it is the type, in the
    upper six bits, with the width of the elements, in the lower two. Offsets point backwards.
    """
    if len(data) < 3:
        return b""
    width, kind = data[-1], data[-2]
    root = len(data) - 2 - width
    if width not in _WIDTHS or kind >> 2 not in _VECTOR_TYPES or root < 0:
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
