"""Calls that give out all names of a module, of the file itself or of an object at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelaudit.languages.python import arguments
from modelaudit.languages.python.call import Call
from modelaudit.languages.python.values import Items, Named, Scope, Unknown, Value, joined, options, tags_of

if TYPE_CHECKING:
    from modelaudit.languages.python.follow import Follower


def namespace(call: Call, scope: Scope, to: Follower) -> Value:
    """``vars(module)`` is its ``__dict__``; without an argument it is that of the file itself."""
    if call.args and isinstance(call.args[0], Named) and call.name == "builtins.vars":
        return Named(f"{call.args[0].name}.__dict__")
    if call.args and call.name == "builtins.vars":
        return Unknown(tags_of(call.args[0]))
    return Named(call.name)


def members(call: Call, scope: Scope, to: Follower) -> Value:
    """``inspect.getmembers(module)`` holds everything of it; which is taken is worked out."""
    for each in call.args[:1]:
        to.tell_computed(each, call.line)
    return Unknown(call.flows)


def mapping(call: Call, scope: Scope, to: Follower) -> Value:
    """``dict(...)`` of what is known."""
    if call.by_name and not call.args and "**" not in call.by_name:
        return arguments.mapping(dict(call.by_name))
    is_copy = len(call.args) == 1 and isinstance(call.args[0], Items)
    return call.args[0] if is_copy else Named(call.name, True, tags=call.tags | call.flows)


def next_of(call: Call, scope: Scope, to: Follower) -> Value:
    """``next(...)`` is one of what it is given."""
    given = call.args[0] if call.args else Unknown()
    found = [joined(*each.values) if isinstance(each, Items) and each.values else each for each in options(given)]
    return joined(*found, *call.args[1:])
