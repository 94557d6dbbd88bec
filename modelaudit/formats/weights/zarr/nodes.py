"""The arrays that metadata of Zarr describe: shape, chunks, and the files in which the chunks lie.

Sources: https://zarr-specs.readthedocs.io/en/latest/v2/v2.0.html and
https://zarr-specs.readthedocs.io/en/latest/v3/core/index.html; ``zarr/core/metadata/v3.py`` of zarr-python for
metadata of several arrays in one file.
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
from modelaudit.model.outline import Grid
from modelaudit.wire.members import DefectLog

FORMAT_KEY: Final = "zarr_format"
KeyPath = tuple[str, ...]
_NODE_CONTAINERS: Final[tuple[KeyPath, ...]] = ((), ("metadata",), ("consolidated_metadata", "metadata"))
_SIZE_KEYS: Final[dict[str, tuple[KeyPath, ...]]] = {
    "shape": (("shape",),),
    "chunks": (("chunks",), ("chunk_grid", "configuration", "chunk_shape")),
}
_DTYPE_2: Final = re.compile(r"[<>|=]?([a-zA-Z])(\d{1,9})(?:\[\w+\])?")
_DTYPE_3: Final = re.compile(r"(?:bool|int|uint|float|bfloat|complex)(\d{1,3})?")
_BYTES_PER_CHARACTER: Final = 4
_MAX_DIMENSIONS: Final = 64
_MAX_SHOWN_LENGTH: Final = 300
_MAX_INT64: Final = 2**63 - 1


@dataclass(slots=True)
class ZarrNode:
    """One array or group.

    Attributes:
        folder: of the node, from that of the file that describes it.
        settings: way from the node to each of its single values.
    """

    folder: str
    settings: list[tuple[KeyPath, Setting]] = field(default_factory=list)

    def find_value(self, *way: str) -> Scalar:
        """What stands at ``way``, the last time it does, as a parser has it."""
        return next((setting.value for path, setting in reversed(self.settings) if path == way), None)

    @property
    def is_array(self) -> bool:
        """Whether it has items."""
        return any(path[0] in ("dtype", "data_type") for path, _ in self.settings if path)

    @property
    def is_regular(self) -> bool:
        """Whether its chunks are all of one shape, which version 2 has no word for."""
        return self.find_value(FORMAT_KEY) == 2 or self.find_value("chunk_grid", "name") == "regular"

    def list_sizes(self, what: str) -> list[Scalar]:
        """The ``shape`` of the array or of its ``chunks``, as stated."""
        found = {path: setting.value for path, setting in self.settings if path[:-1] in _SIZE_KEYS[what]}
        return list(found.values())

    def locate_chunks(self) -> Grid | None:
        """The files of its chunks; ``None`` where it has none or its sizes are none."""
        shape, chunks = _parse_sizes(self.list_sizes("shape")), _parse_sizes(self.list_sizes("chunks"))
        if not (self.is_array and self.is_regular) or shape is None or chunks is None or 0 in chunks:
            return None
        if len(shape) != len(chunks):
            return None
        counts = tuple(-(-extent // chunk) for extent, chunk in zip(shape, chunks, strict=True))
        if self.find_value(FORMAT_KEY) == 2:
            return Grid(self.folder, "", str(self.find_value("dimension_separator") or "."), counts)
        separator = self.find_value("chunk_key_encoding", "configuration", "separator")
        if "v2" in (self.find_value("chunk_key_encoding", "name"), self.find_value("chunk_key_encoding")):
            return Grid(self.folder, "", str(separator or "."), counts)
        return Grid(self.folder, "c", str(separator or "/"), counts)


def collect_nodes(settings: Sequence[Setting]) -> Iterator[ZarrNode]:
    """Every node of a document: the one that it describes itself, and those whose metadata it gathers."""
    found: dict[KeyPath, ZarrNode] = {}
    for setting in settings:
        way = setting.path[:-1]
        if setting.path[-1:] == (FORMAT_KEY,) and (not way or way[:-1] in _NODE_CONTAINERS[1:]):
            name = way[-1] if way else ""
            found[way] = ZarrNode(name.removesuffix(".zarray").removesuffix(".zgroup"))
    for setting in settings:
        for length in (0, 2, 3):
            node = found.get(setting.path[:length]) if len(setting.path) > length else None
            if node is not None:
                node.settings.append((setting.path[length:], setting))
    yield from found.values()


def check_sizes(node: ZarrNode, limits: Limits, log: DefectLog) -> None:
    """Note shapes that are none, and those that no memory holds: a loader allots a chunk before it reads one."""
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
            detail = f"each chunk of {name} is stated to take {math.prod(chunks) * width} bytes of memory"
            log.add(ZarrDefect.EXPANSION_RATIO, detail, key=place)


def _parse_sizes(values: Sequence[Scalar]) -> tuple[int, ...] | None:
    """``values``, where they are whole numbers of things, of no more dimensions than arrays have."""
    if len(values) <= _MAX_DIMENSIONS and all(
        isinstance(each, int) and not isinstance(each, bool) and each >= 0 for each in values
    ):
        return tuple(each for each in values if isinstance(each, int))
    return None


def _find_item_bytes(node: ZarrNode) -> int:
    """Bytes of an item, 1 where that is not known."""
    kind = node.find_value("dtype") or node.find_value("data_type") or node.find_value("data_type", "name")
    if not isinstance(kind, str):
        return 1
    spelled = _DTYPE_2.fullmatch(kind)
    if spelled is not None:
        return int(spelled[2]) * (_BYTES_PER_CHARACTER if spelled[1] == "U" else 1)
    bits = _DTYPE_3.fullmatch(kind)
    return max(1, int(bits[1] or 8) // 8) if bits is not None else 1
