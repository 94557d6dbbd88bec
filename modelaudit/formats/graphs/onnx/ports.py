"""Keep what a graph states of its model: inputs and outputs with type and shape, and the shapes of its weights.

Source: ``ValueInfoProto``, ``TypeProto`` and ``TensorShapeProto`` of
https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct, field

from modelaudit.languages.stated_values import keep_values
from modelaudit.model.stated import StatedValue, StoredTensor, TensorTable
from modelaudit.model.structure import Location
from modelaudit.wire.base import Reading
from modelaudit.wire.protobuf import BYTES, VARINT, Message

INPUT: Final = 11
OUTPUT: Final = 12
_PORTS: Final = {INPUT: "input", OUTPUT: "output"}
_TYPES: Final = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 8: "string", 9: "bool",
    10: "float16", 11: "float64", 12: "uint32", 13: "uint64", 16: "bfloat16", 17: "float8_e4m3fn", 19: "float8_e5m2",
    21: "uint4", 22: "int4",
}  # fmt: skip
_MOST_PORTS: Final = 100
_MOST_DIMENSIONS: Final = 16
_MOST_TENSORS: Final = 20_000
_NAME_BYTES: Final = 200


class GraphDescription(Struct):
    """The ports and weights of the outermost graph so far."""

    values: list[StatedValue] = field(default_factory=list)
    tensors: list[StoredTensor] = field(default_factory=list)
    omitted_tensors: int = 0

    def record_port(self, number: int, message: Message) -> None:
        """Record an input or output: its name (1) and its type (2); ``number`` is its field in the graph.

        Raises:
            DamagedError: the message is damaged.
            WindowError: the window could not return the requested bytes.
        """
        if len(self.values) >= _MOST_PORTS:
            return
        name, kind = "", ""
        for part in message.fields():
            if part.number == 1 and part.wire == BYTES:
                name = part.body.text(_NAME_BYTES)
            elif part.number == 2 and part.wire == BYTES:
                kind = _describe_type(part.body)
        path = (_PORTS[number], name)
        self.values.append(StatedValue(path, kind or "any type", Location(key=f"{path[0]} {name}")))

    def record_tensor(self, name: str, kind: int, dims: Sequence[int]) -> None:
        """Record a weight: its name, the number of its element type, and its shape."""
        if len(self.tensors) >= _MOST_TENSORS:
            self.omitted_tensors += 1
        elif all(size >= 0 for size in dims):
            self.tensors.append(StoredTensor(name, _TYPES.get(kind, ""), tuple(dims)))

    def build_readings(self, format_: str, is_complete: bool) -> Iterator[Reading]:
        """Yield the ports and the table of weights."""
        yield from keep_values("onnx", self.values)
        if self.tensors:
            yield TensorTable(format_, tuple(self.tensors), is_complete and not self.omitted_tensors)


def _describe_type(message: Message) -> str:
    """Return the type of a tensor with its shape: ``int64 [batch, 128]``; empty for any other type."""
    for part in message.fields():
        if part.number == 1 and part.wire == BYTES:
            return _describe_tensor(part.body)
    return ""


def _describe_tensor(message: Message) -> str:
    """Return an element type (1) with its shape (2), whose dimensions (1) are a size (1) or a name (2)."""
    kind, sizes = "", ""
    for part in message.fields():
        if part.number == 1 and part.wire == VARINT:
            kind = _TYPES.get(part.value, "")
        elif part.number == 2 and part.wire == BYTES:
            dimensions = [each.body for each in part.body.fields() if each.number == 1 and each.wire == BYTES]
            sizes = ", ".join(map(_describe_dimension, dimensions[:_MOST_DIMENSIONS]))
            sizes = f" [{sizes}]"
    return f"{kind}{sizes}".strip()


def _describe_dimension(message: Message) -> str:
    """Return the size or the name of a dimension."""
    for part in message.fields():
        if part.number == 1 and part.wire == VARINT:
            return str(part.value)
        if part.number == 2 and part.wire == BYTES:
            return part.body.text(_NAME_BYTES)
    return "?"
