"""The format of ``marshal``, versions 0 to 5, as far as it takes to see what code objects in it would do.

Source: ``Python/marshal.c`` of CPython 2.7 and 3.8 to 3.14. Nothing is made of what is read but plain values.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Final

from modelaudit.wire.base import DamagedError

FLAG_REF: Final = 0x80
CODE: Final = ord("c")
_DEPTH: Final = 60
_OBJECTS: Final = 50_000
_LARGEST_INT: Final = 1 << 12


@dataclass(frozen=True, slots=True)
class Unlike:
    """A value of which only the kind matters: a dictionary, a float as text, a reference to what is not there yet."""

    kind: str


@dataclass(frozen=True, slots=True)
class Code:
    """A code object: its bytecode and its tables, as they stand in the file.

    Attributes:
        offset: where it stands, in bytes from the start of what was read.
        layout: the Python versions that write code objects so.
    """

    offset: int
    layout: str
    name: str
    bytecode: bytes
    names: tuple[str, ...]
    constants: tuple[Marshalled, ...]


Marshalled = None | bool | int | float | complex | str | bytes | tuple["Marshalled", ...] | Code | Unlike
"""What a marshalled value is read as; sets, lists and slices are tuples here."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """How a version writes a code object: 32-bit numbers, then objects by these names, one number, more objects."""

    versions: str
    numbers: int
    objects: tuple[str, ...]
    after: int


_OLD: Final = ("code", "consts", "names", "varnames", "freevars", "cellvars", "filename", "name")
_NEW: Final = ("code", "consts", "names", "localsplusnames", "localspluskinds", "filename", "name", "qualname")
_LAYOUTS: Final = (
    _Layout("3.11 or later", 5, _NEW, 2),
    _Layout("3.8 to 3.10", 6, _OLD, 1),
    _Layout("3.0 to 3.7", 5, _OLD, 1),
    _Layout("2", 4, _OLD, 1),
)


def code_objects(data: bytes) -> tuple[Code, ...]:
    """Every code object in ``data``, the innermost first; those before damage where there is damage.

    Versions write code objects differently and do not say which they are: the layout counts that reads furthest.
    """
    best: _Reading | None = None
    for layout in _LAYOUTS:
        reading = _Reading(data, layout)
        try:
            reading.value(0)
        except DamagedError:
            if best is None or len(reading.codes) > len(best.codes):
                best = reading
        else:
            return tuple(reading.codes)
    return tuple(best.codes) if best else ()


@dataclass(slots=True)
class _Reading:
    """One pass over the bytes, under the assumption of one layout."""

    data: bytes
    layout: _Layout
    position: int = 0
    objects: int = 0
    references: list[Marshalled] = field(default_factory=list)
    codes: list[Code] = field(default_factory=list)

    def value(self, depth: int) -> Marshalled:
        """The next object. Raises ``DamagedError``."""
        start = self.position
        kind = self._take(1)[0]
        self.objects += 1
        if depth > _DEPTH or self.objects > _OBJECTS:
            raise DamagedError("more objects, or deeper, than are read of marshalled data", start)
        place = None
        if kind & FLAG_REF:
            place = len(self.references)
            self.references.append(Unlike("unfinished"))
        read = self._of_kind(chr(kind & ~FLAG_REF), start, depth)
        if place is not None:
            self.references[place] = read
        return read

    def _of_kind(self, kind: str, start: int, depth: int) -> Marshalled:
        if kind in _SINGLE:
            return _SINGLE[kind]
        if kind in "iIgyfxl":
            return self._number(kind)
        if kind in "stuaAzZ":
            return self._text(kind)
        if kind in "()[<>:":
            count = 3 if kind == ":" else self._take(1)[0] if kind == ")" else self._size()
            return tuple([self.value(depth + 1) for _ in range(count)])
        if kind == "{":
            while self._peek() != ord("0"):
                self.value(depth + 1)
                self.value(depth + 1)
            self.position += 1
            return Unlike("dict")
        if kind in "rR":
            index = self._size()
            return self.references[index] if index < len(self.references) else Unlike("reference")
        if kind == "c":
            return self._code(start, depth)
        raise DamagedError(f"0x{ord(kind):02x} is no kind of marshalled object", start)

    def _number(self, kind: str) -> Marshalled:
        if kind in "iI":
            return int.from_bytes(self._take(4 if kind == "i" else 8), "little", signed=True)
        if kind == "l":
            digits = int.from_bytes(self._take(4), "little", signed=True)
            if abs(digits) > _LARGEST_INT:
                raise DamagedError("a number longer than is read", self.position)
            parts = struct.unpack(f"<{abs(digits)}H", self._take(2 * abs(digits)))
            size = sum(part << 15 * index for index, part in enumerate(parts))
            return int(-size if digits < 0 else size)
        if kind in "gy":
            floats = struct.unpack("<d" if kind == "g" else "<dd", self._take(8 if kind == "g" else 16))
            return complex(*floats) if kind == "y" else float(floats[0])
        for _ in range(1 if kind == "f" else 2):
            self._take(self._take(1)[0])
        return Unlike("float")

    def _text(self, kind: str) -> str | bytes:
        data = self._take(self._take(1)[0] if kind in "zZ" else self._size())
        if kind == "s":
            return data
        read = data.decode("utf-8", "surrogateescape")
        if kind == "t" and self.layout.versions == "2":
            self.references.append(read)  # Python 2 counts its interned strings without a flag
        return read

    def _code(self, start: int, depth: int) -> Code:
        self._take(4 * self.layout.numbers)
        tables = {name: self.value(depth + 1) for name in self.layout.objects}
        self._take(4)
        for _ in range(self.layout.after):
            self.value(depth + 1)
        bytecode, constants, names = tables["code"], tables["consts"], tables["names"]
        name = _as_text(tables["name"])
        if not isinstance(bytecode, bytes) or not isinstance(constants, tuple) or not isinstance(names, tuple):
            raise DamagedError("a code object whose tables are of other types", start)
        if name is None:
            raise DamagedError("a code object without a name", start)
        used = tuple(text for each in names if (text := _as_text(each)) is not None)
        code = Code(start, self.layout.versions, name, bytecode, used, constants)
        self.codes.append(code)
        return code

    def _size(self) -> int:
        size = int.from_bytes(self._take(4), "little", signed=True)
        if not 0 <= size <= len(self.data):
            raise DamagedError(f"a length of {size} in {len(self.data)} bytes", self.position - 4)
        return size

    def _peek(self) -> int:
        if self.position >= len(self.data):
            raise DamagedError("the marshalled data end inside an object", self.position)
        return self.data[self.position]

    def _take(self, length: int) -> bytes:
        piece = self.data[self.position : self.position + length]
        if len(piece) < length:
            raise DamagedError("the marshalled data end inside an object", self.position)
        self.position += length
        return piece


_SINGLE: Final[dict[str, Marshalled]] = {
    "N": None, "T": True, "F": False, "S": Unlike("StopIteration"), ".": Unlike("Ellipsis"), "0": Unlike("null"),
}  # fmt: skip


def _as_text(value: Marshalled) -> str | None:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return value if isinstance(value, str) else None
