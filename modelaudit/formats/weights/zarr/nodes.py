"""Parse the arrays in Zarr metadata: shape, chunk shape, and the names of the chunk files.

Sources: https://zarr-specs.readthedocs.io/en/latest/v2/v2.0.html and
https://zarr-specs.readthedocs.io/en/latest/v3/core/index.html; ``zarr/core/metadata/v3.py`` of zarr-python for
the metadata of several arrays in one file.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct, field

from modelaudit.formats.weights.zarr import ZarrDefect
from modelaudit.languages.settings import Scalar, Setting
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.outline import ChunkGrid
from modelaudit.wire.members import DefectLog

FORMAT_KEY: Final = "zarr_format"
KeyPath = tuple[str, ...]
# The key paths below which a document consolidates the metadata of other nodes, in version 2 and 3.
_CONSOLIDATED_METADATA: Final[tuple[KeyPath, ...]] = (("metadata",), ("consolidated_metadata", "metadata"))
_SIZE_KEYS: Final[dict[str, tuple[KeyPath, ...]]] = {
    "shape": (("shape",),),
    "chunks": (("chunks",), ("chunk_grid", "configuration", "chunk_shape")),
}
# A dtype of version 2, such as ``<f4`` or ``<M8[ns]``: kind and size.
_NUMPY_DTYPE: Final = defer_pattern(r"[<>|=]?([a-zA-Z])(\d{1,9})(?:\[\w+\])?")
# A data type of version 3, such as ``float32``, with its bits.
_NAMED_DTYPE: Final = defer_pattern(r"(?:bool|int|uint|float|bfloat|complex)(\d{1,3})?")
_BYTES_PER_CHARACTER: Final = 4
_MAX_DIMENSIONS: Final = 64
_MAX_SHOWN_LENGTH: Final = 300
_MAX_INT64: Final = 2**63 - 1


class ZarrNode(Struct):
    """One array or group.

    Attributes:
        folder: path of the node, relative to the file that describes it.
        settings: each single value, with its key path from the node.
    """

    folder: str
    settings: list[tuple[KeyPath, Setting]] = field(default_factory=list)

    def find_value(self, *key_path: str) -> Scalar:
        """Return the value at a key path; the last one if the document repeats a key, as JSON parsers do."""
        return next((setting.value for path, setting in reversed(self.settings) if path == key_path), None)

    @property
    def is_array(self) -> bool:
        """Whether the node is an array: it has a data type."""
        return any(path[0] in ("dtype", "data_type") for path, _ in self.settings if path)

    @property
    def is_regular(self) -> bool:
        """Whether all chunks have the same shape, as always in version 2."""
        return self.find_value(FORMAT_KEY) == 2 or self.find_value("chunk_grid", "name") == "regular"

    def list_sizes(self, key: str) -> list[Scalar]:
        """Return the lengths as stated: of the array if ``key`` is ``shape``, of each chunk if it is ``chunks``."""
        # The last step of each path is the index of the dimension. If a document repeats a key, its last value counts.
        sizes = {path: setting.value for path, setting in self.settings if path[:-1] in _SIZE_KEYS[key]}
        return list(sizes.values())

    def locate_chunks(self) -> ChunkGrid | None:
        """Return the grid of chunk files; ``None`` if the node is not a regular array or its sizes are invalid."""
        shape, chunks = _parse_sizes(self.list_sizes("shape")), _parse_sizes(self.list_sizes("chunks"))
        if not (self.is_array and self.is_regular) or shape is None or chunks is None or 0 in chunks:
            return None
        if len(shape) != len(chunks):
            return None
        # The number of chunks in each dimension, rounded up.
        counts = tuple((extent + chunk - 1) // chunk for extent, chunk in zip(shape, chunks, strict=True))
        # The files of chunks are called ``0.1`` in version 2, and ``c/0/1`` in version 3 unless it states ``v2``.
        if self.find_value(FORMAT_KEY) == 2:
            return ChunkGrid(self.folder, "", str(self.find_value("dimension_separator") or "."), counts)
        separator = self.find_value("chunk_key_encoding", "configuration", "separator")
        if "v2" in (self.find_value("chunk_key_encoding", "name"), self.find_value("chunk_key_encoding")):
            return ChunkGrid(self.folder, "", str(separator or "."), counts)
        return ChunkGrid(self.folder, "c", str(separator or "/"), counts)


def collect_nodes(settings: Sequence[Setting]) -> Iterator[ZarrNode]:
    """Yield every node of a document: its own, and those whose metadata it consolidates."""
    nodes: dict[KeyPath, ZarrNode] = {}
    # Each node has the format key at its top level, so the path before the key is the path of the node.
    for setting in settings:
        if setting.path[-1:] != (FORMAT_KEY,):
            continue
        node_path = setting.path[:-1]
        if not node_path or node_path[:-1] in _CONSOLIDATED_METADATA:
            name = node_path[-1] if node_path else ""
            nodes[node_path] = ZarrNode(name.removesuffix(".zarray").removesuffix(".zgroup"))
    for setting in settings:
        # The path of a node has no step if the node is the document, and two or three in consolidated metadata.
        for step_count in (0, 2, 3):
            node = nodes.get(setting.path[:step_count]) if len(setting.path) > step_count else None
            if node is not None:
                node.settings.append((setting.path[step_count:], setting))
    yield from nodes.values()


def check_sizes(node: ZarrNode, limits: Limits, log: DefectLog) -> None:
    """Record a defect for invalid shapes, and for chunks too large for the memory that a loader allocates first.

    Arrays with chunks of different shapes are left out.
    """
    if not node.is_regular:
        return
    name = node.folder[:_MAX_SHOWN_LENGTH] or "the array"
    key = node.folder[:_MAX_SHOWN_LENGTH] or None
    shape, chunks = _parse_sizes(node.list_sizes("shape")), _parse_sizes(node.list_sizes("chunks"))
    if shape is None or chunks is None or 0 in chunks:
        stated = f"the shape {node.list_sizes('shape')[:8]} or in chunks of {node.list_sizes('chunks')[:8]}"
        detail = f"{name} has an invalid length in {stated}"
        log.add(ZarrDefect.NEGATIVE_LENGTH, detail[:_MAX_SHOWN_LENGTH], key=key)
    elif len(shape) != len(chunks):
        log.add(
            ZarrDefect.SIZE_MISMATCH, f"{name} has {len(shape)} dimensions, but its chunks have {len(chunks)}", key=key
        )
    else:
        item_bytes = _find_item_bytes(node)
        array_bytes, chunk_bytes = math.prod(shape) * item_bytes, math.prod(chunks) * item_bytes
        if array_bytes > _MAX_INT64 or chunk_bytes > _MAX_INT64:
            log.add(ZarrDefect.SIZE_OVERFLOW, f"the size of {name} does not fit 64 bits", key=key)
        elif chunk_bytes > limits.expanded_bytes:
            detail = f"the metadata of {name} state {chunk_bytes} bytes of memory for each chunk"
            log.add(ZarrDefect.EXPANSION_RATIO, detail, key=key)


def _parse_sizes(values: Sequence[Scalar]) -> tuple[int, ...] | None:
    """Return ``values`` as lengths, or ``None`` if one is not a natural number or there are too many dimensions."""
    if len(values) > _MAX_DIMENSIONS:
        return None
    lengths = tuple(value for value in values if isinstance(value, int) and not isinstance(value, bool) and value >= 0)
    return lengths if len(lengths) == len(values) else None


def _find_item_bytes(node: ZarrNode) -> int:
    """Return the size of an item in bytes; 1 if it is unknown."""
    dtype = node.find_value("dtype") or node.find_value("data_type") or node.find_value("data_type", "name")
    if not isinstance(dtype, str):
        return 1
    numpy_dtype = _NUMPY_DTYPE.fullmatch(dtype)
    if numpy_dtype is not None:
        kind, size = numpy_dtype[1], int(numpy_dtype[2])
        # The size of a text type counts characters.
        return size * _BYTES_PER_CHARACTER if kind == "U" else size
    named_dtype = _NAMED_DTYPE.fullmatch(dtype)
    if named_dtype is None:
        return 1
    bits = int(named_dtype[1] or 8)
    return max(1, bits // 8)
