"""Decode the format of ``marshal``, versions 0 to 5, as far as outlines of its code objects need it.

Nothing is built but plain values. Source: ``Python/marshal.c`` of CPython 2.7 and 3.8 to 3.14.
"""

from __future__ import annotations

import struct
from typing import Final

from msgspec import Struct, field

from modelaudit.wire.base import DamagedError

FLAG_REF: Final = 0x80
CODE: Final = ord("c")
_MOST_DEPTH: Final = 60  # of objects in objects
_MOST_OBJECTS: Final = 50_000  # in the data
_MOST_DIGITS: Final = 1 << 12  # of 15 bits each
# Type bytes (``Python/marshal.c``). Sequences: tuples of both sizes, list, set, frozenset and slice.
_NUMBER_KINDS: Final = "iIgyfxl"
_TEXT_KINDS: Final = "stuaAzZ"
_SEQUENCE_KINDS: Final = "()[<>:"


class OpaqueValue(Struct, frozen=True):
    """A value of which only the kind is kept: a dictionary, a float as text, a reference to an unfinished object."""

    kind: str


class Code(Struct, frozen=True):
    """A code object: its bytecode and its tables.

    Attributes:
        offset: in bytes from the start of the marshalled data.
        layout: the Python versions that write code objects in this layout.
        name: the name of the function, class or module.
        bytecode: its instructions.
        names: names of globals and attributes that it uses.
        constants: its constants, code objects among them.
    """

    offset: int
    layout: str
    name: str
    bytecode: bytes
    names: tuple[str, ...]
    constants: tuple[Marshalled, ...]


Marshalled = None | bool | int | float | complex | str | bytes | tuple["Marshalled", ...] | Code | OpaqueValue
"""A decoded value; sets, lists and slices become tuples."""


class _Layout(Struct, frozen=True):
    """The order of the parts of a code object: 32-bit numbers, named objects, the first line, and more objects.

    Attributes:
        versions: the Python versions that write it.
        numbers: how many numbers come first.
        objects: the names of the objects after them.
        last_objects: how many objects follow the number of the first line.
    """

    versions: str
    numbers: int
    objects: tuple[str, ...]
    last_objects: int


_OLD: Final = ("code", "consts", "names", "varnames", "freevars", "cellvars", "filename", "name")
_NEW: Final = ("code", "consts", "names", "localsplusnames", "localspluskinds", "filename", "name", "qualname")
_LAYOUTS: Final = (
    _Layout("3.11 or later", 5, _NEW, 2),
    _Layout("3.8 to 3.10", 6, _OLD, 1),
    _Layout("3.0 to 3.7", 5, _OLD, 1),
    _Layout("2", 4, _OLD, 1),
)


def decode_code_objects(data: bytes) -> tuple[Code, ...]:
    """Return every code object in ``data``, the innermost first; where data are damaged, those before the damage.

    Versions of Python write code objects in different layouts, and the data do not state the version. The first layout
    that decodes without damage counts; if none does, the one that decodes the most code objects.
    """
    best: _Decoder | None = None
    for layout in _LAYOUTS:
        decoder = _Decoder(data, layout)
        try:
            decoder.decode_value(0)
        except DamagedError:
            if best is None or len(decoder.codes) > len(best.codes):
                best = decoder
        else:
            return tuple(decoder.codes)
    return tuple(best.codes) if best else ()


class _Decoder(Struct):
    """Decodes marshalled data under the assumption of one layout."""

    data: bytes
    layout: _Layout
    position: int = 0
    objects: int = 0
    references: list[Marshalled] = field(default_factory=list)
    codes: list[Code] = field(default_factory=list)

    def decode_value(self, depth: int) -> Marshalled:
        """Decode the next object.

        Raises:
            DamagedError: the data are invalid or truncated, or exceed the limits on objects and depth.
        """
        start = self.position
        kind = self._read_bytes(1)[0]
        self.objects += 1
        if depth > _MOST_DEPTH or self.objects > _MOST_OBJECTS:
            raise DamagedError("the marshalled data exceed the limit on objects or on depth", start)
        reference_index = None
        if kind & FLAG_REF:
            # An object with the flag gets its number before its parts do, and the parts may refer to it.
            reference_index = len(self.references)
            self.references.append(OpaqueValue("unfinished"))
        value = self._decode_kind(chr(kind & ~FLAG_REF), start, depth)
        if reference_index is not None:
            self.references[reference_index] = value
        return value

    def _decode_kind(self, kind: str, start: int, depth: int) -> Marshalled:
        """Decode the rest of an object after its type byte.

        Args:
            kind: the type byte as a character, as ``Python/marshal.c`` defines it.
            start: offset of that byte.
            depth: number of objects around this one.
        """
        if kind in _SINGLETONS:
            return _SINGLETONS[kind]
        if kind in _NUMBER_KINDS:
            return self._decode_number(kind)
        if kind in _TEXT_KINDS:
            return self._decode_text(kind)
        if kind in _SEQUENCE_KINDS:
            count = self._read_sequence_length(kind)
            return tuple([self.decode_value(depth + 1) for _ in range(count)])
        if kind == "{":
            # A dictionary is keys and values up to a null object.
            while self._peek_byte() != ord("0"):
                self.decode_value(depth + 1)
                self.decode_value(depth + 1)
            self.position += 1
            return OpaqueValue("dict")
        if kind in "rR":
            index = self._read_size()
            return self.references[index] if index < len(self.references) else OpaqueValue("reference")
        if kind == "c":
            return self._decode_code(start, depth)
        raise DamagedError(f"0x{ord(kind):02x} is not a kind of marshalled object", start)

    def _read_sequence_length(self, kind: str) -> int:
        """Return the number of items: a slice has three, a small tuple has one byte for it, others have four."""
        if kind == ":":
            return 3
        return self._read_bytes(1)[0] if kind == ")" else self._read_size()

    def _decode_number(self, kind: str) -> Marshalled:
        """Decode an integer (``i``, ``I``, ``l``), a float (``g``, ``f``) or a complex number (``y``, ``x``)."""
        if kind in "iI":
            return int.from_bytes(self._read_bytes(4 if kind == "i" else 8), "little", signed=True)
        if kind == "l":
            # The number of digits has the sign of the integer. A digit is 15 bits in two bytes, the lowest first.
            signed_count = int.from_bytes(self._read_bytes(4), "little", signed=True)
            count = abs(signed_count)
            if count > _MOST_DIGITS:
                raise DamagedError(
                    f"an integer of {count} digits, more than {_MOST_DIGITS}, was not decoded", self.position
                )
            digits = struct.unpack(f"<{count}H", self._read_bytes(2 * count))
            absolute = sum(digit << 15 * index for index, digit in enumerate(digits))
            return int(-absolute if signed_count < 0 else absolute)
        if kind == "g":
            (number,) = struct.unpack("<d", self._read_bytes(8))
            return float(number)
        if kind == "y":
            real, imaginary = struct.unpack("<dd", self._read_bytes(16))
            return complex(real, imaginary)
        # Versions before 2 write floats as text, each with its length in a byte. A complex number is two floats.
        for _ in range(1 if kind == "f" else 2):
            length = self._read_bytes(1)[0]
            self._read_bytes(length)
        return OpaqueValue("float")

    def _decode_text(self, kind: str) -> str | bytes:
        """Decode bytes (``s``) or text; the length of short text (``z``, ``Z``) has one byte, others have four."""
        length = self._read_bytes(1)[0] if kind in "zZ" else self._read_size()
        data = self._read_bytes(length)
        if kind == "s":
            return data
        text = data.decode("utf-8", "surrogateescape")
        if kind == "t" and self.layout.versions == "2":
            self.references.append(text)  # Python 2 numbers its interned strings although they have no flag
        return text

    def _decode_code(self, start: int, depth: int) -> Code:
        """Decode a code object in the assumed layout, and add it to ``codes``."""
        self._read_bytes(4 * self.layout.numbers)
        tables = {name: self.decode_value(depth + 1) for name in self.layout.objects}
        self._read_bytes(4)  # the number of the first line
        for _ in range(self.layout.last_objects):
            self.decode_value(depth + 1)
        bytecode, constants, names = tables["code"], tables["consts"], tables["names"]
        name = _convert_to_text(tables["name"])
        if not isinstance(bytecode, bytes) or not isinstance(constants, tuple) or not isinstance(names, tuple):
            raise DamagedError("a code object has tables of the wrong types", start)
        if name is None:
            raise DamagedError("a code object has no name", start)
        texts = [_convert_to_text(value) for value in names]
        used_names = tuple(text for text in texts if text is not None)
        code = Code(start, self.layout.versions, name, bytecode, used_names, constants)
        self.codes.append(code)
        return code

    def _read_size(self) -> int:
        """Read a length or a number of items, which cannot exceed the length of the data."""
        size = int.from_bytes(self._read_bytes(4), "little", signed=True)
        if not 0 <= size <= len(self.data):
            raise DamagedError(
                f"a length of {size} is negative, or exceeds the {len(self.data)} bytes of data", self.position - 4
            )
        return size

    def _peek_byte(self) -> int:
        """Return the next byte without reading it; raise ``DamagedError`` at the end of the data."""
        if self.position >= len(self.data):
            raise DamagedError("the marshalled data end inside an object", self.position)
        return self.data[self.position]

    def _read_bytes(self, length: int) -> bytes:
        """Read ``length`` bytes; raise ``DamagedError`` if fewer are left."""
        piece = self.data[self.position : self.position + length]
        if len(piece) < length:
            raise DamagedError("the marshalled data end inside an object", self.position)
        self.position += length
        return piece


_SINGLETONS: Final[dict[str, Marshalled]] = {
    "N": None, "T": True, "F": False, "S": OpaqueValue("StopIteration"),
    ".": OpaqueValue("Ellipsis"), "0": OpaqueValue("null"),
}  # fmt: skip


def _convert_to_text(value: Marshalled) -> str | None:
    """Return a name as text, which Python 2 writes as bytes; ``None`` if the value is neither."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return value if isinstance(value, str) else None
