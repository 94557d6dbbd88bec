"""Calls that give out all names of a module, of the file itself or of an object at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelaudit.languages.python import arguments
from modelaudit.languages.python.call import Call
from modelaudit.languages.python.values import (
    Container,
    ExternalName,
    Scope,
    Unknown,
    Value,
    collect_tags,
    join_values,
    list_alternatives,
)

if TYPE_CHECKING:
    from modelaudit.languages.python.follow import Follower


def namespace(call: Call, scope: Scope, to: Follower) -> Value:
    """``vars(module)`` is its ``__dict__``; without an argument it is that of the file itself."""
    if call.args and isinstance(call.args[0], ExternalName) and call.name == "builtins.vars":
        return ExternalName(f"{call.args[0].name}.__dict__")
    if call.args and call.name == "builtins.vars":
        return Unknown(collect_tags(call.args[0]))
    return ExternalName(call.name)


def members(call: Call, scope: Scope, to: Follower) -> Value:
    """``inspect.getmembers(module)`` holds everything of it; which is taken is worked out."""
    for each in call.args[:1]:
        to.tell_computed(each, call.line)
    return Unknown(call.flows)


def mapping(call: Call, scope: Scope, to: Follower) -> Value:
    """``dict(...)`` of what is known."""
    if call.by_name and not call.args and "**" not in call.by_name:
        return arguments.mapping(dict(call.by_name))
    is_copy = len(call.args) == 1 and isinstance(call.args[0], Container)
    return call.args[0] if is_copy else ExternalName(call.name, True, tags=call.tags | call.flows)


def next_of(call: Call, scope: Scope, to: Follower) -> Value:
    """``next(...)`` is one of what it is given."""
    given = call.args[0] if call.args else Unknown()
    found = [
        join_values(*each.values) if isinstance(each, Container) and each.values else each
        for each in list_alternatives(given)
    ]
    return join_values(*found, *call.args[1:])
