from __future__ import annotations

import lzma
import zlib

import pytest
from support.cases import check_each
from support.fixtures import FIXTURES

from modelaudit.wire.codecs import BZIP2, GZIP, LZ4, LZMA, XZ, ZLIB, ZSTD, Codec, make_filter_decoder
from modelaudit.wire.sniff import name_format

FILES = {BZIP2: "bzip2", GZIP: "gzip", LZ4: "lz4", LZMA: "lzma", XZ: "xz", ZLIB: "zlib", ZSTD: "zstd"}


@check_each("codec", FILES)
def test_each_codec_recognises_the_benign_fixtures_of_its_format(codec: Codec) -> None:
    samples = [path.read_bytes() for path in sorted((FIXTURES / FILES[codec] / "benign").iterdir())]
    assert samples
    assert all(codec.begins_stream(data) for data in samples)


@pytest.mark.parametrize("codec", [codec for codec in FILES if codec.magic], ids=lambda codec: codec.name)
def test_codec_name_depends_on_the_magic_number_and_not_on_the_bytes_after_it(codec: Codec) -> None:
    name = name_format(codec.magic, "x")
    assert name is not None
    assert name_format(codec.magic + b"\xff" * 20, "x") == name


@check_each("window_bits", range(9, 16))
def test_zlib_header_of_any_window_size_is_recognised(window_bits: int) -> None:
    packer = zlib.compressobj(wbits=window_bits)
    assert ZLIB.begins_stream(packer.compress(b"a") + packer.flush())


# Too short twice; a wrong check value; a window above 32 KiB; a preset dictionary.
@pytest.mark.parametrize("data", [b"", b"\x78", b"\x78\x9d", b"\x88\x1c", b"\x78\xbb"])
def test_invalid_zlib_header_is_rejected(data: bytes) -> None:
    assert not ZLIB.begins_stream(data)


def test_lzma_header_with_unusual_but_valid_properties_is_recognised() -> None:
    filters = [{"id": lzma.FILTER_LZMA1, "lc": 0, "lp": 2, "pb": 1, "dict_size": 1 << 20}]
    data = lzma.compress(b"a" * 100, lzma.FORMAT_ALONE, filters=filters)
    assert LZMA.begins_stream(data)
    # The byte behind the header of 13 bytes must be there, and zero.
    assert not LZMA.begins_stream(data[:13])
    assert not LZMA.begins_stream(data[:13] + b"\1" + data[14:])


def test_zstd_frame_after_skippable_frames_is_recognised_as_zstd_only() -> None:
    skipped = b"\x5f\x2a\x4d\x18\x02\0\0\0ab"  # magic number, length 2, two bytes
    assert ZSTD.begins_stream(skipped * 2 + ZSTD.magic)
    assert not LZ4.begins_stream(skipped * 2 + ZSTD.magic)
    # Nothing follows, so either format may.
    assert LZ4.begins_stream(skipped)
    assert ZSTD.begins_stream(skipped)


def test_filter_decoder_requests_input_only_while_it_waits_for_content() -> None:
    delta = {"id": lzma.FILTER_DELTA, "dist": 1}
    assert not make_filter_decoder(delta, 0).needs_input
    decoder = make_filter_decoder(delta, 100)
    assert decoder.needs_input
    # Half of the content came, and a part of that was not requested yet.
    content = decoder.decompress(bytes(50), 20)
    assert not decoder.needs_input
    content += decoder.decompress(b"", 50)
    assert decoder.needs_input
    content += decoder.decompress(bytes(50), 100)
    assert (content, decoder.eof, decoder.needs_input) == (bytes(100), True, False)
