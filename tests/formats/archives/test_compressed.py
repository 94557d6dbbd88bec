from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import string
import sys
import time
import zlib
from contextlib import nullcontext

import lz4.frame
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cases import check_each
from support.fixtures import FIXTURES

from modelaudit.formats.registry import READERS, find_reader
from modelaudit.model.artifact import TENSOR_STORAGE, Artifact
from modelaudit.model.limits import Limits
from modelaudit.model.pickle import PickleProgram
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.wire.base import Head
from modelaudit.wire.codecs import MAX_DICTIONARY_BYTES
from modelaudit.wire.streams import COMPRESSED, outline_stream

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

EVAL = b"\x80\x02cbuiltins\neval\nX\x01\x00\x00\x001\x85R."  # a pickle that evaluates "1"
CODECS = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
    "zlib": zlib.compress,
    "lz4": lz4.frame.compress,
    "zstd": zstd.compress,
}
CODECS_WITH_CONCATENATION = sorted(CODECS.keys() - {"zlib"})


def get_outline_number(reading, name: str) -> int:
    """Return a number from the outline of the outermost compressed data."""
    return int(reading.facts(COMPRESSED)[0][name])


def list_recognised_formats(data: bytes, bytes_window, content: str | None = None) -> list[str]:
    """Return the compressed formats that recognise ``data`` in a file, or in a member of the type ``content``."""
    head = Head("file", content, data[:4096], bytes_window(data))
    return [reader.format for reader in READERS if reader.format in CODECS and reader.recognises(head)]


@pytest.mark.parametrize("name", CODECS)
@settings(max_examples=30, deadline=None)
@given(data=st.binary(max_size=3000), times=st.integers(1, 300))
def test_content_of_a_compressed_stream_equals_the_bytes_that_were_compressed(name, data, times, bytes_window):
    content = data * times
    packed = CODECS[name](content)
    window = bytes_window(packed)
    reader = find_reader(name)
    contents = []
    # The window on the content is valid only while the reader is at its item.
    for item in reader.read(make_artifact(window), window, Limits()):
        if isinstance(item, Artifact):
            with item.open() as opened:
                assert opened.size == item.size == len(content)
                assert opened.read(len(content) // 2, 9) == content[len(content) // 2 :][:9]
                contents.append(opened.read(0, len(content) + 1))
        else:
            assert item == outline_stream(name, 1, len(packed), len(content))
    assert contents == ([content] if content else [])


def make_artifact(window):
    """Return an artifact that opens ``window``."""
    return Artifact("file", window.size, lambda: nullcontext(window))


@check_each("name", CODECS)
@check_each("path", ["weights.pkl", "weights.bin", "model", "config.json"])
def test_codec_is_recognised_by_bytes_under_any_name(name, path, read_bytes):
    reading = read_bytes(CODECS[name](EVAL), path)
    assert reading.formats[path] == [name]
    assert reading.evaluates
    assert reading.unread == []


@check_each("name", CODECS)
def test_streams_that_codec_libraries_write_with_various_levels_and_options_are_recognised(name, bytes_window):
    samples = [b"\x80\x02N." * 3, b"1", b"text " * 50, bytes(5000), random.Random(0).randbytes(5000)]
    unusual_filter = {"id": lzma.FILTER_LZMA1, "lc": 0, "lp": 2, "pb": 1, "dict_size": 1 << 20}
    streams = []
    for sample in samples:
        streams.append(CODECS[name](sample))
        if name == "gzip":
            streams += [gzip.compress(sample, level) for level in range(10)]
        if name == "bzip2":
            streams += [bz2.compress(sample, level) for level in range(1, 10)]
        if name == "xz":
            streams += [lzma.compress(sample, preset=level) for level in range(10)]
            streams += [lzma.compress(sample, check=check) for check in (lzma.CHECK_NONE, lzma.CHECK_SHA256)]
        if name == "zlib":
            streams += [zlib.compress(sample, level, wbits) for level in range(10) for wbits in (9, 12, 15)]
        if name == "lzma":
            streams += [lzma.compress(sample, lzma.FORMAT_ALONE, preset=level) for level in range(10)]
            streams.append(lzma.compress(sample, lzma.FORMAT_ALONE, filters=[unusual_filter]))
        if name == "zstd":
            streams += [zstd.compress(sample, level) for level in (-5, 1, 19)]
        if name == "lz4":
            streams.append(lz4.frame.compress(sample, store_size=False, content_checksum=True))
    assert [list_recognised_formats(stream, bytes_window) for stream in streams] == [[name]] * len(streams)


def test_address_of_compressed_content_ends_in_the_file_name_without_gz_or_in_the_word_content(read_bytes):
    assert "config.json.gz!config.json" in read_bytes(gzip.compress(b'{"a": 1}'), "config.json.gz").formats
    assert read_bytes(gzip.compress(b"import os\n"), "a!b/kernel.pyx.gz").reasons() == {UnreadReason.PROGRAM}
    assert "m.joblib!content" in read_bytes(zlib.compress(EVAL), "m.joblib").formats


@check_each("outer", CODECS)
def test_twice_compressed_content_is_read(outer, read_bytes):
    for inner in CODECS.values():
        assert read_bytes(CODECS[outer](inner(EVAL))).evaluates


@check_each("name", CODECS_WITH_CONCATENATION)
@check_each("between", [b"", bytes(4), bytes(70_000)])
def test_concatenated_compressed_streams_except_zlib_are_read_as_one_content(name, between, read_bytes):
    pack = CODECS[name]
    reading = read_bytes(pack(EVAL[:9]) + between + pack(EVAL[9:20]) + between + pack(EVAL[20:]) + between)
    assert reading.evaluates
    assert get_outline_number(reading, "streams") == 3
    assert get_outline_number(reading, "content bytes") == len(EVAL)
    assert reading.kinds() == set()
    assert reading.unread == []


@pytest.mark.parametrize("name", ["lz4", "zstd"])
@pytest.mark.parametrize("length", [0, 5, 10_000])
def test_compressed_content_around_skippable_frames_is_read(name, length, read_bytes, bytes_window):
    # The magic number of a skippable frame in both formats, its length, and its content.
    skipped = b"\x5a\x2a\x4d\x18" + length.to_bytes(4, "little") + bytes(length)
    data = skipped + CODECS[name](EVAL[:9]) + skipped + CODECS[name](EVAL[9:]) + skipped
    assert name in list_recognised_formats(data, bytes_window)
    assert read_bytes(data).evaluates


@check_each("name", CODECS)
def test_bytes_after_a_compressed_stream_are_read_as_an_artifact(name, read_bytes):
    packed = CODECS[name](b"\x80\x02N.")
    reading = read_bytes(packed + b"\0\0\0" + EVAL)
    assert reading.evaluates
    assert reading.kinds() == {"trailing-data"}
    assert reading.formats[f"file![bytes {len(packed) + 3}-{len(packed) + 3 + len(EVAL)}]"] == ["pickle"]


@check_each("name", CODECS)
def test_zero_bytes_after_a_compressed_stream_give_no_defect_and_no_absence(name, read_bytes):
    reading = read_bytes(CODECS[name](b"\x80\x02N.") + bytes(3 << 20))
    assert reading.kinds() == set()
    assert reading.unread == []


@check_each("name", CODECS)
def test_content_before_the_cut_of_a_truncated_compressed_stream_is_read_except_in_bzip2(name, read_bytes):
    content = EVAL[:-1] + b"0N" * 100 + random.Random(1).randbytes(300_000)
    packed = CODECS[name](content)
    reading = read_bytes(packed[: len(packed) // 2])
    # bzip2 outputs nothing before its block of up to 900 kB is complete.
    assert reading.evaluates == (name != "bzip2")
    assert UnreadReason.DAMAGED in reading.reasons()
    assert "damaged-content" in reading.kinds()


CODECS_WITH_CHECKSUM = ["gzip", "bzip2", "xz", "zlib", "zstd", "lz4"]


def compress_with_wrong_checksum(name: str, content: bytes) -> bytes:
    """Compress ``content`` with the codec ``name``, and change one byte of the checksum."""
    if name == "zstd":
        packed = bytearray(zstd.compress(content, options={zstd.CompressionParameter.checksum_flag: 1}))
    elif name == "lz4":
        packed = bytearray(lz4.frame.compress(content, content_checksum=True))
    else:
        packed = bytearray(CODECS[name](content))
    # In gzip, the size of the content follows its checksum; in xz, the index and the footer do.
    checksum_offset = {"gzip": -5, "xz": -30}.get(name, -1)
    packed[checksum_offset] ^= 0x55
    return bytes(packed)


@pytest.mark.parametrize("name", CODECS_WITH_CHECKSUM)
def test_compressed_content_with_a_wrong_checksum_is_read(name, read_bytes):
    packed = compress_with_wrong_checksum(name, EVAL[:-1] + b"0N." + b"x" * 2000)
    reading = read_bytes(packed)
    assert reading.evaluates
    assert reading.kinds() == {"damaged-content"}
    assert UnreadReason.DAMAGED in reading.reasons()


@check_each("name", CODECS)
def test_expansion_of_a_compressed_bomb_stops_at_the_expansion_floor_if_the_ratio_allows_less(name, read_bytes):
    limits = Limits(expansion_floor=1 << 20, expansion_ratio=2)
    reading = read_bytes(CODECS[name](EVAL + bytes(8 << 20)), limits=limits)
    assert get_outline_number(reading, "content bytes") == 1 << 20
    assert "expansion-ratio" in reading.kinds()
    assert UnreadReason.LIMIT in reading.reasons()
    assert reading.evaluates


@check_each("dictionary_bytes, reasons", [
    (MAX_DICTIONARY_BYTES, set()), (2 * MAX_DICTIONARY_BYTES, {UnreadReason.LIMIT}), (3 << 30, {UnreadReason.LIMIT}),
])  # fmt: skip
def test_lzma_stream_is_read_unless_its_dictionary_exceeds_the_bound(dictionary_bytes, reasons, read_bytes):
    # The header of the .lzma format: properties, size of the dictionary, and the unknown size of the content.
    header = b"\x5d" + dictionary_bytes.to_bytes(4, "little") + b"\xff" * 8
    reading = read_bytes(header + lzma.compress(EVAL, lzma.FORMAT_ALONE)[len(header) :])
    assert reading.formats["file"] == ["lzma"]
    assert reading.reasons() == reasons
    assert reading.evaluates is not bool(reasons)


@check_each("name", CODECS)
def test_empty_compressed_content_is_not_reported_as_unread(name, read_bytes):
    reading = read_bytes(CODECS[name](b""))
    assert reading.unread == []
    if reading.structures:  # empty zlib and LZMA streams are too short to recognise
        assert get_outline_number(reading, "content bytes") == 0


@pytest.mark.parametrize("name", ["zlib", "lzma"])
def test_short_zlib_or_lzma_stream_without_its_last_bytes_is_reported_as_damaged(name, read_bytes):
    content = b"cbuiltins\neval\n(V1\ntR."
    packed = CODECS[name](content)
    readings_with_payload = 0
    for missing_bytes in range(1, 12):
        reading = read_bytes(packed[:-missing_bytes])
        assert reading.formats["file"] == [name]
        assert UnreadReason.DAMAGED in reading.reasons()
        readings_with_payload += reading.evaluates
    # Decoders return the payload before the end of the stream, unless too many bytes are missing.
    assert readings_with_payload >= 4


def test_text_and_numbers_are_not_recognised_as_compressed(bytes_window):
    source = random.Random(0)
    letters = string.ascii_letters + ' \n_,"0123456789'
    for _ in range(3000):
        # Text after the first byte of a zlib stream, random bytes with the start of the .lzma format, and small numbers.
        zlib_byte = bytes((source.choice((0x08, 0x18, 0x28, 0x38, 0x48, 0x58, 0x68, 0x78)),))
        text = zlib_byte + "".join(source.choices(letters, k=source.randrange(400))).encode()
        noise = b"\x5d\x00" + source.randbytes(11) + b"\0" + source.randbytes(600)
        numbers = b"".join(source.randrange(-400, 400).to_bytes(8, "little", signed=True) for _ in range(80))
        assert [list_recognised_formats(data, bytes_window) for data in (text, noise, numbers)] == [[], [], []]


def test_only_codecs_with_a_long_magic_number_are_recognised_in_tensor_data(bytes_window):
    for name, compress in CODECS.items():
        found = list_recognised_formats(compress(EVAL), bytes_window, TENSOR_STORAGE)
        assert found == ([name] if name in ("xz", "lz4", "zstd") else [])


# The flags of RFC 1952, section 2.3.1, with the fields that they announce; Python's gzip checks none of them.
ODD_GZIP_HEADERS = {
    "wrong header checksum": (0x02, b"\0\0"),
    "reserved flags": (0xE0, b""),
    "every field, a wrong header checksum": (0x1F, b"\x05\0extra" + b"name\0" + b"comment\0" + b"\1\2"),
    "a name longer than a step of the decoder": (0x08, b"n" * 10_000 + b"\0"),
}


def set_gzip_header(packed: bytes, flags: int, fields: bytes) -> bytes:
    """Return the gzip stream with these flags, and these optional fields behind its ten fixed bytes."""
    return packed[:3] + bytes([flags]) + packed[4:10] + fields + packed[10:]


@pytest.mark.parametrize("flags, fields", ODD_GZIP_HEADERS.values(), ids=ODD_GZIP_HEADERS)
def test_gzip_stream_with_an_odd_header_is_read_because_python_reads_it(flags, fields, read_bytes):
    packed = set_gzip_header(gzip.compress(EVAL), flags, fields)
    assert gzip.decompress(packed) == EVAL
    assert read_bytes(packed).evaluates
    assert read_bytes(gzip.compress(EVAL[:5]) + set_gzip_header(gzip.compress(EVAL[5:]), flags, fields)).evaluates


def test_gzip_stream_that_ends_within_its_header_is_reported_as_damaged(read_bytes):
    packed = set_gzip_header(gzip.compress(EVAL), 0x08, b"name\0")
    assert UnreadReason.DAMAGED in read_bytes(packed[:13]).reasons()


def test_flushed_gzip_stream_is_read(read_bytes):
    buffer = io.BytesIO()
    with gzip.GzipFile("name.pkl", "wb", fileobj=buffer) as file:
        file.write(EVAL[:5])
        # A flush adds an empty stored block.
        file.flush()
        file.write(EVAL[5:])
    assert read_bytes(buffer.getvalue()).evaluates


@pytest.mark.parametrize("codec", ["zlib", "gzip", "bz2", "xz", "lzma", "lz4"])
def test_joblib_file_compressed_with_any_codec_is_read_completely(codec, tmp_path, read_bytes):
    joblib = pytest.importorskip("joblib")
    path = tmp_path / "model.joblib"
    joblib.dump({"weights": list(range(100))}, path, compress=(codec, 3))
    reading = read_bytes(path.read_bytes(), path.name)
    assert len(reading.formats[path.name]) == 1
    assert reading.of(PickleProgram)
    assert reading.unread == []
    assert reading.kinds() == set()


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_mutated_compressed_file_is_read_without_an_error(data, read_bytes):
    name = data.draw(st.sampled_from(sorted(CODECS)))
    # All folders but benign and bomb.
    paths = sorted(path for path in (FIXTURES / name).glob("[!b]*/*") if path.stat().st_size < 4000)
    sample = bytearray(data.draw(st.sampled_from(paths)).read_bytes())
    for _ in range(data.draw(st.integers(1, 5))):
        sample[data.draw(st.integers(0, len(sample) - 1))] = data.draw(st.integers(0, 255))
    # The test fails if this raises.
    read_bytes(bytes(sample), limits=Limits(expansion_floor=1 << 20))


class ReadClock:
    """A window and clock in one: each read takes one second, and no other time passes."""

    def __init__(self, inner) -> None:
        self.now = 0.0
        self.size = inner.size
        self._inner = inner

    def read(self, offset: int, length: int) -> bytes:
        self.now += 1
        return self._inner.read(offset, length)


def test_decompression_stops_before_the_deadline_so_that_the_content_can_still_be_read(bytes_window, monkeypatch):
    window = ReadClock(bytes_window(gzip.compress(random.Random(0).randbytes(3 << 20))))
    for clock in ("monotonic", "thread_time"):
        monkeypatch.setattr(time, clock, lambda: window.now)
    reader = find_reader("gzip")
    limits = Limits(artifact_cpu_seconds=20)
    items = list(reader.read(make_artifact(window), window, limits))
    assert [item.reason for item in items if isinstance(item, Unread)] == [UnreadReason.LIMIT]
    (content,) = (item for item in items if isinstance(item, Artifact))
    assert 0 < content.size < 3 << 20
    assert window.now <= limits.artifact_cpu_seconds / 2 + 1


def test_second_zlib_stream_is_reported_as_trailing_data_and_read(read_bytes):
    # zlib.decompress and the reader of joblib stop at the end of the first stream.
    first = zlib.compress(b"\x80\x02N." * 3)
    reading = read_bytes(first + zlib.compress(EVAL))
    assert get_outline_number(reading, "streams") == 1
    assert get_outline_number(reading, "stored bytes") == len(first)
    assert reading.kinds("file") == {"trailing-data"}
    assert reading.evaluates


@pytest.mark.parametrize("name", CODECS_WITH_CHECKSUM)
def test_bytes_after_damage_in_a_compressed_stream_are_not_reported_as_trailing_data(name, read_bytes):
    damaged_stream = compress_with_wrong_checksum(name, EVAL) + random.Random(0).randbytes(20_000)
    reading = read_bytes(damaged_stream)
    assert get_outline_number(reading, "stored bytes") < len(damaged_stream)
    assert reading.kinds() == {"damaged-content"}
    assert not any("[bytes" in path for path in reading.formats)
    assert UnreadReason.DAMAGED in reading.reasons()


@pytest.mark.parametrize(
    ("dictionary_size", "content_size", "formats"),
    [
        # The size of the content is unknown (all bits set) or below 256 GiB.
        (3 << 30, (1 << 64) - 1, ["lzma"]),
        (3 << 30, (1 << 38) - 1, ["lzma"]),
        (3 << 30, 1 << 38, []),
        (3 << 30, (1 << 64) - 2, []),
        # The size of the dictionary is a power of two, or the sum of two neighbouring ones, such as 3 GiB.
        (5 << 29, 1 << 20, []),
        ((3 << 30) + 1, 1 << 20, []),
    ],
)
def test_unusual_lzma_header_that_xz_refuses_is_not_recognised(dictionary_size, content_size, formats, bytes_window):
    header = b"\x5d" + dictionary_size.to_bytes(4, "little") + content_size.to_bytes(8, "little")
    compressed = lzma.compress(EVAL, lzma.FORMAT_ALONE)[len(header) :]
    assert list_recognised_formats(header + compressed, bytes_window) == formats


def test_zlib_stream_with_preset_dictionary_is_not_recognised(bytes_window):
    # No model loader supplies a preset dictionary, and without it nothing is decompressed.
    compressor = zlib.compressobj(zdict=EVAL)
    packed = compressor.compress(EVAL) + compressor.flush()
    assert packed[1] & 0x20, "the flag FDICT is not set"
    assert list_recognised_formats(packed, bytes_window) == []
    assert [list_recognised_formats(packed[:length], bytes_window) for length in range(3, 12)] == [[]] * 9
