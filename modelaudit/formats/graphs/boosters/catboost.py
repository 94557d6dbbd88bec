"""Read CatBoost models: ``CBM1``, the size of a FlatBuffer, the buffer, and further parts that the buffer lists.

Source: ``catboost/libs/model/model.cpp`` (``TFullModel::Load``) and ``flatbuffers/model.fbs`` of CatBoost;
https://flatbuffers.dev/internals.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from modelaudit.formats.graphs.boosters.trees import TreeDefects
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.outline import Mention, Outline
from modelaudit.model.structure import Location
from modelaudit.wire.base import DamagedError, LimitReachedError, Reading
from modelaudit.wire.flatbuffer_schema import claim_flatbuffer, load_flat_schema
from modelaudit.wire.flatbuffers import FlatBuffer, Table
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
        LimitReachedError: there are too many parts, trees or tables.
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
        buffer = FlatBuffer(SubWindow(window, _HEADER_BYTES, size, get_budget(window, limits)), limits)
        _read_root(buffer.read_root(), defects, mentions, facts)
        claim_parsed(window, 0, _HEADER_BYTES)
        claim_flatbuffer(buffer, load_flat_schema(Path(__file__).parent, "catboost_schema.txt"))
    except DamagedError as error:
        damage = error
    yield Outline("catboost", tuple(mentions), tuple(facts), tuple(defects.defects))
    if damage is not None:
        raise damage
    if mentions:
        # The parts that the model lists follow the buffer, in formats of their own.
        claim_data(window, _HEADER_BYTES + size)


def _read_root(root: Table, defects: TreeDefects, mentions: list[Mention], facts: list[tuple[str, str]]) -> None:
    """Record the version, the names of the further parts and the trees, and a defect for splits that do not exist.

    Args:
        root: the root table of the model.
        defects: receives the defects of the trees.
        mentions: receives each part as a mention.
        facts: receives the version and the number of trees.

    Raises:
        DamagedError: the version is unknown, there are no trees, or a table or list is outside the buffer.
        LimitReachedError: there are too many parts or trees.
        WindowError: the window could not return the requested bytes.
    """
    version = root.text(_FORMAT_VERSION, _TEXT_BYTES)
    facts.append(("version", version))
    if version != _VERSION:
        raise DamagedError(f"the version {version!r} of the model format is unknown", _HEADER_BYTES)
    parts = root.vector(_MODEL_PART_IDS)
    if parts is not None:
        # A part follows the buffer, and the library looks up its loader by this name.
        where = Location(offset=_HEADER_BYTES)
        names = islice(parts.texts(_TEXT_BYTES), _MOST_PARTS)
        mentions.extend(Mention("catboost-parts", "part", name, where) for name in names)
    trees = root.table(_MODEL_TREES)
    if trees is None:
        raise DamagedError("the model has no trees", _HEADER_BYTES)
    _check_splits(trees, defects, facts)
    if parts is not None and parts.count > _MOST_PARTS:
        raise LimitReachedError(f"it lists more than {_MOST_PARTS} parts", _HEADER_BYTES)


def _check_splits(trees: Table, defects: TreeDefects, facts: list[tuple[str, str]]) -> None:
    """Record the number of trees, and a defect for the first tree with splits that do not exist; see ``_read_root``."""
    # All trees share one list of splits; each tree is a range of it, given by a size and a start.
    splits = trees.vector(_TREE_SPLITS)
    split_count = splits.count if splits is not None else 0
    sizes, starts = read_integers(trees, _TREE_SIZES), read_integers(trees, _TREE_START_OFFSETS)
    facts.append(("trees", str(len(sizes))))
    if len(sizes) != len(starts):
        defects.record_size_mismatch(f"it has sizes of {len(sizes)} trees and starts of {len(starts)}")
    for number, (length, start) in enumerate(zip(sizes, starts, strict=False)):
        if length < 0 or start < 0 or start + length > split_count:
            defects.record_invalid_index(f"tree {number} has the splits {start} to {start + length} of {split_count}")
            return


def read_integers(table: Table, slot: int) -> Sequence[int]:
    """Return a vector of 32-bit integers, one for each tree; empty if it is omitted. Raises like ``_read_root``."""
    vector = table.vector(slot)
    if vector is None:
        return array("i")
    if vector.count > _MOST_TREES:
        raise LimitReachedError(f"it has more than {_MOST_TREES} trees", _HEADER_BYTES)
    # Unlike ``Vector.numbers``, this does not spend the bound on elements, which large models would exceed.
    integers = array("i", vector.read_first_bytes(4 * vector.count))  # of four bytes each in memory, unlike a tuple
    if sys.byteorder == "big":
        integers.byteswap()
    return integers
