"""List the functions and classes of a model's sources whose calls are all written out, and what the calls pass.

A function counts if one source defines it at its outermost level, and a class by its constructor. Nothing but calls
may name it: whoever takes it as a value, or finds it by a text, could call it out of sight. Methods do not count, for
Python and libraries call many of them.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final

from msgspec import Struct

Binding = ast.expr | None
"""A value that a name gets; ``None`` for one that the sources do not show."""

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_CONSTRUCTOR: Final = "__init__"
_LIBRARY: Final = "transformers"
"""The package that makes models with their configuration, and configurations with the values of ``config.json``."""
_CONFIGURATION: Final = "Config"
"""The end of the name of a class of configurations."""
# Calls that get a class and make no object of it.
_TAKES_CLASS: Final = frozenset({"isinstance", "issubclass", "super", "register", "register_for_auto_class"})
_NAMES_CLASS: Final = frozenset({"config_class", "_auto_class"})
_MOST_BASES: Final = 20  # levels of classes of the model


class Callee(Struct, frozen=True):
    """A function or constructor whose calls are all written out.

    Attributes:
        node: the function.
        owner: its class; ``None`` for a function.
        is_entry: whether the library calls it too, with the configuration or with its values.
    """

    node: _Function
    owner: ast.ClassDef | None = None
    is_entry: bool = False

    def list_positional(self) -> list[str]:
        """Return the names of the parameters by position, without that of the object."""
        taken = self.node.args
        return [each.arg for each in (*taken.posonlyargs, *taken.args)][self.owner is not None :]

    def list_names(self) -> list[str]:
        """Return the names of all parameters but that of the object."""
        taken = self.node.args
        extra = filter(None, (taken.vararg, taken.kwarg))
        return [*self.list_positional(), *(each.arg for each in (*taken.kwonlyargs, *extra))]


class ModelCallees:
    """The functions and classes of the sources of a model."""

    def __init__(self, trees: Sequence[ast.Module], mentioned: Collection[str]) -> None:
        """Collect the definitions.

        Args:
            trees: the sources.
            mentioned: the names that texts mention, by which code may find a function or class.
        """
        self._trees = trees
        self.parents = {id(child): node for node in self.walk() for child in ast.iter_child_nodes(node)}
        self._library_names = frozenset(self._list_library_names())
        self._classes = {node.name: node for node in self.walk() if isinstance(node, ast.ClassDef)}
        self._functions = {node.name: node for tree in trees for node in tree.body if isinstance(node, _Function)}
        bound = Counter(self._list_bound())
        taken = set(self._list_taken())
        self._followed = frozenset(
            name
            for name in (*self._classes, *self._functions)
            if bound[name] == 1 and name not in taken and name not in mentioned
        )

    def walk(self) -> Iterator[ast.AST]:
        """Yield the nodes of all sources."""
        for tree in self._trees:
            yield from ast.walk(tree)

    def is_followed(self, name: str) -> bool:
        """Whether every call of a function or class of this name is written out."""
        return name in self._followed

    def has_name(self, name: str) -> bool:
        """Whether the model has a function or class of this name."""
        return name in self._classes or name in self._functions

    def is_constructed_in_sight(self, node: ast.ClassDef) -> bool:
        """Whether the sources show what the constructor of a class sets, and every call of it."""
        return self.is_followed(node.name) and bool(self._find_constructors(node))

    def find_class(self, node: ast.AST) -> ast.ClassDef | None:
        """Return the class in whose body an expression is written."""
        while not isinstance(node, ast.ClassDef):
            parent = self.parents.get(id(node))
            if parent is None:
                return None
            node = parent
        return node

    def is_model(self, node: ast.ClassDef) -> bool:
        """Whether the library makes the objects of a class with the configuration."""
        return self._is_made(node, ends_in_configuration=False)

    def is_configuration(self, node: ast.ClassDef) -> bool:
        """Whether a class is one of configurations."""
        return self._is_made(node, ends_in_configuration=True)

    def find_callees(self, call: ast.Call) -> list[Callee] | None:
        """Return the functions of the model that a call runs; ``None`` for a call that is not followed."""
        function = call.func
        if isinstance(function, ast.Name) and function.id in self._followed:
            if (node := self._functions.get(function.id)) is not None:
                return None if node.decorator_list else [Callee(node)]
            return self._find_constructors(self._classes[function.id])
        match function:
            case ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr="__init__"):
                owner = self.find_class(call)
                bases = [] if owner is None else owner.bases
                return [each for base in bases for each in self._find_base_constructors(base)]
        return None

    def list_passed(self) -> Iterator[tuple[str, Binding]]:
        """Yield the values that calls pass to parameters, with defaults; ``None`` where calls are not all shown."""
        called: set[int] = set()
        for node in self.walk():
            if isinstance(node, ast.Call):
                for callee in self.find_callees(node) or ():
                    called.add(id(callee.node))
                    yield from pass_arguments(node, callee)
        shown = {id(each.node): each for each in self._list_followed()}
        for node in self.walk():
            if isinstance(node, _Function | ast.Lambda):
                yield from _list_defaults(node.args)
                known = shown.get(id(node))
                if known is None or not (known.is_entry or id(node) in called):
                    yield from ((each.arg, None) for each in _list_parameters(node.args) if each.arg != "self")
                elif known.is_entry and known.owner is not None and not self.is_configuration(known.owner):
                    # Beyond the configuration a user may pass anything.
                    yield from ((each, None) for each in known.list_names()[1:])

    def _list_followed(self) -> Iterator[Callee]:
        """Yield each function and constructor that is followed."""
        for name in self._followed:
            if name in self._functions and not self._functions[name].decorator_list:
                yield Callee(self._functions[name])
            elif name in self._classes:
                yield from self._find_constructors(self._classes[name])

    def _find_constructors(self, node: ast.ClassDef, depth: int = 0) -> list[Callee]:
        """Return the constructor of a class, or those that it inherits from followed classes of the model."""
        if node.decorator_list or node.keywords or depth > _MOST_BASES:
            return []
        written = [each for each in node.body if isinstance(each, _Function) and each.name == _CONSTRUCTOR]
        if written:
            is_entry = self.is_model(node) or self.is_configuration(node)
            return [] if written[0].decorator_list else [Callee(written[0], node, is_entry)]
        return [each for base in node.bases for each in self._find_base_constructors(base, depth + 1)]

    def _find_base_constructors(self, base: ast.expr, depth: int = 0) -> list[Callee]:
        """Return the constructors of a base; none for one of a library."""
        node = self._classes.get(base.id) if isinstance(base, ast.Name) else None
        return [] if node is None else self._find_constructors(node, depth)

    def _is_made(self, node: ast.ClassDef, ends_in_configuration: bool, depth: int = 0) -> bool:
        """Whether a class has a base of the library, directly or through classes of the model, of this kind."""
        for base in node.bases if depth <= _MOST_BASES else ():
            name = get_name(base)
            inner = self._classes.get(name)
            if inner is not None and self._is_made(inner, ends_in_configuration, depth + 1):
                return True
            if name in self._library_names and name.endswith(_CONFIGURATION) is ends_in_configuration:
                return True
        return False

    def _list_library_names(self) -> Iterator[str]:
        """Yield the names that sources import from the library."""
        for node in self.walk():
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == _LIBRARY:
                yield from (each.name for each in node.names if each.asname is None)

    def _list_bound(self) -> Iterator[str]:
        """Yield each name at each place that binds it; an import of the same name binds nothing else."""
        for node in self.walk():
            for target, _ in list_bound(node):
                if isinstance(target, str):
                    yield target
                else:
                    names = (each for each in ast.walk(target) if isinstance(each, ast.Name | ast.Attribute))
                    yield from (get_name(each) for each in names if isinstance(each.ctx, ast.Store | ast.Del))
            if isinstance(node, ast.arg):
                yield node.arg
            elif isinstance(node, ast.alias) and node.asname is not None:
                # Under another name it is another function, and under its own it is no definition of the model.
                yield from (node.name.rpartition(".")[2], node.asname)

    def _list_taken(self) -> Iterator[str]:
        """Yield the names of functions and classes that a source takes without a call, or behind a dot."""
        for node in self.walk():
            if isinstance(node, ast.Attribute):
                yield node.attr
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                parent = self.parents.get(id(node))
                is_called = isinstance(parent, ast.Call) and parent.func is node
                if not is_called and not self._is_described(node):
                    yield node.id

    def _is_described(self, node: ast.AST) -> bool:
        """Whether a source names a class without making an object of it: as a base, in a hint or a comparison."""
        child, parent = node, self.parents.get(id(node))
        while isinstance(parent, ast.Tuple | ast.List | ast.BinOp | ast.Subscript):
            child, parent = parent, self.parents.get(id(parent))
        match parent:
            case ast.ClassDef():
                return True
            case ast.arg(annotation=hint) | ast.AnnAssign(annotation=hint) | ast.FunctionDef(returns=hint):
                return hint is child
            case ast.Call(func=function):
                return get_name(function) in _TAKES_CLASS
            case ast.Attribute(attr=name):
                return name in _TAKES_CLASS
            case ast.Assign(targets=[ast.Name(id=name)]):
                return name in _NAMES_CLASS
        return False


def list_bound(node: ast.AST) -> Iterator[tuple[ast.expr | str, Binding]]:
    """Yield the targets of a statement or expression with their values; items of another value are not shown."""
    match node:
        case ast.Assign(targets=targets, value=value):
            yield from ((each, value) for each in targets)
        case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.NamedExpr(target=target, value=value):
            yield target, value
        case ast.withitem(context_expr=value, optional_vars=ast.expr() as target):
            yield target, value
        case ast.For(target=target) | ast.AsyncFor(target=target) | ast.comprehension(target=target):
            yield target, None
        case ast.AugAssign(target=target):
            yield target, None
        case ast.Delete(targets=targets):
            yield from ((each, None) for each in targets)
        case _:
            yield from ((name, None) for name in _list_other_names(node))


def _list_other_names(node: ast.AST) -> Iterator[str]:
    """Yield the names that a definition, a handler of errors or a pattern binds."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield name
        case ast.MatchMapping(rest=str(name)):
            yield name


def pass_arguments(call: ast.Call, callee: Callee) -> Iterator[tuple[str, Binding]]:
    """Yield the values that a call passes to the parameters of a callee."""
    known, positional = callee.list_names(), callee.list_positional()
    if any(isinstance(each, ast.Starred) for each in call.args):
        yield from ((each, None) for each in known)
    yield from zip(positional, call.args, strict=False)
    taken = callee.node.args
    if taken.vararg is not None and len(call.args) > len(positional):
        yield taken.vararg.arg, None
    for keyword in call.keywords:
        if keyword.arg is None:
            yield from ((each, keyword.value) for each in known)
        else:
            yield keyword.arg, keyword.value
            if taken.kwarg is not None and keyword.arg not in known:
                yield taken.kwarg.arg, None


def _list_parameters(taken: ast.arguments) -> Iterable[ast.arg]:
    """Return all parameters."""
    extra = filter(None, (taken.vararg, taken.kwarg))
    return (*taken.posonlyargs, *taken.args, *taken.kwonlyargs, *extra)


def _list_defaults(taken: ast.arguments) -> Iterator[tuple[str, Binding]]:
    """Yield the parameters that have a default, and the default."""
    positional = [*taken.posonlyargs, *taken.args]
    defaults = zip(reversed(positional), reversed(taken.defaults), strict=False)
    keyword_only = zip(taken.kwonlyargs, taken.kw_defaults, strict=True)
    yield from ((each.arg, value) for each, value in (*defaults, *keyword_only) if value is not None)


def get_name(node: ast.AST) -> str:
    """Return a name or the last part of a dotted one; empty for any other expression."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
