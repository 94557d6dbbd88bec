"""Test how ONNX models are recognised and read, and how a scan treats their external data."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from builders import onnx_files as made
from builders.wire import encode_data, encode_number, encode_varint
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cases import check_each
from support.fixtures import FIXTURES

import modelaudit
from modelaudit.formats.registry import find_reader
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline, References
from modelaudit.model.structure import UnreadReason

RELU = made.encode_model(
    made.encode_graph(made.encode_node("Relu"), tensors=(made.encode_tensor("w", (2,), bytes(8)),))
)


def get_outline(reading) -> Outline:
    (found,) = reading.of(Outline)
    return found


def list_operators(reading) -> set[tuple[str, str]]:
    return {(mention.use, mention.name) for mention in get_outline(reading).mentions}


def list_references(reading) -> dict[str, int]:
    return {each.target: each.needs for group in reading.of(References) for each in group.items}


def scan_folder(folder: Path) -> tuple[int, set[str]]:
    report = modelaudit.scan(folder, second_opinion=False)
    return report.exit_code, {each.rule for each in report.findings if not each.rule.startswith("license/")}


def test_model_is_recognised_by_structure_under_any_name(read_bytes):
    for name in ("model.onnx", "model.bin", "model"):
        assert read_bytes(RELU, name).formats[name] == ["onnx"]


@pytest.mark.parametrize(
    "order",
    [
        lambda graph: encode_data(7, graph) + encode_data(8, encode_number(2, 17)) + encode_number(1, 8),
        lambda graph: encode_data(99, b"unknown") * 40 + encode_data(7, graph) + encode_number(1, 8),
        lambda graph: encode_data(6, b"text" * 5000) + encode_number(1, 8) + encode_data(7, graph),
        lambda graph: encode_data(7, graph),
    ],
)
def test_model_is_recognised_with_fields_in_any_order_and_unknown_fields(order, read_bytes):
    reading = read_bytes(order(made.encode_graph(made.encode_node("PyOp"))), "weights.bin")
    assert ("python-operator", "PyOp") in list_operators(reading)


@pytest.mark.parametrize(
    "content",
    [
        b"\x0a\x03abc\x12\x04name",  # a saved model of TensorFlow begins with a message
        b'{"a": 1}',
        b"version https://git-lfs.github.com/spec/v1\n",
        bytes(64),
        encode_number(1, 8) + encode_data(2, b"\x0a\x01a"),
        b"\x08\x01\x12\x05hello" * 9,
    ],
)
def test_other_content_is_not_recognised_as_onnx(content, read_bytes):
    assert "onnx" not in read_bytes(content, "file").formats["file"]


def test_invalid_file_named_onnx_is_reported_as_damaged(read_bytes):
    reading = read_bytes(b"\x08\x08\x12\x03abc", "model.onnx")
    assert reading.reasons() == {UnreadReason.DAMAGED}


def test_outline_lists_version_opset_producer_and_counts(read_bytes):
    facts = dict(get_outline(read_bytes(RELU)).facts)
    assert facts == {"ir_version": "8", "opset ai.onnx": "17", "producer": "fixtures", "nodes": "1", "tensors": "1"}


def test_last_value_of_repeated_operator_and_domain_counts(read_bytes):
    twice = encode_data(4, "Relu") + encode_data(4, "Evil") + encode_data(7, "a") + encode_data(7, "b")
    assert list_operators(read_bytes(made.encode_model(made.encode_graph(twice)))) == {("operator", "b::Evil")}


def test_call_of_model_function_is_not_a_custom_operator(read_fixture):
    assert ("function", "local.functions::Twice") in list_operators(read_fixture("onnx/benign/functions.onnx"))
    assert ("operator", "com.example::Evil") in list_operators(read_fixture("onnx/malicious/overloaded-operator.onnx"))


def test_python_operator_is_reported_with_module_and_class(read_fixture):
    (mention,) = get_outline(read_fixture("onnx/malicious/python-operator.onnx")).mentions
    assert mention.detail == "pyopadd_2::PyOp module=os class_name=Payload"


def test_operator_names_within_weights_are_ignored(read_fixture):
    assert list_operators(read_fixture("onnx/benign/letters.onnx")) == {("operator", "ai.onnx::Relu")}


@pytest.mark.parametrize("case", ["subgraph", "function", "sparse", "attribute", "second-graph"])
def test_external_data_are_found_in_every_kind_of_tensor(case, read_fixture):
    assert list_references(read_fixture(f"onnx/malicious/external-in-{case}.onnx")) == {"../weights.bin": 8}


def test_reference_needs_the_farthest_end_of_all_tensors(read_bytes):
    tensors = (made.encode_external_tensor("w.bin", 4096), made.encode_external_tensor("w.bin", 0))
    assert list_references(
        read_bytes(made.encode_model(made.encode_graph(made.encode_node("Relu"), tensors=tensors)))
    ) == {"w.bin": 4104}


def test_missing_length_is_computed_from_shape(read_bytes):
    tensor = made.encode_tensor("w", (10, 10), None, (("location", "w.bin"), ("offset", "16")))
    assert list_references(
        read_bytes(made.encode_model(made.encode_graph(made.encode_node("Relu"), tensors=(tensor,))))
    ) == {"w.bin": 416}


def test_external_data_are_found_without_data_location(read_bytes):
    tensor = made.encode_external_tensor("../w.bin")[: -len(encode_number(14, 1))]
    assert list_references(
        read_bytes(made.encode_model(made.encode_graph(made.encode_node("Relu"), tensors=(tensor,))))
    ) == {"../w.bin": 8}


@check_each(
    "kind",
    [
        "size-mismatch",
        "negative-length",
        "size-overflow",
        "duplicate-key",
        "external-key",
        "external-range",
        "memory-address",
    ],
)
def test_each_defect_is_reported_with_its_kind(kind, read_fixture):
    assert kind in read_fixture(f"onnx/malicious/{kind}.onnx").kinds()


@check_each("type_, size, bytes_", [(22, 3, 2), (1, 3, 12), (9, 3, 3), (16, 3, 6), (25, 5, 2), (8, 3, 99), (77, 3, 1)])
def test_size_is_computed_from_element_type(type_, size, bytes_, read_bytes):
    tensor = made.encode_tensor("w", (size,), bytes(bytes_), type_=type_)
    assert (
        read_bytes(made.encode_model(made.encode_graph(made.encode_node("Relu"), tensors=(tensor,)))).kinds() == set()
    )


def test_packed_shape_is_decoded(read_bytes):
    tensor = encode_data(1, encode_varint(3) + encode_varint(-1)) + encode_number(2, 1)
    assert read_bytes(made.encode_model(made.encode_graph(made.encode_node("Relu"), tensors=(tensor,)))).kinds() == {
        "negative-length"
    }


def test_prepacked_weights_of_onnx_runtime_have_no_defect(read_bytes):
    tensor = made.encode_tensor("w", (2,), None, (("location", "w.bin"), ("length", "8"), ("prepacked_0", "k|8;8;")))
    assert (
        read_bytes(made.encode_model(made.encode_graph(made.encode_node("Relu"), tensors=(tensor,)))).kinds() == set()
    )


def test_only_json_in_metadata_is_read_as_json(read_fixture):
    formats = read_fixture("onnx/benign/metadata.onnx").formats
    assert formats["metadata.onnx!metadata!names"] == ["json"]
    assert not any("url" in path for path in formats)


def test_pickle_in_string_is_examined(read_fixture):
    for case in ("metadata", "attribute"):
        assert "posix.system" in read_fixture(f"onnx/malicious/pickle-in-{case}.onnx").called


def test_bytes_of_weights_are_skipped(bytes_window):
    weights = made.encode_tensor("w", (4 << 20,), bytes(16 << 20))
    window = bytes_window(made.encode_model(made.encode_graph(made.encode_node("Relu"), tensors=(weights,))))
    from modelaudit.model.artifact import Artifact

    assert list(find_reader("onnx").read(Artifact("m", window.size, lambda: window), window, Limits()))
    assert window.read_bytes < 1 << 20


def test_operators_before_damage_are_reported(read_bytes):
    whole = made.encode_model(made.encode_graph(made.encode_node("PyOp"), made.encode_node("Relu")))
    reading = read_bytes(whole[:-6], "model.onnx")
    assert ("python-operator", "PyOp") in list_operators(reading)
    assert reading.reasons() == {UnreadReason.DAMAGED}


@pytest.mark.parametrize(
    ("content", "limits"),
    [
        (made.encode_model(made.encode_graph(*[made.encode_node("Relu")] * 200)), Limits(document_nodes=100)),
        ((FIXTURES / "onnx/bomb/nested.onnx").read_bytes(), Limits()),
        (made.encode_model(made.encode_graph(*(made.encode_node(f"O{index}") for index in range(10_001)))), Limits()),
    ],
)
def test_reached_bound_is_reported_as_limit(content, limits, read_bytes):
    assert read_bytes(content, "m.onnx", limits).reasons() == {UnreadReason.LIMIT}


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_mutated_model_is_parsed_or_reported_as_unread(data, read_bytes):
    sample = bytearray(
        data.draw(
            st.sampled_from(
                [
                    RELU,
                    made.encode_model(
                        made.encode_graph(made.encode_node("A"), tensors=(made.encode_external_tensor("a"),))
                    ),
                ]
            )
        )
    )
    for _ in range(data.draw(st.integers(1, 4))):
        sample[data.draw(st.integers(0, len(sample) - 1))] = data.draw(st.integers(0, 255))
    reading = read_bytes(bytes(sample), "model.onnx")
    assert reading.structures or reading.unread


@settings(max_examples=100, deadline=None)
@given(sample=st.binary(max_size=300))
def test_random_bytes_are_parsed_or_reported_as_unread(sample, read_bytes):
    reading = read_bytes(sample, "model.onnx", only=find_reader("onnx"))
    assert reading.structures or reading.unread


def write_model_with_external_data(folder: Path, target: str = "w.bin", name: str = "model.onnx") -> None:
    (folder / name).write_bytes(
        made.encode_model(made.encode_graph(made.encode_node("Relu"), tensors=(made.encode_external_tensor(target),)))
    )


def test_referenced_data_file_is_examined_as_tensor_data(tmp_path):
    write_model_with_external_data(tmp_path)
    (tmp_path / "w.bin").write_bytes(bytes(range(0xF0, 0xF8)))
    assert scan_folder(tmp_path) == (0, set())
    (tmp_path / "other.bin").write_bytes(bytes(range(0xF0, 0xF8)))
    assert scan_folder(tmp_path) == (3, {"coverage/no-reader"})


def test_program_is_not_accepted_as_tensor_data(tmp_path):
    write_model_with_external_data(tmp_path)
    (tmp_path / "w.bin").write_bytes(b"\x7fELF" + bytes(60))
    assert scan_folder(tmp_path) == (3, {"coverage/no-reader"})
    (tmp_path / "w.bin").write_bytes((FIXTURES / "pickle/malicious/os-system.pkl").read_bytes())
    assert "pickle/dangerous-call" in scan_folder(tmp_path)[1]


def test_too_short_data_file_is_reported(tmp_path):
    write_model_with_external_data(tmp_path)
    (tmp_path / "w.bin").write_bytes(b"\xf0\xf1\xf2")
    assert scan_folder(tmp_path) == (1, {"onnx/external-data-short"})


@pytest.mark.parametrize("component", ["w.bin", "sub"])
def test_symbolic_link_on_the_path_to_data_is_reported(component, tmp_path):
    model, away = tmp_path / "model", tmp_path / "away"
    model.mkdir()
    away.mkdir()
    (away / "w.bin").write_bytes(bytes(range(0xF0, 0xF8)))
    write_model_with_external_data(model, "w.bin" if component == "w.bin" else "sub/w.bin")
    (model / component).symlink_to(away / "w.bin" if component == "w.bin" else away)
    assert "onnx/external-data-outside" in scan_folder(model)[1]


def test_hard_link_outside_the_model_is_reported(tmp_path):
    model = tmp_path / "model"
    model.mkdir()
    write_model_with_external_data(model)
    (model / "w.bin").write_bytes(bytes(range(0xF0, 0xF8)))
    os.link(model / "w.bin", model / "again.bin")
    write_model_with_external_data(model, "again.bin", "again.onnx")
    assert scan_folder(model) == (0, set())
    os.link(model / "w.bin", tmp_path / "outside.bin")
    assert scan_folder(model) == (3, {"onnx/external-data-hard-link"})


@pytest.mark.parametrize("count", [64, 2000])
def test_many_external_data_entries_hide_no_location(count, read_bytes):
    pairs = (("location", "w.bin"), *((f"k{index}", "1") for index in range(count)), ("location", "/etc/hostname"))
    tensor = made.encode_tensor("w", (2,), None, pairs)
    reading = read_bytes(made.encode_model(made.encode_graph(made.encode_node("Relu"), tensors=(tensor,))), "m.onnx")
    found = {each.target for group in reading.of(References) for each in group.items}
    assert "/etc/hostname" in found or UnreadReason.LIMIT in reading.reasons()


def test_attribute_name_may_follow_its_value(read_bytes):
    parts = (
        encode_data(4, "/tmp/x") + encode_data(1, "ep_cache_context"),
        encode_number(3, 0) + encode_data(1, "embed_mode"),
    )
    context = made.encode_node("EPContext", *parts, domain="com.microsoft")
    (group,) = read_bytes(made.encode_model(made.encode_graph(context)), "m.onnx").of(References)
    assert [each.target for each in group.items] == ["/tmp/x"]


def test_metadata_entries_are_examined_for_code(read_bytes):
    noted = made.encode_model(
        made.encode_graph(made.encode_node("Relu")),
        encode_data(14, made.encode_entry("names", "__import__('os').system('true')")),
    )
    assert ("metadata-code", "os.system") in {
        (each.use, each.name) for found in read_bytes(noted, "m.onnx").of(Outline) for each in found.mentions
    }
    long = made.encode_model(
        made.encode_graph(made.encode_node("Relu")), encode_data(14, made.encode_entry("names", "x" * (2 << 20)))
    )
    assert UnreadReason.LIMIT in read_bytes(long, "m.onnx").reasons()
