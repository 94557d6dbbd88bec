"""Parse the header of one array in a ``.npy`` file. Source: https://numpy.org/neps/nep-0001-npy-format.html."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from modelaudit.model.artifact import Window
from modelaudit.model.limits import MIB, Limits
from modelaudit.wire.base import DamagedError, LimitReachedError
from modelaudit.wire.numpy_literal import Literal, parse_literal
from modelaudit.wire.numpy_types import Dtype, parse_description

MAGIC: Final = b"\x93NUMPY"
PREFIX_BYTES: Final = len(MAGIC) + 2
"""The magic number and the two bytes of the version."""

_MAX_HEADER_BYTES: Final = MIB
# The width of the length of the header in bytes, by version.
_LENGTH_WIDTHS: Final = {(1, 0): 2, (2, 0): 4, (3, 0): 4}
_KEYS: Final = {"descr", "fortran_order", "shape"}
_MAX_SHOWN_LENGTH: Final = 200


class ArrayHeader(Struct, frozen=True):
    """The header of one array.

    Attributes:
        descr: the description of the dtype as text, at most 200 characters.
        data_start: offset of the array's data in the window.
        repeated: keys that occur more than once in the dictionary.
    """

    version: tuple[int, int]
    descr: str
    dtype: Dtype
    fortran_order: bool
    shape: tuple[int, ...]
    data_start: int
    repeated: frozenset[str]


def locate_header(window: Window, start: int) -> tuple[tuple[int, int], int, int]:
    """Return the version of the array at ``start``, the offset of its header text and the offset of its data.

    Raises:
        DamagedError: the version does not exist, or the header is truncated.
    """
    prefix = window.read(start, PREFIX_BYTES + max(_LENGTH_WIDTHS.values()))
    if len(prefix) < PREFIX_BYTES:
        raise DamagedError("the header of an array is invalid: it is truncated", start)
    version = (prefix[len(MAGIC)], prefix[len(MAGIC) + 1])
    if version not in _LENGTH_WIDTHS:
        reason = f"version {version[0]}.{version[1]} of the format does not exist"
        raise DamagedError(f"the header of an array is invalid: {reason}", start)
    length_end = PREFIX_BYTES + _LENGTH_WIDTHS[version]
    text_start = start + length_end
    text_end = text_start + int.from_bytes(prefix[PREFIX_BYTES:length_end], "little")
    if text_end > window.size:
        raise DamagedError(f"the header states that it ends at byte {text_end}, beyond the end of the file", start)
    return version, text_start, text_end


def read_header(window: Window, start: int, limits: Limits) -> ArrayHeader:
    """Parse the header of the array at ``start``.

    Raises:
        DamagedError: NumPy would refuse the header, or never writes such a header, so that its meaning is unknown.
        LimitReachedError: the header is longer than ``header_bytes`` or 1 MiB.
        WindowError: the window could not return the requested bytes.
    """
    version, text_start, end = locate_header(window, start)
    longest = min(_MAX_HEADER_BYTES, limits.header_bytes)
    if end - text_start > longest:
        raise LimitReachedError(f"the header takes more than {longest} bytes", start)
    data = window.read(text_start, end - text_start)
    try:
        text = data.decode("utf-8" if version == (3, 0) else "latin-1")
    except UnicodeDecodeError as error:
        raise DamagedError("the header is not UTF-8", text_start + error.start) from error
    value, repeated = parse_literal(text)
    if not isinstance(value, dict) or value.keys() != _KEYS:
        raise DamagedError(f"the header is not a dictionary of {', '.join(sorted(_KEYS))}", text_start)
    descr, order = value["descr"], value["fortran_order"]
    shape = _parse_shape(value["shape"])
    if shape is None or not isinstance(order, bool):
        raise DamagedError("the shape is not a tuple of numbers, or fortran_order is not a boolean", text_start)
    shown = descr if isinstance(descr, str) else repr(descr)
    return ArrayHeader(version, shown[:_MAX_SHOWN_LENGTH], parse_description(descr), order, shape, end, repeated)


def _parse_shape(value: Literal) -> tuple[int, ...] | None:
    """Return ``value`` as a shape; ``None`` if it is not a tuple of integers."""
    if not isinstance(value, tuple):
        return None
    lengths = tuple(length for length in value if isinstance(length, int))
    return lengths if len(lengths) == len(value) else None
