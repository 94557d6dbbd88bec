"""Check one tensor of an ONNX model: compare its shape with its bytes, and resolve its external data.

Sources: ``TensorProto`` in https://github.com/onnx/onnx/blob/main/onnx/onnx.proto,
https://onnx.ai/onnx/repo-docs/ExternalData.html, CVE-2022-25882, CVE-2024-27318, CVE-2026-34445.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Final

from msgspec import Struct, field

from modelaudit.formats.graphs.onnx import OnnxDefect, TensorSizeDefect
from modelaudit.formats.graphs.onnx.collector import ModelCollector
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.structure import Location
from modelaudit.wire.base import LimitReachedError
from modelaudit.wire.protobuf import BYTES, VARINT, Field, Message

_ELEMENT_BITS: Final = {
    1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64, 14: 64, 15: 128, 16: 16,
    17: 8, 18: 8, 19: 8, 20: 8, 21: 4, 22: 4, 23: 4, 24: 8, 25: 2, 26: 2,
}  # fmt: skip
"""The width of an element in bits, by the number of its type in TensorProto.DataType. Strings have no fixed width."""
# Fields of TensorProto: dims, data_type, segment, name, raw_data, external_data, data_location.
_DIMS, _TYPE, _SEGMENT, _NAME, _RAW, _ENTRIES, _LOCATION = 1, 2, 3, 8, 9, 13, 14
_EXTERNAL: Final = 1
"""The value of data_location for data in another file."""
_MOST_DIMS: Final = 64
_MOST_ENTRIES: Final = 1024
_MOST_BYTES: Final = 2**63 - 1
_QUOTED_LENGTH: Final = 120
_PATH_BYTES: Final = 4096
_NUMBER: Final = defer_pattern(r"[0-9]{1,19}")
# ONNX Runtime and OpenVINO give tensors in their own memory this location; the offset is then an address.
_MEMORY_LOCATION: Final = "_ORT_MEM_ADDR_"


class Tensor(Struct):
    """The statements of one TensorProto about itself.

    Attributes:
        where: the location of the tensor.
        name: its name, at most 120 bytes.
        dims: its shape; hostile files have negative sizes.
        type: the number of its element type.
        raw_size: the length of its raw data in bytes; ``None`` where it has none.
        is_external: whether ``data_location`` is EXTERNAL.
        is_segment: whether it is only a segment of a larger tensor.
        entries: pairs of key and value that describe the external data.
    """

    where: Location
    name: str = ""
    dims: list[int] = field(default_factory=list)
    type: int = 0
    raw_size: int | None = None
    is_external: bool = False
    is_segment: bool = False
    entries: list[tuple[str, str]] = field(default_factory=list)

    def read_field(self, part: Field) -> None:
        """Read one field of the tensor.

        Raises:
            DamagedError: the field is damaged.
            LimitReachedError: the tensor has too many dimensions or entries.
            WindowError: the window could not return the requested bytes.
        """
        number = part.number
        if number == _DIMS and part.wire == VARINT:
            self.add_dimension(part.value)
        elif number == _DIMS and part.wire == BYTES:
            for value in part.body.parse_varints():
                self.add_dimension(value)
        elif number == _TYPE and part.wire == VARINT:
            self.type = part.value
        elif number == _LOCATION and part.wire == VARINT:
            self.is_external = part.value == _EXTERNAL
        elif part.wire == BYTES:
            self._read_bytes_field(number, part.body)

    def _read_bytes_field(self, number: int, body: Message) -> None:
        """Read a field that is a text, bytes or a message."""
        if number == _NAME:
            self.name = body.text(_QUOTED_LENGTH)
        elif number == _RAW:
            self.raw_size = body.size
        elif number == _SEGMENT:
            self.is_segment = True
        elif number == _ENTRIES:
            if len(self.entries) >= _MOST_ENTRIES:
                raise LimitReachedError(f"a tensor has more than {_MOST_ENTRIES} entries of external data", body.start)
            self.entries.append(_parse_entry(body))

    def add_dimension(self, value: int) -> None:
        """Append one size to the shape; ``value`` has 64 bits in two's complement, read as unsigned.

        Of a shape with more than 64 sizes, the last one kept is the product of the rest, or a negative size among them.
        """
        is_negative = value >> 63
        size = value - (1 << 64) if is_negative else value
        if len(self.dims) < _MOST_DIMS:
            self.dims.append(size)
        elif min(size, self.dims[-1]) < 0:
            self.dims[-1] = min(size, self.dims[-1])
        else:
            self.dims[-1] = min(size * self.dims[-1], _MOST_BYTES + 1)  # the bound keeps the number small


def _parse_entry(message: Message) -> tuple[str, str]:
    """Return key (1) and value (2) of a StringStringEntryProto; of a repeated field, the last, as in any parser."""
    key = value = ""
    for part in message.fields():
        if part.wire == BYTES and part.number == 1:
            key = part.body.text(_QUOTED_LENGTH)
        elif part.wire == BYTES and part.number == 2:
            value = part.body.text(_PATH_BYTES)
    return key, value


def compute_size(dims: Sequence[int], type_: int) -> int | None:
    """Compute the size of a tensor in bytes; ``None`` for an unknown type, strings, or a negative size.

    Args:
        dims: the shape.
        type_: the number of the element type.
    """
    if type_ not in _ELEMENT_BITS or any(size < 0 for size in dims):
        return None
    bits = prod(dims) * _ELEMENT_BITS[type_]
    return (bits + 7) // 8


def check_tensor(tensor: Tensor, attribute: str, collector: ModelCollector) -> None:
    """Compare the shape of a tensor with its bytes, and record the files of its external data.

    Args:
        tensor: the tensor, all its fields read.
        attribute: the name of the attribute that has the tensor, for messages; empty where there is none.
        collector: records the defects and references.

    Raises:
        LimitReachedError: the model refers to too many files.
    """
    collector.tensors += 1
    label = tensor.name or attribute or "a tensor"
    needed = compute_size(tensor.dims, tensor.type)
    if any(size < 0 for size in tensor.dims):
        collector.record_defect(
            TensorSizeDefect.NEGATIVE_LENGTH, f"{label} has the shape {_format_shape(tensor.dims)}", tensor.where
        )
    elif needed is not None and needed > _MOST_BYTES:
        collector.record_defect(
            TensorSizeDefect.SIZE_OVERFLOW, f"{label} has the shape {_format_shape(tensor.dims)}", tensor.where
        )
    if tensor.is_external or tensor.entries:
        # The entries count even without data_location EXTERNAL, because a loader may follow them alone.
        _check_external_data(tensor, label, needed, collector)
    elif needed is not None and tensor.raw_size not in (None, needed) and not tensor.is_segment:
        detail = f"{label} of the shape {_format_shape(tensor.dims)} needs {needed} bytes and has {tensor.raw_size}"
        collector.record_defect(TensorSizeDefect.SIZE_MISMATCH, detail, tensor.where)


def _check_external_data(tensor: Tensor, label: str, needed: int | None, collector: ModelCollector) -> None:
    """Check the entries of external data: keys, offset, length and locations."""
    keys = [key for key, _ in tensor.entries]
    if len(set(keys)) < len(keys):
        collector.record_defect(OnnxDefect.DUPLICATE_KEY, f"{label} repeats a key of its external data", tensor.where)
    for key in sorted(set(keys)):
        # Older versions of onnx set each entry as an attribute of an object, __class__ included (CVE-2026-34445).
        if key.startswith("_"):
            collector.record_defect(
                OnnxDefect.EXTERNAL_KEY, f"{label} gives its external data the property {key!r}", tensor.where
            )
    offset = _parse_number(tensor, label, "offset", collector) or 0
    length = _parse_number(tensor, label, "length", collector)
    if length is not None and needed is not None and length != needed:
        shape = _format_shape(tensor.dims)
        detail = f"{label} of the shape {shape} needs {needed} bytes, its external data have {length}"
        collector.record_defect(TensorSizeDefect.SIZE_MISMATCH, detail, tensor.where)
    targets = [value for key, value in tensor.entries if key == "location"]
    if not any(targets):
        detail = f"{label} has its data in another file but no location for them"
        collector.record_defect(OnnxDefect.EXTERNAL_MISSING, detail, tensor.where)
    # Of repeated locations, loaders may take the first or the last: each is a reference.
    for target in dict.fromkeys(targets):
        if _MEMORY_LOCATION in target:
            collector.record_defect(
                OnnxDefect.MEMORY_ADDRESS, f"{label} has its data at the address {offset}", tensor.where
            )
        elif target:
            # Without a stated length, the data take as many bytes as the shape needs, if that is known.
            data_bytes = length if length is not None else needed or 0
            collector.record_reference(target, min(offset + data_bytes, _MOST_BYTES), label, tensor.where)


def _parse_number(tensor: Tensor, label: str, key: str, collector: ModelCollector) -> int | None:
    """Parse the last value of an entry of external data, such as ``offset``; ``None`` where the tensor has none.

    Records a defect, and returns ``None``, for a value that is not a whole number below 2**63.
    """
    values = [value for name, value in tensor.entries if name == key]
    if not values:
        return None
    if _NUMBER.fullmatch(values[-1]) and int(values[-1]) <= _MOST_BYTES:
        return int(values[-1])
    collector.record_defect(
        OnnxDefect.EXTERNAL_RANGE, f"{label} states the {key} {values[-1][:_QUOTED_LENGTH]!r}", tensor.where
    )
    return None


def _format_shape(dims: Sequence[int]) -> str:
    """Format the first eight sizes of a shape, such as ``[2, 3]``."""
    return "[" + ", ".join(map(str, dims[:8])) + (", …" if len(dims) > 8 else "") + "]"
