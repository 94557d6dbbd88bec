"""Find the calls of one source that may be calls of a function, though they do not spell its name.

A function that is used as a value may be called from anywhere, as ``table = {"f": load}; table[key](path, switch)``
does. So may ``forward`` and ``__call__`` of a class, and a function that the source looks up by a computed name.
"""

from __future__ import annotations

import ast
import builtins
from collections import defaultdict
from collections.abc import Callable, Container, Iterator
from pathlib import Path
from typing import Final

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Functions = tuple[FunctionNode, ...]
"""The functions around a node, the innermost first."""
OPEN_VALUE: Final = ast.Attribute(ast.Name("object", ast.Load()), "member", ast.Load())
"""An expression for what an operator hands over, which is not followed."""
_CALLED_METHODS: Final = frozenset({"forward", "__call__"})
_CONSTRUCTORS: Final = frozenset({"__init__", "__new__", "__call__", "__init_subclass__", "__post_init__"})
_PLAIN_DECORATORS: Final = frozenset({"staticmethod", "classmethod", "property", "overload", "abstractmethod"})
_NAMESPACES: Final = frozenset({"globals", "locals", "vars"})
# Texts, paths, numbers and mappings have these members. A parameter with others is an object, which counts as true.
_PLAIN_MEMBERS: Final = frozenset({*dir(str), *dir(Path), *dir(int), *dir(dict), *dir(list)})


class OpenParameters:
    """The functions that a source uses as values, and the calls whose function it does not name.

    Args:
        imported: the names that imports bind.

    Attributes:
        methods: the functions that are members of a class.
        binds: whether the source makes methods of other functions.
    """

    def __init__(self, imported: Container[str]) -> None:
        self.methods: set[FunctionNode] = set()
        self.binds = False
        self._imported = imported
        self._callees: set[int] = set()
        self._used: set[str] = set()
        self._calls: list[tuple[ast.Call, Functions]] = []
        self._members: defaultdict[str, list[Functions]] = defaultdict(list)

    def add_node(self, node: ast.AST, functions: Functions) -> None:
        """Add one node; those around it come first."""
        match node:
            case ast.Call(func=callee):
                self._callees.add(id(callee))
                self._calls.append((node, functions))
                self._used.update(map(find_value_label, node.args))
            case ast.Attribute(value=ast.Name(id=name), attr=member) if member not in _PLAIN_MEMBERS:
                self._members[name].append(functions)
        match node:
            case ast.Attribute(attr="__get__") | ast.Call(func=ast.Name(id="type"), args=[_, _, _]):
                self.binds = True
        if isinstance(node, ast.Subscript):
            self._used.add(find_value_label(node.slice))
        is_loaded = isinstance(getattr(node, "ctx", None), ast.Load)
        if isinstance(node, ast.Name | ast.Attribute) and is_loaded and id(node) not in self._callees:
            self._used.add(find_label(node))

    def takes_members(self, name: str, function: FunctionNode) -> bool:
        """Whether the source takes members, which plain values do not have, of a parameter of a function."""
        return any(function in each for each in self._members.get(name, ()))

    def list_open_calls(
        self, function: FunctionNode, labels: set[str], is_variable: Callable[[ast.expr, Functions], bool]
    ) -> Iterator[tuple[ast.Call, Functions]]:
        """Yield the calls that may be calls of a function, but do not spell one of its names.

        Args:
            function: the function.
            labels: its names.
            is_variable: whether the source may have put a function where an expression takes what is called.
        """
        is_open = self._is_open(function, labels)
        for call, functions in self._calls:
            is_candidate = is_open or _is_computed(call)
            if is_candidate and find_label(call.func) not in labels and is_variable(call.func, functions):
                yield call, functions

    def _is_open(self, function: FunctionNode, labels: set[str]) -> bool:
        """Whether others than the calls that spell its name may call a function."""
        if isinstance(function, ast.Lambda):
            return not labels or not labels.isdisjoint(self._used)
        if function in self.methods and function.name in _CALLED_METHODS:
            return True
        registers = map(_find_root, function.decorator_list)
        return function.name in self._used or any(
            each not in _PLAIN_DECORATORS and each not in self._imported and not hasattr(builtins, each)
            for each in registers
        )

    def is_operator(self, function: FunctionNode) -> bool:
        """Whether an operator or statement calls a method, such as ``__getitem__``."""
        name = getattr(function, "name", "")
        is_special = name.startswith("__") and name.endswith("__") and name not in _CONSTRUCTORS
        return is_special and function in self.methods

    def is_setter(self, function: FunctionNode) -> bool:
        """Whether an assignment to an attribute calls a method."""
        decorators = getattr(function, "decorator_list", ())
        return any(isinstance(each, ast.Attribute) and each.attr == "setter" for each in decorators)


def _find_root(node: ast.expr) -> str:
    """Return the name at which a decorator begins."""
    while isinstance(node, ast.Call | ast.Attribute):
        node = node.func if isinstance(node, ast.Call) else node.value
    return find_label(node)


def _is_computed(call: ast.Call) -> bool:
    """Whether a call takes a function under a name that it computes, and shows what it passes."""
    if any(each.arg is None and isinstance(each.value, ast.Name) for each in call.keywords):
        return False
    match call.func:
        case ast.Call(func=ast.Name(id="getattr"), args=[_, name, *_]):
            return not isinstance(name, ast.Constant)
        case ast.Subscript(value=ast.Call(func=ast.Name(id=name)), slice=key):
            return name in _NAMESPACES and not isinstance(key, ast.Constant)
        case ast.Subscript(value=ast.Attribute(attr="__dict__" | "_modules"), slice=key):
            return not isinstance(key, ast.Constant)
    return False


def find_label(node: ast.expr) -> str:
    """Return the last part of the name that an expression is; empty for anything else."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def find_value_label(node: ast.expr) -> str:
    """Return the last part of the name that an expression is, or writes as a text."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    return find_label(node)
