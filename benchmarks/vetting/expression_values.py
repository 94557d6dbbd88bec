"""Work out what an expression of a function may be: the object itself, a class, a function, an argument.

The values are an abstraction: a name that several statements bind has the values of all. An expression that the
derivation does not follow is ``Other``, which may be anything that the function makes of its arguments.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from assigned_values import FunctionNode, iterate_assigned, returns_inner
from class_order import ClassInfo, ClassOrder, Method
from module_bindings import Assigned, External, Found, Module, Undecided
from value_kinds import (
    DATA,
    OTHER,
    Argument,
    Bound,
    Closure,
    Computed,
    Inner,
    Kind,
    Made,
    Member,
    Other,
    Own,
    Result,
    Super,
    Value,
)

MAX_VALUES = 16
_MAX_DEPTH = 12
# Functions of the language whose result holds what they get.
_PASSING = frozenset(
    f"builtins.{name}" for name in ("zip", "enumerate", "reversed", "list", "tuple", "sorted", "iter", "next", "set")
)
# Methods that give what an object holds.
_HELD = frozenset({"values", "items", "children", "modules", "named_children", "named_modules"})


@dataclass(eq=False)
class Frame:
    """One function with the class of its object.

    Attributes:
        owner: the class whose body holds the function.
        concrete: the class of the object, whose methods ``self`` has.
        kind: ``method``, ``static``, ``class`` or ``function``.
    """

    module: Module
    node: FunctionNode | ast.Lambda
    order: ClassOrder
    owner: ClassInfo | None = None
    concrete: ClassInfo | None = None
    kind: str = "function"
    _active: set[str] = field(default_factory=set)

    @cached_property
    def parameters(self) -> dict[str, Value]:
        """The parameters by name."""
        args = self.node.args
        names = [each.arg for each in (*args.posonlyargs, *args.args, *args.kwonlyargs)]
        values: dict[str, Value] = dict.fromkeys(names, Argument())
        for extra in (args.vararg, args.kwarg):
            if extra is not None:
                values[extra.arg] = Argument()
        if names and self.owner is not None and self.kind in ("method", "class", "property", "setter"):
            is_class = self.kind == "class" or getattr(self.node, "name", "") in ("__new__", "__init_subclass__")
            values[names[0]] = Own(is_class=is_class)
        return values

    @cached_property
    def local_values(self) -> dict[str, list[ast.expr | Value]]:
        """The expressions that statements of the function bind to each local name."""
        known = self.order.bound.get(self.node)
        if known is not None:
            return known
        bound: dict[str, list[ast.expr | Value]] = {}
        self.order.bound[self.node] = bound
        body = self.node.body if isinstance(self.node.body, list) else [self.node.body]
        for statement in body:
            for part in ast.walk(statement):
                for name, value in self._iterate_bound(part):
                    bound.setdefault(name, []).append(value)
        return bound

    def _iterate_bound(self, part: ast.AST) -> Iterator[tuple[str, ast.expr | Value]]:
        """Yield (name, value) of each name that one node of the body binds."""
        if isinstance(part, ast.Assign | ast.AnnAssign | ast.NamedExpr) and part.value is not None:
            targets = part.targets if isinstance(part, ast.Assign) else [part.target]
            for target in targets:
                if isinstance(target, ast.Name):
                    yield target.id, part.value
                else:
                    yield from self._iterate_parts(target, part.value)
        elif isinstance(part, ast.AugAssign):
            yield from self._iterate_parts(part.target, part.value)
        elif isinstance(part, ast.For | ast.AsyncFor | ast.comprehension):
            yield from self._iterate_parts(part.target, part.iter)
        elif isinstance(part, ast.withitem) and part.optional_vars is not None:
            yield from self._iterate_parts(part.optional_vars, part.context_expr)
        elif isinstance(part, ast.ExceptHandler) and part.name:
            yield part.name, DATA
        elif isinstance(part, ast.Import | ast.ImportFrom):
            yield from self._iterate_imports(part)
        elif isinstance(part, FunctionNode | ast.Lambda | ast.ClassDef):
            if part is not self.node and not isinstance(part, ast.Lambda):
                yield part.name, Inner()
            if not isinstance(part, ast.ClassDef):
                args = part.args
                for each in (*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg):
                    if each is not None and part is not self.node:
                        yield each.arg, Argument()

    def _iterate_parts(self, target: ast.expr, whole: ast.expr) -> Iterator[tuple[str, ast.expr | Value]]:
        """Yield the names of a target that gets a part of ``whole``."""
        for node in ast.walk(target):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id, ast.copy_location(ast.Subscript(whole, ast.Constant(...), ast.Load()), whole)

    def _iterate_imports(self, part: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, Value]]:
        """Yield the names that an import in the body binds."""
        world = self.order.world
        if isinstance(part, ast.Import):
            for alias in part.names:
                target = alias.name if alias.asname else alias.name.partition(".")[0]
                yield alias.asname or target, world.resolve(target)
            return
        origin = self.module.absolute(part.level, part.module)
        for alias in part.names:
            yield alias.asname or alias.name, world.resolve(f"{origin}.{alias.name}")

    def evaluate(self, node: ast.expr | None, depth: int = 0) -> list[Value]:
        """Return the values that an expression may have."""
        self.order.spend()
        if node is None or depth > _MAX_DEPTH:
            return [OTHER]
        values: dict[Value, None] = {}
        for value in self._evaluate(node, depth + 1):
            values.setdefault(value)
            if len(values) > MAX_VALUES:
                return [*list(values)[:MAX_VALUES], OTHER]
        return list(values) or [OTHER]

    def _evaluate(self, node: ast.expr, depth: int) -> Iterator[Value]:
        """Yield the values that an expression may have, with repetitions."""
        match node:
            case ast.Name(id=name):
                yield from self._look_up(name, depth)
            case ast.Attribute(value=base, attr=attribute):
                for value in self.evaluate(base, depth):
                    yield from self.take_member(value, attribute, depth)
            case ast.Call():
                yield from self._evaluate_call(node, depth)
            case ast.BoolOp(values=values):
                for each in values:
                    yield from self.evaluate(each, depth)
            case ast.IfExp(body=body, orelse=other):
                yield from self.evaluate(body, depth)
                yield from self.evaluate(other, depth)
            case ast.NamedExpr(value=inner) | ast.Starred(value=inner) | ast.Await(value=inner):
                yield from self.evaluate(inner, depth)
            case ast.Subscript(value=base):
                yield from self._take_item(base, depth)
            case ast.Lambda():
                yield Inner()
            case ast.Constant() | ast.JoinedStr() | ast.Compare():
                yield DATA
            case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Set(elts=elements):
                yield DATA if not elements or all(isinstance(each, ast.Constant) for each in elements) else OTHER
            case _:
                yield OTHER

    def _look_up(self, name: str, depth: int) -> Iterator[Value]:
        """Yield the values of a name."""
        if name in self.local_values or name in self.parameters:
            if name in self.parameters:
                yield self.parameters[name]
            if name in self._active:
                return
            self._active.add(name)
            try:
                for each in self.local_values.get(name, ()):
                    if isinstance(each, ast.expr):
                        yield from self.evaluate(each, depth)
                    else:
                        yield from self.convert(each, depth)
            finally:
                self._active.discard(name)
            return
        yield from self.look_up_global(name, depth)

    def look_up_global(self, name: str, depth: int) -> Iterator[Value]:
        """Yield the values of a name of the module."""
        if name == "__class__" and self.owner is not None:
            yield Kind(self.owner)
            return
        bindings = self.module.bindings.get(name)
        if not bindings and not self.module.stars and hasattr(builtins, name):
            yield External(f"builtins.{name}")
            return
        yield from self.convert(self.order.world.look_up(self.module, name), depth)

    def convert(self, found: Value, depth: int) -> Iterator[Value]:
        """Yield the values of what a name means: a class as ``Kind``, and those of assigned expressions."""
        if isinstance(found, Assigned):
            made = self.order.reviewed.resolve_value(found)
            if made is not None:
                yield self._convert(made)
                return
            outer = Frame(found.module, _EMPTY, self.order)
            key = f"{found.module.name}:{found.name}"
            if key in self._active:
                return
            outer._active = self._active | {key}
            for each in found.values:
                yield from outer.evaluate(each, depth)
        else:
            yield self._convert(found)

    def _convert(self, found: Value) -> Value:
        """Return a class of the sources as ``Kind``, and every other value as it is."""
        if isinstance(found, Found) and isinstance(found.node, ast.ClassDef):
            return Kind(self.order.build(found))
        return found

    def take_member(self, value: Value, name: str, depth: int = 0) -> Iterator[Value]:
        """Yield what ``value.name`` may be."""
        match value:
            case Module():
                yield from self.convert(self.order.world.look_up(value, name), depth)
            case External(name=base):
                yield from self.convert(self.order.world.resolve(f"{base}.{name}"), depth)
            case Own() if self.concrete is not None:
                if name == "__class__":
                    yield Own(is_class=True)
                elif name == "__dict__":
                    yield OTHER
                else:
                    yield from self._find_member(self.concrete, name, depth)
            case Super(owner=owner) if self.concrete is not None:
                found = self.concrete.find(name, after=owner)
                yield from self._bind(found, self.concrete, name, depth)
            case Made(info=info) | Kind(info=info):
                yield from self._find_member(info, name, depth)
            case Result() | Other() | Inner():
                yield Member(name)
            case Argument():
                yield Argument() if name == "__class__" else Member(name, is_argument=True)
            case Member():
                yield Member(name, value.is_argument)
            case Undecided() | Computed():
                yield value
            case _:
                yield Member(name)

    def _find_member(self, info: ClassInfo, name: str, depth: int) -> Iterator[Value]:
        """Yield what an object of a class has under a name: a method, or what its methods assign to the attribute."""
        found = info.find(name)
        if found is None and hasattr(object, name):
            yield External(f"builtins.object.{name}")
        elif found is None or (isinstance(found, External) and not name.startswith("__")):
            yield from self._find_assigned(info, name, depth)
        else:
            yield from self._bind(found, info, name, depth)

    def _bind(self, found: Method | External | None, info: ClassInfo, name: str, depth: int) -> Iterator[Value]:
        """Yield the value of a member that the search of a class has found."""
        if found is None:
            yield External(f"builtins.object.{name}") if hasattr(object, name) else Member(name)
        elif isinstance(found, External):
            # The members of an enumeration are its own values.
            yield OTHER if name == "__members__" else External(f"{found.name}.{name}")
        elif found.fault is not None:
            yield found.fault
        elif found.node is not None:
            yield Bound(found, info)
        elif found.value is not None:
            yield from Frame(found.owner.module, _EMPTY, self.order, found.owner, info).evaluate(found.value, depth)
        else:
            yield OTHER

    def _find_assigned(self, info: ClassInfo, name: str, depth: int) -> Iterator[Value]:
        """Yield the values that the methods of a class assign to an attribute of ``self``."""
        key = f"{info.name}.{name}"
        if key in self._active:
            return
        self._active.add(key)
        is_found = False
        for owner in info.iterate_classes():
            for method, node, value in iterate_assigned(owner, name):
                is_found = True
                frame = Frame(owner.module, node, self.order, owner, info, method.kind, self._active)
                yield from frame.evaluate(value, depth)
        self._active.discard(key)
        if not is_found:
            yield Member(name)

    def _evaluate_call(self, node: ast.Call, depth: int) -> Iterator[Value]:
        """Yield what a call returns, as far as it is followed."""
        for callee in self.evaluate(node.func, depth):
            match callee:
                case External(name="builtins.super"):
                    if self.owner is not None:
                        yield Super(self.owner)
                case External(name="builtins.type") if len(node.args) == 1:
                    yield Own(is_class=True) if Own() in self.evaluate(node.args[0], depth) else OTHER
                case External(name="builtins.getattr") if len(node.args) > 1:
                    yield from self._evaluate_getattr(node, depth)
                case External(name="functools.partial") if node.args:
                    yield from self.evaluate(node.args[0], depth)
                case External(name=name) if name in _PASSING:
                    values = [value for each in node.args for value in self.evaluate(each, depth)]
                    yield Argument() if Argument() in values else OTHER
                case Found() if node.args and self.order.reviewed.is_same(callee):
                    yield from self.evaluate(node.args[0], depth)
                case Found(node=ast.FunctionDef() as function) if returns_inner(function):
                    yield Closure(callee)
                case External(name=name):
                    yield Result(name)
                case Kind(info=info):
                    yield Made(info)
                case Own(is_class=True) if self.concrete is not None:
                    yield Made(self.concrete)
                case Argument():
                    yield Argument()
                case Bound(method=Method(name=name)) | Member(name=name) if name in _HELD and self._is_own(node.func):
                    yield Argument()  # what an object holds, its maker has passed to it
                case _:
                    yield OTHER

    def _is_own(self, node: ast.expr) -> bool:
        """Whether a method is one of the object itself, or of what it holds."""
        while isinstance(node, ast.Attribute):
            node = node.value
        return isinstance(node, ast.Name) and self.parameters.get(node.id) == Own()

    def _evaluate_getattr(self, node: ast.Call, depth: int) -> Iterator[Value]:
        """Yield what ``getattr`` returns."""
        for base in self.evaluate(node.args[0], depth):
            if isinstance(node.args[1], ast.Constant) and isinstance(node.args[1].value, str):
                yield from self.take_member(base, node.args[1].value, depth)
            elif isinstance(base, Module | External | Kind | Computed):
                yield Computed(node.lineno)
            else:
                yield Argument() if isinstance(base, Argument) else OTHER
        if len(node.args) > 2:
            yield from self.evaluate(node.args[2], depth)

    def _take_item(self, base: ast.expr, depth: int) -> Iterator[Value]:
        """Yield what an item of a value may be."""
        literals = [base] if isinstance(base, ast.Dict | ast.List | ast.Tuple) else self._find_literals(base)
        if literals:
            for literal in literals:
                elements = literal.values if isinstance(literal, ast.Dict) else literal.elts
                for each in elements:
                    yield from self.evaluate(each, depth)
            return
        for value in self.evaluate(base, depth):
            if isinstance(value, External):
                yield External(f"{value.name}.[]")
            else:
                is_passed = isinstance(value, Argument) or (
                    isinstance(value, Own | Made | Member) and self._is_own(base)
                )
                yield Argument() if is_passed else value if isinstance(value, Computed | Undecided) else OTHER

    def _find_literals(self, base: ast.expr) -> list[ast.Dict | ast.List | ast.Tuple]:
        """Return the literals that a name of the function or module is bound to; empty if it has another value."""
        if not isinstance(base, ast.Name) or base.id in self.parameters:
            return []
        bound = self.local_values.get(base.id) or [each.value for each in self.module.bindings.get(base.id, ())]
        literals = [each for each in bound if isinstance(each, ast.Dict | ast.List | ast.Tuple)]
        return literals if len(literals) == len(bound) else []


_EMPTY = ast.Lambda(ast.arguments([], [], None, [], [], None, []), ast.Constant(None))
