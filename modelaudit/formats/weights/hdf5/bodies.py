"""Claim the bodies of messages whose fields matter to the layout of a file and to no check.

Every type of message that the format defines is parsed to its end, so that bytes after its last field, and bodies of
unknown types, remain without a claim. Source: HDF5 File Format Specification 3.0, IV.A.2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from modelaudit.formats.weights.hdf5.datatypes import parse_dataspace, skip_datatype
from modelaudit.formats.weights.hdf5.source import Piece, StructureSource
from modelaudit.wire.base import DamagedError

_SHARED_FLAG: Final = 0x02
_VALUE_IS_DEFINED: Final = 0x20
"""The flag of a fill value message of version 3 that a value is in it."""


def claim_body(source: StructureSource, type_: int, flags: int, piece: Piece) -> None:
    """Claim the fields of the message body in ``piece``; bodies that another parser claims remain as they are.

    Args:
        source: the structures of the file.
        type_: the type of the message.
        flags: its flags.
        piece: its body.
    """
    consume = _CONSUMERS.get(type_)
    if consume is None or flags & _SHARED_FLAG:
        return
    # A consumer returns how many bytes of data follow the fields that it consumed, if any.
    data_bytes = 0
    # The parser that needs a message reports its damage. Here the fields before the damage are claimed.
    with suppress(DamagedError):
        data_bytes = consume(piece) or 0
    source.claim(piece)
    source.claim_data(piece.offset - source.base_address + piece.position, min(data_bytes, piece.left))


def _consume_dataspace(piece: Piece) -> None:
    """Consume a dataspace (IV.A.2.b): each flag adds a list with a number for each dimension."""
    # Slices, because a truncated body has neither.
    rank, flags = piece.data[1:2], piece.data[2:3]
    space = parse_dataspace(piece)
    if space.shape is not None and rank and flags:
        # Bit 0: the maximum sizes follow. Bit 1, only in version 1: a permutation follows.
        list_count = (flags[0] & 0b11).bit_count()
        piece.skip(rank[0] * piece.widths.length * list_count)


def _consume_old_fill_value(piece: Piece) -> int:
    """Consume the size of a fill value (IV.A.2.e), and return it in bytes."""
    return piece.take_number(4)


def _consume_fill_value(piece: Piece) -> int:
    """Consume the fields of a fill value message (IV.A.2.f), and return the size of the value in bytes."""
    version = piece.take_number(1)
    if version == 3:
        return piece.take_number(4) if piece.take_number(1) & _VALUE_IS_DEFINED else 0
    # The time of allocation, the time of writing, and whether there is a value.
    piece.skip(2)
    is_defined = piece.take_number(1)
    return piece.take_number(4) if version == 1 or is_defined else 0


def _consume_group_info(piece: Piece) -> None:
    """Consume the two bounds and the two estimates of a group, of two bytes each, if it has them (IV.A.2.k)."""
    piece.skip(1)  # the version
    flags = piece.take_number(1)
    has_bounds, has_estimates = flags & 1, flags & 2
    piece.skip((4 if has_bounds else 0) + (4 if has_estimates else 0))


def _consume_comment(piece: Piece) -> int:
    """Return the length in bytes of the comment of an object (IV.A.2.n), with its final zero byte."""
    return piece.data.find(b"\0") + 1


def _make_fixed_consumer(count: int) -> Callable[[Piece], None]:
    """Return a function that consumes a body of ``count`` bytes."""

    def consume_fixed_body(piece: Piece) -> None:
        piece.skip(count)

    return consume_fixed_body


def _consume_shared_table(piece: Piece) -> None:
    """Consume the reference to the table of shared messages (IV.A.2.p)."""
    # The version, the address of the table, and the number of its indices.
    piece.skip(1 + piece.widths.address + 1)


_CONSUMERS: Final[Mapping[int, Callable[[Piece], int | None]]] = {
    0x01: _consume_dataspace,
    0x03: skip_datatype,
    0x04: _consume_old_fill_value,
    0x05: _consume_fill_value,
    0x0A: _consume_group_info,
    0x0D: _consume_comment,
    0x0E: _make_fixed_consumer(16),  # modification time as text (IV.A.2.o)
    0x0F: _consume_shared_table,
    0x12: _make_fixed_consumer(8),  # modification time in seconds (IV.A.2.s)
    0x13: _make_fixed_consumer(7),  # ranks of B-trees (IV.A.2.t)
    0x16: _make_fixed_consumer(5),  # number of references (IV.A.2.w)
}
