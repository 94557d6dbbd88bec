"""Work out the classes of a class and the methods that its objects have, without importing it.

The order of resolution follows C3 (https://docs.python.org/3/howto/mro.html). A class is decided if its source binds
its name once, each decorator returns what it gets, each base is decided, and no statement of any module that was read
changes it afterwards.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from module_bindings import (
    Assigned,
    Binding,
    Definition,
    External,
    Found,
    Module,
    Undecided,
    is_nothing,
    iterate_bindings,
)
from module_names import Meaning, World
from reviewed import Reviewed, name_decorator

T = TypeVar("T")
MAX_STEPS = 200_000
"""The most expressions that one decision evaluates."""
_MAX_BASES = 60
_TYPING = frozenset({"typing", "typing_extensions", "collections.abc", "abc"})


class TooMuchWorkError(Exception):
    """A decision evaluates more than ``MAX_STEPS`` expressions."""


@dataclass(slots=True, eq=False)
class Method:
    """A method, or another value that a class binds to a name.

    Attributes:
        owner: the class that defines it.
        node: the function; ``None`` for another value.
        kind: ``method``, ``static``, ``class``, ``property``, ``setter`` or ``value``.
        fault: why it is undecided.
    """

    owner: ClassInfo
    name: str
    node: ast.FunctionDef | ast.AsyncFunctionDef | None = None
    kind: str = "method"
    line: int = 0
    value: ast.expr | None = None
    fault: Undecided | None = None
    setters: list[ast.FunctionDef | ast.AsyncFunctionDef] = field(default_factory=list)


@dataclass(eq=False)
class ClassInfo:
    """One class with its bases.

    Attributes:
        order: the resolution order without ``object``: classes of the sources, and the names of others.
        generated: what decorators generate: ``dataclass``.
    """

    module: Module
    node: ast.ClassDef
    reviewed: Reviewed
    order: list[ClassInfo | External] = field(default_factory=list)
    faults: list[Undecided] = field(default_factory=list)
    generated: set[str] = field(default_factory=set)
    metaclasses: list[ClassInfo | External] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The full name, as pickles write it."""
        return f"{self.module.name}.{self.node.name}"

    @property
    def place(self) -> str:
        """The file and the line."""
        return f"{self.module.path}:{self.node.lineno}"

    def iterate_classes(self) -> list[ClassInfo]:
        """Return the classes of the order whose source was read."""
        return [each for each in self.order if isinstance(each, ClassInfo)]

    @cached_property
    def members(self) -> dict[str, Method]:
        """What the class itself binds, by name."""
        bindings: dict[str, list[Binding]] = {}
        for statement in self.node.body:
            for name, binding in iterate_bindings(statement, self.module, is_conditional=False):
                bindings.setdefault(name, []).append(binding)
        members = {name: self._read_member(name, each) for name, each in bindings.items()}
        for member in members.values():
            self._read_property_call(member, members)
        return members

    def _read_property_call(self, member: Method, members: dict[str, Method]) -> None:
        """Make a property of a member that is ``property(getter, setter)`` of functions of the same body."""
        call = member.value
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.keywords:
            return
        if call.func.id != "property" or "property" in members or "property" in self.module.bindings:
            return
        functions = [members.get(each.id) if isinstance(each, ast.Name) else None for each in call.args[:2]]
        nodes = [each.node for each in functions if each is not None and each.kind == "method" and each.fault is None]
        if self.module.stars or not nodes or len(nodes) < len(call.args):
            return
        getter, *setters = [each for each in nodes if each is not None]
        member.node, member.kind, member.value, member.setters = getter, "property", None, setters

    def list_properties(self) -> list[str]:
        """Return the names of the properties of the class and of its bases, sorted."""
        members = [each for owner in self.iterate_classes() for each in owner.members.values()]
        return sorted({each.name for each in members if each.kind == "property"})

    def _read_member(self, name: str, bindings: list[Binding]) -> Method:
        """Return the member that a class body binds to a name."""
        place = f"{self.module.path}:{bindings[-1].line}"
        functions = [each.definition for each in bindings if each.definition is not None]
        real = [each for each in functions if not _is_overload(each)]
        if len(functions) == len(bindings) and real:
            accessors = [each for each in real if not isinstance(each, ast.ClassDef) and _find_accessor(each, name)]
            plain = [each for each in real if each not in accessors]
            if len(plain) == 1 and not any(each.is_conditional for each in bindings):
                return self._read_function(name, plain[0], accessors)
            return Method(self, name, fault=Undecided(f"{name} is bound more than once", place))
        if len(bindings) == 1 and not bindings[0].is_conditional:
            return Method(self, name, kind="value", line=bindings[0].line, value=bindings[0].value)
        if all(is_nothing(each) for each in bindings):
            return Method(self, name, kind="value", line=bindings[0].line, value=bindings[0].value)
        return Method(self, name, fault=Undecided(f"{name} is bound more than once", place))

    def _read_function(self, name: str, node: Definition, accessors: list[Definition]) -> Method:
        """Return a method by its decorators."""
        if isinstance(node, ast.ClassDef):
            return Method(self, name, kind="value", line=node.lineno)
        setters = [each for each in accessors if not isinstance(each, ast.ClassDef)]
        kind, fault = "method", None
        for decorator in node.decorator_list:
            text = name_decorator(decorator)
            found = self.reviewed.kind_of_decorator(decorator, self.module)
            if found is None:
                fault = Undecided(f"the decorator {text} may replace {name}", f"{self.module.path}:{decorator.lineno}")
            elif found != "same":
                kind = found
        return Method(self, name, node, kind, node.lineno, None, fault, setters)

    def find(self, name: str, after: ClassInfo | None = None) -> Method | External | None:
        """Return the member that an object of the class has under a name.

        Args:
            name: of the member.
            after: the class behind which the search begins, as for ``super()``.

        Returns:
            The method; the base without source that may hold it; ``None`` if no class has it.
        """
        order = self.order
        if after is not None:
            position = next((index for index, each in enumerate(order) if each is after), len(order) - 1)
            order = order[position + 1 :]
        for each in order:
            if isinstance(each, ClassInfo):
                if name in each.members:
                    return each.members[name]
            elif self.reviewed.has_member(each.name, name):
                return each
        return None


def _is_overload(node: Definition) -> bool:
    """Whether a definition only states types, so that a later one replaces it."""
    return any(ast.unparse(each).rpartition(".")[2] in ("overload", "_overload_method") for each in node.decorator_list)


def _find_accessor(node: ast.FunctionDef | ast.AsyncFunctionDef, name: str) -> bool:
    """Whether a function is the setter or deleter of the property ``name``."""
    return any(ast.unparse(each) in (f"{name}.setter", f"{name}.deleter") for each in node.decorator_list)


class ClassOrder:
    """Builds each class once."""

    def __init__(self, world: World, reviewed: Reviewed) -> None:
        self.world = world
        self.reviewed = reviewed
        self.bound: dict[ast.AST, dict[str, list[Any]]] = {}
        """What the statements of each function bind, which is the same for every class."""
        self.steps = 0
        """Expressions that were evaluated for the present decision."""
        self._classes: dict[int, ClassInfo] = {}

    def spend(self) -> None:
        """Count one expression. Raises ``TooMuchWorkError`` if a decision evaluates too many."""
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise TooMuchWorkError

    def build(self, found: Found) -> ClassInfo:
        """Return the class of a definition, with its order and the reasons why it is undecided."""
        assert isinstance(found.node, ast.ClassDef)
        key = id(found.node)
        if key not in self._classes:
            info = self._classes[key] = ClassInfo(found.module, found.node, self.reviewed)
            info.order = [info]
            info.faults.append(Undecided("its bases lead in a circle", info.place))
            self._read_decorators(info)
            bases = [base for each in found.node.bases if (base := self._read_base(info, each)) is not None]
            self._read_keywords(info)
            info.faults.pop(0)
            self._order(info, bases)
        return self._classes[key]

    def _read_decorators(self, info: ClassInfo) -> None:
        """Keep what the decorators of a class generate, and a fault for each that may replace it."""
        for decorator in info.node.decorator_list:
            text = name_decorator(decorator)
            kind = self.reviewed.kind_of_decorator(decorator, info.module)
            if kind is None:
                place = f"{info.module.path}:{decorator.lineno}"
                info.faults.append(Undecided(f"the decorator {text} may replace the class", place))
            elif kind != "same":
                info.generated.add(kind)

    def _read_base(self, info: ClassInfo, base: ast.expr) -> ClassInfo | External | None:
        """Return one base of a class; ``None`` if it adds nothing, or is undecided, which becomes a fault."""
        if isinstance(base, ast.Subscript):  # Generic[T], list[int]
            base = base.value
        path = ast.unparse(base)
        place = f"{info.module.path}:{base.lineno}"
        if isinstance(base, ast.Call) and isinstance(base.func, ast.Name | ast.Attribute):
            maker = self.resolve_path(info.module, ast.unparse(base.func))
            if getattr(maker, "name", "") in ("collections.namedtuple", "typing.NamedTuple"):
                return External("builtins.tuple")
        if not all(part.isidentifier() for part in path.split(".")):
            info.faults.append(Undecided(f"its base {path} is the value of an expression", place))
            return None
        found = self.resolve_path(info.module, path)
        if isinstance(found, Found) and isinstance(found.node, ast.ClassDef):
            inner = self.build(found)
            info.faults += inner.faults
            return inner
        if isinstance(found, External):
            if found.name == "builtins.object" or found.name.rpartition(".")[0] in _TYPING:
                return None
            if not self.reviewed.is_base(found.name):
                info.faults.append(Undecided(f"its base {found.name} has no source that was read", place))
            return found
        made = self.reviewed.resolve_value(found) if isinstance(found, Assigned) else None
        if isinstance(made, External) and self.reviewed.is_base(made.name):
            return made
        if isinstance(made, Found) and isinstance(made.node, ast.ClassDef):
            inner = self.build(made)
            info.faults += inner.faults
            return inner
        reason = found.reason if isinstance(found, Undecided) else "it is the value of an expression, or no class"
        info.faults.append(Undecided(f"its base {path} is undecided: {reason}", place))
        return None

    def resolve_path(self, module: Module, path: str) -> Meaning:
        """Return what a dotted path of a module means."""
        first, _, rest = path.partition(".")
        found = self.world.look_up(module, first)
        for part in rest.split(".") if rest else ():
            if isinstance(found, Module):
                found = self.world.look_up(found, part)
            elif isinstance(found, External):
                found = self.world.resolve(f"{found.name}.{part}")
            elif isinstance(found, Found | Assigned):
                return Undecided(f"{path} is an attribute of a class, a function or a value", module.path)
        return found

    def _read_keywords(self, info: ClassInfo) -> None:
        """Keep the metaclass; any other keyword goes to ``__init_subclass__``, which is looked at with the order."""
        for keyword in info.node.keywords:
            if keyword.arg != "metaclass":
                continue
            found = self.resolve_path(info.module, ast.unparse(keyword.value))
            if isinstance(found, Found) and self.reviewed.is_metaclass(found.name):
                continue
            if isinstance(found, External) and self.reviewed.is_metaclass(found.name):
                continue
            place = f"{info.module.path}:{info.node.lineno}"
            text = ast.unparse(keyword.value)
            info.faults.append(Undecided(f"its metaclass {text} may change the class", place))

    def _order(self, info: ClassInfo, bases: list[ClassInfo | External]) -> None:
        """Set the resolution order, or add a fault where there is none."""
        sequences = [list(each.order) if isinstance(each, ClassInfo) else [each] for each in bases]
        merged = merge_orders([*sequences, list(bases)])
        if merged is None or len(merged) > _MAX_BASES:
            info.faults.append(Undecided("its bases have no order", info.place))
            return
        info.order = [info, *merged]
        for each in info.iterate_classes():
            hook = each.members.get("__init_subclass__")
            is_read = self.reviewed.is_harmless(f"{each.name}.__init_subclass__")
            if each is info or hook is None or is_read:
                continue
            if hook.node is None or _changes_class(hook.node):
                info.faults.append(Undecided("__init_subclass__ may change the class", each.place))


def _changes_class(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether the body of ``__init_subclass__`` may bind a method of the class."""
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Store) and part.attr.startswith("__"):
            return True
        if isinstance(part, ast.Call) and ast.unparse(part.func) in ("setattr", "type.__setattr__", "exec"):
            return True
    return False


def merge_orders(sequences: list[list[T]]) -> list[T] | None:
    """Merge resolution orders by C3; ``None`` if they contradict each other."""
    merged: list[T] = []
    waiting = [list(each) for each in sequences if each]
    while waiting:
        head = next((each[0] for each in waiting if not any(each[0] in other[1:] for other in waiting)), None)
        if head is None:
            return None
        merged.append(head)
        waiting = [rest for each in waiting if (rest := [item for item in each if item != head])]
    return merged
