"""Models of YDF: every byte belongs to a field of the schema, and nothing else hides in them."""

from __future__ import annotations

import struct

import pytest
from builders.payloads import EVAL_ONE
from builders.wire import encode_data, encode_number
from builders.ydf_models import (
    SAMPLES,
    SEQUENCE,
    build_columns,
    build_forest,
    build_header,
    compress_nodes,
    join_blobs,
    list_nodes,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from modelaudit.model.outline import Outline

NODES = "nodes-00000-of-00001"


def has_fault(reading) -> bool:
    """Whether the reading reports an absence or a defect."""
    assert reading.unread is not None  # fails if a reader raised an unexpected error
    return bool(reading.inner.unread or reading.kinds())


def list_facts(reading) -> dict[str, str]:
    """Return the facts of the first outline."""
    return dict(reading.of(Outline)[0].facts)


@pytest.mark.parametrize("name", SAMPLES)
def test_file_is_read_to_its_end_by_one_reader(name, read_bytes):
    reading = read_bytes(SAMPLES[name], name)
    assert reading.formats[name] == ["ydf"]
    assert not has_fault(reading), reading.details


def test_facts_of_a_model_are_counted(read_bytes):
    assert list_facts(read_bytes(SAMPLES[NODES], NODES)) == {"nodes": "3", "trees": "1"}
    assert list_facts(read_bytes(SAMPLES["header.pb"], "header.pb")) == {"model": "RANDOM_FOREST"}
    assert list_facts(read_bytes(SAMPLES["data_spec.pb"], "data_spec.pb")) == {"columns": "2"}
    forest = list_facts(read_bytes(build_forest(7, 2), "my_random_forest_header.pb"))
    assert forest == {"files": "2", "trees": "7", "node format": "BLOB_SEQUENCE"}


def test_compressed_nodes_are_read(read_bytes):
    nodes = join_blobs(list_nodes())
    assert not has_fault(read_bytes(compress_nodes(nodes), NODES))
    assert has_fault(read_bytes(compress_nodes(nodes[:-1]), NODES))
    assert has_fault(read_bytes(compress_nodes(nodes)[:-1], NODES))
    assert has_fault(read_bytes(compress_nodes(nodes) + b"\0", NODES))
    assert has_fault(read_bytes(b"BS\1\0\1\0\0\0" + nodes, NODES))


@pytest.mark.parametrize("name", ["data_spec.pb", "random_forest_header.pb", NODES, "model.bin", "multitasker.pb"])
def test_every_cut_and_every_appended_byte_is_reported(name, read_bytes):
    data = SAMPLES[name]
    # The last field of a description of columns is present only if a column has parts, which another field states.
    for end in range(min(3, len(data) - 1), len(data)):
        assert has_fault(read_bytes(data[:end], name)), end
    for tail in (b"\0", bytes(4), bytes(4096), b"\xff", b"text", data, EVAL_ONE):
        assert has_fault(read_bytes(data + tail, name)), tail[:9]


def test_header_ends_only_where_a_version_of_the_library_ended_it(read_bytes):
    data = SAMPLES["header.pb"]
    whole = [end for end in range(20, len(data)) if not has_fault(read_bytes(data[:end], "header.pb"))]
    tail = encode_number(12, 0), encode_number(14, -1), encode_number(15, -1)
    assert set(whole) >= {len(data) - len(b"".join(tail[index:])) for index in range(3)}
    for end in whole:
        assert data[end] in (5 << 3, 6 << 3, 7 << 3 | 2, 8 << 3, 9 << 3, 10 << 3 | 2, 12 << 3, 14 << 3, 15 << 3)
    for appended in (b"\0", b"text", data, EVAL_ONE, encode_number(16, 1)):
        assert has_fault(read_bytes(data + appended, "header.pb")), appended[:9]


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_changed_length_of_a_node_is_never_silent(read_bytes, data):
    file = bytearray(SAMPLES[NODES])
    offsets, position = [], len(SEQUENCE)
    while position < len(file):
        offsets.append(position)
        position += 4 + struct.unpack_from("<I", file, position)[0]
    for offset in data.draw(st.lists(st.sampled_from(offsets), min_size=1, unique=True)):
        file[offset : offset + 4] = data.draw(st.binary(min_size=4, max_size=4))
    assert has_fault(read_bytes(bytes(file), NODES)) is not (bytes(file) == SAMPLES[NODES])


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_mutated_bytes_never_crash_a_reader(read_bytes, data):
    name = data.draw(st.sampled_from(sorted(SAMPLES)))
    file = bytearray(SAMPLES[name])
    for _ in range(data.draw(st.integers(1, 6))):
        file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    assert read_bytes(bytes(file), name).unread is not None


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("header.pb", build_header("../../../etc/passwd")),
        ("header.pb", build_header("RANDOM_FORESTS")),
        ("random_forest_header.pb", build_forest(node_format="../nodes")),
        ("random_forest_header.pb", build_forest(files=0)),
        ("random_forest_header.pb", build_forest(files=2**31 - 1)),
        ("random_forest_header.pb", build_forest(trees=2**40)),
        ("random_forest_header.pb", build_forest(trees=-1)),
        # Without a format of the nodes; then a field that repeats, and one out of order.
        ("random_forest_header.pb", build_forest()[:6]),
        ("random_forest_header.pb", encode_number(1, 1) + build_forest()),
        ("random_forest_header.pb", encode_number(1, 1) + encode_number(3, 1) + build_forest()[2:]),
        ("data_spec.pb", build_columns(index=2)),
        ("data_spec.pb", build_columns(parts=2)),
        ("data_spec.pb", build_columns(parts=0)),
        ("multitasker.pb", encode_number(1, 0)),
        (NODES, SEQUENCE),
        (NODES, SEQUENCE + join_blobs(list_nodes()[:2])),
        (NODES, SEQUENCE + join_blobs([*list_nodes(), b""])),
        (NODES, SEQUENCE + join_blobs([*list_nodes(), list_nodes()[0]])),
        # An output whose numbers take nine bytes.
        (NODES, SEQUENCE + join_blobs([encode_data(1, encode_data(2, encode_data(1, bytes(9))))])),
        (NODES, SEQUENCE + struct.pack("<I", 0xFFFFFFF0) + bytes(64)),
        ("model.bin", SEQUENCE + join_blobs([b"YDF", b"", build_columns(), b""])),
    ],
)
def test_contradiction_is_damage(name, data, read_bytes):
    assert has_fault(read_bytes(data, name))


def test_file_of_a_forest_in_several_may_end_within_a_tree(read_bytes):
    part = SEQUENCE + join_blobs(list_nodes()[:2])
    assert not has_fault(read_bytes(part, "nodes-00000-of-00002"))
    assert has_fault(read_bytes(part[:-1], "nodes-00000-of-00002"))


def test_messages_that_nest_deeply_are_damage(read_bytes):
    field = b""
    for _ in range(60):
        field = encode_data(4, field)
    header = build_header()
    logs = encode_data(11, encode_data(2, encode_data(1, field)))
    before = header.index(encode_number(12, 0) + encode_number(14, -1))
    assert has_fault(read_bytes(header[:before] + logs + header[before:], "header.pb"))


def test_bytes_of_the_author_are_searched_for_pickles(read_bytes):
    assert read_bytes(build_header(custom=EVAL_ONE + b"\xff" * 20), "header.pb").evaluates


def test_pickle_behind_nodes_is_read(read_bytes):
    assert read_bytes(SAMPLES[NODES] + EVAL_ONE, NODES).evaluates


def build_graph(name: bytes = encode_data(1, "x")) -> bytes:
    """Return a graph of TensorFlow with a node that reads a file."""
    return encode_data(1, name + encode_data(2, "ReadFile"))


@pytest.mark.parametrize("path", ["data_spec.pb", "header.pb", "a/my_data_spec.pb"])
def test_graph_under_the_name_of_a_description_is_read_as_a_graph(path, read_bytes):
    for name in (encode_data(1, "x"), encode_number(1, 1) + encode_data(1, "x"), encode_number(1, 1)):
        # Each lacks the number of rows, or has a field that a column cannot have.
        for tail in (b"", encode_data(2, encode_data(1, encode_data(1, encode_data(1, "f"))))):
            assert "tensorflow" in read_bytes(build_graph(name) + tail, path).formats[path]


def test_model_of_onnx_under_the_name_of_a_header_is_read_as_a_model(read_bytes):
    graph = encode_data(7, encode_data(1, encode_data(1, "a") + encode_data(2, "b") + encode_data(4, "Relu")))
    operators = encode_data(8, encode_number(2, 17))
    start = encode_data(1, "RANDOM_FOREST") + encode_number(2, 1) + encode_number(3, 1)
    assert read_bytes(start + encode_number(1, 8) + graph + operators, "header.pb").formats["header.pb"] == [
        "onnx",
        "ydf",
    ]


def test_pickle_in_the_bits_of_a_condition_is_read(read_bytes):
    # A pickle may begin as a sequence does: with 339 bytes, behind which it goes on.
    for length in range(300, 340):
        bits = encode_data(
            3, encode_number(2, 0) + encode_data(3, encode_data(5, encode_data(1, bytes(length) + EVAL_ONE[2:])))
        )
        data = SEQUENCE + join_blobs([bits, *list_nodes()[1:]])
        if data.index(EVAL_ONE[2:]) == 5 + 0x153:
            assert read_bytes(data, NODES).evaluates
            assert "ydf" in read_bytes(data, NODES).formats[NODES]
            return
    pytest.fail("no length fits")


def test_header_whose_text_is_a_node_of_onnx_is_read_as_a_model_too(read_bytes):
    node = encode_data(1, "a") + encode_data(2, "b") + encode_data(4, "Relu")
    assert "onnx" in read_bytes(build_header(importance_name=node), "header.pb").formats["header.pb"]
    assert "onnx" not in read_bytes(build_header(), "header.pb").formats["header.pb"]
