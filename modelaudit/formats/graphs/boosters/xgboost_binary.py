"""Models of XGBoost in the binary form that it wrote before JSON, and could write until version 3.

Structures of C++ as they lay in memory: a header of 136 bytes, two names, then trees with their nodes. Source, in
release 2.1: ``LearnerModelParamLegacy`` in ``src/learner.cc``, ``src/gbm/gbtree_model.cc``, ``src/tree/tree_model.cc``.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Final

from modelaudit.formats.graphs.boosters.trees import NAMES, Faults, check_children, check_numbers
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention, Outline
from modelaudit.wire.base import DamagedError, Head, Reading
from modelaudit.wire.leftover import make_leftover_artifacts

_MAGIC: Final = b"binf"
_HEADER: Final = 136
_TREE: Final = 148
_GROUP: Final = 160
_NODE: Final = 20
_STATISTICS: Final = 16
_LINEAR: Final = 136
_LONGEST_NAME: Final = 256
_MOST_NODES: Final = 4_000_000
_OBJECTIVE: Final = re.compile(rb".\x00{7}(?:binary|reg|multi|rank|count|survival|gpu):[a-z_]+", re.DOTALL)


def recognises(head: Head) -> bool:
    """Where the name of the objective stands, behind the header, stands one."""
    start = len(_MAGIC) if head.data.startswith(_MAGIC) else 0
    return head.content is None and _OBJECTIVE.match(head.data, start + _HEADER) is not None


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the model, and what follows it, as an artifact.

    Raises:
        DamagedError: a part of it breaks off.
        WindowError: from the window.
    """
    model = _Model(window, limits)
    damage: DamagedError | None = None
    try:
        model.read()
    except DamagedError as error:
        damage = error
    yield Outline("xgboost-binary", tuple(model.mentions), tuple(model.facts), tuple(model.faults.found))
    if damage is not None:
        raise damage
    yield from make_leftover_artifacts(artifact, window, model.position, limits)


class _Model:
    def __init__(self, window: Window, limits: Limits) -> None:
        self.mentions: list[Mention] = []
        self.facts: list[tuple[str, str]] = []
        self.faults = Faults()
        self._window = window
        self._limits = limits
        self.position = len(_MAGIC) if window.read(0, len(_MAGIC)) == _MAGIC else 0

    def _take(self, length: int) -> bytes:
        self._demand(length)
        piece = self._window.read(self.position, length)
        self.position += len(piece)
        return piece

    def _demand(self, length: int) -> None:
        left = self._window.size - self.position
        if not 0 <= length <= left:
            raise DamagedError(f"{length} bytes have to follow, of which {left} are there", self.position)

    def _count(self) -> int:
        return int.from_bytes(self._take(8), "little")

    def _name(self, use: str) -> str:
        length = self._count()
        if length > _LONGEST_NAME:
            raise DamagedError(f"the name of its {use} has {length} characters", self.position)
        name = self._take(length).decode("utf-8", "replace")
        self.mentions.append(Mention(NAMES, use, name))
        self.facts.append((use, name))
        return name

    def read(self) -> None:
        header = struct.unpack("<f8i", self._take(_HEADER)[:36])
        features, classes, extra = header[1] & 0xFFFF_FFFF, header[2], header[3]
        check_numbers(features, classes, self.faults)
        self._name("objective")
        booster = self._name("booster")
        if booster == "gblinear":
            self._take(_LINEAR)
            self._skip_numbers(4)
        else:
            self._trees(features)
            if booster == "dart" and self.position < self._window.size:
                self._skip_numbers(4)
        if extra:
            for _ in range(self._items()):
                self._skip_numbers(1)
                self._skip_numbers(1)
        if header[4]:
            for _ in range(self._items()):
                self._skip_numbers(1)

    def _items(self) -> int:
        """How many pairs or texts follow, each of which has a length of its own in front of it."""
        count = self._count()
        self._demand(count * 8)
        return count

    def _skip_numbers(self, width: int) -> None:
        length = self._count() * width
        self._demand(length)
        self.position += length

    def _trees(self, features: int) -> None:
        (count,) = struct.unpack("<i", self._take(_GROUP)[:4])
        self._demand(count * (_TREE + _NODE + _STATISTICS))
        for number in range(count):
            self._tree(number, features)
        self._demand(count * 4)
        self.position += count * 4

    def _tree(self, number: int, features: int) -> None:
        parameters = struct.unpack("<6i", self._take(_TREE)[:24])
        count, vector = parameters[1], parameters[5]
        if count <= 0:
            raise DamagedError(f"tree {number} has {count} nodes", self.position)
        self._demand(count * (_NODE + _STATISTICS))
        if count > _MOST_NODES:
            self.position += count * (_NODE + _STATISTICS)
            return
        left, right = [], []
        beyond = False
        step = self._limits.read_bytes // _NODE
        for at in range(0, count, step):
            for _, one, two, index, _ in struct.iter_unpack("<3iIf", self._take(min(step, count - at) * _NODE)):
                left.append(one)
                right.append(two)
                beyond |= one != -1 and index & 0x7FFF_FFFF >= features > 0
        self.position += count * _STATISTICS
        if beyond:
            self.faults.place(f"tree {number} splits by a feature beyond its {features}")
        check_children(left, right, self.faults, f"tree {number}")
        if vector > 1:
            self._skip_numbers(4)
