"""Parse datatypes and dataspaces: the type of the elements of an attribute or dataset, and their number.

Source: HDF5 File Format Specification 3.0, IV.A.2.b and IV.A.2.d.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from math import prod
from typing import Final

from msgspec import Struct

from modelaudit.formats.weights.hdf5.source import Piece
from modelaudit.wire.base import DamagedError

# Classes of datatypes.
FIXED: Final = 0
_FLOATING: Final = 1
_TIME: Final = 2
STRING: Final = 3
_BIT_FIELD: Final = 4
OPAQUE: Final = 5
COMPOUND: Final = 6
REFERENCE: Final = 7
_ENUMERATION: Final = 8
VARIABLE: Final = 9
_ARRAY: Final = 10
_COMPLEX: Final = 11
# The kind of a reference to a region of a dataset, in the low bits of its class.
_REGION: Final = 1
# The kind of values of variable length that are texts, in the low bits of their class; 0 is for sequences.
_TEXTS: Final = 1
# The bytes of the properties of a class, where their number is fixed.
_PROPERTY_BYTES: Final = {FIXED: 4, _FLOATING: 12, _TIME: 2, _BIT_FIELD: 4}
_MAX_COMPOUNDS: Final = 4
_MAX_NESTED_TYPES: Final = 10_000
_SIMPLE_SPACE: Final = 1
_NULL_SPACE: Final = 2
_MAX_RANK: Final = 32


class Datatype(Struct, frozen=True):
    """The type of an element.

    Attributes:
        kind: the number of its class, such as ``STRING``.
        size: of one stored element, in bytes. For values of variable length this is the size of a reference.
        item_bytes: the size of one item of a value of variable length.
        is_text: the values of variable length are texts.
        references: where in an element the references into the global heap are, in bytes.
        nests_opaque: whether opaque bytes are a part of an element of several parts, as far as its type can be parsed.
    """

    kind: int
    size: int
    item_bytes: int = 0
    is_text: bool = False
    references: tuple[int, ...] = ()
    nests_opaque: bool = False

    @property
    def has_references(self) -> bool:
        """Whether an element refers to values in the global heap."""
        return bool(self.references) and self.size > 0

    @property
    def may_hold_bytes(self) -> bool:
        """Whether the elements are bytes or texts, which can hold any content."""
        return self.kind in (STRING, OPAQUE) or (self.kind == FIXED and self.size == 1)


class Dataspace(Struct, frozen=True):
    """The shape of the elements: an empty tuple for one element, ``None`` for no data at all."""

    shape: tuple[int, ...] | None

    @property
    def count(self) -> int:
        """The number of elements."""
        return 0 if self.shape is None else prod(self.shape)


def parse_datatype(piece: Piece) -> Datatype:
    """Parse the body of a datatype message. Raises ``DamagedError`` if its first eight bytes are truncated."""
    version_and_class, class_bits, size = piece.take_number(1), piece.take_number(3), piece.take_number(4)
    kind = version_and_class & 0x0F
    item_bytes = 0
    if kind == VARIABLE and piece.left >= 8:
        # The type of the items follows: its class and bits, and its size.
        piece.skip(4)
        item_bytes = piece.take_number(4)
    is_text = kind == VARIABLE and class_bits & 0x0F == _TEXTS
    # If a type breaks off inside of a compound, the references that were found before still count. The ledger reports
    # values whose references were not found, because nothing claims their bytes.
    references: list[int] = []
    with suppress(DamagedError):
        references.extend(_find_references(Piece(piece.data, 0, piece.widths)))
    nests_opaque = kind in (COMPOUND, _ARRAY) and _contains_opaque(Piece(piece.data, 0, piece.widths))
    return Datatype(kind, size, item_bytes, is_text, tuple(references), nests_opaque)


def _contains_opaque(piece: Piece) -> bool:
    """Whether a type has opaque bytes, or cannot be parsed and may have them."""
    kinds: set[int] = set()
    try:
        skip_datatype(piece, kinds)
    except DamagedError:
        return True
    return OPAQUE in kinds


def _find_references(piece: Piece, depth: int = 0) -> Iterator[int]:
    """Yield where in an element of the type in ``piece`` the references into the global heap are, in bytes.

    References inside of arrays, and inside of compounds that nest deeper than ``_MAX_COMPOUNDS``, are not found. The
    piece is not always consumed to the end of the type.
    """
    version_and_class, class_bits, size = piece.take_number(1), piece.take_number(3), piece.take_number(4)
    version, kind = version_and_class >> 4, version_and_class & 0x0F
    if kind == VARIABLE:
        yield 4  # after the number of items
    elif kind == REFERENCE and class_bits & 0x0F == _REGION:
        yield 0
    elif kind == COMPOUND and depth < _MAX_COMPOUNDS:
        # Each member takes at least a byte.
        for _ in range(min(class_bits & 0xFFFF, piece.left)):
            member_offset = _skip_member(piece, version, size)
            member = Piece(piece.data, 0, piece.widths)
            member.position = piece.position
            for offset_in_member in _find_references(member, depth + 1):
                yield member_offset + offset_in_member
            # The search in ``member`` may have ended in the middle of its type, so the type is skipped here.
            skip_datatype(piece)


def skip_datatype(piece: Piece, kinds: set[int] | None = None) -> None:
    """Skip a datatype with all types nested in it (IV.A.2.d).

    Args:
        piece: begins with the datatype.
        kinds: gets the numbers of the classes of all types.

    Raises:
        DamagedError: it is truncated, of an unknown class, or nests too many types.
    """
    # A stack of functions: each skips one part of the type, and pushes functions for the parts inside of that part.
    waiting: list[Callable[[], object]] = []

    def skip_whole_type() -> None:
        _skip_one_datatype(piece, waiting, kinds if kinds is not None else set())

    waiting.append(skip_whole_type)
    for _ in range(_MAX_NESTED_TYPES):
        if not waiting:
            return
        skip_next_part = waiting.pop()
        skip_next_part()
    raise DamagedError(f"a datatype nests more than {_MAX_NESTED_TYPES} types", piece.offset)


def _skip_one_datatype(piece: Piece, waiting: list[Callable[[], object]], kinds: set[int]) -> None:
    """Skip the head and the properties of one type, and push functions on ``waiting`` that skip the types inside it.

    ``kinds`` gets the number of its class.
    """
    version_and_class, class_bits, size = piece.take_number(1), piece.take_number(3), piece.take_number(4)
    version, kind = version_and_class >> 4, version_and_class & 0x0F

    kinds.add(kind)

    def skip_nested() -> None:
        _skip_one_datatype(piece, waiting, kinds)

    def skip_member_fields() -> None:
        _skip_member(piece, version, size)

    if kind in _PROPERTY_BYTES:
        piece.skip(_PROPERTY_BYTES[kind])
    elif kind == OPAQUE:
        # A tag, whose length the low bits of the class state.
        piece.skip(min(class_bits & 0xFF, piece.left))
    elif kind == COMPOUND:
        # Each member takes at least a byte, which bounds a forged number.
        member_count = min(class_bits & 0xFFFF, piece.left)
        # The function that is pushed last runs first: the fields of a member, and then its type.
        waiting += [skip_nested, skip_member_fields] * member_count
    elif kind == _ENUMERATION:
        base_start = piece.position
        waiting.append(lambda: _skip_enumeration(piece, version, class_bits & 0xFFFF, base_start))
        waiting.append(skip_nested)
    elif kind in (VARIABLE, _COMPLEX):
        waiting.append(skip_nested)
    elif kind == _ARRAY:
        rank = piece.take_number(1)
        # Before version 3 reserved bytes and a permutation of the dimensions surround the sizes.
        piece.skip(4 * rank if version >= 3 else 3 + 8 * rank)
        waiting.append(skip_nested)
    elif kind not in (STRING, REFERENCE):
        raise DamagedError(f"a datatype has the unknown class {kind}", piece.offset)


def _skip_name(piece: Piece, version: int) -> None:
    """Skip the name of a member, which versions before 3 pad to a multiple of eight bytes."""
    length = len(piece.take_text()) + 1
    if version < 3:
        piece.skip(min(-length % 8, piece.left))


def _skip_member(piece: Piece, version: int, compound_size: int) -> int:
    """Skip the fields of a member of a compound before its type, and return where in the compound it begins."""
    _skip_name(piece, version)
    # Version 3 stores the offset of the member in as few bytes as the size of the compound needs.
    least_bytes = (max(compound_size, 1).bit_length() + 7) // 8
    member_offset = piece.take_number(4 if version < 3 else least_bytes)
    # Version 1 stores the dimensions of the member: rank, reserved bytes, permutation, reserved bytes and four sizes.
    piece.skip(28 if version == 1 else 0)
    return member_offset


def _skip_enumeration(piece: Piece, version: int, count: int, base_start: int) -> None:
    """Skip the names and the values of an enumeration; its base type begins at the position ``base_start``."""
    # The size of the base type comes after four bytes with its version, class and bits.
    value_bytes = int.from_bytes(piece.data[base_start + 4 : base_start + 8], "little")
    for _ in range(count):
        _skip_name(piece, version)
    piece.skip(count * value_bytes)


def parse_dataspace(piece: Piece) -> Dataspace:
    """Parse the body of a dataspace message.

    Raises:
        DamagedError: it is truncated, or has an unknown version or too many dimensions.
    """
    version, rank, _flags = piece.take_number(1), piece.take_number(1), piece.take_number(1)
    kind = _SIMPLE_SPACE
    if version == 1:
        piece.skip(5)  # reserved
    elif version == 2:
        kind = piece.take_number(1)
    else:
        raise DamagedError(f"a dataspace has the unknown version {version}", piece.offset)
    if kind == _NULL_SPACE:
        return Dataspace(None)
    if rank > _MAX_RANK:
        raise DamagedError(f"an array has {rank} dimensions, more than {_MAX_RANK}", piece.offset)
    return Dataspace(tuple(piece.take_length() for _ in range(rank)))
