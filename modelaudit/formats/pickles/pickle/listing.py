"""Opcodes as text, for people who check a finding against the bytes."""

from __future__ import annotations

import pickletools
import struct
from collections.abc import Iterable, Iterator
from typing import Final

from modelaudit.model.artifact import Window
from modelaudit.model.errors import WindowError
from modelaudit.model.pickle import Instruction

_SHOWN: Final = 60
_LOOKED_AT: Final = 160
# pickletools states the length of an argument as a count of bytes, or as one of these, with the bytes of its length.
_UP_TO_NEWLINE: Final = -1
_OPCODES: Final = {ord(opcode.code): opcode for opcode in pickletools.opcodes}
_LENGTH_BYTES: Final = {-2: 1, -3: 4, -4: 4, -5: 8}


def listing_of(window: Window, offsets: Iterable[int], held: tuple[int, bytes]) -> Iterator[Instruction]:
    """The opcodes at ``offsets``, and the gaps between them; ``held`` are bytes at hand with their offset."""
    base, data = held
    expected: int | None = None
    for offset in offsets:
        begin = offset - base
        piece = data[begin : begin + _LOOKED_AT] if begin >= 0 else b""
        if not piece:
            try:
                piece = window.read(offset, _LOOKED_AT)
            except WindowError:
                continue
        if not piece:
            continue
        if expected is not None and offset > expected:
            yield Instruction(expected, "", f"{offset - expected} bytes of plain data")
        instruction, length = _decoded(piece, offset)
        yield instruction
        expected = offset + length


def _decoded(data: bytes, offset: int) -> tuple[Instruction, int]:
    """The opcode that ``data`` begins with, and its length in bytes with its argument."""
    opcode = _OPCODES.get(data[0])
    if opcode is None:
        return Instruction(offset, f"0x{data[0]:02x}"), 1
    if opcode.arg is None:
        return Instruction(offset, opcode.name), 1
    size = opcode.arg.n
    if size == _UP_TO_NEWLINE:
        lines = data[1:].split(b"\n")[: 2 if opcode.arg.name.endswith("pair") else 1]
        text = " ".join(line.decode("utf-8", "backslashreplace") for line in lines)
        return Instruction(offset, opcode.name, _cut(text)), 1 + sum(len(line) + 1 for line in lines)
    if size >= 0:
        return Instruction(offset, opcode.name, _number(data[1 : 1 + size], opcode.arg.name)), 1 + size
    prefix = 1 + _LENGTH_BYTES[size]
    length = int.from_bytes(data[1:prefix], "little")
    return Instruction(offset, opcode.name, _content(data[prefix : prefix + length], opcode.name)), prefix + length


def _number(data: bytes, kind: str) -> str:
    if kind == "float8":
        return str(struct.unpack(">d", data)[0]) if len(data) == 8 else ""
    return str(int.from_bytes(data, "little", signed=kind == "int4"))


def _content(data: bytes, opcode: str) -> str:
    if opcode.startswith("LONG"):
        return str(int.from_bytes(data[:16], "little", signed=True)) if len(data) <= 16 else f"{len(data)} bytes"
    shown = data[:_SHOWN]
    text = repr(shown.decode("utf-8", "replace")) if "UNICODE" in opcode else repr(shown)
    return _cut(text) if len(data) <= _SHOWN else _cut(text[:-1]) + "…"


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN + 20 else text[: _SHOWN + 19] + "…"
