"""Every name in a TorchScript source, with what it can mean to the compiler.

Names are taken wherever they are mentioned, called or not: a function may be given another name before it is called.
Sources: ``torch/csrc/jit/serialization/import_source.cpp`` (what ``torch``, ``ops``, ``__torch__`` and ``CONSTANTS``
stand for), ``torch/csrc/jit/frontend/ir_emitter.cpp`` (bare names), ``sugared_value.cpp`` (attributes of values).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelaudit.formats.pickles.torch.lexer import Token, tokens
from modelaudit.model.torch import NameUse, TorchMention
from modelaudit.wire.base import LimitReachedError

_KEYWORDS: Final = frozenset(
    {
        *("False", "None", "True", "and", "as", "assert", "break", "class", "continue", "def", "del", "elif", "else"),
        *("for", "global", "if", "import", "in", "is", "is not", "lambda", "nonlocal", "not", "not in", "or", "pass"),
        *("raise", "return", "while", "with", "yield"),
    }
)
_BASES: Final = frozenset({"Module", "NamedTuple", "Interface", "ModuleInterface", "Enum"})
_END: Final = Token("line", "\n", 0)
_MOST_NAMES: Final = 50_000


class Names:
    """Follows the tokens of one source and gathers its names.

    Attributes:
        defines: last names of the classes, functions and methods that it defines.
        types: of those, the ones that stand for themselves and not inside a class.
        fields: names that its classes declare as fields.
    """

    def __init__(self) -> None:
        self.defines: set[str] = set()
        self.types: set[str] = set()
        self.fields: set[str] = set()
        self._mentions: dict[tuple[NameUse, str], TorchMention] = {}
        self._assigned: set[str] = set()
        self._tokens: Iterator[Token] = iter(())
        self._next = _END
        # For each open bracket, whether it is that of getattr, whose text names an attribute.
        self._brackets: list[bool] = []
        self._is_statement = True
        self._is_indented = False

    def follow(self, text: str) -> None:
        """Take in a whole source.

        Raises:
            DamagedError: torch would refuse it; what stands before the fault was taken in.
            LimitReachedError: it holds more different names than are kept.
        """
        self._tokens = tokens(text)
        self._next = next(self._tokens, _END)
        while self._next is not _END:
            token = self._take()
            if token.kind == "word":
                self._word(token)
            elif token.kind == "string":
                self._string(token)
            elif token.kind == "mark":
                self._mark(token)
            elif token.kind == "line":
                self._is_indented = len(token.text) > 1
            self._is_statement = token.kind == "line"

    @property
    def mentions(self) -> tuple[TorchMention, ...]:
        """What is mentioned, in order of the first mention; names that the source gives a value itself left out."""
        found = self._mentions.values()
        return tuple(item for item in found if item.use is not NameUse.NAME or item.name not in self._assigned)

    def _take(self) -> Token:
        token = self._next
        self._next = next(self._tokens, _END)
        return token

    def _mark(self, token: Token) -> None:
        if token.text in "([{":
            self._brackets.append(False)
        elif token.text in ")]}" and self._brackets:
            self._brackets.pop()
        elif token.text == "." and self._next.kind == "word":
            first = self._take()
            self._attributes([first.text, *self._rest()], first.line)

    def _rest(self) -> list[str]:
        """The names that follow with a dot before each."""
        parts: list[str] = []
        while self._next.text == ".":
            self._take()
            if self._next.kind == "word":
                parts.append(self._take().text)
        return parts

    def _word(self, token: Token) -> None:
        if token.text == "def" and self._next.kind == "word":
            self._define(self._take())
        elif token.text == "class" and self._next.kind == "word":
            self._class(self._take())
        elif token.text == "import":
            self._rest_of_line()
        elif token.text not in _KEYWORDS:
            self._chain(token, self._is_statement)

    def _define(self, name: Token) -> None:
        self.defines.add(name.text)
        if not self._is_indented:
            self.types.add(name.text)

    def _class(self, name: Token) -> None:
        self._define(name)
        if self._next.text != "(":
            return
        self._take()
        while self._next.kind == "word" and self._next.text in _BASES:
            self._take()

    def _rest_of_line(self) -> None:
        while self._next is not _END and self._next.kind != "line":
            self._take()

    def _chain(self, first: Token, is_statement: bool) -> None:
        parts = [first.text, *self._rest()]
        if parts[0] == "torch":
            self._operator("aten", parts, 1, first.line)
        elif parts[0] == "ops":
            self._operator(parts[1] if len(parts) > 1 else "", parts, 2, first.line)
        elif parts[0] == "__torch__":
            self._add(NameUse.TYPE, ".".join(parts), first.line)
        elif parts[0] == "CONSTANTS":
            self._attributes(parts[2:], first.line)
        elif len(parts) > 1:
            self._attributes(parts[1:], first.line)
        elif self._next.text == "(":
            self._add(NameUse.NAME, parts[0], first.line)
            self._open_call(parts[0])
        elif self._next.text == "=":
            self._assigned.add(parts[0])
        elif self._next.text == ":" and is_statement:
            self.fields.add(parts[0])

    def _operator(self, namespace: str, parts: list[str], index: int, line: int) -> None:
        # torch takes "autograd" after any namespace for "aten" (BuiltinModule::attr).
        while index < len(parts) and parts[index] == "autograd":
            namespace, index = "aten", index + 1
        if index >= len(parts):
            self._add(NameUse.UNRESOLVED, ".".join(parts), line)
            return
        called = self._next.text == "(" and index + 1 == len(parts)
        self._add(NameUse.OPERATOR, f"{namespace}::{parts[index]}", line, called)
        self._attributes(parts[index + 1 :], line)

    def _attributes(self, parts: list[str], line: int) -> None:
        for number, part in enumerate(parts, 1):
            self._add(NameUse.METHOD, part, line, number == len(parts) and self._next.text == "(")

    def _open_call(self, name: str) -> None:
        self._take()
        self._brackets.append(name in ("getattr", "hasattr"))

    def _string(self, token: Token) -> None:
        if not (self._brackets and self._brackets[-1]):
            return
        text = _content(token.text)
        # Strings that stand side by side are one.
        while self._next.kind == "string":
            text += _content(self._take().text)
        if "\\" in text:
            self._add(NameUse.UNRESOLVED, "getattr of a name with escapes", token.line)
        else:
            self._add(NameUse.METHOD, text[:200], token.line)

    def _add(self, mention: NameUse, name: str, line: int, called: bool | None = None) -> None:
        called = self._next.text == "(" if called is None else called
        key = (mention, name)
        known = self._mentions.get(key)
        if known is None and len(self._mentions) >= _MOST_NAMES:
            raise LimitReachedError(f"more than {_MOST_NAMES} different names in one source")
        if known is None or (called and not known.called):
            self._mentions[key] = TorchMention(mention, name, known.line if known else line, called)


def _content(literal: str) -> str:
    quotes = 3 if literal[:3] in ('"""', "'''") and len(literal) >= 6 else 1
    return literal[quotes:-quotes]
