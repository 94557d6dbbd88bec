"""Decode the bytes of a text for people: UTF-8, UTF-16, UTF-32, or the code page of an old editor."""

from __future__ import annotations

import codecs
from typing import Final

from modelaudit.wire.base import HEAD_BYTES
from modelaudit.wire.text import blank_controls

_ZERO_SHARE: Final = 0.3
"""Half of the least share of zero bytes among the high bytes of text without a byte order mark."""
_CODE_PAGE_SHARE: Final = 0.02
"""The greatest share of bytes beyond ASCII in text of a Western code page that is read as such."""
_ASCII: Final = bytes(range(0x80))
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # fmt: skip
"""The marks of UTF-32 come first, because that of UTF-16 begins one of them."""
_WIDE_CODECS: Final = (("utf-16-le", 2, 0), ("utf-16-be", 2, 1), ("utf-32-le", 4, 0), ("utf-32-be", 4, 3))
"""Codecs with the bytes of a character and the place of the low one among them. Text in UTF-32 is none in UTF-16."""


def decode_text(data: bytes) -> str:
    """Decode UTF-16 or UTF-32, with or without a byte order mark, otherwise UTF-8.

    Text of an old editor of Windows has a few quotes and dashes of its code page, and no character of UTF-8. Other
    bytes become replacement characters, and control characters that text does not have become spaces.
    """
    codec = find_wide_codec(data)
    if codec:
        return data.decode(codec, "replace").lstrip("\ufeff")
    data = blank_controls(data)
    text = data.decode("utf-8-sig", "replace")
    unread = text.count("\ufffd")
    is_code_page = 0 < unread <= len(data) * _CODE_PAGE_SHARE and unread == len(data.translate(None, _ASCII))
    # Text that was cut may end within a character of UTF-8.
    return data.decode("cp1252", "replace") if is_code_page and text[-1] != "\ufffd" else text


def find_wide_codec(data: bytes) -> str | None:
    """Return the codec of text in UTF-16 or UTF-32, by its mark or by its zero bytes; ``None`` for anything else."""
    for mark, codec in _MARKS:
        if data.startswith(mark):
            return codec
    start = data[:HEAD_BYTES]
    for codec, width, place in _WIDE_CODECS:
        # No low byte of a letter is zero or a control character, and nearly all high bytes are zero.
        lows = start[place::width]
        is_text = len(start) >= 4 * width and blank_controls(lows) == lows
        if is_text and start.count(0) > 2 * _ZERO_SHARE * (len(start) - len(lows)):
            return codec
    return None
