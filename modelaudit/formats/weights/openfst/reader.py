"""Read transducers of OpenFst of the kind ``vector``, and archives of them: a header, then each state with its arcs.

An archive (FAR) has transducers behind their names, then where each begins, and their number.
Source: ``fst/fst.h``, ``fst/vector-fst.h`` and ``extensions/far/sttable.h`` of OpenFst 1.8, https://www.openfst.org.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.wire.base import DamagedError, Reading
from modelaudit.wire.deadline import check_deadline
from modelaudit.wire.record_cursor import RecordCursor, outline_records

FORMAT: Final = "openfst"
_MAGIC_BYTES: Final = 4
_MAGIC: Final = b"\xd6\xfd\xb2\x7e"
_MAGIC_OF_ARCHIVE: Final = b"\x5c\xf3\xb2\x7e"
_VERSION_OF_ARCHIVE: Final = 1
_PLACE: Final = struct.Struct("<q")
_SMALLEST_ENTRY: Final = 64
_LONGEST_KEY: Final = 4096
_LONGEST_NAME: Final = 64
# The version, flags, properties, the first state, the numbers of states and of arcs.
_HEADER: Final = struct.Struct("<iiQqqq")
_VERSION: Final = 2
# The weight of a final state, and the number of arcs.
_STATE: Final = struct.Struct("<fq")
# The labels in and out, the weight, and the next state.
_ARC: Final = struct.Struct("<iifi")
_KINDS_OF_ARCS: Final = (b"standard", b"log")
_NO_STATE: Final = -1
_DEADLINE_STEP: Final = 1024


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline with the numbers of states and arcs.

    Raises:
        DamagedError: the file is truncated, contradicts itself, or goes on after its last part; or it has tables of
            symbols, or arcs of another kind, which are not read.
        WindowError: the window could not return the requested bytes.
    """
    is_archive = window.read(0, _MAGIC_BYTES) == _MAGIC_OF_ARCHIVE
    yield from outline_records(window, FORMAT, _read_archive if is_archive else _read_single)


def _read_single(cursor: RecordCursor, facts: dict[str, str]) -> None:
    """Read a transducer that is the whole file. Raises ``DamagedError``."""
    states, arcs = _read_transducer(cursor)
    facts["states"], facts["arcs"] = str(states), str(arcs)
    cursor.require_end()


def _read_archive(cursor: RecordCursor, facts: dict[str, str]) -> None:
    """Read the transducers of an archive, and the table of their places. Raises ``DamagedError``."""
    cursor.take(_MAGIC_BYTES, "the magic number")
    if cursor.read_u32("the version") != _VERSION_OF_ARCHIVE:
        raise DamagedError("an archive of another version is not read", _MAGIC_BYTES)
    size = cursor.window.size
    count = int.from_bytes(cursor.window.read(max(size - _PLACE.size, 0), _PLACE.size), "little")
    if count * _SMALLEST_ENTRY > size:
        raise DamagedError(f"{size} bytes are too few for {count} transducers", size)
    places, states, arcs = [], 0, 0
    for _ in range(count):
        places.append(cursor.offset)
        _read_name(cursor, "the name of a transducer", _LONGEST_KEY)
        added_states, added_arcs = _read_transducer(cursor)
        states, arcs = states + added_states, arcs + added_arcs
    facts.update(transducers=str(count), states=str(states), arcs=str(arcs))
    if [place for (place,) in cursor.read_rows(_PLACE, count + 1, "the places")] != [count, *places]:
        raise DamagedError("a transducer begins at another place than stated", cursor.offset)
    cursor.read(_PLACE, "the number of transducers")
    cursor.require_end()


def _read_transducer(cursor: RecordCursor) -> tuple[int, int]:
    """Read the header and the states, and return the numbers of states and arcs. Raises ``DamagedError``."""
    start = cursor.offset
    if cursor.take(_MAGIC_BYTES, "the magic number") != _MAGIC:
        raise DamagedError("a transducer has another magic number", start)
    _read_name(cursor, "the kind of the transducer")
    arcs = _read_name(cursor, "the kind of the arcs")
    version, flags, _, first, states, stated_arcs = cursor.read(_HEADER, "the header")
    if arcs not in _KINDS_OF_ARCS or version != _VERSION or flags:
        raise DamagedError("it has symbols, or arcs of a kind or version that is not read", start)
    # A transducer that was written without seeking does not state how many states it has.
    if states < 0 or not _NO_STATE <= first < max(states, 1):
        raise DamagedError(f"the first of {states} states is stated to be {first}", cursor.offset)
    count = sum(_read_state(cursor, number, states) for number in range(states))
    if stated_arcs not in (0, count):
        raise DamagedError(f"the header states {stated_arcs} arcs, {count} follow", cursor.offset)
    return states, count


def _read_name(cursor: RecordCursor, what: str, longest: int = _LONGEST_NAME) -> bytes:
    """Read a text behind its length. Raises ``DamagedError`` if it is too long for a name."""
    length = cursor.read_u32(what)
    if length > longest:
        raise DamagedError(f"{what} has a name of {length} bytes", cursor.offset)
    return cursor.take(length, what)


def _read_state(cursor: RecordCursor, number: int, states: int) -> int:
    """Read a state, and return the number of its arcs. Raises ``DamagedError`` if one leads to no state."""
    if number % _DEADLINE_STEP == 0:
        check_deadline()
    _, arcs = cursor.read(_STATE, "a state")
    for *_, following in cursor.read_rows(_ARC, arcs, "the arcs of a state"):
        if not 0 <= following < states:
            raise DamagedError(f"an arc leads to the state {following} of {states}", cursor.offset)
    return int(arcs)
