from __future__ import annotations

import struct

import pytest
from builders.gguf_files import STRING, U32, Gguf, build_gguf_model
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cases import check_each

from modelaudit.formats.registry import find_reader
from modelaudit.formats.weights.gguf.types import BLOCK_SIZES, VALUE_CODES, VALUE_WIDTHS
from modelaudit.model.artifact import JINJA, Artifact
from modelaudit.model.evidence import Prose, Statements
from modelaudit.model.limits import Limits
from modelaudit.model.lineage import ModelTraits
from modelaudit.model.outline import Outline
from modelaudit.model.stated import StatedValues, TensorTable
from modelaudit.model.structure import UnreadReason
from modelaudit.wire.base import DamagedError


def get_outline(reading) -> Outline:
    """Return the first outline, which is that of the GGUF file."""
    return reading.of(Outline)[0]


def get_facts(reading) -> dict[str, str]:
    """Return the facts of the GGUF file by name."""
    return dict(get_outline(reading).facts)


@pytest.mark.parametrize(("version", "order"), [(1, "<"), (2, "<"), (3, "<"), (3, ">")])
def test_outline_of_gguf_states_its_version_and_general_metadata(version, order, read_bytes):
    uint16, q4_0 = 2, 2  # the types of a value and of a tensor, whose block of 32 numbers takes 18 bytes
    file = (
        build_gguf_model(version, order)
        .add_text("general.base_model.0.name", "Base")
        .add_pair("split.count", uint16, b"\0\0")
    )
    reading = read_bytes(file.add_tensor("a", (32, 2), q4_0, 2 * 18).build(), "model.gguf")
    stated = get_facts(reading)
    assert stated["version"] == f"{version}, {'big' if order == '>' else 'little'}-endian"
    assert stated["general.architecture"] == "llama"
    assert stated["general.license"] == "apache-2.0"
    assert stated["general.base_model.0.name"] == "Base"
    assert stated["tensors"] == "1"
    assert not reading.unread
    assert not reading.kinds()


def test_each_chat_template_of_a_gguf_file_is_read_as_a_jinja_artifact(bytes_window):
    file = (
        build_gguf_model()
        .add_text("tokenizer.chat_template", "{{ a }}")
        .add_text("tokenizer.chat_template.tool_use", "plain")
    )
    data = file.add_texts("tokenizer.chat_templates", "tool_use", "{% if a %}b{% endif %}").build()
    window = bytes_window(data)
    artifact = Artifact("m.gguf", len(data), lambda: None)
    texts = {}
    for structure in find_reader("gguf").read(artifact, window, Limits()):
        if isinstance(structure, Artifact):
            assert structure.content == JINJA
            with structure.open() as template:
                texts[structure.path] = template.read(0, 100)
    # An item of a list that has no brace, such as "tool_use", is the name of a template.
    assert texts == {
        "m.gguf!tokenizer.chat_template": b"{{ a }}",
        "m.gguf!tokenizer.chat_template.tool_use": b"plain",
        "m.gguf!tokenizer.chat_templates.1": b"{% if a %}b{% endif %}",
    }


def test_numbers_of_gguf_tensors_are_not_read(bytes_window):
    data = build_gguf_model().add_tensor("a", (4_000_000,), 0, 16_000_000).build()
    window = bytes_window(data)
    readings = list(find_reader("gguf").read(Artifact("m.gguf", len(data), lambda: None), window, Limits()))
    assert [type(each) for each in readings] == [Outline, ModelTraits, StatedValues, TensorTable, Statements, Prose]
    assert window.bytes_read < 1_000_000


def test_long_list_of_gguf_texts_is_skipped_across_blocks(read_bytes):
    # Many texts of different lengths, one text longer than a block of the cursor, and one after it.
    words = [f"word {number}" * (number % 9) for number in range(60_000)] + ["x" * 600_000, "y"]
    file = build_gguf_model().add_texts("tokenizer.ggml.merges", *words).add_text("general.organization", "Acme")
    assert get_facts(read_bytes(file.build()))["general.organization"] == "Acme"


@check_each(
    "name, kind",
    [
        ("duplicate-key", "duplicate-key"), ("duplicate-tensor", "duplicate-tensor"),
        ("alignment-invalid", "alignment-invalid"), ("metadata-type", "metadata-type"),
        ("overlapping-tensors", "overlapping-tensors"), ("hole-between-tensors", "hole-between-tensors"),
        ("misaligned-tensor", "misaligned-tensor"), ("malformed-tensor", "malformed-tensor"),
        ("too-many-dimensions", "malformed-tensor"), ("unknown-dtype", "unknown-dtype"),
        ("size-overflow", "size-overflow"), ("size-wraps", "size-overflow"), ("offset-overflow", "size-overflow"),
        ("tensor-count", "size-overflow"), ("pair-count", "size-overflow"), ("text-length", "size-overflow"),
        ("array-length", "size-overflow"), ("nested-array", "nested-array"), ("trailing-data", "trailing-data"),
    ],
)  # fmt: skip
def test_malicious_gguf_fixture_is_reported_with_its_defect(name, kind, read_fixture):
    assert kind in read_fixture(f"gguf/malicious/{name}.gguf").kinds()


def test_alignment_in_gguf_metadata_replaces_the_default(read_bytes):
    # The second tensor starts at 8, which the default alignment of 32 would not allow.
    file = build_gguf_model()
    file.alignment = 8
    file.add_pair("general.alignment", U32, file.encode_u32(8)).add_row("a", (2,), 0, 0).add_row("b", (2,), 0, 8)
    file.data = bytes(16)
    assert not read_bytes(file.build()).kinds()


@check_each("text, is_claimed", [("https://example.org/licence", True), ("naïve\tletters", True),
                                 ("\x04\x95 content of another format", False)])  # fmt: skip
def test_gguf_text_is_unclaimed_if_it_has_a_control_character_other_than_a_tab(text, is_claimed, read_bytes):
    file = Gguf().add_text("general.license.link", text)
    assert (read_bytes(file.build()).unclaimed() == "") is is_claimed


def test_padding_after_the_last_gguf_tensor_is_optional(read_bytes):
    # The tensor takes 12 bytes, and 20 bytes of padding follow. Some writers leave the padding out.
    padded = build_gguf_model().add_tensor("a", (3,), 0, 12).build()
    assert not read_bytes(padded).kinds()
    assert not read_bytes(padded[:-20]).unread
    assert read_bytes(padded[:-21]).reasons() == {UnreadReason.DAMAGED}
    assert "trailing-data" in read_bytes(padded + b"x").kinds()


def test_gguf_metadata_before_damage_are_recorded(read_bytes):
    data = build_gguf_model().build()
    reading = read_bytes(data[: data.index(b"tokenizer")])
    assert get_facts(reading)["general.name"] == "Tiny"
    assert UnreadReason.DAMAGED in reading.reasons()


def test_nested_empty_arrays_in_a_gguf_file_of_version_1_are_read_with_a_defect(read_bytes):
    array_type, count = 9, 1000
    file = Gguf(version=1)
    # An empty array of numbers takes 8 bytes in version 1: its type and its length.
    empty_arrays = (file.encode_u32(U32) + bytes(4)) * count
    file.add_pair("a", array_type, file.encode_u32(array_type) + file.encode_length(count) + empty_arrays)
    reading = read_bytes(file.build())
    assert (reading.kinds(), reading.unread) == ({"nested-array"}, [])


def test_gguf_texts_over_the_bound_are_reported_as_unread(read_bytes):
    file = build_gguf_model().add_texts("a", *["x"] * 50)
    assert UnreadReason.LIMIT in read_bytes(file.build(), limits=Limits(document_nodes=20)).reasons()


def test_type_widths_and_block_sizes_of_gguf_equal_those_of_the_gguf_library():
    gguf = pytest.importorskip("gguf")
    # The types 8 and 9, texts and arrays, have no fixed width.
    assert set(VALUE_CODES) == set(VALUE_WIDTHS) == {int(each) for each in gguf.GGUFValueType} - {8, 9}
    assert all(struct.calcsize("<" + VALUE_CODES[kind]) == width for kind, width in VALUE_WIDTHS.items())
    for kind, (block, width) in gguf.GGML_QUANT_SIZES.items():
        assert BLOCK_SIZES[int(kind)] == (kind.name, block, width)


def read_all_structures(data: bytes, window: object) -> None:
    """Read a GGUF file to its end or to its damage. Any other error fails the test."""
    try:
        for _ in find_reader("gguf").read(Artifact("m.gguf", len(data), lambda: None), window, Limits()):
            pass
    except DamagedError:
        pass


SEED = (
    build_gguf_model()
    .add_text("tokenizer.chat_template", "{{ a }}")
    .add_tensor("a", (32, 2), 2, 36)
    .add_tensor("b", (3,), 0, 12)
    .build()
)


@settings(max_examples=200, deadline=None)
@given(st.integers(8, len(SEED) - 9), st.binary(min_size=1, max_size=8), st.integers(0, len(SEED)))
def test_mutated_and_truncated_gguf_files_never_crash_the_reader(bytes_window, position, replaced, length):
    # Any error that the reader does not report as damage or as a limit fails the test.
    data = SEED[:position] + replaced + SEED[position + len(replaced) :]
    read_all_structures(data, bytes_window(data))
    read_all_structures(data[:length], bytes_window(data[:length]))


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([1, 2, 3]), st.sampled_from("<>"), st.binary(max_size=200))
def test_random_bytes_after_the_version_never_crash_the_gguf_reader(bytes_window, version, order, rest):
    # Any error that the reader does not report as damage or as a limit fails the test.
    data = b"GGUF" + struct.pack(order + "I", version) + rest
    read_all_structures(data, bytes_window(data))


def test_gguf_reader_finds_the_next_key_after_a_value_or_list_of_each_type_of_fixed_width(read_bytes):
    file = Gguf()
    for kind, width in VALUE_WIDTHS.items():
        file.add_pair(f"a.{kind}", kind, bytes(width))
        # An array (type 9) of three values.
        file.add_pair(f"b.{kind}", 9, file.encode_u32(kind) + file.encode_length(3) + bytes(3 * width))
    file.add_pair("general.last", STRING, file.encode_text("here"))
    assert get_facts(read_bytes(file.build()))["general.last"] == "here"


def test_gguf_value_of_an_unknown_type_is_reported_as_damaged(read_bytes):
    first_unknown_type = 13
    assert UnreadReason.DAMAGED in read_bytes(Gguf().add_pair("a", first_unknown_type, bytes(8)).build()).reasons()


@pytest.mark.parametrize("key", ["Tokenizer.Chat_Template", "llama.chat_template", "tokenizer.chat_template_x"])
def test_gguf_text_is_read_as_a_template_if_its_key_contains_chat_template(key, read_bytes):
    # As a text, and as the last item of a long list.
    for file in (
        build_gguf_model().add_text(key, "{{ a }}"),
        build_gguf_model().add_texts(key, *(["a"] * 70), "{{ a }}"),
    ):
        assert ["jinja"] in read_bytes(file.build(), "model.gguf").formats.values()


def test_gguf_text_too_long_to_search_is_reported_as_unread(read_bytes):
    long_text = build_gguf_model().add_text("general.description", "x" * 300_000)
    assert UnreadReason.LIMIT in read_bytes(long_text.build(), "model.gguf").reasons()
    short_text = build_gguf_model().add_text("general.description", "x" * 1000)
    assert not read_bytes(short_text.build(), "model.gguf").unread


def test_gguf_data_sets_beyond_the_bound_leave_an_absence(read_bytes):
    few = build_gguf_model().add_texts("general.datasets", *(f"acme/rows-{number}" for number in range(60))).build()
    reading = read_bytes(few, "m.gguf")
    assert len([item for each in reading.of(Statements) for item in each.items if "datasets" in item.field]) == 60
    assert reading.unread == []
    many = build_gguf_model().add_texts("general.datasets", *["acme/rows"] * 2_001).build()
    assert UnreadReason.LIMIT in read_bytes(many, "m.gguf").reasons()
