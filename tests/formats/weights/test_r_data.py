from __future__ import annotations

from builders.r_objects import (
    build_rda,
    build_rds,
    encode_call,
    encode_function,
    encode_integer,
    encode_list,
    encode_numbers,
    encode_promise,
    encode_strings,
    encode_symbol,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cases import check_each

from modelaudit.model.outline import Mention, Outline
from modelaudit.model.structure import UnreadReason

SYSTEM = encode_call("system", encode_strings("true"))


def list_mentions(reading) -> list[Mention]:
    return [mention for outline in reading.of(Outline) for mention in outline.mentions]


def list_calls(reading) -> set[tuple[str, str]]:
    return {(mention.use, mention.name) for mention in list_mentions(reading)}


@check_each(
    "item, expected",
    [
        (encode_promise(SYSTEM), ("promise-call", "system")),
        (encode_function(SYSTEM), ("function-call", "system")),
        (SYSTEM, ("language-call", "system")),
        (encode_function(encode_call("do.call", encode_symbol("system"))), ("function-argument", "system")),
        (
            encode_function(encode_call("lapply", encode_symbol("x"), encode_symbol("system"))),
            ("function-argument", "system"),
        ),
        (
            encode_function(encode_call(encode_call("::", encode_strings("base"), encode_strings("system")))),
            ("function-call", "system"),
        ),
        (encode_promise(encode_symbol("x")), ("promise-argument", "x")),
        (encode_list(encode_list(encode_function(encode_call("if", SYSTEM)))), ("function-call", "system")),
    ],
)
def test_use_of_a_call_states_when_it_runs(item, expected, read_bytes):
    assert expected in list_calls(read_bytes(build_rds(item)))


def test_package_of_a_qualified_name_is_not_a_function(read_bytes):
    reading = read_bytes(
        build_rds(
            encode_function(
                encode_call(encode_call("::", encode_symbol("stats"), encode_symbol("sd")), encode_numbers(1.0))
            )
        )
    )
    assert "stats" not in {name for _, name in list_calls(reading)}


def test_promise_in_function_environment_is_not_reported(read_fixture):
    reading = read_fixture("rds/benign/promise-of-argument.rds")
    assert ("value", "promise") not in list_calls(reading)
    assert ("function-call", "+") in list_calls(reading)


def test_promise_in_workspace_is_listed_as_call(read_bytes):
    assert ("value", "promise") in list_calls(read_bytes(build_rda(("x", encode_promise(SYSTEM)))))


def test_three_encodings_give_the_same_calls(read_bytes):
    little = (
        b"B\n"
        + b"".join(value.to_bytes(4, "little") for value in (2, 0x40500, 0x20300, 6, 1, 0x40009, 6))
        + b"system"
        + (254).to_bytes(4, "little")
    )
    text = b"A\n2\n263424\n131840\n6\n1\n262153\n6\nsystem\n254\n"
    for data in (little, text, build_rds(encode_call("system"))):
        assert list_calls(read_bytes(data)) == {("language-call", "system")}
        assert read_bytes(data).unread == []


def test_bytes_after_the_object_are_an_artifact(read_bytes):
    formats = read_bytes(build_rds(encode_numbers(1.0)) + b"\x80\x02cbuiltins\neval\nX\x01\x00\x00\x001\x85R.").formats
    assert ["pickle"] in formats.values()


def test_calls_before_damage_are_kept(read_bytes):
    reading = read_bytes(build_rds(encode_list(encode_promise(SYSTEM), encode_integer(99))))
    assert ("promise-call", "system") in list_calls(reading)
    assert reading.reasons() == {UnreadReason.DAMAGED}


def test_vectors_of_numbers_are_skipped(bytes_window, read_bytes):
    reading = read_bytes(
        build_rds(encode_list(encode_integer(14) + encode_integer(1 << 20) + bytes(8 << 20), encode_promise(SYSTEM)))
    )
    assert ("promise-call", "system") in list_calls(reading)
    assert reading.unread == []


def test_deeply_nested_items_reach_the_limit(read_bytes):
    assert read_bytes(build_rds(encode_integer(2) * 400_000)).reasons() == {UnreadReason.LIMIT}


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_mutated_objects_are_parsed_or_reported_as_unread(read_bytes, data):
    whole = bytearray(
        build_rds(
            encode_list(
                encode_function(SYSTEM),
                encode_promise(encode_symbol("x")),
                encode_strings("a", "b"),
                encode_numbers(1.0),
            ),
            3,
        )
    )
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(14, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(20, len(whole)))
    reading = read_bytes(bytes(whole[:cut]))
    assert reading.reasons() <= {UnreadReason.DAMAGED, UnreadReason.LIMIT}
    assert reading.of(Outline)
