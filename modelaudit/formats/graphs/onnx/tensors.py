"""One tensor of ONNX: its shape against its bytes, and where bytes that lie in another file are said to lie.

Sources: ``TensorProto`` in https://github.com/onnx/onnx/blob/main/onnx/onnx.proto,
https://onnx.ai/onnx/repo-docs/ExternalData.html, CVE-2022-25882, CVE-2024-27318, CVE-2026-34445.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from modelaudit.formats.graphs.onnx import OnnxDefect, TensorSizeDefect
from modelaudit.formats.graphs.onnx.findings import Found
from modelaudit.model.structure import Location
from modelaudit.wire.base import LimitReachedError
from modelaudit.wire.protobuf import BYTES, VARINT, Field, Message

BITS: Final = {
    1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64, 14: 64, 15: 128, 16: 16,
    17: 8, 18: 8, 19: 8, 20: 8, 21: 4, 22: 4, 23: 4, 24: 8, 25: 2, 26: 2,
}  # fmt: skip
"""Width of an element by its type's number; text, which has none, is left out."""
_DIMS, _TYPE, _SEGMENT, _NAME, _RAW, _ENTRIES, _LOCATION = 1, 2, 3, 8, 9, 13, 14
_MOST_DIMS: Final = 64
_MOST_ENTRIES: Final = 1024
_MOST_BYTES: Final = 2**63 - 1
_SHOWN: Final = 120
_PATH_BYTES: Final = 4096
_NUMBER: Final = re.compile(r"[0-9]{1,19}")
# ONNX Runtime and OpenVINO mark tensors of their own process so; the offset then is an address in memory.
MEMORY: Final = "_ORT_MEM_ADDR_"


@dataclass(slots=True)
class Tensor:
    """A tensor as it states itself; ``raw`` is the length of its raw bytes, ``None`` where there are none."""

    where: Location
    name: str = ""
    dims: list[int] = field(default_factory=list)
    type: int = 0
    raw: int | None = None
    is_external: bool = False
    is_segment: bool = False
    entries: list[tuple[str, str]] = field(default_factory=list)

    def take(self, part: Field) -> None:
        """Note one field. Raises ``DamagedError`` and ``WindowError``."""
        number = part.number
        if number == _DIMS and part.wire == VARINT:
            self.dimension(part.value)
        elif number == _DIMS and part.wire == BYTES:
            for value in part.body.parse_varints():
                self.dimension(value)
        elif number == _TYPE and part.wire == VARINT:
            self.type = part.value
        elif number == _LOCATION and part.wire == VARINT:
            self.is_external = part.value == 1
        elif part.wire == BYTES:
            self._take_bytes(number, part.body)

    def _take_bytes(self, number: int, body: Message) -> None:
        if number == _NAME:
            self.name = body.text(_SHOWN)
        elif number == _RAW:
            self.raw = body.size
        elif number == _SEGMENT:
            self.is_segment = True
        elif number == _ENTRIES:
            if len(self.entries) >= _MOST_ENTRIES:
                raise LimitReachedError(f"a tensor says more than {_MOST_ENTRIES} things of its data", body.start)
            self.entries.append(entry_of(body))

    def dimension(self, value: int) -> None:
        """Note one size of the shape, given as 64 bits without sign."""
        if len(self.dims) < _MOST_DIMS:
            self.dims.append(value - (1 << 64) if value >> 63 else value)


def entry_of(message: Message) -> tuple[str, str]:
    """Key and value of a pair of texts, the last of each, as parsers take it."""
    key = value = ""
    for part in message.fields():
        if part.wire == BYTES and part.number == 1:
            key = part.body.text(_SHOWN)
        elif part.wire == BYTES and part.number == 2:
            value = part.body.text(_PATH_BYTES)
    return key, value


def bytes_of(dims: Sequence[int], type_: int) -> int | None:
    """How many bytes a tensor takes; ``None`` where its type or its shape does not tell."""
    if type_ not in BITS or any(size < 0 for size in dims):
        return None
    items = 1
    for size in dims:
        items *= size
    return -(-items * BITS[type_] // 8)


def judge(tensor: Tensor, by: str, found: Found) -> None:
    """Hold the shape against the bytes, and note where external data lie. Raises ``LimitReachedError``."""
    found.tensors += 1
    label = tensor.name or by or "a tensor"
    takes = bytes_of(tensor.dims, tensor.type)
    if any(size < 0 for size in tensor.dims):
        found.defect(TensorSizeDefect.NEGATIVE_LENGTH, f"{label} has the shape {_shape(tensor.dims)}", tensor.where)
    elif takes is not None and takes > _MOST_BYTES:
        found.defect(TensorSizeDefect.SIZE_OVERFLOW, f"{label} has the shape {_shape(tensor.dims)}", tensor.where)
    if tensor.is_external or tensor.entries:
        _external(tensor, label, takes, found)
    elif tensor.raw is not None and takes is not None and takes != tensor.raw and not tensor.is_segment:
        detail = f"{label} of the shape {_shape(tensor.dims)} takes {takes} bytes and has {tensor.raw}"
        found.defect(TensorSizeDefect.SIZE_MISMATCH, detail, tensor.where)


def _external(tensor: Tensor, label: str, takes: int | None, found: Found) -> None:
    keys = [key for key, _ in tensor.entries]
    if len(set(keys)) < len(keys):
        found.defect(OnnxDefect.DUPLICATE_KEY, f"{label} states twice where its data lie", tensor.where)
    for key in sorted(set(keys)):
        if key.startswith("_"):
            found.defect(OnnxDefect.EXTERNAL_KEY, f"{label} gives its external data the property {key!r}", tensor.where)
    offset = _number(tensor, label, "offset", found) or 0
    length = _number(tensor, label, "length", found)
    if length is not None and takes is not None and length != takes:
        detail = f"{label} of the shape {_shape(tensor.dims)} takes {takes} bytes, its external data have {length}"
        found.defect(TensorSizeDefect.SIZE_MISMATCH, detail, tensor.where)
    targets = [value for key, value in tensor.entries if key == "location"]
    if not any(targets):
        found.defect(OnnxDefect.EXTERNAL_MISSING, f"{label} has its data in a file that it does not name", tensor.where)
    for target in dict.fromkeys(targets):
        if MEMORY in target:
            found.defect(OnnxDefect.MEMORY_ADDRESS, f"{label} has its data at the address {offset}", tensor.where)
        elif target:
            found.refer(target, min(offset + (length if length is not None else takes or 0), _MOST_BYTES), label,
                        tensor.where)  # fmt: skip


def _number(tensor: Tensor, label: str, key: str, found: Found) -> int | None:
    values = [value for name, value in tensor.entries if name == key]
    if not values:
        return None
    if _NUMBER.fullmatch(values[-1]) and int(values[-1]) <= _MOST_BYTES:
        return int(values[-1])
    found.defect(OnnxDefect.EXTERNAL_RANGE, f"{label} states the {key} {values[-1][:_SHOWN]!r}", tensor.where)
    return None


def _shape(dims: Sequence[int]) -> str:
    return "[" + ", ".join(map(str, dims[:8])) + (", …" if len(dims) > 8 else "") + "]"
