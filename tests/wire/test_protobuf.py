from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cases import check_each

from modelaudit.wire.base import DamagedError
from modelaudit.wire.protobuf import BYTES, FIXED32, FIXED64, VARINT, Message, _MessageSource, is_whole_message


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def encoded(rows):
    out = b""
    for number, wire, value in rows:
        out += varint(number << 3 | wire)
        if wire == VARINT:
            out += varint(value)
        elif wire == BYTES:
            out += varint(len(value)) + value
        else:
            out += value.to_bytes(4 if wire == FIXED32 else 8, "little")
    return out


ROWS = st.lists(
    st.integers(1, 2**29 - 1).flatmap(
        lambda number: st.one_of(
            st.tuples(st.just(number), st.just(VARINT), st.integers(0, 2**64 - 1)),
            st.tuples(st.just(number), st.just(FIXED64), st.integers(0, 2**64 - 1)),
            st.tuples(st.just(number), st.just(FIXED32), st.integers(0, 2**32 - 1)),
            st.tuples(st.just(number), st.just(BYTES), st.binary(max_size=200)),
        )
    ),
    max_size=20,
)


@given(ROWS)
def test_fields_are_those_that_were_written(bytes_window, rows):
    message = Message.from_window(bytes_window(encoded(rows)))
    found = [(f.number, f.wire, f.body.raw(1000) if f.wire == BYTES else f.value) for f in message.fields()]
    assert found == rows


def test_a_message_larger_than_what_is_held_is_read_in_steps(bytes_window):
    rows = [(1, BYTES, bytes(300_000)), (2, VARINT, 300)] * 30
    window = bytes_window(encoded(rows))
    assert [f.number for f in Message.from_window(window).fields()] == [1, 2] * 30
    assert window.read_bytes < window.size * 1.3


@given(st.binary(max_size=400))
def test_whatever_the_bytes_it_ends(bytes_window, data):
    try:
        for field in Message.from_window(bytes_window(data)).fields():
            assert 0 <= field.body.start <= field.body.end <= len(data)
            list(field.body.parse_varints())
    except DamagedError:
        pass


@check_each("data", [b"\x0a\x05abc", b"\x08\xff", b"\x00\x01", b"\x0f", b"\x0c", b"\x0b", b"\x08" + b"\xff" * 11])
def test_what_contradicts_the_format_is_damage(bytes_window, data):
    with pytest.raises(DamagedError):
        list(Message.from_window(bytes_window(data)).fields())


def test_groups_are_passed_over(bytes_window):
    assert [f.number for f in Message.from_window(bytes_window(b"\x0b\x10\x01\x0c\x18\x02")).fields()] == [3]


def test_nothing_is_made_of_what_a_group_holds(bytes_window, monkeypatch):
    made = []
    read_field = _MessageSource.read_field
    monkeypatch.setattr(_MessageSource, "read_field", lambda *given: made.append(given[1]) or read_field(*given))
    data = b"\x0b" + b"\x10\x05\x1a\x01x\x25abcd\x29abcdefgh" * 1000 + b"\x0c" + b"\x10\x07"
    assert [each.value for each in Message.from_window(bytes_window(data)).fields()] == [7]
    assert made == [2]


def test_bytes_that_are_a_message_to_their_end_are_told(bytes_window):
    inner = encoded([(1, BYTES, encoded([(2, BYTES, b"PyFunc")]))])
    assert is_whole_message(bytes_window(b"%PDF-" + inner))
    assert not is_whole_message(bytes_window(b"%PDF-" + inner + b"\0"))
    assert not is_whole_message(bytes_window(encoded([(1, VARINT, 1)] * 100)))


def test_a_message_of_more_fields_than_are_looked_at_may_be_anything(bytes_window):
    assert is_whole_message(bytes_window(b"\x08\x01" * 1_000_001 + b"\0"))
