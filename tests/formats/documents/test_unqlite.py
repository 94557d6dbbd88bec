"""Databases of UnQLite: every page has one use, and each value is content of its own."""

from __future__ import annotations

import pytest
from builders.payloads import EVAL_ONE
from builders.unqlite_files import PAGE_BYTES, TERMS, build_database
from hypothesis import given, settings
from hypothesis import strategies as st

from modelaudit.model.outline import Outline

DATABASE = build_database(TERMS)
NAME = "terms.unqlite"


def has_fault(reading) -> bool:
    """Whether the reading reports an absence or a defect."""
    assert reading.unread is not None  # fails if a reader raised an unexpected error
    return bool(reading.inner.unread or reading.kinds())


@pytest.mark.parametrize("name", [NAME, "data.bin"])
def test_database_is_read_to_its_end_by_its_bytes(name, read_bytes):
    reading = read_bytes(DATABASE, name)
    assert reading.formats[name] == ["unqlite"]
    assert not has_fault(reading), reading.details
    assert any(each.facts == (("values", "3"),) for each in reading.of(Outline))


@pytest.mark.parametrize(
    "data",
    [
        build_database({**TERMS, b"evil": EVAL_ONE}),
        build_database({b"evil": b"cbuiltins\neval\n(V1\ntR."}),
        build_database({b"evil": EVAL_ONE[:-1] + b"0" + b"X\x00\x08\x00\x00" + b"x" * 2048 + b"."}),
        build_database({b"a": b"b"}, EVAL_ONE),
        build_database({EVAL_ONE: b"x" * 1000}),
        build_database({b"\0\1" + EVAL_ONE: b"x" * 1000}),
        DATABASE + EVAL_ONE.ljust(PAGE_BYTES, b"\0"),
    ],
)
def test_pickle_in_a_cell_a_free_block_and_an_unused_page_is_read(data, read_bytes):
    assert read_bytes(data, NAME).evaluates


@pytest.mark.parametrize(
    "data",
    [
        build_database(TERMS, page=1),
        build_database(TERMS, page=9),
        build_database(TERMS, page=2**40),
        build_database(TERMS, records=40),
        build_database(TERMS, records=2**32 - 1),
        build_database(TERMS, circle=True),
        build_database(TERMS, page_bytes=513),
        build_database(TERMS, page_bytes=2**31),
        DATABASE[:-PAGE_BYTES],
        DATABASE[:-1],
        DATABASE + b"\0",
        # The length of the first key, of the first value, and the place of the next cell.
        DATABASE[: 2 * PAGE_BYTES + 16] + b"\xff" * 4 + DATABASE[2 * PAGE_BYTES + 20 :],
        DATABASE[: 2 * PAGE_BYTES + 20] + b"\xff" * 8 + DATABASE[2 * PAGE_BYTES + 28 :],
        DATABASE[: 2 * PAGE_BYTES + 28] + b"\x00\x20" + DATABASE[2 * PAGE_BYTES + 30 :],
    ],
)
def test_contradiction_is_damage(data, read_bytes):
    assert has_fault(read_bytes(data, NAME))


def test_binary_value_of_no_known_format_is_an_absence(read_bytes):
    assert has_fault(read_bytes(build_database({b"a": b"\x01\x02\xfe\xff" * 9}), NAME))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_mutated_bytes_never_crash_the_reader(read_bytes, data):
    file = bytearray(DATABASE)
    for _ in range(data.draw(st.integers(1, 6))):
        file[data.draw(st.integers(11, len(file) - 1))] = data.draw(st.integers(0, 255))
    assert read_bytes(bytes(file), NAME).unread is not None
