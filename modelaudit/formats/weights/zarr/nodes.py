"""Parse the arrays in Zarr metadata: shape, chunk shape, and the names of the chunk files.

Sources: https://zarr-specs.readthedocs.io/en/latest/v2/v2.0.html and
https://zarr-specs.readthedocs.io/en/latest/v3/core/index.html; ``zarr/core/metadata/v3.py`` of zarr-python for
the metadata of several arrays in one file.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from modelaudit.formats.weights.zarr import ZarrDefect
from modelaudit.languages.settings import Scalar, Setting
from modelaudit.model.limits import Limits
from modelaudit.model.outline import ChunkGrid
from modelaudit.wire.members import DefectLog

FORMAT_KEY: Final = "zarr_format"
KeyPath = tuple[str, ...]
_NODE_CONTAINERS: Final[tuple[KeyPath, ...]] = ((), ("metadata",), ("consolidated_metadata", "metadata"))
_SIZE_KEYS: Final[dict[str, tuple[KeyPath, ...]]] = {
    "shape": (("shape",),),
    "chunks": (("chunks",), ("chunk_grid", "configuration", "chunk_shape")),
}
_NUMPY_DTYPE: Final = re.compile(r"[<>|=]?([a-zA-Z])(\d{1,9})(?:\[\w+\])?")
_NAMED_DTYPE: Final = re.compile(r"(?:bool|int|uint|float|bfloat|complex)(\d{1,3})?")
_BYTES_PER_CHARACTER: Final = 4
_MAX_DIMENSIONS: Final = 64
_MAX_SHOWN_LENGTH: Final = 300
_MAX_INT64: Final = 2**63 - 1


@dataclass(slots=True)
class ZarrNode:
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

    def list_sizes(self, what: str) -> list[Scalar]:
        """Return the stated lengths of the array (``shape``) or of a chunk (``chunks``)."""
        found = {path: setting.value for path, setting in self.settings if path[:-1] in _SIZE_KEYS[what]}
        return list(found.values())

    def locate_chunks(self) -> ChunkGrid | None:
        """Return the grid of chunk files; ``None`` if the node is not a regular array or its sizes are invalid."""
        shape, chunks = _parse_sizes(self.list_sizes("shape")), _parse_sizes(self.list_sizes("chunks"))
        if not (self.is_array and self.is_regular) or shape is None or chunks is None or 0 in chunks:
            return None
        if len(shape) != len(chunks):
            return None
        counts = tuple(-(-extent // chunk) for extent, chunk in zip(shape, chunks, strict=True))
        if self.find_value(FORMAT_KEY) == 2:
            return ChunkGrid(self.folder, "", str(self.find_value("dimension_separator") or "."), counts)
        separator = self.find_value("chunk_key_encoding", "configuration", "separator")
        if "v2" in (self.find_value("chunk_key_encoding", "name"), self.find_value("chunk_key_encoding")):
            return ChunkGrid(self.folder, "", str(separator or "."), counts)
        return ChunkGrid(self.folder, "c", str(separator or "/"), counts)


def collect_nodes(settings: Sequence[Setting]) -> Iterator[ZarrNode]:
    """Yield every node of a document: its own, and those whose metadata it consolidates."""
    found: dict[KeyPath, ZarrNode] = {}
    for setting in settings:
        key_path = setting.path[:-1]
        if setting.path[-1:] == (FORMAT_KEY,) and (not key_path or key_path[:-1] in _NODE_CONTAINERS[1:]):
            name = key_path[-1] if key_path else ""
            found[key_path] = ZarrNode(name.removesuffix(".zarray").removesuffix(".zgroup"))
    for setting in settings:
        for length in (0, 2, 3):  # the lengths of key paths to a node: its own, or in consolidated metadata
            node = found.get(setting.path[:length]) if len(setting.path) > length else None
            if node is not None:
                node.settings.append((setting.path[length:], setting))
    yield from found.values()


def check_sizes(node: ZarrNode, limits: Limits, log: DefectLog) -> None:
    """Record invalid shapes, and chunks that exceed memory: a loader allocates a chunk before it reads one."""
    if not node.is_regular:
        return
    name = node.folder[:_MAX_SHOWN_LENGTH] or "the array"
    place = node.folder[:_MAX_SHOWN_LENGTH] or None
    shape, chunks = _parse_sizes(node.list_sizes("shape")), _parse_sizes(node.list_sizes("chunks"))
    if shape is None or chunks is None or 0 in chunks:
        detail = f"{name} has the shape {node.list_sizes('shape')[:8]} in chunks of {node.list_sizes('chunks')[:8]}"
        log.add(ZarrDefect.NEGATIVE_LENGTH, detail[:_MAX_SHOWN_LENGTH], key=place)
    elif len(shape) != len(chunks):
        log.add(ZarrDefect.SIZE_MISMATCH, f"{name} has {len(shape)} dimensions and chunks of {len(chunks)}", key=place)
    else:
        width = _find_item_bytes(node)
        if math.prod(shape) * width > _MAX_INT64 or math.prod(chunks) * width > _MAX_INT64:
            log.add(ZarrDefect.SIZE_OVERFLOW, f"the size of {name} does not fit 64 bits", key=place)
        elif math.prod(chunks) * width > limits.expanded_bytes:
            detail = f"the metadata of {name} state {math.prod(chunks) * width} bytes of memory for each chunk"
            log.add(ZarrDefect.EXPANSION_RATIO, detail, key=place)


def _parse_sizes(values: Sequence[Scalar]) -> tuple[int, ...] | None:
    """Return ``values`` as lengths, or ``None`` if one is not a natural number or there are too many dimensions."""
    if len(values) <= _MAX_DIMENSIONS and all(
        isinstance(each, int) and not isinstance(each, bool) and each >= 0 for each in values
    ):
        return tuple(each for each in values if isinstance(each, int))
    return None


def _find_item_bytes(node: ZarrNode) -> int:
    """Return the size of an item in bytes; 1 if it is unknown."""
    kind = node.find_value("dtype") or node.find_value("data_type") or node.find_value("data_type", "name")
    if not isinstance(kind, str):
        return 1
    spelled = _NUMPY_DTYPE.fullmatch(kind)
    if spelled is not None:
        return int(spelled[2]) * (_BYTES_PER_CHARACTER if spelled[1] == "U" else 1)
    bits = _NAMED_DTYPE.fullmatch(kind)
    return max(1, int(bits[1] or 8) // 8) if bits is not None else 1
