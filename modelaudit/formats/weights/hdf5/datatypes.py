"""Parse datatypes and dataspaces: the type of the elements of an attribute or dataset, and their number.

Source: HDF5 File Format Specification 3.0, IV.A.2.b and IV.A.2.d.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Final

from modelaudit.formats.weights.hdf5.source import Piece
from modelaudit.wire.base import DamagedError

# Classes of datatypes.
FIXED: Final = 0
STRING: Final = 3
OPAQUE: Final = 5
COMPOUND: Final = 6
REFERENCE: Final = 7
VARIABLE: Final = 9
_SIMPLE_SPACE: Final = 1
_NULL_SPACE: Final = 2
_MAX_RANK: Final = 32


@dataclass(frozen=True, slots=True)
class Datatype:
    """The type of an element.

    Attributes:
        kind: the number of its class, such as ``STRING``.
        size: of one stored element, in bytes. For values of variable length this is the size of a reference.
        base: of one item of a value of variable length, in bytes.
        is_text: the values of variable length are texts.
    """

    kind: int
    size: int
    base: int = 0
    is_text: bool = False

    @property
    def may_hold_bytes(self) -> bool:
        """Whether the elements are bytes or texts, which can hold any content."""
        return self.kind in (STRING, OPAQUE) or (self.kind == FIXED and self.size == 1)


@dataclass(frozen=True, slots=True)
class Dataspace:
    """The shape of the elements: an empty tuple for one element, ``None`` for no data at all."""

    shape: tuple[int, ...] | None

    @property
    def count(self) -> int:
        """The number of elements."""
        return 0 if self.shape is None else prod(self.shape)


def parse_datatype(piece: Piece) -> Datatype:
    """Parse the body of a datatype message. Raises ``DamagedError`` if it is truncated."""
    version_and_class, class_bits, size = piece.take_number(1), piece.take_number(3), piece.take_number(4)
    kind = version_and_class & 0x0F
    base = 0
    if kind == VARIABLE and piece.left >= 8:
        # The type of the items follows: its class and bits, and its size.
        piece.skip(4)
        base = piece.take_number(4)
    # The low bits state the kind of values of variable length: 0 for sequences, 1 for texts.
    is_text = kind == VARIABLE and class_bits & 0x0F == 1
    return Datatype(kind, size, base, is_text)


def parse_dataspace(piece: Piece) -> Dataspace:
    """Parse the body of a dataspace message.

    Raises:
        DamagedError: it is truncated, or has an unknown version or too many dimensions.
    """
    version, rank, _flags = piece.take_number(1), piece.take_number(1), piece.take_number(1)
    kind = _SIMPLE_SPACE
    if version == 1:
        piece.skip(5)
    elif version == 2:
        kind = piece.take_number(1)
    else:
        raise DamagedError(f"a dataspace has the unknown version {version}", piece.offset)
    if kind == _NULL_SPACE:
        return Dataspace(None)
    if rank > _MAX_RANK:
        raise DamagedError(f"an array has {rank} dimensions, more than {_MAX_RANK}", piece.offset)
    return Dataspace(tuple(piece.take_length() for _ in range(rank)))
