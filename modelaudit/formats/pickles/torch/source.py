"""Collect every name in a TorchScript source, with its meaning to the compiler.

Names count wherever they occur, called or not, because a function may get another name before it is called. Sources:
``torch/csrc/jit/serialization/import_source.cpp`` (the names ``torch``, ``ops``, ``__torch__`` and ``CONSTANTS``),
``torch/csrc/jit/frontend/ir_emitter.cpp`` (bare names), ``sugared_value.cpp`` (attributes of values).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelaudit.formats.pickles.torch.lexer import Token, tokenize
from modelaudit.model.torch import NameUse, TorchMention
from modelaudit.wire.base import LimitReachedError

_KEYWORDS: Final = frozenset(
    {
        *("False", "None", "True", "and", "as", "assert", "break", "class", "continue", "def", "del", "elif", "else"),
        *("for", "global", "if", "import", "in", "is", "is not", "lambda", "nonlocal", "not", "not in", "or", "pass"),
        *("raise", "return", "while", "with", "yield"),
    }
)
_BUILT_IN_BASES: Final = frozenset({"Module", "NamedTuple", "Interface", "ModuleInterface", "Enum"})
_END_OF_SOURCE: Final = Token("line", "\n", 0)
_MOST_NAMES: Final = 50_000


class NameCollector:
    """Gathers the names in the tokens of one source.

    Attributes:
        defines: names of the classes, functions and methods that the source defines, without qualifier.
        types: those of them that are not inside a class.
        fields: names that its classes declare as fields.
    """

    def __init__(self) -> None:
        self.defines: set[str] = set()
        self.types: set[str] = set()
        self.fields: set[str] = set()
        self._mentions: dict[tuple[NameUse, str], TorchMention] = {}
        self._assigned: set[str] = set()
        self._tokens: Iterator[Token] = iter(())
        self._next = _END_OF_SOURCE
        # For each open bracket, whether it belongs to getattr or hasattr, whose string is the name of an attribute.
        self._opened_by_getattr: list[bool] = []
        # Whether the next token begins a statement, and whether its line is indented.
        self._is_statement = True
        self._is_indented = False

    def collect_names(self, text: str) -> None:
        """Collect the names in a whole source.

        Raises:
            DamagedError: torch refuses it; names before the error were collected.
            LimitReachedError: it has more different names than are kept.
        """
        self._tokens = tokenize(text)
        self._next = next(self._tokens, _END_OF_SOURCE)
        while self._next is not _END_OF_SOURCE:
            token = self._take_token()
            if token.kind == "word":
                self._handle_word(token)
            elif token.kind == "string":
                self._record_getattr_name(token)
            elif token.kind == "mark":
                self._handle_mark(token)
            elif token.kind == "line":
                # The text is the end of the line and the indentation of the next one.
                self._is_indented = len(token.text) > 1
            self._is_statement = token.kind == "line"

    @property
    def mentions(self) -> tuple[TorchMention, ...]:
        """The mentions in the order of their first occurrence, without bare names that the source assigns."""
        mentions = []
        for mention in self._mentions.values():
            is_local_variable = mention.use is NameUse.NAME and mention.name in self._assigned
            if not is_local_variable:
                mentions.append(mention)
        return tuple(mentions)

    def _take_token(self) -> Token:
        """Return the next token, and move to the one after it."""
        token = self._next
        self._next = next(self._tokens, _END_OF_SOURCE)
        return token

    def _handle_mark(self, token: Token) -> None:
        """Handle a bracket, or a dot that follows a bracket, a string or a number: add the attributes after it."""
        if token.text in "([{":
            self._opened_by_getattr.append(False)
        elif token.text in ")]}" and self._opened_by_getattr:
            self._opened_by_getattr.pop()
        elif token.text == "." and self._next.kind == "word":
            first = self._take_token()
            self._add_attributes([first.text, *self._take_dotted_names()], first.line)

    def _take_dotted_names(self) -> list[str]:
        """Take the names that follow, each after a dot."""
        parts: list[str] = []
        while self._next.text == ".":
            self._take_token()
            if self._next.kind == "word":
                parts.append(self._take_token().text)
        return parts

    def _handle_word(self, token: Token) -> None:
        """Handle a definition, an import, or the names in a dotted name that begins with ``token``."""
        if token.text == "def" and self._next.kind == "word":
            self._add_definition(self._take_token())
        elif token.text == "class" and self._next.kind == "word":
            self._handle_class(self._take_token())
        elif token.text == "import":
            # torch finds types by their full names and ignores this line.
            self._skip_line()
        elif token.text not in _KEYWORDS:
            self._handle_dotted_name(token, self._is_statement)

    def _add_definition(self, name: Token) -> None:
        """Add the name of a definition, as a type too if it is not inside a class."""
        self.defines.add(name.text)
        if not self._is_indented:
            self.types.add(name.text)

    def _handle_class(self, name: Token) -> None:
        """Add the name of a class, and take the built-in base classes, which are not mentions."""
        self._add_definition(name)
        if self._next.text != "(":
            return
        self._take_token()
        while self._next.kind == "word" and self._next.text in _BUILT_IN_BASES:
            self._take_token()

    def _skip_line(self) -> None:
        """Take the tokens up to the end of the line."""
        while self._next is not _END_OF_SOURCE and self._next.kind != "line":
            self._take_token()

    def _handle_dotted_name(self, first: Token, is_statement: bool) -> None:
        """Add the mentions in a dotted name that begins with ``first``, according to the meaning of its first part.

        ``is_statement`` is whether the name begins a statement; a colon after it then declares a field.
        """
        parts = [first.text, *self._take_dotted_names()]
        if parts[0] == "torch":
            self._add_operator("aten", parts, 1, first.line)
        elif parts[0] == "ops":
            self._add_operator(parts[1] if len(parts) > 1 else "", parts, 2, first.line)
        elif parts[0] == "__torch__":
            self._add_mention(NameUse.TYPE, ".".join(parts), first.line)
        elif parts[0] == "CONSTANTS":
            # The second part is the name of a constant, such as ``CONSTANTS.c0``.
            self._add_attributes(parts[2:], first.line)
        elif len(parts) > 1:
            self._add_attributes(parts[1:], first.line)
        elif self._next.text == "(":
            self._add_mention(NameUse.NAME, parts[0], first.line)
            self._open_call(parts[0])
        elif self._next.text == "=":
            self._assigned.add(parts[0])
        elif self._next.text == ":" and is_statement:
            self.fields.add(parts[0])

    def _add_operator(self, namespace: str, parts: list[str], index: int, line: int) -> None:
        """Add the operator with the name ``parts[index]`` of ``namespace``, and the attributes of its result.

        The operator is called if it is the last part and a bracket follows. A dotted name that ends before the name of
        the operator is an unresolved mention.
        """
        # torch takes "autograd" after any namespace for "aten" (BuiltinModule::attr).
        while index < len(parts) and parts[index] == "autograd":
            namespace, index = "aten", index + 1
        if index >= len(parts):
            self._add_mention(NameUse.UNRESOLVED, ".".join(parts), line)
            return
        called = self._next.text == "(" and index + 1 == len(parts)
        self._add_mention(NameUse.OPERATOR, f"{namespace}::{parts[index]}", line, called)
        self._add_attributes(parts[index + 1 :], line)

    def _add_attributes(self, parts: list[str], line: int) -> None:
        """Add each part as a method or attribute; the last one is called if a bracket follows."""
        for number, part in enumerate(parts, 1):
            is_called = number == len(parts) and self._next.text == "("
            self._add_mention(NameUse.METHOD, part, line, is_called)

    def _open_call(self, name: str) -> None:
        """Take the opening bracket of a call of ``name``, and remember whether its strings name attributes."""
        self._take_token()
        self._opened_by_getattr.append(name in ("getattr", "hasattr"))

    def _record_getattr_name(self, token: Token) -> None:
        """Record the name in a string that is an argument of getattr or hasattr; ignore other strings."""
        if not (self._opened_by_getattr and self._opened_by_getattr[-1]):
            return
        text = _strip_quotes(token.text)
        # Adjacent strings are one string.
        while self._next.kind == "string":
            text += _strip_quotes(self._take_token().text)
        if "\\" in text:
            self._add_mention(NameUse.UNRESOLVED, "getattr of a name with escapes", token.line)
        else:
            self._add_mention(NameUse.METHOD, text[:200], token.line)

    def _add_mention(self, use: NameUse, name: str, line: int, called: bool | None = None) -> None:
        """Add a mention with its first line; ``called`` is by default whether a bracket follows.

        Raises:
            LimitReachedError: there are more different names than are kept.
        """
        called = self._next.text == "(" if called is None else called
        key = (use, name)
        known = self._mentions.get(key)
        if known is None and len(self._mentions) >= _MOST_NAMES:
            raise LimitReachedError(f"only the first {_MOST_NAMES} different names of one source were read")
        # A name that is called anywhere counts as called.
        if known is None or (called and not known.called):
            self._mentions[key] = TorchMention(use, name, known.line if known else line, called)


def _strip_quotes(literal: str) -> str:
    """Return the content of a string literal with one or three quotes on each side."""
    has_three_quotes = literal[:3] in ('"""', "'''") and len(literal) >= 6
    quotes = 3 if has_three_quotes else 1
    return literal[quotes:-quotes]
