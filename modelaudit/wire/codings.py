"""Detect bytes encoded as text (base64 and its like) and decode those that begin like content a loader accepts.

Source: RFC 4648 for base64, base32 and hexadecimal; ``Lib/base64.py`` for base85 and Ascii85.
"""

from __future__ import annotations

import base64
import binascii
import functools
import re
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from typing import Final

from msgspec import Struct

from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.wire.pickle_start import CONTAINER_AND_OPCODE, MARK_AND_OPCODE

_SHORTEST_TEXT: Final = 12

# GLOBAL with a module name; the line break may be escaped, as ``raw-unicode-escape`` writes it.
_PROTOCOL_0_STARTS: Final = rb"c[\w.]{1,64}+(?:\n|\\u000a)|" + MARK_AND_OPCODE + b"|" + CONTAINER_AND_OPCODE
# The first bytes of a pickle of protocol 0 to 5 with PROTO, ZIP, gzip, zlib; further down bzip2, xz, LZMA, LZ4,
# Zstandard, 7z, npy, and a marshalled code object (``c`` or 0xe3, four bytes of argument count).
_BINARY_STARTS: Final = (
    rb"\x80[\x00-\x05]|PK[\x03\x05]|\x1f\x8b\x08|\x78[\x01\x5e\x9c\xda]"
    # zlib with a window smaller than usual (RFC 1950, section 2.2)
    rb"|\x68[\x05\x43\x81\xde]|\x58[\x09\x47\x85\xc3]|\x48[\x0d\x4b\x89\xc7]|\x38[\x11\x4f\x8d\xcb]"
    rb"|\x28[\x15\x53\x91\xcf]|\x18[\x19\x57\x95\xd3]|\x08[\x1d\x5b\x99\xd7]"
    # the same signatures with each byte written as one character, as protocols 0 to 2 write them
    rb"|\xc2\x80[\x00-\x05]|\x1f\xc2\x8b|\x78(?:\xc2\x9c|\xc3\x9a)|\xc3\xbd7z|\x28\xc2\xb5|7z\xc2\xbc|\xc2\x93NU|\xc3\xa3.\x00\x00"
    rb"|BZh[1-9]|\xfd7zX|\x5d(?:\x00\x00|\\u0000)|\x04\x22\x4d\x18|\x28\xb5\x2f\xfd|7z\xbc\xaf|\x93NUM|[c\xe3].\x00\x00"
)


class Coding(StrEnum):
    """How bytes are encoded."""

    RAW = "raw"
    BASE64 = "base64"
    BASE32 = "base32"
    BASE85 = "base85"
    ASCII85 = "ascii85"
    HEX = "hex"
    LATIN_1 = "latin-1"
    ESCAPED = "raw-unicode-escape"


CHARACTER_CODINGS: Final = frozenset({Coding.LATIN_1, Coding.ESCAPED})
"""Codings that a pickle of an old protocol uses to write bytes as characters."""


class _TextCoding(Struct, frozen=True):
    """A text encoding.

    Attributes:
        starts: pattern of the first characters of encoded content: a pickle, PK, gzip, zlib, bzip2, xz, LZMA, LZ4,
            Zstandard, 7z or npy; for base64 also content encoded twice and pickles of protocol 0.
        whole: pattern of a text that is entirely in this encoding, with white space removed.
        group: number of characters that together encode whole bytes.
        decode: returns the bytes; raises ``ValueError`` for text in another encoding.
    """

    starts: bytes
    whole: re.Pattern[bytes]
    group: int
    decode: Callable[[bytes], bytes]


def _decode_base64(text: bytes) -> bytes:
    """Decode base64 in the standard or the URL-safe alphabet, with or without padding."""
    text = text.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    return binascii.a2b_base64(text + b"=" * (-len(text) % 4), strict_mode=True)


def _decode_base32(text: bytes) -> bytes:
    """Decode base32 with or without padding."""
    text = text.rstrip(b"=")
    return base64.b32decode(text + b"=" * (-len(text) % 8))


def _decode_latin_1_in_utf_8(text: bytes) -> bytes:
    """Return one byte for each character of ``text``, UTF-8 with characters up to U+00FF."""
    return text.decode("utf-8").encode("latin-1")


def _decode_escapes(text: bytes) -> bytes:
    r"""Return one byte for each character or escape of ``text``, such as ``\u0080``."""
    return text.decode("raw-unicode-escape").encode("latin-1")


def _decode_ascii85(text: bytes) -> bytes:
    """Decode Ascii85 with or without its brackets ``<~`` and ``~>``."""
    return base64.a85decode(text.removeprefix(b"<~").removesuffix(b"~>"))


# The signatures of ``_BINARY_STARTS`` as each coding writes them. For base64, the second line has those of content that
# is encoded twice, and of pickles of protocol 0.
_TEXT_CODINGS: Final = {
    Coding.BASE64: _TextCoding(
        rb"gA[A-X]|UEs[DF]|H4sI|e(?:A[E-H]|F[4-7]|J[w-z]|N[o-r])|Qlpo|[/_]Td6|XQAA|BCJN|KLUv|N3q8|k05V"
        rb"|Z0F[B-Y]|VUVz|SDRz|ZU[5FYp]|UWxw|L1Rk|X1Rk|WFFB|QkNK|S0xV|TjNx|ODAw|Nz[gh][15kw]|Y[1-3]|K[FG][MNQYkw]|azA1",
        defer_pattern(rb"(?:[A-Za-z0-9+/]+|[A-Za-z0-9_\-]+)={0,2}"), 4, _decode_base64,
    ),
    Coding.BASE32: _TextCoding(
        rb"QA[A-C]|KBFQ|D6FQ|P[A-D][ANOP]|IJNG|7U3X|LUAA|AQRE|FC2S|G55L|SNHF",
        defer_pattern(rb"[A-Z2-7]+=*"), 8, _decode_base32,
    ),
    Coding.HEX: _TextCoding(
        rb"80(?:0[0-5])|504[bB]|1[fF]8[bB]|78(?:01|5[eE]|9[cC]|[dD][aA])|425[aA]|[fF][dD]37|5[dD]00|0422|28[bB]5"
        rb"|377[aA]|934[eE]",
        defer_pattern(rb"[0-9a-fA-F]+"), 2, binascii.unhexlify,
    ),
    Coding.BASE85: _TextCoding(
        rb"f[BC]|P\)h[>{]|ABz[YZab]|c[$%\-mw]|LRx4|\{Wp4|T>t[<=>?]|1R_l|D77#|H\+sC|lTKA",
        defer_pattern(rb"[0-9A-Za-z!#$%&()*+\-;<=>?@^_`{|}~]+"), 5, base64.b85decode,
    ),
    Coding.ASCII85: _TextCoding(
        rb"<~|J[,\-]|:eL[lr]|\+,\^[CDEF]|G[Q\[abh]|6<\\%|rAT%|>lX[jklm]|\"<pP|\.\(\(`|2gW-|P>5\+",
        defer_pattern(rb"(?:<~)?[!-uyz]+(?:~>)?"), 5, _decode_ascii85,
    ),
}  # fmt: skip

STARTS_IN_TEXT: Final = b"|".join(_TEXT_CODINGS[each].starts for each in (Coding.BASE64, Coding.HEX))
"""Pattern of the first characters of content in Base64 or hexadecimal digits, whose letters form one word."""

_CODED_STARTS: Final = defer_pattern(b"|".join(text.starts for text in _TEXT_CODINGS.values()))

CONTENT_STARTS: Final = defer_pattern(
    # The first bytes of all patterns below: this lookahead rejects most constants after one byte.
    rb"(?=[\x04\x08\x18\x1f\"(+.\x38:\x48\x58\x5d\x68\x78>\x80\x93\xc2\xc3\xe3\xfd/0-9<A-Z_ac-gklrs{}])"
    rb"(?:" + _BINARY_STARTS + b"|" + _PROTOCOL_0_STARTS + b"|" + _CODED_STARTS.pattern + b")",
    re.DOTALL,
)
"""Pattern of the start of content that a loader accepts. Four bytes decide, except for the name of a global."""

_UNCODED_STARTS: Final = defer_pattern(_BINARY_STARTS + b"|" + _PROTOCOL_0_STARTS, re.DOTALL)
_SPACE: Final = b" \t\r\n"
# The first bytes of a character of UTF-8, or the first letters of an escape such as ``\u00ff``, at the end of a text.
_INCOMPLETE_CHARACTER: Final = defer_pattern(rb"(?:[\xc2-\xf4][\x80-\xbf]{0,2}|\\u?[0-9a-f]{0,3})\Z")


def decode_letters(text: bytes) -> bytes:
    """Decode ``text`` from hexadecimal digits if it consists of them, and from Base64 otherwise.

    Raises:
        ValueError: it is in neither coding.
    """
    packed = text.translate(None, _SPACE)
    is_hex = _TEXT_CODINGS[Coding.HEX].whole.fullmatch(packed) is not None
    return _TEXT_CODINGS[Coding.HEX if is_hex else Coding.BASE64].decode(packed)


def decode_character_bytes(text: bytes, is_truncated: bool = False) -> dict[Coding, bytes]:
    """Decode ``text`` as one byte a character, as pickles of old protocols write bytes.

    Returns:
        The bytes by coding; a text of ASCII without escapes fits no coding, because its bytes are the text itself.

    Args:
        text: in UTF-8, or with the escapes of ``raw-unicode-escape``.
        is_truncated: ``text`` is truncated, so its last character may be incomplete.
    """
    decoded: dict[Coding, bytes] = {}
    if is_truncated:
        text = _INCOMPLETE_CHARACTER.sub(b"", text)
    for coding, decode, is_used in (
        (Coding.LATIN_1, _decode_latin_1_in_utf_8, not text.isascii()),
        (Coding.ESCAPED, _decode_escapes, b"\\u00" in text),
    ):
        with suppress(ValueError):
            if is_used:
                decoded[coding] = decode(text)
    return decoded


def decode_codings(text: bytes, is_truncated: bool = False) -> dict[Coding, bytes]:
    """Decode ``text`` in every encoding that fits all of it and yields content that a loader may accept.

    Args:
        text: the text, or, with ``is_truncated``, its beginning.
        is_truncated: ``text`` is truncated, so the result is only the beginning of the content.
    """
    packed = text.translate(None, _SPACE)
    # Nearly all texts are not encoded content: reject them by their first characters before the full matches.
    decoded: dict[Coding, bytes] = {}
    if len(packed) < _SHORTEST_TEXT or _CODED_STARTS.match(packed) is None:
        return decoded
    for coding, text_coding in _TEXT_CODINGS.items():
        if not _compile_starts(coding).match(packed):
            continue
        whole_groups = packed[: len(packed) - len(packed) % text_coding.group] if is_truncated else packed
        if text_coding.whole.fullmatch(whole_groups) is None:
            continue
        try:
            data = text_coding.decode(whole_groups)
        except ValueError:
            continue
        if begins_like_content(data):
            decoded[coding] = data
    return decoded


def begins_like_content(data: bytes) -> bool:
    """Whether ``data`` begin like content that a loader accepts, directly or in a further encoding."""
    return _UNCODED_STARTS.match(data) is not None or (
        data.isascii() and _CODED_STARTS.match(data.lstrip(_SPACE)) is not None
    )


@functools.cache
def _compile_starts(coding: Coding) -> re.Pattern[bytes]:
    """Return the pattern of the first characters of a coding."""
    return re.compile(_TEXT_CODINGS[coding].starts)
