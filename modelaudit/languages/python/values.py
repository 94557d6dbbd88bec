"""What an expression is worth as far as its text alone tells: a constant, a name, a function of the file."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Final

PlainValue = str | bytes | int | float | bool | None
"""A constant of Python without parts."""

MAX_ALTERNATIVES: Final = 8


class Provenance(IntEnum):
    """How a constant came about."""

    LITERAL = 0
    COMPUTED = 1
    """Joined, cut, turned or counted out of others."""
    DECODED = 2
    """Base64, hexadecimal digits, compression and their like were undone."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that is known. Sequences are tuples of values without parts, whatever their type was."""

    value: PlainValue | tuple[PlainValue, ...]
    provenance: Provenance = Provenance.LITERAL


@dataclass(frozen=True, slots=True)
class ExternalName:
    """Something of another module by its full dotted name, or an attribute of what such a thing returned.

    Attributes:
        returned: it is, or belongs to, the result of a call; ``socket.socket`` then is a socket and no class.
        hidden: its name does not stand in the source as it is.
        tags: what flowed into it, see ``Unknown``.
    """

    name: str
    is_result: bool = False
    is_hidden: bool = False
    tags: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class LocalDefinition:
    """A function or class that the file defines, by the number of its definition."""

    number: int
    is_result: bool = False


@dataclass(frozen=True, slots=True)
class Container:
    """A list, tuple or mapping that holds other things than constants. ``keys`` is as long, or empty."""

    values: tuple[Value, ...]
    keys: tuple[PlainValue | tuple[PlainValue, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class PartialCall:
    """A callable some of whose arguments are given already."""

    callee: Value
    args: tuple[Value, ...] = ()
    keywords: tuple[tuple[str, Value], ...] = ()


@dataclass(frozen=True, slots=True)
class Alternatives:
    """One of several values."""

    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Unknown:
    """Anything. ``tags`` name what flowed into it: ``network``, ``decoded``, ``secret``, ``module``."""

    tags: frozenset[str] = frozenset()


CallableValue = ExternalName | LocalDefinition | PartialCall
"""What a call of it is followed into."""

Value = Constant | CallableValue | Container | Alternatives | Unknown

UNKNOWN: Final = Unknown()


def list_alternatives(value: Value) -> tuple[Value, ...]:
    """Each value that it may be."""
    return value.values if isinstance(value, Alternatives) else (value,)


def collect_tags(value: Value, depth: int = 4) -> frozenset[str]:
    """All that flowed into a value and into what it holds."""
    if isinstance(value, Unknown | ExternalName):
        return value.tags
    if isinstance(value, Constant):
        return frozenset({"decoded"}) if value.provenance is Provenance.DECODED else frozenset()
    if depth and isinstance(value, Container):
        return frozenset().union(*(collect_tags(each, depth - 1) for each in value.values[:64]))
    if depth and isinstance(value, Alternatives):
        return frozenset().union(*(collect_tags(each, depth - 1) for each in value.values))
    return frozenset()


def add_tags(value: Value, tags: frozenset[str]) -> Value:
    """The same value, into which ``tags`` flowed as well."""
    if not tags or not isinstance(value, Unknown | ExternalName):
        return value
    return replace(value, tags=value.tags | tags)


def join_values(*values: Value) -> Value:
    """One value that may be any of these; what is no more than unknown is kept once."""
    if len(values) == 1:
        return values[0]
    # What holds much is told apart by what it is, not by what it holds: that costs too much each time.
    found: dict[object, Value] = {}
    for value in values:
        for each in list_alternatives(value):
            is_large = isinstance(each, Container | PartialCall) or (
                isinstance(each, Constant) and isinstance(each.value, tuple)
            )
            found.setdefault(id(each) if is_large else each, each)
    several = list(found.values())
    if len(several) == 1:
        return several[0]
    known = [each for each in several if not isinstance(each, Unknown)][:MAX_ALTERNATIVES]
    flowed = frozenset().union(*(each.tags for each in several if isinstance(each, Unknown)))
    rest = [Unknown(flowed)] if len(known) < len(several) and (flowed or not known) else []
    return known[0] if len(known) == 1 and not rest else Alternatives((*known, *rest)) if known else rest[0]


def merge_binding(old: Value | None, new: Value) -> Value:
    """What a name stands for after it is given ``new``: of constants the latest, of callables any that it ever was."""
    if old is None or (isinstance(new, Constant) and isinstance(old, Constant | Unknown)):
        return new
    kept = [each for each in list_alternatives(old) if isinstance(each, CallableValue | Container)]
    return join_values(new, *kept)


@dataclass(slots=True)
class Scope:
    """The names of one function, class or module.

    Attributes:
        parent: is asked for what it does not hold.
        global_names: names that belong to the module, as ``global`` says.
        nonlocal_names: names that belong to the function around, as ``nonlocal`` says.
        journal: what names stood for before they were bound anew, while a branch is followed.
    """

    parent: Scope | None = None
    names: dict[str, Value] = field(default_factory=dict)
    global_names: set[str] = field(default_factory=set)
    nonlocal_names: set[str] = field(default_factory=set)
    journal: list[tuple[str, Value | None]] | None = None

    def look_up(self, name: str) -> Value | None:
        """What the name stands for; ``None`` where nothing here gave it a value."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.parent
        return None

    def bind(self, name: str, value: Value) -> None:
        """Give the name a value."""
        scope = self
        if name in self.global_names:
            while scope.parent is not None:
                scope = scope.parent
        elif name in self.nonlocal_names:
            while scope.parent is not None and (scope is self or name not in scope.names):
                scope = scope.parent
        if scope.journal is not None:
            scope.journal.append((name, scope.names.get(name)))
        scope.names[name] = merge_binding(scope.names.get(name), value)
