"""Test that runs of numbers are read as the handlers of single numbers read them."""

from __future__ import annotations

import pickletools
import struct

import pytest
from support.reading import BytesWindow

from modelaudit.formats.pickles.pickle.machine import Machine
from modelaudit.formats.pickles.pickle.number_runs import are_numbers, read_numbers
from modelaudit.formats.pickles.pickle.source import ByteSource
from modelaudit.model.limits import Limits

NUMBERS = [0, 255, 256, 65535, -1, 2**31 - 1, 1.5, float("-inf"), 7]


def spell(number: int | float) -> bytes:
    """Spell a number as a pickler does."""
    if isinstance(number, float):
        return b"G" + struct.pack(">d", number)
    if 0 <= number < 256:
        return b"K" + struct.pack("<B", number)
    return b"M" + struct.pack("<H", number) if 0 <= number < 65536 else b"J" + struct.pack("<i", number)


def read(data: bytes, end: int | None = None) -> tuple[list[int | float], ByteSource]:
    """Read the numbers at the start of ``data``."""
    source = ByteSource(BytesWindow(data), 0)
    source.refill()
    return read_numbers(source, len(data) if end is None else end), source


@pytest.mark.parametrize("times", [1, 3, 1_000])
def test_numbers_in_a_row_are_read_with_the_offsets_of_the_last(times: int) -> None:
    data = b"".join(map(spell, NUMBERS * times)) + b"."
    offsets = [position for _, _, position in pickletools.genops(data)][:-1]
    numbers: list[int | float] = []
    source = ByteSource(BytesWindow(data), 0)
    source.refill()
    while part := read_numbers(source, len(data)):
        numbers += part
    assert numbers == NUMBERS * times
    assert list(source.trail) == offsets[-8:]
    assert source.opcode_offset == offsets[-1]
    assert source.offset == len(data) - 1


def test_no_number_is_read_beyond_the_end() -> None:
    data = b"".join(map(spell, NUMBERS))
    assert read(data, 2)[0] == [0]
    numbers, source = read(data, 5)
    assert (numbers, source.offset) == ([0, 255], 4)


@pytest.mark.parametrize("data", [b"N", b"K", b"J\x00\x00\x00", b"h\x00K\x01"])
def test_other_opcodes_and_cut_numbers_are_left(data: bytes) -> None:
    numbers, source = read(data)
    assert (numbers, source.offset, list(source.trail)) == ([], 0, [])


def test_only_many_numbers_count_as_numbers() -> None:
    assert are_numbers([1, 2.5] * 4)
    assert not are_numbers([1] * 7)
    assert not are_numbers([*[1] * 8, True])
    assert not are_numbers([*[1] * 8, "text"])


def test_numbers_that_are_read_at_once_do_not_count_as_opcodes() -> None:
    numbers = b"".join(map(spell, NUMBERS * 1_000))
    machine = Machine(BytesWindow(b"(" + numbers + b"t."), 0, Limits(pickle_opcodes=100))
    machine.execute_stretch(len(numbers) + 1)
    assert machine.opcodes < 100
    assert machine.stack.values[-1] == 7
