"""Functions, lambdas and classes that a source defines, numbered in the order of the evaluation.

The body of a function is evaluated after the module around it, because by then the names that it uses have their
values. ``DefinitionTable`` keeps the queue of those bodies.
"""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct, field

from modelaudit.languages.python.held_steps import fill_value
from modelaudit.languages.python.scopes import Scope
from modelaudit.languages.python.values import (
    UNKNOWN,
    CallableValue,
    Constant,
    Container,
    LocalDefinition,
    Unknown,
    Value,
    collect_tags,
    is_found,
    join_choices,
    join_values,
    leads_to_modules,
    list_alternatives,
    list_steps,
)

DefinitionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_MOST_BASES: Final = 16


class Definition(Struct):
    """One function, lambda or class of the source.

    Attributes:
        scope: the scope around the definition.
        members: the namespace of a class; ``None`` for a function.
        bases: the values of the base classes.
        result: what the function returned where its body was evaluated; ``None`` before that.
        arguments: callables that some call passed, by the name of the parameter.
        is_property: whether access to the attribute calls the function.
        is_reused: whether several calls define it, each with other values around it.
        inlined_scope: the scope around it in the latest inlined call.
        defaults: the values of the parameters that have a default, from where the definition ran.
        leaves_steps: whether a call leaves a walked value in a name or an object around, see ``held_steps``.
    """

    node: DefinitionNode
    scope: Scope
    members: Scope | None = None
    bases: tuple[Value, ...] = ()
    result: Value | None = None
    arguments: dict[str, Value] = field(default_factory=dict)
    is_property: bool = False
    is_reused: bool = False
    inlined_scope: Scope | None = None
    defaults: dict[str, Value] = field(default_factory=dict)
    leaves_steps: bool = False

    def add_defaults(self, defaults: Mapping[str, Value]) -> None:
        """Keep the defaults of one run of the definition beside those of earlier runs."""
        for name, value in defaults.items():
            self.defaults[name] = join_choices(self.defaults.get(name, value), value)

    def find_bound(self) -> str:
        """Return what a decorator makes the first argument of a method: ``class``, ``nothing``; empty for an object."""
        names = {each.id for each in getattr(self.node, "decorator_list", ()) if isinstance(each, ast.Name)}
        return "class" if "classmethod" in names else "nothing" if "staticmethod" in names else ""

    def bind_call(self, args: Sequence[Value], keywords: dict[str, Value]) -> dict[str, Value]:
        """Return the arguments of a call by parameter name; ``*args`` gets those beyond the last positional parameter.

        Arguments that can be called are also kept in ``arguments``, for the evaluation of the body by itself.
        """
        assert not isinstance(self.node, ast.ClassDef)
        parameters = [each.arg for each in (*self.node.args.posonlyargs, *self.node.args.args)]
        # A keyword of the name of a parameter that is positional alone goes to ``**``.
        hidden = {each.arg for each in self.node.args.posonlyargs}
        bound = dict(zip(parameters, args, strict=False)) | {
            name: value for name, value in keywords.items() if name not in hidden
        }
        if self.node.args.vararg is not None and len(args) > len(parameters):
            bound[self.node.args.vararg.arg] = _gather_values(args[len(parameters) :])
        for name, value in bound.items():
            if any(isinstance(each, CallableValue) or is_found(each) for each in list_alternatives(value)):
                self.arguments[name] = join_values(self.arguments.get(name, UNKNOWN), value)
        return bound


def _gather_values(values: Sequence[Value]) -> Value:
    """Return the tuple of values that ``*args`` gets: a constant if all of them are plain ones."""
    plain = [each.value for each in values if isinstance(each, Constant) and not isinstance(each.value, tuple)]
    if len(plain) == len(values):
        return Constant(tuple(plain), max(each.provenance for each in values if isinstance(each, Constant)))
    return Container(tuple(values))


def _finds_objects(function: Definition) -> bool:
    """Whether a function returns a module, or what a walk over modules found."""
    if function.result is None:
        return False
    return any(map(leads_to_modules, list_alternatives(function.result)))


class DefinitionTable(Struct):
    """All definitions of one source, by number from 1, and the functions whose bodies wait to be evaluated.

    Attributes:
        made_classes: the classes that calls make, by the node of the call.
    """

    made_classes: dict[ast.expr, ast.ClassDef] = field(default_factory=dict)
    _definitions: list[Definition] = field(default_factory=list)
    _numbers: dict[int, int] = field(default_factory=dict)
    """The number of each definition, by the ``id`` of its node."""
    _finders: dict[str, tuple[LocalDefinition, ...]] = field(default_factory=dict)
    _properties: dict[str, tuple[LocalDefinition, ...]] = field(default_factory=dict)
    """The properties that returned what a computed name took, by name."""
    _queue: deque[int] = field(default_factory=deque)
    _queued: set[int] = field(default_factory=set)

    def get(self, local: LocalDefinition) -> Definition:
        """Return the definition that a value refers to."""
        return self._definitions[local.number - 1]

    def finds_objects(self, function: LocalDefinition) -> bool:
        """Whether a function returns a module, or what a walk over modules found, as far as is known yet."""
        definition = self.get(function)
        return definition.members is None and _finds_objects(definition)

    def list_finders(self, name: str) -> Sequence[LocalDefinition]:
        """List the functions and methods of a name that returned a module, or what a walk found, in the first pass.

        Those inside of other functions are left out.
        """
        return self._finders.get(name, ())

    def list_properties(self, name: str) -> Sequence[LocalDefinition]:
        """List the properties of a name that returned what a computed name took, in the first pass."""
        return self._properties.get(name, ())

    def has_finders(self) -> bool:
        """Whether there are such functions."""
        return bool(self._finders)

    def get_members(self, value: Value) -> Scope | None:
        """Return the namespace of a class of the source, or of an object of one; ``None`` for any other value."""
        return self.get(value).members if isinstance(value, LocalDefinition) else None

    def find_member(self, owner: LocalDefinition, name: str) -> Value | None:
        """Return a member of a class of the source, which may be that of a base class of the source.

        The bases are searched in depth, which differs from Python where two of them have one base.
        """
        waiting = [owner]
        for _ in range(_MOST_BASES):
            definition = self.get(waiting.pop())
            if definition.members is not None and name in definition.members.names:
                return definition.members.names[name]
            bases = [part for base in definition.bases for part in list_alternatives(base)]
            waiting += [each for each in reversed(bases) if isinstance(each, LocalDefinition)]
            if not waiting:
                break
        return None

    def find_method(self, owner: Value, names: Sequence[str]) -> Value | None:
        """Return the first of several methods that a class has, or else a base of it; ``None`` if none has one."""
        found = (self.find_member(owner, each) for each in names) if isinstance(owner, LocalDefinition) else ()
        return next((each for each in found if each is not None), None)

    def add(
        self, node: DefinitionNode, scope: Scope, members: Scope | None, is_inlined: bool = False
    ) -> LocalDefinition:
        """Number a definition, and queue it if it is a function; ``is_inlined`` in the body of an inlined call.

        A node that is evaluated again, as in an inlined call, keeps its number and gets the latest scope.
        """
        # The list of definitions keeps each node alive, so that no other node can get its ``id``.
        number = self._numbers.get(id(node))
        if number is None:
            self._definitions.append(Definition(node, scope))
            number = self._numbers[id(node)] = len(self._definitions)
        definition = self._definitions[number - 1]
        definition.scope, definition.members = scope, members
        if is_inlined:
            definition.is_reused |= definition.inlined_scope is not None and definition.inlined_scope is not scope
            definition.inlined_scope = scope
        if members is None and number not in self._queued:
            self._queue.append(number)
            self._queued.add(number)
        return LocalDefinition(number)

    def fill_defaults(self, base: Value, values: Sequence[Value]) -> None:
        """Put values that computed names have reached into each default that is, or may be, the object ``base``."""
        objects = {id(each) for each in list_alternatives(base) if not isinstance(each, Unknown)}
        for definition in self._definitions if objects else ():
            for name, value in definition.defaults.items():
                if any(id(each) in objects for each in list_alternatives(value)):
                    definition.defaults[name] = fill_value(value, values)

    def get_docstring(self, local: LocalDefinition) -> str:
        """Return the docstring of a function or class; empty if it has none."""
        node = self.get(local).node
        return "" if isinstance(node, ast.Lambda) else ast.get_docstring(node, clean=False) or ""

    def list_docstrings(self) -> list[str]:
        """Return the docstrings of all definitions so far."""
        numbers = range(1, len(self._definitions) + 1)
        return [text for number in numbers if (text := self.get_docstring(LocalDefinition(number)))]

    def pop_queued(self) -> LocalDefinition | None:
        """Take the next function whose body waits to be evaluated; ``None`` if there is none."""
        if not self._queue:
            return None
        number = self._queue.popleft()
        self._queued.discard(number)
        return LocalDefinition(number)

    def copy_for_next_pass(self) -> DefinitionTable:
        """Copy the results and arguments of a first pass for the second, which evaluates members and bases again."""
        copied = [
            Definition(
                each.node,
                each.scope,
                result=each.result,
                arguments=each.arguments,
                is_property=each.is_property,
                is_reused=each.is_reused,
                leaves_steps=each.leaves_steps,
            )
            for each in self._definitions
        ]
        finders: dict[str, tuple[LocalDefinition, ...]] = {}
        for number, each in enumerate(self._definitions, start=1):
            is_outer = each.scope.is_class or each.scope.parent is None
            if isinstance(each.node, ast.FunctionDef) and is_outer and _finds_objects(each):
                finders[each.node.name] = (*finders.get(each.node.name, ()), LocalDefinition(number))
        properties: dict[str, tuple[LocalDefinition, ...]] = {}
        for number, each in enumerate(copied, start=1):
            is_stepping = each.is_property and each.result is not None and bool(list_steps(collect_tags(each.result)))
            if is_stepping and isinstance(each.node, ast.FunctionDef):
                each.leaves_steps = True
                properties[each.node.name] = (*properties.get(each.node.name, ()), LocalDefinition(number))
        return DefinitionTable(self.made_classes, copied, dict(self._numbers), finders, properties)
