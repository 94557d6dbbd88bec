from __future__ import annotations

import io
import random
import struct
import zlib
from contextlib import nullcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cases import check_each
from support.fixtures import FIXTURES
from support.work import count_work, find_growth_fault

from modelaudit.formats.archives.sevenzip.header import HeaderCursor, read_header
from modelaudit.formats.registry import find_reader
from modelaudit.model.artifact import Artifact
from modelaudit.model.limits import Limits
from modelaudit.model.structure import ArchiveListing, UnreadReason
from modelaudit.wire import byte_ranges
from modelaudit.wire.base import LimitReachedError
from modelaudit.wire.deadline import Deadline, apply_deadline

EVAL = b"\x80\x02cbuiltins\neval\nX\x01\x00\x00\x001\x85R."  # a pickle that evaluates "1"
# Fixtures that are not named after a defect, and fixtures whose payload cannot be read.
_NO_DEFECT = {"eval", "no-extension", "packed-header", "link-escape"}
_NO_PAYLOAD = {"directory-damaged", "encrypted-member", "link-escape", "link-member", "unknown-compression"}
_HOSTILE = sorted((FIXTURES / "7z/malicious").iterdir())
# x86 instructions that call, whose operands the x86 filter changes, and bytes that no filter compresses.
_CODE = b"\xe8\x10\x20\x00\x00\x90" * 3000 + random.Random(0).randbytes(2000)


def read_archive(data: bytes, bytes_window):
    """Return the listing, all other readings but the members, and the content of each member by its name."""
    window = bytes_window(data)
    artifact = Artifact("f", window.size, lambda: nullcontext(window))
    listing, other, contents = None, [], {}
    for item in find_reader("7z").read(artifact, window, Limits()):
        if isinstance(item, ArchiveListing):
            listing = item
        elif isinstance(item, Artifact) and item.open is not None:
            with item.open() as content:
                contents[item.path.partition("!")[2]] = content.read(0, content.size)
        else:
            other.append(item)
    return listing, other, contents


@pytest.fixture(scope="module")
def py7zr():
    return pytest.importorskip("py7zr")


def write_archive(py7zr, members, **options) -> bytes:
    """Return the archive that py7zr writes of these members."""
    buffer = io.BytesIO()
    with py7zr.SevenZipFile(buffer, "w", **options) as archive:
        for name, data in members.items():
            archive.writestr(data, name)
    return buffer.getvalue()


@check_each("path", [path for path in _HOSTILE if path.stem not in _NO_DEFECT])
def test_hostile_7z_fixture_that_is_named_after_a_defect_has_that_defect(path, read_fixture):
    assert path.stem in read_fixture(str(path.relative_to(FIXTURES))).kinds(path.name)


def test_each_7z_fixture_that_this_file_lists_as_without_defect_or_payload_exists():
    assert {path.stem for path in _HOSTILE} > (_NO_DEFECT | _NO_PAYLOAD)


@check_each("path", [path for path in _HOSTILE if path.stem not in _NO_PAYLOAD])
def test_call_in_the_readable_payload_of_a_hostile_7z_is_found(path, read_fixture):
    assert read_fixture(str(path.relative_to(FIXTURES))).evaluates


def test_7z_content_that_belongs_to_no_file_is_listed_under_its_number(read_fixture):
    (listing,) = read_fixture("7z/malicious/entry-count-mismatch.7z").of(ArchiveListing)
    assert [member.name for member in listing.members] == ["note.txt", "[content 0.1]"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("encrypted-member", UnreadReason.ENCRYPTED),
        ("unknown-compression", UnreadReason.NO_READER),
        ("directory-damaged", UnreadReason.DAMAGED),
        ("damaged-content", UnreadReason.DAMAGED),
    ],
)
def test_unreadable_7z_member_is_reported_with_the_reason(name, reason, read_fixture):
    assert reason in read_fixture(f"7z/malicious/{name}.7z").reasons()


@check_each(
    "chain",
    [
        ("LZMA2",), ("LZMA",), ("BZIP2",), ("DEFLATE",), ("ZSTD",), ("COPY",), ("X86", "LZMA2"), ("X86", "LZMA"),
        ("X86", "BZIP2"), ("ARM", "LZMA2"), ("ARMTHUMB", "LZMA"), ("POWERPC", "LZMA2"), ("SPARC", "LZMA"),
        ("DELTA", "LZMA2"),
    ],
)  # fmt: skip
def test_7z_archive_that_py7zr_writes_with_one_of_15_filter_chains_is_read_completely(chain, py7zr, bytes_window):
    filters = [{"id": getattr(py7zr, f"FILTER_{name}")} for name in chain]
    members = {"a/weights.pkl": EVAL, "b/code.bin": _CODE, "empty.txt": b"", "naïve ☃.txt": b"text\n" * 900}
    data = write_archive(py7zr, members, filters=filters)
    listing, other, contents = read_archive(data, bytes_window)
    assert listing.defects == ()
    assert other == []
    assert contents == {name: content for name, content in members.items() if content}
    sizes = {name: len(content) for name, content in members.items()}
    assert {member.name: member.size for member in listing.members} == sizes


@settings(max_examples=20, deadline=None)
@given(members=st.dictionaries(st.text("abé☃", min_size=1, max_size=9), st.binary(max_size=3000), max_size=5))
def test_valid_7z_archive_is_read_as_py7zr_wrote_it(members, py7zr, bytes_window):
    listing, other, contents = read_archive(write_archive(py7zr, members), bytes_window)
    assert (listing.defects, other) == ((), [])
    assert contents == {name: content for name, content in members.items() if content}


def test_benign_7z_fixtures_that_have_content_are_read_as_py7zr_reads_them(py7zr, bytes_window, tmp_path):
    paths = [path for path in (FIXTURES / "7z/benign").iterdir() if path.stem != "empty"]
    assert paths
    for path in paths:
        _, _, contents = read_archive(path.read_bytes(), bytes_window)
        assert contents
        with py7zr.SevenZipFile(path) as archive:
            assert {entry.filename: entry.uncompressed for entry in archive.list() if entry.uncompressed} == {
                name: len(content) for name, content in contents.items()
            }
            archive.extractall(tmp_path)
        assert all((tmp_path / name).read_bytes() == content for name, content in contents.items())


@pytest.mark.parametrize("encrypts_header", [False, True])
def test_encrypted_7z_archive_is_reported_as_encrypted(encrypts_header, py7zr, read_bytes):
    data = write_archive(py7zr, {"weights.pkl": EVAL}, password="infected", header_encryption=encrypts_header)
    reading = read_bytes(data)
    # Without the header, no member is known, and nothing claims the bytes of the members.
    unclaimed = {UnreadReason.UNCLAIMED} if encrypts_header else set()
    assert reading.reasons() == {UnreadReason.ENCRYPTED} | unclaimed
    members = reading.of(ArchiveListing)[0].members
    assert [member.encrypted for member in members] == ([] if encrypts_header else [True])


@pytest.mark.parametrize(("method", "options"), [("PPMD", {"order": 6, "mem": 16}), ("BROTLI", {"level": 3})])
def test_7z_member_in_a_compression_without_decoder_is_reported_as_unread(method, options, py7zr, read_bytes):
    filters = [{"id": getattr(py7zr, f"FILTER_{method}"), **options}]
    reading = read_bytes(write_archive(py7zr, {"weights.pkl": EVAL}, filters=filters))
    assert reading.reasons() == {UnreadReason.NO_READER}
    assert reading.kinds() == {"unknown-compression"}


def test_huge_count_in_a_7z_header_is_reported_as_damaged(read_fixture):
    assert read_fixture("7z/bomb/files.7z").reasons() == {UnreadReason.DAMAGED, UnreadReason.UNCLAIMED}


def test_7z_members_over_the_bound_are_reported_as_unread(py7zr, read_bytes):
    data = write_archive(py7zr, {f"{n}.txt": b"x" for n in range(30)})
    reading = read_bytes(data, limits=Limits(members=20))
    assert reading.reasons() == {UnreadReason.LIMIT, UnreadReason.UNCLAIMED}
    assert any("more than the limit of 20" in detail for detail in reading.details)


def test_expansion_of_a_7z_bomb_stops_at_the_expansion_ratio(py7zr, read_bytes):
    data = write_archive(py7zr, {"flat.pkl": EVAL + bytes(8 << 20)})
    reading = read_bytes(data, limits=Limits(expansion_floor=1 << 20, expansion_ratio=2))
    assert "expansion-ratio" in reading.kinds()
    assert UnreadReason.LIMIT in reading.reasons()
    assert reading.evaluates


def test_7z_members_before_a_damaged_one_are_read(py7zr, read_bytes):
    data = bytearray(write_archive(py7zr, {"a.pkl": EVAL, "b.bin": random.Random(0).randbytes(50_000)}))
    # These bytes belong to the second member.
    data[30_000:30_010] = b"\xff" * 10
    reading = read_bytes(bytes(data))
    assert reading.evaluates
    assert {"crc-mismatch", "damaged-content"} & reading.kinds()


@settings(max_examples=250, deadline=None)
@given(data=st.data())
def test_mutated_7z_archive_is_read_without_an_error(data, read_bytes):
    # All folders but benign and bomb.
    paths = sorted(path for path in (FIXTURES / "7z").glob("[!b]*/*") if path.stat().st_size < 4000)
    sample = bytearray(data.draw(st.sampled_from(paths)).read_bytes())
    for _ in range(data.draw(st.integers(1, 5))):
        sample[data.draw(st.integers(0, len(sample) - 1))] = data.draw(st.integers(0, 255))
    kept_length = data.draw(st.integers(0, len(sample)) | st.just(len(sample)))
    # The test fails if this raises.
    read_bytes(bytes(sample[:kept_length]), limits=Limits(expansion_floor=1 << 20))


def test_reading_of_repeated_7z_file_properties_stops_at_the_deadline():
    # FilesInfo: one file; its times of creation, stated for all files and left out, twice; end of the files and header.
    header = b"\x05\x01" + b"\x12\x02\x01\x00" * 2 + b"\0\0"
    most_entries, streams_start = 10, 0
    _, files = read_header(HeaderCursor(header, most_entries), streams_start)
    assert len(files) == 1
    with apply_deadline(Deadline(0)), pytest.raises(LimitReachedError):
        read_header(HeaderCursor(header, most_entries), streams_start)


def test_skipped_parts_of_a_7z_header_are_kept_as_ranges_up_to_a_bound(monkeypatch):
    # ArchiveProperties of two bytes each (a number of a property, a length of 1, and the byte that is skipped).
    header = b"\x02" + b"\x19\x01\x00" * 40 + b"\0\0"
    cursor = HeaderCursor(header, 10)
    read_header(cursor, 0)
    assert list(cursor.ignored) == [(start, start + 1) for start in range(3, 3 + 3 * 40, 3)]
    for bound in ("MAX_RANGES", "_COMPACT_AFTER"):
        monkeypatch.setattr(byte_ranges, bound, 10)
    with pytest.raises(LimitReachedError):
        read_header(HeaderCursor(header, 10), 0)


# Beginnings of a pickle in binary and in text opcodes.
@pytest.mark.parametrize("content", [b"\x80\x02](K\x01K\x02", b"\x80\x02(lp0\n(dp1\n"])
@pytest.mark.parametrize("missing_bytes", [1, 5000, 300_000])
def test_7z_content_shorter_than_stated_is_reported_as_damaged(content, missing_bytes, read_bytes):
    reading = read_bytes(make_stored_archive("weights.pkl", content, len(content) + missing_bytes))
    assert "size-mismatch" in reading.kinds()
    assert UnreadReason.DAMAGED in reading.reasons()


def test_header_of_a_7z_archive_that_contradicts_its_checksum_is_unclaimed(read_bytes):
    archive = make_stored_archive("a name.txt", b"some text", 9)
    assert read_bytes(archive).unclaimed() == ""
    changed = archive.replace("name".encode("utf-16-le"), "Name".encode("utf-16-le"))
    assert read_bytes(changed).unclaimed() == f"32-{len(archive) - 1}"
    start_header_changed = archive[:8] + b"\0\0\0\0" + archive[12:]
    assert read_bytes(start_header_changed).unclaimed() == "0-31"


def test_work_on_7z_content_grows_no_faster_than_the_bytes_that_it_lacks(read_bytes):
    def read(missing_bytes):
        read_bytes(make_stored_archive("weights.pkl", b"\x80\x02](K\x01K\x02", missing_bytes))

    assert find_growth_fault(lambda missing_bytes: count_work(lambda: read(missing_bytes)), 5000) == ""


def make_stored_archive(name: str, content: bytes, size: int) -> bytes:
    """Make an archive of one file without compression; ``size`` is the size that it states for ``content``."""

    def encode_number(value: int) -> bytes:
        # Three leading ones in the first byte: three bytes follow.
        return b"\xe0" + value.to_bytes(3, "little")

    names = b"\0" + (name + "\0").encode("utf-16-le")
    # MainStreamsInfo, PackInfo: offset 0, one stream, its size, end.
    streams = b"\x04\x06" + encode_number(0) + b"\x01\x09" + encode_number(len(content)) + b"\0"
    # UnPackInfo: one folder in this header, with one coder whose method is a zero byte (stored); its size; two ends.
    streams += b"\x07\x0b\x01\0\x01\x01\0\x0c" + encode_number(size) + b"\0\0"
    # Header, FilesInfo: one file, its name, end of the files, end of the header.
    header = b"\x01" + streams + b"\x05\x01\x11" + encode_number(len(names)) + names + b"\0\0"
    header_place = struct.pack("<QQI", len(content), len(header), zlib.crc32(header))
    start_header = b"7z\xbc\xaf\x27\x1c\0\4" + struct.pack("<I", zlib.crc32(header_place)) + header_place
    return start_header + content + header


def test_sizes_of_a_damaged_start_header_are_not_stated_as_a_number_of_missing_bytes(read_bytes):
    fields = struct.pack("<QQI", 1 << 60, 1 << 60, 0)
    data = b"7z\xbc\xaf\x27\x1c\x00\x04" + struct.pack("<I", zlib.crc32(fields)) + fields + bytes(100)
    details = read_bytes(data, "a.7z").details
    assert "the start header states an end of the archive beyond the end of the file" in details
