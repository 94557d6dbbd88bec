"""Decode deflate, zlib and gzip; gzip as ``Lib/gzip.py`` does, which is more tolerant than ``zlib``.

Source: RFC 1952, section 2.3.
"""

from __future__ import annotations

import zlib
from collections.abc import Generator
from typing import Final

# ``zlib`` selects gzip by the window bits: the largest window, plus 16.
_WITH_GZIP_HEADER: Final = zlib.MAX_WBITS + 16
# The magic number, deflate, no optional fields, no time, no flags of the compressor, an unknown system.
_PLAIN_HEADER: Final = b"\x1f\x8b\x08" + b"\0" * 6 + b"\xff"
# A header of ten bytes, then the optional fields that the flags in its fourth byte announce.
_FIXED_HEADER: Final = 10
_FLAGS_AT: Final = 3
_HAS_HEADER_CHECKSUM: Final = 2  # bits of the flags
_HAS_EXTRA: Final = 4
_TEXT_FIELDS: Final = (8, 16)  # a name and a comment, each up to a zero byte
_EXTRA_LENGTH_BYTES: Final = 2
_CHECKSUM_BYTES: Final = 2


class InflateDecoder:
    """``zlib`` with the interface of ``bz2`` and ``lzma``.

    Args:
        window_bits: select the container and the window, as for ``zlib.decompressobj``.
    """

    def __init__(self, window_bits: int) -> None:
        self._decoder = zlib.decompressobj(window_bits)
        self._full = False

    @property
    def eof(self) -> bool:
        """Whether the stream has ended."""
        return self._decoder.eof

    @property
    def unused_data(self) -> bytes:
        """The input behind the end of the stream."""
        return self._decoder.unused_data

    @property
    def needs_input(self) -> bool:
        """Whether the decoder needs more input to output more."""
        return not self._full and not self._decoder.unconsumed_tail

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Return the next bytes of the content, at most ``max_length``. Raises ``zlib.error`` for damaged data."""
        output = self._decoder.decompress(self._decoder.unconsumed_tail + data, max_length)
        self._full = len(output) >= max_length  # zlib may hold more output, so it must be asked again without input
        return output


class _GzipHeader:
    """Skips the header of a gzip stream as ``Lib/gzip.py`` does, which checks neither its checksum nor reserved flags.

    ``zlib`` refuses a stream with a wrong checksum or a reserved flag, so a payload could hide behind one.
    """

    def __init__(self) -> None:
        self._steps = self._skip_fields()
        next(self._steps)

    def skip(self, data: bytes) -> bytes | None:
        """Take the next bytes; return those behind the header once its end is known, and ``None`` before that."""
        return self._steps.send(data)

    def _skip_fields(self) -> Generator[bytes | None, bytes, None]:
        """Receive the bytes in pieces of any length; yield those behind the header at its end."""
        data = b""
        while len(data) < _FIXED_HEADER:
            data += yield None
        flags = data[_FLAGS_AT]
        data = data[_FIXED_HEADER:]
        if flags & _HAS_EXTRA:
            while len(data) < _EXTRA_LENGTH_BYTES:
                data += yield None
            to_skip = _EXTRA_LENGTH_BYTES + int.from_bytes(data[:_EXTRA_LENGTH_BYTES], "little")
            while len(data) < to_skip:
                data += yield None
            data = data[to_skip:]
        for flag in _TEXT_FIELDS:
            if flags & flag:
                # Only the piece at hand is kept, because a name may have any length.
                while (end := data.find(b"\0")) < 0:
                    data = yield None
                data = data[end + 1 :]
        if flags & _HAS_HEADER_CHECKSUM:
            while len(data) < _CHECKSUM_BYTES:
                data += yield None
            data = data[_CHECKSUM_BYTES:]
        yield data


class GzipDecoder(InflateDecoder):
    """``zlib`` for the content of gzip with its checksum, behind a header that is skipped without checks."""

    def __init__(self) -> None:
        super().__init__(_WITH_GZIP_HEADER)
        self._header: _GzipHeader | None = _GzipHeader()

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """As ``InflateDecoder.decompress``; nothing as long as the header has not ended."""
        if self._header is not None:
            behind_header = self._header.skip(data)
            if behind_header is None:
                return b""
            self._header = None
            # ``zlib`` demands a header, so it gets one that it accepts in place of the skipped one.
            data = _PLAIN_HEADER + behind_header
        return super().decompress(data, max_length)
