"""One source, followed twice: first to learn what its names and attributes stand for, then to note what it does."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from modelaudit.languages.python import uses
from modelaudit.languages.python.follow import Follower, allowance
from modelaudit.languages.python.source import MOST_AT_ONCE, Piece, pieces
from modelaudit.languages.python.values import Scope
from modelaudit.languages.python.words import read_words
from modelaudit.model.outline import Mention
from modelaudit.wire.base import LimitReachedError

_MOST_TOLD: Final = 20
_MOST_IMPORTS_SHOWN: Final = 30


@dataclass(slots=True)
class Judgement:
    """What one source does, as far as it could be followed.

    Attributes:
        relative: the modules beside the file that it imports, by level and name, with the line.
        damage: lines that do not parse, with the reason.
        bounds: lines where a bound was reached, with the bound.
    """

    mentions: tuple[Mention, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    relative: dict[tuple[int, str], int] = field(default_factory=dict)
    damage: list[tuple[int, str]] = field(default_factory=list)
    bounds: list[tuple[int, str]] = field(default_factory=list)


def judge(text: str, encoding: str = "") -> Judgement:
    """Judge one source.

    Args:
        text: the source.
        encoding: the name of an encoding that hides what the bytes say; it is noted.
    """
    found = Judgement()
    to = Follower(most_steps=allowance(text))
    try:
        to = _followed(text, to, found)
    except LimitReachedError as error:
        found.bounds.append((1, str(error)))
    if encoding:
        to.log.note(uses.HIDDEN, "(source encoding)", 1, encoding)
    if to.log.full:
        found.bounds.append((1, "it does more different things than are kept"))
    if to.steps > to.most_steps:
        found.bounds.append((1, f"it takes more than {to.most_steps} steps to follow"))
    found.mentions = tuple(to.log.mentions())
    found.relative = to.relative
    found.facts = _facts(to, text)
    return found


def _followed(text: str, to: Follower, found: Judgement) -> Follower:
    """Follow the source; returns the follower that did so last, whose log counts."""
    whole = list(pieces(text)) if len(text) <= MOST_AT_ONCE else None
    if whole is not None and not any(piece.fault for piece in whole):
        to.docstring = _docstring(whole)
        _follow(whole, to, Judgement())
        if to.steps < to.most_steps // 2:
            docstring, to = to.docstring, to.again()
            to.docstring = docstring
            _follow(whole, to, found)
        else:
            _follow(whole, to, found)
    else:
        _follow(whole if whole is not None else pieces(text), to, found)
    return to


def _follow(parts: Iterable[Piece], to: Follower, found: Judgement) -> None:
    scope = Scope()
    for piece in parts:
        if to.steps > to.most_steps:
            read_words(piece.text, piece.line, scope, to.log)
            continue
        if piece.fault:
            read_words(piece.text, piece.line, scope, to.log)
            told = found.bounds if piece.bound else found.damage
            if len(told) < _MOST_TOLD:
                told.append((piece.line, piece.fault))
            continue
        to.log.line = piece.line - 1
        to.module(piece.body, scope)
        _words_of_unfollowed(piece, scope, to, found)


def _words_of_unfollowed(piece: Piece, scope: Scope, to: Follower, found: Judgement) -> None:
    """What is too deep to be followed is judged by its names."""
    rows = piece.text.split("\n") if to.unfollowed else []
    to.log.line = 0
    for first, last in to.unfollowed:
        read_words("\n".join(rows[first - 1 : last]), piece.line + first - 1, scope, to.log)
        if len(found.bounds) < _MOST_TOLD:
            found.bounds.append((piece.line + first - 1, "it nests too deep to be followed"))
    to.unfollowed.clear()


def _docstring(whole: list[Piece]) -> str:
    match whole[0].body[:1] if whole else ():
        case (ast.Expr(value=ast.Constant(value=str(text))),):
            return text
    return ""


def _facts(to: Follower, text: str) -> tuple[tuple[str, str], ...]:
    imported = sorted(to.imports)[:_MOST_IMPORTS_SHOWN]
    return (("imports", ", ".join(imported)), ("lines", str(text.count("\n") + 1)))
