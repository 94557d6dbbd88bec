"""Read CatBoost models: ``CBM1``, the size of a FlatBuffer, the buffer, and further parts that the buffer lists.

Source: ``catboost/libs/model/model.cpp`` (``TFullModel::Load``) and ``flatbuffers/model.fbs`` of CatBoost;
https://flatbuffers.dev/internals.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from modelaudit.formats.graphs.boosters.trees import TreeDefects
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.outline import Mention, Outline
from modelaudit.model.structure import Location
from modelaudit.wire.base import DamagedError, Reading
from modelaudit.wire.flatbuffer_schema import claim_flatbuffer, load_flat_schema
from modelaudit.wire.flatbuffers import FlatBuffer
from modelaudit.wire.ledger import claim_data, claim_parsed
from modelaudit.wire.windows import SubWindow, get_budget

_MAGIC: Final = b"CBM1"
_HEADER_BYTES: Final = 8
_VERSION: Final = "FlabuffersModel_v1"  # spelled so in CatBoost
_TEXT_BYTES: Final = 200
_MOST_PARTS: Final = 64
_MOST_TREES: Final = 4 * MIB
# Slots of the root table (TModelCore) and of its table of trees (TModelTrees), in the order of model.fbs.
_FORMAT_VERSION, _MODEL_TREES, _MODEL_PART_IDS = 0, 1, 3
_TREE_SPLITS, _TREE_SIZES, _TREE_START_OFFSETS = 1, 2, 3


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline of the model.

    Raises:
        DamagedError: the buffer is longer than the file, or a table or list is outside the buffer.
        WindowError: the window could not return the requested bytes.
    """
    # The size of the buffer follows the magic number; a file that ends before it has size 0 here.
    (size,) = struct.unpack("<I", window.read(len(_MAGIC), 4).ljust(4, b"\0"))
    defects = TreeDefects()
    mentions: list[Mention] = []
    facts: list[tuple[str, str]] = []
    damage: DamagedError | None = None
    try:
        if size > window.size - _HEADER_BYTES:
            available = window.size - _HEADER_BYTES
            raise DamagedError(f"the header states a buffer of {size} bytes, the file has {available}", 4)
        _read_root(_Buffer(window, _HEADER_BYTES, size), defects, mentions, facts)
        claim_parsed(window, 0, _HEADER_BYTES)
        buffer = FlatBuffer(SubWindow(window, _HEADER_BYTES, size, get_budget(window, limits)), limits)
        claim_flatbuffer(buffer, load_flat_schema(Path(__file__).parent, "catboost_schema.txt"))
    except DamagedError as error:
        damage = error
    yield Outline("catboost", tuple(mentions), tuple(facts), tuple(defects.defects))
    if damage is not None:
        raise damage
    if mentions:
        # The parts that the model lists follow the buffer, in formats of their own.
        claim_data(window, _HEADER_BYTES + size)


def _read_root(buffer: _Buffer, defects: TreeDefects, mentions: list[Mention], facts: list[tuple[str, str]]) -> None:
    """Record the version, the names of the further parts and the trees, and a defect for splits that do not exist.

    Args:
        buffer: the FlatBuffer of the model.
        defects: receives the defects of the trees.
        mentions: receives each part as a mention.
        facts: receives the version and the number of trees.

    Raises:
        DamagedError: the version is unknown, there are no trees, or a table or list is outside the buffer.
        WindowError: the window could not return the requested bytes.
    """
    root = buffer.follow_offset(0)  # a FlatBuffer begins with the offset of its root table
    version = buffer.read_field_text(root, _FORMAT_VERSION)
    facts.append(("version", version))
    if version != _VERSION:
        raise DamagedError(f"the version {version!r} is unknown", _HEADER_BYTES)
    part_names, count = buffer.find_list(root, _MODEL_PART_IDS, 4)
    for index in range(min(count, _MOST_PARTS)):
        name = buffer.read_text(buffer.follow_offset(part_names + 4 * index))
        # A part follows the buffer, and the library looks up its loader by this name.
        mentions.append(Mention("catboost-parts", "part", name, Location(offset=_HEADER_BYTES)))
    field = buffer.find_field(root, _MODEL_TREES)
    if not field:
        raise DamagedError("the model has no trees", _HEADER_BYTES)
    trees = buffer.follow_offset(field)
    # All trees share one list of splits; each tree is a range of it, given by a size and a start.
    _, split_count = buffer.find_list(trees, _TREE_SPLITS, 4)
    sizes, starts = buffer.read_numbers(trees, _TREE_SIZES), buffer.read_numbers(trees, _TREE_START_OFFSETS)
    facts.append(("trees", str(len(sizes))))
    if len(sizes) != len(starts):
        defects.record_size_mismatch(f"it has sizes of {len(sizes)} trees and starts of {len(starts)}")
    for number, (length, start) in enumerate(zip(sizes, starts, strict=False)):
        if length < 0 or start < 0 or start + length > split_count:
            defects.record_invalid_index(f"tree {number} has the splits {start} to {start + length} of {split_count}")
            return


class _Buffer:
    """A FlatBuffer whose parts are read on request. Positions count from its start.

    Its methods raise ``DamagedError`` for a position outside the buffer, and ``WindowError``.
    """

    def __init__(self, window: Window, start: int, size: int) -> None:
        self._window, self._start, self._size = window, start, size

    def _read_number(self, position: int, form: str) -> int:
        """Read one number, in the ``struct`` format ``form``."""
        width = struct.calcsize(form)
        if not 0 <= position <= self._size - width:
            raise DamagedError(f"a part is at position {position} of a buffer of {self._size} bytes", self._start)
        (number,) = struct.unpack(form, self._window.read(self._start + position, width))
        return int(number)

    def follow_offset(self, position: int) -> int:
        """Return the position that the offset at ``position`` points to."""
        return position + self._read_number(position, "<I")

    def find_field(self, table: int, number: int) -> int:
        """Return the position of the value of field ``number``; 0 where the table has none."""
        # A table begins with the distance back to its layout (vtable): the layout's length, the table's length, and
        # the offset of each field from the table, 0 for a field that is absent.
        layout = table - self._read_number(table, "<i")
        length = self._read_number(layout, "<H")
        entry = 4 + 2 * number
        offset = self._read_number(layout + entry, "<H") if entry + 2 <= length else 0
        return table + offset if offset else 0

    def find_list(self, table: int, number: int, width: int) -> tuple[int, int]:
        """Return the position of the first item of a list and the number of items; (0, 0) where the field is absent.

        Args:
            table: the position of the table.
            number: the field of the table that holds the list.
            width: the size of an item in bytes.
        """
        field = self.find_field(table, number)
        if not field:
            return 0, 0
        position = self.follow_offset(field)
        count = self._read_number(position, "<I")
        if position + 4 + count * width > self._size:
            raise DamagedError(f"a list of {count} items ends outside the buffer", self._start + position)
        return position + 4, count

    def read_field_text(self, table: int, number: int) -> str:
        """Return the text of field ``number``, at most 200 bytes; empty where the table has none."""
        field = self.find_field(table, number)
        return self.read_text(self.follow_offset(field)) if field else ""

    def read_text(self, position: int) -> str:
        """Return the text at ``position``, at most 200 bytes."""
        length = self._read_number(position, "<I")
        if position + 4 + length > self._size:
            raise DamagedError(f"a text of {length} bytes ends outside the buffer", self._start + position)
        return self._window.read(self._start + position + 4, min(length, _TEXT_BYTES)).decode("utf-8", "replace")

    def read_numbers(self, table: int, number: int) -> tuple[int, ...]:
        """Return the list of 32-bit integers in field ``number``, at most the first 4,194,304."""
        position, count = self.find_list(table, number, 4)
        count = min(count, _MOST_TREES)
        return struct.unpack(f"<{count}i", self._window.read(self._start + position, 4 * count)) if count else ()
