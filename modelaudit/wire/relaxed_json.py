"""Convert relaxed JSON to strict JSON: comments, trailing commas, and the quotes and keys of JSON5.

Editors read ``tasks.json`` and ``devcontainer.json`` in this form, and loaders read ``.json5``. The conversion changes
only the spelling. It keeps line numbers, except behind an escaped line break in a string.

Sources: https://spec.json5.org/, "JSON with comments" of Visual Studio Code.
"""

from __future__ import annotations

import json
import re
from typing import Final

from modelaudit.model.lazy_pattern import defer_pattern

_TOKEN: Final = defer_pattern(
    r"(?P<double>\"(?:[^\"\\\n]|\\(?:.|\n))*+\")|(?P<single>'(?:[^'\\\n]|\\(?:.|\n))*+')"
    r"|(?P<comment>//[^\n]*+|/\*(?:[^*]|\*(?!/))*+(?:\*/)?)"
    r"|(?P<number>(?<![\w.])[+-]?0[xX][0-9a-fA-F]{1,64}(?![\w.])|(?<![\w.])\+(?=[\d.]))"
    r"|(?P<word>[A-Za-z_$][\w$]*+)"
    # An unclosed string matches as one token; otherwise every quote in it would be tried as a start.
    r"|\"(?:[^\"\\\n]|\\(?:.|\n))*+|'(?:[^'\\\n]|\\(?:.|\n))*+"
)
# Strings match too, so that a comma within one is not taken for a trailing comma.
_STRING_OR_TRAILING_COMMA: Final = defer_pattern(r"\"(?:[^\"\\]|\\.)*+\"?|,(?=\s*+[}\]])", re.DOTALL)
_JSON_WORDS: Final = frozenset({"true", "false", "null", "NaN", "Infinity"})
_ESCAPE: Final = defer_pattern(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPED_LETTERS: Final = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0", "\n": ""}
_RELAXED_NAMES: Final = (".jsonc", ".json5", ".jsonnet", ".libsonnet", ".code-workspace", "devcontainer.json",
                         "tsconfig.json", "jsconfig.json")  # fmt: skip


def accepts_relaxed_json(name: str, path: str) -> bool:
    """Whether tools accept relaxed JSON in a file of this ``name`` (in lower case), or in the folder ``.vscode``."""
    return name.endswith(_RELAXED_NAMES) or "/.vscode/" in f"/{path.lower()}"


def convert_to_json(text: str) -> str:
    """Convert JSON5 spellings in ``text`` to JSON; ``json.loads`` rejects a text with any other deviation."""
    # Two passes: only without comments is it visible that nothing but a bracket follows a comma.
    with_commas = _TOKEN.sub(_convert_token, text)
    return _STRING_OR_TRAILING_COMMA.sub(_drop_comma, with_commas)


def _drop_comma(match: re.Match[str]) -> str:
    """Return nothing for a trailing comma, and a string as it is; the match is one of ``_STRING_OR_TRAILING_COMMA``."""
    return "" if match[0] == "," else match[0]


def _convert_token(match: re.Match[str]) -> str:
    """Return the JSON spelling of a match of ``_TOKEN``."""
    token = match[0]
    if match["comment"]:
        return "\n" * token.count("\n") or " "  # keeps the line numbers; a space still separates the words around it
    # JSON has no single quotes, and fewer escapes than JSON5.
    if match["single"] or (match["double"] and "\\" in token):
        decoded = _ESCAPE.sub(_decode_escape, token[1:-1])
        # Two escapes may be the halves of one character.
        joined = decoded.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return json.dumps(joined, ensure_ascii=False)
    if match["number"]:
        # Either a hexadecimal number, or a plus sign in front of a decimal one, which JSON forbids.
        return str(int(token, 16)) if len(token) > 1 else ""
    # A bare word is a key of JSON5, to be quoted. Strict strings and unclosed strings stay as they are.
    return f'"{token}"' if match["word"] and token not in _JSON_WORDS else token


def _decode_escape(match: re.Match[str]) -> str:
    r"""Return the character of an escape of JSON5, such as ``\x41``; an escaped line break becomes empty text."""
    escape = match[1]
    return chr(int(escape[1:], 16)) if len(escape) > 1 else _ESCAPED_LETTERS.get(escape, escape)
