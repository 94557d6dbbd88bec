"""Licence expressions as alternatives: the user chooses one, and all licences of that one bind together.

``MIT OR (Apache-2.0 AND CC-BY-4.0)`` becomes ``(("MIT",), ("Apache-2.0", "CC-BY-4.0"))``, that is, the disjunctive
normal form of the SPDX expression.
"""

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
"""Licence ids: any one inner tuple suffices, and every licence in it binds."""

_MAX_ALTERNATIVES = 16
_OPERATOR = re.compile(r"\s(?:AND|OR|WITH)\s", re.IGNORECASE)


def parse_alternatives(text: str, resolve: Callable[[str], str | None]) -> Alternatives | None:
    """Parse an SPDX expression into its alternatives; a single licence name is an expression too.

    Args:
        text: the expression or name.
        resolve: maps a name to a licence id, or to ``None`` where the rule set does not know it.

    Returns:
        ``None`` if the text is no expression or holds an unknown name. ``WITH`` adds an exception, and the rule set has
        no exceptions, so such an expression stays unknown as a whole.
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
    parts = [_resolve_alternatives(part, resolve) for part in expression.parts]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts) or expression.operator is Operator.WITH:
        return None
    if expression.operator is Operator.AND:
        return combine_alternatives(*known)
    return _limit_alternatives(tuple(each for part in known for each in part))


def combine_alternatives(*parts: Alternatives) -> Alternatives:
    """Combine parts that all bind: every alternative of one part with every alternative of the others."""
    filled = [part for part in parts if part]
    if not filled:
        return ()
    return _limit_alternatives(tuple(tuple(dict.fromkeys(sum(choice, ()))) for choice in product(*filled)))


def _limit_alternatives(found: Alternatives) -> Alternatives:
    """Drop repeated alternatives; where too many remain, all licences bind, which is the strictest reading."""
    unique = {frozenset(each): each for each in found}
    return tuple(unique.values()) if len(unique) <= _MAX_ALTERNATIVES else (list_license_ids(found),)


def list_license_ids(alternatives: Alternatives) -> tuple[str, ...]:
    """List every licence that the alternatives name, once each, in order."""
    return tuple(dict.fromkeys(name for each in alternatives for name in each))


def format_expression(alternatives: Alternatives, also: Iterable[str] = ()) -> str:
    """Write the alternatives as an SPDX expression.

    Args:
        alternatives: the choices of the model's own licence.
        also: ids of licences that bind in every case, joined with ``AND``.
    """
    own = [" AND ".join(each) for each in alternatives]
    more = [name for name in dict.fromkeys(also) if not all(name in each for each in alternatives)]
    if len(own) > 1:
        parts = [f"({text})" if " AND " in text else text for text in own]
        whole = " OR ".join(parts)
        return " AND ".join((f"({whole})", *more)) if more else whole
    return " AND ".join((*own, *more))
