"""Arrays in the extensions of MessagePack that Flax defines: shape, type of the numbers, and their bytes.

Source: ``flax/serialization.py`` (``_ndarray_to_bytes``).
"""

from __future__ import annotations

from typing import Final

from modelaudit.formats.weights.msgpack import MsgpackDefect
from modelaudit.formats.weights.msgpack.items import Item, Items, Kind
from modelaudit.wire.base import DamagedError
from modelaudit.wire.members import DefectLog

NDARRAY: Final = 1
COMPLEX: Final = 2
SCALAR: Final = 3
TIMESTAMP: Final = -1
_LARGEST: Final = 2**63 - 1
_MOST_DIMENSIONS: Final = 64
_HEADER: Final = 2048
_WIDTHS: Final = {
    "bool": 1, "int2": 1, "int4": 1, "uint2": 1, "uint4": 1, "int8": 1, "uint8": 1, "int16": 2, "uint16": 2,
    "int32": 4, "uint32": 4, "int64": 8, "uint64": 8, "float16": 2, "float32": 4, "float64": 8, "bfloat16": 2,
    "complex64": 8, "complex128": 16, "float8_e4m3fn": 1, "float8_e5m2": 1, "float8_e4m3b11fnuz": 1,
    "float8_e4m3fnuz": 1, "float8_e5m2fnuz": 1, "float8_e4m3": 1, "float8_e3m4": 1, "float8_e8m0fnu": 1,
    "float4_e2m1fn": 1,
}  # fmt: skip


class _Bytes:
    def __init__(self, data: bytes, size: int) -> None:
        self.size = size
        self._data = data

    def read(self, offset: int, length: int) -> bytes:
        return self._data[offset : offset + length]


def judge_array(items: Items, item: Item, log: DefectLog) -> None:
    """Note where shape, type and bytes of an array contradict each other. Raises ``WindowError``."""
    try:
        _judge(items, item, log)
    except DamagedError as error:
        log.add(MsgpackDefect.MALFORMED_TENSOR, f"an extension for an array holds something else: {error}", item.offset)


def _judge(items: Items, item: Item, log: DefectLog) -> None:
    inner = Items(_Bytes(items.payload(item, _HEADER), item.size))
    top, shape = inner.next(), inner.next()
    if top.kind is not Kind.ARRAY or top.size != 3 or shape.kind is not Kind.ARRAY or shape.size > _MOST_DIMENSIONS:
        log.add(MsgpackDefect.MALFORMED_TENSOR, "an extension for an array holds something else", item.offset)
        return
    count = 1
    for _ in range(shape.size):
        size = inner.next()
        count *= _unsigned(inner, size)
    word, data = inner.next(), inner.next()
    name = inner.payload(word, 100).decode("utf-8", "backslashreplace")
    if word.kind is not Kind.TEXT or data.kind is not Kind.BYTES or inner.offset != item.size:
        log.add(MsgpackDefect.MALFORMED_TENSOR, "an extension for an array holds something else", item.offset)
    elif name not in _WIDTHS:
        log.add(MsgpackDefect.UNKNOWN_DTYPE, f"an array with items of the type {name!r}", item.offset)
    elif not 0 <= count <= _LARGEST:
        log.add(MsgpackDefect.SIZE_OVERFLOW, "the size of an array does not fit 64 bits", item.offset)
    elif count * _WIDTHS[name] != data.size:
        detail = f"an array of {count} items of {name} has {data.size} bytes"
        log.add(MsgpackDefect.SIZE_MISMATCH, detail, item.offset)


def _unsigned(items: Items, item: Item) -> int:
    if item.kind is not Kind.SCALAR:
        return -1
    if item.size == 0:
        first = items.window.read(item.offset, 1)
        return first[0] if first and first[0] < 0x80 else -1
    return int.from_bytes(items.window.read(item.start, item.size), "big")
