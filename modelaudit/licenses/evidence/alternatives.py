"""Licence expressions as alternatives: the user chooses one, and all licences of that one bind together.

``MIT OR (Apache-2.0 AND CC-BY-4.0)`` becomes ``(("MIT",), ("Apache-2.0", "CC-BY-4.0"))``, that is, the disjunctive
normal form of the SPDX expression.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import chain, product
from math import prod

from modelaudit.licenses.evidence.expressions import (
    MAX_EXPRESSION_CHARACTERS,
    Expression,
    ExpressionError,
    Operator,
    parse_expression,
)
from modelaudit.model.lazy_pattern import defer_pattern

Alternatives = tuple[tuple[str, ...], ...]
"""Licence ids: any one inner tuple suffices, and every licence in it binds."""

_MAX_ALTERNATIVES = 16
_OPERATOR = defer_pattern(r"\s(?:AND|OR|WITH)\s", re.IGNORECASE)


def parse_alternatives(text: str, resolve: Callable[[str], str | None]) -> Alternatives | None:
    """Parse an SPDX expression into its alternatives; a single licence name is an expression too.

    Args:
        text: the expression or name.
        resolve: maps a name to a licence id, or to ``None`` where the rule set does not know it.

    Returns:
        ``None`` if the text is not an expression or holds an unknown name. ``WITH`` adds an exception, and the rule set
        has no exceptions, so such an expression stays unknown as a whole.
    """
    name = resolve(text)
    if name is not None:
        return ((name,),)
    if _OPERATOR.search(text[:MAX_EXPRESSION_CHARACTERS]) is None:
        return None
    try:
        return _resolve_alternatives(parse_expression(text), resolve)
    except ExpressionError:
        return None


def _resolve_alternatives(expression: Expression, resolve: Callable[[str], str | None]) -> Alternatives | None:
    """Expand a parsed expression into alternatives; ``None`` if it holds an unknown name or an exception."""
    if expression.operator is None:
        name = resolve(expression.id)
        return None if name is None else ((name,),)
    if expression.operator is Operator.WITH:
        return None
    parts: list[Alternatives] = []
    for part in expression.parts:
        alternatives = _resolve_alternatives(part, resolve)
        if alternatives is None:
            return None
        parts.append(alternatives)
    if expression.operator is Operator.AND:
        return combine_alternatives(*parts)
    return _limit_alternatives(tuple(choice for part in parts for choice in part))


def combine_alternatives(*parts: Alternatives) -> Alternatives:
    """Combine parts that all bind: every alternative of one part with every alternative of the others.

    A part without alternatives adds nothing. ``(MIT or ISC)`` and ``(Zlib)`` give ``(MIT, Zlib) or (ISC, Zlib)``.
    """
    filled = [part for part in dict.fromkeys(parts) if part]
    if not filled:
        return ()
    # The product of many parts is exponential: n parts of two alternatives have 2**n combinations. Repetitions may
    # still drop out of a product that is a little over the limit, so it is computed.
    if prod(map(len, filled)) > _MAX_ALTERNATIVES**2:
        return (list_license_ids(tuple(chain.from_iterable(filled))),)
    combined = (tuple(dict.fromkeys(chain.from_iterable(choices))) for choices in product(*filled))
    return _limit_alternatives(tuple(combined))


def _limit_alternatives(alternatives: Alternatives) -> Alternatives:
    """Drop repeated alternatives; where too many remain, all licences bind, which is the strictest reading."""
    unique = {frozenset(choice): choice for choice in alternatives}
    return tuple(unique.values()) if len(unique) <= _MAX_ALTERNATIVES else (list_license_ids(alternatives),)


def list_license_ids(alternatives: Alternatives) -> tuple[str, ...]:
    """List every licence that the alternatives name, once each, in order."""
    return tuple(dict.fromkeys(chain.from_iterable(alternatives)))


def format_expression(alternatives: Alternatives, also: Iterable[str] = ()) -> str:
    """Write the alternatives as an SPDX expression.

    Args:
        alternatives: the choices of the model's own licence.
        also: ids of licences that bind in every case, joined with ``AND``.
    """
    choices = [" AND ".join(choice) for choice in alternatives]
    added = [id_ for id_ in dict.fromkeys(also) if not all(id_ in choice for choice in alternatives)]
    if len(choices) <= 1:
        return " AND ".join((*choices, *added))
    either = " OR ".join(f"({choice})" if " AND " in choice else choice for choice in choices)
    return " AND ".join((f"({either})", *added)) if added else either
