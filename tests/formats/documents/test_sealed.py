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

SEALED_FILES = {"tensorrt": ENGINE, "rknn": RKNN, "cntk": CNTK, "rar": RAR}
# Machine numbers of ELF programs: x86-64 and AArch64.
X86_64 = 62
AARCH64 = 183


def list_programs(reading) -> list[str]:
    """Return the kinds of the programs that were found."""
    return [each.name for outline in reading.of(Outline) for each in outline.mentions if each.vocabulary == "programs"]


@pytest.mark.parametrize(
    ("format_", "advice"),
    [("tensorrt", "build it anew"), ("rknn", "convert it anew"), ("cntk", "save it as ONNX"), ("rar", "unpack it")],
)
def test_absence_for_a_tensorrt_rknn_cntk_or_rar_file_advises_what_to_do_with_it(format_, advice, read_bytes):
    reading = read_bytes(SEALED_FILES[format_], "x")
    assert reading.formats["x"] == [format_]
    (detail,) = reading.details
    assert advice in detail


@pytest.mark.parametrize("data", SEALED_FILES.values(), ids=SEALED_FILES)
def test_pickle_after_a_tensorrt_rknn_cntk_or_rar_file_is_read(data, read_bytes):
    assert read_bytes(data + EVAL_ONE + bytes(9), "x").evaluates


def test_gpu_kernel_inside_a_tensorrt_engine_is_not_reported_as_a_program(read_bytes):
    assert list_programs(read_bytes(ENGINE, "x.engine")) == []


def test_cpu_program_after_a_tensorrt_engine_is_reported(read_bytes):
    data = ENGINE + build_elf(X86_64) + bytes(9) + build_elf(AARCH64)
    assert list_programs(read_bytes(data, "x.engine")) == ["Linux shared library or executable (ELF)"] * 2


def test_program_is_found_if_its_magic_number_lies_across_two_reads(read_bytes):
    # The magic number crosses the border of a piece, or begins at it.
    for gap in (2**20 - len(ENGINE) - 2, 2**20 - len(ENGINE)):
        assert len(list_programs(read_bytes(ENGINE + bytes(gap) + build_elf(X86_64), "x.engine"))) == 1


def test_programs_in_a_tensorrt_engine_beyond_the_bound_on_their_number_are_reported_as_unread(read_bytes):
    assert UnreadReason.LIMIT in read_bytes(ENGINE + build_elf(X86_64) * 30, "x.engine").reasons()


def test_metadata_before_a_tensorrt_engine_are_read(read_fixture):
    assert read_fixture("tensorrt/benign/metadata.engine").formats["metadata.engine!metadata.json"] == ["json"]


def test_metadata_without_an_engine_after_them_are_not_recognised_as_tensorrt(read_bytes):
    # Metadata of eight bytes after their length, and a word in place of the engine.
    metadata = struct.pack("<I", 8) + b"{       none"
    assert read_bytes(metadata, "x").formats["x"] != ["tensorrt"]


@pytest.mark.parametrize(
    "data",
    [
        b"\x08\x01\x12\x05\x0a\x03abc",  # an entry with an unknown key
        b"\x08\x07\x12\x07pytorch",  # a version and a text, as in ONNX
        b"\x08\x01\x12\x09\x0a\x04type\x0a\x01x",  # an entry whose second field is no value
    ],
)
def test_other_protocol_buffers_are_not_cntk_models(data, read_bytes):
    assert "cntk" not in read_bytes(data, "x").formats["x"]


def test_scan_of_a_tensorrt_engine_fails_with_a_library_inside_and_is_incomplete_without(tmp_path):
    (tmp_path / "x.plan").write_bytes(ENGINE)
    report = modelaudit.scan(tmp_path, second_opinion=False)
    assert report.exit_code == 3
    assert {absence.unread.format for _, absence in report.coverage.open_absences} == {"TensorRT engine"}
    (tmp_path / "x.plan").write_bytes(ENGINE + build_elf(X86_64))
    report = modelaudit.scan(tmp_path, second_opinion=False)
    assert "format/executable" in {finding.rule for finding in report.findings}
    assert report.exit_code == 1


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([*SEALED_FILES.values()]), st.integers(4, 200), st.binary(max_size=12))
def test_mutated_tensorrt_rknn_cntk_and_rar_files_never_crash_their_readers(read_bytes, data, position, replaced):
    # Any error that the reader does not report as damage or as a limit fails the test.
    read_bytes(data[:position] + replaced + data[position + len(replaced) :], "x")
