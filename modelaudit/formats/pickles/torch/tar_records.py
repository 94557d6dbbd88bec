"""Read the records of torch's oldest layout, a tar archive with ``storages``, ``tensors`` and ``pickle``.

``storages`` and ``tensors`` are pickles with numbers between them. torch unpickles each of them without restrictions.
Source: ``legacy_load`` in ``torch/serialization.py``.
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
from modelaudit.wire.ledger import claim_data, claim_parsed
from modelaudit.wire.text import get_file_name
from modelaudit.wire.windows import SubWindow, get_budget, make_opener

_COUNT_LAYOUT: Final = struct.Struct("<q")  # the number of elements of a storage, or one number of a tensor
_DIMENSIONS_LAYOUT: Final = struct.Struct("<i4x")  # the number of dimensions, and four unused bytes
_MOST_DIMENSIONS: Final = 64
_MOST_RECORDS: Final = 50_000


def recognises(head: Head) -> bool:
    """Whether this is a member ``storages`` or ``tensors`` of a tar archive of torch."""
    return head.content == TORCH_TAR and bool(head.data)


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield every pickle as an artifact, and the extent of the numbers between them."""
    reader = _RecordReader(window, limits)
    read_records = reader.read_storages if get_file_name(artifact.path) == "storages" else reader.read_tensors
    unread: Unread | None = None
    try:
        read_records()
    except LimitReachedError as error:
        unread = Unread(UnreadReason.LIMIT, str(error), Location(offset=error.offset))
    except DamagedError as error:
        unread = Unread(UnreadReason.DAMAGED, str(error), Location(offset=error.offset))
    except WindowError as error:
        unread = Unread(error.reason, str(error), Location(offset=reader.position))
    budget = get_budget(window, limits)
    for start, end in reader.pickles:
        pickle = SubWindow(window, start, end - start, budget)
        yield Artifact(join_range(artifact.path, start, end), pickle.size, make_opener(pickle), content=PICKLE)
    yield TensorData(reader.number_bytes)
    if unread is not None:
        yield unread


class _RecordReader:
    """Reads the records of ``storages`` or ``tensors`` in order.

    Attributes:
        position: offset of the next record.
        pickles: (offset, offset of the byte after it) of each pickle, a damaged one included.
        number_bytes: how many bytes of numbers are between the pickles.
    """

    def __init__(self, window: Window, limits: Limits) -> None:
        self.position = 0
        self.pickles: list[tuple[int, int]] = []
        self.number_bytes = 0
        self._window = window
        self._limits = limits

    def read_storages(self) -> None:
        """Read the records of ``storages``.

        These are a pickle of their count; for each storage a pickle of key, device and type, and its elements; and a
        pickle of the views on storages.

        Raises:
            DamagedError: the records are truncated or contradict themselves.
            WindowError: the window could not return the requested bytes.
        """
        for _ in range(self._read_count()):
            description = self._read_description()
            storage_type = description[2] if len(description) == 3 else None
            item_size = ITEM_SIZES.get(storage_type.qualname) if isinstance(storage_type, Name) else None
            if item_size is None:
                raise DamagedError("a storage has no type, or one whose element size is unknown", self.position)
            (count,) = _COUNT_LAYOUT.unpack(self._read_bytes(_COUNT_LAYOUT.size))
            self._skip_numbers(count * item_size)
        self._execute_pickle()

    def read_tensors(self) -> None:
        """Read the records of ``tensors``.

        These are a pickle of their count; and for each tensor a pickle of key, storage and type, the number of its
        dimensions, its sizes and strides, and its offset in the storage.

        Raises:
            DamagedError: the records are truncated or contradict themselves.
            WindowError: the window could not return the requested bytes.
        """
        for _ in range(self._read_count()):
            self._read_description()
            (dimensions,) = _DIMENSIONS_LAYOUT.unpack(self._read_bytes(_DIMENSIONS_LAYOUT.size))
            if not 0 <= dimensions <= _MOST_DIMENSIONS:
                detail = f"a tensor states {dimensions} dimensions, not 0 to {_MOST_DIMENSIONS}"
                raise DamagedError(detail, self.position)
            # A size and a stride for each dimension, and the offset.
            number_count = 2 * dimensions + 1
            self._skip_numbers(number_count * _COUNT_LAYOUT.size)

    def _read_count(self) -> int:
        """Execute the pickle of a count and return it; raise ``DamagedError`` if it is not a number."""
        number = self._execute_pickle()
        if not isinstance(number, int) or number < 0:
            raise DamagedError("the count of records is not a whole number of 0 or more", self.position)
        if number > _MOST_RECORDS:
            raise LimitReachedError(f"more than {_MOST_RECORDS} records", self.position)
        return number

    def _read_description(self) -> tuple[StackValue, ...]:
        """Execute a pickle of a tuple and return its items."""
        return unpack_tuple(self._execute_pickle())

    def _execute_pickle(self) -> StackValue:
        """Execute the pickle at ``position``, move to the byte after it, and return its value."""
        start = self.position
        machine = Machine(self._window, start, self._limits)
        try:
            machine.execute()
        except (DamagedError, WindowError):
            # The opcodes before the damage are a program all the same, which the pickle reader examines.
            self._add_pickle(start, self._window.size)
            raise
        self.position = machine.source.offset
        self._add_pickle(start, self.position)
        return machine.result

    def _add_pickle(self, start: int, end: int) -> None:
        """Add a pickle, whose bytes are read as a member."""
        self.pickles.append((start, end))
        claim_data(self._window, start, end)

    def _read_bytes(self, length: int) -> bytes:
        """Read ``length`` bytes at ``position`` and move to the byte after them."""
        data = self._window.read(self.position, length)
        if len(data) < length:
            raise DamagedError("the records are cut off", self.position)
        claim_parsed(self._window, self.position, self.position + length)
        self.position += length
        return data

    def _skip_numbers(self, length: int) -> None:
        """Move past ``length`` bytes of numbers, and count them."""
        bytes_left = self._window.size - self.position
        if not 0 <= length <= bytes_left:
            raise DamagedError(f"a record takes {length} bytes where {bytes_left} are left", self.position)
        claim_data(self._window, self.position, self.position + length)
        self.position += length
        self.number_bytes += length
