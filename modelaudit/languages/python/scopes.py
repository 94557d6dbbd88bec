"""The names of functions, classes and modules, as the evaluator binds and looks them up."""

from __future__ import annotations

from typing import Final

from msgspec import Struct, field

from modelaudit.languages.python.values import (
    MAX_ALTERNATIVES,
    ExternalName,
    Unknown,
    Value,
    collect_tags,
    holds_text,
    join_choices,
    join_values,
    list_alternatives,
    merge_binding,
    open_constant,
)

_REBOUND: Final = frozenset({"rebound"})


class Scope(Struct):
    """The names of one function, class or module.

    Attributes:
        parent: the scope around, which resolves the names that are missing here.
        global_names: names that ``global`` assigns to the module.
        nonlocal_names: names that ``nonlocal`` assigns to the enclosing function.
        journal: earlier values of names that were rebound, oldest first; kept only while a branch is evaluated.
        is_comprehension: whether it is that of a comprehension, which keeps only the targets of its loops.
        is_class: whether it is that of a class.
        is_reused: whether it is that of a function which several calls define, each with other values around it.
        rebound: the values that functions, and the namespace of a module, bind to its names, whenever they run.
        texts: the earlier texts of each name that was bound to several.
    """

    parent: Scope | None = None
    names: dict[str, Value] = field(default_factory=dict)
    global_names: set[str] = field(default_factory=set)
    nonlocal_names: set[str] = field(default_factory=set)
    journal: list[tuple[str, Value | None]] | None = None
    is_comprehension: bool = False
    is_class: bool = False
    is_reused: bool = False
    rebound: dict[str, Value] = field(default_factory=dict)
    texts: dict[str, list[Value]] = field(default_factory=dict)

    def look_up(self, name: str) -> Value | None:
        """Return the value of a name; ``None`` if no scope binds it.

        A class gives no names to the functions in it. A name of a scope around is any text that it was ever bound to
        there: when the function runs is not known. Source: language reference, section 4.2.2.
        """
        scope: Scope | None = self
        while scope is not None:
            if name in scope.global_names:
                scope = scope.find_module()
            if name in scope.names and not (scope.is_class and scope is not self):
                value = scope.names[name]
                value = join_choices(value, scope.rebound[name]) if name in scope.rebound else value
                if scope is self or self.is_comprehension:
                    return value
                value = join_choices(value, *scope.texts[name]) if name in scope.texts else value
                # Another call may have left another value there.
                return open_constant(value) if self.is_reused and scope.parent is not None else value
            scope = scope.parent
        return None

    def look_up_around(self, name: str) -> Value | None:
        """Return the value of a name in the scopes around this one; ``None`` if none binds it."""
        return self.parent.look_up(name) if self.parent is not None else None

    def is_bound_inside(self, name: str) -> bool:
        """Whether a function binds a name that is seen here: no name of the module, of a class or from outside."""
        scope: Scope | None = self
        while name and scope is not None and scope.parent is not None:
            if name in scope.names and not (scope.is_class and scope.parent.parent is None):
                return True
            scope = scope.parent
        return False

    def find_module(self) -> Scope:
        """Return the scope of the module around this one, which may be this one itself."""
        scope = self
        while scope.parent is not None:
            scope = scope.parent
        return scope

    def rebind(self, name: str, value: Value) -> None:
        """Keep that some code binds a name of this module, at a time that is not known."""
        for each in list_alternatives(value):
            # Callables stay beside a later value in any case. A join would leave out what is unknown and has no tag.
            kept = each if holds_text(each) else Unknown(collect_tags(each) | _REBOUND)
            if holds_text(each) or isinstance(each, Unknown):
                self.rebound[name] = join_values(self.rebound.get(name, kept), kept)

    def list_modules(self) -> frozenset[str]:
        """Return the names of other modules, or of their members, that this scope and those around it bind."""
        outer = self.parent.list_modules() if self.parent is not None else frozenset()
        values = (each for value in self.names.values() for each in list_alternatives(value))
        return outer | {each.name for each in values if isinstance(each, ExternalName) and not each.is_result}

    def bind(self, name: str, value: Value) -> None:
        """Bind a name in this scope, or in the one that ``global`` or ``nonlocal`` selects."""
        scope = self
        if name in self.global_names:
            scope = scope.find_module()
        elif name in self.nonlocal_names:
            # The nearest scope around this one that has the name; the module if none has.
            while scope.parent is not None and (scope is self or name not in scope.names):
                scope = scope.parent
        if scope is not self:
            # Whether, and when, the function runs is not known.
            for each in (scope.names.get(name, value), value):
                scope.rebind(name, each)
        before = scope.names.get(name)
        if scope.journal is not None:
            scope.journal.append((name, before))
        if before is not None and before != value and holds_text(before):
            texts = scope.texts.setdefault(name, [])
            if len(texts) <= MAX_ALTERNATIVES:  # one more than are kept apart, so that the others open
                texts.append(before)
        scope.names[name] = merge_binding(before, value)
