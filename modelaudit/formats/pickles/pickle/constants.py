"""The opcodes that push a constant: numbers, text and bytes, kept while they are short."""

from __future__ import annotations

import codecs
import struct

from modelaudit.formats.pickles.pickle import PickleDefect
from modelaudit.formats.pickles.pickle.machine import Handler, Machine
from modelaudit.formats.pickles.pickle.nested import AS_TEXT, OPENED
from modelaudit.formats.pickles.pickle.values import Slot, Truncated
from modelaudit.model.pickle import Embedded, Unknown
from modelaudit.wire.base import DamagedError


def constant(value: Slot) -> Handler:
    """Push ``value``."""

    def push(machine: Machine) -> None:
        machine.stack.append(value)

    return push


def number(layout: str) -> Handler:
    """Push the number that ``struct`` unpacks with ``layout``."""
    number = struct.Struct(layout)
    unpack, size = number.unpack_from, number.size

    def push(machine: Machine) -> None:
        pos = machine.pos
        if pos + size > len(machine.buffer):
            machine.stack.append(unpack(machine.take(size))[0])
        else:
            machine.stack.append(unpack(machine.buffer, pos)[0])
            machine.pos = pos + size

    return push


def text_line(kind: str) -> Handler:
    """Push what a line of protocol 0 spells: ``int``, ``float``, ``str`` or a ``quoted`` string."""

    def push(machine: Machine) -> None:
        start = machine.offset
        line, whole = machine.take_line()
        if kind in ("str", "quoted"):
            opening = 1 if kind == "quoted" else 0
            length = machine.offset - start - 1 - 2 * opening
            if machine.note_nested(line[opening : opening + length], start + opening, length, True) in AS_TEXT:
                machine.stack.append(Embedded(start + opening, length))
                return
        machine.stack.append(_line_value(machine, kind, line) if whole else cut(kind, line))

    return push


def _line_value(machine: Machine, kind: str, line: bytes) -> Slot:
    text = line.decode("ascii", "replace")
    try:
        if kind == "str":
            return line.decode("raw-unicode-escape")
        if kind == "quoted":
            return _unquoted(line)
        if kind == "float":
            return float(text)
        return _integer(text)
    except ValueError:
        machine.defect(PickleDefect.LITERAL_INVALID, f"a {kind} literal cannot be read")
        return Unknown(f"a {kind} literal that cannot be read")


def _integer(text: str) -> int | bool:
    if text in ("00", "01"):
        return text == "01"
    digits = text.strip().rstrip("L")
    try:
        return int(digits, 0)
    except ValueError:
        # The C unpickler asks strtol, to which a leading zero means octal.
        return int(digits, 8)


def _unquoted(line: bytes) -> str:
    """The value of a STRING literal, by CPython's own rule: one pair of quotes and byte escapes between."""
    text = line.rstrip()
    if len(text) < 2 or text[:1] != text[-1:] or text[:1] not in (b"'", b'"'):
        raise ValueError("no quotes")
    value = codecs.escape_decode(text[1:-1])[0]
    return value.decode("latin-1")


def sized(kind: str, layout: str) -> Handler:
    """Push a constant whose length precedes it as ``layout``: ``int``, ``bytes``, ``str`` (UTF-8) or ``latin`` text."""
    length = struct.Struct(layout)

    def push(machine: Machine) -> None:
        (size,) = length.unpack(machine.take(length.size))
        if size < 0:
            raise DamagedError(f"a {kind} constant with the negative length {size}", machine.at)
        start = machine.offset
        data, whole = machine.take_constant(size)
        if kind != "int" and machine.note_nested(data, start, size, kind == "str") in OPENED:
            machine.stack.append(Embedded(start, size))
            return
        machine.stack.append(_decoded(machine, kind, data) if whole else cut(kind, data))

    return push


def _decoded(machine: Machine, kind: str, data: bytes) -> Slot:
    if kind == "int":
        return int.from_bytes(data, "little", signed=True)
    if kind == "bytes":
        return data
    if kind == "latin":
        return data.decode("latin-1")
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        machine.defect(PickleDefect.TEXT_INVALID, "text that is not UTF-8")
        return Unknown("text that is not UTF-8")


def cut(kind: str, data: bytes) -> Truncated:
    """What stands for a constant too long to keep."""
    start = data[:40].decode("latin-1")
    return Truncated("bytes" if kind == "bytes" else "int" if kind == "int" else "str", repr(start)[:-1])


def byte_array(machine: Machine) -> None:
    """BYTEARRAY8."""
    _bytes8(machine)
    machine.stack[-1] = Truncated("bytearray", "bytearray(")


def next_buffer(machine: Machine) -> None:
    """NEXT_BUFFER: bytes that the caller of the loader supplies."""
    machine.stack.append(Unknown("an out-of-band buffer"))


def nothing(machine: Machine) -> None:
    """READONLY_BUFFER changes nothing that can be seen."""


_bytes8 = sized("bytes", "<Q")
