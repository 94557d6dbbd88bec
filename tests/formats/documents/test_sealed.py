"""Test the formats that are recognised but not decoded, and the programs and pickles found inside them."""

from __future__ import annotations

import struct

import pytest
from builders.payloads import EVAL_ONE
from builders.sealed_files import CNTK, ENGINE, RAR, RKNN, build_elf
from hypothesis import given, settings
from hypothesis import strategies as st

import modelaudit
from modelaudit.model.outline import Outline
from modelaudit.model.structure import UnreadReason

WHOLE = {"tensorrt": ENGINE, "rknn": RKNN, "cntk": CNTK, "rar": RAR}


def list_programs(reading) -> list[str]:
    return [each.name for outline in reading.of(Outline) for each in outline.mentions if each.vocabulary == "programs"]


@pytest.mark.parametrize(
    ("format_", "advice"),
    [("tensorrt", "build it anew"), ("rknn", "convert it anew"), ("cntk", "save it as ONNX"), ("rar", "unpack it")],
)
def test_absence_gives_advice(format_, advice, read_bytes):
    reading = read_bytes(WHOLE[format_], "x")
    assert reading.formats["x"] == [format_]
    (detail,) = reading.details
    assert advice in detail


@pytest.mark.parametrize("data", WHOLE.values(), ids=WHOLE)
def test_pickle_inside_sealed_format_is_read(data, read_bytes):
    assert read_bytes(data + EVAL_ONE + bytes(9), "x").evaluates


def test_graphics_kernels_are_not_reported_as_programs(read_bytes):
    assert list_programs(read_bytes(ENGINE, "x.engine")) == []
    assert (
        list_programs(read_bytes(ENGINE + build_elf(62) + bytes(9) + build_elf(183), "x.engine"))
        == ["Linux shared library or executable (ELF)"] * 2
    )


def test_program_across_pieces_is_found(read_bytes):
    for gap in (2**20 - len(ENGINE) - 2, 2**20 - len(ENGINE)):
        assert len(list_programs(read_bytes(ENGINE + bytes(gap) + build_elf(62), "x.engine"))) == 1


def test_programs_over_bound_reach_limit(read_bytes):
    assert UnreadReason.LIMIT in read_bytes(ENGINE + build_elf(62) * 30, "x.engine").reasons()


def test_metadata_before_engine_are_read(read_bytes, read_fixture):
    assert read_fixture("tensorrt/benign/metadata.engine").formats["metadata.engine!metadata.json"] == ["json"]
    other = struct.pack("<I", 8) + b"{       none"
    assert read_bytes(other, "x").formats["x"] != ["tensorrt"]


@pytest.mark.parametrize(
    "data", [b"\x08\x01\x12\x05\x0a\x03abc", b"\x08\x07\x12\x07pytorch", b"\x08\x01\x12\x09\x0a\x04type\x0a\x01x"]
)
def test_other_protocol_buffers_are_not_cntk_models(data, read_bytes):
    assert "cntk" not in read_bytes(data, "x").formats["x"]


def test_engine_is_incomplete_and_fails_with_library_inside(tmp_path):
    (tmp_path / "x.plan").write_bytes(ENGINE)
    report = modelaudit.scan(tmp_path, second_opinion=False)
    assert report.exit_code == 3
    assert {absence.unread.format for _, absence in report.coverage.open_absences} == {"TensorRT engine"}
    (tmp_path / "x.plan").write_bytes(ENGINE + build_elf(62))
    report = modelaudit.scan(tmp_path, second_opinion=False)
    assert "format/executable" in {finding.rule for finding in report.findings}
    assert report.exit_code == 1


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([*WHOLE.values()]), st.integers(4, 200), st.binary(max_size=12))
def test_any_bytes_are_parsed_or_reported_as_unread(read_bytes, data, position, replaced):
    read_bytes(data[:position] + replaced + data[position + len(replaced) :], "x")
