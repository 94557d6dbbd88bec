"""Parse the links of a group: hard, soft, external, and of kinds that an application defines.

Source: HDF5 File Format Specification 3.0, III.B, III.C, IV.A.2.c and IV.A.2.g.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from modelaudit.formats.weights.hdf5.dense import read_dense_entries
from modelaudit.formats.weights.hdf5.heaps import LocalHeap
from modelaudit.formats.weights.hdf5.objects import LINK, LINK_INFO, SYMBOL_TABLE, Message, resolve_message
from modelaudit.formats.weights.hdf5.source import Piece, StructureSource
from modelaudit.formats.weights.hdf5.trees import list_symbol_nodes
from modelaudit.wire.ledger import claim_parsed

# Kinds of links.
HARD: Final = 0
SOFT: Final = 1
EXTERNAL_FILE: Final = 64
# The cache type of a symbol table entry that is a soft link (III.C).
_SOFT_LINK_CACHE: Final = 2
# B-trees that index links by name (5) and by creation order (6), with the offset of the heap id in their records.
_INDEX_TYPES: Final = {5: 4, 6: 8}


class Link(Struct, frozen=True):
    """One name in a group.

    Attributes:
        kind: ``HARD``, ``SOFT``, ``EXTERNAL_FILE``, or a number from 65 on that an application defines.
        offset: of the link in the artifact, in bytes.
        address: of the object header, for a hard link.
        target: the path of a soft link, or the file of an external link.
    """

    name: str
    kind: int
    offset: int
    address: int | None = None
    target: str = ""


def decode_name(raw: bytes) -> str:
    """Decode a name or path as UTF-8; other bytes become escapes."""
    return raw.decode("utf-8", "backslashreplace")


def read_links(source: StructureSource, message: Message) -> Iterator[Link]:
    """Yield the links that a message holds or points to; none if the message is not of a type that has links.

    Raises:
        DamagedError: an index or heap contradicts itself; the links before it were yielded.
        WindowError: the window could not return the requested bytes.
    """
    if message.type == LINK:
        resolved = resolve_message(source, message)
        yield _parse_link(source, Piece(resolved.body, resolved.offset, source.widths))
    elif message.type == SYMBOL_TABLE:
        piece = Piece(message.body, message.offset, source.widths)
        tree, heap = piece.take_address(), piece.take_address()
        source.claim(piece)
        if tree is not None and heap is not None:
            yield from read_symbol_links(source, tree, heap)
    elif message.type == LINK_INFO:
        yield from _read_dense_links(source, message)


def read_symbol_links(source: StructureSource, tree: int, heap_address: int) -> Iterator[Link]:
    """Yield the links of a group in the old layout: a B-tree of symbols, with names in a local heap.

    Args:
        source: the structures of the file.
        tree: the address of the B-tree.
        heap_address: the address of the local heap.

    Raises:
        DamagedError: the tree or the heap contradicts itself; the links before it were yielded.
        WindowError: the window could not return the requested bytes.
    """
    heap = LocalHeap(source, heap_address)
    # An entry: offset of the name, address of the object, cache type, reserved bytes, and 16 bytes of cache.
    entry_bytes = 2 * source.widths.address + 24
    for node in list_symbol_nodes(source, tree):
        header = source.read_piece(node, 8)
        header.expect_signature(b"SNOD", "list of symbols")
        header.skip(2)  # the version, and a reserved byte
        count = header.take_number(2)
        source.claim(header)
        body = source.read_piece(node + 8, count * entry_bytes, short=True)
        for _ in range(count):
            entry_offset = body.offset + body.position
            entry = Piece(body.take(entry_bytes), entry_offset, source.widths)
            claim_parsed(source.window, entry_offset, entry_offset + entry_bytes)
            name = decode_name(heap.read_name(entry.take_number(source.widths.address)))
            address, cache_type = entry.take_address(), entry.take_number(4)
            entry.skip(4)
            if cache_type == _SOFT_LINK_CACHE:
                yield Link(name, SOFT, entry.offset, target=decode_name(heap.read_name(entry.take_number(4))))
            else:
                yield Link(name, HARD, entry.offset, address)


def _read_dense_links(source: StructureSource, message: Message) -> Iterator[Link]:
    """Yield the links in the fractal heap of a group."""
    for heap, id_, record in read_dense_entries(source, message, order_size=8, indices=_INDEX_TYPES, what="a group"):
        body, offset = heap.read_object(id_, record.offset)
        yield _parse_link(source, Piece(body, offset, source.widths))


def _parse_link(source: StructureSource, piece: Piece) -> Link:
    """Parse the body of a link message, and claim it. Raises ``DamagedError`` if it is truncated."""
    offset = piece.offset
    piece.skip(1)  # the version
    # The flags state which fields follow, and the width of the length of the name.
    flags = piece.take_number(1)
    has_kind, has_order, has_encoding = flags & 8, flags & 4, flags & 0x10
    kind = piece.take_number(1) if has_kind else HARD
    piece.skip((8 if has_order else 0) + (1 if has_encoding else 0))
    name_length = piece.take_number(1 << (flags & 3))
    name = decode_name(piece.take(name_length))
    if kind == HARD:
        address = piece.take_address()
        source.claim(piece)
        return Link(name, kind, offset, address)
    value_bytes = piece.take(piece.take_number(2))
    source.claim(piece)
    value = Piece(value_bytes, piece.offset + piece.position - len(value_bytes), piece.widths)
    if kind == SOFT:
        return Link(name, kind, offset, target=decode_name(value.data))
    if kind == EXTERNAL_FILE:
        # A version and flags in one byte, then the path of the file, and the path within it, which is not needed.
        value.skip(1)
        return Link(name, kind, offset, target=decode_name(value.take_text()))
    return Link(name, kind, offset)
