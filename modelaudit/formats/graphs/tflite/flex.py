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
"""The field of the operator in a ``NodeDef``."""
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
        return name  # the fields before the damage suffice
    return name


def _read_second_text(data: bytes) -> bytes:
    """Return the second text of the vector at the root of a FlexBuffer; empty where there is none.

    A FlexBuffer is read from its end: the last byte is the width of the root in bytes. The byte before it has the type
    in the upper six bits, and the width of the elements, as a power of two, in the lower two. Offsets point backwards.
    The length of a vector or text is before it; the types of the elements are after them, one byte each.
    """
    if len(data) < 3:
        return b""
    root_width, root_type = data[-1], data[-2]
    root = len(data) - 2 - root_width
    if root_width not in _WIDTHS or root_type >> 2 not in _VECTOR_TYPES or root < 0:
        return b""
    element_width = 1 << (root_type & 3)
    vector = root - int.from_bytes(data[root : root + root_width], "little")
    count = int.from_bytes(data[vector - element_width : vector], "little") if vector >= element_width else 0
    element_types = vector + count * element_width
    if count < 2 or element_types + count > len(data):
        return b""
    second_element = vector + element_width
    text = second_element - int.from_bytes(data[second_element : second_element + element_width], "little")
    length_width = 1 << (data[element_types + 1] & 3)
    if text < length_width:
        return b""
    length = int.from_bytes(data[text - length_width : text], "little")
    return data[text : text + length]
