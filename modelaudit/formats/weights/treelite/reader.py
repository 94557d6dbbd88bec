"""Read what ``treelite.Model.serialize`` writes: a header, then each tree as arrays behind their lengths.

Source: ``src/serializer.cc`` and the page "Specifications of Treelite Checkpoint", version 4, of
https://github.com/dmlc/treelite.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.wire.base import DamagedError, Head, Reading
from modelaudit.wire.deadline import check_deadline
from modelaudit.wire.record_cursor import RecordCursor, outline_records

FORMAT: Final = "treelite"
_MAJOR: Final = 4
_LARGEST_MINOR: Final = 99
# The version in three numbers, the types of thresholds and of outputs, and the number of trees.
_START: Final = struct.Struct("<iiiBBQ")
# The number of features, the task, whether outputs are averaged, and the number of targets.
_TASK: Final = struct.Struct("<iBBi")
_SCALES: Final = struct.Struct("<ff")
_TREE: Final = struct.Struct("<iB")
_COUNT: Final = struct.Struct("<Q")
_OPTIONS: Final = struct.Struct("<i")
_NUMBER_BYTES: Final = {2: 4, 3: 8}
_OUTPUT_BYTES: Final = {1: 4, **_NUMBER_BYTES}
_MOST_TASKS: Final = 5
_CHILD: Final = struct.Struct("<i")
_NO_CHILD: Final = -1
_LONGEST_TEXT: Final = 1 << 20


def recognises(head: Head) -> bool:
    """Whether the file begins with a version, types, counts, and as many numbers of classes as it has targets."""
    if head.content is not None or len(head.data) < _START.size + _TASK.size + _COUNT.size:
        return False
    major, minor, patch, threshold, output, trees = _START.unpack_from(head.data)
    features, task, averages, targets = _TASK.unpack_from(head.data, _START.size)
    (classes,) = _COUNT.unpack_from(head.data, _START.size + _TASK.size)
    is_version = major == _MAJOR and 0 <= minor <= _LARGEST_MINOR and 0 <= patch <= _LARGEST_MINOR
    has_types = threshold in _NUMBER_BYTES and output in _OUTPUT_BYTES and task < _MOST_TASKS and averages < 2
    return is_version and has_types and trees > 0 and features > 0 and 0 < targets == classes


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline with the numbers of trees and nodes.

    Raises:
        DamagedError: the file is truncated, contradicts itself, or goes on after its last tree.
        WindowError: the window could not return the requested bytes.
    """
    yield from outline_records(window, FORMAT, _read_forest)


def _read_forest(cursor: RecordCursor, facts: dict[str, str]) -> None:
    """Read the header and the trees. Raises ``DamagedError``."""
    *_, threshold, output, trees = cursor.read(_START, "the version")
    _, _, _, targets = cursor.read(_TASK, "the task")
    facts["trees"] = str(trees)
    _skip_array(cursor, 4, "the numbers of classes", targets)
    _skip_array(cursor, 4, "the shape of an output", 2)
    _skip_array(cursor, 4, "the target of each tree", trees)
    _skip_array(cursor, 4, "the class of each tree", trees)
    _skip_text(cursor, "the name of the function behind the trees")
    cursor.read(_SCALES, "the scales")
    _skip_array(cursor, 8, "the base scores")
    _skip_text(cursor, "the attributes")
    _require_no_options(cursor)
    nodes = 0
    for _ in range(trees):
        check_deadline()
        nodes += _read_tree(cursor, _NUMBER_BYTES[threshold], _OUTPUT_BYTES[output])
    facts["nodes"] = str(nodes)
    cursor.require_end()


def _read_tree(cursor: RecordCursor, threshold: int, output: int) -> int:
    """Read a tree, and return the number of its nodes. Raises ``DamagedError``."""
    nodes, _ = cursor.read(_TREE, "the number of nodes")
    _skip_array(cursor, 1, "the types of the nodes", nodes)
    for side in ("left", "right"):
        _read_children(cursor, nodes, side)
    for size, what in ((4, "features"), (1, "default sides"), (output, "outputs"), (threshold, "thresholds")):
        _skip_array(cursor, size, f"the {what} of the nodes", nodes)
    for what in ("comparisons", "sides of the categories"):
        _skip_array(cursor, 1, f"the {what} of the nodes", nodes)
    for size, what in ((output, "vectors"), (4, "categories")):
        _skip_array(cursor, size, f"the {what} of the nodes")
        for edge in ("starts", "ends"):
            _skip_array(cursor, 8, f"the {edge} of the {what}", nodes)
    for what in ("counts", "sums", "gains"):
        _skip_array(cursor, 8, f"the {what} of the nodes", 0, nodes)
        _skip_array(cursor, 1, f"the marks of the {what}", 0, nodes)
    _require_no_options(cursor)
    _require_no_options(cursor)
    return int(nodes)


def _skip_array(cursor: RecordCursor, size: int, what: str, *allowed: int) -> None:
    """Skip an array behind its length. Raises ``DamagedError`` if the length is none of ``allowed``."""
    (count,) = cursor.read(_COUNT, f"the length of {what}")
    if allowed and count not in allowed:
        raise DamagedError(f"{what} are {count} in the place of {allowed[-1]}", cursor.offset)
    cursor.skip_data(count * size, what)


def _skip_text(cursor: RecordCursor, what: str) -> None:
    """Read a text behind its length. Raises ``DamagedError`` if it is too long."""
    (count,) = cursor.read(_COUNT, f"the length of {what}")
    if count > _LONGEST_TEXT:
        raise DamagedError(f"{what} has {count} bytes", cursor.offset)
    cursor.take(count, what)


def _read_children(cursor: RecordCursor, nodes: int, side: str) -> None:
    """Read one child of each node. Raises ``DamagedError`` if it does not exist."""
    (count,) = cursor.read(_COUNT, f"the number of {side} children")
    if count != nodes:
        raise DamagedError(f"{nodes} nodes have {count} {side} children", cursor.offset)
    for (child,) in cursor.read_rows(_CHILD, count, f"the {side} children"):
        if not _NO_CHILD <= child < nodes:
            raise DamagedError(f"a node has the child {child} of {nodes}", cursor.offset)


def _require_no_options(cursor: RecordCursor) -> None:
    """Raise ``DamagedError`` if the file holds optional fields, which later versions may add."""
    (count,) = cursor.read(_OPTIONS, "the number of optional fields")
    if count:
        raise DamagedError(f"{count} optional fields are not read", cursor.offset)
