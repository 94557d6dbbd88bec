"""Read graphs of words of dawgdic, and the paradigms of pymorphy.

A graph is a number of units, units of 32 bits, and, where words can be listed in order, a guide: as many pairs of bytes
behind their number. Paradigms are lists of numbers of 16 bits, each behind its length.
Sources: ``dictionary.h`` and ``guide.h`` of dawgdic, in https://github.com/pytries/DAWG; ``pymorphy2/opencorpora_dict``
of https://github.com/pymorphy2/pymorphy2 (``_write_paradigms`` of ``storage.py``).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline
from modelaudit.wire.base import DamagedError, Head, Reading
from modelaudit.wire.record_cursor import RecordCursor
from modelaudit.wire.text import get_file_name

FORMAT: Final = "dawg"
_COUNT: Final = struct.Struct("<I")
_UNIT_BYTES: Final = 4
_GUIDE_BYTES: Final = 2
# dawgdic adds units in blocks of this size.
_BLOCK_UNITS: Final = 256
_PARADIGMS: Final = "paradigms.array"
_U16: Final = struct.Struct("<H")
# A suffix, a tag and a prefix for each form of a word.
_NUMBERS_PER_FORM: Final = 3


def recognises(head: Head) -> bool:
    """Whether the number of units gives the size of the file, with a guide or without, or it is named a paradigm."""
    if head.content is not None or len(head.data) < _COUNT.size:
        return False
    if get_file_name(head.path) == _PARADIGMS:
        return True
    (count,) = _COUNT.unpack_from(head.data)
    if not count or count % _BLOCK_UNITS:
        return False
    graph_end = _COUNT.size + count * _UNIT_BYTES
    if head.window.size == graph_end:
        return True
    guide = head.window.size - graph_end - _COUNT.size
    # The guide of a graph without words is empty; the graph has one block then.
    sizes = (0, count * _GUIDE_BYTES) if count == _BLOCK_UNITS else (count * _GUIDE_BYTES,)
    return guide in sizes and _is_guide(head.window.read(graph_end, _COUNT.size), guide)


def _is_guide(start: bytes, size: int) -> bool:
    """Whether the number of units at the start of a guide gives its size in bytes."""
    return len(start) == _COUNT.size and _COUNT.unpack(start)[0] * _GUIDE_BYTES == size


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline with the number of units or paradigms.

    Raises:
        DamagedError: the file is truncated, contradicts itself, or goes on after its last part.
        WindowError: the window could not return the requested bytes.
    """
    cursor = RecordCursor(window)
    facts: dict[str, int] = {}
    damage: DamagedError | None = None
    try:
        if get_file_name(artifact.path) == _PARADIGMS:
            _read_paradigms(cursor, facts)
        else:
            _read_graph(cursor, facts)
        cursor.require_end()
    except DamagedError as error:
        damage = error
    cursor.claim_consumed()
    yield Outline(FORMAT, facts=tuple((name, str(value)) for name, value in facts.items()))
    if damage is not None:
        raise damage


def _read_graph(cursor: RecordCursor, facts: dict[str, int]) -> None:
    """Read the units, and the guide if there is one. Raises ``DamagedError`` if their numbers differ."""
    (facts["units"],) = cursor.read(_COUNT, "the number of units")
    cursor.skip_data(facts["units"] * _UNIT_BYTES, "the units")
    if cursor.left:
        (count,) = cursor.read(_COUNT, "the size of the guide")
        if count not in (0, facts["units"]):
            raise DamagedError(f"the guide has {count} units in the place of {facts['units']}", cursor.offset)
        cursor.skip_data(count * _GUIDE_BYTES, "the guide")


def _read_paradigms(cursor: RecordCursor, facts: dict[str, int]) -> None:
    """Read the paradigms. Raises ``DamagedError`` if the length of one is not that of whole forms."""
    (facts["paradigms"],) = cursor.read(_U16, "the number of paradigms")
    for _ in range(facts["paradigms"]):
        (length,) = cursor.read(_U16, "the length of a paradigm")
        if not length or length % _NUMBERS_PER_FORM:
            raise DamagedError(f"a paradigm has {length} numbers, not a multiple of {_NUMBERS_PER_FORM}", cursor.offset)
        cursor.skip_data(length * _U16.size, "a paradigm")
