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
_LONGEST_LINE: Final = 80  # characters of an argument with its escapes
_BYTES_READ: Final = 160  # from the start of each opcode
_OPCODES: Final = {ord(opcode.code): opcode for opcode in pickletools.opcodes}
# ``n`` of ``pickletools.ArgumentDescriptor`` is the length of an argument in bytes, or a negative code: -1 for an
# argument up to the newline, the others for an argument after its length, which has so many bytes.
_UP_TO_NEWLINE: Final = -1
_LENGTH_BYTES: Final = {-2: 1, -3: 4, -4: 4, -5: 8}
_LONGEST_NUMBER: Final = 16  # bytes of a LONG1 or LONG4 that is shown as a number


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
        if len(data) < min(_BYTES_READ, window.size - offset):
            # The opcode lies outside the chunk, or the end of the chunk cuts it.
            try:
                data = window.read(offset, _BYTES_READ)
            except WindowError:
                # The listing is only an illustration; the event itself was recorded.
                continue
        if not data:
            continue
        # Behind an argument of unknown length, a gap is unknown too.
        if previous_end is not None and offset > previous_end:
            yield Instruction(previous_end, "", f"{offset - previous_end} bytes of plain data")
        instruction, length = _decode_opcode(data, offset)
        yield instruction
        previous_end = None if length is None else offset + length


def _decode_opcode(data: bytes, offset: int) -> tuple[Instruction, int | None]:
    """Return the first opcode of ``data`` with its argument, and its length in bytes, argument included.

    The length is ``None`` if the argument is a line that does not end within ``data``. ``offset`` is the offset of the
    opcode in the artifact.
    """
    opcode = _OPCODES.get(data[0])
    if opcode is None:
        return Instruction(offset, f"0x{data[0]:02x}"), 1
    if opcode.arg is None:
        return Instruction(offset, opcode.name), 1
    size = opcode.arg.n
    if size == _UP_TO_NEWLINE:
        # GLOBAL and INST have a pair of lines, the module and the name.
        line_count = 2 if opcode.arg.name.endswith("pair") else 1
        pieces = data[1:].split(b"\n")
        lines = pieces[:line_count]
        text = " ".join(line.decode("utf-8", "backslashreplace") for line in lines)
        # No newline ends the last piece.
        are_lines_whole = len(pieces) > line_count
        line_bytes = sum(len(line) + 1 for line in lines)
        opcode_length = 1 + line_bytes if are_lines_whole else None
        return Instruction(offset, opcode.name, _shorten(text)), opcode_length
    if size >= 0:
        return Instruction(offset, opcode.name, _format_number(data[1 : 1 + size], opcode.arg.name)), 1 + size
    content_start = 1 + _LENGTH_BYTES[size]
    length = int.from_bytes(data[1:content_start], "little")
    end = content_start + length
    return Instruction(offset, opcode.name, _format_content(data[content_start:end], length, opcode.name)), end


def _format_number(data: bytes, kind: str) -> str:
    """Format an argument of fixed length; ``kind`` is its name in ``pickletools``, such as ``int4``."""
    if kind == "float8":
        return str(struct.unpack(">d", data)[0]) if len(data) == 8 else ""
    return str(int.from_bytes(data, "little", signed=kind == "int4"))


def _format_content(data: bytes, length: int, opcode: str) -> str:
    """Format an argument of ``length`` bytes that begins with ``data``: the number of a LONG, or the start of text."""
    if opcode.startswith("LONG"):
        is_short = length <= _LONGEST_NUMBER
        return str(int.from_bytes(data, "little", signed=True)) if is_short else f"{length} bytes"
    shown = data[:_SHOWN]
    text = repr(shown.decode("utf-8", "replace")) if "UNICODE" in opcode else repr(shown)
    # Where the content goes on, an ellipsis takes the place of the closing quote.
    return _shorten(text) if len(data) <= _SHOWN else _shorten(text[:-1]) + "…"


def _shorten(text: str) -> str:
    """Cut a text at ``_LONGEST_LINE`` characters: the escapes of a text make it longer than its bytes."""
    return text if len(text) <= _LONGEST_LINE else text[: _LONGEST_LINE - 1] + "…"
