"""Find where a source uses, binds and defines each name, and what surrounds each use.

Names with the same spelling count as one, in whatever scope, and an attribute counts as a name.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from itertools import pairwise, product
from typing import Any, Final, NamedTuple

EXACT: Final = "="
"""Replaces the name in a change that the evaluator folds."""
_NAMESPACES: Final = frozenset({"globals", "locals", "vars"})
# Attributes that lead to values without the names that hold them.
_REFLECTIVE: Final = frozenset(
    {"__defaults__", "__kwdefaults__", "__closure__", "cell_contents", "f_locals", "f_globals", "get_objects",
     "get_referrers", "get_referents", "__reduce__", "__reduce_ex__", "_getframe", "currentframe"}
)  # fmt: skip
_MAX_TARGETS: Final = 16  # names of one target of an assignment with several


class Level(NamedTuple):
    """Where an expression stands to the value of a name.

    Attributes:
        depth: 0 for the value itself, 1 for an item of it, -1 for a container that holds it.
        shared: the least depth at which it shares objects with the value: 1 for ``list(m)``, with the items of ``m``.
    """

    depth: int = 0
    shared: int = 0

    def enter(self, steps: int = 1) -> Level:
        """Return the level of an item."""
        return Level(min(self.depth + steps, _DEEPEST), self.shared)

    def step(self, steps: int) -> Level:
        """Return the level of an item, or of a container that holds it if ``steps`` is negative."""
        level = self.enter(max(0, steps))
        for _ in range(-steps):
            level = level.wrap()
        return level

    def copy(self) -> Level:
        """Return the level of a new container of the same items."""
        return Level(self.depth, max(self.shared, self.depth + 1))

    def wrap(self) -> Level:
        """Return the level of a new container that holds it."""
        return Level(max(self.depth - 1, -_DEEPEST), max(self.shared, self.depth))

    def pair(self) -> Level:
        """Return the level of a new container of tuples with the items."""
        return self.enter().wrap().wrap()

    def follow(self, step: Level) -> Level:
        """Return the level of an expression whose level is ``step`` to an expression of this level."""
        depth = max(-_DEEPEST, min(_DEEPEST, self.depth + step.depth))
        return Level(depth, max(self.shared, min(_DEEPEST, self.depth + step.shared)))

    @property
    def changes_items(self) -> bool:
        """Whether a change at this level leaves the value itself as it is, and changes what is inside of it."""
        return max(self.depth, self.shared) > 0


_DEEPEST: Final = 4  # levels beyond are taken to be this one
ITSELF: Final = Level()


class Outcome(NamedTuple):
    """What a use leads to: another name that gets the value, or, without a name, a change; at a level."""

    name: str | None
    level: Level


class SourceTree:
    """The parents of the nodes of one source, and where it uses, binds and defines each name.

    Attributes:
        global_names: names that a function binds in the scope around it, or that are bound beside many others.
        bound_names: all names that the source binds, by whatever statement.
        imported_names: those that it imports.
        nonlocal_names: those that a function binds in the function around it.
        decorated_names: those of functions whose results a decorator may keep, so that each call returns the same list.
        is_reflective: whether it reaches values in a way that does not show their names.
    """

    def __init__(self) -> None:
        self.parents: dict[ast.AST, ast.AST] = {}
        self.global_names: set[str] = set()
        self.bound_names: set[str] = set()
        self.imported_names: set[str] = set()
        self.decorated_names: set[str] = set()
        self.nonlocal_names: set[str] = set()
        self.is_reflective = False
        self._uses: dict[str, list[ast.AST]] = {}
        self._other_names: dict[str, list[Outcome]] = {}
        self._imports: dict[str, list[str]] = {}
        self._functions: dict[str, ast.FunctionDef | ast.Lambda] = {}
        self._bindings: dict[str, int] = {}
        self._stores: dict[str, int] = {}
        self._attribute_stores: set[str] = set()

    def add_body(self, body: Sequence[ast.stmt], around: ast.AST | None) -> None:
        """Add the nodes of statements; ``around`` is the node around them, and ``None`` for those of the module."""
        parents = self.parents
        if around is not None:
            parents.update(dict.fromkeys(body, around))
        waiting: list[ast.AST] = list(body)
        while waiting:
            node = waiting.pop()
            add = _ADDERS.get(type(node))
            if add is not None:
                add(self, node)
            for field in node._fields:
                part = getattr(node, field, None)
                if type(part) is list:
                    for each in part:
                        if isinstance(each, ast.AST):
                            parents[each] = node
                            waiting.append(each)
                elif isinstance(part, ast.AST) and field != "ctx" and field != "op":
                    parents[part] = node
                    waiting.append(part)

    def list_uses(self, name: str) -> Sequence[ast.AST]:
        """List the nodes that use a name."""
        return self._uses.get(name, ())

    def is_rebound(self, name: str) -> bool:
        """Whether assignments to an attribute of this name compete with others of the name."""
        return name in self._attribute_stores and self._stores[name] > 1

    def sets_attribute(self, name: str) -> bool:
        """Whether the source sets or deletes an attribute of this name, of any object."""
        return name in self._attribute_stores

    def uses_name(self, name: str) -> bool:
        """Whether the source uses or binds a name or an attribute of this spelling."""
        return name in self._uses or name in self.bound_names

    def get_parent(self, node: ast.AST) -> ast.AST | None:
        """Return the node around a node; ``None`` for a statement of the module."""
        return self.parents.get(node)

    def trusts(self, name: str) -> bool:
        """Whether a name means the builtin, or a method its usual one: the source binds no such name."""
        return name not in self.bound_names and "*" not in self.bound_names

    def add_use(self, name: str, node: ast.AST) -> None:
        """Add a node that uses a name."""
        self._uses.setdefault(name, []).append(node)

    def find_function(self, name: str) -> ast.FunctionDef | ast.Lambda | None:
        """Return the function of a name; ``None`` if the source binds the name to anything else, or decorates it."""
        function = self._functions.get(name) if self._bindings.get(name) == 1 else None
        return None if function is None or is_of_class(self, function) else function

    def find_package(self, name: str) -> str:
        """Return the package from which the source imports a name; empty if it binds the name in other ways too."""
        imports = self._imports.get(name, ())
        packages = {each.partition(".")[0] for each in imports}
        return packages.pop() if len(packages) == 1 and len(imports) == self._bindings[name] else ""

    def list_other_names(self, name: str) -> Sequence[Outcome]:
        """List the names that get the same value as a name, or a part or holder of it, by the same statement."""
        return self._other_names.get(name, ())

    def _add_binding(self, name: str) -> None:
        """Add a node that binds a name."""
        self.bound_names.add(name)
        self._bindings[name] = self._bindings.get(name, 0) + 1

    def _add_store(self, name: str, is_attribute: bool = False) -> None:
        """Add a statement that binds a name or an attribute."""
        self._add_binding(name)
        self._stores[name] = self._stores.get(name, 0) + 1
        if is_attribute:
            self._attribute_stores.add(name)

    def add_name(self, node: ast.Name) -> None:
        """Add a name."""
        if type(node.ctx) is ast.Load:
            self.add_use(node.id, node)
        else:
            self._add_store(node.id)

    def add_attribute(self, node: ast.Attribute) -> None:
        """Add an attribute, which counts as a name."""
        if type(node.ctx) is ast.Load:
            self.add_use(node.attr, node)
            self.is_reflective |= node.attr in _REFLECTIVE
        else:
            self._add_store(node.attr, is_attribute=True)

    def add_definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        """Add the definition of a function or class."""
        if isinstance(node, ast.FunctionDef) and not node.decorator_list:
            self._functions[node.name] = node
        elif node.decorator_list:
            self.decorated_names.add(node.name)
        self._add_binding(node.name)

    def add_assignment(self, node: ast.Assign) -> None:
        """Add a lambda that gets a name, and the names that get one value: ``a = b = []``."""
        if isinstance(node.value, ast.Lambda) and isinstance(node.targets[0], ast.Name):
            self._functions[node.targets[0].id] = node.value
        if len(node.targets) > 1:
            self._add_other_names([tuple(list_targets(each, ITSELF)) for each in node.targets])

    def _add_other_names(self, targets: Sequence[Sequence[Outcome]]) -> None:
        """Add the names of the targets of one value, each to those of the targets before and behind it."""
        for names, others in pairwise(targets):
            if len(names) > _MAX_TARGETS or len(others) > _MAX_TARGETS:
                self.global_names.update(each.name for each in (*names, *others) if each.name is not None)
                continue
            for name, other in product(names, others):
                self._add_other_name(name, other)
                self._add_other_name(other, name)

    def _add_other_name(self, name: Outcome, other: Outcome) -> None:
        """Add that a second name gets the value of a first one, or a part or holder of it."""
        if name.name is not None:
            level = ITSELF.step(other.level.depth - name.level.depth)
            self._other_names.setdefault(name.name, []).append(Outcome(other.name, level))

    def add_parameter(self, node: ast.arg) -> None:
        """Add a parameter."""
        self._add_binding(node.arg)

    def add_import(self, node: ast.Import | ast.ImportFrom) -> None:
        """Add the names that an import binds; ``*`` stands for any."""
        module = f"{'.' * node.level}{node.module or ''}." if isinstance(node, ast.ImportFrom) else ""
        for alias in node.names:
            package = alias.name.partition(".")[0]
            name = alias.asname or package
            self._imports.setdefault(name, []).append(f"{module}{alias.name if alias.asname else package}")
            self._add_binding(name)
            self.imported_names.add(name)

    def add_global(self, node: ast.Global | ast.Nonlocal) -> None:
        """Add the names that a function binds in the scope around it."""
        self.global_names.update(node.names)
        if isinstance(node, ast.Nonlocal):
            self.nonlocal_names.update(node.names)

    def add_augmented(self, node: ast.AugAssign) -> None:
        """Add ``name += value``, which changes a list in its place."""
        if isinstance(node.target, ast.Name):
            self.add_use(node.target.id, node)
        elif isinstance(node.target, ast.Attribute):
            self.add_use(node.target.attr, node)

    def add_item(self, node: ast.Subscript) -> None:
        """Add ``globals()["name"]`` as a use of the name."""
        if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str) and _is_namespace(node.value):
            if type(node.ctx) is ast.Load:
                self.add_use(node.slice.value, node)
            else:
                self._add_store(node.slice.value, is_attribute=True)

    def add_call(self, node: ast.Call) -> None:
        """Add ``getattr(value, "name")``, ``setattr`` and ``globals().get("name")`` as uses of the name."""
        is_method = isinstance(node.func, ast.Attribute) and _is_namespace(node.func.value)
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name == "setattr" and len(node.args) > 1 and isinstance(node.args[1], ast.Constant):
            self._add_store(str(node.args[1].value), is_attribute=True)
        if is_method or name == "getattr":
            for argument in node.args[:2]:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    self.add_use(argument.value, node)


def _is_namespace(node: ast.expr) -> bool:
    """Whether an expression is ``globals()`` and the like, or the ``__dict__`` of something."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in _NAMESPACES
    return isinstance(node, ast.Attribute) and node.attr in ("__dict__", "__globals__")


_ADDERS: Final[dict[type[ast.AST], Any]] = {
    ast.Name: SourceTree.add_name,
    ast.Attribute: SourceTree.add_attribute,
    **dict.fromkeys((ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef), SourceTree.add_definition),
    ast.Assign: SourceTree.add_assignment,
    ast.arg: SourceTree.add_parameter,
    **dict.fromkeys((ast.Import, ast.ImportFrom), SourceTree.add_import),
    **dict.fromkeys((ast.Global, ast.Nonlocal), SourceTree.add_global),
    ast.AugAssign: SourceTree.add_augmented,
    ast.Subscript: SourceTree.add_item,
    ast.Call: SourceTree.add_call,
}


def is_of_class(tree: SourceTree, node: ast.AST) -> bool:
    """Whether a statement belongs to the body of a class, which binds names of its own."""
    parent = tree.get_parent(node)
    while parent is not None and not isinstance(parent, ast.FunctionDef | ast.AsyncFunctionDef):
        if isinstance(parent, ast.ClassDef):
            return True
        parent = tree.get_parent(parent)
    return False


def list_targets(target: ast.expr, level: Level) -> Iterator[Outcome]:
    """Yield the names that get a value by an assignment to a target; without a name where none shows."""
    if isinstance(target, ast.Name):
        yield Outcome(target.id, level)
    elif isinstance(target, ast.Attribute):
        yield Outcome(target.attr, level)
    elif isinstance(target, ast.Starred | ast.Subscript):
        yield from list_targets(target.value, level.wrap())
    elif isinstance(target, ast.Tuple | ast.List):
        for each in target.elts:
            yield from list_targets(each, level.enter())
    else:
        yield Outcome(None, level)
