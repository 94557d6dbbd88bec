"""Follows a source statement by statement, as an import would and then function by function; nothing of it is run."""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from modelaudit.languages.python import attack_texts, calls, dunders, name_resolution, statements, uses
from modelaudit.languages.python.expressions import TooDeepError, value_of
from modelaudit.languages.python.name_tables import CLASS_HOOKS, COMMANDS, POWERFUL_MODULES, WELL_KNOWN_MODULES
from modelaudit.languages.python.uses import UseLog
from modelaudit.languages.python.values import (
    UNKNOWN,
    CallableValue,
    Constant,
    Container,
    ExternalName,
    LocalDefinition,
    Provenance,
    Scope,
    Unknown,
    Value,
    join_values,
    list_alternatives,
    merge_binding,
)
from modelaudit.wire.deadline import keep_time

MOST_STEPS: Final = 1_000_000
_STEPS_OF_SHORT: Final = 100_000
_STEPS_A_CHARACTER: Final = 3
_MOST_INLINED: Final = 3
_SHORT_BODY: Final = 12
_INLINED_IN_ALL: Final = 4000
_NO_LOOK: Final = 63
"""The steps of which all but the first are taken without a look at the time."""


def allowance(text: str) -> int:
    """The steps that may be spent on a source: few lines can be made to take as many as they like."""
    return min(MOST_STEPS, _STEPS_OF_SHORT + _STEPS_A_CHARACTER * len(text))


Definable = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef


@dataclass(slots=True)
class Definition:
    """A function or class of the file. ``members`` is the namespace of a class; a property is called by being taken."""

    node: Definable
    scope: Scope
    members: Scope | None = None
    bases: tuple[Value, ...] = ()
    returns: Value | None = None
    given: dict[str, Value] = field(default_factory=dict)
    is_property: bool = False


@dataclass(slots=True)
class Follower:
    """The state of one source.

    Attributes:
        stars: the modules all of whose names are imported.
        attributes: what is given to attributes of objects, by the name of the attribute.
        unfollowed: first and last lines of statements that are too deep to be followed.
        in_text: how many texts that are run as code lie around what is followed.
    """

    log: UseLog = field(default_factory=UseLog)
    docstring: str = ""
    stars: list[str] = field(default_factory=list)
    attributes: dict[str, Value] = field(default_factory=dict)
    unfollowed: list[tuple[int, int]] = field(default_factory=list)
    imports: dict[str, None] = field(default_factory=dict)
    relative: dict[tuple[int, str], int] = field(default_factory=dict)
    depth: int = 0
    in_text: int = 0
    steps: int = 0
    most_steps: int = MOST_STEPS
    definitions: list[Definition] = field(default_factory=list)
    inlining: int = 0
    inlined: int = 0
    _numbers: dict[int, int] = field(default_factory=dict)
    _waiting: deque[int] = field(default_factory=deque)
    _are_waiting: set[int] = field(default_factory=set)
    _returned: list[Value] = field(default_factory=list)

    def again(self) -> Follower:
        """A fresh follower that knows what this one learned of attributes, functions and what they are given."""
        other = Follower(attributes=dict(self.attributes), most_steps=self.most_steps)
        other.definitions = [
            Definition(each.node, each.scope, None, (), each.returns, each.given, each.is_property)
            for each in self.definitions
        ]
        other._numbers = dict(self._numbers)
        return other

    def step(self, count: int = 1) -> None:
        """Count steps; work on a long constant counts by its length.

        Raises:
            TooDeepError: there were too many.
            LimitReachedError: there is no time left.
        """
        self.steps += count
        if self.steps & _NO_LOOK < count:
            keep_time()
        if self.steps > self.most_steps:
            raise TooDeepError

    def module(self, body: Sequence[ast.stmt], scope: Scope) -> None:
        """Follow statements of a module, and then the functions that they define."""
        self.statements(body, scope)
        while self._waiting:
            number = self._waiting.popleft()
            self._are_waiting.discard(number)
            self._function(number, self.definitions[number - 1])

    def statements(self, body: Sequence[ast.stmt], scope: Scope) -> None:
        """Follow statements; one that is too deep is noted, and the next goes on."""
        for statement in body:
            depth = self.depth
            try:
                self.step()
                statements.follow(statement, scope, self)
            except TooDeepError:
                self.depth = depth
                if len(self.unfollowed) < 1000 and self.steps <= self.most_steps + 1000:
                    self.unfollowed.append((statement.lineno, statement.end_lineno or statement.lineno))

    def define(self, node: Definable, scope: Scope, members: Scope | None = None) -> LocalDefinition:
        """Take in a definition; a function's body is followed once the module has been."""
        number = self._numbers.get(id(node))
        if number is None:
            self.definitions.append(Definition(node, scope))
            number = self._numbers[id(node)] = len(self.definitions)
        definition = self.definitions[number - 1]
        definition.scope, definition.members = scope, members
        name = "<lambda>" if isinstance(node, ast.Lambda) else node.name
        self.log.register_definition(name, number)
        if name in CLASS_HOOKS or (name in ("__getattr__", "__dir__") and scope.parent is None):
            self.log.record_implied_call(self.log.current_function, number)
        if members is None and number not in self._are_waiting:
            self._waiting.append(number)
            self._are_waiting.add(number)
        return LocalDefinition(number)

    def _function(self, number: int, definition: Definition) -> None:
        node = definition.node
        if isinstance(node, ast.ClassDef):
            return
        scope = Scope(definition.scope)
        self._bind_parameters(node.args, definition, scope)
        before, self.log.current_function = self.log.current_function, number
        found = self._body(node, scope)
        self.log.current_function = before
        definition.returns = found if definition.returns is None else join_values(definition.returns, found)

    def _body(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, scope: Scope) -> Value:
        if isinstance(node, ast.Lambda):
            depth = self.depth
            try:
                return value_of(node.body, scope, self)
            except TooDeepError:
                self.depth = depth
                self.unfollowed.append((node.lineno, node.end_lineno or node.lineno))
                return UNKNOWN
        outer, self._returned = self._returned, []
        self.statements(node.body, scope)
        found = join_values(*self._returned) if self._returned else UNKNOWN
        self._returned = outer
        return found

    def returns(self, value: Value) -> None:
        """Keep what the function being followed returns."""
        if len(self._returned) < 64:
            self._returned.append(value)

    def _bind_parameters(self, args: ast.arguments, definition: Definition, scope: Scope) -> None:
        positional = [*args.posonlyargs, *args.args]
        defaults: dict[str, ast.expr] = {}
        for parameter, default in zip(reversed(positional), reversed(args.defaults), strict=False):
            defaults[parameter.arg] = default
        for parameter, given in zip(args.kwonlyargs, args.kw_defaults, strict=True):
            if given is not None:
                defaults[parameter.arg] = given
        for parameter in (*positional, *args.kwonlyargs, *filter(None, (args.vararg, args.kwarg))):
            known = definition.given.get(parameter.arg, UNKNOWN)
            if parameter.arg in defaults:
                known = join_values(known, value_of(defaults[parameter.arg], definition.scope, self))
            scope.names[parameter.arg] = UNKNOWN if isinstance(known, Constant) else known

    def run(self, local: LocalDefinition, given: Sequence[Value], by_name: dict[str, Value]) -> Value:
        """What a call of a function of the file returns, worked out where it is short and its arguments are known."""
        definition = self.definitions[local.number - 1]
        node = definition.node
        if isinstance(node, ast.ClassDef):
            return LocalDefinition(local.number, is_result=True)
        parameters = [each.arg for each in (*node.args.posonlyargs, *node.args.args)]
        bound = dict(zip(parameters, given, strict=False)) | by_name
        for name, value in bound.items():
            if any(isinstance(each, CallableValue) for each in list_alternatives(value)):
                definition.given[name] = join_values(definition.given.get(name, UNKNOWN), value)
        # What a function makes of values that nobody knows has been followed once, and is what it returns.
        is_known = any(
            isinstance(each, CallableValue | Constant) for value in bound.values() for each in list_alternatives(value)
        )
        is_short = isinstance(node, ast.Lambda) or len(node.body) <= _SHORT_BODY
        if not is_short or not (is_known or not bound) or self.inlining >= _MOST_INLINED:
            return definition.returns or UNKNOWN
        if self.inlined >= _INLINED_IN_ALL:
            return definition.returns or UNKNOWN
        return self._inline(node, definition, bound)

    def _inline(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, definition: Definition, bound: dict[str, Value]
    ) -> Value:
        scope = Scope(definition.scope)
        self._bind_parameters(node.args, definition, scope)
        scope.names.update(bound)
        self.inlining += 1
        self.inlined += 1
        try:
            return self._body(node, scope)
        finally:
            self.inlining -= 1

    def member(self, local: LocalDefinition, name: str) -> Value:
        """An attribute of a class of the file, or of an object of it."""
        definition = self.definitions[local.number - 1]
        if definition.members is None:
            return local if name in ("__call__", "__wrapped__", "__func__") else self.attributes.get(name, UNKNOWN)
        found = [
            dunders.taken(value, local, self)
            for value in (definition.members.names.get(name), self.attributes.get(name))
            if value is not None
        ]
        inherited = [
            name_resolution.resolve_attribute(each, name) for each in definition.bases if isinstance(each, ExternalName)
        ]
        return join_values(*found) if found else join_values(*inherited) if inherited else UNKNOWN

    def assign(self, target: ast.expr, value: Value, scope: Scope) -> None:
        """Give a target, be it a name, an attribute, an item or several of them, a value."""
        statements.assign(target, value, scope, self)

    def keep_attribute(self, name: str, value: Value) -> None:
        """Keep what an attribute of some object is given, where that can be called."""
        if any(isinstance(each, CallableValue | Container) for each in list_alternatives(value)):
            self.attributes[name] = merge_binding(self.attributes.get(name), value)

    def call(self, node: ast.Call, scope: Scope) -> Value:
        """Follow a call."""
        return calls.follow(node, scope, self)

    def of_namespace(self, key: Value, scope: Scope) -> Value:
        """An item of ``globals()`` or ``locals()``."""
        text = key.value if isinstance(key, Constant) and isinstance(key.value, str) else None
        if text is None:
            return Unknown(frozenset({"module"}))
        found = scope.look_up(text)
        if found is not None:
            is_made = isinstance(key, Constant) and key.provenance > Provenance.LITERAL
            return (
                ExternalName(found.name, found.is_result, is_made, found.tags)
                if isinstance(found, ExternalName)
                else found
            )
        return ExternalName("builtins") if text == "__builtins__" else UNKNOWN

    def tell_text(self, value: Constant, line: int) -> None:
        """Note a text that tells of an attack by itself."""
        text = value.value.decode("latin-1") if isinstance(value.value, bytes) else value.value
        if isinstance(text, str) and len(text) > 3:
            self.step(len(text) >> 6)
            for name, shown in attack_texts.find_attack_texts(text):
                self.log.record(uses.TEXT, name, line, shown)
            dotted = text.replace(":", ".")
            if dotted in COMMANDS:
                self.log.record(
                    uses.REFERENCE, name_resolution.normalize_name(dotted).name, line, "by its name in a text"
                )

    def tell_made(self, value: Value | None, line: int) -> Value:
        """The same for a text that was put together; it is returned, or what is unknown in its place."""
        if isinstance(value, Constant) and value.provenance > Provenance.LITERAL:
            self.step(len(value.value) >> 6 if isinstance(value.value, str | bytes | tuple) else 0)
            self.tell_text(value, line)
        return value or UNKNOWN

    def tell_handed(self, value: Value, line: int) -> None:
        """Note that a module that runs commands or code is handed to what another file of the model defines."""
        for each in list_alternatives(value):
            if isinstance(each, ExternalName) and not each.is_result and each.name in POWERFUL_MODULES:
                self.log.record(uses.COMPUTED, f"{each.name}.*", line, "handed on")

    def tell_walk(self, base: Value, line: int) -> None:
        """Note a walk along a path of unknown names that begins at a package: every module can be reached by one."""
        for each in list_alternatives(base):
            if isinstance(each, ExternalName) and not each.is_result and each.name in self.imports:
                self.log.record(uses.COMPUTED, "(package).*", line, each.name)

    def tell_computed(self, base: Value, line: int) -> None:
        """Note that something of a module is reached by a name that nobody can tell from the source."""
        name = name_resolution.find_namespace_owner(base)
        if name in WELL_KNOWN_MODULES.values() or name.startswith("*."):
            self.log.record(
                uses.COMPUTED, f"{name.removeprefix('*.')}.*" if name.startswith("*.") else f"{name}.*", line
            )
        elif isinstance(base, Unknown) and "module" in base.tags:
            is_plain = "builtins.__import__" in base.tags
            self.log.record(uses.COMPUTED, "builtins.__import__.*" if is_plain else "importlib.*", line)
