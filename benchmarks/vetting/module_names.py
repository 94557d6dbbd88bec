"""Work out what the names of a module are bound to, without importing it.

A name is decided if the source binds it once, by a definition or an import, and nothing in the module can bind it
again. A definition below a condition, a second assignment, a ``global`` statement, a ``del``, ``globals()``, ``exec``
or the replacement of the module leave it undecided, each with its line.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from dataclasses import dataclass, field

from modelaudit.languages.python.source import split_source
from modelaudit.languages.python.uses import Use
from wheel_sources import Sources

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
# Calls that may bind any name of the module that makes them. A read of an item of ``globals()`` binds nothing.
_BINDING_CALLS = frozenset({"exec", "globals", "eval"})
_BUILTINS = frozenset(dir(builtins))
# Names of decorators below which a definition only states types.
_OVERLOADS = frozenset({"overload", "typing.overload", "typing_extensions.overload", "t.overload"})
_MAX_REEXPORTS = 20  # imports that are followed from module to module


@dataclass(frozen=True, slots=True)
class Binding:
    """One binding of a name: by a definition, by an import (``target``), or by the value of an expression.

    Attributes:
        is_conditional: whether it is below an ``if``, a ``try`` or a loop.
    """

    line: int
    definition: Definition | None = None
    target: str = ""
    value: ast.expr | None = None
    is_conditional: bool = False


@dataclass(frozen=True, slots=True)
class Undecided:
    """A name whose meaning the source does not decide, with the reason and its place."""

    reason: str
    place: str


@dataclass(frozen=True, slots=True)
class External:
    """A name of a module whose source is not at hand, such as one of the standard library."""

    name: str


@dataclass(frozen=True, slots=True)
class Found:
    """A function or class, by the module that defines it."""

    module: Module
    node: Definition

    @property
    def name(self) -> str:
        """The full name."""
        return f"{self.module.name}.{self.node.name}"

    @property
    def place(self) -> str:
        """The file and the line."""
        return f"{self.module.path}:{self.node.lineno}"


@dataclass(frozen=True, slots=True)
class Assigned:
    """A name that assignments bind to values of expressions."""

    module: Module
    values: tuple[ast.expr, ...]
    name: str


@dataclass(slots=True, eq=False)
class Module:
    """One parsed module.

    Attributes:
        bindings: by name, in the order of the source.
        stars: the modules of ``from … import *``.
        lines: of the source, for quotations.
        fault: why the module as a whole decides nothing; ``None`` if it does.
        uses: what the evaluator found, and the lines that it skipped; ``None`` before it has run.
    """

    name: str
    path: str
    is_package: bool
    body: list[ast.stmt] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    bindings: dict[str, list[Binding]] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)
    fault: Undecided | None = None
    uses: tuple[list[Use], list[tuple[int, int]]] | None = None

    def absolute(self, level: int, module: str | None) -> str:
        """Return the full name of the module that an import statement names."""
        if not level:
            return module or ""
        parts = self.name.split(".")
        base = parts[: len(parts) - level + self.is_package]
        return ".".join((*base, module) if module else base)

    def quote(self, line: int) -> str:
        """Return a line of the source."""
        return self.lines[line - 1].strip()[:160] if 0 < line <= len(self.lines) else ""


def parse_module(name: str, sources: Sources) -> Module:
    """Parse a module of ``sources`` within the bounds of the scanner, and list its bindings."""
    path = sources.paths.get(name, name)
    module = Module(name, path, name in sources.packages)
    if name in sources.refused:
        module.fault = Undecided(sources.refused[name], path)
        return module
    try:
        text = sources.texts[name].decode("utf-8")
    except UnicodeDecodeError:
        module.fault = Undecided("its source is not UTF-8", path)
        return module
    module.lines = text.split("\n")
    for piece in split_source(text):
        if piece.fault:
            module.fault = Undecided(f"it is not parsed: {piece.fault}", f"{path}:{piece.line}")
            return module
        for statement in piece.body:
            ast.increment_lineno(statement, piece.line - 1)
            module.body.append(statement)
    _list_bindings(module)
    return module


def _list_bindings(module: Module) -> None:
    """Fill the bindings of a module, and state its fault if it can bind names that are not listed."""
    for statement in module.body:
        for name, binding in iterate_bindings(statement, module, is_conditional=False):
            if name == "*":
                module.stars.append(binding.target)
            else:
                module.bindings.setdefault(name, []).append(binding)
    for statement in module.body:
        reads = {id(each) for each in _iterate_reads(statement)}
        for node in ast.walk(statement):
            fault = "" if id(node) in reads else _find_rebinding(node)
            if fault and module.fault is None:
                module.fault = Undecided(fault, f"{module.path}:{getattr(node, 'lineno', 1)}")
            if isinstance(node, ast.Global):
                for name in node.names:
                    module.bindings.setdefault(name, []).append(Binding(node.lineno))


def _iterate_reads(statement: ast.stmt) -> Iterator[ast.AST]:
    """Yield each call of ``globals()`` of which the source only reads an item."""
    for node in ast.walk(statement):
        match node:
            case ast.Subscript(value=ast.Call(args=[]) as call, ctx=ast.Load()):
                yield call
            case ast.Call(func=ast.Attribute(value=ast.Call(args=[]) as call, attr="get" | "keys" | "items" | "values")):
                yield call
            case ast.Compare(ops=[ast.In() | ast.NotIn()], comparators=[ast.Call(args=[]) as call]):
                yield call


def _find_rebinding(node: ast.AST) -> str:
    """Return why a node of a module may bind any of its names; empty if it does not."""
    match node:
        case ast.Call(func=ast.Name(id=name)) if name in _BINDING_CALLS:
            return f"{name}() can bind any name"
        case ast.Subscript(ctx=ast.Store() | ast.Del()) if find_replaced(node) == "":
            return "the module replaces a module"
        case ast.Call(func=ast.Name(id="setattr"), args=[ast.Subscript() | ast.Call(), *_]):
            return "setattr() can bind any name of a module"
    return ""


def find_replaced(node: ast.AST) -> str | None:
    """Return the name of the module that an assignment to ``sys.modules`` replaces; empty if it is computed."""
    match node:
        case ast.Subscript(
            value=ast.Attribute(value=ast.Name(id="sys"), attr="modules"),
            slice=ast.Constant(value=str(name)),
            ctx=ast.Store() | ast.Del(),
        ):
            return name
        case ast.Subscript(
            value=ast.Attribute(value=ast.Name(id="sys"), attr="modules"), ctx=ast.Store() | ast.Del()
        ):
            return ""
    return None


def iterate_bindings(node: ast.stmt, module: Module, is_conditional: bool) -> Iterator[tuple[str, Binding]]:
    """Yield (name, binding) of each name that a statement binds in its own scope; ``*`` for a star import."""
    line = node.lineno
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        if not any(ast.unparse(each) in _OVERLOADS for each in node.decorator_list):
            yield node.name, Binding(line, definition=node, is_conditional=is_conditional)
    elif isinstance(node, ast.Import):
        for alias in node.names:
            target = alias.name if alias.asname else alias.name.partition(".")[0]
            yield alias.asname or target, Binding(line, target=target, is_conditional=is_conditional)
    elif isinstance(node, ast.ImportFrom):
        origin = module.absolute(node.level, node.module)
        for alias in node.names:
            target = origin if alias.name == "*" else f"{origin}.{alias.name}"
            yield alias.asname or alias.name, Binding(line, target=target, is_conditional=is_conditional)
    elif isinstance(node, ast.Assign):
        for target_ in node.targets:
            yield from _iterate_targets(target_, node.value, line, is_conditional)
    elif isinstance(node, ast.AnnAssign | ast.AugAssign):
        if node.value is not None:
            value = node.value if isinstance(node, ast.AnnAssign) else None
            yield from _iterate_targets(node.target, value, line, is_conditional)
    elif isinstance(node, ast.Delete):
        for target_ in node.targets:
            yield from _iterate_targets(target_, None, line, is_conditional)
    else:
        yield from _iterate_compound(node, module)
    yield from _iterate_expressions(node, line)


def _iterate_compound(node: ast.stmt, module: Module) -> Iterator[tuple[str, Binding]]:
    """Yield the bindings below a statement that holds others, each conditional."""
    if isinstance(node, ast.For | ast.AsyncFor):
        yield from _iterate_targets(node.target, None, node.lineno, True)
    elif isinstance(node, ast.With | ast.AsyncWith):
        for item in node.items:
            if item.optional_vars is not None:
                yield from _iterate_targets(item.optional_vars, None, node.lineno, True)
    is_typing = isinstance(node, ast.If) and ast.unparse(node.test).removeprefix("typing.") == "TYPE_CHECKING"
    for field_ in ("body", "orelse", "finalbody"):
        if not (is_typing and field_ == "body"):
            for statement in getattr(node, field_, ()):
                yield from iterate_bindings(statement, module, is_conditional=True)
    for handler in getattr(node, "handlers", ()):
        if handler.name:
            yield handler.name, Binding(handler.lineno)
        for statement in handler.body:
            yield from iterate_bindings(statement, module, is_conditional=True)
    for case in getattr(node, "cases", ()):
        for pattern in ast.walk(case.pattern):
            name = getattr(pattern, "name", None) or getattr(pattern, "rest", None)
            if name:
                yield name, Binding(node.lineno)
        for statement in case.body:
            yield from iterate_bindings(statement, module, is_conditional=True)


def _iterate_targets(
    target: ast.expr, value: ast.expr | None, line: int, is_conditional: bool
) -> Iterator[tuple[str, Binding]]:
    """Yield the names that an assignment to ``target`` binds."""
    if isinstance(target, ast.Name):
        yield target.id, Binding(line, value=value, is_conditional=is_conditional)
    elif isinstance(target, ast.Tuple | ast.List):
        for index, element in enumerate(target.elts):
            item = None
            if value is not None and not isinstance(element, ast.Starred):
                item = ast.copy_location(ast.Subscript(value, ast.Constant(index), ast.Load()), value)
            yield from _iterate_targets(element, item, line, is_conditional)
    elif isinstance(target, ast.Starred):
        yield from _iterate_targets(target.value, None, line, is_conditional)


def _iterate_expressions(node: ast.stmt, line: int) -> Iterator[tuple[str, Binding]]:
    """Yield the names that ``:=`` binds in the expressions of a simple statement."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return
    for part in ast.walk(node):
        if isinstance(part, ast.NamedExpr):
            yield part.target.id, Binding(line)


def is_nothing(binding: Binding) -> bool:
    """Whether a binding gives ``None`` or another constant, as in the ``except`` of an optional import."""
    return isinstance(binding.value, ast.Constant)


Meaning = Found | External | Undecided | Assigned | Module
"""What a name can mean."""


class World:
    """The sources of several libraries, by which names are followed from module to module.

    Args:
        libraries: the sources; of two libraries with the same module, the first counts.
        known: full names that were reviewed, so that their source is not followed.
    """

    def __init__(self, libraries: list[Sources], known: frozenset[str] = frozenset()) -> None:
        self._libraries = libraries
        self._known = known
        self._modules: dict[str, Module | None] = {}

    def find_module(self, name: str) -> Module | None:
        """Return a module of the sources; ``None`` if they have no such module."""
        if name not in self._modules:
            sources = next((each for each in self._libraries if name in each.texts or name in each.refused), None)
            self._modules[name] = parse_module(name, sources) if sources else None
        return self._modules[name]

    def is_compiled(self, name: str) -> bool:
        """Whether a library holds a compiled module of this name."""
        return any(name in each.compiled and name not in each.refused for each in self._libraries)

    def resolve(self, dotted: str, steps: int = _MAX_REEXPORTS) -> Meaning:
        """Return what a dotted name means: a definition, a module, an external name, or why it is undecided."""
        if steps <= 0:
            return Undecided("its imports lead in a circle, or through too many modules", dotted)
        if dotted in self._known:
            return External(dotted)
        parts = dotted.split(".")
        for length in range(len(parts), 0, -1):
            if self.is_compiled(".".join(parts[:length])):
                return External(dotted)
            module = self.find_module(".".join(parts[:length]))
            if module is not None:
                rest = parts[length:]
                return self._resolve_in(module, rest, steps) if rest else module
        return External(dotted)

    def _resolve_in(self, module: Module, path: list[str], steps: int) -> Meaning:
        """Return what ``path`` means in a module."""
        found = self.look_up(module, path[0], steps)
        if len(path) == 1 or isinstance(found, Undecided):
            return found
        if isinstance(found, Module):
            return self._resolve_in(found, path[1:], steps - 1)
        if isinstance(found, External):
            return External(".".join((found.name, *path[1:])))
        if isinstance(found, Assigned):
            return Undecided(f"{path[0]} holds the value of an expression", f"{module.path}:{found.values[0].lineno}")
        return Undecided("it is an attribute of a class or function", found.place)

    def look_up(self, module: Module, name: str, steps: int = _MAX_REEXPORTS) -> Meaning:
        """Return what a name of a module means."""
        if steps <= 0:
            return Undecided("its imports lead in a circle, or through too many modules", module.path)
        if f"{module.name}.{name}" in self._known:
            return External(f"{module.name}.{name}")
        if module.is_package and self.is_compiled(f"{module.name}.{name}"):
            return External(f"{module.name}.{name}")
        bindings = module.bindings.get(name, [])
        if module.fault is not None and (not bindings or bindings[0].definition is not None):
            return module.fault
        if not bindings:
            return self._look_up_elsewhere(module, name, steps)
        decided = [each for each in bindings if not is_nothing(each)] or bindings
        first = decided[0]
        place = f"{module.path}:{decided[-1].line}"
        if all(each.value is not None and not isinstance(each.value, ast.Name | ast.Attribute) for each in decided):
            return Assigned(module, tuple(each.value for each in decided if each.value is not None), name)
        if len({ast.dump(each.value) if each.value else each.target or id(each) for each in decided}) > 1:
            return Undecided(f"{name} is bound more than once", place)
        if first.definition is not None:
            if first.is_conditional:
                return Undecided(f"{name} is defined below a condition", place)
            return self._reject_shadow(module, name, Found(module, first.definition), steps)
        if first.target:
            return self._follow(first.target, steps)
        if first.value is not None and isinstance(first.value, ast.Name | ast.Attribute):
            return self._resolve_alias(module, first.value, steps)
        return Undecided(f"{name} holds the value of an expression", place)

    def _follow(self, target: str, steps: int) -> Meaning:
        """Return what an import binds."""
        return self.resolve(target, steps - 1)

    def _resolve_alias(self, module: Module, value: ast.expr, steps: int) -> Meaning:
        """Return what ``name = other.name`` binds."""
        path = ast.unparse(value).split(".")
        if not all(part.isidentifier() for part in path):
            return Undecided("it holds the value of an expression", f"{module.path}:{value.lineno}")
        return self._resolve_in(module, path, steps - 1)

    def _reject_shadow(self, module: Module, name: str, found: Found, steps: int) -> Found | Undecided:
        """Return a definition, unless a star import of the same module may replace it."""
        for star in module.stars:
            other = self.find_module(star)
            if other is None and star.partition(".")[0] not in _HARMLESS_STARS:
                return Undecided(f"a star import of {star} may replace {name}", module.path)
            if other is not None and other is not module and name in self._list_public(other, steps):
                return Undecided(f"a star import of {star} may replace {name}", module.path)
        return found

    def _list_public(self, module: Module, steps: int) -> set[str]:
        """Return the names that a star import of a module can bind."""
        names = set(module.bindings)
        for star in module.stars if steps > 0 else ():
            other = self.find_module(star)
            if other is not None:
                names |= self._list_public(other, steps - 5)
        return names

    def _look_up_elsewhere(self, module: Module, name: str, steps: int) -> Meaning:
        """Return what a name means that a module does not bind: a submodule, or a name of a star import."""
        inner = self.find_module(f"{module.name}.{name}") if module.is_package else None
        if inner is not None:
            return inner
        candidates = []
        for star in module.stars:
            other = self.find_module(star)
            if other is None:
                return Undecided(f"{name} may come from a star import of {star}", module.path)
            if other is not module and name in self._list_public(other, steps):
                candidates.append(other)
        if len(candidates) == 1:
            return self.look_up(candidates[0], name, steps - 1)
        if candidates:
            return Undecided(f"{name} may come from several star imports", module.path)
        if name in _BUILTINS:
            return External(f"builtins.{name}")
        return Undecided(f"{name} is not bound in the source", module.path)


_HARMLESS_STARS = frozenset({"typing", "math", "collections", "enum", "abc"})
