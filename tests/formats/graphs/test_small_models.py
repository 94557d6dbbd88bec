"""Test the readers of TensorFlow Lite, ExecuTorch and ORT models, and the FlatBuffers below them."""

from __future__ import annotations

import struct

import pytest
from builders import small_models as made
from builders.flatbuffer_writer import Scalar, Table, build_flatbuffer, encode_u32
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cases import check_each

from modelaudit.formats.graphs.tflite.flex import find_operator_name
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline
from modelaudit.model.structure import UnreadReason
from modelaudit.wire.base import DamagedError
from modelaudit.wire.flatbuffers import FlatBuffer

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
        # The first 8 bytes are the offset of the root and the identifier, by which the model is recognised.
        offset = data.draw(st.integers(8, len(mutated) - 4))
        number = data.draw(st.sampled_from([0, 1, 4, 8, 2**31, 2**32 - 1, 255]))
        mutated[offset : offset + 4] = struct.pack("<I", number)
    reading = read_bytes(bytes(mutated), limits=Limits(document_nodes=20_000))
    assert reading.of(Outline)


# Any length beyond the 8 bytes by which the model is recognised, in steps that keep the test short.
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
