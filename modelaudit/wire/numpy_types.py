"""Parse NumPy dtypes: the bytes of an item, and whether the items are Python objects.

``.npy`` files and arrays in pickles describe their items in the same notation. Only spellings with a certain meaning
are parsed. Any other may describe Python objects, which a loader unpickles.

Sources: https://numpy.org/doc/stable/reference/arrays.dtypes.html and ``numpy.lib.format.descr_to_dtype``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.wire.numpy_literal import Literal

LARGEST_SIZE: Final = 2**63 - 1
"""The largest size in bytes that NumPy can represent."""

# "<f8", "|O8", "<M8[ns]": byte order, kind, size in bytes or characters, unit of a time.
_TYPE: Final = defer_pattern(r"[<>|=]?(?P<kind>[biufcmMOSaUV])(?P<size>\d{1,18})(?P<unit>\[[\w/]{0,32}\])?")
# The valid sizes in bytes of each kind; a kind that is missing here may have any size.
_VALID_SIZES: Final[dict[str, frozenset[int]]] = {
    "b": frozenset({1}),
    "i": frozenset({1, 2, 4, 8}),
    "u": frozenset({1, 2, 4, 8}),
    "f": frozenset({2, 4, 8, 10, 12, 16}),
    "c": frozenset({4, 8, 16, 20, 24, 32}),
    "m": frozenset({8}),
    "M": frozenset({8}),
    "O": frozenset({4, 8}),
}
# Size of an object reference on this side; the size that the writer stated does not matter.
_POINTER_SIZE: Final = 8
_BYTES_PER_UNIT: Final = {"S": 1, "a": 1, "V": 1, "U": 4}
# The letters that mean the same size on every platform; the others (l, L, g, G, p, P, n, N) do not.
_TYPES_BY_LETTER: Final = {
    "?": ("b", 1), "b": ("i", 1), "B": ("u", 1), "h": ("i", 2), "H": ("u", 2), "i": ("i", 4), "I": ("u", 4),
    "q": ("i", 8), "Q": ("u", 8), "e": ("f", 2), "f": ("f", 4), "d": ("f", 8), "F": ("c", 8), "D": ("c", 16),
    "M": ("M", 8), "m": ("m", 8), "S": ("S", 0), "a": ("S", 0), "U": ("U", 0), "V": ("V", 0), "c": ("S", 1),
    "O": ("O", 8),
}  # fmt: skip
_TYPES_BY_NAME: Final = {
    "bool": ("b", 1), "bool_": ("b", 1), "object": ("O", 8), "object_": ("O", 8),
    **{f"int{bits}": ("i", bits // 8) for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": ("u", bits // 8) for bits in (8, 16, 32, 64)},
    **{f"float{bits}": ("f", bits // 8) for bits in (16, 32, 64)},
    **{f"complex{bits}": ("c", bits // 8) for bits in (64, 128)},
}  # fmt: skip
_KINDS_OF_ANY_SIZE: Final = frozenset({"S", "U", "V"})


class Dtype(Struct, frozen=True):
    """The known properties of a dtype.

    Attributes:
        kind: NumPy's letter for it, one of ``biufcmMOSUV``; empty if unknown.
        item_size: bytes of one item; ``None`` if unknown or dependent on the platform.
        holds_objects: whether it contains Python objects, also in its fields; ``None`` if unknown.
    """

    kind: str = ""
    item_size: int | None = None
    holds_objects: bool | None = None


UNKNOWN_DTYPE: Final = Dtype()


def parse_type_text(text: str) -> Dtype:
    """Parse a dtype string such as ``<f8``, ``|O``, ``<M8[ns]`` or ``float64``; ``UNKNOWN_DTYPE`` if it is none."""
    match = _TYPE.fullmatch(text)
    if match is None:
        without_byte_order = text[1:] if text[:1] in "<>|=" else text
        kind_and_size = _TYPES_BY_NAME.get(text) or _TYPES_BY_LETTER.get(without_byte_order)
        return Dtype(*kind_and_size, holds_objects=kind_and_size[0] == "O") if kind_and_size else UNKNOWN_DTYPE
    kind, size = match["kind"], int(match["size"])
    has_wrong_unit = match["unit"] is not None and kind not in "mM"  # only times have units
    has_wrong_size = kind in _VALID_SIZES and size not in _VALID_SIZES[kind]
    if has_wrong_unit or has_wrong_size:
        return UNKNOWN_DTYPE
    if kind == "O":
        return Dtype(kind, _POINTER_SIZE, holds_objects=True)
    return Dtype("S" if kind == "a" else kind, size * _BYTES_PER_UNIT.get(kind, 1), holds_objects=False)


def parse_description(value: Literal) -> Dtype:
    """Parse the ``descr`` value of a file header: a string, a tuple with a shape, or a list of fields."""
    if isinstance(value, str):
        return parse_type_text(value)
    if isinstance(value, tuple):
        return _parse_shaped_type(value)
    if isinstance(value, list):
        return combine_fields(_parse_fields(value))
    return UNKNOWN_DTYPE


def make_array_type(element: Dtype, shape: Literal) -> Dtype:
    """Return the dtype of an item that is an array of ``element``; ``shape`` is a number or a tuple of numbers."""
    lengths = shape if isinstance(shape, tuple) else (shape,)
    size = count_array_bytes(tuple(lengths), element.item_size)
    if size is None:
        # The shape may be wrong, so it is uncertain that there are no objects.
        return Dtype("V", None, element.holds_objects or None)
    return Dtype("V", size, element.holds_objects)


def count_array_bytes(shape: tuple[Literal, ...], item_size: int | None) -> int | None:
    """Return the size of an array in bytes; ``None`` if it is unknown, invalid or larger than ``LARGEST_SIZE``.

    A length of zero does not excuse the others: NumPy checks the product of the lengths that are not zero.
    """
    if item_size is None:
        return None
    total, is_empty = item_size or 1, item_size == 0
    for length in shape:
        if not isinstance(length, int) or length < 0:
            return None
        total *= length or 1
        is_empty = is_empty or length == 0
        if total > LARGEST_SIZE:
            return None
    return 0 if is_empty else total


def combine_fields(fields: Iterator[Dtype]) -> Dtype:
    """Return the dtype of a record whose fields follow one another without gaps."""
    size: int | None = 0
    holds_objects: bool | None = False
    # A property is unknown if it is unknown for one field; but one field with objects decides for the record.
    for field in fields:
        size = None if size is None or field.item_size is None else size + field.item_size
        if field.holds_objects:
            holds_objects = True
        elif field.holds_objects is None and not holds_objects:
            holds_objects = None
        if size is not None and size > LARGEST_SIZE:
            size = None
    return Dtype("V", size, holds_objects)


def _parse_shaped_type(value: tuple[Literal, ...]) -> Dtype:
    """Parse a pair of a dtype and the shape of an array of it: ``("<f8", (2, 3))``."""
    if len(value) != 2:
        return UNKNOWN_DTYPE
    element, shape = parse_description(value[0]), value[1]
    if element.kind in _KINDS_OF_ANY_SIZE and element.item_size == 0 and type(shape) is int:
        return parse_type_text(f"{element.kind}{shape}")  # ("S", 5) means "S5", five bytes and not an array of five
    if isinstance(shape, int | tuple):
        return make_array_type(element, shape)
    return UNKNOWN_DTYPE


def _parse_fields(value: list[Literal]) -> Iterator[Dtype]:
    """Yield the dtype of each field of a record: ``("x", "<f8")``, or with a shape ``("x", "<f8", (2,))``."""
    for field in value:
        if not isinstance(field, tuple) or len(field) not in (2, 3):
            yield UNKNOWN_DTYPE
        elif len(field) == 3:
            yield make_array_type(parse_description(field[1]), field[2])
        else:
            yield parse_description(field[1])
