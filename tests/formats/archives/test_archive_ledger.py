"""Each byte of an archive belongs to a record or to a member; all other bytes are reported as unclaimed."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import sys
import tarfile
import zipfile
import zlib

import lz4.frame
import pytest

from modelaudit.model.structure import UnreadReason

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PAYLOAD = b"\x80\x04cposix\nsystem\n\x8c\x04true\x85R."
TEXT = b"some text\n"
CODECS = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
    "zlib": zlib.compress,
    "lz4": lz4.frame.compress,
    "zstd": zstd.compress,
}


def make_zip(extra: bytes = b"", comment: bytes = b"", archive_comment: bytes = b"") -> bytes:
    """Return an archive of one member, with extra fields and comments."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        member = zipfile.ZipInfo("a.txt")
        member.extra, member.comment = extra, comment
        archive.writestr(member, TEXT)
        archive.comment = archive_comment
    return buffer.getvalue()


# Numbers of extra fields of ZIP: times, owner, and the padding with which torch aligns storages.
_TIMES, _OWNER, _ALIGNMENT = 0x5455, 0x7875, 0x4246


def make_extra(number: int, content: bytes) -> bytes:
    """Return an extra field of ZIP."""
    return struct.pack("<HH", number, len(content)) + content


def make_tar(form: int = tarfile.USTAR_FORMAT) -> bytes:
    """Return an archive of one member, with the blocks of zeros at its end."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        member = tarfile.TarInfo("a.txt")
        member.size = len(TEXT)
        archive.addfile(member, io.BytesIO(TEXT))
    return buffer.getvalue()


def put_into_header(offset: int, content: bytes) -> bytes:
    """Return a tar archive with ``content`` at an offset of its header, and the checksum that it then has."""
    data = bytearray(make_tar())
    data[offset : offset + len(content)] = content
    data[148:156] = b" " * 8  # for which the field of the checksum counts in the sum
    data[148:156] = b"%06o\0 " % sum(data[:512])
    return bytes(data)


def format_range(data: bytes, content: bytes) -> str:
    """Return the range of ``content`` in ``data`` as an absence names it."""
    start = data.index(content)
    return f"{start}-{start + len(content) - 1}"


def covers_payload(ranges: str, data: bytes) -> bool:
    """Whether one of the ranges of an absence holds the whole payload in ``data``."""
    start = data.index(PAYLOAD)
    bounds = [tuple(map(int, each.split("-"))) for each in ranges.split(", ") if each]
    return any(first <= start and start + len(PAYLOAD) <= last + 1 for first, last in bounds)


@pytest.mark.parametrize("name", CODECS)
def test_payload_after_a_compressed_stream_is_unclaimed_and_its_call_is_found(name, read_bytes):
    data = CODECS[name](TEXT) + bytes(5) + PAYLOAD
    reading = read_bytes(data)
    assert reading.unclaimed() == format_range(data, PAYLOAD)
    assert reading.called == {"posix.system"}


@pytest.mark.parametrize("name", CODECS)
def test_padding_after_a_compressed_stream_leaves_no_unclaimed_byte(name, read_bytes):
    assert read_bytes(CODECS[name](TEXT) + bytes(100_000)).unread == []


# The flags of a gzip header for an extra field, a file name and a comment (RFC 1952, section 2.3.1).
_EXTRA_FLAG, _NAME_FLAG, _COMMENT_FLAG = 4, 8, 16


@pytest.mark.parametrize("flag", [_EXTRA_FLAG, _NAME_FLAG, _COMMENT_FLAG])
def test_payload_in_a_gzip_header_field_is_unclaimed_and_its_call_is_found(flag, read_bytes):
    field = struct.pack("<H", len(PAYLOAD)) + PAYLOAD if flag == _EXTRA_FLAG else PAYLOAD + b"\0"
    stream = gzip.compress(TEXT)
    data = stream[:3] + bytes((flag,)) + stream[4:10] + field + stream[10:]
    reading = read_bytes(data)
    assert reading.unclaimed() == format_range(data, PAYLOAD)
    assert reading.called == {"posix.system"}


def test_name_comment_and_block_size_in_gzip_header_leave_no_unclaimed_byte(read_bytes):
    stream = gzip.compress(TEXT)
    block_size = b"\x06\0BC\2\0\x34\0"  # the extra field of bgzip, six bytes long
    fields = block_size + b"notes.txt\0" + "a comment: \u00e9\0".encode("latin-1")
    flags = bytes((_EXTRA_FLAG | _NAME_FLAG | _COMMENT_FLAG,))
    assert read_bytes(stream[:3] + flags + stream[4:10] + fields + stream[10:]).unread == []


@pytest.mark.parametrize("name", ["lz4", "zstd"])
def test_payload_in_a_skippable_frame_of_lz4_or_zstandard_is_unclaimed(name, read_bytes):
    data = CODECS[name](TEXT) + b"\x50\x2a\x4d\x18" + struct.pack("<I", len(PAYLOAD)) + PAYLOAD
    assert read_bytes(data).unclaimed() == format_range(data, PAYLOAD)


def _append_seek_table(frames: list[bytes], entries: bytes, flags: int) -> bytes:
    """Return frames of Zstandard with a seek table behind them: its entries, their number, flags, a magic number."""
    table = entries + struct.pack("<IBI", len(frames), flags, 0x8F92EAB1)
    return b"".join(frames) + b"\x5e\x2a\x4d\x18" + struct.pack("<I", len(table)) + table


@pytest.mark.parametrize("has_checksums", [False, True])
def test_seek_table_of_zstandard_leaves_no_unclaimed_byte_if_it_lists_the_frames_before_it(has_checksums, read_bytes):
    frames = [zstd.compress(TEXT * count) for count in (1, 3, 900)]
    # The sizes of a frame and of its content, and a checksum.
    entries = [struct.pack("<II", len(frame), 77) + bytes(4 * has_checksums) for frame in frames]
    flags = 0x80 * has_checksums
    assert read_bytes(_append_seek_table(frames, b"".join(entries), flags)).unread == []
    for wrong in (entries[::-1], [(PAYLOAD * 2)[: len(entries[0]) * 3]]):
        data = _append_seek_table(frames, b"".join(wrong), flags)
        assert UnreadReason.UNCLAIMED in read_bytes(data).reasons()


@pytest.mark.parametrize(
    "data",
    [
        make_zip(extra=make_extra(0x6666, PAYLOAD)),
        make_zip(extra=make_extra(_TIMES, b"\1\0\0\0\0".ljust(13, b"\0") + PAYLOAD)),
        make_zip(extra=make_extra(_ALIGNMENT, PAYLOAD)),
        make_zip(comment=PAYLOAD),
        make_zip(archive_comment=PAYLOAD),
        make_zip() + PAYLOAD,
        make_zip().replace(b"PK\1\2", PAYLOAD + b"PK\1\2"),
    ],
    ids=["unknown field", "long field", "alignment", "comment", "archive comment", "append", "before directory"],
)
def test_payload_in_a_zip_extra_field_comment_or_gap_is_unclaimed_and_its_call_is_found(data, read_bytes):
    reading = read_bytes(data)
    assert covers_payload(reading.unclaimed(), data)
    assert reading.called == {"posix.system"}


def test_payload_after_the_compressed_stream_within_a_zip_member_is_unclaimed(read_fixture):
    # The compressed stream ends at byte 57 of the archive, and the member at byte 83.
    assert read_fixture("zip/malicious/data-after-stream.zip").unclaimed("data-after-stream.zip") == "57-82"


@pytest.mark.parametrize(
    "data",
    [
        make_zip(extra=make_extra(_TIMES, b"\1\0\0\0\0") + make_extra(_OWNER, b"\1\4\0\0\0\0\4\0\0\0\0")),
        make_zip(extra=make_extra(_ALIGNMENT, b"Z" * 40)),
        make_zip(extra=bytes(3)),
        make_zip(comment=b"a comment", archive_comment="another \u00e9".encode()),
    ],
    ids=["times and owner", "alignment", "zeros", "comments"],
)
def test_usual_fields_of_a_zip_leave_no_unclaimed_byte(data, read_bytes):
    assert read_bytes(data).unread == []


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_ordinary_tar_archive_leaves_no_unclaimed_byte(form, read_bytes):
    assert read_bytes(make_tar(form)).unread == []


@pytest.mark.parametrize("offset", [20, 200, 280, 400])
def test_payload_after_the_zero_byte_of_a_tar_header_field_is_unclaimed_and_its_call_is_found(offset, read_bytes):
    # In the fields of the name, the link, the user and the prefix, each behind the zero byte that ends the text.
    data = put_into_header(offset, PAYLOAD)
    reading = read_bytes(data)
    assert covers_payload(reading.unclaimed(), data)
    assert reading.called == {"posix.system"}


# After the text of the member in its block, in the blocks of zeros, and at the end of the archive.
@pytest.mark.parametrize("offset", [512 + 20, 1024 + 100, 10_240])
def test_payload_in_the_padding_of_a_tar_archive_is_unclaimed_and_its_call_is_found(offset, read_bytes):
    data = make_tar()
    data = data[:offset] + PAYLOAD + data[offset + len(PAYLOAD) :]
    reading = read_bytes(data)
    assert covers_payload(reading.unclaimed(), data)
    assert reading.called == {"posix.system"}


def test_payload_after_a_7z_archive_is_unclaimed_and_its_call_is_found(fixtures, read_bytes):
    archive = (fixtures / "7z/benign/stored.7z").read_bytes()
    reading = read_bytes(archive + PAYLOAD)
    assert reading.unclaimed() == f"{len(archive)}-{len(archive) + len(PAYLOAD) - 1}"
    assert reading.called == {"posix.system"}


@pytest.mark.parametrize("in_property", [True, False])
def test_payload_in_a_7z_header_is_unclaimed_and_its_call_is_found(in_property, read_bytes):
    # A header of no file: its number, the list of files with a property of an unknown number, and the end.
    unknown = b"\x63" + bytes((len(PAYLOAD),)) + PAYLOAD if in_property else b""
    header = b"\x01\x05\x00" + unknown + b"\x00\x00" + (b"" if in_property else PAYLOAD)
    start = struct.pack("<QQI", 0, len(header), zlib.crc32(header))
    data = b"7z\xbc\xaf\x27\x1c\x00\x04" + struct.pack("<I", zlib.crc32(start)) + start + header
    reading = read_bytes(data)
    assert reading.unclaimed() == format_range(data, PAYLOAD)
    assert reading.called == {"posix.system"}
    assert reading.reasons() == {UnreadReason.UNCLAIMED}
