"""Decode Python source as Python itself does: in the encoding that it declares (PEP 263), otherwise as UTF-8.

The same bytes are other code in another encoding: in GBK the two bytes ``A8 5C`` are one character, while another
encoding shows a backslash, which can keep a string open. The rules are those of ``Parser/tokenizer`` of CPython. They
differ in detail from ``tokenize.detect_encoding``, which wants the lines before the cookie to be UTF-8, and does not
end lines at a carriage return.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from typing import Final

from msgspec import Struct

from modelaudit.model.artifact import Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.wire.text import cut_at_memory
from modelaudit.wire.windows import iterate_chunks

MAX_SCANNED: Final = 12 << 20
"""The most characters of a source that are kept."""
_MAX_MEMORY: Final = 24 << 20  # bytes of the text that is read
_PIECE_BYTES: Final = 256 << 10
_MAX_COOKIE_OFFSET: Final = 1 << 20  # bytes of the first two lines that are searched for a cookie
_TOO_FAR: Final = f"in a line of more than {_MAX_COOKIE_OFFSET:,} bytes"
_LINE_END: Final = defer_pattern(rb"\r\n?|\n")
# ``# -*- coding: utf-8 -*-``, as PEP 263 defines it.
_COOKIE: Final = defer_pattern(rb"[ \t\f]*#[^\n]*?coding[:=][ \t]*([-\w.]+)")
# A line below which the cookie may still come.
_SAYS_NOTHING: Final = defer_pattern(rb"[ \t\f]*(?:#|\Z)")
_ORDINARY_ENCODINGS: Final = frozenset(
    {"utf-8", "utf8", "utf-8-sig", "utf-8-unix", "utf", "ascii", "us-ascii", "latin-1", "latin1", "latin-1-unix",
     "cp1252", "gbk", "gb2312", "gb18030", "big5", "shift-jis", "euc-jp", "euc-kr", "cp949", "koi8-r"}
)  # fmt: skip
_ORDINARY_FAMILIES: Final = ("iso-8859", "cp125", "windows-125", "utf-8", "mac")
# These encodings spell ordinary letters with other bytes, so that a search of the file finds nothing.
_HIDING_ENCODINGS: Final = {"utf-7": "utf-7", "utf7": "utf-7", "unicode-escape": "unicode_escape", "cp037": "cp037",
               "raw-unicode-escape": "raw_unicode_escape", "utf-16": "utf-16", "utf-16-le": "utf-16-le",
               "utf-16-be": "utf-16-be", "utf-32": "utf-32", "cp500": "cp500"}  # fmt: skip
_UTF_8: Final = "utf-8"
_LATIN_1: Final = "iso-8859-1"
# Names that Python itself replaces, also before a suffix such as ``-unix``; it compares their first characters alone.
_NORMAL_NAMES: Final = {_UTF_8: _UTF_8, "latin-1": _LATIN_1, _LATIN_1: _LATIN_1, "iso-latin-1": _LATIN_1}
_COMPARED_CHARACTERS: Final = 12


class DecodedSource(Struct, frozen=True):
    """The text of a source file.

    Attributes:
        encoding: the name of an encoding that is unknown or hides what the bytes show, such as UTF-7; empty otherwise.
        cut_after: how many characters were read, if there are more; ``None`` if the text is whole.
    """

    text: str
    encoding: str = ""
    cut_after: int | None = None


class _Declaration(Struct, frozen=True):
    """What the first lines of a source say about its encoding.

    Attributes:
        codec: in which Python decodes it; empty for UTF-8, and for a source that Python does not import.
        unusual: the name of an encoding that is unknown or hides what the bytes show; empty otherwise.
    """

    codec: str = ""
    unusual: str = ""


def decode_source(
    window: Window,
    select: Callable[[Iterator[str]], Iterator[str]] | None = None,
    most_characters: int = MAX_SCANNED,
    most_memory: int = _MAX_MEMORY,
) -> DecodedSource:
    """Decode a source file as Python does, up to a number of characters and of bytes of memory.

    Python does not import a source that its encoding does not fit. Its text is the one in UTF-8, or else in Latin-1.

    Args:
        window: the file.
        select: takes the text in pieces, and returns the lines that Python reads from a file that is no source, in
            which a cookie says nothing; by default the file is a source.
        most_characters: the longest text that is kept.
        most_memory: bytes that it may take.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    declared = _find_declaration(window.read(0, _MAX_COOKIE_OFFSET), window.size)

    def decode_start(codec: str, errors: str) -> DecodedSource:
        pieces = _decode_pieces(window, codec, errors)
        text, is_cut = cut_at_memory(select(pieces) if select else pieces, most_characters, most_memory)
        return DecodedSource(text, declared.unusual, len(text) if is_cut else None)

    if declared.unusual and declared.codec:
        return decode_start(declared.codec, "replace")
    has_utf_16_mark = window.read(0, 2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    for codec in (declared.codec if select is None else "", "utf-16" if has_utf_16_mark else "utf-8-sig"):
        if codec:
            try:
                return decode_start(codec, "strict")
            except UnicodeError:
                continue
    if select is None and declared.codec.startswith(_UTF_8):
        return decode_start(_UTF_8, "replace")  # Python reads any bytes in a comment
    return decode_start("latin-1", "strict")  # it fits any byte


def decode_code(data: bytes) -> str:
    """Return the text of code in bytes, as ``exec`` and ``compile`` decode it."""
    codec = _find_declaration(data[:_MAX_COOKIE_OFFSET], len(data)).codec
    try:
        return data.decode(codec or "utf-8-sig")
    except UnicodeError:
        return data.decode("utf-8", "replace")


def _find_declaration(start: bytes, size: int) -> _Declaration:
    """Return what the first lines of a source say about its encoding.

    Args:
        start: of the source, up to a bound.
        size: bytes of the source.
    """
    if start.startswith(codecs.BOM_UTF8):
        return _Declaration()  # with a cookie that says anything else, Python does not import it
    lines = _LINE_END.split(start, 2)
    for number, line in enumerate(lines[:2]):
        is_cut = number == len(lines) - 1 and size > len(start)
        cookie = _COOKIE.match(line)
        if cookie is not None and not (is_cut and cookie.end() == len(line)):
            return _read_cookie(cookie[1].decode("ascii"))
        # The cookie counts only in the first two lines, and in the second only below a comment or an empty line.
        if not _SAYS_NOTHING.match(line):
            break
        if is_cut:
            return _Declaration(unusual=_TOO_FAR)
    return _Declaration()


def _read_cookie(name: str) -> _Declaration:
    """Return what a cookie says with the name of an encoding."""
    encoding = name.lower().replace("_", "-")
    if encoding in _HIDING_ENCODINGS:
        return _Declaration(_HIDING_ENCODINGS[encoding], encoding)
    if encoding not in _ORDINARY_ENCODINGS and not encoding.startswith(_ORDINARY_FAMILIES):
        return _Declaration(unusual=encoding)
    return _Declaration(_find_codec(name))


def _find_codec(name: str) -> str:
    """Return the name of the codec that Python takes for a cookie; empty if it knows none that decodes to text."""
    start = name[:_COMPARED_CHARACTERS].lower().replace("_", "-")
    for written, normal in _NORMAL_NAMES.items():
        if start == written or start.startswith(f"{written}-"):
            return normal
    try:
        found = codecs.lookup(name)
    except LookupError:
        return ""
    # As ``bytes.decode`` does, this leaves out codecs such as ``zlib``, which expand the bytes.
    return found.name if found._is_text_encoding else ""


def _decode_pieces(window: Window, codec: str, errors: str) -> Iterator[str]:
    """Yield a source in decoded pieces. Raises ``UnicodeDecodeError`` and ``WindowError``."""
    decoder = codecs.getincrementaldecoder(codec)(errors)
    for chunk in iterate_chunks(window, length=_PIECE_BYTES):
        yield decoder.decode(chunk)
    yield decoder.decode(b"", True)
