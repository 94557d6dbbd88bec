"""Licence expressions as what one may choose between: each alternative is a set of licences that bind together."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import product

from modelaudit.licenses.evidence.expressions import (
    MAX_EXPRESSION_CHARACTERS,
    Expression,
    ExpressionError,
    Operator,
    parse_expression,
)

Alternatives = tuple[tuple[str, ...], ...]
"""Ids of licences: one alternative suffices, all licences of it bind."""

_MAX_ALTERNATIVES = 16
_OPERATOR = re.compile(r"\s(?:AND|OR|WITH)\s", re.IGNORECASE)


def parse_alternatives(text: str, resolve: Callable[[str], str | None]) -> Alternatives | None:
    """The alternatives of an SPDX expression; ``None`` where it is none, or where it holds a name that is unknown.

    ``WITH`` names an exception that nobody has read here, so the whole stays unknown. A name is an expression too.
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
    if expression.operator is None:
        name = resolve(expression.id)
        return None if name is None else ((name,),)
    parts = [_resolve_alternatives(part, resolve) for part in expression.parts]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts) or expression.operator is Operator.WITH:
        return None
    if expression.operator is Operator.AND:
        return combine_alternatives(*known)
    return _limit_alternatives(tuple(each for part in known for each in part))


def combine_alternatives(*parts: Alternatives) -> Alternatives:
    """Both bind: every choice of the one with every choice of the other."""
    filled = [part for part in parts if part]
    if not filled:
        return ()
    return _limit_alternatives(tuple(tuple(dict.fromkeys(sum(choice, ()))) for choice in product(*filled)))


def _limit_alternatives(found: Alternatives) -> Alternatives:
    """Each alternative once; where there are too many to choose between, everything binds."""
    unique = {frozenset(each): each for each in found}
    return tuple(unique.values()) if len(unique) <= _MAX_ALTERNATIVES else (list_license_ids(found),)


def list_license_ids(alternatives: Alternatives) -> tuple[str, ...]:
    """Every licence that is named, once, in order."""
    return tuple(dict.fromkeys(name for each in alternatives for name in each))


def format_expression(alternatives: Alternatives, also: Iterable[str] = ()) -> str:
    """The SPDX expression of the alternatives, to which the licences of ``also`` are added."""
    own = [" AND ".join(each) for each in alternatives]
    more = [name for name in dict.fromkeys(also) if not all(name in each for each in alternatives)]
    if len(own) > 1:
        parts = [f"({text})" if " AND " in text else text for text in own]
        whole = " OR ".join(parts)
        return " AND ".join((f"({whole})", *more)) if more else whole
    return " AND ".join((*own, *more))
