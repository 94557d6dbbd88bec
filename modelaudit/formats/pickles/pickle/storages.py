"""Track the storages of torch in a pickle: their types and lengths, and how far its tensors reach into them.

torch writes a storage as a persistent id, ``("storage", torch.FloatStorage, key, location, count)``, and a tensor as a
call of ``torch._utils._rebuild_tensor_v2`` with a storage, an offset, sizes and strides. Loaders that believe these
figures over the bytes read and write outside their memory (CVE-2026-24747). Sources: ``torch/serialization.py``
(``persistent_load``), ``torch/_utils.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelaudit.formats.pickles.pickle.dtypes import read_lengths
from modelaudit.formats.pickles.pickle.values import Container, StackValue
from modelaudit.model.pickle import CallResult, Name, Unknown
from modelaudit.model.torch import StorageClaim

ITEM_SIZES: Final = {
    "BFloat16Storage": 2, "BoolStorage": 1, "ByteStorage": 1, "CharStorage": 1, "ComplexDoubleStorage": 16,
    "ComplexFloatStorage": 8, "DoubleStorage": 8, "FloatStorage": 4, "HalfStorage": 2, "IntStorage": 4,
    "LongStorage": 8, "QInt32Storage": 4, "QInt8Storage": 1, "QUInt8Storage": 1, "ShortStorage": 2,
    "UntypedStorage": 1,
}  # fmt: skip
"""Bytes of one element, by the type of the storage."""

# Bytes of one element, by the name of a dtype.
_DTYPE_SIZES: Final = {
    "bfloat16": 2, "bool": 1, "complex128": 16, "complex64": 8, "float16": 2, "float32": 4, "float64": 8, "int16": 2,
    "int32": 4, "int64": 8, "int8": 1, "uint16": 2, "uint32": 4, "uint64": 8, "uint8": 1, "float8_e4m3fn": 1,
    "float8_e5m2": 1, "float8_e4m3fnuz": 1, "float8_e5m2fnuz": 1, "float8_e8m0fnu": 1,
}  # fmt: skip
# Functions of ``torch._utils`` whose arguments begin with storage, offset, sizes and strides.
_TENSOR_MAKERS: Final = frozenset({"_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3", "_rebuild_qtensor"})
_DTYPE_ARGUMENT: Final = 6  # of ``_rebuild_tensor_v3``
_TORCH_SIZE: Final = Name("torch", "Size")
_MOST_KEPT: Final = 60_000  # storages, references to them, and calls of torch.Size
_VARIANTS_KEPT: Final = 4  # types and counts of one storage
_LONGEST_KEY: Final = 200  # characters; the keys that torch writes are numbers
_STORAGE_ID_LENGTH: Final = 5  # entries of the persistent id of a storage
_GREATEST_FIGURE: Final = 1 << 63  # greater figures are cut to this one, which exceeds any file


class _StorageRecord:
    """The claims of a pickle about one storage.

    Attributes:
        types: every type that it is given, up to a bound. Equal records share one tuple, as a file may have many.
        counts: every number of elements that it is given, in the same way.
        reach: bytes from its start to the end of the tensor that reaches furthest.
        offset: where the pickle first refers to it.
    """

    __slots__ = ("counts", "offset", "reach", "types")

    def __init__(self, offset: int) -> None:
        self.types: tuple[str, ...] = ()
        self.counts: tuple[int, ...] = ()
        self.reach = 0
        self.offset = offset


class StorageTracker:
    """Gathers the persistent ids of storages and the tensors that are views of them.

    Attributes:
        overflow: the bound that was exceeded, in one line, so that not everything was tracked; otherwise empty.
        unmeasured_tensors: number of tensors in a storage with an offset, sizes or strides that torch does not write.
    """

    def __init__(self) -> None:
        self.overflow = ""
        self.unmeasured_tensors = 0
        self._by_key: dict[str, _StorageRecord] = {}
        # Both by identity of the value on the stack. Holding the value keeps its identity from being reused.
        self._values: dict[int, tuple[Unknown, _StorageRecord]] = {}
        self._sizes: dict[int, tuple[CallResult, StackValue]] = {}
        self._shared_types: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._shared_counts: dict[tuple[int, ...], tuple[int, ...]] = {}

    def record_persistent_id(self, parts: tuple[StackValue, ...], value: Unknown, offset: int) -> None:
        """Record a persistent id if it is that of a storage.

        Args:
            parts: the entries of the persistent id.
            value: the value that represents the storage on the stack.
            offset: offset of the opcode.
        """
        if len(parts) < _STORAGE_ID_LENGTH or parts[0] != "storage" or not isinstance(parts[2], str):
            return
        # The fourth entry is the device, which loaders may override.
        kind, key, count = parts[1], parts[2], parts[4]
        if len(key) > _LONGEST_KEY:
            self.overflow = f"a storage has a key of {len(key)} characters, more than are compared"
            return
        if len(self._values) >= _MOST_KEPT:
            self.overflow = f"only the first {_MOST_KEPT} references to storages are tracked"
            return
        storage = self._by_key.get(key)
        if storage is None:
            storage = self._by_key[key] = _StorageRecord(offset)
        type_ = kind.qualname if isinstance(kind, Name) else "…"
        if type_ not in storage.types and len(storage.types) < _VARIANTS_KEPT:
            types = (*storage.types, type_)
            storage.types = self._shared_types.setdefault(types, types)
        if isinstance(count, int) and len(storage.counts) < _VARIANTS_KEPT:
            bounded_count = max(-_GREATEST_FIGURE, min(count, _GREATEST_FIGURE))
            if bounded_count not in storage.counts:
                counts = (*storage.counts, bounded_count)
                storage.counts = self._shared_counts.setdefault(counts, counts)
        self._values[id(value)] = (value, storage)

    def record_call(self, callee: StackValue, arguments: tuple[StackValue, ...], result: CallResult) -> None:
        """Record a call if it makes a tensor that is a view of a storage, or the size of a tensor.

        ``result`` represents the result of the call on the stack.
        """
        if len(arguments) == 1 and callee == _TORCH_SIZE and len(self._sizes) < _MOST_KEPT:
            self._sizes[id(result)] = (result, arguments[0])
        if not isinstance(callee, Name) or callee.qualname not in _TENSOR_MAKERS or len(arguments) < 4:
            return
        view_of, start, sizes, strides = arguments[:4]
        _, storage = self._values.get(id(view_of), (None, None))
        if storage is None:
            return
        item_size = _find_item_size(callee, arguments, storage)
        reach = _measure_reach(start, self._read_sizes(sizes), self._read_sizes(strides))
        if reach is None:
            self.unmeasured_tensors += 1
        elif item_size is not None:
            storage.reach = max(storage.reach, min(reach * item_size, _GREATEST_FIGURE))

    def _read_sizes(self, value: StackValue) -> tuple[int, ...] | None:
        """Return the numbers in a tuple, or in the tuple that a call of ``torch.Size`` holds; ``None`` for others."""
        if isinstance(value, CallResult):
            _, value = self._sizes.get(id(value), (None, None))
        return read_lengths(value) if isinstance(value, Container) else None

    def iterate_sizes(self) -> Iterator[StackValue]:
        """Yield the arguments of the calls of ``torch.Size`` that are tracked."""
        return (argument for _, argument in self._sizes.values())

    def build_claims(self) -> tuple[StorageClaim, ...]:
        """Return a claim for every storage, in the order of the first reference; the records are dropped meanwhile."""
        self._values.clear()
        self._sizes.clear()
        claims = []
        by_key, self._by_key = self._by_key, {}
        for key in list(by_key):
            record = by_key.pop(key)
            item_size = ITEM_SIZES.get(record.types[0])
            claim = StorageClaim(key, record.types, record.counts, item_size, record.reach, offset=record.offset)
            claims.append(claim)
        return tuple(claims)


def _find_item_size(callee: Name, arguments: tuple[StackValue, ...], storage: _StorageRecord) -> int | None:
    """Return the bytes of one element of a tensor: by the dtype among the arguments, or by the type of its storage."""
    if callee.qualname == "_rebuild_tensor_v3":
        dtype = arguments[_DTYPE_ARGUMENT] if len(arguments) > _DTYPE_ARGUMENT else None
        return _DTYPE_SIZES.get(dtype.qualname) if isinstance(dtype, Name) else None
    # A record is made with a type; the checks report a storage that later gets another one.
    return ITEM_SIZES.get(storage.types[0])


def _measure_reach(start: StackValue, sizes: tuple[int, ...] | None, strides: tuple[int, ...] | None) -> int | None:
    """Return the number of elements from the start of the storage to the end of a tensor; ``None`` if it is unknown.

    All arguments count elements. A negative number makes the tensor reach memory before the storage, which counts as
    the greatest reach.
    """
    if not isinstance(start, int) or sizes is None or strides is None or len(sizes) != len(strides):
        return None
    if start < 0 or any(number < 0 for number in (*sizes, *strides)):
        return _GREATEST_FIGURE
    if 0 in sizes:
        return 0
    last_element = start + sum((size - 1) * stride for size, stride in zip(sizes, strides, strict=True))
    return last_element + 1
