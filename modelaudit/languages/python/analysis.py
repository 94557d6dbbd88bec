"""One source, followed twice: first to learn what its names and attributes stand for, then to note what it does."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from modelaudit.languages.python import uses
from modelaudit.languages.python.follow import Follower, allowance
from modelaudit.languages.python.source import MAX_PARSED_AT_ONCE, SourcePiece, split_source
from modelaudit.languages.python.unparsed_names import scan_names
from modelaudit.languages.python.values import Scope
from modelaudit.model.outline import Mention
from modelaudit.wire.base import LimitReachedError

_MAX_FAULTS: Final = 20
_MAX_IMPORTS: Final = 30


@dataclass(slots=True)
class SourceAnalysis:
    """What one source does, as far as it could be followed.

    Attributes:
        relative_imports: the modules beside the file that it imports, by level and name, with the line.
        damage: lines that do not parse, with the reason.
        bounds: lines where a bound was reached, with the bound.
    """

    mentions: tuple[Mention, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    relative_imports: dict[tuple[int, str], int] = field(default_factory=dict)
    damage: list[tuple[int, str]] = field(default_factory=list)
    bounds: list[tuple[int, str]] = field(default_factory=list)


def analyze_source(text: str, encoding: str = "") -> SourceAnalysis:
    """Judge one source.

    Args:
        text: the source.
        encoding: the name of an encoding that hides what the bytes say; it is noted.
    """
    found = SourceAnalysis()
    to = Follower(most_steps=allowance(text))
    try:
        to = _evaluate_source(text, to, found)
    except LimitReachedError as error:
        found.bounds.append((1, str(error)))
    if encoding:
        to.log.record(uses.HIDDEN, "(source encoding)", 1, encoding)
    if to.log.full:
        found.bounds.append((1, "it does more different things than are kept"))
    if to.steps > to.most_steps:
        found.bounds.append((1, f"it takes more than {to.most_steps} steps to follow"))
    found.mentions = tuple(to.log.build_mentions())
    found.relative_imports = to.relative
    found.facts = _collect_facts(to, text)
    return found


def _evaluate_source(text: str, to: Follower, found: SourceAnalysis) -> Follower:
    """Follow the source; returns the follower that did so last, whose log counts."""
    whole = list(split_source(text)) if len(text) <= MAX_PARSED_AT_ONCE else None
    if whole is not None and not any(piece.fault for piece in whole):
        to.docstring = _find_docstring(whole)
        _evaluate_pieces(whole, to, SourceAnalysis())
        if to.steps < to.most_steps // 2:
            docstring, to = to.docstring, to.again()
            to.docstring = docstring
            _evaluate_pieces(whole, to, found)
        else:
            _evaluate_pieces(whole, to, found)
    else:
        _evaluate_pieces(whole if whole is not None else split_source(text), to, found)
    return to


def _evaluate_pieces(parts: Iterable[SourcePiece], to: Follower, found: SourceAnalysis) -> None:
    scope = Scope()
    for piece in parts:
        if to.steps > to.most_steps:
            scan_names(piece.text, piece.line, scope, to.log)
            continue
        if piece.fault:
            scan_names(piece.text, piece.line, scope, to.log)
            told = found.bounds if piece.bound else found.damage
            if len(told) < _MAX_FAULTS:
                told.append((piece.line, piece.fault))
            continue
        to.log.line = piece.line - 1
        to.module(piece.body, scope)
        _scan_unevaluated(piece, scope, to, found)


def _scan_unevaluated(piece: SourcePiece, scope: Scope, to: Follower, found: SourceAnalysis) -> None:
    """What is too deep to be followed is judged by its names."""
    rows = piece.text.split("\n") if to.unfollowed else []
    to.log.line = 0
    for first, last in to.unfollowed:
        scan_names("\n".join(rows[first - 1 : last]), piece.line + first - 1, scope, to.log)
        if len(found.bounds) < _MAX_FAULTS:
            found.bounds.append((piece.line + first - 1, "it nests too deep to be followed"))
    to.unfollowed.clear()


def _find_docstring(whole: list[SourcePiece]) -> str:
    match whole[0].body[:1] if whole else ():
        case (ast.Expr(value=ast.Constant(value=str(text))),):
            return text
    return ""


def _collect_facts(to: Follower, text: str) -> tuple[tuple[str, str], ...]:
    imported = sorted(to.imports)[:_MAX_IMPORTS]
    return (("imports", ", ".join(imported)), ("lines", str(text.count("\n") + 1)))
