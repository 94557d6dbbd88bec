"""Decide whether a text that is too long to be parsed may be a template of Jinja, by its first statement.

The parser reads a template from its beginning. A text in which the first statement or expression is not valid is no
template, whatever follows, and braces in a vocabulary or between numbers are hardly ever valid.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from modelaudit.languages.jinja.syntax import fails_early
from modelaudit.model.artifact import Window
from modelaudit.wire.windows import iterate_chunks

_BEGUN_CHARACTERS: Final = 128 * 1024
"""Characters from the first statement on that decide."""
_MOST_COMMENTS: Final = 1000
"""Comments before the first statement; a text with more of them may be a template."""


class _Encoding(NamedTuple):
    """An encoding, and the bytes that ``{``, ``%`` and so on take in it."""

    name: str
    width: int
    is_little: bool = True

    def encode(self, character: str) -> bytes:
        """Return the bytes of an ASCII character."""
        zeros = bytes(self.width - 1)
        return character.encode() + zeros if self.is_little else zeros + character.encode()


_ENCODINGS: Final = (
    _Encoding("utf-8", 1),
    _Encoding("latin-1", 1),
    _Encoding("utf-16-le", 2),
    _Encoding("utf-16-be", 2, is_little=False),
    _Encoding("utf-32-le", 4),
    _Encoding("utf-32-be", 4, is_little=False),
)


def may_be_template(window: Window, end: int) -> bool:
    """Whether the first ``end`` bytes may be the beginning of a template in some encoding.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    return any(_may_be_template(window, end, encoding) for encoding in _ENCODINGS)


def _may_be_template(window: Window, end: int, encoding: _Encoding) -> bool:
    """Whether the bytes may be the beginning of a template in one encoding."""
    brace = re.escape(encoding.encode("{"))
    second = b"|".join(re.escape(encoding.encode(each)) for each in "{%#")
    mark = re.compile(brace + b"(?:" + second + b")")
    comment_start = encoding.encode("{") + encoding.encode("#")
    comment_end = re.compile(re.escape(encoding.encode("#") + encoding.encode("}")))
    position = 0
    for _ in range(_MOST_COMMENTS):
        start = _find(window, mark, position, end, encoding.width)
        if start is None:
            return False
        if window.read(start, len(comment_start)) != comment_start:
            begun = window.read(start, min(_BEGUN_CHARACTERS * encoding.width, end - start))
            return not fails_early(begun.decode(encoding.name, "replace"))
        after = _find(window, comment_end, start + len(comment_start), end, encoding.width)
        if after is None:
            return end < window.size  # the rest may end the comment
        position = after + len(comment_start)
    return True


def _find(window: Window, pattern: re.Pattern[bytes], start: int, end: int, width: int) -> int | None:
    """Return the offset of the first match at a multiple of ``width``; ``None`` if there is none before ``end``."""
    longest = 2 * width
    before, offset = b"", start
    for chunk in iterate_chunks(window, start, end):
        piece = before + chunk
        first = offset - len(before)
        for found in pattern.finditer(piece):
            if not (first + found.start()) % width:
                return first + found.start()
        before, offset = piece[-(longest - 1) :], offset + len(chunk)
    return None
