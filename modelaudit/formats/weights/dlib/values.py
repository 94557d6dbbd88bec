"""Read the values of dlib: integers behind their size, numbers as two integers, texts, tensors.

The first byte of an integer is the number of its bytes, with the highest bit set for a negative one. A number with a
fraction is its mantissa and its exponent. Source: ``dlib/serialize.h`` and ``dlib/cuda/tensor.h`` of
https://github.com/davisking/dlib, version 19.24.
"""

from __future__ import annotations

import re
from typing import Final

from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.wire.base import DamagedError
from modelaudit.wire.record_cursor import RecordCursor

_MOST_BYTES: Final = 8
_NEGATIVE: Final = 0x80
_INTEGER: Final = "|".join(rf"[\x{size:02x}\x{size | _NEGATIVE:02x}].{{{size}}}" for size in range(1, _MOST_BYTES + 1))
# Integers in a row; a file has millions of them, so they are skipped many at a time.
_RUNS: Final = tuple(
    (count, defer_pattern(rf"(?:{_INTEGER}){{{count}}}".encode("latin-1"), re.DOTALL)) for count in (256, 16, 1)
)
_TENSOR_VERSION: Final = 2
_ALIAS_VERSION: Final = 1
_FLOAT_BYTES: Final = 4


class ValueCursor(RecordCursor):
    """A forward reader of values of dlib."""

    __slots__ = ()

    def read_integer(self, what: str) -> int:
        """Read an integer. Raises ``DamagedError`` if its size is none that dlib writes, or the file ends."""
        start = self.offset
        first = self.take(1, what)[0]
        size = first & ~_NEGATIVE
        if not 0 < size <= _MOST_BYTES:
            raise DamagedError(f"{what} has the size {size}, not 1 to {_MOST_BYTES}", start)
        data = self.take(size, what)
        # dlib writes no more bytes than the value needs.
        if size > 1 and not data[-1]:
            raise DamagedError(f"{what} takes more bytes than it needs", start)
        value = int.from_bytes(data, "little")
        return -value if first & _NEGATIVE else value

    def read_count(self, what: str, item_bytes: int = 2) -> int:
        """Read a number of items of at least ``item_bytes``. Raises ``DamagedError`` if they do not fit."""
        count = self.read_integer(f"the number of {what}")
        self.require_bytes(count * item_bytes, what)
        return count

    def skip_integers(self, count: int, what: str) -> None:
        """Skip integers. Raises ``DamagedError`` if something else is in their place."""
        self.require_bytes(2 * count, what)
        for step, pattern in _RUNS:
            while count >= step:
                found = pattern.match(self.peek((_MOST_BYTES + 1) * step))
                if found is None:
                    break
                self.offset += found.end()
                count -= step
        if count:
            raise DamagedError(f"something else is in the place of {what}", self.offset)

    def skip_numbers(self, count: int, what: str) -> None:
        """Skip numbers with a fraction. Raises ``DamagedError`` if something else is in their place."""
        self.skip_integers(2 * count, what)

    def read_matrix(self, what: str) -> tuple[int, int]:
        """Skip a matrix of numbers, and return its rows and columns. Raises ``DamagedError``.

        The rows and the columns are stored as negative numbers.
        """
        start = self.offset
        rows, columns = -self.read_integer(f"the rows of {what}"), -self.read_integer(f"the columns of {what}")
        if rows < 0 or columns < 0:
            raise DamagedError(f"{what} has no rows and columns", start)
        self.skip_numbers(rows * columns, what)
        return rows, columns

    def read_name(self, what: str, most_bytes: int) -> str:
        """Read a text in ASCII. Raises ``DamagedError`` if it is longer, or something else."""
        start = self.offset
        size = self.read_integer(f"the length of {what}")
        data = self.take(size, what) if 0 < size <= most_bytes else b""
        if not data or not data.isascii() or not data.decode().isprintable():
            raise DamagedError(f"{what} is not a text of at most {most_bytes} bytes", start)
        return data.decode()

    def read_truth(self, what: str) -> None:
        """Read a truth value: the digit 0 or 1. Raises ``DamagedError`` if it is something else."""
        if self.take(1, what) not in (b"0", b"1"):
            raise DamagedError(f"{what} is neither 0 nor 1", self.offset - 1)

    def read_shape(self, what: str, is_alias: bool) -> int:
        """Read the shape of a tensor or of an alias of a part of one, and return the number of its items.

        Raises:
            DamagedError: the version is another, or a size is negative.
        """
        start = self.offset
        version = self.read_integer(what)
        sizes = [self.read_integer(what) for _ in range(4)]
        if version != (_ALIAS_VERSION if is_alias else _TENSOR_VERSION) or min(sizes) < 0:
            raise DamagedError(f"{what} has another version, or a negative size", start)
        return sizes[0] * sizes[1] * sizes[2] * sizes[3]

    def skip_tensor(self, what: str) -> int:
        """Skip a tensor, and return the number of its items. Raises ``DamagedError``."""
        items = self.read_shape(what, is_alias=False)
        self.skip_data(items * _FLOAT_BYTES, what)
        return items
