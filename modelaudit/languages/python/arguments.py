"""Bind the arguments of a call: unpack ``*`` and ``**`` where their contents are known."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Final

from modelaudit.languages.python import blind_steps, name_tables
from modelaudit.languages.python.values import (
    UNKNOWN,
    Constant,
    Container,
    ExternalName,
    Value,
    join_values,
    list_alternatives,
    open_constant,
)

_MAX_UNPACKED: Final = 64


def bind_arguments(node: ast.Call, evaluate: Callable[[ast.expr], Value]) -> tuple[list[Value], dict[str, Value]]:
    """Evaluate the arguments of a call, in order; return those by position and those by name.

    A ``**`` whose keys are unknown is kept under the name ``**``, so that its tags are not lost.
    """
    args: list[Value] = []
    for argument in node.args:
        if isinstance(argument, ast.Starred):
            args += _unpack_sequence(evaluate(argument.value))
        else:
            args.append(evaluate(argument))
    keywords: dict[str, Value] = {}
    for keyword in node.keywords:
        value = evaluate(keyword.value)
        if keyword.arg is not None:
            keywords[keyword.arg] = value
            continue
        unpacked = _unpack_mapping(value)
        if unpacked is None:
            value = blind_steps.take_item(value, UNKNOWN, value, "")
            unpacked = {"**": join_values(keywords.get("**", value), value)}
        keywords |= unpacked
    return args, keywords


def _unpack_sequence(value: Value) -> tuple[Value, ...]:
    """Return the items that ``*value`` passes; an unknown sequence is passed as one argument, with its tags."""
    if isinstance(value, Container) and not value.keys:
        items = value.values[:_MAX_UNPACKED]
        return tuple(map(open_constant, items)) if value.is_open else items
    if isinstance(value, Constant) and isinstance(value.value, tuple):
        return tuple(Constant(each, value.provenance, value.is_open) for each in value.value[:_MAX_UNPACKED])
    return (value,)


def _unpack_mapping(value: Value) -> dict[str, Value] | None:
    """Return the keyword arguments that ``**value`` passes; ``None`` if ``value`` is not a known mapping."""
    if not isinstance(value, Container) or len(value.keys) != len(value.values):
        return None
    items = map(open_constant, value.values) if value.is_open else value.values
    return {key: item for key, item in zip(value.keys, items, strict=True) if isinstance(key, str)}


def build_mapping(keywords: dict[str, Value]) -> Container:
    """Build the mapping that ``dict`` makes of its keywords: ``dict(a=1)`` is ``{"a": 1}``."""
    return Container(tuple(keywords.values()), tuple(keywords))


def pair_items(items: Container) -> Container | None:
    """Build the mapping that ``dict`` makes of a list of pairs; ``None`` if the items are no pairs of known keys."""
    pairs = [_split_pair(each) for each in items.values]
    known = {pair[0].value: pair[1] for pair in pairs if pair is not None and isinstance(pair[0], Constant)}
    if items.keys or not pairs or len(known) < len(pairs):
        return None
    return Container(tuple(known.values()), tuple(known))


def _split_pair(item: Value) -> tuple[Value, Value] | None:
    """Return the two items of a pair; ``None`` for any other value."""
    if isinstance(item, Constant) and isinstance(item.value, tuple) and len(item.value) == 2:
        return Constant(item.value[0], item.provenance, item.is_open), Constant(
            item.value[1], item.provenance, item.is_open
        )
    if isinstance(item, Container) and len(item.values) == 2 and not item.keys:
        return item.values[0], item.values[1]
    return None


def is_certainly_true(value: Value | None) -> bool:
    """Whether the value of a switch is a constant that counts as true, or the result of ``bool``.

    A call of ``bool`` counts as true, because ``bool(1)`` in place of ``True`` hides the switch.
    """
    if isinstance(value, Constant):
        return bool(value.value)
    return isinstance(value, ExternalName) and value.name == "builtins.bool" and value.is_result


def find_passed_getter_targets(args: list[Value]) -> Iterator[Value]:
    """Yield the known arguments of a call if one is ``getattr``: ``f(getattr, os)`` can reach any name of ``os``."""
    alternatives = [each for arg in args for each in list_alternatives(arg)]
    if any(_is_getter(each) for each in alternatives):
        yield from (each for each in alternatives if each is not UNKNOWN)


def lists_known_texts(value: Value) -> bool:
    """Whether a value is a list of known texts, as the path of ``reduce(getattr, ["path", "join"], os)``."""
    if isinstance(value, Container):
        return bool(value.values) and all(isinstance(each, Constant) for each in value.values)
    return isinstance(value, Constant) and isinstance(value.value, tuple) and bool(value.value)


def _is_getter(value: Value) -> bool:
    """Whether a value is ``getattr`` or a function like it, and not the result of one."""
    return isinstance(value, ExternalName) and value.name in name_tables.GETTERS and not value.is_result
