"""Tokenize TorchScript as torch does.

Python's tokenizer differs at line ends, letters beyond ASCII and ``is not`` before a name. Where two tokenizers differ,
one takes code for a string or a comment, and that hides code from a scanner. Source:
``torch/csrc/jit/frontend/lexer.h``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.wire.base import DamagedError, LimitReachedError
from modelaudit.wire.deadline import iterate_within_deadline

_TOKEN: Final = defer_pattern(
    r"""
      (?P<space>[ \t\r\v\f]+|\\\n)            # blanks, or a backslash that joins two lines
    | (?P<line>\n[ \t\r\v\f]*)                # the end of a line, and the indentation of the next one
    | (?P<comment>\#(?!\ type:)[^\n]*)
    | (?P<type>\#\ type:)                     # a comment with a type is code
    | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?j?)
    | (?P<string>
        \"{3}(?:[^\\"]++|\\(?s:.)|"(?!""))*+\"{3}   # three quotes, then one or two are content
        |'{3}(?:[^\\']++|\\(?s:.)|'(?!''))*+'{3}
        |"(?!"")(?:[^\\"\n]++|\\(?s:.))*+"          # one quote: the string ends in its line
        |'(?!'')(?:[^\\'\n]++|\\(?s:.))*+')
    | (?P<word>is\ not|not\ in|[A-Za-z_][A-Za-z0-9_]*)
    | (?P<mark>->|\.\.\.|[-+*/%@()\[\]:,={}><.?!&^|~])
    """,
    re.VERBOSE,
)
_MOST_TOKENS: Final = 4_000_000
_SKIPPED: Final = frozenset({"space", "comment"})


class Token(NamedTuple):
    """A token: its kind (``word``, ``string``, ``mark``, ``number``, ``line``, ``type``), its text and its line.

    The text of a ``line`` is the line's end with the blanks that open the next one.
    """

    kind: str
    text: str
    line: int


def tokenize(text: str) -> Iterator[Token]:
    """Yield the tokens of a source, without comments, blanks, and the ends of lines inside brackets.

    Raises:
        DamagedError: torch refuses the text; ``offset`` counts characters.
        LimitReachedError: there are more tokens than are read.
    """
    position, line, nesting = 0, 1, 0
    for _ in iterate_within_deadline(range(_MOST_TOKENS)):
        if position >= len(text):
            return
        match = _TOKEN.match(text, position)
        if match is None:
            raise DamagedError(f"line {line} has a character that TorchScript does not allow", position)
        kind, token_text = match.lastgroup or "", match.group()
        if kind == "mark" and token_text in "([{":
            nesting += 1
        elif kind == "mark" and token_text in ")]}":
            nesting -= 1
        is_line_in_brackets = kind == "line" and nesting > 0
        if kind not in _SKIPPED and not is_line_in_brackets:
            yield Token(kind, token_text, line)
        position = match.end()
        if kind in ("line", "string", "space"):
            line += token_text.count("\n")
    if position < len(text):
        raise LimitReachedError(f"more than {_MOST_TOKENS} tokens in one source", position)
