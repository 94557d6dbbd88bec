"""Write text of a model into Markdown so that it has no effect: words that are not plain become code.

A backslash keeps a character from being markup. It does not keep GitHub and GitLab from what they look for in the text
of the finished page: ``@name``, ``#123``, ``https://…``, ``:smile:``, ``$…$``. They look for none of these inside code,
and names, paths and commands read well as code.

Sources: CommonMark 0.31, section 6.1 (code spans); the GitHub Flavored Markdown specification, section 4.10 (tables).
"""

from __future__ import annotations

from itertools import groupby
from typing import Final

from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.reports.text import escape_unprintable

MAX_CHARACTERS: Final = 300
"""Of a text, before it is escaped."""

_TOKEN: Final = defer_pattern(r"""(?<!\S)'[^']*'[.,;:!?)]*(?!\S)|(?<!\S)"[^"]*"[.,;:!?)]*(?!\S)|\S+""")
"""A quotation, or else a word with the punctuation around it."""
_PLAIN_TOKEN: Final = defer_pattern(
    r"""[("'“‘]*(?:[^\W\d_]+(?:[ '’-][^\W\d_]+)*|[0-9]{1,6}(?:[.,][0-9]{1,6})*|[–—…])[.,;:!?)"'”’…]*"""  # noqa: RUF001
)
"""Letters or a number, with the punctuation around them. Neither can begin or end any markup."""
_LIST_NUMBER: Final = defer_pattern(r"[0-9]+[.)]")
"""At the beginning of a line, a mark of an ordered list."""
_BACKTICKS: Final = defer_pattern("`+")
_PIPE: Final = defer_pattern(r"\\?\|")
_PIPE_ESCAPES: Final = {"|": "\\|", "\\|": "\\x7c"}


def write_text(text: str, limit: int = MAX_CHARACTERS) -> str:
    """Write a text for the inside of a line; runs of words that are not plain become code.

    Args:
        text: any text; it may be hostile.
        limit: the number of characters to show; the number of further ones is appended.
    """
    tokens = _TOKEN.findall(" ".join(escape_unprintable(text, limit).split()))
    parts = []
    for is_plain, run in groupby(enumerate(tokens), lambda pair: _is_plain(*pair)):
        joined = " ".join(token for _, token in run)
        if is_plain:
            parts.append(joined)
            continue
        end = _find_end(joined)
        parts.append(f"{_quote(joined[:end])}{joined[end:]}" if end else _quote(joined))
    return " ".join(parts)


def write_code(text: str, limit: int = MAX_CHARACTERS) -> str:
    """Write a text as one code span; empty for an empty text."""
    shown = " ".join(escape_unprintable(text, limit).split())
    return _quote(shown) if shown else ""


def _is_plain(index: int, token: str) -> bool:
    """Whether a token of a text needs no quotation."""
    return _PLAIN_TOKEN.fullmatch(token) is not None and not (index == 0 and _LIST_NUMBER.match(token))


def _find_end(text: str) -> int:
    """Return the length of a text without the punctuation of the sentence behind it; 0 if it is nothing else."""
    end = len(text)
    unclosed = text.count("(") - text.count(")")
    while end and (text[end - 1] in ".,;:!?" or (text[end - 1] == ")" and unclosed < 0)):
        end -= 1
        unclosed += text[end] == ")"
    return end


def write_row(*cells: str) -> str:
    """Write a row of a table from Markdown of its cells."""
    # A table splits at each pipe, also inside of code, unless a backslash is before it. Readers disagree about two.
    return f"| {' | '.join(_PIPE.sub(lambda pipe: _PIPE_ESCAPES[pipe[0]], cell) for cell in cells)} |"


def _quote(shown: str) -> str:
    """Quote a text without invisible characters as a code span."""
    fence = "`" * (1 + max(map(len, _BACKTICKS.findall(shown)), default=0))
    space = " " if shown[0] == "`" or shown[-1] == "`" else ""
    return f"{fence}{space}{shown}{space}{fence}"
