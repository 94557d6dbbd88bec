"""List opcodes as text, so that a person can check a finding against the bytes."""

from __future__ import annotations

import pickletools
import struct
from collections.abc import Iterable, Iterator
from typing import Final

from modelaudit.model.artifact import Window
from modelaudit.model.errors import WindowError
from modelaudit.model.pickle import Instruction

_SHOWN: Final = 60  # characters of an argument
_BYTES_READ: Final = 160  # from the start of each opcode
# ``pickletools.ArgumentDescriptor`` gives the length of an argument in bytes, or as a negative code: up to the newline,
# or with a length prefix of so many bytes.
_UP_TO_NEWLINE: Final = -1
_OPCODES: Final = {ord(opcode.code): opcode for opcode in pickletools.opcodes}
_LENGTH_BYTES: Final = {-2: 1, -3: 4, -4: 4, -5: 8}


def list_instructions(window: Window, offsets: Iterable[int], chunk: tuple[int, bytes]) -> Iterator[Instruction]:
    """Decode the opcodes at ``offsets``, and list the gaps between them.

    Args:
        window: the bytes of the pickle.
        offsets: the offsets of opcodes, rising.
        chunk: an offset and the bytes from there on that were read already; others are read from the window.
    """
    chunk_start, chunk_bytes = chunk
    previous_end: int | None = None
    for offset in offsets:
        index = offset - chunk_start
        data = chunk_bytes[index : index + _BYTES_READ] if index >= 0 else b""
        if not data:
            try:
                data = window.read(offset, _BYTES_READ)
            except WindowError:
                # The listing is only an illustration; the event itself was recorded.
                continue
        if not data:
            continue
        if previous_end is not None and offset > previous_end:
            yield Instruction(previous_end, "", f"{offset - previous_end} bytes of plain data")
        instruction, length = _decode_opcode(data, offset)
        yield instruction
        previous_end = offset + length


def _decode_opcode(data: bytes, offset: int) -> tuple[Instruction, int]:
    """Return the first opcode of ``data`` with its argument, and its length in bytes, argument included.

    ``offset`` is its offset in the artifact.
    """
    opcode = _OPCODES.get(data[0])
    if opcode is None:
        return Instruction(offset, f"0x{data[0]:02x}"), 1
    if opcode.arg is None:
        return Instruction(offset, opcode.name), 1
    size = opcode.arg.n
    if size == _UP_TO_NEWLINE:
        # GLOBAL and INST have a pair of lines, the module and the name.
        lines = data[1:].split(b"\n")[: 2 if opcode.arg.name.endswith("pair") else 1]
        text = " ".join(line.decode("utf-8", "backslashreplace") for line in lines)
        return Instruction(offset, opcode.name, _shorten(text)), 1 + sum(len(line) + 1 for line in lines)
    if size >= 0:
        return Instruction(offset, opcode.name, _format_number(data[1 : 1 + size], opcode.arg.name)), 1 + size
    content_start = 1 + _LENGTH_BYTES[size]
    length = int.from_bytes(data[1:content_start], "little")
    end = content_start + length
    return Instruction(offset, opcode.name, _format_content(data[content_start:end], opcode.name)), end


def _format_number(data: bytes, kind: str) -> str:
    """Format an argument of fixed length; ``kind`` is its name in ``pickletools``, such as ``int4``."""
    if kind == "float8":
        return str(struct.unpack(">d", data)[0]) if len(data) == 8 else ""
    return str(int.from_bytes(data, "little", signed=kind == "int4"))


def _format_content(data: bytes, opcode: str) -> str:
    """Format an argument whose length precedes it: the number of LONG1 and LONG4, or the start of text or bytes."""
    if opcode.startswith("LONG"):
        return str(int.from_bytes(data[:16], "little", signed=True)) if len(data) <= 16 else f"{len(data)} bytes"
    shown = data[:_SHOWN]
    text = repr(shown.decode("utf-8", "replace")) if "UNICODE" in opcode else repr(shown)
    # Where the content goes on, an ellipsis takes the place of the closing quote.
    return _shorten(text) if len(data) <= _SHOWN else _shorten(text[:-1]) + "…"


def _shorten(text: str) -> str:
    """Cut a text that its escapes made longer than a line of the listing."""
    return text if len(text) <= _SHOWN + 20 else text[: _SHOWN + 19] + "…"
