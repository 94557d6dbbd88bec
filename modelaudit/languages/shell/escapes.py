"""Decode the backslash escapes of ``$'…'`` in bash and of the arguments of ``echo -e`` and ``printf``.

Both spell characters as numbers, which hides program names. The escapes differ: only ``$'…'`` has Unicode escapes and
drops the backslash before any other character; only ``printf`` allows a zero before three octal digits.
"""

from __future__ import annotations

import re
import sys
from typing import Final

# ``\x41``, ``\u0041``, ``\U00000041``, ``\101`` or a letter such as ``\n``.
_ANSI_ESCAPE: Final = re.compile(
    r"\\(?:x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{1,4})|U([0-9a-fA-F]{1,8})|([0-7]{1,3})|(.))", re.DOTALL
)
_ANSI_LETTERS: Final = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "v": "\v"}
# ``\x41``, ``\101``, ``\0101`` or a letter such as ``\n``.
_PRINTED_ESCAPE: Final = re.compile(r"\\(?:x([0-9a-fA-F]{1,2})|0?([0-7]{1,3})|([ntr\\]))")
_PRINTED_LETTERS: Final = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\"}


def decode_ansi_text(text: str) -> str:
    """Return the value of ``$'text'``."""
    return _ANSI_ESCAPE.sub(_decode_ansi_escape, text)


def decode_printed_text(text: str) -> str:
    """Return ``text`` as ``echo -e`` or ``printf`` prints it."""
    return _PRINTED_ESCAPE.sub(_decode_printed_escape, text) if "\\" in text else text


def _decode_ansi_escape(match: re.Match[str]) -> str:
    """Return the character of one escape in ``$'…'``; of an unknown escape, the character without its backslash."""
    byte, short_code, long_code, octal, letter = match.groups()
    if byte:
        return chr(int(byte, 16))
    if short_code:
        return chr(int(short_code, 16))
    if long_code:
        return chr(min(int(long_code, 16), sys.maxunicode))
    if octal:
        return chr(int(octal, 8) & 0xFF)  # three octal digits can exceed a byte; bash keeps the low bits
    return _ANSI_LETTERS.get(letter, letter)


def _decode_printed_escape(match: re.Match[str]) -> str:
    """Return the character of one escape in a text that ``echo -e`` or ``printf`` prints."""
    byte, octal, letter = match.groups()
    if byte:
        return chr(int(byte, 16))
    return chr(int(octal, 8) & 0xFF) if octal else _PRINTED_LETTERS[letter]
