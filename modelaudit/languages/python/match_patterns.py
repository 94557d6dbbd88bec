"""Work out the values that the patterns of ``match`` capture.

``case object(os=object(system=run))`` reads the attribute ``os`` of the subject, and ``system`` of that, without a dot.
By position a class pattern reads the attributes that ``__match_args__`` of the class names. Source: language reference,
section 8.6.4.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Final, Protocol

from modelaudit.languages.python import name_resolution
from modelaudit.languages.python.call import Call
from modelaudit.languages.python.evaluation import Evaluation
from modelaudit.languages.python.values import (
    UNKNOWN,
    Constant,
    Container,
    ExternalName,
    Unknown,
    Value,
    collect_tags,
    join_choices,
    list_alternatives,
)

# Of these classes, the one pattern by position is matched with the subject itself.
_MATCHING_SELF: Final = frozenset(
    f"builtins.{name}"
    for name in ("bool", "bytearray", "bytes", "dict", "float", "frozenset", "int", "list", "set", "str", "tuple")
)


class PatternEvaluation(Evaluation, Protocol):
    """What patterns ask of the evaluation of the statement around them."""

    def evaluate(self, node: ast.expr) -> Value:
        """Evaluate an expression."""
        ...

    def list_matched_names(self, matched_class: Value, line: int) -> Sequence[Value]:
        """List the names in ``__match_args__`` of a class, as far as they are known."""
        ...


def list_captured(
    evaluation: PatternEvaluation, pattern: ast.pattern, subject: Value, line: int
) -> Iterator[tuple[str, Value]]:
    """Yield each name that a pattern binds, with the value that it captures of the subject."""
    evaluation.budget.spend()
    name = pattern.rest if isinstance(pattern, ast.MatchMapping) else getattr(pattern, "name", None)
    if name is not None:
        yield name, _join_items(subject) if isinstance(pattern, ast.MatchStar) else subject
    if isinstance(pattern, ast.MatchValue):
        evaluation.evaluate(pattern.value)
    for part, value in _list_parts(evaluation, pattern, subject, line):
        yield from list_captured(evaluation, part, value, line)


def _list_parts(
    evaluation: PatternEvaluation, pattern: ast.pattern, subject: Value, line: int
) -> Iterator[tuple[ast.pattern, Value]]:
    """Yield each pattern inside of another one, with the value that is matched with it."""
    match pattern:
        case ast.MatchAs(pattern=ast.pattern() as inner):
            yield inner, subject
        case ast.MatchOr(patterns=patterns):
            yield from ((each, subject) for each in patterns)
        case ast.MatchSequence(patterns=patterns):
            yield from ((each, _join_items(subject)) for each in patterns)
        case ast.MatchMapping(keys=keys, patterns=patterns):
            for key, each in zip(keys, patterns, strict=True):
                item = evaluation.take_item(subject, evaluation.evaluate(key), line)
                yield each, join_choices(item, _join_items(subject))
        case ast.MatchClass():
            yield from _list_attributes(evaluation, pattern, subject, line)


def _list_attributes(
    evaluation: PatternEvaluation, pattern: ast.MatchClass, subject: Value, line: int
) -> Iterator[tuple[ast.pattern, Value]]:
    """Yield each pattern inside of a class pattern, with the attribute of the subject that it gets."""
    matched_class = evaluation.evaluate(pattern.cls)
    names: Sequence[Value] = ()
    if pattern.patterns and _matches_self(matched_class):
        yield pattern.patterns[0], subject
    elif pattern.patterns:
        names = evaluation.list_matched_names(matched_class, line)
        for index, each in enumerate(pattern.patterns):
            yield each, _take_attribute(evaluation, subject, names[index] if index < len(names) else UNKNOWN, line)
    for attribute, each in zip(pattern.kwd_attrs, pattern.kwd_patterns, strict=True):
        yield each, _take_attribute(evaluation, subject, Constant(attribute), line)


def _matches_self(matched_class: Value) -> bool:
    """Whether a class is one of those whose pattern by position gets the subject itself."""
    return all(
        isinstance(each, ExternalName) and each.name in _MATCHING_SELF for each in list_alternatives(matched_class)
    )


def _take_attribute(evaluation: PatternEvaluation, subject: Value, name: Value, line: int) -> Value:
    """Take an attribute of the subject, and record it; of an unknown one, the parts of the subject stay."""
    attribute = evaluation.call_getattr(Call("builtins.getattr", [subject, name], {}, line))
    evaluation.recorder.record_attribute_access(attribute, line)
    return _join_items(subject) if attribute == UNKNOWN or isinstance(subject, Container) else attribute


def _join_items(value: Value) -> Value:
    """Return a value for any part of ``value``: each known item, or an unknown part with its tags."""
    return join_choices(name_resolution.resolve_item(value, UNKNOWN), Unknown(collect_tags(value)))
