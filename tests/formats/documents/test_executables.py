from __future__ import annotations

import struct
import sys
from pathlib import Path

from builders.executable_files import build_ape_program, build_elf_library, build_llamafile, build_pe_program
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cases import check_each

import modelaudit
from modelaudit.formats.documents.executables.reader import detect_program
from modelaudit.model.artifact import TENSOR_STORAGE
from modelaudit.model.outline import Outline
from modelaudit.model.structure import UnreadReason


def list_kinds(reading) -> list[str]:
    """Return the kinds of the programs that were reported."""
    return [dict(outline.facts)["kind"] for outline in reading.of(Outline) if outline.format == "executable"]


@check_each(
    "file, word",
    [
        ("library.so", "ELF"), ("program.exe", "PE"), ("library.dylib", "Mach-O"), ("universal", "several processors"),
        ("Main.class", "Java"), ("kernel.wasm", "WebAssembly"), ("classes.dex", "Android"), ("package.deb", "Debian"),
        ("package.rpm", "RPM"), ("setup.msi", "Windows"), ("image.dmg", "macOS"), ("README.lnk", "shortcut"),
        ("install.run", "unpacks"), ("install", "unpacks"), ("llamafile", "llamafile"),
    ],
)  # fmt: skip
def test_executable_file_is_reported_with_its_kind(file, word, read_fixture):
    assert word in list_kinds(read_fixture(f"format/malicious/{file}"))[0]


def test_executable_of_the_running_python_is_recognised_as_elf(bytes_window):
    window = bytes_window(Path(sys.executable).resolve().read_bytes()[:4096])
    assert "ELF" in detect_program(window.data, window).kind


def test_model_inside_a_llamafile_is_read_once(read_bytes):
    reading = read_bytes(build_llamafile(), "model.llamafile")
    assert reading.formats["model.llamafile"] == ["zip", "executable"]
    assert reading.formats["model.llamafile!model.gguf"] == ["gguf"]
    assert [each.format for each in reading.of(Outline)].count("gguf") == 1


@check_each(
    "data",
    [
        b"MZ is a mark", b"\x7fELF", b"\x7fELF" + bytes(60), b"MZ" + bytes(100), b"\xca\xfe\xba\xbe" + bytes(40),
        b"\xfe\xed\xfa\xcf" + bytes(40), b"\0asm", b"!<arch>", b"#!/bin/sh\necho\n", b"dex\n",
    ],
)  # fmt: skip
def test_bytes_that_only_begin_with_a_magic_number_are_not_reported_as_a_program(data, read_bytes):
    assert list_kinds(read_bytes(data, "notes")) == []


# The layout of the program that ``build_pe_program`` makes: the PE header, the number of sections in it, and the only
# row of the section table.
_PE_HEADER = 128
_SECTION_COUNT = _PE_HEADER + 6
_SECTION_TABLE = _PE_HEADER + 24
_ROW_SIZE = 40


def test_windows_program_is_recognised_if_its_pe_header_lies_beyond_the_head(read_bytes):
    # The header for DOS states the offset of the PE header.
    header = b"MZ".ljust(60, b"\0") + struct.pack("<I", 20_000)
    data = header.ljust(20_000, b"\0") + build_pe_program()[_PE_HEADER:]
    assert list_kinds(read_bytes(data)) == ["Windows executable (PE)"]


def test_program_in_tensor_storage_is_reported(read_bytes):
    assert list_kinds(read_bytes(build_elf_library(), "m.pt!data/0", content=TENSOR_STORAGE)) != []
    assert list_kinds(read_bytes(bytes(600), "m.pt!data/0", content=TENSOR_STORAGE)) == []


def test_program_whose_tables_end_beyond_the_file_is_reported_as_damaged(read_bytes):
    for data in (build_elf_library(sections=10_000), build_pe_program(end=10_000)):
        reading = read_bytes(data)
        assert list_kinds(reading)
        assert reading.reasons() == {UnreadReason.DAMAGED}


def test_pe_program_is_reported_as_damaged_if_a_section_ends_beyond_the_file(read_bytes):
    headers = build_pe_program()[:_SECTION_TABLE]
    row = build_pe_program(end=10_000)[_SECTION_TABLE : _SECTION_TABLE + _ROW_SIZE]
    # The row is the only one, or the last of 60 whose others are empty. The file ends after it.
    for count in (1, 60):
        stated_count = struct.pack("<H", count)
        headers_with_count = headers[:_SECTION_COUNT] + stated_count + headers[_SECTION_COUNT + 2 :]
        data = headers_with_count + bytes(_ROW_SIZE * (count - 1)) + row
        assert read_bytes(data).reasons() == {UnreadReason.DAMAGED}
        assert read_bytes(data.ljust(10_000, b"\0")).reasons() == set()


def test_pe_program_that_ends_within_its_headers_is_reported_as_damaged(read_bytes):
    # The file ends within the COFF header, before the section table, and within its only row.
    for size in (_PE_HEADER + 12, _SECTION_TABLE, _SECTION_TABLE + 18):
        reading = read_bytes(build_pe_program()[:size])
        assert list_kinds(reading) == ["Windows executable (PE)"]
        assert reading.reasons() == {UnreadReason.DAMAGED}


def test_scan_of_an_elf_library_named_like_weights_text_or_a_picture_fails(tmp_path):
    for name in ("weights.bin", "README.md", "lib.so.1", "picture.png"):
        (tmp_path / name).write_bytes(build_elf_library())
    report = modelaudit.scan(tmp_path, second_opinion=False)
    reported = {finding.artifact for finding in report.findings if finding.rule == "format/executable"}
    assert reported == {"weights.bin", "README.md", "lib.so.1", "picture.png"}
    assert report.exit_code == 1


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(
        [
            build_elf_library(),
            build_pe_program(),
            build_ape_program(b""),
            b"\xca\xfe\xba\xbe",
            b"\xcf\xfa\xed\xfe",
            b"#!",
        ]
    ),
    st.data(),
)
def test_mutated_programs_never_crash_the_reader(read_bytes, seed, data):
    # Any error that the reader does not report as damage or as a limit fails the test.
    kept_length = data.draw(st.integers(0, len(seed)))
    # Readers may take the last four bytes for a size or an offset, which then lies beyond any file.
    read_bytes(seed[:kept_length] + data.draw(st.binary(max_size=100)) + struct.pack("<I", 0xFFFFFFFF))
