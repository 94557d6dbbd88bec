"""Take the text for people out of source code in any language: its comments, and its strings that may be sentences."""

from __future__ import annotations

import re
from typing import Final

from modelaudit.model.lazy_pattern import defer_pattern

# What opens a comment or a string: marks of blocks, of a comment to the end of its line, and of a string.
_OPENING: Final = defer_pattern(
    r"\"\"\"|'''|/\*|<!--|\{#|(?<![^\s;,{}()\[\]\"'])#|(?<![:/\w])//|^[ \t]{0,40}(?:--|%|;|rem\b)|[\"']", re.MULTILINE
)
_CLOSINGS: Final = {'"""': '"""', "'''": "'''", "/*": "*/", "<!--": "-->", "{#": "#}"}
_DOUBLE_QUOTED_REST: Final = defer_pattern(r'((?:[^"\\\n]|\\[^\n])*)"')
_SINGLE_QUOTED_REST: Final = defer_pattern(r"((?:[^'\\\n]|\\[^\n])*)'")
_ESCAPED_SPACE: Final = defer_pattern(r"\\[nrt]")
_BLOCK_LINE_MARK: Final = defer_pattern(r"^[ \t]*\*(?= |$)", re.MULTILINE)
_LETTERS_WITHOUT_SPACES: Final = defer_pattern("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{6}")
_MIN_STRING_SPACES: Final = 3
"""The least white space in a string that may be a sentence; shorter ones are names and words."""


def extract_source_text(text: str) -> str:
    """Extract the comments and the wordy strings of source code; blanks replace the code, and line breaks stay.

    Comments and strings in adjacent lines make one paragraph, so that a sentence may run over several of them. The
    marks are those of many languages, so a few pieces of code may come out as text. The work is linear in the length.
    """
    parts: list[str] = []
    unclosed: dict[str, int] = {}  # a mark without its closing one -> where a search for that may begin again
    position, string_end = 0, -1
    while (opening := _OPENING.search(text, position)) is not None:
        mark = opening[0].strip()
        parts.append("\n" * text.count("\n", position, opening.start()))
        start = position = opening.end()
        if mark in ("'", '"'):
            rest = _DOUBLE_QUOTED_REST if mark == '"' else _SINGLE_QUOTED_REST
            string = None if unclosed.get(mark, 0) > start else rest.match(text, start)
            if string is None:
                unclosed[mark] = max(unclosed.get(mark, 0), _find_line_end(text, start))
                continue
            # Strings with nothing but space between them are one.
            is_continued = string_end >= 0 and not text[string_end : opening.start()].strip(" \t\r\n\\")
            position = string.end()
            if _may_be_sentence(string[1]):
                string_end = position
                parts.append(f"{'' if is_continued else ' . '}{_ESCAPED_SPACE.sub(' ', string[1])}")
            continue
        separator, string_end = " . " if string_end >= 0 else " ", -1
        closing = _CLOSINGS.get(mark)
        end = text.find(closing, start) if closing and mark not in unclosed else -1
        if closing and end < 0:
            unclosed[mark] = len(text)
        piece = text[start : end if end >= 0 else _find_line_end(text, start)]
        position = start + len(piece) + (len(closing) if closing and end >= 0 else 0)
        parts.append(f"{separator}{_BLOCK_LINE_MARK.sub('', piece) if mark == '/*' else piece} ")
    parts.append("\n" * text.count("\n", position))
    return "".join(parts)


def _find_line_end(text: str, start: int) -> int:
    """Find the end of the line that holds ``start``."""
    end = text.find("\n", start)
    return len(text) if end < 0 else end


def _may_be_sentence(string: str) -> bool:
    """Whether a string may be a sentence by its spaces, or by the letters of a script without them."""
    return string.count(" ") >= _MIN_STRING_SPACES or _LETTERS_WITHOUT_SPACES.search(string) is not None
