"""Find the places where a decorator of the source only keeps the function that it gets: it returns, wraps or stores it.

A reference to a function counts as a call of it, because whoever holds the reference may call it. What a decorator
returns goes to the name that it decorates and nowhere else, so that the reference in ``return function`` calls nothing.
That holds for a decorator whose name the source uses for nothing else. A store, such as ``TABLE[name] =
function``, passes the function to each function of the source that reads the store.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct, field

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda

_MAKERS: Final = frozenset({"dict", "list", "set", "OrderedDict", "defaultdict"})
"""Functions that make an empty store."""
_ADDING: Final = frozenset({"append", "add"})
_REFLECTION: Final = frozenset(
    {"vars", "globals", "locals", "__dict__", "gc", "eval", "exec", "modules", "import_module", "__import__", "getattr",
     "attrgetter", "__getattribute__", "inspect", "__closure__", "__wrapped__"}
)  # fmt: skip
"""Names by which a source reaches an object without the name of the store that holds it."""


class KeptFunctions(Struct):
    """The places of one source at which a decorator keeps a function, and the functions that read its stores.

    Attributes:
        places: expressions that only pass a function on, each with the name of the store that it goes to; empty for a
            function that is returned.
        readers: the functions and lambdas that refer to stores, each with the names of the stores.
    """

    places: dict[ast.expr, str] = field(default_factory=dict)
    readers: dict[ast.AST, set[str]] = field(default_factory=lambda: defaultdict(set))

    def add_source(self, bodies: Iterable[Sequence[ast.stmt]]) -> None:
        """Add the places of a source, whose statements are all known; none if its expressions nest too deep."""
        try:
            self._add_module(ast.Module([statement for body in bodies for statement in body], []))
        except RecursionError:
            self.places.clear()

    def _add_module(self, module: ast.Module) -> None:
        """Add the places of a module."""
        survey = _Survey(module)
        if not survey.decorators:
            return
        for function, owner in _list_functions(module):
            levels = survey.decorators.get(function.name, 0)
            if levels and function.name not in survey.other_uses:
                self.places.update(_find_places(function, owner, levels))
        self._drop_read_stores(module, survey)

    def _drop_read_stores(self, module: ast.Module, survey: _Survey) -> None:
        """Keep the functions that read each store, and drop the places of a store that the module itself may read."""
        names = set(self.places.values()) - {""}
        if not names:
            return
        storing = {part for place in survey.find_stores(self.places) for part in ast.walk(place)}
        open_stores = set(names) if survey.names & _REFLECTION or survey.texts & names else set()
        for name, scope in _find_reads(module, None, names, storing):
            if scope is None:
                open_stores.add(name)
            else:
                self.readers[scope].add(name)
        self.places = {place: name for place, name in self.places.items() if name not in open_stores}


class _Survey:
    """What the decorators, names and texts of a source are.

    Attributes:
        decorators: the names of decorators, each with the number of calls until the function is decorated: 1 for
            ``@name``, 2 for ``@name(…)``.
        other_uses: the names that the source uses in another way, or writes in a text.
        names: all names and attributes.
        texts: all texts outside of ``__all__``.
    """

    def __init__(self, module: ast.Module) -> None:
        self.decorators: dict[str, int] = {}
        self.names: set[str] = set()
        self.texts: set[str] = set()
        self._statements: list[ast.stmt] = []
        used: set[ast.expr] = set()
        listed: set[ast.AST] = set()
        loads: list[tuple[str, ast.expr]] = []
        imported: set[str] = set()
        for node in ast.walk(module):
            match node:
                case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                    for decorator in node.decorator_list:
                        callee = decorator.func if isinstance(decorator, ast.Call) else decorator
                        used.add(callee)
                        name = _get_name(callee)
                        levels = 2 if isinstance(decorator, ast.Call) else 1
                        self.decorators[name] = max(self.decorators.get(name, 0), levels)
                case ast.Expr(value=ast.Call(func=func)):
                    used.add(func)  # the result is dropped
                case ast.Assign(targets=[ast.Name(id="__all__")]):
                    listed.update(ast.walk(node.value))
                case ast.Constant(value=str(text)) if node not in listed:
                    self.texts.add(text)
                case ast.Name(ctx=ast.Load()) | ast.Attribute():
                    loads.append((_get_name(node), node))
                case ast.alias():
                    imported |= {node.name.rpartition(".")[2], node.asname or node.name}
            if isinstance(node, ast.stmt):
                self._statements.append(node)
        self.names = {name for name, _ in loads} | imported
        self.other_uses = {name for name, node in loads if node not in used} | self.texts | imported

    def find_stores(self, places: Iterable[ast.expr]) -> Iterator[ast.AST]:
        """Yield the statements that make an empty store, and the expressions that name it where a function is stored.

        A store that has another name as well, as in ``A = B = {}``, is not one that is made here alone.
        """
        kept = set(places)
        for statement in self._statements:
            match statement:
                case ast.Assign(targets=[ast.Name() | ast.Attribute() as target], value=value) if _makes_empty(value):
                    yield target
                case ast.AnnAssign(target=ast.Name() | ast.Attribute() as target, value=value) if _makes_empty(value):
                    yield target
                case ast.Assign(targets=[target], value=value) if value in kept:
                    yield _strip_items(target)
                case ast.Expr(value=ast.Call(func=ast.Attribute(value=owner)) as call) if call in kept:
                    yield _strip_items(owner)


def _list_functions(module: ast.Module) -> Iterator[tuple[_Function, str]]:
    """Yield each function of a module and of its classes, with the name of the parameter that is the object."""
    for statement in module.body:
        if isinstance(statement, _Function):
            yield statement, ""
        elif isinstance(statement, ast.ClassDef):
            for member in statement.body:
                if isinstance(member, _Function) and member.args.args:
                    yield member, member.args.args[0].arg


def _find_places(function: _Function, owner: str, levels: int) -> dict[ast.expr, str]:
    """Return the places at which a decorator keeps a function; ``owner`` is the name of its object, if it is a method.

    With 2 ``levels``, the function that it returns is the decorator, as is one that it calls with the function: the
    places of both are added.
    """
    places: dict[ast.expr, str] = {}
    nested = {each.name: each for each in function.body if isinstance(each, _Function)}
    for node in _walk_body(function):
        match node:
            case ast.Return(value=ast.expr() as value):
                places.update(dict.fromkeys(_list_returned(value, nested), ""))
            case ast.Compare(ops=[ast.Is() | ast.IsNot()], left=ast.Name() as left):
                places[left] = ""
            case ast.Assign(targets=[ast.Subscript() as target], value=ast.Name() as value):
                if store := _name_store(target, owner):
                    places[value] = store
            case ast.Expr(
                value=ast.Call(
                    func=ast.Attribute(value=target, attr=method), args=[ast.Name() as value], keywords=[]
                ) as call
            ):
                store = _name_store(target, owner)
                if store and method in _ADDING:
                    places[value] = places[call] = store
    for inner in _list_nested_decorators(function, nested, places, levels):
        places.update(_find_places(inner, owner, 1))
    return places


def _list_nested_decorators(
    function: _Function, nested: Mapping[str, _Function], places: Mapping[ast.expr, str], levels: int
) -> Iterator[_Function]:
    """Yield the nested functions that a factory returns, or that get the function, and that have no other use."""
    called = {each.func for each in places if isinstance(each, ast.Call)}
    uses: defaultdict[str, list[ast.expr]] = defaultdict(list)
    for node in ast.walk(function) if nested else ():
        if isinstance(node, ast.Name) and node.id in nested:
            uses[node.id].append(node)
    for name, inner in nested.items():
        is_decorator = bool(uses[name]) and (levels > 1 or not called.isdisjoint(uses[name]))
        if is_decorator and all(each in places or each in called for each in uses[name]):
            yield inner


def _list_returned(value: ast.expr, nested: Iterable[str]) -> Iterator[ast.expr]:
    """Yield the expressions of a result that are a name, a choice, or the call of a nested function with a name."""
    match value:
        case ast.IfExp(body=body, orelse=orelse):
            yield value
            yield from _list_returned(body, nested)
            yield from _list_returned(orelse, nested)
        case ast.Name():
            yield value
        case ast.Call(func=ast.Name(id=name), args=[ast.Name() as argument], keywords=[]) if name in nested:
            yield value
            yield argument


def _walk_body(function: _Function) -> Iterator[ast.AST]:
    """Yield the nodes of the body of a function, without those of functions and classes in it."""
    waiting: list[ast.AST] = list(reversed(function.body))
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, _Scope | ast.ClassDef):
            waiting.extend(ast.iter_child_nodes(node))


def _name_store(target: ast.expr, owner: str) -> str:
    """Return the name of a store: that of a variable, or of an attribute of the object; empty for anything else."""
    match _strip_items(target):
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name == owner:
            return attribute
    return ""


def _find_reads(
    node: ast.AST, scope: ast.AST | None, names: set[str], storing: set[ast.AST]
) -> Iterator[tuple[str, ast.AST | None]]:
    """Yield each use of a store, other than to make it or to store in it, with the function around it.

    The function is ``None`` for code of the module, which the import runs.
    """
    waiting: list[tuple[ast.AST, ast.AST | None]] = [(node, scope)]
    while waiting:
        node, scope = waiting.pop()
        if isinstance(node, ast.Name | ast.Attribute) and _get_name(node) in names and node not in storing:
            yield _get_name(node), scope
        if isinstance(node, ast.alias) and {node.name, node.asname} & names:
            yield from ((name, None) for name in names & {node.name, node.asname})
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn) and len(node.ops) == 1:
            waiting.append((node.left, scope))  # whether it holds a key
            if not isinstance(node.comparators[0], ast.Name | ast.Attribute):
                waiting.append((node.comparators[0], scope))
            continue
        inner = node if isinstance(node, _Scope) else scope
        waiting.extend((child, inner) for child in ast.iter_child_nodes(node))


def _makes_empty(value: ast.expr | None) -> bool:
    """Whether an expression makes an empty mapping, list or set."""
    match value:
        case ast.Dict(keys=[]) | ast.List(elts=[]):
            return True
        case ast.Call(func=func, args=arguments, keywords=[]):
            return _get_name(func) in _MAKERS and all(isinstance(each, ast.Name) for each in arguments)
    return False


def _strip_items(target: ast.expr) -> ast.expr:
    """Return the expression before all subscripts: ``TABLE`` for ``TABLE[kind][name]``."""
    while isinstance(target, ast.Subscript):
        target = target.value
    return target


def _get_name(node: ast.expr) -> str:
    """Return the name of a variable, or the last name of an attribute; empty for any other expression."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
