"""Test the readers of TensorFlow Lite, ExecuTorch and ORT models, and the FlatBuffers below them."""

from __future__ import annotations

import struct

import pytest
from builders import small_models as made
from builders.flatbuffer_writer import Table, build_flatbuffer, encode_u32
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
    (outline,) = reading.of(Outline)
    return {(mention.use, mention.name) for mention in outline.mentions}


def test_flex_operator_is_named_by_its_definition(read_fixture):
    found = list_operators(read_fixture("tflite/malicious/flex-hidden.tflite"))
    assert {("flex-operator", "FlexAdd"), ("flex-operator", "FlexWriteFile"), ("flex-operator", "WriteFile")} <= found


@settings(max_examples=200, deadline=None)
@given(sample=st.binary(max_size=80))
def test_operator_name_from_random_options_is_bounded(sample):
    assert len(find_operator_name(sample)) <= 2000


def test_definition_is_found_in_options():
    assert find_operator_name(made.encode_flex_options("MatrixInverse")) == "MatrixInverse"
    assert find_operator_name(b"") == find_operator_name(b"\x00\x28\x01") == ""


@pytest.mark.parametrize(
    ("case", "kind"),
    [("index-outside", "index-outside"), ("code-outside", "index-outside"), ("negative-length", "negative-length")],
)
def test_each_defect_is_reported_with_its_kind(case, kind, read_fixture):
    assert kind in read_fixture(f"tflite/malicious/{case}.tflite").kinds()


def test_operators_and_backends_of_a_program_are_mentioned(read_bytes):
    assert list_operators(read_bytes(PROGRAM)) == {("operator", "aten::mul.out"), ("backend", "XnnpackBackend")}


def test_ort_operator_in_subgraph_is_found(read_fixture):
    assert ("python-operator", "PyOp") in list_operators(read_fixture("ort/malicious/python-operator.ort"))


@pytest.mark.parametrize("path", ["tflite/bomb/shared.tflite", "executorch/bomb/shared.pte", "ort/bomb/nested.ort"])
def test_reached_bound_is_reported_as_limit(path, read_bytes, fixtures):
    limits = Limits(document_nodes=50_000)
    assert read_bytes((fixtures / path).read_bytes(), "m", limits).reasons() == {UnreadReason.LIMIT}


@pytest.mark.parametrize("sample", [ADD, PROGRAM, RELU], ids=["tflite", "executorch", "ort"])
@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_mutated_model_yields_an_outline(sample, data, read_bytes):
    changed = bytearray(sample)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(8, len(changed) - 4))
        changed[at : at + 4] = struct.pack("<I", data.draw(st.sampled_from([0, 1, 4, 8, 2**31, 2**32 - 1, 255])))
    reading = read_bytes(bytes(changed), limits=Limits(document_nodes=20_000))
    assert reading.of(Outline)


@check_each("cut", range(9, len(ADD), 37))
def test_truncated_model_yields_an_outline(cut, read_bytes):
    assert read_bytes(ADD[:cut]).of(Outline)


class TestFlatBuffer:
    def test_offset_outside_the_buffer_is_damage(self, bytes_window):
        for offset in (0, 2**31, 2**32 - 1):
            with pytest.raises(DamagedError):
                FlatBuffer(bytes_window(struct.pack("<I", offset) + bytes(60)), Limits()).read_root()

    def test_missing_field_has_its_default(self, bytes_window):
        root = FlatBuffer(bytes_window(build_flatbuffer(b"TEST", Table({1: encode_u32(7)}))), Limits()).read_root()
        assert (root.number(0, "I", 3), root.number(1, "I"), root.number(9, "I"), root.text(5)) == (3, 7, 0, "")
        assert (root.table(4), root.vector(4), list(root.tables(4)), root.count(4)) == (None, None, [], 0)

    def test_number_across_blocks_is_read(self, bytes_window):
        window = bytes_window(bytes(65_534) + b"\x01\x02\x03\x04" + bytes(10))
        assert FlatBuffer(window, Limits()).read_number(65_534, "I") == 0x04030201

    def test_vector_longer_than_the_file_is_damage(self, bytes_window):
        content = bytearray(build_flatbuffer(b"TEST", Table({0: "text"})))
        at = content.index(b"text") - 4
        content[at : at + 4] = b"\xff\xff\xff\xff"
        with pytest.raises(DamagedError):
            FlatBuffer(bytes_window(bytes(content)), Limits()).read_root().text(0)
