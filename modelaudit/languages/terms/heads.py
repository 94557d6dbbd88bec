"""Extract the comment at the head of a source file, which often names a licence, in any programming language."""

from __future__ import annotations

from typing import Final

# Marks that begin a line comment, and pairs that open and close a block comment.
_LINE_COMMENTS: Final = ("#", "//", "--", ";", "%", "rem ", "::")
_BLOCK_COMMENTS: Final = {"/*": "*/", '"""': '"""', "'''": "'''", "<!--": "-->", "{#": "#}", "{-": "-}", "(*": "*)"}
_MAX_LINES: Final = 400


def extract_head_comment(text: str) -> tuple[str, int]:
    """Extract the comment at the beginning of a source file: all comment lines before the first line of code.

    The docstring of a Python module counts as a comment.

    Returns:
        The text, and the number of its first line, from 1. The text is empty if there is no comment.
    """
    lines = text.splitlines()[:_MAX_LINES]
    closing = ""  # the mark that closes the block comment around the line
    last_comment_line = 0
    for number, line in enumerate(lines, 1):
        stripped = line.strip().lower()
        if closing:
            last_comment_line = number
            closing = "" if closing in stripped else closing
            continue
        if not stripped:
            continue
        opening = next((each for each in _BLOCK_COMMENTS if stripped.startswith(each)), "")
        if opening:
            closing = "" if _BLOCK_COMMENTS[opening] in stripped[len(opening) :] else _BLOCK_COMMENTS[opening]
        elif not stripped.startswith(_LINE_COMMENTS):
            break
        last_comment_line = number
    start = next((index for index, line in enumerate(lines[:last_comment_line]) if line.strip()), 0)
    return "\n".join(lines[start:last_comment_line]), start + 1
