"""Read B-trees. Version 1 lists symbols of old groups and chunks; version 2 indexes fractal heaps and chunks.

Source: HDF5 File Format Specification 3.0, III.A.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from modelaudit.formats.weights.hdf5.checksums import CHECKSUM_BYTES
from modelaudit.formats.weights.hdf5.source import Piece, StructureSource
from modelaudit.wire.base import DamagedError, LimitReachedError
from modelaudit.wire.ledger import claim_data, claim_parsed

# The type of a B-tree of version 1 whose leaves point to symbols of a group.
GROUP_TREE: Final = 0
# The type of one whose leaves point to chunks of a dataset.
CHUNK_TREE: Final = 1
# The entries of a node of a group's tree, unless the superblock changes the default of 16 for half of them (II.A).
_GROUP_NODE_ENTRIES: Final = 32
_WORD_BYTES: Final = 8
# With files up to this size, half of each word of eight bytes is zero.
_MAX_SIZE_OF_SMALL_WORDS: Final = 1 << 32
_MAX_NODES: Final = 200_000
_MAX_RECORDS: Final = 1_000_000
_MAX_DEPTH: Final = 32
# Signature, version and type of a node of version 2.
_NODE_HEADER_BYTES: Final = 6
_NODE_OVERHEAD_BYTES: Final = _NODE_HEADER_BYTES + CHECKSUM_BYTES
# The offsets of a chunk, eight bytes in each of up to 32 dimensions.
_MAX_OFFSETS_BYTES: Final = 8 * 32


def list_symbol_nodes(source: StructureSource, address: int) -> Iterator[int]:
    """Yield the addresses of the symbol nodes in the B-tree of version 1 at ``address``, in the order of names.

    Raises:
        DamagedError: there is no B-tree of a group, or it has a loop.
        LimitReachedError: it has too many nodes.
        WindowError: the window could not return the requested bytes.
    """
    for _, child in list_tree_children(source, address, GROUP_TREE, source.widths.length):
        yield child


def list_tree_children(
    source: StructureSource, address: int, type_: int, key_bytes: int
) -> Iterator[tuple[bytes, int]]:
    """Yield the key and the address of each child of the leaves of the B-tree of version 1 at ``address``, in order.

    Args:
        source: the structures of the file.
        address: of the root of the tree.
        type_: ``GROUP_TREE`` or ``CHUNK_TREE``.
        key_bytes: the size of a key.

    Raises:
        DamagedError: there is no B-tree of this type, or it has a loop.
        LimitReachedError: it has too many nodes.
        WindowError: the window could not return the requested bytes.
    """
    # A node has a header with the addresses of its two siblings, and then keys and children by turns.
    header_bytes, address_bytes = 8 + 2 * source.widths.address, source.widths.address
    waiting: list[tuple[int, int | None]] = [(address, None)]
    seen: set[int] = set()
    while waiting:
        node, parent_level = waiting.pop()
        if node in seen:
            raise DamagedError("a tree leads back into itself", source.base_address + node)
        if len(seen) >= _MAX_NODES:
            raise LimitReachedError(f"a B-tree has more than {_MAX_NODES} nodes", source.base_address + node)
        seen.add(node)
        header = source.read_piece(node, header_bytes)
        header.expect_signature(b"TREE", "tree")
        if header.take_number(1) != type_:
            raise DamagedError(
                "a B-tree is not of the type (group or chunks) that the reference to it requires", header.offset
            )
        level, count = header.take_number(1), header.take_number(2)
        # A level below that of the parent bounds the depth of a forged tree, even if no node repeats.
        if parent_level is not None and level >= parent_level:
            raise DamagedError("the level of a node of a B-tree is not below that of its parent", header.offset)
        body_bytes = count * (key_bytes + address_bytes) + key_bytes
        body = source.read_piece(node + header_bytes, body_bytes, short=True)
        claim_parsed(source.window, header.offset, body.offset + len(body.data))
        if type_ == GROUP_TREE:
            _claim_unused_entries(source, body, count)
        children: list[tuple[bytes, int]] = []
        for _ in range(count):
            key, child = body.take(key_bytes), body.take_address()
            if child is not None:
                children.append((key, child))
        if level:
            waiting += [(child, level) for _, child in reversed(children)]
        else:
            yield from children


def _claim_unused_entries(source: StructureSource, body: Piece, count: int) -> None:
    """Claim as data the unused entries of a node of a group, if they hold small numbers. ``body`` has the used entries.

    The library allocates nodes for a fixed number of entries, and old versions wrote whatever its memory held there,
    mostly addresses and lengths. A number below the size of the file leaves the upper bytes of its word zero, so words
    of such numbers hold no other content. Anything else stays unclaimed.
    """
    if count >= _GROUP_NODE_ENTRIES or (source.widths.address, source.widths.length) != (_WORD_BYTES, _WORD_BYTES):
        return
    start = body.offset + len(body.data)
    # An entry is a key and an address.
    unused = source.window.read(start, (_GROUP_NODE_ENTRIES - count) * 2 * _WORD_BYTES)
    word_starts = range(0, len(unused), _WORD_BYTES)
    words = [int.from_bytes(unused[word_start : word_start + _WORD_BYTES], "little") for word_start in word_starts]
    if max(words, default=0) < source.window.size <= _MAX_SIZE_OF_SMALL_WORDS:
        claim_data(source.window, start, start + len(unused))


def _count_number_bytes(number: int) -> int:
    """Return how many bytes encode every number up to ``number``, as ``H5VM_limit_enc_size`` does."""
    return (max(number, 1).bit_length() - 1) // 8 + 1


class _NodeLayout(Struct, frozen=True):
    """The widths of fields in the nodes of a B-tree of version 2, in bytes.

    Attributes:
        record_bytes: of a record.
        count_width: of the number of records in a child.
        total_widths: of the total number of records below a child, for each level of the child; 0 for leaves.
    """

    record_bytes: int
    count_width: int
    total_widths: tuple[int, ...]


def read_records(source: StructureSource, address: int) -> Iterator[tuple[int, Piece]]:
    """Yield the records of the B-tree of version 2 at ``address``, each with the type of the B-tree.

    Raises:
        DamagedError: there is no such B-tree, or it contradicts itself.
        LimitReachedError: it has too many nodes or records.
        WindowError: the window could not return the requested bytes.
    """
    header = source.read_piece(address, 16 + source.widths.address + 2 + source.widths.length + CHECKSUM_BYTES)
    header.expect_signature(b"BTHD", "tree")
    header.skip(1)
    type_, node_size, record_bytes = header.take_number(1), header.take_number(4), header.take_number(2)
    depth = header.take_number(2)
    header.skip(2)
    root, root_count = header.take_address(), header.take_number(2)
    header.take_length()  # the total number of records
    source.claim_verified(header, "the header of a tree")
    if root is None or not root_count:
        return
    if depth > _MAX_DEPTH or not 0 < record_bytes <= node_size - _NODE_OVERHEAD_BYTES:
        detail = f"a B-tree {depth} deep has records of {record_bytes} bytes in nodes of {node_size}"
        raise DamagedError(detail, header.offset)
    layout = _compute_node_layout(source, node_size, record_bytes, depth)
    # The address, the number of records and the level of each node to visit; leaves have the level 0.
    waiting = [(root, root_count, depth)]
    seen: set[int] = set()
    total_records = 0
    while waiting:
        node, count, level = waiting.pop()
        if node in seen:
            raise DamagedError("a tree leads back into itself", source.base_address + node)
        seen.add(node)
        total_records += count
        if len(seen) > _MAX_NODES or total_records > _MAX_RECORDS:
            raise LimitReachedError(
                f"a B-tree has more than {_MAX_NODES} nodes or {_MAX_RECORDS} records", header.offset
            )
        used_bytes = min(node_size, _count_node_bytes(source, layout, count, level))
        piece = source.read_piece(node, used_bytes)
        piece.expect_signature(b"BTIN" if level else b"BTLF", "node of a tree")
        source.verify_checksum(node, used_bytes + CHECKSUM_BYTES, "a node of a tree")
        known_bytes = _count_known_bytes(source, type_)
        piece.skip(2)  # version and type
        for _ in range(count):
            record_offset = piece.offset + piece.position
            claim_parsed(source.window, record_offset, record_offset + min(known_bytes, record_bytes))
            yield type_, Piece(piece.take(record_bytes), record_offset, source.widths)
        claim_parsed(source.window, piece.offset, piece.offset + _NODE_HEADER_BYTES)
        claim_parsed(source.window, piece.offset + piece.position, piece.offset + len(piece.data) + CHECKSUM_BYTES)
        # An inner node with n records has n + 1 children.
        for _ in range(count + 1 if level else 0):
            child, child_count = piece.take_address(), piece.take_number(layout.count_width)
            piece.skip(layout.total_widths[level - 1])
            if child is not None:
                waiting.append((child, child_count, level - 1))


def _count_known_bytes(source: StructureSource, type_: int) -> int:
    """Return the most bytes that the fields of a record take in a B-tree of version 2 of this type (III.A.2).

    Of an unknown type that is 0, so that nothing of its records is claimed.
    """
    address, length = source.widths.address, source.widths.length
    return {
        # 1 to 4: large objects of a heap.
        **{1: address + 2 * length, 2: address + 3 * length + 4, 3: address + length, 4: address + 2 * length + 4},
        # 5 to 9: links and attributes, whose fields have a fixed width.
        **{5: 11, 6: 15, 7: 16 + address, 8: 17, 9: 13},
        # 10 and 11: chunks.
        **{10: address + _MAX_OFFSETS_BYTES, 11: address + 8 + 4 + _MAX_OFFSETS_BYTES},
    }.get(type_, 0)


def _compute_node_layout(source: StructureSource, node_size: int, record_bytes: int, depth: int) -> _NodeLayout:
    """Compute the widths of the fields in the nodes of a B-tree of version 2.

    The file does not store these widths: each follows from the most records that a level can hold.

    Raises:
        DamagedError: a node of ``node_size`` bytes cannot hold a record and its children.
    """
    max_leaf_records = (node_size - _NODE_OVERHEAD_BYTES) // record_bytes
    count_width = _count_number_bytes(max_leaf_records)
    # The most records in a subtree of the current level; for each level, the bytes of a number up to that.
    max_total = max_leaf_records
    total_widths = [0]
    for _ in range(depth):
        pointer_bytes = source.widths.address + count_width + total_widths[-1]
        # A node has one pointer more than records.
        max_node_records = (node_size - _NODE_OVERHEAD_BYTES - pointer_bytes) // (record_bytes + pointer_bytes)
        if max_node_records <= 0:
            raise DamagedError("the nodes of a B-tree are too small for their records")
        max_total = (max_node_records + 1) * max_total + max_node_records
        total_widths.append(_count_number_bytes(max_total))
    return _NodeLayout(record_bytes, count_width, tuple(total_widths))


def _count_node_bytes(source: StructureSource, layout: _NodeLayout, count: int, level: int) -> int:
    """Return the bytes that a node of ``count`` records takes, without its checksum; ``level`` is 0 for a leaf."""
    size = _NODE_HEADER_BYTES + count * layout.record_bytes
    if level:
        pointer_bytes = source.widths.address + layout.count_width + layout.total_widths[level - 1]
        size += (count + 1) * pointer_bytes
    return size
