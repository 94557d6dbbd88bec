"""Read a window forward as records: numbers of fixed width, arrays of them, and texts that end with a zero byte."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any, Final

from modelaudit.model.artifact import Window
from modelaudit.model.outline import Outline
from modelaudit.wire.base import DamagedError
from modelaudit.wire.cursor import BLOCK, Cursor
from modelaudit.wire.ledger import SHORT_NAME_BYTES

_U32: Final = struct.Struct("<I")
_ZERO: Final = b"\0"
_TEXT_STEP: Final = 64


class RecordCursor(Cursor):
    """A forward reader of records in little-endian order, for formats whose every byte is a field or declared data."""

    __slots__ = ()

    def read(self, form: struct.Struct, what: str) -> tuple[Any, ...]:
        """Read one record, which ``form`` describes. Raises ``SizeBeyondEndError`` at the end."""
        index = self._consume_in_buffer(form.size, what)
        return form.unpack_from(self._buffer, index)

    def read_u32(self, what: str) -> int:
        """Read an unsigned number of 32 bits. Raises ``SizeBeyondEndError`` at the end."""
        index = self._consume_in_buffer(4, what)
        return int(_U32.unpack_from(self._buffer, index)[0])

    def read_rows(self, form: struct.Struct, count: int, what: str) -> Iterator[tuple[Any, ...]]:
        """Yield ``count`` records of the same form.

        Raises:
            SizeBeyondEndError: the count is negative, or the records end beyond the file; none was read then.
            WindowError: the window could not return the requested bytes.
        """
        self.require_bytes(count * form.size, what)
        rows_per_block = BLOCK // form.size
        while count > 0:
            rows = min(count, rows_per_block)
            yield from form.iter_unpack(self.take(rows * form.size, what))
            count -= rows

    def read_text(self, what: str, most_bytes: int) -> bytes:
        """Read a text up to a zero byte, and consume both.

        Raises:
            DamagedError: no zero byte follows within ``most_bytes``.
            WindowError: the window could not return the requested bytes.
        """
        start, size = self.offset, _TEXT_STEP
        while (end := self.peek(size).find(_ZERO)) < 0:
            if size >= min(most_bytes, self.left):
                raise DamagedError(f"{what} has no zero byte at its end", start)
            size = min(4 * size, most_bytes)
        text = self.take(end + 1, what)[:-1]
        if end > SHORT_NAME_BYTES:
            self.mark_name(text)
        return text

    def skip_zeros(self, count: int, what: str) -> None:
        """Skip ``count`` bytes of padding. Raises ``DamagedError`` unless all are zero, or if the file ends before."""
        start = self.offset
        if self.take(count, what).strip(_ZERO):
            raise DamagedError(f"{what} holds other bytes than zeros", start)

    def require_end(self) -> None:
        """Raise ``DamagedError`` if bytes are left: nothing may follow the last part of the format."""
        if self.left:
            raise DamagedError(f"{self.left} bytes follow the last part of the file", self.offset)


def outline_records(
    window: Window, format_: str, read: Callable[[RecordCursor, dict[str, str]], None]
) -> Iterator[Outline]:
    """Yield the outline with the facts that ``read`` records up to the end of the file or to the damage.

    Raises:
        DamagedError: ``read`` raised it; the outline with the facts before it is yielded first.
        WindowError: the window could not return the requested bytes.
    """
    cursor = RecordCursor(window)
    facts: dict[str, str] = {}
    damage: DamagedError | None = None
    try:
        read(cursor, facts)
    except DamagedError as error:
        damage = error
    cursor.claim_consumed()
    yield Outline(format_, facts=tuple(facts.items()))
    if damage is not None:
        raise damage
