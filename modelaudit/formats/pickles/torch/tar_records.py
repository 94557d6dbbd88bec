"""The records of torch's oldest layout, a tar archive with ``storages``, ``tensors`` and ``pickle``.

``storages`` and ``tensors`` are runs of pickles with numbers between them, and torch unpickles each of them with all
that this allows. Source: ``legacy_load`` in ``torch/serialization.py``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from modelaudit.formats.pickles.pickle.machine import Machine
from modelaudit.formats.pickles.pickle.storages import ITEM_SIZES
from modelaudit.formats.pickles.pickle.values import StackValue, unpack_tuple
from modelaudit.model.address import join_range
from modelaudit.model.artifact import PICKLE, TORCH_TAR, Artifact, Window
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import Limits
from modelaudit.model.pickle import Name
from modelaudit.model.structure import Location, TensorData, Unread, UnreadReason
from modelaudit.wire.base import DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.text import file_name
from modelaudit.wire.windows import SubWindow, budget_of, opener

_COUNT: Final = struct.Struct("<q")
_DIMENSIONS: Final = struct.Struct("<i4x")
_MOST_DIMENSIONS: Final = 64
_MOST_RECORDS: Final = 50_000


def recognises(head: Head) -> bool:
    """The layout says so."""
    return head.content == TORCH_TAR and bool(head.data)


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield every pickle as an artifact of its own, and the extent of the numbers between them."""
    walk = _Walk(window, limits)
    follow = walk.storages if file_name(artifact.path) == "storages" else walk.tensors
    unread: Unread | None = None
    try:
        follow()
    except LimitReachedError as error:
        unread = Unread(UnreadReason.LIMIT, str(error), Location(offset=error.offset))
    except DamagedError as error:
        unread = Unread(UnreadReason.DAMAGED, str(error), Location(offset=error.offset))
    except WindowError as error:
        unread = Unread(error.reason, str(error), Location(offset=walk.position))
    budget = budget_of(window, limits)
    for start, end in walk.pickles:
        stretch = SubWindow(window, start, end - start, budget)
        yield Artifact(join_range(artifact.path, start, end), stretch.size, opener(stretch), content=PICKLE)
    yield TensorData(walk.numbers)
    if unread is not None:
        yield unread
    elif walk.position < window.size:
        rest = SubWindow(window, walk.position, window.size - walk.position, budget)
        yield Artifact(join_range(artifact.path, walk.position, window.size), rest.size, opener(rest))


class _Walk:
    """Follows the records in order; ``pickles`` are the extents of those that were met, the damaged one included."""

    def __init__(self, window: Window, limits: Limits) -> None:
        self.position = 0
        self.pickles: list[tuple[int, int]] = []
        self.numbers = 0
        self._window = window
        self._limits = limits

    def storages(self) -> None:
        """A number; for each storage a pickle of its key, place and type, and its elements; a pickle of the views.

        Raises:
            DamagedError: the records break off or contradict themselves.
            WindowError: from the window.
        """
        for _ in range(self._count()):
            described = self._described()
            kind = described[2] if len(described) == 3 else None
            size = ITEM_SIZES.get(kind.qualname) if isinstance(kind, Name) else None
            if size is None:
                raise DamagedError("a storage of a type whose elements have no known size", self.position)
            self._pass(_COUNT.unpack(self._take(_COUNT.size))[0] * size)
        self._load()

    def tensors(self) -> None:
        """A number; for each tensor a pickle of its key, storage and type, and its sizes, strides and offset.

        Raises:
            DamagedError: the records break off or contradict themselves.
            WindowError: from the window.
        """
        for _ in range(self._count()):
            self._described()
            (dimensions,) = _DIMENSIONS.unpack(self._take(_DIMENSIONS.size))
            if not 0 <= dimensions <= _MOST_DIMENSIONS:
                raise DamagedError(f"a tensor of {dimensions} dimensions", self.position)
            self._pass((2 * dimensions + 1) * _COUNT.size)

    def _count(self) -> int:
        number = self._load()
        if not isinstance(number, int) or number < 0:
            raise DamagedError("the number of records is no number", self.position)
        if number > _MOST_RECORDS:
            raise LimitReachedError(f"more than {_MOST_RECORDS} records", self.position)
        return number

    def _described(self) -> tuple[StackValue, ...]:
        return unpack_tuple(self._load())

    def _load(self) -> StackValue:
        start = self.position
        machine = Machine(self._window, start, self._limits)
        try:
            machine.execute()
        except (DamagedError, WindowError):
            # What stands before the damage is a program all the same, and is told by whoever reads that stretch.
            self.pickles.append((start, self._window.size))
            raise
        self.position = machine.source.offset
        self.pickles.append((start, self.position))
        return machine.result

    def _take(self, length: int) -> bytes:
        data = self._window.read(self.position, length)
        if len(data) < length:
            raise DamagedError("the records break off", self.position)
        self.position += length
        return data

    def _pass(self, length: int) -> None:
        left = self._window.size - self.position
        if not 0 <= length <= left:
            raise DamagedError(f"a record takes {length} bytes where {left} are left", self.position)
        self.position += length
        self.numbers += length
