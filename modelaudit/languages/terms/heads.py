"""The comment at the head of a source file, in whatever language it is written."""

from __future__ import annotations

from typing import Final

# What begins a comment to the end of its line, and what opens and closes one of several lines.
_LINE_COMMENTS: Final = ("#", "//", "--", ";", "%", "rem ", "::")
_BLOCK_COMMENTS: Final = {"/*": "*/", '"""': '"""', "'''": "'''", "<!--": "-->", "{#": "#}", "{-": "-}", "(*": "*)"}
_MAX_LINES: Final = 400


def extract_head_comment(text: str) -> tuple[str, int]:
    """The lines before the first one of code, with the number of the first, from 1; empty where there are none.

    A text that stands first in a module of Python is a head, too.
    """
    lines = text.splitlines()[:_MAX_LINES]
    closing = ""
    end = 0
    for number, line in enumerate(lines, 1):
        bare = line.strip().lower()
        if closing:
            end = number
            closing = "" if closing in bare else closing
            continue
        if not bare:
            continue
        opening = next((each for each in _BLOCK_COMMENTS if bare.startswith(each)), "")
        if opening:
            closing = "" if _BLOCK_COMMENTS[opening] in bare[len(opening) :] else _BLOCK_COMMENTS[opening]
        elif not bare.startswith(_LINE_COMMENTS):
            break
        end = number
    start = next((index for index, line in enumerate(lines[:end]) if line.strip()), 0)
    return "\n".join(lines[start:end]), start + 1
