"""Detect the encoding of an XML text by its byte order mark, its first bytes, or its declaration.

Source: Extensible Markup Language 1.0, appendix F "Autodetection of Character Encodings".
"""

from __future__ import annotations

import codecs
from typing import Final

from msgspec import Struct

from modelaudit.model.lazy_pattern import defer_pattern

# A byte order mark, its encoding, and whether all XML parsers support that. UTF-32 comes first, because its mark
# begins with that of UTF-16.
_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32-le", False),
    (codecs.BOM_UTF32_BE, "utf-32-be", False),
    (codecs.BOM_UTF8, "utf-8", True),
    (codecs.BOM_UTF16_LE, "utf-16-le", True),
    (codecs.BOM_UTF16_BE, "utf-16-be", True),
)
# The first characters of a text without a byte order mark, as each encoding writes them: "<", or "<?xm" in EBCDIC.
_FIRST_BYTES: Final = (
    (b"<\0\0\0", "utf-32-le"),
    (b"\0\0\0<", "utf-32-be"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
    (b"\x4c\x6f\xa7\x94", "cp037"),
)
# <?xml version="1.0" encoding="utf-8"
_DECLARED: Final = defer_pattern(rb"""\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._:-]{1,40})["']""")
# Encodings whose bytes below 0x80 are ASCII or nearly so: no markup can hide from tools that assume UTF-8.
_USUAL_ENCODING: Final = defer_pattern(
    r"utf-8|utf8|us-ascii|ascii|iso[-_]?8859[-_]\d+|latin-?\d|windows-\d+|cp\d{3,4}|shift_jis|sjis|euc-(?:jp|kr)|gb\w+|big5|koi8-[ru]"
)


class Encoding(Struct, frozen=True):
    """How bytes become text.

    Attributes:
        codec: its name in Python; ``None`` if the text declares an unknown one.
        mark_length: the number of bytes of the byte order mark.
        declared: the declared encoding, in lower case.
        oddity: why tools may disagree about the text; empty if they agree.
    """

    codec: str | None
    mark_length: int = 0
    declared: str = ""
    oddity: str = ""


_EIGHT_BIT_BYTES: Final = bytes(range(0x80, 0x100))


def detect_encoding(head: bytes) -> Encoding:
    """Detect the encoding of the XML text that begins with ``head``: by its mark, first bytes, or declaration."""
    for mark, codec, is_usual in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return Encoding(codec, len(mark), oddity="" if is_usual else f"it is in {codec}")
    for start, codec in _FIRST_BYTES:
        if head.startswith(start):
            return Encoding(codec, oddity=f"it is in {codec}, without a byte order mark")
    match = _DECLARED.match(head)
    declared = match[1].decode("ascii").lower() if match is not None else ""
    if not declared:
        return Encoding("utf-8")
    try:
        codec_info = codecs.lookup(declared)
        "a".encode(declared)  # raises LookupError for codecs that are not encodings of text, such as base64
        _EIGHT_BIT_BYTES.decode(declared, "ignore")  # raises UnicodeError for the codecs of host names, such as idna
    except (LookupError, ValueError, TypeError):
        return Encoding(None, 0, declared, f"it declares the unknown encoding {declared}")
    # The declaration was legible as ASCII, so the text cannot be in an encoding of two or four bytes a character.
    if codec_info.name.startswith(("utf-16", "utf-32")):
        return Encoding("utf-8", 0, declared, f"it declares {declared} and is not in it")
    is_usual = _USUAL_ENCODING.fullmatch(declared) is not None
    return Encoding(codec_info.name, 0, declared, "" if is_usual else f"it is in {declared}, in which markup can hide")
