from __future__ import annotations

from contextlib import suppress

import pytest
from builders.msgpack_files import encode_array, encode_extension, encode_map, encode_text
from builders.payloads import EVAL_ONE
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cases import check_each

from modelaudit.formats.registry import find_reader
from modelaudit.formats.weights.msgpack.items import ItemKind, ItemReader
from modelaudit.model.artifact import Artifact
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline
from modelaudit.model.pickle import PickleProgram
from modelaudit.model.structure import UnreadReason
from modelaudit.wire.base import DamagedError

WEIGHTS = encode_map(params=encode_map(kernel=encode_array((2, 3), "float32", bytes(24))), step=b"\x03")


def test_msgpack_weights_are_recognised_without_an_extension(read_bytes):
    reading = read_bytes(WEIGHTS, "checkpoint")
    assert reading.formats == {"checkpoint": ["msgpack"]}
    assert dict(reading.of(Outline)[0].facts) == {"keys": "params, step", "arrays": "1"}
    assert not reading.unread
    assert not reading.kinds()


def test_list_of_patterns_of_spacy_is_recognised_by_its_name(read_bytes):
    # An empty list, and a list of one pattern.
    for data in (b"\x90", b"\x91" + encode_map(patterns=b"\x90")):
        assert read_bytes(data, "attribute_ruler/patterns").formats == {"attribute_ruler/patterns": ["msgpack"]}
        assert read_bytes(data, "attribute_ruler/patterns").unread == []
    assert read_bytes(b"\x90\0", "patterns").kinds() == {"trailing-data"}


# The map that the models of spaCy 2 are, whose keys are bytes: an array of numbers as msgpack-numpy writes it.
NUMBERS = b"\x84" + b"".join(
    b"\xc4" + bytes((len(key),)) + key + value
    for key, value in ((b"nd", b"\xc3"), (b"type", b"\xa3<f4"), (b"kind", b"\xc4\0"), (b"data", b"\xc4\x08" + bytes(8)))
)
WEIGHTS_OF_BYTES = b"\x81\xc4\x07weights\x92" + NUMBERS + b"\x81\xa1W" + NUMBERS


def test_map_whose_keys_are_bytes_is_recognised_and_read_to_its_last_byte(read_bytes):
    reading = read_bytes(WEIGHTS_OF_BYTES, "ner/model")
    assert reading.formats == {"ner/model": ["msgpack"]}
    assert not reading.unread
    assert not reading.kinds()


@pytest.mark.parametrize(
    "data", [WEIGHTS_OF_BYTES[:-1], WEIGHTS_OF_BYTES + b"\xc0", b"\x81\xc4\x07weights\x93" + NUMBERS]
)
def test_map_whose_keys_are_bytes_is_none_if_a_length_or_a_count_changes(data, read_bytes):
    assert "msgpack" not in read_bytes(data, "ner/model").formats.get("ner/model", [])


def test_pickle_in_a_map_whose_keys_are_bytes_is_read(read_bytes):
    hostile = WEIGHTS_OF_BYTES.replace(b"kind\xc4\0", b"kind\xc4\x01O").replace(
        b"\xc4\x08" + bytes(8), b"\xc4" + bytes((len(EVAL_ONE),)) + EVAL_ONE
    )
    assert read_bytes(hostile, "ner/model").of(PickleProgram)


@check_each(
    "data, kind",
    [
        (encode_map(params=encode_array((3,), "float32", bytes(8))), "size-mismatch"),
        (encode_map(params=encode_array((2**40, 2**40), "float32", bytes(8))), "size-overflow"),
        (encode_map(params=encode_array((1,), "object", bytes(8))), "unknown-dtype"),
        (encode_map(params=encode_extension(1, b"\xc0" * 20)), "malformed-tensor"),
        # Dimensions that are nil twice, negative (d0) and a float (ca): none of them is an unsigned number.
        (
            encode_map(params=encode_extension(1, b"\x93\x92\xc0\xc0" + encode_text("int8") + b"\xc4\x01a")),
            "malformed-tensor",
        ),
        (
            encode_map(params=encode_extension(1, b"\x93\x91\xd0\x01" + encode_text("int8") + b"\xc4\x01a")),
            "malformed-tensor",
        ),
        (
            encode_map(params=encode_extension(1, b"\x93\x91\xca\0\0\0\x01" + encode_text("int8") + b"\xc4\x01a")),
            "malformed-tensor",
        ),
        (encode_map(params=encode_map(a=encode_extension(9, b"abc"))), "unknown-extension"),
        (b"\x82" + (encode_text("params") + encode_map(a=b"\x01")) * 2, "duplicate-key"),
        (WEIGHTS + b"\x01", "trailing-data"),
    ],
)
def test_malformed_or_unknown_part_of_a_msgpack_file_is_reported_as_its_kind_of_defect(data, kind, read_bytes):
    assert kind in read_bytes(data, "m.msgpack").kinds()


def test_bytes_of_a_msgpack_number_array_are_not_read_as_a_pickle(read_bytes):
    numbers = encode_array((len(EVAL_ONE),), "uint8", EVAL_ONE)
    assert not read_bytes(encode_map(params=numbers), "m.msgpack").events


# The pickle as a value of the type bytes, after its length in one byte (bin 8).
ENCODED_PICKLE = b"\xc4" + bytes((len(EVAL_ONE),)) + EVAL_ONE


def test_pickle_in_msgpack_bytes_is_read(read_bytes):
    # msgpack-numpy stores an array of objects in this form.
    objects = encode_map(kind=encode_text("O"), data=ENCODED_PICKLE)
    assert read_bytes(encode_map(params=objects), "m.msgpack").evaluates


def test_pickle_after_the_end_of_a_msgpack_file_is_read(read_bytes):
    assert read_bytes(WEIGHTS + EVAL_ONE, "m.msgpack").evaluates


def test_pickle_after_damage_in_a_msgpack_file_is_read(read_bytes):
    # The byte c1 is in no MessagePack file.
    assert read_bytes(WEIGHTS[:-1] + b"\xc1" + EVAL_ONE, "m.msgpack").evaluates


def test_numbers_of_a_msgpack_array_are_not_read(bytes_window):
    # An extension of the type 1 with an array of three: the shape (9000000,), the dtype, and the bytes.
    size = (9_000_000).to_bytes(4, "big")
    fields = b"\x93\x91\xce" + size + encode_text("uint8") + b"\xc6" + size + bytes(9_000_000)
    data = encode_map(params=b"\xc9" + len(fields).to_bytes(4, "big") + b"\x01" + fields)
    window = bytes_window(data)
    (outline,) = find_reader("msgpack").read(Artifact("m", len(data), lambda: None), window, Limits())
    assert outline.defects == ()
    assert window.bytes_read < 500_000


def test_deeply_nested_msgpack_maps_are_reported_as_unread(read_bytes):
    # Each map has one key, "a", with the next map.
    reading = read_bytes(b"\x81\xa1a" * 300 + b"\x01", "m.msgpack")
    assert reading.reasons() == {UnreadReason.LIMIT, UnreadReason.UNCLAIMED}


def test_msgpack_values_over_the_bound_are_reported_as_unread(read_bytes):
    array = b"\xdc\xff\xff" + b"\x01" * 65535  # the marker of an array, its length in two bytes, and the numbers
    assert read_bytes(array, "m.msgpack", limits=Limits(document_nodes=100)).reasons() == {UnreadReason.LIMIT}


def test_first_1000_pickles_in_msgpack_bytes_are_read_and_any_beyond_is_reported_as_unread(read_bytes):
    for count, reasons in ((1000, set()), (1001, {UnreadReason.LIMIT})):
        reading = read_bytes(b"\xdc" + count.to_bytes(2, "big") + ENCODED_PICKLE * count, "m.msgpack")
        assert reading.reasons() == reasons
        assert len(reading.of(PickleProgram)) == 1000
        assert reading.evaluates


@check_each("key, is_refused", [(b"\x91\x01", True), (b"\x80", True), (b"\x05", False), (b"\xa1b", False)])
def test_array_or_map_as_the_key_of_a_msgpack_map_is_reported_as_damaged(key, is_refused, read_bytes):
    data = b"\x82\xa1a\x01" + key + b"\x01"
    assert (UnreadReason.DAMAGED in read_bytes(data, "a.msgpack").reasons()) is is_refused


def test_msgpack_map_that_states_more_pairs_than_bytes_follow_is_reported_as_damaged(read_bytes):
    # A map (df) of 2**32 - 1 pairs, and one byte.
    assert read_bytes(b"\xdf\xff\xff\xff\xff\x01", "m.msgpack").reasons() == {UnreadReason.DAMAGED}


@pytest.mark.parametrize(
    "data",
    [
        # A map whose pairs are missing, one with a short key and no map or array, a pickle, a map whose key is bytes,
        # text, and maps as keys.
        b"\x82",
        b"\x81\xa1a\x01",
        b"\x80\x02]q\x00.",
        b"\x81\xc4\x01a\x80",
        b"text",
        b"\x85" * 40,
    ],
)
def test_tiny_or_odd_msgpack_maps_and_other_bytes_are_not_recognised_without_the_extension(data, read_bytes):
    assert "msgpack" not in read_bytes(data, "file").formats["file"]


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=300)
    | st.binary(max_size=300),
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(max_size=40), inner, max_size=20),
    max_leaves=30,
)


@settings(max_examples=100, deadline=None)
@given(VALUES)
def test_msgpack_reader_ends_exactly_where_the_value_that_the_library_wrote_ends(bytes_window, value):
    msgpack = pytest.importorskip("msgpack")
    data = msgpack.packb(value)
    items = ItemReader(bytes_window(data))
    items_left = 1
    while items_left:
        item = items.read_item()
        items_left -= 1
        if item.kind is ItemKind.MAP:
            items_left += 2 * item.size
        elif item.kind is ItemKind.ARRAY:
            items_left += item.size
    assert items.offset == len(data)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(WEIGHTS)), st.binary(max_size=20))
def test_mutated_msgpack_files_never_crash_the_reader(bytes_window, position, replaced):
    # Any error that the reader does not report as damage or as a limit fails the test.
    data = WEIGHTS[:position] + replaced + WEIGHTS[position + len(replaced) :]
    with suppress(DamagedError):
        list(find_reader("msgpack").read(Artifact("m", len(data), lambda: None), bytes_window(data), Limits()))


def test_data_of_a_numpy_array_of_objects_in_msgpack_are_read_as_a_pickle_whatever_they_begin_with(read_bytes):
    pickled = b"N0" + EVAL_ONE
    data = b"\xc4" + bytes((len(pickled),)) + pickled
    for array in (
        encode_map(nd=b"\xc3", kind=encode_text("O"), data=data),
        encode_map(data=data, kind=b"\xc4\x01O", shape=b"\x91\x01", nd=b"\xc3"),
    ):
        assert read_bytes(encode_map(params=array), "m.msgpack").evaluates


def test_data_of_a_numpy_array_of_numbers_in_msgpack_are_not_read_as_a_pickle(read_bytes):
    array = encode_map(nd=b"\xc3", kind=encode_text(""), data=b"\xc4\x08N0K\x010000")
    reading = read_bytes(encode_map(params=array), "m.msgpack")
    assert list(reading.formats) == ["m.msgpack"]
