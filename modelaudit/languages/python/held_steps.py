"""Keep the values that computed names reached, in names of scopes around, in lists and in other objects.

A step of a walk may be taken by a function whose caller sees only what it leaves behind: ``nonlocal found``,
``held.append(getattr(held[-1], name))``. Which object a name means is rarely known, so that a value is put into each
object of that name in the scopes around and in those of the callers, and into the very object under any other name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from modelaudit.languages.python import blind_steps
from modelaudit.languages.python.scopes import Scope
from modelaudit.languages.python.values import (
    Alternatives,
    Constant,
    Container,
    ExternalName,
    Unknown,
    Value,
    join_choices,
    list_alternatives,
)
from modelaudit.model.copies import replace

_MAX_ITEMS: Final = 64  # of a list that steps fill
FILLING_METHODS: Final = frozenset(
    {"append", "appendleft", "extend", "extendleft", "insert", "add", "update", "put", "put_nowait", "push", "set",
     "setdefault", "__setitem__", "__iadd__", "__ior__"}
)  # fmt: skip
"""Methods that put what they get into their object."""


class HeldSteps:
    """The steps that a source leaves outside of the names of one function.

    Attributes:
        found: the names, and the tags of the steps, that were left so far.
        writes: how often that happened.
        raised: the tags of steps in errors that the source raises.
        callers: the scopes of the calls around the one that is evaluated.
    """

    def __init__(self) -> None:
        self.found: set[tuple[str, str]] = set()
        self.writes = 0
        self.raised: frozenset[str] = frozenset()
        self.callers: list[Scope] = []

    def note(self, name: str, value: Value) -> None:
        """Note that a value is left under a name, if computed names have reached it."""
        steps = blind_steps.collect_steps(value)
        if steps:
            self.writes += 1
            self.found.update((name, each) for each in steps)

    def fill(self, scopes: Iterable[Scope], name: str, base: Value, values: Sequence[Value]) -> None:
        """Put values that computed names have reached into what a name means, and into that object elsewhere.

        Args:
            scopes: those around, and those of the callers.
            name: the name; empty for an object without one.
            base: the object.
            values: what is put into it.
        """
        reached = [item for value in values for item in _list_reached(value)]
        if not reached:
            return
        for each in reached:
            self.note(name, each)
        objects = {id(each) for each in list_alternatives(base) if not isinstance(each, Unknown)}
        for scope in {id(each): each for each in scopes}.values():
            for held, value in list(scope.names.items()):
                is_same = held == name or any(id(each) in objects for each in list_alternatives(value))
                if is_same and (filled := fill_value(value, reached)) is not value:
                    scope.names[held] = filled


def _list_reached(value: Value) -> Sequence[Value]:
    """List the values, or the items of a list, that computed names have reached."""
    parts = value.values if isinstance(value, Container) else (value,)
    return [each for each in parts if blind_steps.collect_steps(each)]


def fill_value(value: Value, reached: Sequence[Value]) -> Value:
    """Return a value into which others are put; itself if it holds such already, or can hold none."""
    steps = frozenset[str]().union(*map(blind_steps.collect_steps, reached))
    if steps <= blind_steps.collect_steps(value):
        return value
    if isinstance(value, Alternatives):
        return join_choices(*(fill_value(each, reached) for each in value.values))
    if isinstance(value, Container):
        keys = (*value.keys, *([None] * len(reached))) if value.keys else ()
        # At which place they are put is not known.
        items = value.values if keys else [join_choices(each, *reached) for each in value.values]
        return replace(value, values=(*items, *reached)[-_MAX_ITEMS:], keys=keys[-_MAX_ITEMS:], is_open=True)
    if isinstance(value, Unknown) or (isinstance(value, ExternalName) and value.is_result):
        return replace(value, tags=value.tags | steps)
    return join_choices(value, Unknown(steps)) if isinstance(value, Constant) else value


def list_scopes(scope: Scope, callers: Iterable[Scope]) -> Iterable[Scope]:
    """Yield a scope, those around it and those of the callers."""
    for each in (scope, *callers):
        around: Scope | None = each
        while around is not None:
            yield around
            around = around.parent
