"""List opcodes as text, so that a person can check a finding against the bytes."""

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
# ``pickletools.ArgumentDescriptor`` gives the length of an argument in bytes, or as a negative code: up to the newline,
# or with a length prefix of so many bytes.
_UP_TO_NEWLINE: Final = -1
_OPCODES: Final = {ord(opcode.code): opcode for opcode in pickletools.opcodes}
_LENGTH_BYTES: Final = {-2: 1, -3: 4, -4: 4, -5: 8}


def list_instructions(window: Window, offsets: Iterable[int], chunk: tuple[int, bytes]) -> Iterator[Instruction]:
    """Decode the opcodes at ``offsets``, and list the gaps between them.

    Args:
        window: the bytes.
        offsets: of opcodes, rising.
        chunk: bytes at hand, with the offset of the first; others are read from the window.
    """
    base, data = chunk
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
        instruction, length = _decode_opcode(piece, offset)
        yield instruction
        expected = offset + length


def _decode_opcode(data: bytes, offset: int) -> tuple[Instruction, int]:
    """Decode the first opcode of ``data``; returns its length in bytes too, argument included."""
    opcode = _OPCODES.get(data[0])
    if opcode is None:
        return Instruction(offset, f"0x{data[0]:02x}"), 1
    if opcode.arg is None:
        return Instruction(offset, opcode.name), 1
    size = opcode.arg.n
    if size == _UP_TO_NEWLINE:
        lines = data[1:].split(b"\n")[: 2 if opcode.arg.name.endswith("pair") else 1]
        text = " ".join(line.decode("utf-8", "backslashreplace") for line in lines)
        return Instruction(offset, opcode.name, _shorten(text)), 1 + sum(len(line) + 1 for line in lines)
    if size >= 0:
        return Instruction(offset, opcode.name, _format_number(data[1 : 1 + size], opcode.arg.name)), 1 + size
    prefix = 1 + _LENGTH_BYTES[size]
    length = int.from_bytes(data[1:prefix], "little")
    return Instruction(
        offset, opcode.name, _format_content(data[prefix : prefix + length], opcode.name)
    ), prefix + length


def _format_number(data: bytes, kind: str) -> str:
    if kind == "float8":
        return str(struct.unpack(">d", data)[0]) if len(data) == 8 else ""
    return str(int.from_bytes(data, "little", signed=kind == "int4"))


def _format_content(data: bytes, opcode: str) -> str:
    if opcode.startswith("LONG"):
        return str(int.from_bytes(data[:16], "little", signed=True)) if len(data) <= 16 else f"{len(data)} bytes"
    shown = data[:_SHOWN]
    text = repr(shown.decode("utf-8", "replace")) if "UNICODE" in opcode else repr(shown)
    return _shorten(text) if len(data) <= _SHOWN else _shorten(text[:-1]) + "…"


def _shorten(text: str) -> str:
    return text if len(text) <= _SHOWN + 20 else text[: _SHOWN + 19] + "…"
