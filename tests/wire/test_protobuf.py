from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.cases import check_each
from support.reading import BytesWindow

from modelaudit.wire.base import DamagedError, LimitReachedError
from modelaudit.wire.byte_ranges import ByteClass
from modelaudit.wire.deadline import Deadline, apply_deadline
from modelaudit.wire.ledger import ByteLedger, LedgerWindow
from modelaudit.wire.protobuf import BYTES, FIXED32, FIXED64, VARINT, FieldCursor, Message
from modelaudit.wire.protobuf_recognition import is_whole_message
from modelaudit.wire.protobuf_schema import MessageSchema, claim_message


def encode_varint(value: int) -> bytes:
    """Return ``value`` in groups of seven bits, the lowest first."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def list_unclaimed(schema: str, data: bytes) -> list[tuple[int, int]]:
    """Return the start and the end of each range of ``data`` that is unclaimed after the walk with ``schema``."""
    ledger = ByteLedger()
    window = LedgerWindow(BytesWindow(data), ledger)
    claim_message(Message.from_window(window), MessageSchema.parse(schema), 1000)
    return [(each.start, each.end) for each in ledger.partition(window).list_unclaimed()]


def test_each_of_many_equal_messages_is_claimed_as_the_first_one():
    schema = "File 1:Part\nPart 1:n 2:text"
    numbers, name, unknown = b"\x08\x05", b"\x12\x04name", b"\x1a\x02xy"

    def wrap(content: bytes) -> bytes:
        return bytes((0x0A, len(content))) + content

    assert list_unclaimed(schema, wrap(numbers + name) * 3) == []
    # The unknown field ends each part: four bytes behind the key and the length of the part, and the known field.
    assert list_unclaimed(schema, wrap(numbers + unknown) * 3) == [(4, 8), (12, 16), (20, 24)]
    assert list_unclaimed(schema, wrap(b"") + wrap(unknown)) == [(4, 8)]
    long_part = numbers * 70  # too long to be remembered
    assert list_unclaimed(schema, b"\x0a\x8c\x01" + long_part + b"\x0a\x90\x01" + long_part + unknown) == [(286, 290)]


def encode_message(rows):
    """Return the message of (field number, wire type, value) rows."""
    out = b""
    for number, wire, value in rows:
        out += encode_varint(number << 3 | wire)
        if wire == VARINT:
            out += encode_varint(value)
        elif wire == BYTES:
            out += encode_varint(len(value)) + value
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
def test_parsed_fields_equal_encoded_fields(bytes_window, rows):
    message = Message.from_window(bytes_window(encode_message(rows)))
    fields = [(f.number, f.wire, f.body.raw(1000) if f.wire == BYTES else f.value) for f in message.fields()]
    assert fields == rows


FIELD_NUMBERS = st.sampled_from([1, 2, 3, 4, 5, 17, 19])
# On both sides of the bounds on short texts, on lengths of one byte and on remembered messages.
CONTENT_SIZES = st.sampled_from([0, 1, 16, 17, 127, 128, 129, 300])
INNER_ROWS = st.lists(
    st.tuples(FIELD_NUMBERS, st.just(VARINT), st.integers(0, 2**64 - 1))
    | st.tuples(FIELD_NUMBERS, st.just(BYTES), CONTENT_SIZES.map(bytes)),
    max_size=3,
).map(encode_message)
NESTED_ROWS = st.lists(
    st.tuples(FIELD_NUMBERS, st.just(VARINT), st.integers(0, 2**64 - 1))
    | st.tuples(FIELD_NUMBERS, st.just(FIXED32), st.integers(0, 2**32 - 1))
    | st.tuples(FIELD_NUMBERS, st.just(BYTES), INNER_ROWS | CONTENT_SIZES.map(bytes)),
    max_size=8,
).map(encode_message)


@example(encode_message([(1, VARINT, 1), (3, BYTES, b"x"), (2, BYTES, b"x" * 17), (1, BYTES, bytes(20))] * 2), 40)
@given(NESTED_ROWS.map(lambda data: data * 2) | st.binary(max_size=60), st.integers(1, 40))
def test_claims_are_equal_whether_the_protobuf_walk_takes_fields_in_its_fast_loop_or_one_by_one(data, most_fields):
    schema = "File 1:n 2:text 3:data 4:Part 5:File 17:Part 18:n 19:text 20:data\nPart 1:n 2:text 3:data 4:File 18:Part"

    def list_claims():
        ledger = ByteLedger()
        window = LedgerWindow(BytesWindow(data), ledger)
        # A fast walk leaves the last bytes of the block to the general one, so that both kinds meet in one file.
        try:
            claim_message(Message.from_window(window), MessageSchema.parse(schema), most_fields)
        except (DamagedError, LimitReachedError) as error:
            return str(error), list(ledger.partition(window))
        return "", list(ledger.partition(window))

    claims = list_claims()
    with pytest.MonkeyPatch.context() as patch:
        # No field is so short that the fast loop would take it.
        patch.setattr("modelaudit.wire.protobuf_schema.SHORT_FIELD_BYTES", 10_000)
        assert list_claims() == claims


def test_reading_of_a_large_protobuf_message_rereads_less_than_a_third_of_its_bytes(bytes_window):
    rows = [(1, BYTES, bytes(300_000)), (2, VARINT, 300)] * 30
    window = bytes_window(encode_message(rows))
    assert [f.number for f in Message.from_window(window).fields()] == [1, 2] * 30
    assert window.bytes_read < window.size * 1.3


@given(st.binary(max_size=400))
def test_protobuf_parser_yields_fields_of_arbitrary_bytes_or_raises_damaged_error(bytes_window, data):
    try:
        for field in Message.from_window(bytes_window(data)).fields():
            assert 0 <= field.body.start <= field.body.end <= len(data)
            list(field.body.parse_varints())
    except DamagedError:
        pass


# Scalars of one key in a row, other fields, and damage; the last is a number of eleven bytes.
_PIECES = (
    b"\x10\x05",
    b"\x10\xff\x01",
    b"\x1dabcd",
    b"\x21abcdefgh",
    b"\x0a\x01x",
    b"\x10",
    b"\x10" + b"\x81" * 10 + b"\x01",
)
_ROWS = st.lists(st.tuples(st.sampled_from(_PIECES), st.integers(1, 6)), max_size=9).map(
    lambda rows: b"".join(piece * count for piece, count in rows)
)


@given(st.one_of(st.binary(max_size=400), _ROWS), st.integers(1, 20))
@example(b"\x08\x01\x0a\x02ab\x0b\x0a\x01a\x0c\x15abcd\x0a\x01b\x0a\x05c", 20)
def test_wanted_fields_equal_those_of_all_fields_and_damage_behind_them_is_found(bytes_window, data, most):
    def list_fields(wanted):
        found = []
        try:
            fields = Message.from_window(bytes_window(data)).fields(most, wanted)
            found.extend((each.number, each.wire, each.value, each.body.start, each.body.end) for each in fields)
        except (DamagedError, LimitReachedError) as error:
            return found, str(error)
        return found, ""

    fields, fault = list_fields(None)
    wanted = {(1, BYTES), (2, FIXED32), *(each[:2] for each in fields[:2])}
    assert list_fields(wanted) == ([each for each in fields if each[:2] in wanted], fault)


# A text that is too short, a truncated number, field 0, wire type 7, the end of a group without its start, a group
# without its end, and a number of more than ten bytes.
@check_each("data", [b"\x0a\x05abc", b"\x08\xff", b"\x00\x01", b"\x0f", b"\x0c", b"\x0b", b"\x08" + b"\xff" * 11])
def test_invalid_protobuf_message_raises_damaged_error(bytes_window, data):
    with pytest.raises(DamagedError):
        list(Message.from_window(bytes_window(data)).fields())


def test_parsing_of_packed_numbers_stops_when_the_deadline_has_passed(bytes_window):
    numbers = Message(bytes_window(b"x" + b"\x80\x01" * 10_000), 1, 20_001)
    with apply_deadline(Deadline(-1.0)), pytest.raises(LimitReachedError):
        list(numbers.parse_varints())


@check_each(
    "field, has_claim",
    [((1, BYTES, b"text"), True), ((1, FIXED64, 1), False), ((2, BYTES, b"\x08\x01"), True), ((2, VARINT, 1), False),
     ((3, BYTES, b"\x01"), True), ((3, FIXED64, 1), True), ((4, FIXED32, 1), True), ((5, BYTES, b"text"), False)],
)  # fmt: skip
def test_protobuf_field_is_claimed_only_if_its_wire_type_fits_the_schema(bytes_window, field, has_claim):
    schema = MessageSchema.parse("Root 1:text 2:Inner 3:n 4:data\nInner 1:n")
    data = encode_message([field])
    ledger = ByteLedger()
    window = LedgerWindow(bytes_window(data), ledger)
    claim_message(Message.from_window(window), schema, 10)
    classes = {each.class_ for each in ledger.partition(window)}
    assert (ByteClass.UNCLAIMED not in classes) == has_claim


def test_protobuf_groups_are_skipped_and_later_fields_are_read(bytes_window):
    # Group 1 with field 2, then field 3 with the value 2.
    message = Message.from_window(bytes_window(b"\x0b\x10\x01\x0c\x18\x02"))
    assert [field.number for field in message.fields()] == [3]


def test_no_objects_are_created_for_protobuf_fields_inside_skipped_groups(bytes_window, monkeypatch):
    numbers_of_fields = []
    read_field = FieldCursor.read_field

    def record_field(cursor, number, *arguments):
        numbers_of_fields.append(number)
        return read_field(cursor, number, *arguments)

    monkeypatch.setattr(FieldCursor, "read_field", record_field)
    # A group with fields of every wire type, then field 2 with the value 7.
    data = b"\x0b" + b"\x10\x05\x1a\x01x\x25abcd\x29abcdefgh" * 1000 + b"\x0c" + b"\x10\x07"
    assert [each.value for each in Message.from_window(bytes_window(data)).fields()] == [7]
    assert numbers_of_fields == [2]


def test_bytes_are_a_whole_protobuf_message_only_if_fields_fill_them_and_one_holds_a_message(bytes_window):
    # "%" is the key of field 4 with 32 bits, "PDF-" its value: the start of a PDF is also a field.
    inner = encode_message([(1, BYTES, encode_message([(2, BYTES, b"PyFunc")]))])
    assert is_whole_message(bytes_window(b"%PDF-" + inner))
    assert not is_whole_message(bytes_window(b"%PDF-" + inner + b"\0"))
    assert not is_whole_message(bytes_window(encode_message([(1, VARINT, 1)] * 100)))


def test_bytes_with_too_many_fields_to_check_count_as_a_whole_protobuf_message(bytes_window):
    # The byte behind the fields, which is damage, lies beyond the bound.
    assert is_whole_message(bytes_window(b"\x08\x01" * 1_000_001 + b"\0"))
