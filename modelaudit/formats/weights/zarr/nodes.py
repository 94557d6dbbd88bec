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
Way = tuple[str, ...]
_NODES: Final[tuple[Way, ...]] = ((), ("metadata",), ("consolidated_metadata", "metadata"))
_SIZES: Final[dict[str, tuple[Way, ...]]] = {
    "shape": (("shape",),),
    "chunks": (("chunks",), ("chunk_grid", "configuration", "chunk_shape")),
}
_TYPE: Final = re.compile(r"[<>|=]?([a-zA-Z])(\d{1,9})(?:\[\w+\])?")
_BITS: Final = re.compile(r"(?:bool|int|uint|float|bfloat|complex)(\d{1,3})?")
_WIDE_TEXT: Final = 4
_MOST_DIMENSIONS: Final = 64
_SHOWN: Final = 300
_LARGEST: Final = 2**63 - 1


@dataclass(slots=True)
class Node:
    """One array or group.

    Attributes:
        folder: of the node, from that of the file that describes it.
        settings: way from the node to each of its single values.
    """

    folder: str
    settings: list[tuple[Way, Setting]] = field(default_factory=list)

    def value(self, *way: str) -> Scalar:
        """What stands at ``way``, the last time it does, as a parser has it."""
        return next((setting.value for path, setting in reversed(self.settings) if path == way), None)

    @property
    def is_array(self) -> bool:
        """Whether it has items."""
        return any(path[0] in ("dtype", "data_type") for path, _ in self.settings if path)

    @property
    def is_regular(self) -> bool:
        """Whether its chunks are all of one shape, which version 2 has no word for."""
        return self.value(FORMAT_KEY) == 2 or self.value("chunk_grid", "name") == "regular"

    def sizes(self, what: str) -> list[Scalar]:
        """The ``shape`` of the array or of its ``chunks``, as stated."""
        found = {path: setting.value for path, setting in self.settings if path[:-1] in _SIZES[what]}
        return list(found.values())

    def grid(self) -> Grid | None:
        """The files of its chunks; ``None`` where it has none or its sizes are none."""
        shape, chunks = _numbers(self.sizes("shape")), _numbers(self.sizes("chunks"))
        if not (self.is_array and self.is_regular) or shape is None or chunks is None or 0 in chunks:
            return None
        if len(shape) != len(chunks):
            return None
        counts = tuple(-(-extent // chunk) for extent, chunk in zip(shape, chunks, strict=True))
        if self.value(FORMAT_KEY) == 2:
            return Grid(self.folder, "", str(self.value("dimension_separator") or "."), counts)
        separator = self.value("chunk_key_encoding", "configuration", "separator")
        if "v2" in (self.value("chunk_key_encoding", "name"), self.value("chunk_key_encoding")):
            return Grid(self.folder, "", str(separator or "."), counts)
        return Grid(self.folder, "c", str(separator or "/"), counts)


def nodes_of(settings: Sequence[Setting]) -> Iterator[Node]:
    """Every node of a document: the one that it describes itself, and those whose metadata it gathers."""
    found: dict[Way, Node] = {}
    for setting in settings:
        way = setting.path[:-1]
        if setting.path[-1:] == (FORMAT_KEY,) and (not way or way[:-1] in _NODES[1:]):
            name = way[-1] if way else ""
            found[way] = Node(name.removesuffix(".zarray").removesuffix(".zgroup"))
    for setting in settings:
        for length in (0, 2, 3):
            node = found.get(setting.path[:length]) if len(setting.path) > length else None
            if node is not None:
                node.settings.append((setting.path[length:], setting))
    yield from found.values()


def judge_sizes(node: Node, limits: Limits, log: DefectLog) -> None:
    """Note shapes that are none, and those that no memory holds: a loader allots a chunk before it reads one."""
    if not node.is_regular:
        return
    name = node.folder[:_SHOWN] or "the array"
    place = node.folder[:_SHOWN] or None
    shape, chunks = _numbers(node.sizes("shape")), _numbers(node.sizes("chunks"))
    if shape is None or chunks is None or 0 in chunks:
        detail = f"{name} has the shape {node.sizes('shape')[:8]} in chunks of {node.sizes('chunks')[:8]}"
        log.add(ZarrDefect.NEGATIVE_LENGTH, detail[:_SHOWN], key=place)
    elif len(shape) != len(chunks):
        log.add(ZarrDefect.SIZE_MISMATCH, f"{name} has {len(shape)} dimensions and chunks of {len(chunks)}", key=place)
    else:
        width = _width(node)
        if math.prod(shape) * width > _LARGEST or math.prod(chunks) * width > _LARGEST:
            log.add(ZarrDefect.SIZE_OVERFLOW, f"the size of {name} does not fit 64 bits", key=place)
        elif math.prod(chunks) * width > limits.expanded_bytes:
            detail = f"each chunk of {name} is stated to take {math.prod(chunks) * width} bytes of memory"
            log.add(ZarrDefect.EXPANSION_RATIO, detail, key=place)


def _numbers(values: Sequence[Scalar]) -> tuple[int, ...] | None:
    """``values``, where they are whole numbers of things, of no more dimensions than arrays have."""
    if len(values) <= _MOST_DIMENSIONS and all(
        isinstance(each, int) and not isinstance(each, bool) and each >= 0 for each in values
    ):
        return tuple(each for each in values if isinstance(each, int))
    return None


def _width(node: Node) -> int:
    """Bytes of an item, 1 where that is not known."""
    kind = node.value("dtype") or node.value("data_type") or node.value("data_type", "name")
    if not isinstance(kind, str):
        return 1
    spelled = _TYPE.fullmatch(kind)
    if spelled is not None:
        return int(spelled[2]) * (_WIDE_TEXT if spelled[1] == "U" else 1)
    bits = _BITS.fullmatch(kind)
    return max(1, int(bits[1] or 8) // 8) if bits is not None else 1
