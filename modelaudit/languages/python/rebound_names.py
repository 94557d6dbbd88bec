"""Find the names of one file of the model that another file can bind again.

``model.py`` has ``NAME = "Linear"`` and hands one of its classes to a function of ``helper.py``, which reaches the
module of the class and sets ``NAME`` there. Which object a file sets an attribute of is not followed: the attribute
counts for every file, whatever the object.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from modelaudit.languages.python.settled_texts import find_module_key, is_bound, parse_module
from modelaudit.languages.python.text_forms import TEXT_FUNCTIONS, list_internal_names

ANY: Final = "*"
"""Stands for any name."""
_SETTERS: Final = frozenset({"setattr", "delattr", "__setattr__", "__delattr__"})
# Ways to bind names of another file, or to change what its functions return, that write no attribute out.
_HIDDEN_WAYS: Final = frozenset(
    {"update_wrapper", "patch", "get_objects", "get_referrers", "get_referents", "ctypes", "f_globals", "f_locals",
     "_getframe", "currentframe", "__globals__", "getmodule", "__closure__", "cell_contents", "encodings", "aliases",
     "rot13_map"}
)  # fmt: skip
# Ways to a module by a name; an object that a method changes as its own may then be one.
_MODULE_WAYS: Final = frozenset({"modules", "import_module", "__import__", "__module__"})
_IMPORTERS: Final = frozenset({"import_module", "__import__"})
_READING: Final = frozenset({"get", "keys", "values", "items", "copy"})


def list_rebound_names(text: str) -> frozenset[str]:
    """Return the names of the attributes that a source sets or deletes; ``ANY`` among them if it may set any.

    Args:
        text: the source.
    """
    tree = parse_module(text)
    return frozenset({ANY}) if tree is None else frozenset(_Setters(tree).list_names())


def may_rebind_file(text: str) -> bool:
    """Whether a source may give ``__file__`` of another file of the model a value.

    Args:
        text: the source.
    """
    return not list_rebound_names(text).isdisjoint({ANY, "__file__"})


def list_reachable_names(text: str, relied: Collection[str]) -> frozenset[str]:
    """Return the names that another file can bind so that a source looks something else up.

    Args:
        text: the source.
        relied: the names by which it makes the texts of lookups; ``ANY`` for many.

    Returns:
        Those of them that the source binds outside of functions, and the functions of libraries that make texts, with
        the names that these use.
    """
    tree = parse_module(text)
    names = {*(() if tree is None else _list_outer_names(tree))}
    for function in TEXT_FUNCTIONS:
        last = function.rpartition(".")[2]
        if last in relied or ANY in relied:
            names |= {last, *list_internal_names(function)}
            relied = {*relied, *list_internal_names(function)}
    return frozenset(names if ANY in relied else names & {*relied})


class _Setters:
    """The statements and calls of a source that set attributes."""

    def __init__(self, tree: ast.Module) -> None:
        self._nodes = list(ast.walk(tree))
        self._parents = {id(part): each for each in self._nodes for part in ast.iter_child_nodes(each)}
        names = {each.attr if isinstance(each, ast.Attribute) else getattr(each, "id", "") for each in self._nodes}
        self._files = frozenset(_list_files(self._nodes))
        names |= {part for each in self._nodes if isinstance(each, ast.alias) for part in each.name.split(".")}
        self._is_hidden = not names.isdisjoint(_HIDDEN_WAYS)
        self._is_hidden |= any(map(self._passes_module_on, self._nodes))
        self._own = frozenset() if names & _MODULE_WAYS else frozenset(map(id, self._list_own_objects()))

    def _passes_module_on(self, node: ast.AST) -> bool:
        """Whether a node does more with a file of the model, or an item of ``sys.modules``, than to read a member."""
        match node:
            case ast.ImportFrom(names=names, level=level):
                return level > 0 and any(each.name == "__dict__" for each in names)
            case ast.Name(id=name, ctx=ast.Load()) if name in self._files:
                is_taken = True
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[first, *_]) if name in _IMPORTERS:
                is_taken = _is_own_module(first)
            case _:
                is_taken = find_module_key(node) is not None
        return is_taken and not isinstance(self._parents.get(id(node)), ast.Attribute)

    def list_names(self) -> Iterator[str]:
        """Yield the names; ``ANY`` for a name that the source computes."""
        if self._is_hidden:
            yield ANY
        for node in self._nodes:
            match node:
                case ast.Attribute(attr=name) if is_bound(node):
                    yield name
                case ast.Attribute(value=base, attr="__dict__"):
                    yield from self._list_of_namespace(node, base)
                case ast.Call(func=ast.Name(id="vars"), args=[base]):
                    yield from self._list_of_namespace(node, base)
                case ast.Name(id=name) | ast.Attribute(attr=name) if name in _SETTERS:
                    yield from self._list_of_setter(node)

    def _list_own_objects(self) -> Iterator[ast.expr]:
        """Yield the expressions that a method means its own object by."""
        for owner in self._nodes:
            if isinstance(owner, ast.ClassDef):
                for each in owner.body:
                    if isinstance(each, ast.FunctionDef) and each.args.args and not each.decorator_list:
                        own = each.args.args[0].arg
                        yield from (part for part in ast.walk(each) if isinstance(part, ast.Name) and part.id == own)

    def _list_of_namespace(self, node: ast.expr, base: ast.expr) -> Iterator[str]:
        """Yield ``ANY`` if the source does more with the namespace of an object than to read it."""
        parent = self._parents.get(id(node))
        match parent:
            case ast.Subscript(ctx=ast.Load()) | ast.keyword(arg=None):
                return
            case ast.Attribute(attr=method) if method in _READING:
                return
        if id(base) not in self._own:
            yield ANY

    def _list_of_setter(self, node: ast.Name | ast.Attribute) -> Iterator[str]:
        """Yield the name that a call of ``setattr`` and its kin sets."""
        parent = self._parents.get(id(node))
        if not isinstance(parent, ast.Call) or parent.func is not node:
            yield ANY
            return
        args = parent.args
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Call):  # ``super().__setattr__(name, value)``
            return
        if isinstance(node, ast.Attribute) and len(args) < (3 if "set" in node.attr else 2):
            args = [node.value, *args]
        match args:
            case [_, ast.Constant(value=str(name)), *_]:
                yield name
            case [base, *_] if id(base) in self._own:
                return
            case _:
                yield ANY


def _is_own_module(node: ast.expr) -> bool:
    """Whether the name of a module is that of a file of the model, by the package around the source or a dot."""
    parts = list(ast.walk(node))
    is_relative = any(
        isinstance(each, ast.Constant) and isinstance(each.value, str) and each.value.startswith(".") for each in parts
    )
    return is_relative or any(isinstance(each, ast.Name) and each.id in ("__name__", "__package__") for each in parts)


def _list_files(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Yield the names that may be files of the model: ``from . import helper``."""
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.level and not node.module:
            yield from (each.asname or each.name for each in node.names)


def _list_outer_names(tree: ast.AST) -> Iterator[str]:
    """Yield the names that a source binds outside of functions."""
    for node in ast.iter_child_nodes(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
                yield from _list_global_names(node)
                continue
            case ast.ClassDef(name=name) | ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.alias(name=name, asname=other):
                yield other or name.partition(".")[0]
        yield from _list_outer_names(node)


def _list_global_names(function: ast.AST) -> Iterator[str]:
    """Yield the names that a function binds outside of itself."""
    for node in ast.walk(function):
        if isinstance(node, ast.Global):
            yield from node.names
