"""Datatypes and dataspaces: what the elements of an attribute or dataset are, and how many there are.

Source: HDF5 File Format Specification 3.0, IV.A.2.b and IV.A.2.d.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Final

from modelaudit.formats.weights.hdf5.source import Piece
from modelaudit.wire.base import DamagedError

FIXED: Final = 0
STRING: Final = 3
OPAQUE: Final = 5
COMPOUND: Final = 6
REFERENCE: Final = 7
VARIABLE: Final = 9
_MAX_RANK: Final = 32


@dataclass(frozen=True, slots=True)
class Datatype:
    """One datatype.

    Attributes:
        kind: its class by number.
        size: bytes of one element as stored; for values of variable length, of what leads to them.
        base: bytes of one element of a value of variable length.
        is_text: values of variable length are texts.
    """

    kind: int
    size: int
    base: int = 0
    is_text: bool = False

    @property
    def may_hold_bytes(self) -> bool:
        """Whether elements are bytes or texts, in which anything can be packed."""
        return self.kind in (STRING, OPAQUE) or (self.kind == FIXED and self.size == 1)


@dataclass(frozen=True, slots=True)
class Dataspace:
    """How many elements there are; no dimension is one element, ``None`` is no data at all."""

    shape: tuple[int, ...] | None

    @property
    def count(self) -> int:
        """The number of elements."""
        return 0 if self.shape is None else prod(self.shape)


def parse_datatype(piece: Piece) -> Datatype:
    """The datatype that a message holds. Raises ``DamagedError``."""
    head, bits, size = piece.take_number(1), piece.take_number(3), piece.take_number(4)
    kind = head & 0x0F
    base = 0
    if kind == VARIABLE and piece.left >= 8:
        piece.skip(4)
        base = piece.take_number(4)
    return Datatype(kind, size, base, kind == VARIABLE and bits & 0x0F == 1)


def parse_dataspace(piece: Piece) -> Dataspace:
    """The dataspace that a message holds. Raises ``DamagedError``."""
    version, rank, _flags = piece.take_number(1), piece.take_number(1), piece.take_number(1)
    if version == 1:
        piece.skip(5)
        kind = 1
    elif version == 2:
        kind = piece.take_number(1)
    else:
        raise DamagedError("a dataspace of a version that is not known", piece.offset)
    if kind == 2:
        return Dataspace(None)
    if rank > _MAX_RANK:
        raise DamagedError(f"an array of {rank} dimensions, of which there can be {_MAX_RANK}", piece.offset)
    return Dataspace(tuple(piece.take_length() for _ in range(rank)))
