"""Methods that are called without their names being written: by operators, brackets, ``with``, ``for`` and the dot."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from modelaudit.languages.python.values import (
    Container,
    ExternalName,
    LocalDefinition,
    Value,
    join_values,
    list_alternatives,
)

if TYPE_CHECKING:
    from modelaudit.languages.python.follow import Follower

_PROPERTIES: Final = frozenset({"builtins.property", "functools.cached_property"})
OPERATORS: Final[dict[type[ast.operator], str]] = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.MatMult: "matmul", ast.Div: "truediv",
    ast.FloorDiv: "floordiv", ast.Mod: "mod", ast.Pow: "pow", ast.LShift: "lshift", ast.RShift: "rshift",
    ast.BitOr: "or", ast.BitXor: "xor", ast.BitAnd: "and",
}  # fmt: skip
"""What the methods of an operator are called."""


def method_of(base: Value, names: Sequence[str], args: Sequence[Value], to: Follower) -> Value | None:
    """What the first of these methods that a class of the file has returns; ``None`` where none has one."""
    found: list[Value] = []
    for each in list_alternatives(base):
        members = to.definitions[each.number - 1].members if isinstance(each, LocalDefinition) else None
        method = next((members.names[name] for name in names if name in members.names), None) if members else None
        for one in list_alternatives(method) if method is not None else ():
            if isinstance(one, LocalDefinition):
                to.log.record_local_call(one.number)
                found.append(to.run(one, [each, *args], {}))
            else:
                found.append(one)
    return join_values(*found) if found else None


def operated(kind: type[ast.operator], left: Value, right: Value, to: Follower) -> Value | None:
    """What an operator between two values returns, where one is of a class of the file."""
    name = OPERATORS[kind]
    found = method_of(left, (f"__{name}__",), [right], to)
    return found if found is not None else method_of(right, (f"__r{name}__",), [left], to)


def mark_property(decorator: Value, local: LocalDefinition, to: Follower) -> None:
    """Keep that a function is called by being taken from an object."""
    if any(isinstance(each, ExternalName) and each.name in _PROPERTIES for each in list_alternatives(decorator)):
        to.definitions[local.number - 1].is_property = True


def taken(member: Value, owner: LocalDefinition, to: Follower) -> Value:
    """What taking a member from an object gives: of a property, what it returns."""
    if isinstance(member, LocalDefinition) and to.definitions[member.number - 1].is_property:
        to.log.record_local_call(member.number)
        return to.run(member, [owner], {})
    return member


def installs(classes: Value, to: Follower) -> None:
    """Classes whose methods an installation runs."""
    for each in list_alternatives(classes):
        for one in each.values if isinstance(each, Container) else ():
            members = to.definitions[one.number - 1].members if isinstance(one, LocalDefinition) else None
            for member in members.names.values() if members is not None else ():
                hand_on(member, to)


def hand_on(value: Value, to: Follower) -> None:
    """Whoever is given a function may call it."""
    for each in list_alternatives(value):
        if isinstance(each, LocalDefinition):
            to.log.record_local_call(each.number)
