"""Decode the numbers and texts of serialised R objects in the three encodings: XDR, native binary and ASCII.

Source: R Internals, section 1.8 "Serialization Formats"; ``src/main/serialize.c`` (``InInteger``, ``InString``).
"""

from __future__ import annotations

from typing import Final, Literal, Protocol

from modelaudit.model.artifact import Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import MIB
from modelaudit.wire.base import DamagedError
from modelaudit.wire.bounds import KeptItems
from modelaudit.wire.cursor import Cursor

_BLOCK_BYTES: Final = MIB
_MAX_RETURNED_BYTES: Final = 4096
_MAX_TOKEN_BYTES: Final = 4096
_ESCAPES: Final = {b"n": b"\n", b"t": b"\t", b"v": b"\v", b"b": b"\b", b"r": b"\r", b"f": b"\f", b"a": b"\a"}
_WHITE_SPACE: Final = (b" ", b"\t", b"\r", b"\n")
_MAX_REFERENCES: Final = 500_000
_MAX_NAME_BYTES: Final = 16 * MIB
# R represents the missing value ``NA`` by this number.
_MISSING_INTEGER: Final = -(1 << 31)

# A number in decimal or hexadecimal form, a raw byte in two hexadecimal digits, or a special value.
_NUMBER: Final = defer_pattern(rb"[-+0-9a-fA-FxXpP.]+|NA|NaN|-?Inf")

INTEGER: Final = "integer"
REAL: Final = "real"
COMPLEX: Final = "complex"
RAW: Final = "raw"
_WIDTHS: Final = {INTEGER: 4, REAL: 8, COMPLEX: 16, RAW: 1}


class ItemSource(Protocol):
    """A source of numbers and texts. All methods raise ``DamagedError`` at the end of the data, and ``WindowError``."""

    @property
    def offset(self) -> int:
        """The offset of the next byte in the window."""

    def claim_items(self) -> None:
        """Claim the bytes read so far as parsed, except numbers that are claimed as data."""

    def read_integer(self) -> int:
        """Read the next signed 32-bit number."""

    def skip_numbers(self, kind: str, count: int) -> None:
        """Skip ``count`` numbers of a ``kind``."""

    def read_text(self, length: int) -> str:
        """Read a text of ``length`` bytes and return its first 4096 bytes, decoded."""


class BinarySource:
    """The binary encodings: big-endian XDR (``X``), and little-endian as most machines write natively (``B``)."""

    def __init__(self, window: Window, start: int, is_big_endian: bool) -> None:
        self._cursor = Cursor(window, start, _BLOCK_BYTES)
        self._order: Final[Literal["big", "little"]] = "big" if is_big_endian else "little"

    @property
    def offset(self) -> int:
        """The offset of the next byte in the window."""
        return self._cursor.offset

    def claim_items(self) -> None:
        """Claim the bytes read so far as parsed, except numbers that are claimed as data."""
        self._cursor.claim_consumed()

    def read_integer(self) -> int:
        """Read the next signed 32-bit number."""
        return int.from_bytes(self._cursor.take(4, "a number"), self._order, signed=True)

    def skip_numbers(self, kind: str, count: int) -> None:
        """Skip ``count`` numbers of a ``kind``."""
        self._cursor.skip_data(count * _WIDTHS[kind], f"a list of {kind} numbers")

    def read_text(self, length: int) -> str:
        """Read a text of ``length`` bytes and return its first 4096 bytes, decoded."""
        start = self._cursor.take(min(length, _MAX_RETURNED_BYTES), "a text")
        self._cursor.skip(length - len(start), "a text")
        return start.decode("utf-8", "replace")


class AsciiSource:
    """The ASCII encoding (``A``): one number or text per line, texts with the escapes of C."""

    def __init__(self, window: Window, start: int) -> None:
        self._cursor = Cursor(window, start, _BLOCK_BYTES)

    @property
    def offset(self) -> int:
        """The offset of the next byte in the window."""
        return self._cursor.offset

    def claim_items(self) -> None:
        """Claim the bytes read so far as parsed, except numbers that are claimed as data."""
        self._cursor.claim_consumed()

    def _read_token(self) -> bytes:
        """Return the next word. White space before it and one character after it are consumed."""
        token = bytearray()
        while True:
            character = self._cursor.take(1, "a character")
            if character in _WHITE_SPACE:
                if token:
                    return bytes(token)
                continue
            token += character
            if len(token) > _MAX_TOKEN_BYTES:
                raise DamagedError(f"a number takes more than {_MAX_TOKEN_BYTES} characters", self.offset)

    def read_integer(self) -> int:
        """Read the next number. ``NA`` is the smallest 32-bit integer, as in memory."""
        token = self._read_token()
        if token == b"NA":
            return _MISSING_INTEGER
        try:
            return int(token)
        except ValueError:
            raise DamagedError(f"{token[:40]!r} is in the place of a number", self.offset) from None

    def skip_numbers(self, kind: str, count: int) -> None:
        """Skip ``count`` numbers of a ``kind``, one token each; a complex number is two."""
        for _ in range(count * 2 if kind == COMPLEX else count):
            token = self._read_token()
            if _NUMBER.fullmatch(token) is None:
                raise DamagedError(f"{token[:40]!r} is in the place of a number", self.offset)

    def read_text(self, length: int) -> str:
        """Read a text of ``length`` bytes and return its first 4096 bytes, decoded."""
        # Plain white space only separates a text from the number before it: within a text, white space is escaped.
        character = self._cursor.take(1, "a character")
        if not length:
            # An empty text is an empty line: the character just taken is its end.
            return ""
        while character in _WHITE_SPACE:
            character = self._cursor.take(1, "a character")
        text = bytearray()
        for index in range(length):
            if index:
                character = self._cursor.take(1, "a character")
            if character == b"\\":
                character = self._read_escape()
            if len(text) < _MAX_RETURNED_BYTES:
                text += character
        return text.decode("utf-8", "replace")

    def _read_escape(self) -> bytes:
        """Return the byte that an escape of C means. The cursor is after the backslash: at ``n``, or at ``303``."""
        character = self._cursor.take(1, "a character")
        if character not in b"01234567":
            return _ESCAPES.get(character, character)
        digits = character + self._cursor.take(2, "a character")
        try:
            return bytes((int(digits, 8) & 0xFF,))
        except ValueError:
            raise DamagedError(f"{digits!r} is not an octal character code", self.offset) from None


class ReferenceTable:
    """The objects to which a later item may refer: the names of symbols, and an empty text for any other object."""

    def __init__(self, source: ItemSource) -> None:
        self._source = source
        self._names: list[str] = []
        self._kept = KeptItems("objects that later items may refer to", _MAX_REFERENCES, _MAX_NAME_BYTES)

    def add(self, name: str) -> None:
        """Add an object, by its name if it is a symbol. Raises ``LimitReachedError`` if there are too many."""
        self._kept.count(self._source.offset, len(name))
        self._names.append(name)

    def find(self, index: int) -> str:
        """Return the name of an object by its index, from 1. Raises ``DamagedError`` for an unused index."""
        if not 0 < index <= len(self._names):
            detail = f"a reference names object {index}, but only {len(self._names)} precede it"
            raise DamagedError(detail, self._source.offset)
        return self._names[index - 1]
