from __future__ import annotations

import bz2
import lzma
import random
import zlib

import lz4.frame
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cases import check_each

from modelaudit.model.errors import WindowError
from modelaudit.model.structure import UnreadReason
from modelaudit.wire.codecs import (
    BZIP2,
    DEFLATE,
    LZ4,
    LZMA,
    XZ,
    ZIP_LZMA,
    ZLIB,
    DecodingError,
    make_filter_decoder,
    make_lzma1_decoder,
    make_lzma2_decoder,
)
from modelaudit.wire.decompression import ZIP_CODECS, Expansion, measure_content

RAW_DEFLATE = -15
"""The argument of zlib for a stream without header and checksum, with a window of 2 ** 15 bytes."""
ZIP_LZMA_PREFIX = b"\x09\x04\x05\x00"
"""What precedes the properties in a ZIP archive: version 9.4 and their length (APPNOTE, section 5.8.8)."""


def _compress_deflate(data: bytes) -> bytes:
    """Return ``data`` as raw deflate."""
    packer = zlib.compressobj(9, zlib.DEFLATED, RAW_DEFLATE)
    return packer.compress(data) + packer.flush()


def _compress_zip_lzma(data: bytes) -> bytes:
    """Return ``data`` as LZMA with the header of ZIP, which states no size."""
    packed = lzma.compress(data, lzma.FORMAT_ALONE)
    # The header of the format "alone": 5 bytes of properties, and 8 bytes of size.
    properties, stream = packed[:5], packed[13:]
    return ZIP_LZMA_PREFIX + properties + stream


# The function that compresses data for each codec.
COMPRESSORS = {
    DEFLATE: _compress_deflate,
    BZIP2: bz2.compress,
    XZ: lzma.compress,
    ZLIB: zlib.compress,
    LZMA: lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
    ZIP_LZMA: _compress_zip_lzma,
    LZ4: lambda data: lz4.frame.compress(data, content_checksum=True),
}
IDS = {"ids": lambda codec: codec.name}


def _read_all_content(expansion: Expansion) -> tuple[bytes, WindowError | None]:
    """Return the content of an expansion, and the error that ended it early, if any."""
    out = bytearray()
    try:
        while piece := expansion.next_piece():
            out += piece
    except WindowError as error:
        return bytes(out), error
    return bytes(out), None


def _decode_bytewise(codec, packed: bytes, size: int) -> bytes:
    """Decode as a loader does that feeds and requests one byte at a time."""
    decoder = codec.make_decoder(packed[: codec.header_length], size)
    out = bytearray()
    unread = packed[codec.header_length :]
    try:
        while not decoder.eof and (unread or not decoder.needs_input):
            data = b""
            if decoder.needs_input:
                data, unread = unread[:1], unread[1:]
            out += decoder.decompress(data, 1)
    except DecodingError:
        pass
    return bytes(out)


@pytest.mark.parametrize("codec", COMPRESSORS, **IDS)
@settings(max_examples=25, deadline=None)
@given(data=st.binary(max_size=2000), times=st.integers(1, 200), more=st.binary(max_size=40))
def test_bytes_behind_a_compressed_stream_are_not_consumed(codec, data, times, more, bytes_window):
    content = data * times
    packed = COMPRESSORS[codec](content)
    expansion = Expansion(bytes_window(packed + more), codec, len(content))
    assert _read_all_content(expansion) == (content, None)
    assert expansion.consumed == len(packed)
    measure = measure_content(bytes_window(packed + more), codec, len(content), len(content))
    assert (measure.size, measure.crc) == (len(content), zlib.crc32(content))
    assert (measure.is_complete, measure.damage) == (True, None)


@pytest.mark.parametrize("codec", COMPRESSORS, **IDS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_expansion_of_a_damaged_stream_equals_that_of_a_bytewise_loader_or_is_cut_by_a_limit(codec, data, bytes_window):
    seed = data.draw(st.integers(0, 50))
    source = random.Random(seed)
    content = source.randbytes(300) + b"abc" * source.randrange(4000) + source.randbytes(300)
    packed = bytearray(COMPRESSORS[codec](content))
    offset = data.draw(st.integers(codec.header_length, len(packed) - 1))
    packed[offset] ^= data.draw(st.integers(1, 255))
    out, error = _read_all_content(Expansion(bytes_window(bytes(packed)), codec, len(content)))
    bytewise_out = _decode_bytewise(codec, bytes(packed), len(content))
    if error is not None and error.reason is UnreadReason.LIMIT:
        assert bytewise_out.startswith(out)
    else:
        assert out == bytewise_out


@pytest.mark.parametrize("codec", COMPRESSORS, **IDS)
def test_measurement_of_damaged_compressed_content_reads_the_stream_only_once(codec, bytes_window):
    packed = bytearray(COMPRESSORS[codec](b"abc" * 3000))
    packed[-3] ^= 0xFF
    window = bytes_window(bytes(packed))
    measure_content(window, codec, 9000, 9000)
    assert window.bytes_read <= len(packed) + codec.header_length


def test_damaged_deflate_stream_is_read_at_most_twice(bytes_window):
    content = random.Random(2).randbytes(1 << 20)
    packed = bytearray(_compress_deflate(content))
    packed[-100:] = b"\xff" * 100
    window = bytes_window(bytes(packed))
    _read_all_content(Expansion(window, DEFLATE, len(content)))
    assert window.bytes_read <= 2 * len(packed) + (64 << 10)


def test_lzma_stream_without_end_mark_ends_at_the_stated_size(bytes_window):
    packer = lzma.LZMACompressor(lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA1, "preset": 0}])
    marked = packer.compress(b"abc" * 100) + packer.flush()
    # The properties: the usual bit counts, and a dictionary of 256 KiB.
    header = ZIP_LZMA_PREFIX + b"\x5d" + (1 << 18).to_bytes(4, "little")
    # An end mark takes the last bytes. Without it, up to five bytes of the range coder may be missing too.
    for cut in range(6):
        out, error = _read_all_content(Expansion(bytes_window(header + marked[: len(marked) - cut]), ZIP_LZMA, 300))
        assert (out, error) == (b"abc" * 100, None)
    out, error = _read_all_content(Expansion(bytes_window(header + marked[:-4]), ZIP_LZMA, 301))
    assert error is not None


def test_next_compressed_stream_is_found_after_zero_padding(bytes_window):
    packed = bz2.compress(b"one") + bytes(9000) + bz2.compress(b"two") + bytes(9000)
    # The last bytes begin like another stream, and are none.
    expansion = Expansion(bytes_window(packed + b"BZx"), BZIP2, 0, lambda data: data.startswith(b"BZh"))
    assert _read_all_content(expansion) == (b"onetwo", None)
    assert expansion.streams == 2
    assert expansion.consumed == len(packed) - 9000


def test_expansion_of_many_small_streams_reads_a_bounded_number_of_bytes_for_each(bytes_window):
    window = bytes_window(lz4.frame.compress(b"x") * 5000)
    expansion = Expansion(window, LZ4, 0, lambda data: data.startswith(LZ4.magic))
    assert _read_all_content(expansion) == (b"x" * 5000, None)
    # Each stream has a few bytes, and looks ahead by one block of 4 KiB.
    assert window.bytes_read < 5000 * (4096 + 100)


# Too short three times; 0xff packs bit counts that are too large.
@pytest.mark.parametrize("properties", [b"", b"\x5d", b"\xff\0\0\1\0", b"\x5d\0\0"])
def test_invalid_lzma_properties_are_rejected_as_damaged(properties):
    with pytest.raises(DecodingError) as raised:
        make_lzma1_decoder(properties, 10)
    assert raised.value.reason is UnreadReason.DAMAGED


# No byte; 41, above the largest size; two bytes.
@pytest.mark.parametrize("properties", [b"", b"\x29", b"\0\0"])
def test_invalid_lzma2_properties_are_rejected_as_damaged(properties):
    with pytest.raises(DecodingError) as raised:
        make_lzma2_decoder(properties, 10)
    assert raised.value.reason is UnreadReason.DAMAGED


def test_lzma_dictionary_stated_as_4_gib_is_accepted_for_small_content_and_refused_for_1_tib():
    # Both properties state a dictionary of 4 GiB.
    make_lzma1_decoder(b"\x5d\xff\xff\xff\xff", 1000)
    make_lzma2_decoder(b"\x28", 1000)
    for start in (
        lambda: make_lzma1_decoder(b"\x5d\xff\xff\xff\xff", 1 << 40),
        lambda: make_lzma2_decoder(b"\x28", 1 << 40),
    ):
        with pytest.raises(DecodingError) as raised:
            start()
        assert raised.value.reason is UnreadReason.LIMIT


@check_each("size", [0, 1, 4, 5, 4095, 4096, 4097, 100_000])
def test_x86_filter_decoder_restores_the_content(size, bytes_window):
    # Calls of x86 with an operand of four bytes, which the filter changes.
    content = (b"\xe8\x01\x02\x00\x00" * (size // 5 + 1))[:size]
    decoder = make_filter_decoder({"id": lzma.FILTER_X86}, size)
    coded = lzma.compress(
        content, lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_X86}, {"id": lzma.FILTER_LZMA2, "preset": 0}]
    )
    filtered = lzma.decompress(coded, lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2, "preset": 0}])
    out = bytearray()
    rest = filtered
    # The pieces of input and output have sizes that divide no size of the content.
    while not decoder.eof and (rest or not decoder.needs_input):
        data = b""
        if decoder.needs_input:
            data, rest = rest[:999], rest[999:]
        out += decoder.decompress(data, 700)
    assert bytes(out) == content


def test_each_zip_method_number_maps_to_its_codec():
    assert {number: codec.name for number, codec in ZIP_CODECS.items()} == {
        0: "stored",
        8: "deflate",
        12: "bzip2",
        14: "lzma",
        93: "zstd",
        95: "xz",
    }
