"""Test the readers of Caffe networks and Triton configurations."""

from __future__ import annotations

import pytest
from builders.tensorflow_wire import encode_message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.scans import scan_text
from support.work import count_work, find_growth_fault

import modelaudit
from modelaudit.formats.registry import READERS
from modelaudit.model.outline import Mention, Outline, References
from modelaudit.model.structure import UnreadReason
from modelaudit.wire.base import Head


def list_mentions(reading) -> set[tuple[str, str, str]]:
    """Return the vocabulary, name and detail of each mention."""
    return {(each.vocabulary, each.name, each.detail) for outline in reading.of(Outline) for each in outline.mentions}


@pytest.mark.parametrize("name", ["python-layer.prototxt", "python-layer.caffemodel"])
def test_caffe_python_layer_is_mentioned_by_the_class_that_it_imports(read_fixture, name):
    mentions = list_mentions(read_fixture(f"caffe/malicious/{name}"))
    assert ("python-names", "os.system", "true") in mentions
    assert ("caffe-layers", "InnerProduct", "") in mentions


def test_caffe_python_layer_without_a_module_is_mentioned_by_its_layer_type(read_bytes):
    text = b'layer { name: "p" type: "Python" top: "x" }'
    assert list_mentions(read_bytes(text, "a.prototxt")) == {("caffe-layers", "Python", "")}


def test_layers_in_the_old_syntax_of_caffe_are_mentioned(read_bytes):
    text = b'layers { name: "p" type: CONVOLUTION bottom: "x" }\nlayers: < type: "ReLU" python_param { layer: "f" } >'
    mentions = list_mentions(read_bytes(text, "a.prototxt"))
    # The Python class "f" has no module before its dot.
    assert mentions == {("caffe-layers", "CONVOLUTION", ""), ("caffe-layers", "ReLU", ""), ("python-names", ".f", "")}


@pytest.mark.parametrize(
    "data",
    [
        b"\x0a\x03abc" + encode_message(100, b"\x08\x01"),  # a layer whose name is a number
        b"\x0a\x02\x08\x01",  # a name that is not printable
        encode_message(2, b"\x08\x01"),  # a layer of the old form without name and type
        encode_message(100, encode_message(2, "1 x")),  # a layer whose type is not an identifier
    ],
)
def test_protobuf_message_without_the_fields_of_a_network_is_not_recognised_as_caffe(read_bytes, data):
    assert "caffe" not in read_bytes(data, "a.caffemodel").formats.get("a.caffemodel", [])


def test_caffe_layers_before_damage_are_mentioned(fixtures, read_bytes):
    truncated_layer = b"\xa2\x06\x7f"  # it states 127 bytes and has none
    data = (fixtures / "caffe/malicious/python-layer.caffemodel").read_bytes() + truncated_layer
    reading = read_bytes(data, "a.caffemodel")
    assert ("python-names", "os.system", "true") in list_mentions(reading)
    assert reading.reasons() == {UnreadReason.DAMAGED, UnreadReason.UNCLAIMED}


def test_files_that_a_triton_configuration_names_give_references(read_fixture):
    reading = read_fixture("triton/malicious/library.pbtxt")
    (group,) = reading.of(References)
    assert {(each.named_by, each.target) for each in group.items} == {
        ("label_filename", "labels.txt"), ("op_library_filename", "ops/libacme.so"),
    }  # fmt: skip


def test_triton_path_below_the_model_directory_variable_becomes_a_relative_reference(read_bytes):
    text = b'backend: "python"\nparameters { key: "EXECUTION_ENV_PATH" value { string_value: "$$TRITON_MODEL_DIRECTORY/e.tgz" } }'
    (group,) = read_bytes(text, "config.pbtxt").of(References)
    assert [each.target for each in group.items] == ["e.tgz"]


def test_library_by_which_triton_batches_requests_fails_the_scan(tmp_path):
    parameter = 'parameters { key: "TRITON_BATCH_STRATEGY_PATH" value { string_value: "/tmp/a.so" } }'
    code, rules = scan_text(tmp_path, "config.pbtxt", f'backend: "pytorch"\n{parameter}\n')
    assert (code, rules) == (1, {"triton/native-library"})


@pytest.mark.parametrize("text", [b"node { calculator: 'A' }", b"name: 'x'", b"item: 1\nother: 2", b"graph { a: 1 }"])
def test_protobuf_text_of_unknown_schema_is_reported_as_unread(read_bytes, text):
    reading = read_bytes(text, "a.pbtxt")
    assert reading.formats["a.pbtxt"] == ["text"]
    assert reading.reasons() == {UnreadReason.PROGRAM}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.sampled_from(["caffe/malicious/python-layer.caffemodel", "caffe/benign/deploy.prototxt",
                                   "caffe/benign/old.caffemodel", "triton/benign/config.pbtxt"]))  # fmt: skip
def test_mutated_caffe_or_triton_file_is_read_without_an_error(fixtures, read_bytes, data, name):
    content = bytearray((fixtures / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    # Reading ``unread`` fails the test when a reader raised an unexpected error.
    assert read_bytes(bytes(content), name.rpartition("/")[2]).unread is not None


def test_caffe_recognition_of_many_empty_lines_takes_linear_work(bytes_window):
    def recognise(lines: int) -> None:
        data = b"a:" + b"\n" * lines
        head = Head("notes.txt", None, data[:4096], bytes_window(data))
        assert not any(reader.recognises(head) for reader in READERS if reader.format == "caffe")

    assert find_growth_fault(lambda lines: count_work(lambda: recognise(lines)), 2000) == ""


def test_outline_states_the_triton_backend_even_after_more_file_references_than_the_bound(read_bytes, monkeypatch):
    monkeypatch.setattr("modelaudit.formats.graphs.triton.reader._MOST_REFERENCES", 2)
    for count, expected in ((2, set()), (3, {UnreadReason.LIMIT})):
        lines = "".join(f' label_filename: "labels{n}.txt"\n' for n in range(count))
        reading = read_bytes(
            f'name: "m"\nmax_batch_size: 1\noutput {{\n{lines}}}\nbackend: "python"\n'.encode(), "config.pbtxt"
        )
        assert reading.facts("triton") == [{"backend": "python"}]
        assert reading.reasons() == expected


def test_names_of_caffe_layers_over_the_bound_are_left_out_and_reported_as_unread(read_bytes, monkeypatch):
    monkeypatch.setattr("modelaudit.formats.graphs.caffe.reader._MOST_NAMES", 2)
    python_layer = 'layer { type: "Python" python_param { module: "os" layer: "system" } bottom: "x" }'
    for types, reasons in (("ABAB", set()), ("ABC", {UnreadReason.LIMIT})):
        layers = "".join(f'layer {{ type: "{each}" bottom: "x" }}\n' for each in types)
        reading = read_bytes((layers + python_layer).encode(), "a.prototxt")
        # The layer behind the bound is listed, because classes of Python are counted by themselves.
        assert {name for _, name, _ in list_mentions(reading)} == {"A", "B", "os.system"}
        assert reading.reasons() == reasons


def test_triton_plugins_over_the_bound_are_not_kept(read_bytes, monkeypatch):
    built = []

    def build_mention(*arguments):
        built.append(arguments)
        return Mention(*arguments)

    monkeypatch.setattr("modelaudit.formats.graphs.triton.reader._MOST_PLUGINS", 2)
    monkeypatch.setattr("modelaudit.formats.graphs.triton.reader.Mention", build_mention)
    lines = "".join(f'backend: "b{number}"\n' for number in range(50))
    reading = read_bytes(f'name: "m"\nmax_batch_size: 1\n{lines}'.encode(), "config.pbtxt")
    assert len(list_mentions(reading)) == 2
    assert UnreadReason.LIMIT in reading.reasons()
    assert len(built) == 3


@pytest.mark.parametrize(
    ("plugin_setting", "use"),
    [
        ('backend: "acme_exec"', "backend"),
        ('platform: "acme_plan"', "platform"),
        ('backend: "python"\nmodel_repository_agents { agents [ { name: "acme_agent" } ] }', "repository agent"),
    ],
)
def test_scan_of_a_triton_configuration_with_an_unlisted_plugin_is_incomplete(tmp_path, plugin_setting, use):
    (tmp_path / "config.pbtxt").write_text(f'name: "acme"\nmax_batch_size: 8\n{plugin_setting}\n')
    report = modelaudit.scan(tmp_path, second_opinion=False)
    assert report.exit_code == 3
    assert any(f"names the {use} acme_" in finding.message for finding in report.findings)
