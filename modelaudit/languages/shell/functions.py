"""Find the functions that a shell script defines, so that each call can be analysed as the commands of its body.

``f() { cd x; curl address; }; f | sh`` runs a download: the commands of the body write to the pipe behind the call.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
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
_MAX_BODY_LENGTH: Final = 5000


def find_functions(text: str) -> Iterator[tuple[str, str]]:
    """Yield the name of each function of a script and the text of its body, cut to 5000 characters."""
    for match in iterate_within_deadline(_HEADER.finditer(text), items_per_check=16):
        following = text[match.end() : match.end() + _MAX_BODY_LENGTH]
        end = find_closing_parenthesis(following, 0) if match[3] == "(" else _find_body_end(following)
        yield match[1] or match[2], following[:end]


def _find_body_end(text: str) -> int:
    """Return the index of the brace that closes the one before ``text``; the end of the text if none does."""
    depth = 1
    for piece in _BODY_PIECE.finditer(text):
        depth += {"{": 1, "}": -1}.get(piece[0], 0)
        if not depth:
            return piece.start()
    return len(text)
