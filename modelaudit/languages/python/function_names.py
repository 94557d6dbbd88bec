"""Find the values of the names inside of functions: of those bound once, and of parameters that each call gives.

``def find(path): module, name = path.rsplit(".", 1)`` gives ``module`` a part of ``path``, and ``path`` what the calls
of ``find`` pass, as long as the source uses ``find`` for nothing but calls.
"""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from modelaudit.languages.python.settled_texts import list_assigned_names

_NAMESPACES: Final = frozenset({"globals", "locals", "vars", "__dict__", "__globals__"})
_TAKERS: Final = frozenset({"getattr", "attrgetter", "methodcaller", "getattr_static", "__getattribute__"})
_SCOPES: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Owner = tuple[_Function, Mapping[str, Sequence[ast.expr | None]]]


class FunctionNames:
    """The names that the functions of one source bind."""

    def __init__(self, tree: ast.Module, nodes: Sequence[ast.AST]) -> None:
        """Collect the names.

        Args:
            tree: the source.
            nodes: all nodes of it.
        """
        self._owners: dict[int, _Owner] = {}
        self._methods: set[int] = set()
        self._bound = Counter(list_assigned_names(nodes))
        self._uses: defaultdict[str, list[ast.AST]] = defaultdict(list)
        self._sites: defaultdict[str, list[ast.Call]] = defaultdict(list)
        self._texts: set[object] = set()
        self._is_open = False
        for node in nodes:
            self._add_node(node)
        self._assign_owners(tree)

    def find_values(self, name: ast.Name) -> Sequence[ast.expr]:
        """Return the expressions that may give a name its value; none if they do not show."""
        owner = self._owners.get(id(name))
        if owner is None:
            return ()
        function, bindings = owner
        found = bindings[name.id]
        if not found:
            return self._list_given(function, name.id)
        is_parameter = any(each.arg == name.id for each in ast.walk(function.args) if isinstance(each, ast.arg))
        return [each for each in found if each is not None] if len(found) == 1 and not is_parameter else ()

    def _add_node(self, node: ast.AST) -> None:
        """Add what a node uses, calls or writes."""
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
                self._sites[name].append(node)
                self._is_open |= name in _TAKERS and not _takes_written(node)
            case ast.Constant(value=str(text)):
                self._texts.add(text)
            case ast.ClassDef(body=body):
                self._methods.update(map(id, body))
        if isinstance(node, ast.Name | ast.Attribute):
            used = node.id if isinstance(node, ast.Name) else node.attr
            self._uses[used].append(node)

    def _assign_owners(self, tree: ast.Module) -> None:
        """Find the function whose name each name is."""
        waiting: list[tuple[ast.AST, tuple[_Owner, ...]]] = [(tree, ())]
        while waiting:
            node, around = waiting.pop()
            if isinstance(node, _Function):
                around = (*around, (node, _list_bindings(node)))
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                owner = next((each for each in reversed(around) if node.id in each[1]), None)
                if owner is not None:
                    self._owners[id(node)] = owner
            is_class = isinstance(node, ast.ClassDef)
            # The body of a class has names of its own, and the module behind them; its functions see those around.
            waiting += [
                (each, () if is_class and not isinstance(each, _SCOPES) else around)
                for each in ast.iter_child_nodes(node)
            ]

    def _list_given(self, function: _Function, parameter: str) -> Sequence[ast.expr]:
        """Return what the calls of a function give a parameter; nothing if one does not show it."""
        name, taken = function.name, function.args
        is_method = id(function) in self._methods
        sites = self._sites[name]
        kind = ast.Attribute if is_method else ast.Name
        is_called_alone = {id(each) for each in self._uses[name]} == {id(each.func) for each in sites}
        if (
            self._bound[name] != 1
            or function.decorator_list
            or taken.vararg
            or taken.kwarg
            or name in self._texts
            or not _NAMESPACES.isdisjoint(self._uses)
            or not is_called_alone
            or (is_method and self._is_open)
            or not all(isinstance(each.func, kind) for each in sites)
        ):
            return ()
        given = [_find_argument(each, taken, parameter, is_method) for each in sites]
        return [each for each in given if each is not None] if None not in given else ()


def _takes_written(call: ast.Call) -> bool:
    """Whether a call takes a member by a text that it writes, or takes one of a module that it imports."""
    match call.args:
        case [_, ast.Constant(), *_] | [ast.Call(func=ast.Name(id="import_module" | "__import__")), *_]:
            return True
        case [ast.Call(func=ast.Attribute(attr="import_module")), *_]:
            return True
    return False


def _find_argument(call: ast.Call, taken: ast.arguments, parameter: str, is_method: bool) -> ast.expr | None:
    """Return what a call gives a parameter, which may be its default; ``None`` if that does not show."""
    if any(isinstance(each, ast.Starred) for each in call.args) or any(each.arg is None for each in call.keywords):
        return None
    named = {each.arg: each.value for each in call.keywords}
    if parameter in named:
        return named[parameter]
    places = [each.arg for each in (*taken.posonlyargs, *taken.args)]
    defaults = dict(zip(reversed(places), reversed(taken.defaults), strict=False))
    defaults |= {each.arg: value for each, value in zip(taken.kwonlyargs, taken.kw_defaults, strict=True) if value}
    place = places.index(parameter) - is_method if parameter in places else len(call.args)
    return call.args[place] if 0 <= place < len(call.args) else defaults.get(parameter)


def _list_bindings(function: _Function) -> Mapping[str, Sequence[ast.expr | None]]:
    """Return the names that a function binds, with a value for each binding but that of a parameter."""
    found: defaultdict[str, list[ast.expr | None]] = defaultdict(list)
    taken = function.args
    for each in (*taken.posonlyargs, *taken.args, *taken.kwonlyargs, *filter(None, (taken.vararg, taken.kwarg))):
        found[each.arg] = [None] if each in (taken.vararg, taken.kwarg) else []
    for node in _walk_own(function.body):
        valued = dict(_list_valued(node))
        for name in valued:
            found[name].append(valued[name])
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found[node.id].append(None)
        elif isinstance(node, ast.Global):
            for name in node.names:
                found[name] += [None, None]
        elif not isinstance(node, ast.Name | ast.Attribute):
            names = (
                list_assigned_names([node]) if not isinstance(node, ast.alias) else iter((node.asname or node.name,))
            )
            for name in names:
                found[name].append(None)
    return found


def _walk_own(body: Sequence[ast.AST]) -> Iterator[ast.AST]:
    """Yield the nodes of a body, without those of functions and classes in it and without targets that show a value."""
    waiting = list(body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, _SCOPES):
            targets = {id(each) for each in _list_shown_targets(node)}
            waiting += [each for each in ast.iter_child_nodes(node) if id(each) not in targets]


def _list_shown_targets(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the targets of a statement for which ``_list_valued`` yields a value."""
    if any(True for _ in _list_valued(node)):
        yield from node.targets if isinstance(node, ast.Assign) else (node.target,)  # type: ignore[attr-defined]


def _list_valued(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Yield the names that a statement binds to a value which it shows."""
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            yield name, value
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            yield name, value
        case ast.For(target=ast.Name(id=name), iter=items) | ast.comprehension(target=ast.Name(id=name), iter=items):
            yield name, items  # each item is one of its parts
        case ast.Assign(targets=[ast.Tuple(elts=targets)], value=value) if all(
            isinstance(each, ast.Name) for each in targets
        ):
            values = value.elts if isinstance(value, ast.Tuple) and len(value.elts) == len(targets) else None
            for number, each in enumerate(targets):
                if isinstance(each, ast.Name):
                    yield each.id, value if values is None else values[number]
