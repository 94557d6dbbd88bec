"""List the bindings of a module: what each of its names may be bound to, without importing it.

A name is decided if the source binds it once, by a definition or an import, and nothing in the module can bind it
again. A definition below a condition, a second assignment, a ``global`` statement, a ``del``, ``globals()``, ``exec``
or the replacement of the module leave it undecided, each with its line.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from wheel_sources import Sources

from modelaudit.languages.python.source import split_source
from modelaudit.languages.python.uses import Use
from modelaudit.model.copies import replace

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
# Calls that may bind any name of the module that makes them. A read of an item of ``globals()`` binds nothing.
_BINDING_CALLS = frozenset({"exec", "globals", "eval"})
# Names of decorators below which a definition only states types.
_OVERLOADS = frozenset({"overload", "typing.overload", "typing_extensions.overload", "t.overload"})


@dataclass(frozen=True, slots=True)
class Binding:
    """One binding of a name: by a definition, by an import (``target``), or by the value of an expression.

    Attributes:
        is_conditional: whether it is below an ``if``, a ``try`` or a loop.
        instead_of: the full names that have to be missing before it binds: it is in the handler of their imports.
    """

    line: int
    definition: Definition | None = None
    target: str = ""
    value: ast.expr | None = None
    is_conditional: bool = False
    instead_of: tuple[str, ...] = ()


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
        typed: the targets of imports below ``TYPE_CHECKING``, by name, which a lazy package offers.
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
    typed: dict[str, list[str]] = field(default_factory=dict)
    uses: tuple[list[Use], list[tuple[int, int]]] | None = None
    assumed: tuple[str, str] | None = None

    def choose_branch(self, node: ast.stmt) -> list[ast.stmt] | None:
        """Return the branch of an ``if`` that the assumption chooses; ``None`` if it chooses none."""
        match node:
            case ast.If(test=ast.Compare(left=left, ops=[ast.Eq()], comparators=[ast.Constant(value=value)])):
                if self.assumed is not None and ast.unparse(left).endswith(self.assumed[0]):
                    return node.body if value == self.assumed[1] else node.orelse
        return None

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


def parse_module(name: str, sources: Sources, assumed: tuple[str, str] | None = None) -> Module:
    """Parse a module of ``sources`` within the bounds of the scanner, and list its bindings.

    Args:
        name: the full name of the module.
        sources: the sources that hold it.
        assumed: the end of an expression and the text that it is equal to, such as ``("backend()", "torch")``. An
            ``if`` that compares the two has one branch.
    """
    path = sources.paths.get(name, name)
    module = Module(name, path, name in sources.packages, assumed=assumed)
    if name in sources.refused:
        module.fault = Undecided(sources.refused[name], path)
        return module
    try:
        text = sources.texts[name].decode("utf-8-sig")  # Python skips the mark
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
            case ast.Call(
                func=ast.Attribute(value=ast.Call(args=[]) as call, attr="get" | "keys" | "items" | "values")
            ):
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
        case ast.Subscript(value=ast.Attribute(value=ast.Name(id="sys"), attr="modules"), ctx=ast.Store() | ast.Del()):
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
    elif (branch := module.choose_branch(node)) is not None:
        for statement in branch:
            yield from iterate_bindings(statement, module, is_conditional)
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
    if is_typing and isinstance(node, ast.If):
        for statement in node.body:
            for name, binding in iterate_bindings(statement, module, is_conditional=True):
                module.typed.setdefault(name, []).append(binding.target)
    for field_ in ("body", "orelse", "finalbody"):
        if not (is_typing and field_ == "body"):
            for statement in getattr(node, field_, ()):
                yield from iterate_bindings(statement, module, is_conditional=True)
    for handler in getattr(node, "handlers", ()):
        if handler.name:
            yield handler.name, Binding(handler.lineno)
        tried = tuple(_iterate_tried(node, handler, module))
        for statement in handler.body:
            for name, binding in iterate_bindings(statement, module, is_conditional=True):
                yield name, replace(binding, instead_of=tried)
    for case in getattr(node, "cases", ()):
        for pattern in ast.walk(case.pattern):
            name = getattr(pattern, "name", None) or getattr(pattern, "rest", None)
            if name:
                yield name, Binding(node.lineno)
        for statement in case.body:
            yield from iterate_bindings(statement, module, is_conditional=True)


def _iterate_tried(node: ast.stmt, handler: ast.ExceptHandler, module: Module) -> Iterator[str]:
    """Yield the full names that a ``try`` imports, if it does no more and the handler is for a missing one."""
    body = getattr(node, "body", [])
    is_for_missing = handler.type is not None and ast.unparse(handler.type) in ("ImportError", "ModuleNotFoundError")
    if is_for_missing and all(isinstance(each, ast.ImportFrom) and not each.level for each in body):
        for statement in body:
            yield from (binding.target for _, binding in iterate_bindings(statement, module, is_conditional=True))


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
