"""Check the arrays that Flax stores in MessagePack extensions: a shape, the name of a dtype, and the bytes.

Source: ``flax/serialization.py`` (``_ndarray_to_bytes``).
"""

from __future__ import annotations

from math import prod
from typing import Final

from modelaudit.formats.weights.msgpack import MsgpackDefect
from modelaudit.formats.weights.msgpack.items import Item, ItemKind, ItemReader
from modelaudit.wire.base import DamagedError
from modelaudit.wire.members import DefectLog

# Type numbers of extensions: the first three are those of Flax, the last one is that of MessagePack itself.
NDARRAY: Final = 1
COMPLEX: Final = 2
SCALAR: Final = 3
TIMESTAMP: Final = -1
_MAX_INT64: Final = 2**63 - 1
_MAX_DIMENSIONS: Final = 64
# Enough for the fields before the bytes of an array: 64 dimensions, and the name of a dtype.
_MAX_HEADER_BYTES: Final = 2048
_MAX_DTYPE_NAME_BYTES: Final = 100
# First bytes of unsigned numbers of 1, 2, 4 and 8 bytes.
_UNSIGNED_STARTS: Final = frozenset({0xCC, 0xCD, 0xCE, 0xCF})
_NOT_AN_ARRAY: Final = "an array extension does not hold a shape, a dtype and bytes"
# The size of an element by the name of its dtype. JAX stores numbers of fewer than 8 bits in one byte each.
_ITEM_BYTES: Final = {
    "bool": 1, "int2": 1, "int4": 1, "uint2": 1, "uint4": 1, "int8": 1, "uint8": 1, "int16": 2, "uint16": 2,
    "int32": 4, "uint32": 4, "int64": 8, "uint64": 8, "float16": 2, "float32": 4, "float64": 8, "bfloat16": 2,
    "complex64": 8, "complex128": 16, "float8_e4m3fn": 1, "float8_e5m2": 1, "float8_e4m3b11fnuz": 1,
    "float8_e4m3fnuz": 1, "float8_e5m2fnuz": 1, "float8_e4m3": 1, "float8_e3m4": 1, "float8_e8m0fnu": 1,
    "float4_e2m1fn": 1,
}  # fmt: skip


class _BytesWindow:
    """A window of the size of a whole payload that holds only its first bytes."""

    def __init__(self, data: bytes, size: int) -> None:
        self.size = size
        self._data = data

    def read(self, offset: int, length: int) -> bytes:
        """Return ``length`` bytes at ``offset``; fewer or none beyond the bytes that are held."""
        return self._data[offset : offset + length]


def check_array(items: ItemReader, item: Item, log: DefectLog) -> None:
    """Record a defect if an extension does not hold an array, or its shape, dtype and bytes contradict each other.

    Args:
        items: the reader of the file, for the payload.
        item: the extension with the array.
        log: receives the defect.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    try:
        _check_fields(items, item, log)
    except DamagedError as error:
        log.add(MsgpackDefect.MALFORMED_TENSOR, f"{_NOT_AN_ARRAY}: {error}", item.offset)


def _check_fields(items: ItemReader, item: Item, log: DefectLog) -> None:
    """Record a defect unless the payload is an array of a shape, the name of a dtype, and bytes that fit them.

    Raises:
        DamagedError: the payload is not MessagePack.
    """
    payload = ItemReader(_BytesWindow(items.read_payload(item, _MAX_HEADER_BYTES), item.size))
    fields, shape = payload.read_item(), payload.read_item()
    has_three_fields = fields.kind is ItemKind.ARRAY and fields.size == 3
    if not has_three_fields or shape.kind is not ItemKind.ARRAY or shape.size > _MAX_DIMENSIONS:
        log.add(MsgpackDefect.MALFORMED_TENSOR, _NOT_AN_ARRAY, item.offset)
        return
    dimensions = [_read_unsigned(payload, payload.read_item()) for _ in range(shape.size)]
    valid_dimensions = [dimension for dimension in dimensions if dimension is not None]
    element_count = prod(valid_dimensions)
    dtype, data = payload.read_item(), payload.read_item()
    dtype_name = payload.read_payload(dtype, _MAX_DTYPE_NAME_BYTES).decode("utf-8", "backslashreplace")
    if dtype.kind is not ItemKind.TEXT or data.kind is not ItemKind.BYTES or payload.offset != item.size:
        log.add(MsgpackDefect.MALFORMED_TENSOR, _NOT_AN_ARRAY, item.offset)
    elif len(valid_dimensions) < len(dimensions):
        detail = "a dimension of an array is not an unsigned number"
        log.add(MsgpackDefect.MALFORMED_TENSOR, detail, item.offset)
    elif dtype_name not in _ITEM_BYTES:
        log.add(MsgpackDefect.UNKNOWN_DTYPE, f"an array of the unknown dtype {dtype_name!r}", item.offset)
    elif element_count > _MAX_INT64:
        log.add(MsgpackDefect.SIZE_OVERFLOW, "the size of an array does not fit in 64 bits", item.offset)
    elif element_count * _ITEM_BYTES[dtype_name] != data.size:
        detail = f"an array of {element_count} items of {dtype_name} has {data.size} bytes"
        log.add(MsgpackDefect.SIZE_MISMATCH, detail, item.offset)


def _read_unsigned(items: ItemReader, item: Item) -> int | None:
    """Return the value of an item that is an unsigned number; ``None`` for any other item."""
    if item.kind is not ItemKind.SCALAR:
        return None
    first_byte = items.window.read(item.offset, 1)
    if item.size == 0:
        # A number below 128 is its own first byte. Higher first bytes without a payload are nil, booleans or negative.
        return first_byte[0] if first_byte and first_byte[0] < 0x80 else None
    # Signed numbers and floats have a payload of the same widths, but other first bytes.
    is_unsigned = bool(first_byte) and first_byte[0] in _UNSIGNED_STARTS
    return int.from_bytes(items.window.read(item.start, item.size), "big") if is_unsigned else None
