"""Read B-trees. Version 1 lists the symbols of groups in the old layout, version 2 indexes fractal heaps.

Source: HDF5 File Format Specification 3.0, III.A.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from modelaudit.formats.weights.hdf5.source import Piece, StructureSource
from modelaudit.wire.base import DamagedError, LimitReachedError

GROUP_TREE: Final = 0
_MAX_NODES: Final = 200_000
_MAX_RECORDS: Final = 1_000_000
_MAX_DEPTH: Final = 32
_NODE_OVERHEAD: Final = 10


def list_symbol_nodes(source: StructureSource, address: int) -> Iterator[int]:
    """Yield the addresses of the symbol nodes in a B-tree of version 1, in the order of names.

    Raises:
        DamagedError: there is no B-tree of a group, or it has a loop.
        WindowError: the window could not return the requested bytes.
    """
    offset, length = source.sizes.offset, source.sizes.length
    waiting: list[tuple[int, int | None]] = [(address, None)]
    seen: set[int] = set()
    while waiting:
        node, above = waiting.pop()
        if node in seen or len(seen) > _MAX_NODES:
            raise DamagedError("a tree leads back into itself", source.base + node)
        seen.add(node)
        head = source.read_piece(node, 8 + 2 * offset)
        head.expect_signature(b"TREE", "tree")
        if head.take_number(1) != GROUP_TREE:
            raise DamagedError("the B-tree of a group is one of chunks", head.offset)
        level, count = head.take_number(1), head.take_number(2)
        # Levels fall from parent to child, so that even without a repeated node a forged tree cannot go on for ever.
        if above is not None and level >= above:
            raise DamagedError("a node of a B-tree has no lower level than its parent", head.offset)
        body = source.read_piece(node + 8 + 2 * offset, count * (length + offset) + length, short=True)
        children: list[int] = []
        for _ in range(count):
            body.take_length()
            child = body.take_address()
            if child is not None:
                children.append(child)
        if level:
            waiting += [(child, level) for child in reversed(children)]
        else:
            yield from children


def _count_number_bytes(number: int) -> int:
    """Return the bytes that encode numbers up to ``number``, as ``H5VM_limit_enc_size`` does."""
    return (max(number, 1).bit_length() - 1) // 8 + 1


@dataclass(frozen=True, slots=True)
class _NodeLayout:
    """The widths of fields in the nodes of a B-tree of version 2, in bytes.

    Attributes:
        record: of a record.
        count_width: of the number of records in a child.
        total_widths: of the total number of records below a child, for each level of the child; 0 for leaves.
    """

    record: int
    count_width: int
    total_widths: tuple[int, ...]


def read_records(source: StructureSource, address: int) -> Iterator[tuple[int, Piece]]:
    """Yield the type of a B-tree of version 2 with each of its records.

    Raises:
        DamagedError: there is no such B-tree, or it contradicts itself.
        LimitReachedError: it has too many nodes or records.
        WindowError: the window could not return the requested bytes.
    """
    head = source.read_piece(address, 16 + source.sizes.offset + 2 + source.sizes.length)
    head.expect_signature(b"BTHD", "tree")
    head.skip(1)
    type_, node_size, record = head.take_number(1), head.take_number(4), head.take_number(2)
    depth = head.take_number(2)
    head.skip(2)
    root, count = head.take_address(), head.take_number(2)
    if root is None or not count:
        return
    if depth > _MAX_DEPTH or not 0 < record <= node_size - _NODE_OVERHEAD:
        raise DamagedError(f"a B-tree {depth} deep has records of {record} bytes in nodes of {node_size}", head.offset)
    shape = _compute_node_layout(source, node_size, record, depth)
    waiting = [(root, count, depth)]
    seen: set[int] = set()
    total_records = 0
    while waiting:
        node, count, level = waiting.pop()
        if node in seen:
            raise DamagedError("a tree leads back into itself", source.base + node)
        seen.add(node)
        total_records += count
        if len(seen) > _MAX_NODES or total_records > _MAX_RECORDS:
            raise LimitReachedError("a B-tree has too many nodes or records", head.offset)
        piece = source.read_piece(node, min(node_size, _count_node_bytes(source, shape, count, level)))
        piece.expect_signature(b"BTIN" if level else b"BTLF", "node of a tree")
        piece.skip(2)
        for _ in range(count):
            at = piece.offset + piece.position
            yield type_, Piece(piece.take(record), at, source.sizes)
        for _ in range(count + 1 if level else 0):
            child, inside = piece.take_address(), piece.take_number(shape.count_width)
            piece.skip(shape.total_widths[level - 1])
            if child is not None:
                waiting.append((child, inside, level - 1))


def _compute_node_layout(source: StructureSource, node_size: int, record: int, depth: int) -> _NodeLayout:
    # The file does not store these widths: each follows from the most records that a level can hold.
    max_records = (node_size - _NODE_OVERHEAD) // record
    width = _count_number_bytes(max_records)
    total = max_records
    totals = [0]
    for _ in range(depth):
        pointer = source.sizes.offset + width + totals[-1]
        here = (node_size - _NODE_OVERHEAD - pointer) // (record + pointer)
        if here <= 0:
            raise DamagedError("the nodes of a B-tree are too small for their records")
        total = (here + 1) * total + here
        totals.append(_count_number_bytes(total))
    return _NodeLayout(record, width, tuple(totals))


def _count_node_bytes(source: StructureSource, shape: _NodeLayout, count: int, level: int) -> int:
    size = 6 + count * shape.record
    if level:
        size += (count + 1) * (source.sizes.offset + shape.count_width + shape.total_widths[level - 1])
    return size
