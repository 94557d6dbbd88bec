"""Decompress a range of bytes forward, in bounded pieces.

Method numbers are those of ZIP archives, APPNOTE.TXT section 4.4.5.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

from msgspec import Struct

from modelaudit.model.artifact import Window
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import KIB
from modelaudit.model.structure import UnreadReason
from modelaudit.wire.codecs import BZIP2, DEFLATE, STORED, XZ, ZIP_LZMA, ZSTD, Codec, DecodingError

METHOD_NAMES = {
    0: "stored",
    1: "shrink",
    6: "implode",
    8: "deflate",
    9: "deflate64",
    12: "bzip2",
    14: "lzma",
    93: "zstd",
    95: "xz",
    96: "jpeg",
    98: "ppmd",
    99: "aes",
}
ZIP_CODECS = {0: STORED, 8: DEFLATE, 12: BZIP2, 14: ZIP_LZMA, 93: ZSTD, 95: XZ}

BeginsNextStream = Callable[[bytes], bool]
"""Whether a further stream begins with these bytes, which a loader reads as more of the same content."""

_PIECE = 64 * KIB  # of content, output at once
_BLOCK = 64 * KIB  # of stored bytes, read from the window at once
_INPUT_STEP = 4 * KIB  # of stored bytes, passed to the decoder at once
_LOOKAHEAD = 4 * KIB  # of stored bytes, examined for a further stream


class _BrokenOffError(DecodingError):
    """The data end before their content does. The decoder has output all content up to there."""


class _BlockReader:
    """Reads a window in blocks, for decoders that take little input at once."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._block_start = 0
        self._block = b""

    def read(self, offset: int, most_bytes: int) -> bytes:
        """Return up to ``most_bytes`` bytes from ``offset``; none only at the end."""
        if not self._block_start <= offset < self._block_start + len(self._block):
            self._block_start, self._block = offset, self._window.read(offset, _BLOCK)
        start = offset - self._block_start
        return self._block[start : start + most_bytes]


class _CompressedStream:
    """One compressed stream, from ``start`` in the stored bytes to its own end.

    Attributes:
        input_end: the offset behind the last byte passed to the decoder.
        last_input_start: the offset of the last input passed to the decoder.
        content_size: bytes of content so far.
        single_bytes_from: the decoder gets one byte at a time from this offset on; ``None`` for large steps throughout.
    """

    def __init__(self, stored: Window, source: _BlockReader, codec: Codec, start: int, stated_size: int) -> None:
        header = stored.read(start, codec.header_length) if codec.header_length else b""
        self._source = source
        self._codec = codec
        self._stated = stated_size
        self._decoder = codec.make_decoder(header, stated_size)
        self.start = start
        self.input_end = self.last_input_start = start + len(header)
        self.content_size = 0
        self.single_bytes_from: int | None = None

    @property
    def end(self) -> int:
        """The offset behind the last byte that the content used so far."""
        return self.input_end - len(self._decoder.unused_data)

    def read_piece(self, most_bytes: int) -> bytes:
        """Return the next bytes of the content, at most ``most_bytes``; empty at its end.

        Raises:
            DecodingError: the data break off, contradict themselves or take too much memory.
            WindowError: from the stored window.
        """
        decoder = self._decoder
        while not decoder.eof:
            input_bytes = b""
            if decoder.needs_input:
                input_bytes = self._source.read(self.input_end, self._choose_step())
                if not input_bytes and self._may_end():
                    return b""
                if not input_bytes:
                    raise _BrokenOffError(f"the compressed data break off after {self.input_end} bytes")
            if input_bytes:
                self.last_input_start, self.input_end = self.input_end, self.input_end + len(input_bytes)
            output = decoder.decompress(input_bytes, most_bytes)
            if output:
                self.content_size += len(output)
                return output
            # Without this check, a decoder that neither outputs, ends nor asks for input would loop forever.
            if not input_bytes and not decoder.needs_input and not decoder.eof:
                raise _BrokenOffError(f"the compressed data yield nothing more after byte {self.input_end}")
        return b""

    def _choose_step(self) -> int:
        """Return how many bytes the decoder gets next: single ones from ``single_bytes_from`` on."""
        if self.single_bytes_from is None:
            return _INPUT_STEP
        left_in_large_steps = self.single_bytes_from - self.input_end  # negative behind ``single_bytes_from``
        return max(1, min(_INPUT_STEP, left_in_large_steps))

    def _may_end(self) -> bool:
        """Whether the content is complete although the input ends without an end mark."""
        # Stored data end with their input, whatever size is stated.
        return self._codec is STORED or (self._codec.may_lack_end_mark and self.content_size >= self._stated)


class Expansion:
    """The content of one compressed range, read piece by piece, forward only.

    Attributes:
        streams: number of streams so far; at most one, unless ``follows`` recognises more of them behind it.
        recovers_before_damage: whether to recover the content that the decoder withholds before damage, see
            ``_recover_before_damage``.
        on_stream_end: receives the offset of each stream and of the byte after it, once it was decoded to its end.
    """

    def __init__(
        self,
        stored: Window,
        codec: Codec,
        stated_size: int,
        follows: BeginsNextStream | None = None,
        recovers_before_damage: bool = True,
    ) -> None:
        self._stored = stored
        self._source = _BlockReader(stored)
        self._codec = codec
        self._stated = stated_size
        self._follows = follows
        self._stream: _CompressedStream | None = None
        self._failure: WindowError | None = None
        self.recovers_before_damage = recovers_before_damage
        self.on_stream_end: Callable[[int, int], None] = lambda start, end: None
        self.streams = 0

    @property
    def stored_size(self) -> int:
        """Length of the compressed range in bytes."""
        return self._stored.size

    @property
    def stream_start(self) -> int:
        """Offset of the stream that is being decoded, or of the last one."""
        return self._stream.start if self._stream else 0

    @property
    def consumed(self) -> int:
        """Stored bytes that the content took; fewer than ``stored_size`` where something follows its end."""
        return self._stream.end if self._stream else 0

    def next_piece(self) -> bytes:
        """Return the next bytes of the content; empty at its end.

        Raises:
            WindowError: ``damaged`` where the data break off or contradict themselves, ``limit-reached`` where they
                take too much memory; or from the stored window.
        """
        if self._failure is not None:
            raise self._failure
        try:
            while True:
                if self._stream is not None and (piece := self._stream.read_piece(_PIECE)):
                    return piece
                if self._stream is not None:
                    self.on_stream_end(self._stream.start, self._stream.end)
                start = 0 if self._stream is None else self._find_next_start(self._stream.end)
                if start is None:
                    return b""
                self._stream = _CompressedStream(self._stored, self._source, self._codec, start, self._stated)
                self.streams += 1
        except DecodingError as error:
            return self._recover_before_damage(error)

    def _find_next_start(self, position: int) -> int | None:
        """Return the offset of the next stream, at ``position`` or behind zero padding; ``None`` if there is none."""
        if self._follows is None:
            return None
        while data := self._source.read(position, _LOOKAHEAD):
            after_padding = data.lstrip(b"\0")
            position += len(data) - len(after_padding)
            if after_padding:
                return position if self._follows(self._stored.read(position, _LOOKAHEAD)) else None
        return None

    def _recover_before_damage(self, error: DecodingError) -> bytes:
        """Return the content that the decoder withheld before the damage; the next call raises the failure.

        When a decoder meets damage, it drops the output of that call. A loader with smaller reads would have used part
        of it. Therefore the stream is decoded again: in large steps up to the last input, then byte by byte.
        """
        damage_offset = self._stream.input_end if self._stream else 0
        breaks_off = isinstance(error, _BrokenOffError)
        if breaks_off:
            detail = str(error)
        elif error.reason is UnreadReason.LIMIT:
            detail = f"the compressed data need more memory than the limit: {error}"
        else:
            detail = f"the compressed data are damaged before byte {damage_offset}: {error}"
        self._failure = WindowError(detail, error.reason)
        recovered = bytearray()
        if self._stream is not None and self.recovers_before_damage and not breaks_off:
            try:
                second_stream = _CompressedStream(
                    self._stored, self._source, self._codec, self._stream.start, self._stated
                )
                second_stream.single_bytes_from = self._stream.last_input_start
                to_skip = self._stream.content_size  # content that was returned before
                while to_skip and (piece := second_stream.read_piece(min(to_skip, _PIECE))):
                    to_skip -= len(piece)
                while piece := second_stream.read_piece(1):
                    recovered += piece
            except DecodingError:
                pass  # the same damage again; ``recovered`` has the content before it
        if not recovered:
            raise self._failure from error
        return bytes(recovered)


class ContentMeasure(Struct, frozen=True):
    """The measured content of a compressed range.

    Attributes:
        consumed: stored bytes that it used.
        size: bytes of content.
        crc: the CRC-32 of the content.
        is_complete: it was decompressed to its end; otherwise the other figures count up to the stop.
        damage: the description of the damage, if there is any.
    """

    consumed: int
    size: int
    crc: int
    is_complete: bool
    damage: str | None


def measure_content(stored: Window, codec: Codec, stated_size: int, most_bytes: int) -> ContentMeasure:
    """Decompress ``stored``, discard the content and return its measures.

    It stops at damage, and at the piece that exceeds ``most_bytes`` bytes of content.
    """
    expansion = Expansion(stored, codec, stated_size, recovers_before_damage=False)
    size = crc = 0
    try:
        while piece := expansion.next_piece():
            size += len(piece)
            crc = zlib.crc32(piece, crc)
            if size > most_bytes:
                return ContentMeasure(expansion.consumed, size, crc, False, None)
    except WindowError as error:
        return ContentMeasure(expansion.consumed, size, crc, False, str(error))
    return ContentMeasure(expansion.consumed, size, crc, True, None)
