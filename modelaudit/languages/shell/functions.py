"""Find the functions that a shell script defines, so that each call can be analysed as the commands of its body.

``f() { cd x; curl address; }; f | sh`` runs a download: the commands of the body write to the pipe behind the call.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from modelaudit.languages.shell.brackets import find_closing_parenthesis
from modelaudit.wire.deadline import iterate_within_deadline

# ``function name {``, ``name() {`` or ``name() (``.
_HEADER: Final = re.compile(
    r"(?:^|[;&|({])[ \t]*(?:function[ \t]+([\w-]{1,60})[ \t]*(?:\([ \t]*\))?|([\w-]{1,60})[ \t]*\([ \t]*\))"
    r"\s{0,20}([{(])",
    re.MULTILINE,
)
# What moves the end of a body: a quoted text, an escape, a comment or a brace.
_BODY_PIECE: Final = re.compile(r"'[^']*'|\"(?:[^\"\\]|\\.)*\"|\\.|(?<!\S)#[^\n]*|[{}]", re.DOTALL)
_MAX_BODY_LENGTH: Final = 200_000
# Characters of all bodies of one text. Functions may nest, so that a body is a part of others.
_MAX_SEARCHED_LENGTH: Final = 4_000_000


@dataclass(frozen=True, slots=True)
class Function:
    """A function of a script; ``is_cut`` if the body is longer than is searched for its end."""

    name: str
    body: str
    is_cut: bool


def find_functions(text: str) -> Iterator[Function]:
    """Yield the functions of a script; the bodies of all are cut together."""
    length_left = _MAX_SEARCHED_LENGTH
    for match in iterate_within_deadline(_HEADER.finditer(text), items_per_check=16):
        following = text[match.end() : match.end() + min(_MAX_BODY_LENGTH, length_left)]
        end = find_closing_parenthesis(following, 0) if match[3] == "(" else _find_body_end(following)
        length_left -= end
        is_cut = end == len(following) and match.end() + end < len(text)
        yield Function(match[1] or match[2], following[:end], is_cut)


def _find_body_end(text: str) -> int:
    """Return the index of the brace that closes the one before ``text``; the end of the text if none does."""
    depth = 1
    for piece in _BODY_PIECE.finditer(text):
        depth += {"{": 1, "}": -1}.get(piece[0], 0)
        if not depth:
            return piece.start()
    return len(text)
