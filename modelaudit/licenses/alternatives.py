"""Licence expressions as what one may choose between: each alternative is a set of licences that bind together."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import product

Alternatives = tuple[tuple[str, ...], ...]
"""Ids of licences: one alternative suffices, all licences of it bind."""

_MOST = 16
_LONGEST = 300
_TOKEN = re.compile(r"\(|\)|(?<![^\s()])(?:AND|OR|WITH)(?![^\s()])", re.IGNORECASE)


class _NoExpression(Exception):
    """The text is no expression, or names what is no licence."""


def alternatives_of(text: str, resolve: Callable[[str], str | None]) -> Alternatives | None:
    """The alternatives of an SPDX expression (SPDX 2.3, annex D); ``None`` where it is none or a name is unknown.

    ``AND`` binds tighter than ``OR``. ``WITH`` names an exception that nobody has read here, so the whole stays unknown.
    A single name is an expression too.
    """
    name = resolve(text)
    if name is not None:
        return ((name,),)
    if len(text) > _LONGEST:
        return None
    tokens = _tokens(text)
    try:
        found, rest = _either(tokens, 0, resolve)
    except _NoExpression:
        return None
    return found if rest == len(tokens) else None


def _tokens(text: str) -> list[str]:
    tokens: list[str] = []
    end = 0
    for match in _TOKEN.finditer(text):
        tokens += [text[end : match.start()].strip(), match[0].upper()]
        end = match.end()
    tokens.append(text[end:].strip())
    return [token for token in tokens if token]


def _either(tokens: list[str], at: int, resolve: Callable[[str], str | None]) -> tuple[Alternatives, int]:
    found, at = _both(tokens, at, resolve)
    while at < len(tokens) and tokens[at] == "OR":
        more, at = _both(tokens, at + 1, resolve)
        found = _bounded((*found, *more))
    return found, at


def _both(tokens: list[str], at: int, resolve: Callable[[str], str | None]) -> tuple[Alternatives, int]:
    found, at = _one(tokens, at, resolve)
    while at < len(tokens) and tokens[at] == "AND":
        more, at = _one(tokens, at + 1, resolve)
        found = joined(found, more)
    return found, at


def _one(tokens: list[str], at: int, resolve: Callable[[str], str | None]) -> tuple[Alternatives, int]:
    if at < len(tokens) and tokens[at] == "(":
        found, at = _either(tokens, at + 1, resolve)
        if at >= len(tokens) or tokens[at] != ")":
            raise _NoExpression
        return found, at + 1
    name = resolve(tokens[at]) if at < len(tokens) else None
    if name is None:
        raise _NoExpression
    return ((name,),), at + 1


def joined(*parts: Alternatives) -> Alternatives:
    """Both bind: every choice of the one with every choice of the other."""
    filled = [part for part in parts if part]
    if not filled:
        return ()
    return _bounded(tuple(tuple(dict.fromkeys(sum(choice, ()))) for choice in product(*filled)))


def _bounded(found: Alternatives) -> Alternatives:
    """Each alternative once; where there are too many to choose between, everything binds."""
    unique = {frozenset(each): each for each in found}
    return tuple(unique.values()) if len(unique) <= _MOST else (ids_of(found),)


def ids_of(alternatives: Alternatives) -> tuple[str, ...]:
    """Every licence that is named, once, in order."""
    return tuple(dict.fromkeys(name for each in alternatives for name in each))


def expression_of(alternatives: Alternatives, also: Iterable[str] = ()) -> str:
    """The SPDX expression of the alternatives, to which the licences of ``also`` are added."""
    own = [" AND ".join(each) for each in alternatives]
    more = [name for name in dict.fromkeys(also) if not all(name in each for each in alternatives)]
    if len(own) > 1:
        parts = [f"({text})" if " AND " in text else text for text in own]
        whole = " OR ".join(parts)
        return " AND ".join((f"({whole})", *more)) if more else whole
    return " AND ".join((*own, *more))
