"""Read models of CTranslate2: each variable with its shape and type, and further names for variables.

The file states its version, the class and the revision of its specification, then the number of variables. A variable
is its name, the number of dimensions, each dimension, its type, the number of its bytes, and these bytes. Further names
follow, each with the name of a variable. The class is one of those that the library was built with.
Source: ``src/models/model.cc`` and ``python/ctranslate2/specs/model_spec.py`` of https://github.com/OpenNMT/CTranslate2.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping
from typing import Final

from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.wire.base import DamagedError, Head, Reading
from modelaudit.wire.deadline import check_deadline
from modelaudit.wire.record_cursor import RecordCursor, outline_records

FORMAT: Final = "ctranslate2"
_START: Final = defer_pattern(rb"[\x04-\x06]\0\0\0[\x06-\x40]\0([A-Z]\w{2,59}Spec)\0")
_LENGTH: Final = struct.Struct("<H")
_RANK: Final = struct.Struct("<B")
_KIND: Final = struct.Struct("<BI")
_LENGTH_AT: Final = 4
# The bytes of one number of each type: float32, int8, int16, int32, float16, bfloat16.
_WIDTHS: Final[Mapping[int, int]] = {0: 4, 1: 1, 2: 2, 3: 4, 4: 2, 5: 2}


def recognises(head: Head) -> bool:
    """Whether a version and the class of a specification begin the file."""
    match = _START.match(head.data) if head.content is None else None
    return match is not None and head.data[_LENGTH_AT] == len(match[1]) + 1


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline with the class, and the numbers of variables and of further names.

    Raises:
        DamagedError: the file is truncated, contradicts itself, or goes on after its last part.
        WindowError: the window could not return the requested bytes.
    """
    yield from outline_records(window, FORMAT, _read_model)


def _read_model(cursor: RecordCursor, facts: dict[str, str]) -> None:
    """Read the parts in order. Raises ``DamagedError``."""
    facts["version"] = str(cursor.read_u32("the version"))
    facts["class"] = _read_name(cursor, "the class").decode("utf-8", "replace")
    facts["revision"] = str(cursor.read_u32("the revision"))
    count = cursor.read_u32("the number of variables")
    facts["variables"] = str(count)
    names: set[bytes] = set()
    for _ in range(count):
        check_deadline()
        name = _read_name(cursor, "the name of a variable")
        if name in names:
            raise DamagedError("two variables have the same name", cursor.offset)
        names.add(name)
        _read_variable(cursor)
    count = cursor.read_u32("the number of further names")
    facts["further-names"] = str(count)
    for _ in range(count):
        check_deadline()
        _read_name(cursor, "a further name")
        if _read_name(cursor, "the name of a variable") not in names:
            raise DamagedError("an alias names no variable", cursor.offset)
    cursor.require_end()


def _read_variable(cursor: RecordCursor) -> None:
    """Read shape, type and numbers of one variable. Raises ``DamagedError`` if they contradict each other."""
    (rank,) = cursor.read(_RANK, "the number of dimensions")
    dimensions = [cursor.read_u32("a dimension") for _ in range(rank)]
    kind, size = cursor.read(_KIND, "the type of a variable")
    if kind not in _WIDTHS or size != math.prod(dimensions) * _WIDTHS[kind]:
        raise DamagedError(f"a variable of type {kind} has {size} bytes for {dimensions[:8]}", cursor.offset)
    cursor.skip_data(size, "the numbers of a variable")


def _read_name(cursor: RecordCursor, what: str) -> bytes:
    """Read a length and as many bytes, a zero byte at their end. Raises ``DamagedError``."""
    (length,) = cursor.read(_LENGTH, what)
    name = cursor.take(length, what)
    if name.find(b"\0") != length - 1:
        raise DamagedError(f"{what} has no zero byte at its end, or one before it", cursor.offset)
    cursor.mark_name(name[:-1])
    return name[:-1]
