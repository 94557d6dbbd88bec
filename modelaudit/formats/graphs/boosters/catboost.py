"""Models of CatBoost: ``CBM1``, the size of a FlatBuffer, the buffer, and the parts that it names.

Source: ``catboost/libs/model/model.cpp`` (``TFullModel::Load``) and ``flatbuffers/model.fbs`` of CatBoost;
https://flatbuffers.dev/internals.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from modelaudit.formats.graphs.boosters.trees import Faults
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.outline import Mention, Outline
from modelaudit.model.structure import Location
from modelaudit.wire.base import DamagedError, Reading
from modelaudit.wire.leftover import make_leftover_artifacts

_MAGIC: Final = b"CBM1"
_HEADER: Final = 8
_VERSION: Final = "FlabuffersModel_v1"
_LONGEST: Final = 200
_MOST_PARTS: Final = 64
_MOST_TREES: Final = 4 * MIB
# Fields of the root, and of its trees, in the order of model.fbs.
_FORMAT, _TREES, _PARTS = 0, 1, 3
_SPLITS, _SIZES, _STARTS = 1, 2, 3


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the model, and what follows it, as an artifact.

    Raises:
        DamagedError: the buffer is longer than the file, or a table or list of it lies outside it.
        WindowError: from the window.
    """
    (size,) = struct.unpack("<I", window.read(4, 4).ljust(4, b"\0"))
    faults = Faults()
    mentions: list[Mention] = []
    facts: list[tuple[str, str]] = []
    damage: DamagedError | None = None
    try:
        if size > window.size - _HEADER:
            raise DamagedError(f"its buffer has {size} bytes, of which {window.size - _HEADER} are there", 4)
        _read_root(_Buffer(window, _HEADER, size), faults, mentions, facts)
    except DamagedError as error:
        damage = error
    yield Outline("catboost", tuple(mentions), tuple(facts), tuple(faults.found))
    if damage is not None:
        raise damage
    if not mentions:
        yield from make_leftover_artifacts(artifact, window, _HEADER + size, limits)


def _read_root(buffer: _Buffer, faults: Faults, mentions: list[Mention], facts: list[tuple[str, str]]) -> None:
    root = buffer.pointer(0)
    version = buffer.text(root, _FORMAT)
    facts.append(("version", version))
    if version != _VERSION:
        raise DamagedError(f"its version is {version!r}, which is not known", _HEADER)
    parts, count = buffer.vector(root, _PARTS, 4)
    for index in range(min(count, _MOST_PARTS)):
        name = buffer.text_at(buffer.pointer(parts + 4 * index))
        mentions.append(Mention("catboost-parts", "part", name, Location(offset=_HEADER)))
    field = buffer.field(root, _TREES)
    if not field:
        raise DamagedError("it holds no trees", _HEADER)
    trees = buffer.pointer(field)
    splits = buffer.vector(trees, _SPLITS, 4)[1]
    sizes, starts = buffer.numbers(trees, _SIZES), buffer.numbers(trees, _STARTS)
    facts.append(("trees", str(len(sizes))))
    if len(sizes) != len(starts):
        faults.size(f"it has {len(sizes)} trees and {len(starts)} places where they begin")
    for number, (length, start) in enumerate(zip(sizes, starts, strict=False)):
        if length < 0 or start < 0 or start + length > splits:
            faults.place(f"tree {number} lies at split {start} to {start + length} of {splits}")
            return


class _Buffer:
    """A FlatBuffer, of which only what is asked for is read. Positions count from its start."""

    def __init__(self, window: Window, start: int, size: int) -> None:
        self._window, self._start, self._size = window, start, size

    def _number(self, position: int, form: str) -> int:
        width = struct.calcsize(form)
        if not 0 <= position <= self._size - width:
            raise DamagedError(f"a part of its buffer lies at {position} of {self._size} bytes", self._start)
        (number,) = struct.unpack(form, self._window.read(self._start + position, width))
        return int(number)

    def pointer(self, position: int) -> int:
        """What the offset at ``position`` leads to."""
        return position + self._number(position, "<I")

    def field(self, table: int, number: int) -> int:
        """Where the value of a field stands; 0 where the table has none."""
        layout = table - self._number(table, "<i")
        length = self._number(layout, "<H")
        entry = 4 + 2 * number
        offset = self._number(layout + entry, "<H") if entry + 2 <= length else 0
        return table + offset if offset else 0

    def vector(self, table: int, number: int, width: int) -> tuple[int, int]:
        """Where the items of a list begin, and how many there are; none where the table has no such list."""
        field = self.field(table, number)
        if not field:
            return 0, 0
        position = self.pointer(field)
        count = self._number(position, "<I")
        if position + 4 + count * width > self._size:
            raise DamagedError(f"a list has {count} items, which are not all there", self._start + position)
        return position + 4, count

    def text(self, table: int, number: int) -> str:
        """A field that is a text; empty where the table has none."""
        field = self.field(table, number)
        return self.text_at(self.pointer(field)) if field else ""

    def text_at(self, position: int) -> str:
        """The text at ``position``."""
        length = self._number(position, "<I")
        if position + 4 + length > self._size:
            raise DamagedError(f"a text has {length} bytes, which are not all there", self._start + position)
        return self._window.read(self._start + position + 4, min(length, _LONGEST)).decode("utf-8", "replace")

    def numbers(self, table: int, number: int) -> tuple[int, ...]:
        """A list of whole numbers, up to a bound."""
        position, count = self.vector(table, number, 4)
        count = min(count, _MOST_TREES)
        return struct.unpack(f"<{count}i", self._window.read(self._start + position, 4 * count)) if count else ()
