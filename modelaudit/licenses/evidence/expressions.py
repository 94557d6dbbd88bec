"""Parse SPDX licence expressions such as ``MIT OR (Apache-2.0 AND LicenseRef-Llama-3.1)``.

The grammar is that of SPDX 3.0, Annex B (licence expressions). This module wraps the library ``license-expression``,
and no other module imports it. The library's own list maps some ``LicenseRef-…`` to standard licences
(``LicenseRef-MIT-TC`` to MIT). Here a ``LicenseRef-…`` only means itself.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct

from modelaudit.model.lazy_pattern import defer_pattern

if TYPE_CHECKING:
    from license_expression import Licensing  # type: ignore[import-untyped]

MAX_EXPRESSION_CHARACTERS = 1000
"""Longer texts are rejected as expressions."""
_MAX_DEPTH = 40
_REFERENCE = defer_pattern(r"(?:DocumentRef-[A-Za-z0-9.-]+:)?LicenseRef-[A-Za-z0-9.-]+")


class ExpressionError(ValueError):
    """A text is not a licence expression; the message gives the reason in one line."""


class Operator(StrEnum):
    """The operator that joins the parts of an expression."""

    AND = "AND"
    OR = "OR"
    WITH = "WITH"
    """A licence, and an exception that adds permissions to it."""


class Expression(Struct, frozen=True):
    """A licence id, or parts that an operator joins.

    Attributes:
        id: SPDX id of a licence or an exception; empty if there are parts.
        known: whether SPDX lists the id or it is a well-formed ``LicenseRef-…``; for parts, whether all are known.
    """

    id: str = ""
    operator: Operator | None = None
    parts: tuple[Expression, ...] = ()
    known: bool = True

    @property
    def ids(self) -> tuple[str, ...]:
        """The licence ids, each once, in order; exceptions are left out."""
        return tuple(dict.fromkeys(self._iter_ids()))

    def _iter_ids(self) -> Iterator[str]:
        """Yield the licence ids of all parts, with repetitions; the second part of ``WITH`` is an exception."""
        if self.operator is None:
            yield self.id
        licenses = self.parts[:1] if self.operator is Operator.WITH else self.parts
        for part in licenses:
            yield from part._iter_ids()

    @property
    def unknown_names(self) -> tuple[str, ...]:
        """The names that SPDX does not list and that do not have the form ``LicenseRef-…``."""
        if self.operator is None:
            return () if self.known else (self.id,)
        return tuple(dict.fromkeys(name for part in self.parts for name in part.unknown_names))

    def __str__(self) -> str:
        """Write the expression. Parts with ``AND`` or ``OR`` get brackets, so that no reader needs their precedence."""
        if self.operator is None:
            return self.id
        joining = (Operator.AND, Operator.OR)
        operands = [f"({part})" if part.operator in joining else str(part) for part in self.parts]
        return f" {self.operator} ".join(operands)


def parse_expression(text: str) -> Expression:
    """Parse ``text``, and normalize ids to SPDX spelling: ``GPL-2.0`` becomes ``GPL-2.0-only``.

    An unlisted name is not an error, so that the expression can still be shown: see ``Expression.unknown_names``.

    Raises:
        ExpressionError: the text is empty, too long, nested too deeply, not ASCII, or not in the grammar.
    """
    if len(text) > MAX_EXPRESSION_CHARACTERS:
        raise ExpressionError(f"has {len(text)} characters, more than {MAX_EXPRESSION_CHARACTERS}")
    if _measure_depth(text) > _MAX_DEPTH:
        raise ExpressionError(f"has more than {_MAX_DEPTH} brackets within one another")
    if not text.isascii():
        raise ExpressionError("has letters beyond ASCII")
    from boolean.boolean import ParseError  # type: ignore[import-untyped]
    from license_expression import ExpressionError as TheirError

    try:
        parsed = _load_spdx_symbols().parse(text)
    except (TheirError, ParseError, RecursionError, AssertionError, IndexError, TypeError, AttributeError) as error:
        # The library's parser crashes on some malformed input, such as an operator after an opening bracket.
        raise ExpressionError(" ".join(str(error).split())[:200] or "follows no grammar") from None
    if parsed is None:
        raise ExpressionError("is empty")
    return _convert_node(parsed)


def _measure_depth(text: str) -> int:
    """Count how many brackets lie within one another at most."""
    depth = deepest = 0
    for letter in text:
        if letter == "(":
            depth += 1
        elif letter == ")":
            depth -= 1
        deepest = max(deepest, depth)
    return deepest


@functools.cache
def _load_spdx_symbols() -> Licensing:
    """Load the SPDX ids into the library, with deprecated SPDX ids as aliases."""
    from license_expression import LicenseSymbol, Licensing, get_license_index

    symbols = []
    for entry in get_license_index():
        key = entry.get("spdx_license_key") or ""
        # The index also holds "LicenseRef-scancode-…" keys of its authors, which SPDX does not list.
        if not key or _REFERENCE.fullmatch(key):
            continue
        former = [name for name in entry.get("other_spdx_license_keys") or () if "LicenseRef-" not in name]
        symbols.append(LicenseSymbol(key, aliases=tuple(former), is_exception=bool(entry.get("is_exception"))))
    return Licensing(symbols)


def _convert_node(node: object, *, exception: bool = False) -> Expression:
    """Convert one node of the library's tree.

    Args:
        node: a symbol, a licence with an exception, or an operator with its parts.
        exception: whether the node is in the place of an exception, behind ``WITH``.

    Raises:
        ExpressionError: the node is of another kind.
    """
    from license_expression import AND, OR, LicenseSymbol, LicenseWithExceptionSymbol

    if isinstance(node, LicenseWithExceptionSymbol):
        parts = (_convert_node(node.license_symbol), _convert_node(node.exception_symbol, exception=True))
        return Expression(operator=Operator.WITH, parts=parts, known=all(part.known for part in parts))
    if isinstance(node, LicenseSymbol):
        # A licence in the place of an exception is not known, and neither is an exception in the place of a licence.
        is_listed = _index_spdx_ids().get(node.key) is exception
        return Expression(id=node.key, known=is_listed or _REFERENCE.fullmatch(node.key) is not None)
    operator = {AND: Operator.AND, OR: Operator.OR}.get(type(node))
    if operator is None:
        raise ExpressionError(f"holds {type(node).__name__}, which joins no licences")
    operands = tuple(_convert_node(part) for part in getattr(node, "args", ()))
    return Expression(operator=operator, parts=operands, known=all(part.known for part in operands))


@functools.cache
def _index_spdx_ids() -> dict[str, bool]:
    """Map every identifier of SPDX to whether it is an exception."""
    return {key: bool(symbol.is_exception) for key, symbol in _load_spdx_symbols().known_symbols.items()}
