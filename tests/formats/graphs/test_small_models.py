"""Test the readers of TensorFlow Lite, ExecuTorch and ORT models, and the FlatBuffers below them."""

from __future__ import annotations

import struct
from contextlib import nullcontext

import pytest
from builders import small_models as made
from builders.flatbuffer_writer import Scalar, Table, build_flatbuffer, encode_u32
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cases import check_each

from modelaudit.formats.graphs.tflite.flex import find_operator_name
from modelaudit.formats.graphs.tflite.reader import ModelReader
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline, References
from modelaudit.model.structure import UnreadReason
from modelaudit.wire.base import DamagedError, LimitReachedError
from modelaudit.wire.byte_ranges import ByteClass
from modelaudit.wire.flatbuffer_schema import FlatSchema, SchemaWalk, claim_flatbuffer
from modelaudit.wire.flatbuffers import FlatBuffer
from modelaudit.wire.ledger import ByteLedger, LedgerWindow

ADD = made.build_tflite([made.build_operator_code(0)], [made.build_operator()])
PROGRAM = made.build_executorch_program((("aten::mul", "out"),), ("XnnpackBackend",), ((0, 64),))
RELU = made.build_ort_model(made.build_ort_node("Relu"))


def list_operators(reading) -> set[tuple[str, str]]:
    """Return the use and name of each mention in the only outline."""
    (outline,) = reading.of(Outline)
    return {(mention.use, mention.name) for mention in outline.mentions}


def test_flex_operator_is_mentioned_by_its_own_name_and_by_the_name_in_its_options(read_fixture):
    # The model names the operator FlexAdd, and its options define WriteFile.
    operators = list_operators(read_fixture("tflite/malicious/flex-hidden.tflite"))
    assert operators >= {("flex-operator", name) for name in ("FlexAdd", "FlexWriteFile", "WriteFile")}


@settings(max_examples=200, deadline=None)
@given(sample=st.binary(max_size=80))
def test_flex_operator_name_found_in_random_options_is_bounded_in_length(sample):
    assert len(find_operator_name(sample)) <= 2000


def test_operator_name_is_found_in_flex_options_and_empty_for_other_bytes():
    assert find_operator_name(made.encode_flex_options("MatrixInverse")) == "MatrixInverse"
    empty_vector = b"\x00\x28\x01"
    assert find_operator_name(b"") == find_operator_name(empty_vector) == ""


@pytest.mark.parametrize(
    ("case", "kind"),
    [("index-outside", "index-outside"), ("code-outside", "index-outside"), ("negative-length", "negative-length")],
)
def test_defect_of_tflite_model_is_reported_with_its_kind(case, kind, read_fixture):
    assert kind in read_fixture(f"tflite/malicious/{case}.tflite").kinds()


def test_operators_and_backends_of_an_executorch_program_are_mentioned(read_bytes):
    assert list_operators(read_bytes(PROGRAM)) == {("operator", "aten::mul.out"), ("backend", "XnnpackBackend")}


def test_python_operator_in_a_subgraph_of_an_ort_model_is_mentioned(read_fixture):
    assert ("python-operator", "PyOp") in list_operators(read_fixture("ort/malicious/python-operator.ort"))


@pytest.mark.parametrize("path", ["tflite/bomb/shared.tflite", "executorch/bomb/shared.pte", "ort/bomb/nested.ort"])
def test_tflite_executorch_or_ort_model_over_a_bound_is_reported_as_unread(path, read_bytes, fixtures):
    limits = Limits(document_nodes=50_000)
    assert read_bytes((fixtures / path).read_bytes(), "m", limits).reasons() == {
        UnreadReason.LIMIT,
        UnreadReason.UNCLAIMED,
    }


@pytest.mark.parametrize("sample", [ADD, PROGRAM, RELU], ids=["tflite", "executorch", "ort"])
@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_mutated_tflite_executorch_or_ort_model_still_yields_an_outline(sample, data, read_bytes):
    mutated = bytearray(sample)
    for _ in range(data.draw(st.integers(1, 4))):
        # The first 8 bytes are the offset of the root and the identifier; they identify the model.
        offset = data.draw(st.integers(8, len(mutated) - 4))
        number = data.draw(st.sampled_from([0, 1, 4, 8, 2**31, 2**32 - 1, 255]))
        mutated[offset : offset + 4] = struct.pack("<I", number)
    reading = read_bytes(bytes(mutated), limits=Limits(document_nodes=20_000))
    assert reading.of(Outline)


# Any length beyond the 8 bytes that identify the model, in steps that keep the test short.
@check_each("length", range(9, len(ADD), 37))
def test_truncated_tflite_model_yields_an_outline(length, read_bytes):
    assert read_bytes(ADD[:length]).of(Outline)


@check_each("offset", [0, 1])
def test_tflite_operator_with_a_size_but_no_valid_offset_does_not_claim_appended_bytes(offset, read_bytes):
    appended = bytes(range(1, 200)) * 3
    # Fields of Operator: the index of its code, and the place of its options outside the buffer. Offset 0 means that
    # there are none, and offset 1 lies in the header.
    code_index, options_offset, options_size = 0, 9, 10
    operator = Table({code_index: encode_u32(0), options_offset: Scalar("Q", offset), options_size: Scalar("Q", 100)})
    model = made.build_tflite([made.build_operator_code(0)], [operator])
    # The options reach from their offset over all appended bytes; the model keeps its length.
    operator.fields[options_size] = Scalar("Q", len(model) + len(appended))
    model = made.build_tflite([made.build_operator_code(0)], [operator])
    assert UnreadReason.UNCLAIMED in read_bytes(model + appended).reasons()


@check_each("count, is_limit_reached", [(2, False), (3, True)])
def test_repeated_tflite_or_executorch_operator_name_counts_once_for_the_bound_on_names(
    count, is_limit_reached, read_bytes, monkeypatch
):
    for format_ in ("tflite", "executorch"):
        monkeypatch.setattr(f"modelaudit.formats.graphs.{format_}.reader._MOST_NAMES", 2)
    names = [f"Acme{number}" for number in range(count)] * 2
    custom_code = 32  # of an operator that is named by a text
    codes = [made.build_operator_code(custom_code, name) for name in names]
    program = made.build_executorch_program(tuple((name, "out") for name in names))
    for model in (made.build_tflite(codes, [made.build_operator()]), program):
        assert (UnreadReason.LIMIT in read_bytes(model).reasons()) == is_limit_reached


# Slots: the group of an external buffer and its length; of the Model, the groups and the external buffers.
def build_external_buffers(names: list[str], groups: list[int]) -> bytes:
    """Return a TensorFlow Lite model with a group for each name, and an external buffer of 8 bytes for each group."""
    buffers = [Table({1: encode_u32(group), 3: Scalar("Q", 8)}) for group in groups]
    more = {8: [Table({0: name}) for name in names], 9: buffers}
    return made.build_tflite([made.build_operator_code(0)], [made.build_operator()], more=more)


def test_name_of_a_group_without_external_buffer_is_not_kept(read_bytes):
    (references,) = read_bytes(build_external_buffers(["unused", "weights.bin"], [1, 1])).of(References)
    assert [(each.target, each.min_size) for each in references.items] == [("weights.bin", 8)]


@check_each("names, is_limit_reached", [(["a", "b"], False), (["a", "b", "c"], True), (["a" * 6, "b" * 5], True)])
def test_files_of_external_buffers_over_a_bound_on_names_or_their_bytes_are_reported_as_unread(
    names, is_limit_reached, read_bytes, monkeypatch
):
    monkeypatch.setattr("modelaudit.formats.graphs.tflite.reader._MOST_NAMES", 2)
    monkeypatch.setattr("modelaudit.formats.graphs.tflite.reader._MOST_FILE_NAME_BYTES", 10)
    groups = [*range(len(names)), *range(len(names))]  # a file that is named again does not count again
    assert (UnreadReason.LIMIT in read_bytes(build_external_buffers(names, groups)).reasons()) == is_limit_reached


def test_custom_operator_name_of_many_codes_is_one_text_in_memory(bytes_window):
    codes = [made.build_operator_code(32, "AcmeSwish") for _ in range(3)]
    buffer = FlatBuffer(bytes_window(made.build_tflite(codes, [made.build_operator()])), Limits())
    reader = ModelReader(buffer)
    reader.read_model(buffer.read_root())
    assert [id(name) for name in reader.custom_names] == [id(reader.custom_names[0])] * 3


NODES = FlatSchema.parse("Root Node[] Node\nNode 4 Node")


class TestSchemaWalk:
    def test_table_of_a_long_vector_is_read_only_when_the_walk_asks_for_it(self, bytes_window):
        nodes = [Table({0: encode_u32(number)}) for number in range(50)]
        buffer = FlatBuffer(bytes_window(build_flatbuffer(b"TEST", Table({0: nodes}))), Limits())
        before = buffer.tables_left
        walk = SchemaWalk(buffer, NODES)
        next(walk.claim_table(buffer.read_root(), "Root"))
        assert before - buffer.tables_left == 2  # the root and the first node

    @pytest.mark.parametrize("bound", ["_MOST_VISITED_KEPT", "_MOST_LAYOUTS_KEPT"])
    def test_walk_that_may_remember_two_tables_or_layouts_still_claims_all_bytes(self, bound, read_bytes, monkeypatch):
        monkeypatch.setattr(f"modelaudit.wire.flatbuffer_schema.{bound}", 2)
        buffers = [Table({0: bytes(30)}) for _ in range(20)]
        model = made.build_tflite([made.build_operator_code(0)], [made.build_operator()], buffers=buffers)
        assert read_bytes(model).reasons() == set()

    def test_length_of_a_buffer_is_claimed_as_parsed_and_its_bytes_as_data(self, bytes_window):
        data = build_flatbuffer(b"TEST", Table({0: bytes(range(1, 77))}))
        ledger = ByteLedger()
        buffer = FlatBuffer(LedgerWindow(bytes_window(data), ledger), Limits())
        assert list(SchemaWalk(buffer, FlatSchema.parse("Root data")).claim_table(buffer.read_root(), "Root")) == []
        start = data.index(bytes(range(1, 77)))
        classes = {(each.start, each.end): each.class_ for each in ledger.partition(bytes_window(data))}
        (content,) = (class_ for (begin, _), class_ in classes.items() if begin == start)
        assert content is ByteClass.DATA
        (before,) = (class_ for (_, end), class_ in classes.items() if end == start)
        assert before is ByteClass.PARSED

    def test_walk_remembers_no_more_tables_and_layouts_than_the_bounds(self, bytes_window, monkeypatch):
        for bound in ("_MOST_VISITED_KEPT", "_MOST_LAYOUTS_KEPT"):
            monkeypatch.setattr(f"modelaudit.wire.flatbuffer_schema.{bound}", 2)
        # Each table has a list of fields of its own, and so a layout of its own.
        nodes = [Table({0: encode_u32(number)}) for number in range(20)]
        buffer = FlatBuffer(bytes_window(build_flatbuffer(b"TEST", Table({0: nodes}))), Limits())
        walk = SchemaWalk(buffer, NODES)
        for table, name in walk.claim_table(buffer.read_root(), "Root"):
            assert walk.is_first_visit(table, name)
            assert list(walk.claim_table(table, name)) == []
        assert walk.remembered_count <= 4


@check_each("depth, is_limit_reached", [(3, False), (4, True)])
def test_tables_that_nest_over_the_bound_raise_a_limit_error(depth, is_limit_reached, bytes_window, monkeypatch):
    monkeypatch.setattr("modelaudit.wire.flatbuffer_schema._MOST_LEVELS", 5)  # with the root, and the level above it
    node = Table({0: encode_u32(0)})
    for _ in range(depth - 1):
        node = Table({1: node})
    buffer = FlatBuffer(bytes_window(build_flatbuffer(b"TEST", Table({1: node}))), Limits())
    with pytest.raises(LimitReachedError) if is_limit_reached else nullcontext():
        claim_flatbuffer(buffer, NODES)


class TestFlatBuffer:
    def test_root_offset_that_is_zero_or_outside_the_flatbuffer_raises_a_damage_error(self, bytes_window):
        for offset in (0, 2**31, 2**32 - 1):
            with pytest.raises(DamagedError):
                FlatBuffer(bytes_window(struct.pack("<I", offset) + bytes(60)), Limits()).read_root()

    def test_missing_flatbuffer_field_is_read_as_its_default(self, bytes_window):
        # The table has a number in slot 1 and no other field.
        root = FlatBuffer(bytes_window(build_flatbuffer(b"TEST", Table({1: encode_u32(7)}))), Limits()).read_root()
        assert (root.number(0, "I", 3), root.number(1, "I"), root.number(9, "I"), root.text(5)) == (3, 7, 0, "")
        assert (root.table(4), root.vector(4), list(root.tables(4)), root.count(4)) == (None, None, [], 0)

    def test_number_that_lies_across_two_blocks_is_read(self, bytes_window):
        # A block ends at 65,536, in the middle of the number.
        window = bytes_window(bytes(65_534) + b"\x01\x02\x03\x04" + bytes(10))
        assert FlatBuffer(window, Limits()).read_number(65_534, "I") == 0x04030201

    def test_flatbuffer_text_longer_than_the_file_raises_a_damage_error(self, bytes_window):
        content = bytearray(build_flatbuffer(b"TEST", Table({0: "text"})))
        length_offset = content.index(b"text") - 4
        content[length_offset : length_offset + 4] = b"\xff\xff\xff\xff"
        with pytest.raises(DamagedError):
            FlatBuffer(bytes_window(bytes(content)), Limits()).read_root().text(0)
