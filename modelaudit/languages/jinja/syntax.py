"""Parse a template into the syntax tree of Jinja, within limits of length, tokens and nesting.

The parser of Jinja only builds the tree. Nothing is compiled, optimised or evaluated.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Final

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream
from jinja2.parser import Parser

from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.wire.base import DamagedError, LimitReachedError

MAX_CHARACTERS: Final = 1024 * 1024
"""Limit of characters. The longest template of the known model families has about 30,000."""
MAX_TOKENS: Final = 80_000
_MAX_DEPTH: Final = 60
# A name, number or operator that may be cut off. None has a bracket, a comma or a quote.
_LAST_WORD: Final = defer_pattern(r"[^\s,\"'\[\]()]+\Z")
_MAY_BE_MENDED: Final = defer_pattern(r"(?i)end of (?:template|raw|comment)|missing end|unexpected char (?:'\"'|\"'\")")
"""Messages of the parser about a template that breaks off, and about a string without its end."""
_OPENING: Final = frozenset({"lparen", "lbracket", "lbrace"})
_CLOSING: Final = frozenset({"rparen", "rbracket", "rbrace"})


class _BoundedSyntax(Extension):
    """Counts tokens and brackets while the parser reads them, and accepts the tag ``{% generation %}``.

    transformers puts that tag around the text of the assistant.
    """

    tags = {"generation"}  # noqa: RUF012 - as jinja2 declares it

    def filter_stream(self, stream: TokenStream) -> TokenStream:
        """Return ``stream``, which raises ``LimitReachedError`` at a limit."""
        return TokenStream(self._count_tokens(stream), stream.name, stream.filename)

    def _count_tokens(self, stream: TokenStream) -> Iterator[Token]:
        """Yield the tokens of ``stream``; raise ``LimitReachedError`` for too many, or for brackets too deep."""
        depth = 0
        for count, token in enumerate(stream):
            if token.type in _OPENING:
                depth += 1
            elif token.type in _CLOSING:
                depth -= 1
            if count > MAX_TOKENS:
                raise LimitReachedError(f"the template has more than {MAX_TOKENS} tokens; it was not parsed")
            if depth > _MAX_DEPTH:
                raise LimitReachedError(f"the template nests brackets deeper than {_MAX_DEPTH}; it was not parsed")
            yield token

    def parse(self, parser: Parser) -> nodes.Node:
        """Return the body of ``{% generation %}`` as a scope of its own."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.Scope(body, lineno=line)


_ENVIRONMENT: Final = Environment(  # it renders nothing
    extensions=["jinja2.ext.loopcontrols", "jinja2.ext.do", "jinja2.ext.i18n", _BoundedSyntax]
)


def parse_template(text: str) -> nodes.Template:
    """Return the syntax tree of ``text``.

    The parser is called directly, because ``Environment.parse`` compiles a Python frame to report a syntax error.

    Raises:
        DamagedError: it is not valid Jinja.
        LimitReachedError: it is too long, too deep or has too many tokens.
    """
    if len(text) > MAX_CHARACTERS:
        raise LimitReachedError(f"the template has more than {MAX_CHARACTERS} characters; it was not parsed")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an unknown escape in a literal is only a warning
            return Parser(_ENVIRONMENT, text).parse()
    except TemplateSyntaxError as error:
        message = " ".join((error.message or "").split())[:200].rstrip(".")
        raise DamagedError(f"line {error.lineno}: {message}") from None
    except RecursionError:
        raise LimitReachedError("the template nests deeper than the parser supports; it was not parsed") from None
    except (ValueError, AssertionError, OverflowError) as error:  # a number of too many digits, a tag out of its place
        raise DamagedError(f"the Jinja parser rejects it: {' '.join(str(error).split())[:200]}") from None


def fails_early(start: str) -> bool:
    """Whether no text that begins with ``start`` is valid Jinja, whatever follows.

    The parser reads a template from its beginning, so that an error before the end of ``start`` is one of the whole. An
    error that the missing rest may mend decides nothing: an open block, comment or string, and a word that is cut off.
    """
    parser = None
    try:
        parser = Parser(_ENVIRONMENT, _LAST_WORD.sub("", start[: MAX_CHARACTERS // 8]))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parser.parse()
    except TemplateSyntaxError as error:
        has_ended = parser is not None and parser.stream.current.type == "eof"
        return not has_ended and _MAY_BE_MENDED.search(error.message or "") is None
    except (LimitReachedError, RecursionError, ValueError, AssertionError, OverflowError):
        pass
    return False


def walk_nodes(root: nodes.Node) -> Iterator[nodes.Node]:
    """Yield ``root`` and all nodes below it in the order of the syntax tree, without recursion."""
    # A stack in place of recursion: chains of operators nest deeper than Python's recursion limit.
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += reversed(list(node.iter_child_nodes()))


def get_variable_path(node: nodes.Node) -> str:
    """Return ``name`` or ``name.attr``; an empty string for any other expression."""
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.NSRef):
        return f"{node.name}.{node.attr}"
    if isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name):
        return f"{node.node.name}.{node.attr}"
    return ""
