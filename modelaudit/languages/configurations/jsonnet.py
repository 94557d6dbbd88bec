"""Read a Jsonnet configuration without evaluating it: its texts, its imports, and whether it computes a text.

Jsonnet reads files and computes values, and does nothing else. A program without functions, formatting and sums of
texts has no text but those that it writes out, so that the interpreters of JSON can judge it as they judge JSON.

Source: https://jsonnet.org/ref/spec.html (lexing, syntax); ``allennlp/common/params.py``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct, field

from modelaudit.languages.configurations.python_names import FORMAT
from modelaudit.languages.settings import Setting
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.outline import Mention, Outline, Reference, ReferenceKind
from modelaudit.wire.base import Reading
from modelaudit.wire.bounds import build_references
from modelaudit.wire.deadline import iterate_within_deadline

_TOKEN: Final = defer_pattern(
    r"(?P<space>\s+|//[^\n]*|#[^\n]*|/\*[\s\S]*?\*/)"
    r"|(?P<block>\|\|\|-?[ \t]*\n(?P<lines>[\s\S]*?)\n[ \t]*\|\|\|)"
    r"|(?P<verbatim>@\"(?:[^\"]|\"\")*\"|@'(?:[^']|'')*')"
    r"|(?P<text>\"(?:[^\"\\]|\\[\s\S])*\"|'(?:[^'\\]|\\[\s\S])*')"
    r"|(?P<number>\d[\d.eE]*(?:(?<=[eE])[+-]\d+)?)"
    r"|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<sign>\+?:{1,3}|[=!<>]=|&&|\|\||.)"
)
_IMPORTS: Final = frozenset({"import", "importstr", "importbin"})
_KEYS: Final = frozenset({":", "::", ":::", "+:", "+::", "+:::"})
_CLOSING: Final = frozenset("}])")
# Functions of the library that return numbers.
_NUMERIC: Final = frozenset(
    {"parseInt", "length", "max", "min", "floor", "ceil", "abs", "pow", "sqrt", "log", "exp", "mod", "round"}
)
_PARSED_VARIABLE: Final = ["parseJson", "(", "std", ".", "extVar"]
_WORDS: Final = frozenset(
    {
        "local",
        "if",
        "then",
        "else",
        "true",
        "false",
        "null",
        "self",
        "super",
        "for",
        "in",
        "assert",
        "error",
        "tailstrict",
    }
)
_ESCAPE: Final = defer_pattern(r"\\(?:u([0-9A-Fa-f]{4})|([\s\S]))")
_LETTERS: Final = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_MOST_FILES: Final = 1_000
_MOST_DEPTH: Final = 200


class _Token(Struct, frozen=True):
    """One token: its kind, its text, decoded if it is a text, and its line from 1."""

    kind: str
    text: str
    line: int

    def is_sign(self, *signs: str) -> bool:
        """Whether it is one of some signs."""
        return self.kind == "sign" and self.text in signs


class JsonnetProgram(Struct):
    """A Jsonnet program as far as it is read.

    Attributes:
        settings: its texts, each with the keys around it.
        imports: the files that it imports.
        computes_texts: what makes it compute a text; empty if all its texts are written out.
    """

    settings: list[Setting] = field(default_factory=list)
    imports: list[Reference] = field(default_factory=list)
    computes_texts: str = ""

    def build_references(self) -> Iterator[Reading]:
        """Yield the references to the imported files, and an outline of those that hold secrets."""
        from modelaudit.languages.shell.harm import is_private_path

        secrets = tuple(
            Mention("switches", "reads-secret-file", each.target, each.where)
            for each in self.imports
            if is_private_path(each.target) or each.target.startswith("/proc/")
        )
        if secrets:
            yield Outline(FORMAT, secrets)
        yield from build_references(FORMAT, self.imports, _MOST_FILES)


def parse_jsonnet(text: str) -> JsonnetProgram:
    """Read a program token by token.

    Raises:
        LimitReachedError: no time is left.
    """
    tokens = list(_list_tokens(text))
    program = JsonnetProgram()
    keys: list[str] = [""]  # the key of each open bracket, the outermost first
    end = _Token("sign", "", 0)
    for index, token in iterate_within_deadline(enumerate(tokens), items_per_check=256):
        before = tokens[index - 1] if index else end
        after = tokens[index + 1] if index + 1 < len(tokens) else end
        if token.is_sign("{", "[", "("):
            keys.append("")
            if len(keys) > _MOST_DEPTH:
                program.computes_texts = f"it nests deeper than {_MOST_DEPTH} levels"
                return program
        elif token.kind == "sign" and token.text in _CLOSING and len(keys) > 1:
            keys.pop()
        elif token.kind in ("text", "name") and (_is_key(after) or before.text == "local"):
            keys[-1] = token.text
        elif token.kind == "text":
            path = tuple(filter(None, keys))
            if before.kind == "name" and before.text in _IMPORTS:
                where = Setting((before.text,), None, token.line).where
                program.imports.append(Reference(ReferenceKind.DATA, token.text[:1000], before.text, where=where))
            else:
                program.settings.append(Setting(path, token.text, token.line))
        program.computes_texts = program.computes_texts or _find_computation(tokens, index)
    return program


def _is_key(after: _Token) -> bool:
    """Whether the token in front of ``after`` is a key."""
    return after.kind == "sign" and after.text in _KEYS


def _find_computation(tokens: list[_Token], index: int) -> str:
    """Return how the token at an index may compute a text; empty if it does not."""
    token, before = tokens[index], tokens[index - 1] if index else None
    after = tokens[index + 1] if index + 1 < len(tokens) else None
    if token.kind == "other":
        return "it does not parse"
    if token.kind == "name":
        if token.text == "function" or (token.text == "std" and not _calls_numeric(tokens, index)):
            return token.text
        is_call = after is not None and after.is_sign("(") and token.text not in _WORDS
        is_of_library = before is not None and before.is_sign(".") and token.text in _NUMERIC | {"extVar", "parseJson"}
        return f"a call of {token.text}" if is_call and not is_of_library else ""
    if token.is_sign("+", "%") and before is not None and after is not None:
        is_of_numbers = "number" in (before.kind, after.kind) and "text" not in (before.kind, after.kind)
        is_of_objects = before.is_sign("}") or after.is_sign("{")
        is_plain = is_of_numbers or (token.text == "+" and is_of_objects and "text" not in (before.kind, after.kind))
        return "" if is_plain else f"the operator {token.text}"
    is_computed_key = token.is_sign("]") and after is not None and _is_key(after)
    return "a computed key" if is_computed_key else ""


def _calls_numeric(tokens: list[_Token], index: int) -> bool:
    """Whether ``std`` at an index begins a call of a function that returns a number, or a value of the user."""
    names = [each.text for each in tokens[index + 1 : index + 7]]
    if len(names) < 2 or names[0] != ".":
        return False
    return names[1] == "extVar" or names[1] in _NUMERIC or names[1:] == _PARSED_VARIABLE


def _list_tokens(text: str) -> Iterator[_Token]:
    """Yield the tokens of a program, without blanks and comments; the start of a text without end is ``other``."""
    line = 1
    for match in _TOKEN.finditer(text):
        kind, value = str(match.lastgroup), match[0]
        if match["block"] is not None:
            kind, value = "text", match["lines"]
        elif kind == "verbatim":
            kind, value = "text", value[2:-1].replace(value[1] * 2, value[1])
        elif kind == "text":
            value = _ESCAPE.sub(_decode_escape, value[1:-1])
        elif kind == "sign" and value in "\"'@":
            kind = "other"
        if kind != "space":
            yield _Token(kind, value, line)
        line += match[0].count("\n")


def _decode_escape(match: re.Match[str]) -> str:
    """Return the character that an escape in a text means."""
    return chr(int(match[1], 16)) if match[1] else _LETTERS.get(match[2], match[2])
