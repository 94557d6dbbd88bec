"""Test the readers of TensorFlow models and checkpoints, and the tracing of path arguments."""

from __future__ import annotations

import pytest
from builders.tensorflow_wire import (
    build_checkpoint_index,
    compute_crc32c,
    encode_asset,
    encode_attribute,
    encode_bundle_entry,
    encode_call_node,
    encode_constant_node,
    encode_function,
    encode_graph,
    encode_message,
    encode_meta_graph,
    encode_node,
    encode_number,
    encode_saved_model,
    mask_checksum,
)
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.cases import check_each

from modelaudit.formats.graphs.tensorflow.graph import Graphs
from modelaudit.formats.graphs.tensorflow.text_schema import encode_text
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline, References
from modelaudit.model.structure import TensorData, UnreadReason
from modelaudit.wire.base import DamagedError
from modelaudit.wire.protobuf import Message
from modelaudit.wire.protobuf_text import parse_text_fields

INPUT = encode_node("x", "Placeholder")  # an input of the program


def list_operators(reading) -> set[str]:
    """Return the name of each mention."""
    return {mention.name for outline in reading.of(Outline) for mention in outline.mentions}


def list_references(reading) -> dict[str, int]:
    """Return how many bytes each referenced file must have, by its path."""
    return {each.target: each.min_size for group in reading.of(References) for each in group.items}


def test_each_operator_of_a_tensorflow_graph_and_its_functions_is_mentioned_once(read_bytes):
    function = encode_function("f", ("x",), encode_node("r", "Relu", "x"), encode_node("t", "Tanh", "r:y:0"))
    graph = encode_graph(INPUT, encode_call_node("c", "f", "x"), encode_call_node("d", "f", "x"), functions=(function,))
    reading = read_bytes(encode_saved_model(graph), "saved_model.pb")
    assert list_operators(reading) == {"Placeholder", "StatefulPartitionedCall", "Relu", "Tanh"}
    (outline,) = reading.of(Outline)
    assert len(outline.mentions) == 4
    assert dict(outline.facts) == {
        "message": "SavedModel", "tags": "serve", "tensorflow": "2.21.0", "operators": "5", "functions": "1",
    }  # fmt: skip


def test_call_of_a_function_that_the_tensorflow_graph_defines_is_mentioned_as_a_function(read_bytes):
    function = encode_function("Custom", ("x",), encode_node("r", "Relu", "x"))
    (outline,) = read_bytes(encode_graph(INPUT, encode_node("c", "Custom", "x"), functions=(function,)), "g.pb").of(
        Outline
    )
    uses = {mention.name: mention.use for mention in outline.mentions}
    assert uses == {"Placeholder": "operator", "Custom": "function", "Relu": "operator"}


def test_mention_of_a_tensorflow_operator_states_name_and_offset_of_its_node(read_bytes):
    data = encode_graph(INPUT, encode_node("p", "PyFunc", "x"))
    (outline,) = read_bytes(data, "g.pb").of(Outline)
    where = {mention.name: mention.where for mention in outline.mentions}["PyFunc"]
    assert where.key == "p"
    assert data[where.offset :].startswith(encode_message(1, encode_node("p", "PyFunc", "x")))


@pytest.mark.parametrize("path", ["model.bin", "graph.pb", "model", "x.graphdef"])
def test_tensorflow_graph_is_recognised_also_under_another_or_no_extension(read_bytes, path):
    assert read_bytes(encode_graph(INPUT, encode_node("r", "Relu", "x")), path).formats[path] == ["tensorflow"]


@pytest.mark.parametrize(
    "data",
    [
        b"\x08\x07\x12\x07pytorch\x3a\x02\x0a\x00",  # a version, a producer and a graph of ONNX
        b"\x0a\x05LeNet" + encode_message(100, encode_message(1, "data"), encode_message(2, "Data")),  # Caffe
        encode_message(1, encode_message(1, "<unk>"), b"\x15\0\0\0\0"),  # SentencePiece
        b"\x0a\x04\x0a\x02hi",  # a node with a name and no operator
        bytes(range(256)),
    ],
)
def test_messages_of_other_formats_are_not_recognised_as_tensorflow(read_bytes, data):
    assert "tensorflow" not in read_bytes(data, "model.pb").formats.get("model.pb", [])


def test_invalid_file_named_saved_model_is_reported_as_damaged(read_bytes):
    reading = read_bytes(b"\xff" * 40, "saved_model.pb")
    assert reading.reasons() == {UnreadReason.DAMAGED}


def test_graph_named_saved_model_is_read_as_a_graph_and_as_a_damaged_saved_model(read_bytes):
    reading = read_bytes(encode_graph(INPUT, encode_node("p", "PyFunc", "x")), "saved_model.pb")
    assert "PyFunc" in list_operators(reading)
    assert reading.reasons() == {UnreadReason.DAMAGED}


# A function that saves to a path that begins with its argument, as TensorFlow writes it.
SAVER = encode_function("save", ("prefix",), encode_constant_node("part", "_temp/part"), encode_node("j", "StringJoin", "prefix", "part:output:0"),
                 encode_node("s", "SaveV2", "j:output:0"))  # fmt: skip
SAVE_TO_FIXED_PATH = "SaveV2 with a fixed path"


@check_each(
    "data, expected",
    [
        # A function that saves to its argument: called with an input of the program, never called in the graph (so the
        # program calls it), and called with a constant.
        (encode_graph(INPUT, encode_call_node("c", "save", "x"), functions=(SAVER,)), "SaveV2"),
        (encode_graph(functions=(SAVER,)), "SaveV2"),
        (
            encode_graph(encode_constant_node("c", "/tmp/a"), encode_call_node("d", "save", "c"), functions=(SAVER,)),
            SAVE_TO_FIXED_PATH,
        ),
        # A constant path: only the default name of savers, "model", is accepted.
        (encode_graph(encode_constant_node("c", "model"), encode_node("s", "SaveV2", "c")), "SaveV2"),
        (encode_graph(encode_constant_node("c", "model2"), encode_node("s", "SaveV2", "c")), SAVE_TO_FIXED_PATH),
        # An input of the program with a default.
        (
            encode_graph(
                encode_constant_node("c", "model"),
                encode_node("d", "PlaceholderWithDefault", "c"),
                encode_node("s", "SaveV2", "d"),
            ),
            "SaveV2",
        ),
        (encode_graph(encode_constant_node("c", ""), encode_node("s", "SaveV2", "c")), SAVE_TO_FIXED_PATH),
        (encode_graph(encode_node("s", "SaveV2")), SAVE_TO_FIXED_PATH),  # no path at all
        # A constant that no saver writes, behind an input of the program.
        (
            encode_graph(
                INPUT,
                encode_constant_node("c", "../a"),
                encode_node("j", "StringJoin", "x", "c"),
                encode_node("s", "SaveV2", "j"),
            ),
            SAVE_TO_FIXED_PATH,
        ),
        # A node that does not exist, and two nodes that read each other.
        (encode_graph(encode_node("s", "SaveV2", "nowhere")), SAVE_TO_FIXED_PATH),
        (
            encode_graph(
                encode_node("a", "Identity", "b"), encode_node("b", "Identity", "a"), encode_node("s", "SaveV2", "a")
            ),
            SAVE_TO_FIXED_PATH,
        ),
        # "^x" is a control input, so the path is the second input.
        (encode_graph(INPUT, encode_node("n", "NoOp", "^x"), encode_node("s", "SaveV2", "^x", "x")), "SaveV2"),
    ],
)
def test_mention_of_a_tensorflow_save_operator_shows_fixed_path_unless_it_is_an_input_or_usual_name(
    read_bytes, data, expected
):
    assert {name for name in list_operators(read_bytes(data, "g.pb")) if name.startswith("SaveV2")} == {expected}


def encode_reading_function(caller: str, *inputs: str, arguments: tuple[str, ...] = ("a",)) -> tuple[bytes, bytes]:
    """Return a node that calls a function, and the function, which reads the records of the file in ``a``."""
    attribute = encode_attribute("f", encode_message(10, encode_message(1, "read")))
    function = encode_function("read", arguments, encode_node("d", "TFRecordDataset", "a"))
    return encode_node("m", caller, *inputs, attributes=attribute), function


def encode_text_slices(*texts: str) -> tuple[bytes, bytes]:
    """Return the nodes of a data set ``s`` that yields the texts."""
    return encode_constant_node("c", *texts), encode_node("s", "TensorSliceDataset", "c")


MAPPED = encode_reading_function("FlatMapDataset", "s")
IN_WORKING_FOLDER = "TFRecordDataset of fixed relative paths"


@check_each(
    "data, expected",
    [
        (encode_graph(*encode_text_slices("./a.tfrecord", "data/b"), MAPPED[0], functions=MAPPED[1:]), True),
        (encode_graph(encode_constant_node("c", "a.b"), encode_node("d", "TFRecordDataset", "c")), True),
        # One of the paths leads elsewhere, or no text was read.
        (encode_graph(*encode_text_slices("a", "/etc/a"), MAPPED[0], functions=MAPPED[1:]), False),
        (encode_graph(*encode_text_slices("a", "b/../../c"), MAPPED[0], functions=MAPPED[1:]), False),
        (encode_graph(*encode_text_slices("gs://a/b"), MAPPED[0], functions=MAPPED[1:]), False),
        (encode_graph(*encode_text_slices("~/a"), MAPPED[0], functions=MAPPED[1:]), False),
        (encode_graph(*encode_text_slices(*["a"] * 65), MAPPED[0], functions=MAPPED[1:]), False),
        (encode_graph(encode_node("d", "TFRecordDataset")), False),
        # Parts that only together lead elsewhere.
        (
            encode_graph(
                encode_constant_node("a", "a/."),
                encode_constant_node("b", "./b"),
                encode_node("j", "StringJoin", "a", "b"),
                encode_node("d", "TFRecordDataset", "j"),
            ),
            False,
        ),
        # The program that runs the graph names the file, or the graph computes it.
        (encode_graph(INPUT, encode_node("d", "TFRecordDataset", "x")), False),
        (
            encode_graph(
                encode_constant_node("c", "a"),
                encode_node("j", "DecodeBase64", "c"),
                encode_node("d", "TFRecordDataset", "j"),
            ),
            False,
        ),
        # A loop gives its function another value than its input, and another operator its second input.
        *(
            (
                encode_graph(
                    *encode_text_slices("a"), encode_constant_node("e", "/etc/a"), called, functions=(function,)
                ),
                False,
            )
            for called, function in (
                encode_reading_function("While", "s"),
                encode_reading_function("ReduceDataset", "s", "e", arguments=("a", "b")),
            )
        ),
    ],
)
def test_tensorflow_dataset_reads_the_working_folder_only_if_each_of_its_paths_is_known_and_relative(
    read_bytes, data, expected
):
    operators = list_operators(read_bytes(data, "g.pb"))
    assert (IN_WORKING_FOLDER in operators, "TFRecordDataset" in operators) == (expected, not expected)


@check_each(
    "constant, results, expected",
    [
        ("model", ("k:output:0",), "SaveV2"),
        ("/etc/cron.d/x", ("k:output:0",), SAVE_TO_FIXED_PATH),
        ("/etc/cron.d/x", ("a",), "SaveV2"),
        ("/etc/cron.d/x", ("a", "k"), SAVE_TO_FIXED_PATH),
    ],
)
def test_tensorflow_path_follows_the_results_of_a_function(read_bytes, constant, results, expected):
    returned = b"".join(encode_message(4, encode_message(1, "r"), encode_message(2, each)) for each in results)
    function = encode_function("f", ("a",), encode_constant_node("k", constant)) + returned
    data = encode_graph(INPUT, encode_call_node("c", "f", "x"), encode_node("s", "SaveV2", "c"), functions=(function,))
    names = {name for name in list_operators(read_bytes(data, "g.pb")) if name.startswith("SaveV2")}
    assert names == {expected}


def test_results_of_a_function_in_text_form_are_read(read_bytes):
    text = """
node { name: "x" op: "Placeholder" }
node { name: "c" op: "PartitionedCall" input: "x" attr { key: "f" value { func { name: "f" } } } }
node { name: "s" op: "SaveV2" input: "c" }
library { function {
  signature { name: "f" input_arg { name: "a" type: DT_STRING } }
  node_def { name: "k" op: "Const" attr { key: "dtype" value { type: DT_STRING } }
    attr { key: "value" value { tensor { dtype: DT_STRING string_val: "/etc/cron.d/x" } } } }
  ret { key: "r" value: "k:output:0" }
} }
"""
    assert SAVE_TO_FIXED_PATH in list_operators(read_bytes(text.encode(), "g.pbtxt"))


@check_each(
    "op, key, value, expected",
    [
        ("PrintV2", "output_stream", "stderr", "PrintV2"),
        ("PrintV2", "output_stream", "log(info)", "PrintV2"),
        ("PrintV2", "output_stream", "file:///tmp/a", "PrintV2 into a file"),
        ("PrintV2", "other", "file:///tmp/a", "PrintV2"),
        ("DecodeProtoV2", "descriptor_source", "local://", "DecodeProtoV2"),
        ("DecodeProtoV2", "descriptor_source", "/tmp/a", "DecodeProtoV2 with a file"),
        ("FixedUnigramCandidateSampler", "vocab_file", "", "FixedUnigramCandidateSampler"),
        ("FixedUnigramCandidateSampler", "vocab_file", "a", "FixedUnigramCandidateSampler with a file"),
        ("XlaCallModule", "module", "ML\xefR", "XlaCallModule"),
        ("XlaCallModule", "module", "..xla_ffi_python_cpu_callback..", "XlaCallModule with a callback into Python"),
    ],
)
def test_mention_of_a_tensorflow_operator_states_whether_its_attribute_names_a_file_or_callback(
    read_bytes, op, key, value, expected
):
    text_field = 2  # of an AttrValue
    attribute = encode_attribute(key, encode_message(text_field, value))
    reading = read_bytes(encode_graph(encode_node("n", op, attributes=attribute)), "g.pb")
    assert list_operators(reading) == {expected}


def build_table_model(*meta_graph_fields: bytes, path_node: str = "c") -> bytes:
    """Return a SavedModel that fills a table from the path in a node: ``c`` is a constant, ``x`` an input."""
    nodes = (
        encode_node("h", "HashTableV2"),
        encode_constant_node("c", "/etc/hostname"),
        encode_node("t", "InitializeTableFromTextFileV2", "h", path_node),
    )
    return encode_saved_model(encode_graph(INPUT, *nodes), *meta_graph_fields)


def test_path_of_a_tensorflow_table_counts_as_set_by_the_model_unless_it_is_an_asset_or_an_input(read_bytes):
    op = "InitializeTableFromTextFileV2"
    assert f"{op} with a fixed path" in list_operators(read_bytes(build_table_model(), "saved_model.pb"))
    reading = read_bytes(build_table_model(encode_asset("c", "v.txt")), "saved_model.pb")
    assert op in list_operators(reading)
    assert list_references(reading) == {"assets/v.txt": 0}
    # TF1 lists the asset in a collection: an AnyList (5) of messages with a type (1) and the bytes of the asset (2).
    asset = encode_asset("c", "v.txt")[2:]  # without the key and length of its field
    any_list = encode_message(5, encode_message(1, encode_message(1, "type"), encode_message(2, asset)))
    collection = encode_message(4, encode_message(1, "saved_model_assets"), encode_message(2, any_list))
    assert op in list_operators(read_bytes(build_table_model(collection), "saved_model.pb"))
    assert op in list_operators(read_bytes(build_table_model(path_node="x"), "saved_model.pb"))


@pytest.mark.parametrize("name", ["/etc/hostname", "gs://bucket/a", "\\\\host\\a"])
def test_absolute_path_of_a_tensorflow_asset_becomes_the_target_of_a_reference_unchanged(read_bytes, name):
    assert set(list_references(read_bytes(build_table_model(encode_asset("c", name)), "saved_model.pb"))) == {name}


def test_keras_configurations_in_a_saved_model_or_its_keras_metadata_are_read_as_json(read_bytes):
    # Three user objects (4) with metadata (3): two with the same configuration, and one with other text.
    layer = encode_message(4, encode_message(3, '{"class_name": "Lambda", "config": {}}'))
    other = encode_message(4, encode_message(3, "no json"))
    objects = encode_message(7, *(encode_message(1, each) for each in (layer, layer, other)))
    reading = read_bytes(encode_saved_model(encode_graph(INPUT), objects), "saved_model.pb")
    assert reading.formats["saved_model.pb!layer-0.json"] == ["json"]
    assert set(reading.formats) == {"saved_model.pb", "saved_model.pb!layer-0.json"}
    # The file keras_metadata.pb under another name: an object with its node, path, identifier and configuration.
    metadata = encode_message(
        1,
        encode_number(2, 0),
        encode_message(3, "root.a"),
        encode_message(4, "_tf_keras_layer"),
        encode_message(5, '{"class_name": "Lambda"}'),
    )
    assert read_bytes(metadata, "other.pb").formats["other.pb!layer-0.json"] == ["json"]


def test_saved_model_in_text_form_is_read_with_its_operators_and_references(read_bytes):
    text = """
    saved_model_schema_version: 1
    meta_graphs {
      meta_info_def { tags: "serve" }
      graph_def {
        node { name: "c" op: "Const" attr { key: "value" value { tensor { dtype: DT_STRING string_val: "/tmp/a" } } } }
        node { name: "s" op: "SaveV2" input: "c" }
        library { function { signature { name: "f" } node_def { name: "p" op: "PyFunc" } } }
      }
      asset_file_def { tensor_info { name: "a:0" } filename: "../../a" }
      collection_def { key: "saved_model_assets" value { any_list { value {
        [type.googleapis.com/tensorflow.AssetFileDef] { filename: "b" } } } } }
    }
    """
    reading = read_bytes(text.encode(), "anything")
    assert reading.formats["anything"] == ["tensorflow"]
    assert list_operators(reading) == {"Const", SAVE_TO_FIXED_PATH, "PyFunc"}
    assert set(list_references(reading)) == {"assets/../../a", "assets/b"}


@pytest.mark.parametrize(
    "text", ["node: 1", "node {\n name: 'x' calculator: 'A' }", "libraryan {", "nodes { op: 'a' }"]
)
def test_text_without_operator_or_known_field_is_not_recognised_as_tensorflow(read_bytes, text):
    assert read_bytes(text.encode(), "a.pbtxt").formats["a.pbtxt"] == ["text"]


CHECKPOINT_INDEX = build_checkpoint_index({"a": encode_bundle_entry(0, 16), "b": encode_bundle_entry(1, 2)})


def test_checkpoint_index_refers_to_each_shard_with_its_size(read_bytes):
    data = build_checkpoint_index(
        {"a": encode_bundle_entry(0, 16), "b": encode_bundle_entry(16, 8), "c": encode_bundle_entry(0, 400, shard=1)},
        shards=2,
    )
    reading = read_bytes(data, "folder/model.index")
    assert list_references(reading) == {"model.data-00000-of-00002": 24, "model.data-00001-of-00002": 400}
    assert reading.unread == []


@pytest.mark.parametrize(
    "entry",
    [
        encode_bundle_entry(2**63, 8),  # a negative offset
        encode_bundle_entry(0, 2**63),  # a negative size
        encode_bundle_entry(0, 8, shard=1),  # the second of one shard
    ],
)
def test_checkpoint_tensor_with_impossible_offset_size_or_shard_is_reported_as_damaged(read_bytes, entry):
    reading = read_bytes(build_checkpoint_index({"a": encode_bundle_entry(0, 16), "b": entry}), "model.index")
    assert reading.reasons() == {UnreadReason.DAMAGED, UnreadReason.UNCLAIMED}
    assert list_references(reading) == {"model.data-00000-of-00001": 16}


def replace_in_block(old: bytes, new: bytes) -> bytes:
    """Return ``CHECKPOINT_INDEX`` with ``old`` replaced in its first block, under the right checksum."""
    # The first block ends with a restart, the number of restarts, a byte for no compression, and the checksum.
    block_end = CHECKPOINT_INDEX.index(b"\0\0\0\0\1\0\0\0\0") + 9
    block = CHECKPOINT_INDEX[:block_end].replace(old, new)
    assert block != CHECKPOINT_INDEX[:block_end]
    return block + mask_checksum(compute_crc32c(block)).to_bytes(4, "little") + CHECKPOINT_INDEX[block_end + 4 :]


@check_each(
    "data, problem",
    [
        (CHECKPOINT_INDEX.replace(b"a\x08", b"A\x08"), "a block does not match its CRC-32C, so TensorFlow refuses it"),
        (replace_in_block(b"\x00\x01\x0ea", b"\x00\x01\x0ex"), "the keys of a block are not in order"),
        (replace_in_block(bytes(4) + b"\1\0\0\0", b"\1\0\0\0" * 2), "the restarts of a block are not in order"),
        (
            replace_in_block(b"\1\0\0\0\0", b"\xff\0\0\0\0"),
            "a block of 53 bytes states 255 restarts, more than it can hold",
        ),
    ],
)
def test_block_of_a_checkpoint_index_that_contradicts_itself_is_reported_as_damaged(data, problem, read_bytes):
    reading = read_bytes(data, "m.index")
    assert problem in reading.details
    assert reading.unclaimed("m.index")


def test_unknown_field_of_a_checkpoint_tensor_is_unclaimed(read_bytes):
    assert read_bytes(CHECKPOINT_INDEX, "m.index").unclaimed("m.index") == ""
    data = build_checkpoint_index({"a": encode_bundle_entry(0, 16) + encode_message(9, b"content of another format")})
    assert read_bytes(data, "m.index").unclaimed("m.index")


def test_tensor_name_with_control_characters_in_a_checkpoint_index_is_unclaimed(read_bytes):
    data = build_checkpoint_index({"a\x04\x93": encode_bundle_entry(0, 16)})
    assert read_bytes(data, "m.index").unclaimed("m.index")


def test_pickle_with_the_file_name_of_a_checkpoint_shard_is_read(read_bytes, fixtures):
    evil = (fixtures / "pickle/malicious/os-system.pkl").read_bytes()
    assert read_bytes(evil, "m.data-00000-of-00001").called
    assert read_bytes(bytes(64) + evil + bytes(64), "m.data-00000-of-00001").called
    assert read_bytes(bytes(64), "m.data-00000-of-00001").of(TensorData)


def test_tensorflow_nodes_over_the_bound_are_reported_as_unread(read_bytes, monkeypatch):
    monkeypatch.setattr("modelaudit.formats.graphs.tensorflow.graph.MOST_NODES", 3)
    reading = read_bytes(encode_graph(encode_node("p", "PyFunc"), INPUT, INPUT, INPUT, INPUT), "g.pb")
    assert reading.reasons() == {UnreadReason.LIMIT, UnreadReason.UNCLAIMED}
    assert "PyFunc" in list_operators(reading)


def test_tensorflow_operators_before_damage_are_mentioned(read_bytes):
    truncated_node = b"\x0a\x7fx"  # it states 127 bytes and has one
    reading = read_bytes(encode_graph(INPUT, encode_node("p", "PyFunc")) + truncated_node, "g.pb")
    assert "PyFunc" in list_operators(reading)
    assert reading.reasons() == {UnreadReason.DAMAGED, UnreadReason.UNCLAIMED}


SAVED_MODEL = encode_saved_model(
    encode_graph(INPUT, encode_call_node("c", "save", "x"), functions=(SAVER,)), encode_asset("c", "v")
)
GRAPH_TEXT = (
    b"node { name: 'x' op: \"A\" attr < key: 's' value { s: 'a\\n' } > input: ['a', \"b\"] }\nversions { producer: -1 }"
)
FILES = [
    (SAVED_MODEL, "saved_model.pb"),
    (encode_meta_graph(encode_graph(INPUT)), "a.meta"),
    (GRAPH_TEXT, "g.pbtxt"),
    (CHECKPOINT_INDEX, "m.index"),
]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.sampled_from(FILES))
def test_mutated_tensorflow_file_is_read_without_an_error(read_bytes, data, file):
    content, path = bytearray(file[0]), file[1]
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content) - 1))
        content[start : start + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        content = content or bytearray(b"\0")
    # Reading ``unread`` fails the test when a reader raised an unexpected error.
    assert read_bytes(bytes(content), path).unread is not None


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="ab_:{}<>[]\"'\\,;#- \n1.e", max_size=60))
def test_binary_encoding_of_random_protobuf_text_has_a_bounded_size(text):
    data, _ = encode_text((text,), "GraphDef", Limits())
    assert len(data) <= 10 * len(text) + 10


def test_protobuf_text_is_parsed_into_its_fields():
    text = "a: 'x' \"\\x41\\101\\n\" b { c: [1, -2.5e-3] } d < > e [ { f: g } , {} ], # end\n[ext.x] { h: true }"
    # A field with a value; a name without a value where a message opens, and neither where it closes.
    assert [(each.name, each.value) for each in parse_text_fields((text,), Limits())] == [
        ("a", b"xAA\n"), ("b", None), ("c", b"1"), ("c", b"-2.5e-3"), ("", None), ("d", None), ("", None),
        ("e", None), ("f", b"g"), ("", None), ("e", None), ("", None), ("[ext.x]", None), ("h", b"true"), ("", None),
    ]  # fmt: skip


def read_fields(pieces):
    """Return the fields of a text that arrives in pieces, and the message of the error that ends it."""
    fields = []
    try:
        fields += parse_text_fields(pieces, Limits())
    except DamagedError as error:
        return fields, str(error), error.offset
    return fields, "", None


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab_:{}<>[]\"'\\,;#- \n1.e+/", max_size=40), st.integers(1, 5))
@example("[a.b]\n : {}", 1)
@example("a: 1e+5 a: 1e-", 1)
@example("a: 'b\\'c' # d 'e\n f: \"\\", 1)
@example("# a\n\n# b: 1", 2)
def test_protobuf_text_gives_the_same_fields_wherever_it_is_divided(text, length):
    pieces = [text[start : start + length] for start in range(0, len(text), length)]
    assert read_fields(pieces) == read_fields((text,))


def test_protobuf_text_is_read_no_further_than_its_next_fields_need():
    given = []

    def give_pieces():
        for number in range(1000):
            given.append(number)
            yield f"a: {number} "

    next(parse_text_fields(give_pieces(), Limits()))
    assert len(given) < 10


def test_long_values_and_words_of_protobuf_text_are_bounded(monkeypatch):
    monkeypatch.setattr("modelaudit.wire.protobuf_text._LONGEST_TEXT", 8)
    monkeypatch.setattr("modelaudit.wire.protobuf_text._LONGEST_WORD", 8)
    for text in ("a: 'bcdefgh" + "\\'i" * 20 + "' j: 1", "a: 'bcdefgh' 'i' 'j' 'k' j: 1"):
        fields, error, _ = read_fields(text)  # in pieces of one character
        assert [(each.name, each.value[:7]) for each in fields] == [("a", b"bcdefgh"), ("j", b"1")]
        assert len(fields[0].value) <= 9
        assert error == "of the text in line 1, only the first 8 characters were read"
    assert read_fields("a: 'b'\nc: " + "d" * 20)[1] == "line 2 has a word of more than 8 characters"


@pytest.mark.parametrize(
    "prefix",
    [
        b"%PDF-",  # the magic bytes of another format, which are also a field
        encode_message(6, "x"),
        encode_message(3, "x" * 40),
        encode_message(1, encode_message(1, "q"), encode_message(2, "no op!")),  # a node with an invalid operator
    ],
)
def test_tensorflow_graph_after_fields_that_do_not_belong_to_it_is_recognised(prefix, read_bytes):
    assert "PyFunc" in list_operators(
        read_bytes(prefix + encode_graph(INPUT, encode_node("p", "PyFunc")), "weights.bin")
    )


@pytest.mark.parametrize(
    ("end", "formats"), [(b".", ["pickle"]), (b"", ["pickle", "tensorflow"]), (b"\x30\x01", ["pickle", "tensorflow"])]
)
def test_pickle_is_no_graph_where_a_parser_rejects_it_as_a_message(end, formats, read_bytes):
    # The length of the constant reads as fields, and the bytes of the constant as the nodes of a graph.
    length = 0x227838
    graph = encode_graph(encode_node("p", "PyFunc"))
    graph += encode_message(6, bytes(length - len(graph) - 5))
    reading = read_bytes(b"\x80\x03B" + length.to_bytes(4, "little") + graph + end, "ner.model")
    assert len(graph) == length
    assert sorted(reading.formats["ner.model"]) == formats


def test_tensorflow_path_from_an_input_counts_as_set_by_the_model_if_an_operator_transforms_it(read_bytes):
    rewrite = encode_attribute("rewrite", encode_message(2, "/tmp/loot"))
    separator = encode_attribute("separator", encode_message(2, "/tmp/loot"))
    for path_node in (
        encode_node("d", "StaticRegexReplace", "x", attributes=rewrite),
        encode_node("d", "UnicodeTranscode", "x"),
        encode_node("d", "StringJoin", "x", attributes=separator),
    ):
        graph = encode_graph(INPUT, path_node, encode_node("s", "SaveV2", "d"))
        assert SAVE_TO_FIXED_PATH in list_operators(read_bytes(graph, "g.pb"))
    # Without a separator, the joined path consists of the input only.
    joined = encode_graph(INPUT, encode_node("d", "StringJoin", "x", "x"), encode_node("s", "SaveV2", "d"))
    assert SAVE_TO_FIXED_PATH not in list_operators(read_bytes(joined, "g.pb"))


def test_tensorflow_attribute_that_names_a_function_is_mentioned_as_an_operator_unless_the_model_defines_it(read_bytes):
    # The value of the attribute is a function (10) with a name (1).
    attribute = encode_attribute("f", encode_message(10, encode_message(1, "PyFunc")))
    call = encode_node("c", "PartitionedCall", attributes=attribute)
    assert "PyFunc" in list_operators(read_bytes(encode_graph(INPUT, call), "g.pb"))
    function = encode_function("PyFunc", ("x",), encode_node("r", "Relu", "x"))
    reading = read_bytes(encode_graph(INPUT, call, functions=(function,)), "g.pb")
    assert "PyFunc" not in list_operators(reading)


def test_tensorflow_print_operator_counts_as_writing_a_file_if_a_caller_can_choose_the_stream(read_bytes):
    # The value of the attribute is a placeholder (9), whose value the caller of the function gives.
    stream = encode_attribute("output_stream", encode_message(9, "stream"))
    assert "PrintV2 into a file" in list_operators(
        read_bytes(encode_graph(INPUT, encode_node("p", "PrintV2", attributes=stream)), "g.pb")
    )


def test_keras_configuration_after_blanks_is_read(read_bytes):
    text = ' \n{"class_name": "Lambda", "config": {"function": "x"}}'
    # A user object (4) with its identifier (1) and its metadata (3).
    layer = encode_message(4, encode_message(1, "_tf_keras_layer"), encode_message(3, text))
    objects = encode_message(7, encode_message(1, layer))
    reading = read_bytes(encode_saved_model(encode_graph(INPUT), objects), "saved_model.pb")
    assert "saved_model.pb!layer-0.json" in reading.formats


@pytest.mark.parametrize("first", ["version: 1 ", "debug_info { } ", "#" + "x" * 9000 + "\n", "\n" * 9000])
def test_tensorflow_text_is_recognised_after_comments_and_other_fields(first, read_bytes):
    assert "PyFunc" in list_operators(read_bytes(f'{first}node {{ name: "p" op: "PyFunc" }}'.encode(), "notes.txt"))


def test_tensorflow_operators_over_the_bound_are_reported_as_unread(read_bytes, monkeypatch):
    monkeypatch.setattr("modelaudit.formats.graphs.tensorflow.mentions.MOST_OPERATORS", 3)
    nodes = [encode_node(f"n{number}", f"Op{number}") for number in range(4)]
    reading = read_bytes(encode_graph(*nodes, encode_node("p", "PyFunc")), "g.pb")
    assert UnreadReason.LIMIT in reading.reasons()
    assert list_operators(reading) == {"Op0", "Op1", "Op2"}


def test_tensorflow_operator_is_mentioned_even_after_more_functions_than_the_bound(read_bytes, monkeypatch):
    monkeypatch.setattr("modelaudit.formats.graphs.tensorflow.mentions.MOST_OPERATORS", 3)
    monkeypatch.setattr("modelaudit.formats.graphs.tensorflow.mentions._MOST_FUNCTIONS", 3)
    names = [f"f{number}" for number in range(5)]
    calls = [encode_node(name, name) for name in names]
    functions = tuple(encode_function(name, ()) for name in names)
    reading = read_bytes(encode_graph(*calls, encode_node("p", "PyFunc"), functions=functions), "g.pb")
    assert list_operators(reading) == {"f0", "f1", "f2", "PyFunc"}
    assert not reading.unread


def test_checkpoints_over_the_bound_that_a_graph_restores_are_reported_as_unread(read_bytes, monkeypatch):
    monkeypatch.setattr("modelaudit.formats.graphs.tensorflow.mentions.MOST_CHECKPOINTS", 2)
    nodes = [
        encode_constant_node(f"c{n}", f"/srv/{n}") if is_path else encode_node(f"r{n}", "RestoreV2", f"c{n}")
        for n in range(3)
        for is_path in (True, False)
    ]
    reading = read_bytes(encode_graph(*nodes[:4]), "g.pb")
    assert (set(list_references(reading)), reading.unread) == ({"/srv/0", "/srv/1"}, [])
    assert read_bytes(encode_graph(*nodes), "g.pb").reasons() == {UnreadReason.LIMIT}


def test_values_over_the_bound_in_a_tensorflow_collection_are_reported_as_unread(read_bytes, monkeypatch):
    monkeypatch.setattr("modelaudit.formats.graphs.tensorflow.contents.MOST_ITEMS", 3)
    for count in (3, 4):
        # A collection (4) with a name (1) and a value (2), which is a list of texts (2).
        values = encode_message(2, encode_message(2, *(encode_message(1, f"{n}") for n in range(count))))
        collection = encode_message(4, encode_message(1, "words"), values)
        graphs = (
            encode_saved_model(encode_graph(INPUT), collection),
            encode_saved_model(encode_graph(INPUT, encode_node("p", "PyFunc"))),
        )
        reading = read_bytes(b"".join(graphs), "saved_model.pb")
        assert reading.reasons() == ({UnreadReason.LIMIT} if count > 3 else set())
        assert "PyFunc" in list_operators(reading)


def test_python_callback_at_the_end_of_a_large_xla_module_is_found(read_bytes):
    # The second module has the name of the callback across the end of its first MiB.
    for filler_length in (5 << 20, (1 << 20) - 6):
        text = b"x" * filler_length + b"xla_python_cpu_callback" + b"x" * 9
        module = encode_attribute("module", encode_message(2, text))
        reading = read_bytes(encode_graph(encode_node("n", "XlaCallModule", attributes=module)), "g.pb")
        assert list_operators(reading) == {"XlaCallModule with a callback into Python"}


def test_xla_operator_whose_module_is_a_placeholder_counts_as_one_with_a_callback(read_bytes):
    attribute = encode_attribute("module", encode_message(9, "p"))  # field 9 of the value is its placeholder
    binary = encode_graph(encode_node("n", "XlaCallModule", attributes=attribute))
    text = 'node { name: "n" op: "XlaCallModule" attr { key: "module" value { placeholder: "p" } } }'
    for data, name in ((binary, "g.pb"), (text.encode(), "g.pbtxt")):
        assert list_operators(read_bytes(data, name)) == {"XlaCallModule with a callback into Python"}


def test_tensorflow_checkpoint_paths_and_shards_over_the_bound_are_reported_as_unread(read_bytes, monkeypatch):
    monkeypatch.setattr("modelaudit.formats.graphs.tensorflow.checkpoint._MOST_PATHS", 2)
    monkeypatch.setattr("modelaudit.formats.graphs.tensorflow.checkpoint._MOST_SHARDS", 2)
    for count, expected in ((2, set()), (3, {UnreadReason.LIMIT})):
        lines = 'model_checkpoint_path: "m0"\n' + "".join(f'all_model_checkpoint_paths: "m{n}"\n' for n in range(count))
        assert read_bytes(lines.encode(), "checkpoint").reasons() == expected
        entries = {f"t{n}": encode_bundle_entry(0, 16, shard=n) for n in range(count)}
        reasons = read_bytes(build_checkpoint_index(entries, count), "m.index").reasons()
        assert reasons - {UnreadReason.UNCLAIMED} == expected


@check_each("length", [2000, 20_000])
def test_tensorflow_path_is_traced_to_the_right_node_if_two_long_node_names_share_their_beginning(length, read_bytes):
    beginning = "n" * length
    nodes = [
        encode_constant_node(f"{beginning}a", "/etc/cron.d/x"),
        encode_constant_node(f"{beginning}b", "part"),
        encode_node("j", "StringJoin", "x", f"{beginning}a"),
        encode_node("s", "SaveV2", "j"),
    ]
    assert SAVE_TO_FIXED_PATH in list_operators(read_bytes(encode_graph(INPUT, *nodes), "g.pb"))


@check_each(
    "texts, is_fixed",
    [
        # Of a constant, 64 texts are read, and 1,024 bytes of each.
        (("part",) * 64, False),
        (("part",) * 64 + ("/etc/cron.d/x",), True),
        (("a" * 1000 + "/part",), False),
        (("a" * 1019 + "/part/../../etc/cron.d/x",), True),
    ],
)
def test_tensorflow_path_counts_as_set_by_the_model_if_its_constant_is_too_long_to_be_read_whole(
    texts, is_fixed, read_bytes
):
    nodes = [
        encode_constant_node("c", *texts),
        encode_node("j", "StringJoin", "x", "c"),
        encode_node("m", "MergeV2Checkpoints", "j", "x"),
    ]
    name = "MergeV2Checkpoints with a fixed path" if is_fixed else "MergeV2Checkpoints"
    assert name in list_operators(read_bytes(encode_graph(INPUT, *nodes), "g.pb"))


def test_tensorflow_path_with_too_many_steps_counts_as_set_by_the_model_and_leaves_an_absence(read_bytes, monkeypatch):
    nodes = [
        encode_constant_node("c", "/etc/cron.d/x"),
        encode_node("p", "PlaceholderWithDefault", "c"),
        encode_node("s", "SaveV2", "p"),
    ]
    monkeypatch.setattr("modelaudit.formats.graphs.tensorflow.paths.MOST_STEPS", 0)
    reading = read_bytes(encode_graph(*nodes), "g.pb")
    assert SAVE_TO_FIXED_PATH in list_operators(reading)
    assert reading.reasons() == {UnreadReason.LIMIT}


def test_parts_of_one_tensorflow_node_over_the_bound_are_reported_as_unread(read_bytes, monkeypatch):
    monkeypatch.setattr("modelaudit.formats.graphs.tensorflow.graph._MOST_PARTS", 3)
    py_func = encode_node("p", "PyFunc")
    for more, reasons in (
        ({"nodes": [encode_node("n", "NoOp", "a", "b", "c")]}, set()),
        ({"nodes": [encode_node("n", "NoOp", "a", "b", "c", "d")]}, {UnreadReason.LIMIT, UnreadReason.UNCLAIMED}),
        ({"functions": [encode_function("f", ("a", "b", "c", "d"))]}, {UnreadReason.LIMIT, UnreadReason.UNCLAIMED}),
    ):
        graph = encode_graph(py_func, *more.get("nodes", ()), functions=tuple(more.get("functions", ())))
        reading = read_bytes(graph, "g.pb")
        assert reading.reasons() == reasons
        assert "PyFunc" in list_operators(reading)


def test_nodes_of_a_tensorflow_graph_share_equal_names_and_operators(bytes_window):
    graphs = Graphs()
    graphs.read_graph(
        Message.from_window(
            bytes_window(encode_graph(encode_node("first", "Operator"), encode_node("b", "Operator", "first")))
        )
    )
    first, second = graphs.graphs[0].nodes
    assert second.inputs[0] is first.name
    assert second.op is first.op


def test_tensorflow_graphs_beyond_the_bound_on_memory_are_reported_as_unread(read_bytes, monkeypatch):
    monkeypatch.setattr("modelaudit.formats.graphs.tensorflow.graph._MOST_NODE_BYTES", 40_000)
    py_func = encode_node("p", "PyFunc")
    for more in (
        {"nodes": [encode_node("n" * 10_000, "NoOp")] * 5},
        {"nodes": [encode_node("n", "NoOp", *["i" * 10_000] * 5)]},
        {"functions": [encode_function("f", ("a" * 10_000,) * 5)]},
        {"functions": [encode_function("f", ())] * 200},
    ):
        graph = encode_graph(py_func, *more.get("nodes", ()), functions=tuple(more.get("functions", ())))
        reading = read_bytes(graph, "g.pb")
        assert UnreadReason.LIMIT in reading.reasons()
        assert "PyFunc" in list_operators(reading)
