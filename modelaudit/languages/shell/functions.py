"""Find the functions of a shell script, and the names that it gives to single commands: aliases and short functions.

A function of one command replaces its name only if that command downloads something or executes its input. Otherwise an
attacker could hide ``curl`` or ``sh`` behind an invented name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from modelaudit.languages.shell.brackets import find_closing_parenthesis
from modelaudit.languages.shell.download_commands import is_download
from modelaudit.languages.shell.lexer import parse_commands
from modelaudit.languages.shell.pipelines import runs_input
from modelaudit.languages.shell.program_names import unwrap_command
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.wire.deadline import iterate_within_deadline

# ``function name {``, ``name() {`` or ``name() (``.
_HEADER: Final = defer_pattern(
    r"(?:^|[;&|({])[ \t]*(?:function[ \t]+([\w-]{1,60})[ \t]*(?:\([ \t]*\))?|([\w-]{1,60})[ \t]*\([ \t]*\))"
    r"\s{0,20}([{(])",
    re.MULTILINE,
)
# What moves the end of a body: a quoted text, an escape, a comment or a brace.
_BODY_PIECE: Final = defer_pattern(r"'[^']*'|\"(?:[^\"\\]|\\.)*\"|\\.|(?<!\S)#[^\n]*|[{}]", re.DOTALL)
_MAX_BODY_LENGTH: Final = 200_000
# Characters of all bodies of one text. Functions may nest, so that a body is a part of others.
_MAX_SEARCHED_LENGTH: Final = 4_000_000
# ``alias name='words'``.
_ALIAS: Final = defer_pattern(r"^[ \t]*alias[ \t]+([\w.-]{1,60})=[\"']?([^\"'\n;]{1,200})", re.MULTILINE)
# ``function name { body }`` or ``name() { body }``.
_SHORT_FUNCTION: Final = defer_pattern(
    r"(?:^|;)[ \t]*(?:function[ \t]+([\w-]{1,60})[ \t]*(?:\(\))?|([\w-]{1,60})[ \t]*\([ \t]*\))"
    r"\s{0,20}\{([^}]{1,500})\}",
    re.MULTILINE,
)


class Function(Struct, frozen=True):
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


def parse_aliases(text: str) -> dict[str, list[str]]:
    """Return the words that replace each alias or function name; the last definition of a name counts."""
    replacements: dict[str, list[str]] = {}
    for match in iterate_within_deadline(_ALIAS.finditer(text), items_per_check=64):
        replacements[match[1]] = match[2].split()
    for match in iterate_within_deadline(_SHORT_FUNCTION.finditer(text), items_per_check=64):
        bodies = [each.words for each in parse_commands(match[3])]
        # The analyser judges the body of every function in place. Only a body of one command can replace its name.
        if len(bodies) != 1:
            continue
        if is_download(unwrap_command(bodies[0])) or runs_input(bodies[0]):
            replacements[match[1] or match[2]] = bodies[0]
    return replacements
