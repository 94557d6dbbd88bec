"""Read indexes of FAISS: a word for the kind, a header, and arrays behind their lengths; an index may hold another.

Source: ``faiss/impl/index_write.cpp`` of https://github.com/facebookresearch/faiss, version 1.15: flat indexes, maps of
identifiers, graphs (HNSW) and inverted lists of whole vectors. Other kinds are reported as unread.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Final, NamedTuple

from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.wire.base import DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.deadline import check_deadline
from modelaudit.wire.record_cursor import RecordCursor, outline_records

FORMAT: Final = "faiss"
# Dimensions, vectors, two numbers that only stand for others, whether it is trained, and the metric.
_HEADER: Final = struct.Struct("<iqqqBi")
_UNUSED: Final = 1 << 20
_HEADER_START: Final = 4
_ARGUMENT: Final = struct.Struct("<f")
_LENGTH: Final = struct.Struct("<Q")
_TWO_LENGTHS: Final = struct.Struct("<QQ")
_NUMBER: Final = struct.Struct("<i")
_GRAPH_END: Final = struct.Struct("<5i")
_INNER_PRODUCT, _L2 = 0, 1
_NUMBER_BYTES: Final = 4
_ID_BYTES: Final = 8
_DEEPEST: Final = 4


class _Header(NamedTuple):
    """The header of an index."""

    dimensions: int
    vectors: int


def recognises(head: Head) -> bool:
    """Whether a known kind of index begins, with the two unused numbers in its header."""
    if head.content is not None or len(head.data) < _HEADER_START + _HEADER.size or head.data[:4] not in _KINDS:
        return False
    _, _, *unused, _, _ = _HEADER.unpack_from(head.data, _HEADER_START)
    return unused == [_UNUSED, _UNUSED]


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline with the numbers of vectors and dimensions.

    Raises:
        DamagedError: the file is truncated, contradicts itself, or goes on after its last part.
        WindowError: the window could not return the requested bytes.
    """
    yield from outline_records(window, FORMAT, _read_file)


def _read_file(cursor: RecordCursor, facts: dict[str, str]) -> None:
    """Read the index and all that it holds. Raises ``DamagedError``."""
    header = _read_index(cursor, 0)
    facts["vectors"], facts["dimensions"] = str(header.vectors), str(header.dimensions)
    cursor.require_end()


def _read_index(cursor: RecordCursor, depth: int) -> _Header:
    """Read an index of any known kind, and return its header.

    Raises:
        DamagedError: the kind is unknown, or a part contradicts the header.
        LimitReachedError: too many indexes lie in each other.
    """
    if depth > _DEEPEST:
        raise LimitReachedError(f"more than {_DEEPEST} indexes lie in each other", cursor.offset)
    start = cursor.offset
    kind = cursor.take(4, "the kind of an index")
    read_parts = _KINDS.get(kind)
    if read_parts is None:
        raise DamagedError(f"the kind of index {kind!r} is unknown", start)
    dimensions, vectors, *unused, trained, metric = cursor.read(_HEADER, "the header")
    if dimensions <= 0 or vectors < 0 or unused != [_UNUSED, _UNUSED] or trained > 1:
        raise DamagedError("the header states values that FAISS does not write", start)
    if metric not in (_INNER_PRODUCT, _L2):
        cursor.read(_ARGUMENT, "the argument of the metric")
    header = _Header(dimensions, vectors)
    read_parts(cursor, header, depth)
    return header


def _skip_array(cursor: RecordCursor, item: int, what: str, expected: int | None = None) -> int:
    """Skip an array behind its length, and return the length; raise ``DamagedError`` if another one is expected."""
    (length,) = cursor.read(_LENGTH, f"the length of {what}")
    if expected is not None and length != expected:
        raise DamagedError(f"{what} has {length} items in the place of {expected}", cursor.offset)
    cursor.skip_data(length * item, what)
    return int(length)


def _read_flat(cursor: RecordCursor, header: _Header, depth: int) -> None:
    """Read vectors."""
    _skip_array(cursor, _NUMBER_BYTES, "the vectors", header.vectors * header.dimensions)


def _read_map(cursor: RecordCursor, header: _Header, depth: int) -> None:
    """Read an index with identifiers of its vectors."""
    _require_same(_read_index(cursor, depth + 1), header, cursor)
    _skip_array(cursor, _ID_BYTES, "the identifiers", header.vectors)


def _require_same(inner: _Header, header: _Header, cursor: RecordCursor) -> None:
    """Raise ``DamagedError`` unless two indexes have as many vectors of as many dimensions."""
    if inner != header:
        raise DamagedError("an index and the one in it differ in vectors or dimensions", cursor.offset)


def _read_graph(cursor: RecordCursor, header: _Header, depth: int) -> None:
    """Read the levels and neighbours of vectors, and the vectors."""
    probabilities = _skip_array(cursor, 8, "the probabilities of levels")
    neighbors = _read_numbers(cursor, "the neighbours of levels", probabilities + 1)
    levels = _read_numbers(cursor, "the levels of vectors", header.vectors)
    (count,) = cursor.read(_LENGTH, "the length of the offsets")
    if count != header.vectors + 1:
        raise DamagedError(f"{count} offsets belong to {header.vectors} vectors", cursor.offset)
    expected = 0
    for level, (offset,) in zip(chain(levels, (0,)), cursor.read_rows(_LENGTH, count, "the offsets"), strict=True):
        if offset != expected or not 0 <= level < len(neighbors):
            raise DamagedError("the offsets of neighbours contradict the levels of vectors", cursor.offset)
        expected += neighbors[level]
    _skip_array(cursor, _NUMBER_BYTES, "the neighbours", expected - neighbors[0])
    cursor.read(_GRAPH_END, "the settings of the graph")
    _require_same(_read_index(cursor, depth + 1), header, cursor)


def _read_numbers(cursor: RecordCursor, what: str, expected: int) -> array[int]:
    """Read numbers of 32 bits behind their length. Raises ``DamagedError`` if another length is expected."""
    (length,) = cursor.read(_LENGTH, f"the length of {what}")
    if length != expected:
        raise DamagedError(f"{what} has {length} items in the place of {expected}", cursor.offset)
    return array("i", (number for (number,) in cursor.read_rows(_NUMBER, length, what)))


def _read_lists(cursor: RecordCursor, header: _Header, depth: int) -> None:
    """Read the centres, and the lists of vectors with their identifiers."""
    lists, _ = cursor.read(_TWO_LENGTHS, "the number of lists")
    _require_same(_read_index(cursor, depth + 1), _Header(header.dimensions, lists), cursor)
    kind = cursor.take(1, "the kind of the map")
    if kind > b"\1":
        raise DamagedError("the map from identifiers to lists is of a kind that is not read", cursor.offset)
    _skip_array(cursor, _ID_BYTES, "the map from identifiers to lists", header.vectors if kind == b"\1" else 0)
    if cursor.take(4, "the kind of the lists") != b"ilar":
        raise DamagedError("the lists are of a kind that is not read", cursor.offset)
    stated, code = cursor.read(_TWO_LENGTHS, "the number of lists")
    if stated != lists or code != header.dimensions * _NUMBER_BYTES:
        raise DamagedError(f"{stated} lists of vectors of {code} bytes contradict the header", cursor.offset)
    sizes = list(_read_sizes(cursor, lists))
    if sum(sizes) != header.vectors:
        raise DamagedError(f"the lists have {sum(sizes)} vectors in the place of {header.vectors}", cursor.offset)
    for size in sizes:
        check_deadline()
        cursor.skip_data(size * (code + _ID_BYTES), "a list")


def _read_sizes(cursor: RecordCursor, lists: int) -> Iterator[int]:
    """Yield the number of vectors of each list that has any. Raises ``DamagedError``."""
    form = cursor.take(4, "the form of the sizes")
    (count,) = cursor.read(_LENGTH, "the number of sizes")
    if form == b"full" and count == lists:
        yield from (size for (size,) in cursor.read_rows(_LENGTH, count, "the sizes"))
    elif form == b"sprs" and not count % 2:
        last = -1
        for number, size in cursor.read_rows(_TWO_LENGTHS, count // 2, "the sizes"):
            if not last < number < lists or not size:
                raise DamagedError("a list is stated twice, or does not exist", cursor.offset)
            last = number
            yield size
    else:
        raise DamagedError(f"{count} sizes in the form {form!r} do not belong to {lists} lists", cursor.offset)


_KINDS: Final[Mapping[bytes, Callable[[RecordCursor, _Header, int], None]]] = {
    b"IxFI": _read_flat,
    b"IxF2": _read_flat,
    b"IxFl": _read_flat,
    b"IxMp": _read_map,
    b"IxM2": _read_map,
    b"IHNf": _read_graph,
    b"IwFl": _read_lists,
}
