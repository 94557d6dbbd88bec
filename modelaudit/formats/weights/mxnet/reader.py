"""Read MXNet files: lists of arrays (``.params``), and the operators of graphs in JSON (``-symbol.json``).

Source: ``src/ndarray/ndarray.cc`` (``NDArray::Save``) and ``src/operator/custom`` of MXNet 1.9.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from math import prod
from typing import Final

from modelaudit.languages.settings import Interpreter, Setting
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention, Outline
from modelaudit.wire.base import DamagedError, Head, Reading
from modelaudit.wire.bounds import keep_first
from modelaudit.wire.cursor import Cursor
from modelaudit.wire.ledger import claim_parsed

VOCABULARY: Final = "mxnet-operators"
# ``kMXAPINDArrayListMagic``, and a reserved number.
_MAGIC: Final = struct.pack("<2Q", 0x112, 0)
# ``NDARRAY_V1_MAGIC`` to ``NDARRAY_V3_MAGIC``.
_ARRAY_1, _ARRAY_2, _ARRAY_3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
# Storage types (``NDArrayStorageType``); the others are sparse.
_UNDEFINED_STORAGE, _DENSE_STORAGE = -1, 0
# The size of a number by its type flag, such as 0 for ``kFloat32``.
_ITEM_BYTES: Final = {0: 4, 1: 8, 2: 2, 3: 1, 4: 4, 5: 1, 6: 8, 7: 1, 12: 2}
_MAX_DIMENSIONS: Final = 32
# The least bytes of an item of a list: an array without dimensions in the first layout. A name takes at least 8.
_MIN_ITEM_BYTES: Final = 4
_MAX_OPERATORS: Final = 2_000


def recognises(head: Head) -> bool:
    """Whether the bytes begin with the magic number of a list of arrays."""
    return head.content is None and head.data.startswith(_MAGIC)


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline.

    Raises:
        DamagedError: an array or a name ends beyond the file, or an array is sparse, which this reader does not decode.
        WindowError: the window could not return the requested bytes.
    """
    arrays = _ArrayListReader(window)
    damage: DamagedError | None = None
    try:
        arrays.read()
    except DamagedError as error:
        damage = error
    arrays.cursor.claim_consumed()
    yield Outline("mxnet", facts=(("arrays", str(arrays.count)),))
    if damage is not None:
        raise damage


class _ArrayListReader:
    """A reader that skips a list of arrays and the list of their names. ``count`` is the number of arrays skipped."""

    def __init__(self, window: Window) -> None:
        self.count = 0
        self.cursor = Cursor(window, len(_MAGIC))
        claim_parsed(window, 0, len(_MAGIC))

    def _unpack(self, form: str) -> tuple[int, ...]:
        """Read numbers in the ``struct`` format ``form``."""
        return struct.unpack(form, self.cursor.take(struct.calcsize(form), "a number"))

    def _read_count(self) -> int:
        """Read the number of items of a list. Raises ``DamagedError`` if the rest of the file cannot hold so many."""
        (count,) = self._unpack("<Q")
        if count > self.cursor.left // _MIN_ITEM_BYTES:
            raise DamagedError(
                f"a list states {count} items, more than fit in the rest of the file", self.cursor.offset
            )
        return count

    def read(self) -> None:
        """Skip all arrays, then all names.

        Raises:
            DamagedError: an array or a name ends beyond the file, or an array is sparse or invalid.
            WindowError: the window could not return the requested bytes.
        """
        for _ in range(self._read_count()):
            self._skip_array()
            self.count += 1
        for _ in range(self._read_count()):
            self.cursor.skip_data(self._unpack("<Q")[0], "a name")

    def _skip_array(self) -> None:
        """Skip one array: its magic number, storage type, shape, device, type and numbers.

        Raises:
            DamagedError: the array ends beyond the file, is sparse, or has an invalid shape or type.
        """
        start = self.cursor.offset
        (magic,) = self._unpack("<I")
        if magic in (_ARRAY_2, _ARRAY_3):
            (storage_type,) = self._unpack("<i")
            if storage_type not in (_UNDEFINED_STORAGE, _DENSE_STORAGE):
                raise DamagedError(
                    f"an array is not dense (storage type {storage_type}), which is not supported", start
                )
        if magic in (_ARRAY_1, _ARRAY_2, _ARRAY_3):
            (dimensions,) = self._unpack("<i")
            length_form = "q"
        else:
            # The first layout has no magic number: an array begins with its number of dimensions.
            dimensions = magic
            length_form = "I"
        if not -1 <= dimensions <= _MAX_DIMENSIONS:
            raise DamagedError(f"an array states {dimensions} dimensions, not -1 to {_MAX_DIMENSIONS}", start)
        shape = self._unpack(f"<{dimensions}{length_form}") if dimensions > 0 else ()
        # An array without a shape has neither type nor data. From the third layout on, no dimensions mean a scalar.
        if dimensions < 0 or (dimensions == 0 and magic != _ARRAY_3):
            return
        _device_type, _device_number, kind = self._unpack("<3i")
        if kind not in _ITEM_BYTES or any(length < 0 for length in shape):
            raise DamagedError(f"an array has the invalid type {kind} or shape {shape[:4]}", start)
        self.cursor.skip_data(prod(shape) * _ITEM_BYTES[kind], "an array")


def _read_operators(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield an outline of the operators of a graph, each once. A node of the graph names its operator under ``op``."""
    mentions: dict[str, Mention] = {}
    for setting in settings:
        # The path is ``nodes``, the index of the node, and ``op``.
        if setting.path[-1:] == ("op",) and setting.path[:1] == ("nodes",) and isinstance(setting.value, str):
            name = setting.value[:200]
            mentions.setdefault(name, Mention(VOCABULARY, "operator", name, setting.where))
    first_mentions, absences = keep_first(mentions.values(), _MAX_OPERATORS, "operators of the graph")
    if first_mentions:
        yield Outline("mxnet-symbol", first_mentions)
    yield from absences


SYMBOL_INTERPRETER: Final = Interpreter(frozenset({"arg_nodes"}), _read_operators)
