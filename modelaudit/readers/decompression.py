"""The compression methods of ZIP archives, expanded a bounded piece at a time.

Method numbers are those of APPNOTE.TXT section 4.4.5.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from dataclasses import dataclass
from typing import Protocol

from modelaudit.model.artifact import Window
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import KIB, MIB
from modelaudit.model.structure import UnreadReason

STORED = 0
DEFLATED = 8
BZIP2 = 12
LZMA = 14

METHOD_NAMES = {
    STORED: "stored",
    1: "shrink",
    6: "implode",
    DEFLATED: "deflate",
    9: "deflate64",
    BZIP2: "bzip2",
    LZMA: "lzma",
    93: "zstd",
    95: "xz",
    96: "jpeg",
    98: "ppmd",
    99: "aes",
}
READABLE_METHODS = frozenset({STORED, DEFLATED, BZIP2, LZMA})

_PIECE = 256 * KIB
_LARGEST_DICTIONARY = 256 * MIB
# bz2 and lzma withhold what they decoded from a block of input in which they meet damage; small blocks lose little.
_INPUT = 4 * KIB


class _Decoder(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    @property
    def needs_input(self) -> bool: ...

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Deflate:
    """Raw deflate with the interface of ``bz2`` and ``lzma``."""

    def __init__(self) -> None:
        self._decoder = zlib.decompressobj(-zlib.MAX_WBITS)
        self._full = False

    @property
    def eof(self) -> bool:
        return self._decoder.eof

    @property
    def unused_data(self) -> bytes:
        return self._decoder.unused_data

    @property
    def needs_input(self) -> bool:
        return not self._full and not self._decoder.unconsumed_tail

    def decompress(self, data: bytes, max_length: int) -> bytes:
        data = self._decoder.unconsumed_tail + data
        before = self._decoder.copy()
        try:
            out = self._decoder.decompress(data, max_length)
        except zlib.error:
            out = self._up_to_error(before, data)
        self._full = len(out) >= max_length
        return out

    def _up_to_error(self, before: zlib._Decompress, data: bytes) -> bytes:
        """What stands before damage: a loader that reads in small steps runs it, zlib alone would withhold it."""
        self._decoder = before
        out = bytearray()
        for byte in data:
            try:
                out += self._decoder.decompress(bytes((byte,)))
            except zlib.error:
                if not out:
                    raise
                break
        return bytes(out)


class _Stored:
    """No compression, with the interface of the others."""

    def __init__(self) -> None:
        self.eof = False
        self.unused_data = b""
        self.needs_input = True

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return data[:max_length]


def _lzma_decoder(header: bytes, stated_size: int) -> lzma.LZMADecompressor:
    """A decoder for method 14, whose stream starts with 2 bytes of version, the length of the properties, and them.

    Source: APPNOTE.TXT section 5.8.8; the properties are those of a ``.lzma`` file.
    """
    if len(header) < 9 or int.from_bytes(header[2:4], "little") != 5 or header[4] >= 9 * 5 * 5:
        raise WindowError("the LZMA properties are damaged", UnreadReason.DAMAGED)
    rest, literal_context = divmod(header[4], 9)
    position, literal_position = divmod(rest, 5)
    # A dictionary never needs to be larger than what it decompresses to, whatever the header claims.
    dictionary = max(min(int.from_bytes(header[5:9], "little"), stated_size), 4 * KIB)
    if dictionary > _LARGEST_DICTIONARY:
        raise WindowError(f"the LZMA dictionary takes {dictionary} bytes", UnreadReason.LIMIT)
    options = {"id": lzma.FILTER_LZMA1, "dict_size": dictionary, "lc": literal_context, "lp": literal_position}
    try:
        return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[{**options, "pb": position}])
    except lzma.LZMAError as error:
        raise WindowError("the LZMA properties are damaged", UnreadReason.DAMAGED) from error


class Expansion:
    """The content of one compressed stretch, piece by piece, forward only."""

    def __init__(self, stored: Window, method: int, stated_size: int) -> None:
        self._stored = stored
        self._method = method
        self._stated = stated_size
        self._position = 0
        self._decoder: _Decoder | None = None

    @property
    def stored_size(self) -> int:
        """Bytes of the stretch."""
        return self._stored.size

    @property
    def consumed(self) -> int:
        """Stored bytes that the content took; fewer than ``stored_size`` where something follows its end."""
        return self._position - (len(self._decoder.unused_data) if self._decoder else 0)

    def next_piece(self) -> bytes:
        """The next bytes of the content; empty at its end.

        Raises:
            WindowError: ``damaged`` where the data break off or contradict themselves; or from the stored window.
        """
        if self._decoder is None:
            self._decoder = self._start()
        decoder = self._decoder
        while not decoder.eof:
            data = b""
            if decoder.needs_input:
                data = self._stored.read(self._position, _INPUT)
                if not data and self._method == STORED:
                    return b""
                if not data:
                    detail = f"the compressed data break off after {self._position} bytes"
                    raise WindowError(detail, UnreadReason.DAMAGED)
            self._position += len(data)
            piece = self._decompress(decoder, data)
            if piece:
                return piece
        return b""

    def _start(self) -> _Decoder:
        if self._method == LZMA:
            header = self._stored.read(0, 9)
            self._position = 9
            return _lzma_decoder(header, self._stated)
        if self._method == BZIP2:
            return bz2.BZ2Decompressor()
        return _Deflate() if self._method == DEFLATED else _Stored()

    def _decompress(self, decoder: _Decoder, data: bytes) -> bytes:
        try:
            return decoder.decompress(data, _PIECE)
        except (zlib.error, OSError, lzma.LZMAError, EOFError) as error:
            detail = f"the compressed data are damaged before byte {self._position}"
            raise WindowError(detail, UnreadReason.DAMAGED) from error


@dataclass(frozen=True, slots=True)
class Measure:
    """What one compressed stretch holds: the stored bytes it took, its size and CRC-32 once expanded.

    ``broken`` says where it is damaged, if it is. ``whole`` is whether it was followed to its end; the figures count up
    to where it was left.
    """

    consumed: int
    size: int
    crc: int
    whole: bool
    broken: str | None


def measure(stored: Window, method: int, stated_size: int, most: int) -> Measure:
    """Expand ``stored`` without keeping anything, up to the piece that exceeds ``most`` bytes of content."""
    expansion = Expansion(stored, method, stated_size)
    size = crc = 0
    try:
        while piece := expansion.next_piece():
            size += len(piece)
            crc = zlib.crc32(piece, crc)
            if size > most:
                return Measure(expansion.consumed, size, crc, False, None)
    except WindowError as error:
        return Measure(expansion.consumed, size, crc, False, str(error))
    return Measure(expansion.consumed, size, crc, True, None)
