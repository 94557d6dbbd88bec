from __future__ import annotations

from builders.payloads import EVAL_ONE
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

from modelaudit.formats.weights.r_data import walker
from modelaudit.model.outline import Outline
from modelaudit.model.structure import UnreadReason

SYSTEM = encode_call("system", encode_strings("true"))


def list_uses(reading) -> set[tuple[str, str]]:
    """Return the use and the name of each mention."""
    return {(mention.use, mention.name) for outline in reading.of(Outline) for mention in outline.mentions}


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
def test_use_of_a_mentioned_r_call_states_when_the_call_runs(item, expected, read_bytes):
    assert expected in list_uses(read_bytes(build_rds(item)))


def test_last_name_of_a_long_vector_given_to_a_calling_function_is_mentioned(read_bytes):
    # ``lapply(c("mean", …, "system"), …)`` calls each function that the vector names.
    names = encode_strings(*["mean"] * 40, "system")
    item = encode_function(encode_call("lapply", names))
    assert ("function-argument", "system") in list_uses(read_bytes(build_rds(item)))


def test_package_in_a_qualified_r_name_is_not_mentioned_as_a_function(read_bytes):
    qualified_name = encode_call("::", encode_symbol("stats"), encode_symbol("sd"))
    reading = read_bytes(build_rds(encode_function(encode_call(qualified_name, encode_numbers(1.0)))))
    assert "stats" not in {name for _, name in list_uses(reading)}


def test_r_promise_in_the_environment_of_a_function_is_not_mentioned(read_fixture):
    reading = read_fixture("rds/benign/promise-of-argument.rds")
    assert ("value", "promise") not in list_uses(reading)
    assert ("function-call", "+") in list_uses(reading)


def test_r_promise_that_is_a_variable_of_a_workspace_is_mentioned(read_bytes):
    assert ("value", "promise") in list_uses(read_bytes(build_rda(("x", encode_promise(SYSTEM)))))


def test_binary_text_and_xdr_encodings_of_an_r_object_give_the_same_mentions(read_bytes):
    # Three versions, a call (6), a symbol (1), its text (flags and length), and the end of the arguments (254).
    numbers = (2, 0x40500, 0x20300, 6, 1, 0x40009, 6)
    little_endian = b"B\n" + b"".join(number.to_bytes(4, "little") for number in numbers)
    little_endian += b"system" + (254).to_bytes(4, "little")
    text = b"A\n2\n263424\n131840\n6\n1\n262153\n6\nsystem\n254\n"
    for data in (little_endian, text, build_rds(encode_call("system"))):
        assert list_uses(read_bytes(data)) == {("language-call", "system")}
        assert read_bytes(data).unread == []


def test_bytes_after_an_r_object_are_read_as_an_artifact(read_bytes):
    formats = read_bytes(build_rds(encode_numbers(1.0)) + EVAL_ONE).formats
    assert ["pickle"] in formats.values()


def test_r_calls_before_damage_are_mentioned(read_bytes):
    # 99 is no type of items.
    reading = read_bytes(build_rds(encode_list(encode_promise(SYSTEM), encode_integer(99))))
    assert ("promise-call", "system") in list_uses(reading)
    assert reading.reasons() == {UnreadReason.DAMAGED}


def test_r_vectors_of_numbers_are_skipped(read_bytes):
    # A vector of the type 14 (floating-point numbers) and of a million zeros.
    vector = encode_integer(14) + encode_integer(1 << 20) + bytes(8 << 20)
    reading = read_bytes(build_rds(encode_list(vector, encode_promise(SYSTEM))))
    assert ("promise-call", "system") in list_uses(reading)
    assert reading.unread == []


def test_deeply_nested_r_items_are_reported_as_unread(read_bytes, monkeypatch):
    monkeypatch.setattr(walker, "_MAX_OPEN_ITEMS", 5000)
    # Each cell of a pairlist (type 2) contains the next one.
    assert read_bytes(build_rds(encode_integer(2) * 10_000)).reasons() == {UnreadReason.LIMIT, UnreadReason.UNCLAIMED}


def test_r_calls_up_to_the_bound_are_mentioned_and_the_rest_reported_as_unread(read_bytes):
    calls = [encode_call(f"f{number}") for number in range(5001)]
    reading = read_bytes(build_rds(encode_list(*calls)))
    assert UnreadReason.LIMIT in reading.reasons()
    assert len(list_uses(reading)) == 5000


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_mutated_r_objects_are_parsed_or_reported_as_unread(read_bytes, data):
    items = encode_list(
        encode_function(SYSTEM), encode_promise(encode_symbol("x")), encode_strings("a", "b"), encode_numbers(1.0)
    )
    mutated = bytearray(build_rds(items, 3))
    for _ in range(data.draw(st.integers(1, 4))):
        mutated[data.draw(st.integers(14, len(mutated) - 1))] = data.draw(st.integers(0, 255))
    length = data.draw(st.integers(20, len(mutated)))
    reading = read_bytes(bytes(mutated[:length]))
    assert reading.reasons() <= {UnreadReason.DAMAGED, UnreadReason.LIMIT, UnreadReason.UNCLAIMED}
    assert reading.of(Outline)


@check_each(
    "name, names",
    [
        ("_MAX_REFERENCES", ["a"]),
        ("_MAX_NAME_BYTES", ["abcde", "fghij"]),
    ],
)
def test_r_symbols_beyond_the_bound_are_reported_as_unread(name, names, read_bytes, monkeypatch):
    bound = 100
    monkeypatch.setattr(f"modelaudit.formats.weights.r_data.source.{name}", bound)
    symbols = [encode_symbol(each) for each in names] * (bound // len("".join(names)))
    assert UnreadReason.LIMIT not in read_bytes(build_rds(encode_list(*symbols)), "a.rds").reasons()
    assert UnreadReason.LIMIT in read_bytes(build_rds(encode_list(*symbols, symbols[0])), "a.rds").reasons()
