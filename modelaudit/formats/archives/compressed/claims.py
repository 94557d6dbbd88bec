"""Claim the bytes of compressed streams, and leave those unclaimed that every decoder skips without a look.

Two formats reserve room for anybody: a *skippable frame* of LZ4 and Zstandard (RFC 8878, section 3.1.2), and the extra
field of gzip (RFC 1952, section 2.3.1.1). The values that known tools write there are claimed, and so is text.
"""

from __future__ import annotations

import re
import struct
from array import array
from typing import Final

from modelaudit.model.artifact import Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import KIB
from modelaudit.wire.codecs import GZIP, LZ4, ZSTD, Codec
from modelaudit.wire.ledger import claim_data, claim_parsed, claim_text

_SKIPPABLE_FRAME: Final = defer_pattern(rb"[\x50-\x5f]\x2a\x4d\x18", re.DOTALL)
_SKIPPABLE_HEADER: Final = 8  # the magic number and the size of the frame
_LONGEST_FRAME_TEXT: Final = 64 * KIB
# pzstd states the compressed size of the next frame in 4 bytes.
_FRAME_SIZE_BYTES: Final = 4
_LARGEST_FRAME: Final = (1 << 32) - 1
# The seek table of the seekable format of Zstandard: for each frame two or three numbers of 4 bytes, and a footer: the
# number of frames, a byte of flags and the magic number. Source: zstd_seekable_compression_format.md of zstd.
_SEEK_TABLE_FOOTER: Final = struct.Struct("<IBI")
_SEEK_TABLE_MAGIC: Final = 0x8F92EAB1
_HAS_CHECKSUMS: Final = 0x80
_MAX_SEEKABLE_FRAMES: Final = 1_000_000
"""Frames whose sizes are kept for a comparison with a seek table, in four bytes of memory each."""
_GZIP_FIXED_HEADER: Final = 10
_GZIP_FLAGS_AT: Final = 3
_EXTRA_LENGTH_BYTES: Final = 2
_HAS_EXTRA: Final = 4  # bits of the flags
_HAS_NAME: Final = 8
_HAS_COMMENT: Final = 16
_LONGEST_GZIP_HEADER: Final = 256 * KIB
# The subfield of BGZF, which bgzip writes into each of its blocks: "BC", the length 2, the size of the block.
_BGZF_EXTRA: Final = defer_pattern(rb"BC\x02\x00..", re.DOTALL)


class StreamClaims:
    """Claims the streams of one file in order, with the zero bytes between them, which every tool takes for padding."""

    def __init__(self, window: Window, codec: Codec) -> None:
        self._window = window
        self._codec = codec
        self._last_end = 0
        self._frame_sizes = array("I")

    def claim_stream(self, start: int, end: int) -> None:
        """Claim one stream from ``start`` up to ``end``, whose content is read as a member.

        Only zero bytes lie between the last stream and this one.

        Raises:
            LimitReachedError: the claims lie in too many separate ranges.
            WindowError: the window could not return the requested bytes.
        """
        claim_data(self._window, self._last_end, start)
        self._last_end = end
        if self._codec in (LZ4, ZSTD) and _SKIPPABLE_FRAME.match(self._window.read(start, 4)):
            self._claim_skippable_frame(start, end)
            self._record_frame(start, end)
            return
        self._record_frame(start, end)
        if self._codec is GZIP:
            start = _claim_gzip_header(self._window, start, end)
        claim_data(self._window, start, end)

    def _record_frame(self, start: int, end: int) -> None:
        """Record the size of a frame of Zstandard. Without that of a frame, no later seek table is taken as one."""
        if self._codec is ZSTD and len(self._frame_sizes) <= _MAX_SEEKABLE_FRAMES:
            self._frame_sizes.append(min(end - start, _LARGEST_FRAME))

    def _claim_skippable_frame(self, start: int, end: int) -> None:
        """Claim the header of a skippable frame, and its content if that is a size, a table of sizes or text."""
        window, content_start = self._window, start + _SKIPPABLE_HEADER
        claim_parsed(window, start, content_start)
        length = end - content_start
        if length == _FRAME_SIZE_BYTES or _is_seek_table(window, content_start, length, self._frame_sizes):
            claim_parsed(window, content_start, end)
        elif length <= _LONGEST_FRAME_TEXT:
            claim_text(window, content_start, window.read(content_start, length))


def _is_seek_table(window: Window, start: int, length: int, frame_sizes: array[int]) -> bool:
    """Whether ``length`` bytes from ``start`` are a seek table of the frames before it, whose sizes are given.

    An entry begins with the size of its frame. The size of the content and its checksum are not compared.
    """
    if length < _SEEK_TABLE_FOOTER.size or len(frame_sizes) > _MAX_SEEKABLE_FRAMES:
        return False
    footer = window.read(start + length - _SEEK_TABLE_FOOTER.size, _SEEK_TABLE_FOOTER.size)
    frames, flags, magic = _SEEK_TABLE_FOOTER.unpack(footer)
    entry_size = 12 if flags & _HAS_CHECKSUMS else 8  # two sizes of a frame, and its checksum if present
    is_exact = length == frames * entry_size + _SEEK_TABLE_FOOTER.size
    if not is_exact or magic != _SEEK_TABLE_MAGIC or frames != len(frame_sizes):
        return False
    entries = struct.iter_unpack("<III" if flags & _HAS_CHECKSUMS else "<II", window.read(start, frames * entry_size))
    return all(entry[0] == size for entry, size in zip(entries, frame_sizes, strict=True))


def _claim_gzip_header(window: Window, start: int, end: int) -> int:
    """Claim the header of a gzip stream, and return the offset of the compressed data.

    A name and a comment are data if they are text. An extra field is claimed only if it is the one of BGZF.
    """
    header = window.read(start, min(end - start, _GZIP_FIXED_HEADER))
    flags = header[_GZIP_FLAGS_AT] if len(header) == _GZIP_FIXED_HEADER else 0
    if not flags & (_HAS_EXTRA | _HAS_NAME | _HAS_COMMENT):
        # A header without these fields is a part of the stream, which is claimed in one range.
        return start
    header = window.read(start, min(end - start, _LONGEST_GZIP_HEADER))
    claim_parsed(window, start, start + _GZIP_FIXED_HEADER)
    position = _GZIP_FIXED_HEADER  # in the header
    if flags & _HAS_EXTRA:
        extra_start = position + _EXTRA_LENGTH_BYTES
        claim_parsed(window, start + position, start + extra_start)
        position = extra_start + int.from_bytes(header[position:extra_start], "little")
        if _BGZF_EXTRA.fullmatch(header, extra_start, position):
            claim_parsed(window, start + extra_start, start + position)
    for flag in (_HAS_NAME, _HAS_COMMENT):
        if flags & flag:
            zero_byte = header.find(b"\0", position)
            text_end = len(header) if zero_byte < 0 else zero_byte
            claim_text(window, start + position, header[position:text_end])
            position = text_end + 1
            claim_parsed(window, start + text_end, start + position)
    return start + position
