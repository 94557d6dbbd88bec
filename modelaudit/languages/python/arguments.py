"""Arguments of calls as the callee gets them: what is spread out is told apart, and what was bound before is added."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Final

from modelaudit.languages.python import name_tables
from modelaudit.languages.python.values import UNKNOWN, Constant, Container, ExternalName, Value, list_alternatives

_MOST_SPREAD: Final = 64


def given(node: ast.Call, work_out: Callable[[ast.expr], Value]) -> tuple[list[Value], dict[str, Value]]:
    """The arguments by place and by name; ``*`` and ``**`` are spread out where it is known what they hold."""
    args: list[Value] = []
    for each in node.args:
        if isinstance(each, ast.Starred):
            args += _spread(work_out(each.value))
        else:
            args.append(work_out(each))
    by_name: dict[str, Value] = {}
    for keyword in node.keywords:
        value = work_out(keyword.value)
        if keyword.arg is not None:
            by_name[keyword.arg] = value
            continue
        named = _named(value)
        by_name |= named if named is not None else {"**": value}
    return args, by_name


def _spread(value: Value) -> tuple[Value, ...]:
    if isinstance(value, Container) and not value.keys:
        return value.values[:_MOST_SPREAD]
    if isinstance(value, Constant) and isinstance(value.value, tuple):
        return tuple(Constant(each, value.provenance) for each in value.value[:_MOST_SPREAD])
    return (value,)


def _named(value: Value) -> dict[str, Value] | None:
    if not isinstance(value, Container) or len(value.keys) != len(value.values):
        return None
    return {key: each for key, each in zip(value.keys, value.values, strict=True) if isinstance(key, str)}


def mapping(by_name: dict[str, Value]) -> Value:
    """``dict(a=1)`` is ``{"a": 1}``."""
    return Container(tuple(by_name.values()), tuple(by_name))


def is_true(value: Value | None) -> bool:
    """Whether a switch is on for certain: a constant that counts as true, or what ``bool`` makes of anything."""
    if isinstance(value, Constant):
        return bool(value.value)
    return isinstance(value, ExternalName) and value.name == "builtins.bool" and value.is_result


def getters(args: list[Value]) -> list[Value]:
    """What stands beside ``getattr`` where that is handed on for another one to call."""
    each_option = [each for arg in args for each in list_alternatives(arg)]
    if not any(
        isinstance(each, ExternalName) and each.name in name_tables.GETTERS and not each.is_result
        for each in each_option
    ):
        return []
    return [each for each in each_option if each is not UNKNOWN]
