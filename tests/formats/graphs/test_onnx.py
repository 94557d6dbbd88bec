"""Test how ONNX models are recognised and read, and how a scan treats their external data."""

from __future__ import annotations

import base64
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
from modelaudit.model.artifact import Artifact
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline, References
from modelaudit.model.structure import UnreadReason


def build_relu_model(*tensors: bytes) -> bytes:
    """Return a model of one operator with these weights."""
    return made.encode_model(made.encode_graph(made.encode_node("Relu"), tensors=tensors))


RELU = build_relu_model(made.encode_tensor("w", (2,), bytes(8)))


def get_outline(reading) -> Outline:
    """Return the only outline of a reading."""
    (outline,) = reading.of(Outline)
    return outline


def list_operators(reading) -> set[tuple[str, str]]:
    """Return the use and name of each mention."""
    return {(mention.use, mention.name) for outline in reading.of(Outline) for mention in outline.mentions}


def list_references(reading) -> dict[str, int]:
    """Return how many bytes each referenced file must have, by its path."""
    return {each.target: each.min_size for group in reading.of(References) for each in group.items}


def scan_folder(folder: Path) -> tuple[int, set[str]]:
    """Scan a folder, and return the exit code and the rules of the findings, without the rules on licences."""
    report = modelaudit.scan(folder, second_opinion=False)
    return report.exit_code, {each.rule for each in report.findings if not each.rule.startswith("license/")}


def test_onnx_model_is_recognised_by_its_structure_also_under_another_or_no_extension(read_bytes):
    for name in ("model.onnx", "model.bin", "model"):
        assert read_bytes(RELU, name).formats[name] == ["onnx"]


@pytest.mark.parametrize(
    "build_model",
    [
        # The graph (7) before the operator set (8) and the version (1), after unknown fields, after a long description
        # (6), and alone.
        lambda graph: encode_data(7, graph) + encode_data(8, encode_number(2, 17)) + encode_number(1, 8),
        lambda graph: encode_data(99, b"unknown") * 40 + encode_data(7, graph) + encode_number(1, 8),
        lambda graph: encode_data(6, b"text" * 5000) + encode_number(1, 8) + encode_data(7, graph),
        lambda graph: encode_data(7, graph),
    ],
)
def test_onnx_model_is_recognised_if_its_fields_are_reordered_or_unknown_ones_are_added(build_model, read_bytes):
    reading = read_bytes(build_model(made.encode_graph(made.encode_node("PyOp"))), "weights.bin")
    assert ("python-operator", "PyOp") in list_operators(reading)


@pytest.mark.parametrize(
    "content",
    [
        b"\x0a\x03abc\x12\x04name",  # a saved model of TensorFlow begins with a message
        b'{"a": 1}',
        b"version https://git-lfs.github.com/spec/v1\n",
        bytes(64),
        encode_number(1, 8) + encode_data(2, b"\x0a\x01a"),  # a version and a producer, but no graph
        b"\x08\x01\x12\x05hello" * 9,  # the same with a text as the producer, repeated
    ],
)
def test_other_content_is_not_recognised_as_onnx(content, read_bytes):
    assert "onnx" not in read_bytes(content, "file").formats["file"]


def test_invalid_file_named_onnx_is_reported_as_damaged(read_bytes):
    # A version and the name of a producer, but no graph.
    reading = read_bytes(b"\x08\x08\x12\x03abc", "model.onnx")
    assert reading.reasons() == {UnreadReason.DAMAGED, UnreadReason.UNCLAIMED}


def test_outline_of_an_onnx_model_states_version_opset_producer_and_counts(read_bytes):
    facts = dict(get_outline(read_bytes(RELU)).facts)
    assert facts == {"ir_version": "8", "opset ai.onnx": "17", "producer": "fixtures", "nodes": "1", "tensors": "1"}


def test_onnx_node_that_repeats_its_operator_or_domain_is_mentioned_by_the_last_value(read_bytes):
    # A node with two operators (4) and two domains (7).
    node = encode_data(4, "Relu") + encode_data(4, "Evil") + encode_data(7, "a") + encode_data(7, "b")
    assert list_operators(read_bytes(made.encode_model(made.encode_graph(node)))) == {("operator", "b::Evil")}


def test_onnx_node_that_calls_a_function_of_the_model_is_mentioned_as_function_not_operator(read_fixture):
    assert ("function", "local.functions::Twice") in list_operators(read_fixture("onnx/benign/functions.onnx"))
    # The model defines a function of this name only with another overload.
    assert ("operator", "com.example::Evil") in list_operators(read_fixture("onnx/malicious/overloaded-operator.onnx"))


def test_mention_of_an_onnx_python_operator_states_its_module_and_class(read_fixture):
    (mention,) = get_outline(read_fixture("onnx/malicious/python-operator.onnx")).mentions
    assert mention.detail == "pyopadd_2::PyOp module=os class_name=Payload"


def test_bytes_of_onnx_weights_that_spell_an_operator_are_not_mentioned(read_fixture):
    assert list_operators(read_fixture("onnx/benign/letters.onnx")) == {("operator", "ai.onnx::Relu")}


@pytest.mark.parametrize("case", ["subgraph", "function", "sparse", "attribute", "second-graph"])
def test_external_data_file_is_referenced_from_onnx_subgraphs_functions_and_attributes(case, read_fixture):
    assert list_references(read_fixture(f"onnx/malicious/external-in-{case}.onnx")) == {"../weights.bin": 8}


def test_reference_to_an_onnx_data_file_states_the_end_of_the_farthest_tensor_as_its_size(read_bytes):
    # Each tensor has 8 bytes, so the first ends at 4,104.
    tensors = (made.encode_external_tensor("w.bin", 4096), made.encode_external_tensor("w.bin", 0))
    assert list_references(read_bytes(build_relu_model(*tensors))) == {"w.bin": 4104}


def test_missing_length_of_an_external_onnx_tensor_is_computed_from_its_shape(read_bytes):
    # 100 floats of four bytes begin at byte 16.
    tensor = made.encode_tensor("w", (10, 10), None, (("location", "w.bin"), ("offset", "16")))
    assert list_references(read_bytes(build_relu_model(tensor))) == {"w.bin": 416}


def test_data_file_of_an_onnx_tensor_is_referenced_even_if_the_field_data_location_is_missing(read_bytes):
    # Cut off data_location (14), the last field, which states that the data are in another file. The path of the file
    # is in another field, which remains.
    tensor = made.encode_external_tensor("../w.bin")[: -len(encode_number(14, 1))]
    assert list_references(read_bytes(build_relu_model(tensor))) == {"../w.bin": 8}


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
def test_defect_of_onnx_model_is_reported_with_its_kind(kind, read_fixture):
    assert kind in read_fixture(f"onnx/malicious/{kind}.onnx").kinds()


@check_each(
    "type_, count, byte_count",
    [
        (22, 3, 2),  # int4: 12 bits are rounded up to two bytes
        (1, 3, 12),  # float
        (9, 3, 3),  # bool
        (16, 3, 6),  # bfloat16
        (25, 5, 2),  # two bits an element
        (8, 3, 99),  # strings, which have no fixed width
        (77, 3, 1),  # an unknown type
    ],
)
def test_onnx_tensor_has_no_defect_if_its_byte_count_fits_or_its_type_has_no_fixed_or_known_width(
    type_, count, byte_count, read_bytes
):
    tensor = made.encode_tensor("w", (count,), bytes(byte_count), type_=type_)
    assert read_bytes(build_relu_model(tensor)).kinds() == set()


def test_onnx_shape_that_is_stored_as_packed_numbers_is_decoded(read_bytes):
    # The shape [3, -1] as one field of packed numbers, and the type float.
    tensor = encode_data(1, encode_varint(3) + encode_varint(-1)) + encode_number(2, 1)
    assert read_bytes(build_relu_model(tensor)).kinds() == {"negative-length"}


def test_onnx_tensor_with_weights_that_onnx_runtime_prepacked_has_no_defect(read_bytes):
    tensor = made.encode_tensor("w", (2,), None, (("location", "w.bin"), ("length", "8"), ("prepacked_0", "k|8;8;")))
    assert read_bytes(build_relu_model(tensor)).kinds() == set()


def test_value_of_onnx_metadata_is_read_as_json_only_if_it_is_json(read_fixture):
    formats = read_fixture("onnx/benign/metadata.onnx").formats
    assert formats["metadata.onnx!metadata!names"] == ["json"]
    assert not any("url" in path for path in formats)


def test_pickle_in_an_onnx_string_is_read(read_fixture):
    for case in ("metadata", "attribute"):
        assert "posix.system" in read_fixture(f"onnx/malicious/pickle-in-{case}.onnx").called


def test_onnx_reader_does_not_read_the_bytes_of_weights(bytes_window):
    weights = made.encode_tensor("w", (4 << 20,), bytes(16 << 20))
    window = bytes_window(build_relu_model(weights))
    assert list(find_reader("onnx").read(Artifact("m", window.size, lambda: window), window, Limits()))
    assert window.bytes_read < 1 << 20


def test_onnx_operators_before_damage_are_mentioned(read_bytes):
    model = made.encode_model(made.encode_graph(made.encode_node("PyOp"), made.encode_node("Relu")))
    reading = read_bytes(model[:-6], "model.onnx")
    assert ("python-operator", "PyOp") in list_operators(reading)
    assert reading.reasons() == {UnreadReason.DAMAGED, UnreadReason.UNCLAIMED}


@pytest.mark.parametrize(
    ("content", "limits"),
    [
        # Too many fields, too deeply nested graphs, and too many distinct operators.
        (made.encode_model(made.encode_graph(*[made.encode_node("Relu")] * 200)), Limits(document_nodes=100)),
        ((FIXTURES / "onnx/bomb/nested.onnx").read_bytes(), Limits()),
        (made.encode_model(made.encode_graph(*(made.encode_node(f"O{index}") for index in range(10_001)))), Limits()),
    ],
)
def test_onnx_model_over_a_bound_is_reported_as_unread(content, limits, read_bytes):
    assert read_bytes(content, "m.onnx", limits).reasons() == {UnreadReason.LIMIT, UnreadReason.UNCLAIMED}


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_mutated_onnx_model_is_parsed_or_reported_as_unread(data, read_bytes):
    model = data.draw(st.sampled_from([RELU, build_relu_model(made.encode_external_tensor("a"))]))
    mutated = bytearray(model)
    for _ in range(data.draw(st.integers(1, 4))):
        mutated[data.draw(st.integers(0, len(mutated) - 1))] = data.draw(st.integers(0, 255))
    reading = read_bytes(bytes(mutated), "model.onnx")
    assert reading.structures or reading.unread


@settings(max_examples=100, deadline=None)
@given(sample=st.binary(max_size=300))
def test_onnx_reader_parses_random_bytes_or_reports_them_as_unread(sample, read_bytes):
    reading = read_bytes(sample, "model.onnx", only=find_reader("onnx"))
    assert reading.structures or reading.unread


TENSOR = made.encode_tensor("y", (2, 3), bytes(24))


def test_file_that_is_one_onnx_tensor_is_read_to_its_last_byte(read_bytes):
    for data in (TENSOR, made.encode_tensor("", (), bytes(4)), encode_data(1, b"\x02\x03") + TENSOR[4:]):
        reading = read_bytes(data, "output_0.pb")
        assert reading.formats == {"output_0.pb": ["onnx-tensor"]}
        assert not reading.unread
        assert not reading.kinds()


@check_each(
    "data",
    [
        made.encode_tensor("y", (2, 3), bytes(23)),
        made.encode_tensor("y", (2, 4), bytes(24)),
        made.encode_tensor("y", (2, 3), bytes(24), type_=11),
        made.encode_tensor("y", (2, 3), bytes(24), type_=8),
        made.encode_tensor("y", (2, 3), bytes(24), type_=99),
        made.encode_tensor("y", (2**64 - 2, 3), bytes(24)),
        made.encode_tensor("y", (2, 3)),
        made.encode_external_tensor("weights.bin"),
        made.encode_tensor("y" * 121, (2, 3), bytes(24)),
        TENSOR + encode_data(9, bytes(24)),
        TENSOR + encode_number(2, 1),
        TENSOR + encode_data(12, b"a text"),
        TENSOR + encode_data(40, b"a field of another message"),
        TENSOR + b"\0",
        TENSOR[:-1],
    ],
)
def test_tensor_whose_bytes_are_others_than_it_states_is_no_format(data, read_bytes):
    assert "onnx-tensor" not in read_bytes(data, "output_0.pb").formats.get("output_0.pb", ())


def test_onnx_tensor_is_known_by_its_extension_as_well(read_bytes):
    assert "onnx-tensor" not in read_bytes(TENSOR, "output_0.bin").formats.get("output_0.bin", ())


@pytest.mark.parametrize(("data", "code"), [(TENSOR, 0), (TENSOR[:-1], 3), (TENSOR + b"\x01", 3)])
def test_scan_of_an_onnx_tensor_passes_only_if_its_bytes_are_those_that_it_states(data, code, tmp_path):
    (tmp_path / "output_0.pb").write_bytes(data)
    assert scan_folder(tmp_path)[0] == code


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_onnx_tensor_is_no_format_if_its_length_changes(data, read_bytes):
    size = data.draw(st.integers(0, 40).filter(lambda each: each != 24))
    tail = data.draw(st.binary(max_size=8))
    content = made.encode_tensor("y", (2, 3), bytes(size)) + tail
    assert "onnx-tensor" not in read_bytes(content, "output_0.pb").formats.get("output_0.pb", ())


# Eight bytes that no reader recognises.
WEIGHTS = bytes(range(0xF0, 0xF8))


def write_model_with_external_data(folder: Path, target: str = "w.bin", name: str = "model.onnx") -> None:
    """Write the model ``name`` with one tensor whose eight bytes are in the file ``target``, which is not written."""
    (folder / name).write_bytes(build_relu_model(made.encode_external_tensor(target)))


def test_data_file_that_an_onnx_model_references_is_examined_as_tensor_data(tmp_path):
    write_model_with_external_data(tmp_path)
    (tmp_path / "w.bin").write_bytes(WEIGHTS)
    assert scan_folder(tmp_path) == (0, set())
    (tmp_path / "other.bin").write_bytes(WEIGHTS)  # no model refers to this file
    assert scan_folder(tmp_path) == (3, {"coverage/no-reader"})


def test_executable_or_pickle_that_onnx_references_as_tensor_data_does_not_pass(tmp_path):
    write_model_with_external_data(tmp_path)
    (tmp_path / "w.bin").write_bytes(b"\x7fELF" + bytes(60))
    assert scan_folder(tmp_path) == (3, {"coverage/no-reader"})
    (tmp_path / "w.bin").write_bytes((FIXTURES / "pickle/malicious/os-system.pkl").read_bytes())
    assert "pickle/dangerous-call" in scan_folder(tmp_path)[1]


def test_onnx_data_file_is_reported_if_it_ends_before_the_end_of_the_tensor(tmp_path):
    write_model_with_external_data(tmp_path)
    (tmp_path / "w.bin").write_bytes(b"\xf0\xf1\xf2")
    assert scan_folder(tmp_path) == (1, {"onnx/external-data-short"})


@pytest.mark.parametrize(("path", "link", "target"), [("w.bin", "w.bin", "w.bin"), ("sub/w.bin", "sub", ".")])
def test_onnx_data_path_that_leaves_the_model_by_a_symbolic_link_is_reported(path, link, target, tmp_path):
    model, outside = tmp_path / "model", tmp_path / "outside"
    model.mkdir()
    outside.mkdir()
    (outside / "w.bin").write_bytes(WEIGHTS)
    write_model_with_external_data(model, path)
    (model / link).symlink_to(outside / target)
    assert "onnx/external-data-outside" in scan_folder(model)[1]


def test_onnx_data_file_that_has_a_hard_link_outside_the_model_is_reported(tmp_path):
    model = tmp_path / "model"
    model.mkdir()
    write_model_with_external_data(model)
    (model / "w.bin").write_bytes(WEIGHTS)
    os.link(model / "w.bin", model / "inside.bin")  # a link between two files of the model is allowed
    write_model_with_external_data(model, "inside.bin", "second.onnx")
    assert scan_folder(model) == (0, set())
    os.link(model / "w.bin", tmp_path / "outside.bin")
    assert scan_folder(model) == (3, {"onnx/external-data-hard-link"})


@pytest.mark.parametrize("count", [64, 2000])
def test_path_in_the_last_of_many_external_data_entries_is_referenced_or_an_absence_is_left(count, read_bytes):
    pairs = (("location", "w.bin"), *((f"k{index}", "1") for index in range(count)), ("location", "/etc/hostname"))
    reading = read_bytes(build_relu_model(made.encode_tensor("w", (2,), None, pairs)), "m.onnx")
    assert "/etc/hostname" in list_references(reading) or UnreadReason.LIMIT in reading.reasons()


def test_onnx_attribute_is_read_if_its_value_is_stored_before_its_name(read_bytes):
    # In each attribute, the value (text 4, or integer 3) comes before the name (1).
    attributes = (
        encode_data(4, "/tmp/x") + encode_data(1, "ep_cache_context"),
        encode_number(3, 0) + encode_data(1, "embed_mode"),
    )
    context = made.encode_node("EPContext", *attributes, domain="com.microsoft")
    reading = read_bytes(made.encode_model(made.encode_graph(context)), "m.onnx")
    assert set(list_references(reading)) == {"/tmp/x"}


def test_onnx_metadata_are_searched_for_code_and_too_long_ones_are_reported_as_unread(read_bytes):
    graph = made.encode_graph(made.encode_node("Relu"))
    metadata_field = 14
    code_entry = made.encode_entry("names", "__import__('os').system('true')")
    reading = read_bytes(made.encode_model(graph, encode_data(metadata_field, code_entry)), "m.onnx")
    assert ("metadata-code", "os.system") in list_operators(reading)
    long_entry = made.encode_entry("names", "x" * (2 << 20))
    reading = read_bytes(made.encode_model(graph, encode_data(metadata_field, long_entry)), "m.onnx")
    assert UnreadReason.LIMIT in reading.reasons()


def test_embedded_contents_over_the_bound_in_an_onnx_model_are_reported_as_unread(read_bytes, monkeypatch):
    monkeypatch.setattr("modelaudit.formats.graphs.onnx.collector._MOST_CHILDREN", 1)
    payload = base64.b64encode((FIXTURES / "pickle/malicious/os-system.pkl").read_bytes())
    for count in (1, 2):
        # An attribute with a text as its value (4), and its name (1).
        attributes = [encode_data(4, payload) + encode_data(1, f"a{n}") for n in range(count)]
        reading = read_bytes(made.encode_model(made.encode_graph(made.encode_node("Relu", *attributes))), "m.onnx")
        assert reading.called
        assert (UnreadReason.LIMIT in reading.reasons()) == (count > 1)


@check_each("blanks", [0, 10, 64, 300])
def test_json_in_the_metadata_of_an_onnx_node_is_read_even_after_many_blanks(blanks, read_bytes):
    metadata_field = 9
    entry = made.encode_entry("hook", " " * blanks + '{"auto_map": {"AutoModel": "evil.Model"}}')
    node = made.encode_node("Relu") + encode_data(metadata_field, entry)
    reading = read_bytes(made.encode_model(made.encode_graph(node)), "m.onnx")
    assert any("!metadata!hook" in path for path in reading.formats)


@check_each(
    "last_sizes, kinds",
    [
        ((2, 1), set()),
        ((1, 2), set()),
        ((1, 3), {"size-mismatch"}),
        ((1, -1), {"negative-length"}),
        ((-1, 2), {"negative-length"}),
        ((1 << 40, 1 << 40), {"size-overflow", "size-mismatch"}),
        ((1 << 40, 1 << 40, 0), {"size-mismatch"}),
    ],
)
def test_byte_count_of_an_onnx_tensor_uses_every_dimension_of_a_long_shape(last_sizes, kinds, read_bytes):
    # A tensor with two floats, whose shape begins with 63 sizes of 1, which do not change the number of elements.
    tensor = made.encode_tensor("w", (1,) * 63 + last_sizes, bytes(8))
    assert read_bytes(build_relu_model(tensor), "m.onnx").kinds() == kinds


@check_each(
    "bound, kept",
    [
        ("_MOST_FUNCTIONS", [made.encode_function("f", "d")]),
        ("_MOST_FUNCTION_BYTES", [made.encode_function("f" * 30, "d" * 30)]),
        ("_MOST_METADATA_BYTES", [encode_data(14, made.encode_entry("k" * 200, "v"))]),
    ],
)
def test_onnx_functions_and_metadata_beyond_the_bound_are_reported_as_unread(bound, kept, read_bytes, monkeypatch):
    monkeypatch.setattr(f"modelaudit.formats.graphs.onnx.collector.{bound}", 100)
    graph = made.encode_graph(made.encode_node("Relu"))
    fields = [encode_data(25, each) if bound != "_MOST_METADATA_BYTES" else each for each in kept]
    assert UnreadReason.LIMIT in read_bytes(made.encode_model(graph, *fields * 101), "m.onnx").reasons()
    monkeypatch.undo()
    assert UnreadReason.LIMIT not in read_bytes(made.encode_model(graph, *fields * 101), "m.onnx").reasons()


def test_ports_and_weights_of_the_graph_describe_the_model(tmp_path: Path) -> None:
    sizes = encode_data(1, encode_data(2, b"batch")) + encode_data(1, encode_number(1, 128))
    tensor_type = encode_data(1, encode_number(1, 7) + encode_data(2, sizes))
    ports = encode_data(11, encode_data(1, b"input_ids") + encode_data(2, tensor_type)) + encode_data(
        12, encode_data(1, b"logits")
    )
    graph = made.encode_graph(made.encode_node("Relu"), tensors=(made.encode_tensor("w", (2, 3), bytes(24)),))
    (tmp_path / "model.onnx").write_bytes(made.encode_model(graph + ports))
    facts = modelaudit.scan(tmp_path, second_opinion=False).description.facts
    shown = [(str(fact.topic), fact.value, fact.get("limit"), fact.where.key) for fact in facts]
    assert ("parameters", "6", "", "shapes of all tensors") in shown
    assert ("input", "input_ids", "int64 [batch, 128]", "input input_ids") in shown
    assert ("output", "logits", "any type", "output logits") in shown
