"""Escape text from a model for display: characters that are invisible or control the output become escapes.

A pipeline is controlled by what its jobs print. GitHub reads a line that begins with ``::name``, after white space, and
``##[name]`` anywhere in a line; Azure Pipelines reads ``##vso[…]``, and TeamCity ``##teamcity[…]``. The first character
of such a mark becomes an escape too.
"""

from __future__ import annotations

import re
import unicodedata

from modelaudit.model.address import LIKE_ESCAPE
from modelaudit.model.lazy_pattern import defer_pattern

_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})
"""Controls (ANSI sequences begin with one), format characters (bidirectional overrides, zero widths, tags), surrogates,
private and unassigned characters, line separators, and spaces; Unicode 15, chapter 4.5."""

_BLANK_LETTERS = frozenset(
    [0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]
)
"""Characters whose category is a letter, mark or symbol although they are invisible (Unicode's Default_Ignorable, and
the blank Braille pattern)."""

_SHORT_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_COMBINING_CATEGORIES = frozenset({"Mn", "Me"})
_MAX_COMBINING_MARKS = 3
_HTTPS_ADDRESS = defer_pattern(r"https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~:/?#@!$&()*+,;=%-]*)?")
"""``https://host:port/path`` without a user name, in the characters of RFC 3986 except brackets and the apostrophe."""
_INVALID_IN_ADDRESS = defer_pattern(r"%(?![0-9A-Fa-f]{2})|#.*#")
"""A percent sign without two hexadecimal digits, or a second number sign."""
_MAX_ADDRESS_CHARACTERS = 2000
_PIPELINE_COMMAND = defer_pattern(r"\A\s*::|##(?=\w*\[)")
"""Sources: ``ActionCommand`` of GitHub's runner; "Logging commands" of Azure Pipelines; "Service messages" of TeamCity.
"""

_WRAPPED_COMMAND = defer_pattern(r"^(\s*)::", re.MULTILINE)


def escape_unprintable(text: str, limit: int | None = None) -> str:
    r"""Return ``text`` on one line, with every invisible character replaced by an escape.

    A byte that was not UTF-8 (a surrogate escape) becomes ``\xff``, other characters ``\x1b``, ``\u202e`` or
    ``\U000e0041``. Combining marks in a row are escaped from the fourth on, so that they cannot cover other lines.

    Args:
        text: any text; it may be hostile.
        limit: the number of characters to show; the number of further ones is appended.
    """
    if limit is not None and len(text) > limit:
        omission = f"{len(text) - limit:,} more characters, see the JSON report"
        return f"{escape_unprintable(text[:limit])}… ({omission})"
    if ":" in text or "##" in text:
        text = _PIPELINE_COMMAND.sub(_break_command, text)
    if text.isascii() and text.isprintable():
        return text
    shown: list[str] = []
    marks = 0
    for character in text:
        category = unicodedata.category(character)
        marks = marks + 1 if category in _COMBINING_CATEGORIES else 0
        is_invisible = category in _HIDDEN_CATEGORIES or ord(character) in _BLANK_LETTERS
        # The ordinary space is of a hidden category too.
        is_hidden = (is_invisible and character != " ") or marks > _MAX_COMBINING_MARKS
        shown.append(_escape_character(character) if is_hidden else character)
    return "".join(shown)


def escape_name(name: str) -> str:
    r"""Return the name of a file as ``escape_unprintable`` does, so that no two names look equal.

    A backslash at the start of an apparent escape becomes ``\x5c``; in an address it is ``%5C`` already.
    """
    return escape_unprintable(LIKE_ESCAPE.sub(r"\\x5c", name))


def guard_lines(text: str) -> str:
    r"""Return lines of a finished output with an escape where one begins with the mark of a command of GitHub.

    A text that wraps puts the mark at the start of a line, although none was there when the text was escaped.
    """
    return _WRAPPED_COMMAND.sub(r"\1\\x3a:", text)


def _break_command(match: re.Match[str]) -> str:
    r"""Return the mark of a pipeline's command with an escape in it: ``\x3a:`` or ``\x23#``."""
    mark = match[0][-2:]
    return f"{match[0][:-2]}{_escape_character(mark[0])}{mark[1]}"


def _escape_character(character: str) -> str:
    r"""Return the escape of a character: ``\n``, ``\xff``, ``\u202e`` or ``\U000e0041``."""
    code = ord(character)
    if character in _SHORT_ESCAPES:
        return _SHORT_ESCAPES[character]
    # Python decodes a byte 80 to ff of a file name that is not UTF-8 as a surrogate dc80 to dcff (PEP 383).
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def validate_https_link(address: str) -> str | None:
    """Return ``address`` if it is a plain https address of at most 2,000 characters, else ``None``."""
    if len(address) > _MAX_ADDRESS_CHARACTERS or not _HTTPS_ADDRESS.fullmatch(address):
        return None
    return None if _INVALID_IN_ADDRESS.search(address) else address
