from __future__ import annotations

import pytest

from modelaudit.wire.base import DamagedError
from modelaudit.wire.cursor import BytesCursor, Cursor, SizeBeyondEndError


def test_cursor_reads_in_order_across_blocks(bytes_window) -> None:
    data = bytes(range(200))
    cursor = Cursor(bytes_window(data), block_size=7)
    pieces = [cursor.take(length, "a piece") for length in (1, 6, 3, 20, 0, 170)]
    assert b"".join(pieces) == data
    assert (cursor.offset, cursor.left) == (200, 0)


def test_peek_of_a_cursor_does_not_consume_the_bytes(bytes_window) -> None:
    cursor = Cursor(bytes_window(b"abcdef"), offset=2)
    assert (cursor.peek(2), cursor.peek(10), cursor.take(4, "the rest")) == (b"cd", b"cdef", b"cdef")


def test_peek_stops_at_the_end_of_the_part_that_the_cursor_covers(bytes_window) -> None:
    cursor = Cursor(bytes_window(b"abcdef"), offset=1, end=3)
    assert (cursor.peek(10), cursor.take(2, "the rest"), cursor.peek(1)) == (b"bc", b"bc", b"")


@pytest.mark.parametrize(
    ("length", "problem"), [(-1, "negative"), (5, "than the file has"), (1 << 62, "than the file")]
)
def test_cursor_rejects_a_negative_length_or_one_beyond_the_end_before_reading(
    length: int, problem: str, bytes_window
) -> None:
    cursor = Cursor(bytes_window(b"abcd"))
    for act in (cursor.require_bytes, cursor.take, cursor.skip):
        with pytest.raises(SizeBeyondEndError, match=f"a name is stated to take .*{problem}") as refused:
            act(length, "a name")
        assert (refused.value.stated_size, refused.value.offset, cursor.offset) == (length, 0, 0)


def test_cursor_takes_the_bytes_behind_those_that_it_skipped_without_reading_these(bytes_window) -> None:
    window = bytes_window(bytes(1000) + b"end")
    cursor = Cursor(window, block_size=10)
    cursor.take(5, "the front")
    cursor.skip(995, "the middle")
    assert window.bytes_read == 10  # the block of the front
    assert cursor.take(3, "the end") == b"end"
    assert window.bytes_read == 13


@pytest.mark.parametrize("length", [-1, 4])
def test_bytes_cursor_rejects_a_negative_length_or_one_beyond_the_end(length: int) -> None:
    cursor = BytesCursor(b"abcd", offset=100)
    assert cursor.take(1) == b"a"
    with pytest.raises(DamagedError) as refused:
        cursor.take(length)
    assert (refused.value.offset, cursor.left) == (101, 3)
