from __future__ import annotations

import struct

import pytest
from builders.other_models import build_fixtures, build_java_stream
from builders.payloads import EVAL_ONE
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cases import check_each

from modelaudit.model.outline import Outline
from modelaudit.model.structure import Document, UnreadReason

BENIGN_FILES = [data for name, data in build_fixtures() if "/benign/" in name]
# A stream of Java serialization begins with this magic number and version.
JAVA_HEADER = b"\xac\xed\0\5"


def list_names(reading) -> set[str]:
    """Return the name of each mention."""
    return {mention.name for outline in reading.of(Outline) for mention in outline.mentions}


def test_each_class_in_a_java_stream_is_mentioned(read_bytes):
    assert list_names(read_bytes(build_java_stream("a.B", "[Lc.D;", "[[I", "[J"))) == {"a.B", "c.D"}


def test_java_stream_is_recognised(read_bytes):
    assert ["java-object"] in read_bytes(build_java_stream("a.B")).formats.values()


def test_java_class_that_lies_across_two_read_blocks_is_mentioned(read_bytes):
    second_class = build_java_stream("b.Second").removeprefix(JAVA_HEADER + b"s")
    for shift in range(-12, 12):
        # The description of the second class begins shortly before or after the end of a block of 1 MiB.
        data = build_java_stream("a.First").ljust((1 << 20) + shift, b"\xff") + second_class
        assert list_names(read_bytes(data)) == {"a.First", "b.Second"}


def test_dynamic_proxy_in_a_java_stream_is_mentioned(read_bytes):
    assert "java.lang.reflect.Proxy" in list_names(read_bytes(build_java_stream("a.B", proxy="java.util.Map")))


def test_every_interface_of_a_java_proxy_is_mentioned(read_bytes):
    interfaces = b"".join(_encode_java_text(name) for name in ("a.First", "b.Second", "[Lc.Third;"))
    # An object (s) whose class is a proxy (}) of three interfaces, without annotation (x) and superclass (p).
    stream = JAVA_HEADER + b"s}\0\0\0\3" + interfaces + b"xp"
    reading = read_bytes(stream)
    assert list_names(reading) == {"java.lang.reflect.Proxy", "a.First", "b.Second", "c.Third"}
    assert reading.unread == []


def test_java_classes_are_reported_as_unread_only_above_the_bound(read_bytes):
    names = [f"c.A{number}" for number in range(5001)]
    reading = read_bytes(build_java_stream(*names[:5000]))
    assert UnreadReason.LIMIT not in reading.reasons()
    assert len(list_names(reading)) == 5000
    reading = read_bytes(build_java_stream(*names))
    assert UnreadReason.LIMIT in reading.reasons()
    assert list_names(reading) == set(names[:5000])


@pytest.mark.parametrize("kind", [6, 7, 8])
def test_torch7_file_that_holds_only_a_lua_function_is_recognised(kind, read_bytes):
    # The type, the index (the types 7 and 8 have one), the length of the bytecode, the bytecode, and nil as upvalues.
    index = b"" if kind == 6 else struct.pack("<i", 1)
    data = struct.pack("<i", kind) + index + struct.pack("<i", 5) + b"\x1bLJ\x01\x00" + struct.pack("<i", 0)
    assert "function" in list_names(read_bytes(data, "model.bin"))


def test_torch7_function_is_mentioned_even_after_more_classes_than_the_bound(read_bytes):
    def encode_numbers(*numbers: int) -> bytes:
        """Return integers of four bytes each, little-endian."""
        return struct.pack(f"<{len(numbers)}i", *numbers)

    # An object (4): its index, its version and its class, each after its length, and nil (0) as its fields. There is
    # one object, and so one class, more than the bound of 1,000.
    objects = [
        encode_numbers(4, index, 3) + b"V 1" + encode_numbers(7) + b"a.C%04d" % index + encode_numbers(0)
        for index in range(2, 1003)
    ]
    function = encode_numbers(6, 5) + b"\x1bLJ\x01\x00" + encode_numbers(0)
    # A table (3) of the index 1. The key of each entry is a text (2), "a".
    key = encode_numbers(2, 1) + b"a"
    entries = [*objects, function]
    data = encode_numbers(3, 1, len(entries)) + b"".join(key + entry for entry in entries)
    reading = read_bytes(data, "model.t7")
    assert reading.reasons() == {UnreadReason.LIMIT}
    assert "function" in list_names(reading)


def test_torch7_table_that_contains_itself_is_read_without_an_absence(read_bytes):
    # A table of the index 1 with one entry: its key is the string "a", its value is the table 1 again.
    table = struct.pack("<3i", 3, 1, 1) + struct.pack("<2i", 2, 1) + b"a" + struct.pack("<2i", 3, 1)
    assert read_bytes(table).unread == []


@check_each("word, is_number", [(b"-1.5e+05", True), (b".5", True), (b"-nan", True), (b"inf", True), (b"1.#INF", True),
                                (b"0.5\x80\x04", False), (b"posix", False)])  # fmt: skip
def test_word_in_the_place_of_a_torch7_number_leaves_an_absence_unless_it_is_a_number(
    word, is_number, fixtures, read_bytes
):
    text = (fixtures / "torch7/benign/text.t7").read_bytes().replace(b"1.5", word)
    assert (read_bytes(text).unread == []) is is_number


def test_text_of_numbers_is_not_recognised_as_torch7(read_bytes):
    assert ["torch7"] not in read_bytes(b"3\n1\n2\n1\n1\n7\n", "numbers.txt").formats.values()


def test_mxnet_operators_in_json_are_mentioned_only_if_it_has_the_key_arg_nodes(read_bytes):
    # The key ``arg_nodes`` distinguishes a graph of MXNet from other documents with nodes.
    graph = b'{"nodes": [{"op": "_Native"}], "arg_nodes": [0]}'
    assert list_names(read_bytes(graph, "model-symbol.json")) == {"_Native"}
    assert list_names(read_bytes(b'{"nodes": [{"op": "_Native"}]}', "a.json")) == set()


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(BENIGN_FILES), st.data())
def test_mutated_java_torch7_and_mxnet_files_are_parsed_or_reported_as_unread(read_bytes, benign, data):
    mutated = bytearray(benign)
    for _ in range(data.draw(st.integers(1, 4))):
        mutated[data.draw(st.integers(4, len(mutated) - 1))] = data.draw(st.integers(0, 255))
    length = data.draw(st.integers(16, len(mutated)))
    reading = read_bytes(bytes(mutated[:length]), "model")
    expected = {UnreadReason.DAMAGED, UnreadReason.LIMIT, UnreadReason.UNCLAIMED}
    if any(each.format == "text" for each in reading.of(Document)):
        expected.add(UnreadReason.PROGRAM)  # damaged JSON is any text under a name that no table lists
    assert reading.reasons() <= expected


def _encode_java_text(text: str) -> bytes:
    """Return a name or a text of a Java stream after its length in two bytes."""
    return struct.pack(">H", len(text.encode())) + text.encode()


def _describe_java_class(name: str, flags: int, fields: bytes = b"\0\0", parent: bytes = b"p") -> bytes:
    """Return the description of a class without annotation; ``p`` states that it has no superclass.

    The flags: 1 if the class writes data by a method, 2 if Java writes its fields, 4 if it writes itself, 8 if it does
    so in blocks, 16 for a constant.
    """
    return b"r" + _encode_java_text(name) + bytes(8) + bytes((flags,)) + fields + b"x" + parent


@check_each(
    "content",
    {
        "a number field and a text field": b"s"
        + _describe_java_class("a.B", 2, b"\0\2I\0\1nL\0\1tt" + _encode_java_text("La/C;"))
        + b"\0\0\0\7t"
        + _encode_java_text("text"),
        "a block of a method": b"s" + _describe_java_class("a.B", 3) + b"w\3abcx",
        "blocks of an object that writes itself": b"s" + _describe_java_class("a.B", 12) + b"z\0\0\0\3abcx",
        "an array of numbers": b"u" + _describe_java_class("[I", 2) + b"\0\0\0\2" + bytes(8),
        "an array of objects": b"u" + _describe_java_class("[La.B;", 2) + b"\0\0\0\2pp",
        "a class with a superclass": b"s" + _describe_java_class("a.B", 2, parent=_describe_java_class("a.A", 2)),
        "a constant": b"~" + _describe_java_class("a.B", 18) + b"t" + _encode_java_text("RED"),
        "a class as a value": b"v" + _describe_java_class("a.B", 2),
        "a reference": b"s" + _describe_java_class("a.B", 2) + b"q\0\x7e\0\1",
        "a reset": b"s" + _describe_java_class("a.B", 2) + b"ys" + _describe_java_class("a.C", 2),
    }.values(),
)
def test_java_stream_is_parsed_to_its_end_and_bytes_after_it_are_unclaimed(content, read_bytes):
    stream = JAVA_HEADER + content
    assert read_bytes(stream).unread == []
    reading = read_bytes(stream + EVAL_ONE)
    assert reading.reasons() == {UnreadReason.UNCLAIMED}
    assert f"bytes {len(stream)}-{len(stream) + len(EVAL_ONE) - 1}" in reading.details[0]
    assert reading.evaluates


def test_java_object_that_writes_its_own_data_without_blocks_is_damaged_and_unclaimed(read_bytes):
    stream = JAVA_HEADER + b"s" + _describe_java_class("a.B", 4) + b"written by itself"
    assert read_bytes(stream).reasons() == {UnreadReason.DAMAGED, UnreadReason.UNCLAIMED}


def test_java_class_with_an_unusual_name_is_mentioned(read_bytes):
    for name in ("a.Überklasse", "a." + "B" * 500):
        stream = JAVA_HEADER + b"s" + _describe_java_class(name, 2)
        assert list_names(read_bytes(stream)) == {name[:400]}  # of a longer name, only the start is kept


def test_deeply_nested_java_objects_are_read_without_recursion_or_reported_as_unread(read_bytes):
    node = _describe_java_class("a.Node", 2, b"\0\1L\0\1nt" + _encode_java_text("La/Node;"))
    # Each further object refers to the class, whose handle is the first one.
    first, further = JAVA_HEADER + b"s" + node, b"sq\0\x7e\0\0"
    assert read_bytes(first + further * 20_000 + b"p").unread == []
    assert UnreadReason.LIMIT in read_bytes(first + further * 60_000 + b"p").reasons()


@check_each(
    "path, inserted_at",
    [
        # Without a number, the bytes are appended.
        ("ggml/benign/llama.ggjt3.bin", None),
        ("ggml/benign/gpt-2.bin", None),
        ("gguf/benign/v3.gguf", None),
        ("msgpack/benign/weights.msgpack", None),
        ("mxnet/benign/model-0000.params", None),
        ("npy/benign/numbers.npy", None),
        ("paddle/benign/inference.pdmodel", None),
        ("rds/benign/list.rds", None),
        ("torch7/benign/layer.t7", None),
        ("torch7/benign/text.t7", None),
        ("ubjson/benign/model.ubj", None),
        ("xgboost-binary/benign/model.model", None),
        # The reserved bytes of the header.
        ("xgboost-binary/benign/model.model", 60),
    ],
)
def test_pickle_appended_to_a_model_file_or_put_in_its_reserved_header_is_unclaimed_and_found(
    path, inserted_at, fixtures, read_bytes
):
    data = (fixtures / path).read_bytes()
    assert read_bytes(data, path.rpartition("/")[2]).unread == []
    start = len(data) if inserted_at is None else inserted_at
    changed = data[:start] + EVAL_ONE + data[start + len(EVAL_ONE) :]
    reading = read_bytes(changed, path.rpartition("/")[2])
    assert UnreadReason.UNCLAIMED in reading.reasons()
    assert reading.evaluates


@check_each(
    "name, bound, data",
    [
        ("java_objects.stream._MAX_DESCRIPTIONS", 100, JAVA_HEADER + b"r\0\1A" + bytes(8) + b"\2\0\0xp"),
        ("java_objects.stream._MAX_DESCRIPTIONS", 100, JAVA_HEADER + b"}\0\0\0\0xp"),
        ("java_objects.stream._MAX_NAME_BYTES", 100, JAVA_HEADER + b"r\0\1A" + bytes(8) + b"\2\0\0xp"),
    ],
)
def test_java_class_descriptions_beyond_the_bound_are_reported_as_unread(name, bound, data, read_bytes, monkeypatch):
    monkeypatch.setattr(f"modelaudit.formats.weights.{name}", bound)
    content = data.removeprefix(JAVA_HEADER)
    assert UnreadReason.LIMIT not in read_bytes(JAVA_HEADER + content * bound, "a.ser").reasons()
    assert UnreadReason.LIMIT in read_bytes(JAVA_HEADER + content * (bound + 1), "a.ser").reasons()


def test_torch7_tables_beyond_the_bound_are_reported_as_unread(read_bytes, monkeypatch):
    monkeypatch.setattr("modelaudit.formats.weights.torch7.reader._MAX_INDICES", 100)

    def build_tables(count: int) -> bytes:
        """Return a table that contains ``count`` - 1 empty tables, each as a value of a text."""
        pairs = b"".join(struct.pack("<iiciii", 2, 1, b"a", 3, index, 0) for index in range(2, count + 1))
        return struct.pack("<iii", 3, 1, count - 1) + pairs

    assert UnreadReason.LIMIT not in read_bytes(build_tables(100), "a.t7").reasons()
    assert UnreadReason.LIMIT in read_bytes(build_tables(101), "a.t7").reasons()
