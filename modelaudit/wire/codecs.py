"""Define the compression formats: recognise each by its first bytes, and decode it in bounded pieces."""

from __future__ import annotations

import bz2
import lzma
import re
import sys
import zlib
from collections.abc import Callable
from typing import Final, Protocol

from msgspec import Struct

from modelaudit.model.limits import KIB, MIB
from modelaudit.model.structure import UnreadReason
from modelaudit.wire.inflation import GzipDecoder, InflateDecoder

MAX_DICTIONARY_BYTES = 256 * MIB
_SMALLEST_DICTIONARY_BYTES = 4 * KIB  # ``lzma`` rejects a smaller one
_DECODER_STATE_BYTES = MIB  # more than ``lzma`` needs beside the dictionary
_SKIPPABLE_HEADER = 8  # length of the header of a skippable frame: magic number and size (RFC 8878, section 3.1.2)
_LZMA_HEADER = 13  # length of the header of a ``.lzma`` file: properties, dictionary size, content size
_PLAUSIBLE_LZMA_SIZE = 1 << 38  # 256 GiB, the bound that ``alone_decoder.c`` sets
_ZSTD_WINDOW_LOG = 28  # MAX_DICTIONARY_BYTES as a power of two
# ``zlib`` selects the container by the window bits: negative for none.
_WITHOUT_HEADER = -zlib.MAX_WBITS
# The first property byte of LZMA is (position * 5 + literal_position) * 9 + literal_context: below 9, 5 and 5 each.
_LZMA_PROPERTY_VALUES = 9 * 5 * 5


class DecodingError(Exception):
    """The data contradict their format, or need more memory than the limit."""

    def __init__(self, message: str, reason: UnreadReason = UnreadReason.DAMAGED) -> None:
        super().__init__(message)
        self.reason = reason


class Decoder(Protocol):
    """The interface of ``bz2.BZ2Decompressor``; ``_GuardedDecoder`` converts the errors of ``decompress``."""

    @property
    def eof(self) -> bool:
        """Whether the stream has ended."""

    @property
    def unused_data(self) -> bytes:
        """The input behind the end of the stream."""

    @property
    def needs_input(self) -> bool:
        """Whether the decoder needs more input to output more."""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Return the next bytes of the content, at most ``max_length``."""


class Codec(Struct, frozen=True):
    """One compression format.

    Attributes:
        name: in reports.
        make_decoder: makes a decoder from the header and the size that the container states for the content.
        header_length: the number of bytes before the stream that the decoder needs.
        may_lack_end_mark: the stream may have no end mark; then it ends at the size that the container states.
        magic: the fixed bytes at the start of every stream, if there are any.
        begins_stream: returns whether its bytes begin a stream that the decoder may accept. For zlib and LZMA, only a
            trial decides.
    """

    name: str
    make_decoder: Callable[[bytes, int], Decoder]
    header_length: int = 0
    may_lack_end_mark: bool = False
    magic: bytes = b""
    begins_stream: Callable[[bytes], bool] = lambda data: False


class _GuardedDecoder:
    """A decoder that converts all failures to ``DecodingError``."""

    def __init__(self, decoder: Decoder, failures: tuple[type[Exception], ...]) -> None:
        self._decoder = decoder
        self._failures = failures

    @property
    def eof(self) -> bool:
        return self._decoder.eof

    @property
    def unused_data(self) -> bytes:
        return self._decoder.unused_data or b""  # None with LZ4, until its end

    @property
    def needs_input(self) -> bool:
        return self._decoder.needs_input

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Return the next bytes of the content. Raises ``DecodingError`` in place of every error of the library."""
        try:
            return self._decoder.decompress(data, max_length)
        except self._failures as error:
            # The libraries distinguish a dictionary over the limit from damage by the message only.
            is_out_of_memory = "memory" in str(error).lower()
            raise DecodingError(str(error), UnreadReason.LIMIT if is_out_of_memory else UnreadReason.DAMAGED) from error


class _StoredDecoder:
    """A decoder of data that are not compressed; it has no end of its own."""

    eof = False
    unused_data = b""

    def __init__(self) -> None:
        self._excess = b""  # input that exceeded ``max_length``, for the next call

    @property
    def needs_input(self) -> bool:
        return not self._excess

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Return the input as it is, at most ``max_length`` bytes; the next call returns the excess."""
        data = self._excess + data
        self._excess = data[max_length:]
        return data[:max_length]


# Control bytes of LZMA2 before a chunk that is not compressed. The first chunk must reset the dictionary.
_CHUNK_WITH_RESET: Final = b"\x01"
_CHUNK: Final = b"\x02"
_END_OF_CHUNKS: Final = b"\x00"


class _FilterDecoder:
    """A reversible filter of ``lzma`` over plain data, such as the one that rewrites jumps of x86 code.

    ``lzma`` runs filters only in front of a compressor, so the data are handed to it as LZMA2 chunks that are not
    compressed (``lzma2_decoder.c``): a control byte, the length less one in big-endian order, the data.
    """

    def __init__(self, filter_: dict[str, int], content_size: int) -> None:
        self._decoder = _make_raw_lzma([filter_, {"id": lzma.FILTER_LZMA2, "dict_size": 64 * KIB}])
        self._remaining = content_size
        self._ended = False
        self._control = _CHUNK_WITH_RESET

    @property
    def eof(self) -> bool:
        return self._decoder.eof

    @property
    def unused_data(self) -> bytes:
        return b""

    @property
    def needs_input(self) -> bool:
        return self._decoder.needs_input and self._remaining > 0

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Return the next bytes of the filtered content, at most ``max_length``.

        ``data`` is at most 64 KiB, the longest chunk, and goes to ``lzma`` as one uncompressed chunk of LZMA2.
        """
        data = data[: self._remaining]
        chunk = b""
        if data:
            stated_length = len(data) - 1  # as LZMA2 states it
            chunk = self._control + stated_length.to_bytes(2, "big") + data
            self._control = _CHUNK
            self._remaining -= len(data)
        if not self._remaining and not self._ended:
            chunk += _END_OF_CHUNKS
            self._ended = True
        return self._decoder.decompress(chunk, max_length)


def _make_raw_lzma(filters: list[dict[str, int]]) -> lzma.LZMADecompressor:
    """Return a decompressor of a stream without a header. Raises ``DecodingError`` if ``lzma`` rejects the filters."""
    try:
        return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)
    except (lzma.LZMAError, ValueError, OverflowError) as error:
        raise DecodingError(f"the LZMA properties are damaged: {error}") from error


def _choose_dictionary_size(stated_size: int, content_size: int) -> int:
    """Return the dictionary size to allocate, in bytes: no more than the content needs, whatever the header states.

    Raises:
        DecodingError: it would be larger than ``MAX_DICTIONARY_BYTES``.
    """
    size = max(min(stated_size, content_size), _SMALLEST_DICTIONARY_BYTES)
    if size > MAX_DICTIONARY_BYTES:
        raise DecodingError(
            f"the LZMA dictionary takes {size} bytes, more than {MAX_DICTIONARY_BYTES}", UnreadReason.LIMIT
        )
    return size


def make_lzma1_decoder(properties: bytes, content_size: int) -> Decoder:
    """Return a decoder of LZMA for the five property bytes that ``.lzma`` files, ZIP and 7z share.

    The first byte packs three bit counts, the other four are the dictionary size.
    """
    if len(properties) < 5 or properties[0] >= _LZMA_PROPERTY_VALUES:
        raise DecodingError("the LZMA properties are damaged")
    quotient, literal_context_bits = divmod(properties[0], 9)
    position_bits, literal_position_bits = divmod(quotient, 5)
    dictionary = _choose_dictionary_size(int.from_bytes(properties[1:5], "little"), content_size)
    options = {
        "id": lzma.FILTER_LZMA1,
        "dict_size": dictionary,
        "lc": literal_context_bits,
        "lp": literal_position_bits,
        "pb": position_bits,
    }
    return _GuardedDecoder(_make_raw_lzma([options]), (lzma.LZMAError, EOFError))


def make_lzma2_decoder(properties: bytes, content_size: int) -> Decoder:
    """Return a decoder of LZMA2 for the property byte of 7z, which encodes the dictionary size.

    The bits above the lowest are the exponent, the lowest is the second bit of the mantissa: 2 or 3 times a power of
    two. 40 is the largest value and means 4 GiB less one byte (``lzma2_decoder.c``).
    """
    if len(properties) != 1 or properties[0] > 40:
        raise DecodingError("the LZMA2 properties are damaged")
    code = properties[0]
    stated_dictionary = 0xFFFFFFFF if code == 40 else (2 | code & 1) << (code // 2 + 11)
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": _choose_dictionary_size(stated_dictionary, content_size)}]
    return _GuardedDecoder(_make_raw_lzma(filters), (lzma.LZMAError, EOFError))


def make_filter_decoder(filter_: dict[str, int], content_size: int) -> Decoder:
    """Return a decoder for one ``FILTER_`` constant of ``lzma`` over ``content_size`` uncompressed bytes."""
    return _GuardedDecoder(_FilterDecoder(filter_, content_size), (lzma.LZMAError, EOFError))


def _make_zip_lzma_decoder(header: bytes, size: int) -> Decoder:
    """Return a decoder for method 14 of ZIP.

    Its header has two version bytes, the length of the properties in two bytes, and five property bytes
    (APPNOTE.TXT 5.8.8).
    """
    if len(header) < 9 or int.from_bytes(header[2:4], "little") != 5:
        raise DecodingError("the LZMA properties are damaged")
    return make_lzma1_decoder(header[4:], size)


def _make_inflate_decoder_factory(window_bits: int) -> Callable[[bytes, int], Decoder]:
    """Return ``Codec.make_decoder`` for raw deflate or zlib, as ``window_bits`` selects."""
    return lambda header, size: _GuardedDecoder(InflateDecoder(window_bits), (zlib.error,))


def _make_gzip_decoder(header: bytes, size: int) -> Decoder:
    return _GuardedDecoder(GzipDecoder(), (zlib.error,))


def _make_bzip2_decoder(header: bytes, size: int) -> Decoder:
    return _GuardedDecoder(bz2.BZ2Decompressor(), (OSError, EOFError))


def _make_lzma_file_decoder_factory(format_: int) -> Callable[[bytes, int], Decoder]:
    """Return ``Codec.make_decoder`` for files of ``FORMAT_XZ`` or ``FORMAT_ALONE``."""

    def make_decoder(header: bytes, size: int) -> Decoder:
        decoder = lzma.LZMADecompressor(format_, memlimit=MAX_DICTIONARY_BYTES + _DECODER_STATE_BYTES)
        return _GuardedDecoder(decoder, (lzma.LZMAError, EOFError))

    return make_decoder


def _make_zstd_decoder(header: bytes, size: int) -> Decoder:
    """Return a decoder of Zstandard whose window takes at most ``MAX_DICTIONARY_BYTES``."""
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    options = {int(zstd.DecompressionParameter.window_log_max): _ZSTD_WINDOW_LOG}
    return _GuardedDecoder(zstd.ZstdDecompressor(options=options), (zstd.ZstdError, EOFError))


def _make_lz4_decoder(header: bytes, size: int) -> Decoder:
    from lz4.frame import LZ4FrameDecompressor  # type: ignore[import-untyped]

    return _GuardedDecoder(LZ4FrameDecompressor(), (RuntimeError, ValueError, EOFError))


def _match_pattern(pattern: bytes) -> Callable[[bytes], bool]:
    """Return a function that tests whether bytes begin with ``pattern``."""
    compiled = re.compile(pattern, re.DOTALL)
    return lambda data: compiled.match(data) is not None


def _begins_zlib(data: bytes) -> bool:
    """Whether ``data`` begin with a valid header of zlib that needs no preset dictionary (RFC 1950, section 2.2)."""
    if len(data) < 2:
        return False
    method_and_window, flags = data[0], data[1]
    # The high bit of the window field stays clear up to 32 KiB; 8 is deflate, the only method.
    is_deflate = method_and_window & 0x8F == 0x08
    has_preset_dictionary = flags & 0x20 != 0
    has_valid_check_bits = (method_and_window << 8 | flags) % 31 == 0
    return is_deflate and not has_preset_dictionary and has_valid_check_bits


def is_usual_lzma(data: bytes) -> bool:
    """Whether ``data`` begin with a header that ``xz`` accepts as that of a ``.lzma`` file (``alone_decoder.c``).

    A header is one property byte, four bytes of dictionary size and eight bytes of content size. The compressed data
    behind it begin with a zero byte, because the range coder outputs one first.
    """
    dictionary, size = int.from_bytes(data[1:5], "little"), int.from_bytes(data[5:13], "little")
    one_bits = dictionary.bit_count()
    # A power of two, or the sum of two adjacent ones. ``xz`` also accepts 0xFFFFFFFF, which no writer chooses and which
    # is frequent in data, as part of a small negative number.
    is_usual_dictionary = one_bits == 1 or (one_bits == 2 and dictionary & dictionary << 1 != 0)
    is_unknown_size = size == (1 << 64) - 1
    is_usual_size = is_unknown_size or 0 < size < _PLAUSIBLE_LZMA_SIZE
    has_zero_byte = data[_LZMA_HEADER : _LZMA_HEADER + 1] == b"\0"
    is_large_enough = dictionary >= _SMALLEST_DICTIONARY_BYTES
    return has_zero_byte and is_large_enough and is_usual_dictionary and is_usual_size


def _begins_lzma(data: bytes) -> bool:
    """Whether the data begin a ``.lzma`` file: with the header of nearly every writer, or with a plausible one."""
    if data.startswith(_LZMA_MAGIC):
        return True
    # Behind the header, the range coder outputs a zero byte first.
    is_plausible = len(data) > _LZMA_HEADER and data[0] < _LZMA_PROPERTY_VALUES and data[_LZMA_HEADER] == 0
    return is_plausible and (data.startswith(_LZMA_PROPERTIES) or is_usual_lzma(data))


def _begins_frame(magic: bytes) -> Callable[[bytes], bool]:
    """Return a test for an LZ4 or Zstandard frame, after any number of skippable frames.

    If a skippable frame is longer than the data, either frame may follow it.
    """

    def begins(data: bytes) -> bool:
        # The magic numbers of skippable frames are 0x184D2A50 to 0x184D2A5F, little-endian.
        while len(data) >= _SKIPPABLE_HEADER and data[0] & 0xF0 == 0x50 and data[1:4] == b"\x2a\x4d\x18":
            length = _SKIPPABLE_HEADER + int.from_bytes(data[4:8], "little")
            if length >= len(data):
                return True
            data = data[length:]
        return data.startswith(magic)

    return begins


# The default properties (lc=3, lp=0, pb=2), and the low bytes of the dictionary size, which nearly all writers leave 0.
_LZMA_PROPERTIES = b"\x5d\x00"
_LZMA_MAGIC = b"\x5d\x00\x00"
_XZ_MAGIC = b"\xfd7zXZ\x00"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_LZ4_MAGIC = b"\x04\x22\x4d\x18"

STORED = Codec("stored", lambda header, size: _StoredDecoder(), may_lack_end_mark=True)
DEFLATE = Codec("deflate", _make_inflate_decoder_factory(_WITHOUT_HEADER))
BZIP2 = Codec(
    "bzip2", _make_bzip2_decoder, magic=b"BZh", begins_stream=_match_pattern(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)")
)
ZIP_LZMA = Codec("lzma", _make_zip_lzma_decoder, header_length=9, may_lack_end_mark=True)
XZ = Codec(
    "xz",
    _make_lzma_file_decoder_factory(lzma.FORMAT_XZ),
    magic=_XZ_MAGIC,
    begins_stream=_match_pattern(re.escape(_XZ_MAGIC)),
)
LZMA = Codec("lzma", _make_lzma_file_decoder_factory(lzma.FORMAT_ALONE), magic=_LZMA_MAGIC, begins_stream=_begins_lzma)
ZSTD = Codec("zstd", _make_zstd_decoder, magic=_ZSTD_MAGIC, begins_stream=_begins_frame(_ZSTD_MAGIC))
LZ4 = Codec("lz4", _make_lz4_decoder, magic=_LZ4_MAGIC, begins_stream=_begins_frame(_LZ4_MAGIC))
GZIP = Codec(
    "gzip",
    _make_gzip_decoder,
    magic=b"\x1f\x8b",
    begins_stream=_match_pattern(rb"\x1f\x8b\x08"),
)
ZLIB = Codec("zlib", _make_inflate_decoder_factory(zlib.MAX_WBITS), begins_stream=_begins_zlib)

CODECS: Final = {codec.name: codec for codec in (GZIP, ZLIB, BZIP2, XZ, LZMA, LZ4, ZSTD)}
"""The codecs with a file format of their own, by name."""
