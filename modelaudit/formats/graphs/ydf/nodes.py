"""Read the nodes of the trees of YDF, and models in one sequence of blobs.

A sequence has a head of 8 bytes, then blobs with their length. The blobs are the nodes of trees, each before its
children; or they are the word ``YDF``, the header, the columns, and the nodes as another sequence.
Source: ``utils/blob_sequence.h``, ``model/model_library.cc`` and ``model/decision_tree/decision_tree_io.cc`` of
https://github.com/google/yggdrasil-decision-forests
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelaudit.formats.graphs.ydf import NODES
from modelaudit.formats.graphs.ydf.messages import MessageCheck
from modelaudit.formats.graphs.ydf.reader import FORMAT, read_message
from modelaudit.formats.graphs.ydf.recognition import COLUMNS
from modelaudit.formats.value_trees import ValueTree
from modelaudit.model.address import join_member
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.outline import Outline
from modelaudit.wire.base import DamagedError, LimitReachedError, Reading
from modelaudit.wire.codecs import GZIP
from modelaudit.wire.ledger import claim_data, claim_parsed
from modelaudit.wire.record_cursor import RecordCursor, outline_records
from modelaudit.wire.windows import DecompressedWindow, SubWindow, get_budget, make_opener

_HEAD_BYTES: Final = 8
_COMPRESSION_AT: Final = 4
_SIZE_BYTES: Final = 4
_WHOLE_MODEL: Final = b"YDF"
# Without a flag, so that no name and no field of anybody follows.
_GZIP_START: Final = b"\x1f\x8b\x08\0"
_MOST_BLOB_BYTES: Final = 64 * MIB
# The fields of a node that are its output, and the one that is its condition.
_OUTPUTS: Final = 1 << 1 | 1 << 2 | 1 << 5 | 1 << 6
_CONDITION: Final = 1 << 3
_SHARDS: Final = defer_pattern(r"-\d{5}-of-(\d{5})\Z")


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline of nodes, or of a whole model, with compressed or inner parts as artifacts.

    Raises:
        DamagedError: a blob is truncated or contradicts its schema, a tree is not complete, or bytes are left.
        LimitReachedError: a blob is longer than 64 MiB, or the time is over.
        WindowError: the window could not return the requested bytes.
    """
    if window.read(_COMPRESSION_AT, 1) != b"\0":
        yield from _read_compressed(artifact, window, limits)
        return
    word = window.read(_HEAD_BYTES, _SIZE_BYTES + len(_WHOLE_MODEL))
    if word == len(_WHOLE_MODEL).to_bytes(_SIZE_BYTES, "little") + _WHOLE_MODEL:
        yield from _read_model(artifact, window, limits)
        return
    yield from outline_records(
        window, FORMAT, lambda cursor, facts: _read_nodes(cursor, facts, artifact.path, _HEAD_BYTES)
    )


def read_content(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline of decompressed nodes, which have no head. Raises as ``read``."""
    yield from outline_records(window, FORMAT, lambda cursor, facts: _read_nodes(cursor, facts, artifact.path, 0))


def _read_compressed(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline of a compressed sequence, and its content as an artifact. Raises as ``read``."""
    claim_parsed(window, 0, _HEAD_BYTES)
    if window.read(_HEAD_BYTES, len(_GZIP_START)) != _GZIP_START:
        raise DamagedError("the nodes are not compressed as the head states", _HEAD_BYTES)
    stored = SubWindow(window, _HEAD_BYTES, window.size - _HEAD_BYTES, get_budget(window, limits))
    with DecompressedWindow(stored, GZIP, 0, limits) as content:
        failure = content.expand()
        end = _HEAD_BYTES + content.expansion.consumed
        claim_data(window, _HEAD_BYTES, end)
        yield Outline(FORMAT, facts=(("compression", GZIP.name), ("content bytes", str(content.size))))
        if content.size:
            name = artifact.path.rpartition("/")[2]
            path = join_member(artifact.path, name)
            yield Artifact(path, content.size, make_opener(content), content=NODES)
        if failure is not None:
            if failure.reason is LimitReachedError.reason:
                raise LimitReachedError(str(failure), end)
            raise DamagedError(str(failure), end)
        if end != window.size:
            raise DamagedError(f"{window.size - end} bytes follow the compressed nodes", end)


def _read_model(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline of a model in one file, what its texts say, and its nodes as an artifact."""
    tree = ValueTree()
    nodes: list[tuple[int, int]] = []

    def read_blobs(cursor: RecordCursor, facts: dict[str, str]) -> None:
        cursor.skip(_HEAD_BYTES + _SIZE_BYTES + len(_WHOLE_MODEL), "the head")
        for type_ in ("SerializedModel", COLUMNS):
            read_message(cursor, type_, cursor.read_u32("the size of a message"), facts, tree)
        size = cursor.read_u32("the size of the nodes")
        cursor.require_bytes(size, "the nodes")
        nodes.append((cursor.offset, size))
        cursor.skip_data(size, "the nodes")
        cursor.require_end()

    try:
        yield from outline_records(window, FORMAT, read_blobs)
    finally:
        for start, size in nodes:
            inner = SubWindow(window, start, size, get_budget(window, limits))
            yield Artifact(join_member(artifact.path, "nodes"), size, make_opener(inner))
        yield from tree.interpret(artifact.path, limits)


def _read_nodes(cursor: RecordCursor, facts: dict[str, str], path: str, start: int) -> None:
    """Read nodes to the end, from ``start`` on.

    Several files of one forest may cut a tree between them, so that the trees of a single file alone are counted.
    Raises as ``read``.
    """
    cursor.skip(start, "the head")
    trees = nodes = open_nodes = 0
    try:
        while cursor.left:
            open_nodes, is_root = _read_node(cursor, open_nodes)
            trees += is_root
            nodes += 1
    finally:
        facts["nodes"] = str(nodes)
    shards = _SHARDS.search(path)
    if shards is None or int(shards[1]) == 1:
        facts["trees"] = str(trees)
        if open_nodes or not nodes:
            raise DamagedError(f"the last tree lacks {open_nodes} nodes", cursor.offset)


def _read_node(cursor: RecordCursor, open_nodes: int) -> tuple[int, bool]:
    """Read one node; return how many nodes the tree still needs, and whether the node begins it. Raises as ``read``."""
    # A node that is damaged is not consumed, so that its bytes stay unclaimed and are searched.
    size = int.from_bytes(cursor.peek(_SIZE_BYTES), "little")
    cursor.require_bytes(_SIZE_BYTES + size, "a node")
    if size > _MOST_BLOB_BYTES:
        raise LimitReachedError(f"a node is longer than {_MOST_BLOB_BYTES} bytes", cursor.offset)
    start = cursor.offset + _SIZE_BYTES
    check = MessageCheck(cursor.peek(_SIZE_BYTES + size)[_SIZE_BYTES:], start)
    fields = check.check("Node", 0, size)
    has_children = bool(fields & _CONDITION)
    if not has_children and not fields & _OUTPUTS:
        raise DamagedError("a node has neither a condition nor an output", start)
    cursor.skip(_SIZE_BYTES + size, "a node")
    is_root = not open_nodes
    return max(open_nodes, 1) + (1 if has_children else -1), is_root
