"""Read runs of numbers in a pickle at once: tables of a tagger hold millions, and a handler for each takes seconds."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from modelaudit.formats.pickles.pickle.source import ByteSource
from modelaudit.model.lazy_pattern import defer_pattern

NUMBER_LAYOUTS: Final = {"BININT": "<i", "BININT1": "<B", "BININT2": "<H", "BINFLOAT": ">d"}
"""How the numbers of fixed length lie behind their opcodes, as layouts of ``struct``."""
NUMBER_OPCODES: Final = frozenset(b"JKMG")
"""The bytes of these opcodes, in the same order."""

_NUMBERS: Final = frozenset({int, float})
_FEWEST_NUMBERS: Final = 8  # that are looked at together
_LONGEST_RUN: Final = 4096  # bytes
_NUMBER: Final = defer_pattern(rb"(?s)K.|M..|J....|G.{8}")
_RUN: Final = defer_pattern(rb"(?s)(?:K.|M..|J....|G.{8})+")
_UNPACKERS: Final = {
    opcode: struct.Struct(layout).unpack_from for opcode, layout in zip(b"JKMG", NUMBER_LAYOUTS.values(), strict=True)
}


def read_numbers(source: ByteSource, end: int) -> list[int | float]:
    """Read the numbers that follow each other from the next opcode on, before the offset ``end`` and in the buffer.

    The source advances behind the last number, and its trail and current opcode are those of the last numbers. Without
    a number, the source stays.
    """
    buffer, start = source.buffer, source.position
    run = _RUN.match(buffer, start, min(len(buffer), start + _LONGEST_RUN, end - source.base))
    if run is None:
        return []
    opcodes: list[bytes] = _NUMBER.findall(buffer, start, run.end())
    source.position = run.end()
    last = opcodes[-(source.trail.maxlen or 0) :]
    position = source.position - sum(map(len, last))
    for opcode in last:
        source.trail.append(source.base + position)
        source.opcode_position = position
        position += len(opcode)
    return [_UNPACKERS[opcode[0]](opcode, 1)[0] for opcode in opcodes]


def are_numbers(values: Sequence[object]) -> bool:
    """Whether there are many values and all are numbers, which cannot act."""
    return len(values) >= _FEWEST_NUMBERS and _NUMBERS.issuperset(map(type, values))
