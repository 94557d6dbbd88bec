from __future__ import annotations

import struct

import pytest
from builders.other_models import build_fixtures, build_java_stream
from hypothesis import given, settings
from hypothesis import strategies as st

from modelaudit.model.outline import Outline
from modelaudit.model.structure import UnreadReason

BENIGN_FILES = [data for name, data in build_fixtures() if "/benign/" in name]


def list_names(reading) -> set[str]:
    """Return the name of each mention."""
    return {mention.name for outline in reading.of(Outline) for mention in outline.mentions}


def test_every_java_class_is_mentioned(read_bytes):
    assert list_names(read_bytes(build_java_stream("a.B", "[Lc.D;", "[[I", "[J"))) == {"a.B", "c.D"}


def test_java_objects_are_recognised(read_bytes):
    assert ["java-object"] in read_bytes(build_java_stream("a.B")).formats.values()


def test_java_classes_at_the_edge_of_a_block_are_found(read_bytes):
    for shift in range(-12, 12):
        data = build_java_stream("a.First").ljust((1 << 20) + shift, b"\xff") + build_java_stream("b.Second")[5:]
        assert list_names(read_bytes(data)) == {"a.First", "b.Second"}


def test_java_proxy_is_mentioned(read_bytes):
    assert "java.lang.reflect.Proxy" in list_names(read_bytes(build_java_stream("a.B", proxy="java.util.Map")))


@pytest.mark.parametrize("kind", [6, 7, 8])
def test_lua_function_without_an_object_is_recognised(kind, read_bytes):
    # The type, the index (the types 7 and 8 have one), the length of the bytecode, the bytecode, and nil as upvalues.
    index = b"" if kind == 6 else struct.pack("<i", 1)
    data = struct.pack("<i", kind) + index + struct.pack("<i", 5) + b"\x1bLJ\x01\x00" + struct.pack("<i", 0)
    assert "function" in list_names(read_bytes(data, "model.bin"))


def test_repeated_torch7_item_is_not_read_again(read_bytes):
    # A table of the index 1 with one entry: its key is the string "a", its value is the table 1 again.
    table = struct.pack("<3i", 3, 1, 1) + struct.pack("<2i", 2, 1) + b"a" + struct.pack("<2i", 3, 1)
    assert read_bytes(table).unread == []


def test_list_of_numbers_is_not_torch7(read_bytes):
    assert ["torch7"] not in read_bytes(b"3\n1\n2\n1\n1\n7\n", "numbers.txt").formats.values()


def test_mxnet_operators_need_a_graph_around_them(read_bytes):
    # The key ``arg_nodes`` distinguishes a graph of MXNet from other documents with nodes.
    graph = b'{"nodes": [{"op": "_Native"}], "arg_nodes": [0]}'
    assert list_names(read_bytes(graph, "model-symbol.json")) == {"_Native"}
    assert list_names(read_bytes(b'{"nodes": [{"op": "_Native"}]}', "a.json")) == set()


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(BENIGN_FILES), st.data())
def test_mutated_files_are_parsed_or_reported_as_unread(read_bytes, benign, data):
    mutated = bytearray(benign)
    for _ in range(data.draw(st.integers(1, 4))):
        mutated[data.draw(st.integers(4, len(mutated) - 1))] = data.draw(st.integers(0, 255))
    length = data.draw(st.integers(16, len(mutated)))
    reading = read_bytes(bytes(mutated[:length]), "model")
    assert reading.reasons() <= {UnreadReason.DAMAGED, UnreadReason.LIMIT}
