"""Decode text documents of at most ``Limits.document_bytes``, whole or in pieces, and claim the bytes that are text.

A whole text takes twice its bytes in memory, and a single character outside the Basic Multilingual Plane makes that
five times. Readers therefore take pieces, lines or the start of a long text wherever they need no more.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from typing import Final, Protocol

from msgspec import Struct

from modelaudit.model.artifact import Window
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import KIB, MIB, Limits
from modelaudit.model.structure import Defect, UnreadReason
from modelaudit.wire.base import DamagedError
from modelaudit.wire.defects import TextDefect
from modelaudit.wire.ledger import claim_parsed
from modelaudit.wire.text import EIGHT_BIT, HIGH_BYTES, TextScan, decode_text, get_codec_name
from modelaudit.wire.windows import iterate_chunks

_PIECE_BYTES: Final = 256 * KIB
_SEARCHED_CHARACTERS: Final = 2 * MIB
_OVERLAP_CHARACTERS: Final = 64 * KIB


def read_whole_text(window: Window, limits: Limits) -> tuple[str, TextScan, tuple[Defect, ...]]:
    """Return a document as text, the scan of its bytes, and a defect if it is in no Unicode encoding.

    The decoded bytes count as parsed, up to the first byte that is not text.

    Raises:
        DamagedError: some of it is not text.
        WindowError: it is larger than ``document_bytes``, or the window could not return the requested bytes.
    """
    scan = TextScan()
    data = bytearray()
    for chunk in iterate_chunks(window):
        if len(data) + len(chunk) > limits.document_bytes:
            raise _make_size_error(limits)
        feed_and_claim(scan, window, len(data), chunk)
        data += chunk
    scan.finish()
    return decode_text(data, scan), scan, list_encoding_defects(scan)


class SearchedText(Protocol):
    """A text that can be iterated over in pieces any number of times, for parsers and for searches."""

    def __iter__(self) -> Iterator[str]:
        """Yield the text in pieces."""

    def iterate_searched(self) -> Iterator[tuple[str, int]]:
        """Yield the text in pieces that overlap, each with the number of lines before it."""

    def is_longer_than(self, size: int) -> bool:
        """Whether the text takes more than ``size`` bytes."""


class TextInMemory(Struct, frozen=True):
    """A short text, such as one that was converted."""

    text: str

    def __iter__(self) -> Iterator[str]:
        """Yield the text."""
        yield self.text

    def iterate_searched(self) -> Iterator[tuple[str, int]]:
        """Yield the text, with no lines before it."""
        yield self.text, 0

    def is_longer_than(self, size: int) -> bool:
        """Whether the text has more than ``size`` characters, which are about as many bytes."""
        return len(self.text) > size


class TextPieces(Struct, frozen=True):
    """A text that was checked to its end, and that is decoded again each time it is iterated over.

    Attributes:
        window: its bytes.
        scan: the scan of all its bytes.
        defects: those of its encoding.
    """

    window: Window
    scan: TextScan
    defects: tuple[Defect, ...]

    def __iter__(self) -> Iterator[str]:
        """Yield the text in pieces, without the byte order mark. Raises ``WindowError``."""
        decoder = codecs.getincrementaldecoder(get_codec_name(self.scan))("replace")
        for chunk in iterate_chunks(self.window, length=_PIECE_BYTES):
            yield decoder.decode(chunk)
        yield decoder.decode(b"", True)

    def iterate_searched(self) -> Iterator[tuple[str, int]]:
        """Yield the text in few pieces for a search by pattern, each with the number of lines before it.

        Pieces overlap by more than the longest match, so that every match is whole in one piece. Raises
        ``WindowError``.
        """
        overlap, lines_before = "", 0
        for text in self._join_pieces():
            searched = overlap + text
            yield searched, lines_before
            overlap = searched[-_OVERLAP_CHARACTERS:]
            lines_before += searched.count("\n") - overlap.count("\n")

    def is_longer_than(self, size: int) -> bool:
        """Whether the text takes more than ``size`` bytes."""
        return self.window.size > size

    def read_start(self, most: int) -> str:
        """Return the first ``most`` characters. Raises ``WindowError``."""
        parts: list[str] = []
        left = most
        for piece in self:
            parts.append(piece[:left])
            left -= len(parts[-1])
            if left <= 0:
                break
        return "".join(parts)

    def _join_pieces(self) -> Iterator[str]:
        """Yield the text in pieces of at least ``_SEARCHED_CHARACTERS``, but for the last one."""
        parts: list[str] = []
        length = 0
        for piece in self:
            parts.append(piece)
            length += len(piece)
            if length >= _SEARCHED_CHARACTERS:
                yield "".join(parts)
                parts, length = [], 0
        if length:
            yield "".join(parts)


def iterate_lines(pieces: Iterable[str], longest: int) -> Iterator[str]:
    """Yield the lines of a text that arrives in pieces, with their line breaks, as ``str.splitlines`` splits them.

    Of a line with more than ``longest`` characters, only the first ``longest`` are yielded.
    """
    parts: list[str] = []  # of the line that has not ended
    left = longest
    ends_in_return = False
    for piece in filter(None, pieces):
        # The pieces of a text may divide a line break of two characters.
        if ends_in_return and not piece.startswith("\n"):
            yield "".join(parts)
            parts, left = [], longest
        *ended_lines, last_line = piece.splitlines(keepends=True)
        for line in ended_lines:
            yield "".join((*parts, line[:left]))
            parts, left = [], longest
        parts.append(last_line[:left])
        left -= len(parts[-1])
        ends_in_return = last_line.endswith("\r")
        has_ended = len(last_line.splitlines()[0]) < len(last_line)
        if has_ended and not ends_in_return:
            yield "".join(parts)
            parts, left = [], longest
    if parts:
        yield "".join(parts)


def check_text(window: Window, limits: Limits) -> TextPieces:
    """Check that a document is text to its end, and return it.

    Raises:
        DamagedError: some of it is not text.
        WindowError: it is larger than ``document_bytes``, or the window could not return the requested bytes.
    """
    scan = claim_text(window, limits)
    scan.finish()
    return TextPieces(window, scan, list_encoding_defects(scan))


def check_size(window: Window, limits: Limits) -> None:
    """Raise ``WindowError`` if a document is larger than ``Limits.document_bytes``."""
    if window.size > limits.document_bytes:
        raise _make_size_error(limits)


def claim_text(window: Window, limits: Limits) -> TextScan:
    """Claim the bytes of a window that are text, up to the first that is not; return the scan, not yet finished.

    Raises:
        DamagedError: some of them are not text.
        WindowError: there are more than ``document_bytes``, or the window could not return the requested bytes.
    """
    scan = TextScan()
    length = 0
    for chunk in iterate_chunks(window):
        if length + len(chunk) > limits.document_bytes:
            raise _make_size_error(limits)
        feed_and_claim(scan, window, length, chunk)
        length += len(chunk)
    return scan


def _make_size_error(limits: Limits) -> WindowError:
    """Return the error for a document that is larger than ``Limits.document_bytes``."""
    detail = f"it is larger than the {limits.document_bytes} bytes that are read of a document"
    return WindowError(detail, UnreadReason.LIMIT)


def feed_and_claim(scan: TextScan, window: Window, start: int, chunk: bytes) -> None:
    """Check ``chunk``, the bytes of ``window`` from ``start`` on, and claim those that are text.

    Raises:
        DamagedError: some of them are not text.
    """
    try:
        scan.feed(chunk)
    except DamagedError as error:
        # High bytes directly before the first byte that is not text are more likely the start of what follows.
        text = chunk[: max(0, (error.offset or 0) - start)].rstrip(HIGH_BYTES)
        claim_parsed(window, start, start + len(text))
        raise
    claim_parsed(window, start, start + len(chunk))


def list_encoding_defects(scan: TextScan) -> tuple[Defect, ...]:
    """Return a defect if the text is in no Unicode encoding."""
    if scan.encoding != EIGHT_BIT:
        return ()
    return (Defect(TextDefect.NOT_UTF_8, "it is in some 8-bit encoding, not in UTF-8"),)
