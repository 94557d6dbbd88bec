"""The syntax tree of a template, within bounds. Nothing is compiled, optimised or evaluated to get it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Final

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream
from jinja2.parser import Parser

from modelaudit.wire.base import DamagedError, LimitReachedError

MAX_CHARACTERS: Final = 1024 * 1024
"""Longer templates are not parsed. The longest of the known model families has about 30,000 characters."""
MAX_TOKENS: Final = 80_000
_MAX_DEPTH: Final = 60
_OPENING: Final = frozenset({"lparen", "lbracket", "lbrace"})
_CLOSING: Final = frozenset({"rparen", "rbracket", "rbrace"})


class _BoundedSyntax(Extension):
    """Counts tokens and brackets as the parser asks for them, and accepts the tag that marks what a model answers.

    ``{% generation %}`` is a tag of transformers around the text of the assistant.
    """

    tags = {"generation"}  # noqa: RUF012 - as jinja2 declares it

    def filter_stream(self, stream: TokenStream) -> TokenStream:
        """``stream``, which ends with an error where a bound is reached."""
        return TokenStream(self._count_tokens(stream), stream.name, stream.filename)

    def _count_tokens(self, stream: TokenStream) -> Iterator[Token]:
        depth = 0
        for count, token in enumerate(stream):
            if token.type in _OPENING:
                depth += 1
            elif token.type in _CLOSING:
                depth -= 1
            if count > MAX_TOKENS:
                raise LimitReachedError(f"a template of more than {MAX_TOKENS} tokens is not followed further")
            if depth > _MAX_DEPTH:
                raise LimitReachedError(
                    f"a template that nests brackets deeper than {_MAX_DEPTH} is not followed further"
                )
            yield token

    def parse(self, parser: Parser) -> nodes.Node:
        """The body of ``{% generation %}`` as a scope of its own."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.Scope(body, lineno=line)


_ENVIRONMENT: Final = Environment(  # it renders nothing
    extensions=["jinja2.ext.loopcontrols", "jinja2.ext.do", "jinja2.ext.i18n", _BoundedSyntax]
)


def parse_template(text: str) -> nodes.Template:
    """The tree of ``text``.

    The parser is called directly: ``Environment.parse`` compiles a frame of Python to dress up a syntax error.

    Raises:
        DamagedError: it is no Jinja that the parser knows.
        LimitReachedError: it is too long, too deep or has too many tokens.
    """
    if len(text) > MAX_CHARACTERS:
        raise LimitReachedError(f"a template of more than {MAX_CHARACTERS} characters is not parsed")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an unknown escape in a literal is only a warning
            return Parser(_ENVIRONMENT, text).parse()
    except TemplateSyntaxError as error:
        message = " ".join((error.message or "").split())[:200].rstrip(".")
        raise DamagedError(f"line {error.lineno}: {message}") from None
    except RecursionError:
        raise LimitReachedError("a template that nests deeper than the parser goes is not followed further") from None
    except (ValueError, AssertionError, OverflowError) as error:  # a number of too many digits, a tag out of its place
        raise DamagedError(f"the parser refuses it: {' '.join(str(error).split())[:200]}") from None


def walk_nodes(root: nodes.Node) -> Iterator[nodes.Node]:
    """``root`` and all nodes below it in the order of the text, without recursion."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += reversed(list(node.iter_child_nodes()))
