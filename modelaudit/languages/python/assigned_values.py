"""List what a source gives to its names: by assignments, by calls of its functions, and as items of its mappings.

The lists serve questions about where a value comes from, as "does the configuration choose it?". They are by name, and
so larger than the truth: each value that a name of a function may have is in its list.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from modelaudit.languages.python.open_parameters import (
    OPEN_VALUE,
    FunctionNode,
    Functions,
    OpenParameters,
    find_label,
    find_value_label,
)

Placed = tuple[ast.expr, Functions]
"""An expression with the functions around it."""
_NAMED: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
_OWN: Final = ("self", "cls")
_ITEM_SETTERS: Final = frozenset(
    {"update", "setdefault", "__setitem__", "__ior__", "setitem", "ior", "append", "extend", "insert", "add",
     "__iadd__", "iadd", "put", "put_nowait", "appendleft", "extendleft", "push", "set_result"}
)  # fmt: skip
_ACTS: Final = (
    ast.Call, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.NamedExpr, ast.For, ast.AsyncFor, ast.Return, ast.Delete
)  # fmt: skip


class AssignedValues:
    """The values of the names of one source.

    Args:
        bodies: the statements of the source. They are read before the first answer.

    Attributes:
        places: the functions around each call and each statement that binds something.
        imported: what imports bind, in the module that it comes from, by the name in the source.
    """

    def __init__(self, bodies: Iterable[Sequence[ast.stmt]] = ()) -> None:
        self.places: dict[ast.AST, Functions] = {}
        self.imported: dict[str, str] = {}
        self._attributes: defaultdict[str, list[Placed]] = defaultdict(list)
        self._names: defaultdict[tuple[FunctionNode | None, str], list[Placed]] = defaultdict(list)
        self._items: defaultdict[str, list[tuple[ast.expr | None, ast.expr, Functions]]] = defaultdict(list)
        self._calls: defaultdict[str, list[tuple[ast.Call, Functions]]] = defaultdict(list)
        self._called: dict[ast.Lambda, tuple[ast.Call, Functions]] = {}
        self._results: defaultdict[str, list[Placed]] = defaultdict(list)
        self._labels: dict[FunctionNode, set[str]] = {}
        self._outer: set[str] = set()
        self._parameters = OpenParameters(self.imported)
        self._waiting = bodies

    def read(self) -> AssignedValues:
        """Read the source unless that is done; return its values."""
        waiting, self._waiting = self._waiting, ()
        for body in waiting:
            for statement in body:
                self._add_tree(statement)
        return self

    # ---- questions ----

    def list_values(self, name: str, functions: Functions) -> list[Placed]:
        """Return what a name may be where ``functions`` are around; nothing if the source does not show it."""
        values: list[Placed] = []
        for function in functions:
            found = self._names.get((function, name), [])
            is_parameter = name in list_parameters(function.args)
            if found or is_parameter:
                values = [*found, *(self._list_passed(function, name) if is_parameter else ())]
                break
        else:
            values = [*self._names.get((None, name), ())]
        if name in self._outer:  # a function binds it for others
            values += [each for (_, held), listed in self._names.items() if held == name for each in listed]
        return values

    def list_attribute(self, name: str) -> list[Placed]:
        """Return what the source gives to attributes of this name."""
        return self._attributes.get(name, [])

    def list_items(
        self, name: str, functions: Functions | None = None
    ) -> list[tuple[ast.expr | None, ast.expr, Functions]]:
        """Return the items that the source sets in a mapping or list of this name, each with its key, if it has one.

        Args:
            name: of a variable or an attribute.
            functions: those around the use of a variable; ``None`` for an attribute.
        """
        found = self._items.get(name, [])
        for function in functions or () if found and name not in self._outer else ():
            if (function, name) in self._names or name in list_parameters(function.args):
                return [each for each in found if function in each[2]]
        return found

    def list_keyed_items(self) -> Iterator[tuple[ast.expr | None, ast.expr, Functions]]:
        """Yield the items that the source sets in any mapping or list."""
        for items in self._items.values():
            yield from items

    def list_results(self, name: str) -> list[Placed]:
        """Return what functions of this name return."""
        return self._results.get(name, [])

    def list_sent(self) -> list[Placed]:
        """Return what the source sends to generators."""
        return [
            (each, around) for name in ("send", "asend") for call, around in self._calls[name] for each in call.args
        ]

    def is_object(self, name: str, functions: Functions) -> bool:
        """Whether a name is a parameter whose members the source takes, so that it counts as true."""
        for function in functions:
            if name in list_parameters(function.args):
                plain = [each.arg for each in _list_plain(function.args)]
                is_owner = name in _OWN and function in self._parameters.methods
                return name in plain and (is_owner or self._parameters.takes_members(name, function))
        return False

    def turns_on(self, name: str, functions: Functions) -> bool:
        """Whether the source binds a variable to more than one value, and one is a number or truth that is true."""
        function = next((each for each in functions if (each, name) in self._names), None)
        values = self._names.get((function, name), [])
        bound = (each for each, around in values if function is None or function in around)
        return len(values) > 1 and any(isinstance(each, ast.Constant) and each.value in (True,) for each in bound)

    def is_parameter(self, name: str, functions: Functions) -> bool:
        """Whether a name is one of a parameter of the functions around."""
        return any(name in list_parameters(each.args) for each in functions)

    def hands_over(self, name: str, functions: Functions) -> bool:
        """Whether a name is that of ``**kwargs`` of a function around."""
        return any(each.args.kwarg is not None and each.args.kwarg.arg == name for each in functions)

    # ---- collection ----

    def _add_tree(self, root: ast.AST) -> None:
        """Add the values of a statement of the module."""
        waiting: list[tuple[ast.AST, Functions, str]] = [(root, (), "")]
        while waiting:
            node, functions, owner = waiting.pop()
            if isinstance(node, _ACTS):
                self.places[node] = functions
            self._add_node(node, functions)
            self._parameters.add_node(node, functions)
            if isinstance(node, FunctionNode):
                self._add_function(node, functions, owner)
                functions = (node, *functions)
            owner = node.name if isinstance(node, ast.ClassDef) else ""
            waiting.extend((child, functions, owner) for child in ast.iter_child_nodes(node))

    def _add_function(self, node: FunctionNode, functions: Functions, owner: str) -> None:
        """Add the names under which a function is called: its own, and that of the class that it constructs."""
        labels = self._labels.setdefault(node, set())
        if owner:
            self._parameters.methods.add(node)
        if isinstance(node, _NAMED):
            labels.add(node.name)
            if owner and node.name in ("__init__", "__new__", "__call__", "forward"):
                labels.add(owner)
        else:
            inner = (node, *functions)
            self._results["<lambda>"].append((node.body, inner))
        for parameter, default in _pair_defaults(node.args):
            self._names[node, parameter].append((default, functions))

    def _add_node(self, node: ast.AST, functions: Functions) -> None:
        """Add what one node binds, calls or returns."""
        match node:
            case ast.Import(names=names) | ast.ImportFrom(names=names, level=0):
                self.imported.update({each.asname or each.name.partition(".")[0]: each.name for each in names})
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                self._outer.update(names)
            case ast.Call():
                self._add_call(node, functions)
            case ast.Return(value=ast.expr() as value) | ast.Yield(value=ast.expr() as value) if functions:
                if isinstance(functions[0], _NAMED):
                    self._results[functions[0].name].append((value, functions))
        for target, value in _list_assignments(node):
            self._add_value(target, value, functions)
        for statement in node.body if isinstance(node, ast.ClassDef) else ():
            for target, value in _list_assignments(statement):
                if isinstance(target, ast.Name):  # an attribute of the objects as well
                    self._attributes[target.id].append((value, functions))

    def _add_value(self, target: ast.expr, value: ast.expr, functions: Functions) -> None:
        """Add one assignment."""
        match target:
            case ast.Attribute(attr=name):
                self._attributes[name].append((value, functions))
                self._add_label(name, value, functions)
            case ast.Name(id=name):
                self._names[functions[0] if functions else None, name].append((value, functions))
                self._add_label(name, value, functions)
            case ast.Subscript(value=ast.Name(id=name) | ast.Attribute(attr=name), slice=key):
                self._items[name].append((key, value, functions))

    def _add_label(self, name: str, value: ast.expr, functions: Functions) -> None:
        """Add a name under which a lambda is called."""
        if isinstance(value, ast.Lambda):
            self._labels.setdefault(value, set()).add(name)
            self._results[name].append((value.body, (value, *functions)))

    def _add_call(self, node: ast.Call, functions: Functions) -> None:
        """Add a call under the last part of its name, and under those of the functions among its arguments."""
        if isinstance(node.func, ast.Lambda):
            self._called[node.func] = node, functions
        label = find_label(node.func)
        given_names = (each.value for each in node.keywords)
        for name in {label, *map(find_value_label, (*node.args, *given_names))} - {""}:
            self._calls[name].append((node, functions))
        if label not in _ITEM_SETTERS or not isinstance(node.func, ast.Name | ast.Attribute):
            return
        receivers = [node.func.value] if isinstance(node.func, ast.Attribute) else []
        for receiver in (*receivers, *node.args[:1]):
            name = find_label(receiver)
            given = node.args[1:] if receiver in node.args else node.args
            if name:
                has_key = label in ("setdefault", "__setitem__", "setitem") and len(given) > 1
                keys = given[:1] if has_key else [None]
                values = given[1:] if has_key else given
                self._items[name] += [(keys[0], each, functions) for each in values]
                self._items[name] += [
                    (None if each.arg is None else ast.Constant(each.arg), each.value, functions)
                    for each in node.keywords
                ]

    def _list_passed(self, function: FunctionNode, parameter: str) -> Iterator[Placed]:
        """Yield what the calls of a function pass as one of its parameters."""
        labels = self._labels.get(function, set())
        calls = [each for label in labels for each in self._calls.get(label, ())]
        if isinstance(function, ast.Lambda) and function in self._called:
            calls.append(self._called[function])
        positional = [each.arg for each in (*function.args.posonlyargs, *function.args.args)]
        index = positional.index(parameter) if parameter in positional else None
        is_method = function in self._parameters.methods or (bool(positional) and positional[0] in _OWN)
        # A method gets its object first.
        places = set() if index is None else {index, index - int(is_method)}
        for call, functions in calls:
            yield from _list_named(call, parameter, functions)
            if index is None:
                is_rest = function.args.vararg is not None and function.args.vararg.arg == parameter
                yield from ((each, functions) for each in call.args if is_rest)
                continue
            # The function may also be an argument: ``map(function, values)``.
            is_callee = isinstance(call.func, ast.Lambda) or find_label(call.func) in labels
            yield from _list_at(call, {each + int(not is_callee) for each in places}, functions)
            yield from () if is_callee else _list_bundled(call, parameter, places, functions)
        bound = {int(self._parameters.binds)} | {
            len(call.args) - 1 for call, _ in calls if find_label(call.func) not in labels
        }
        places |= {index - each for each in bound if index is not None}
        for call, functions in self._parameters.list_open_calls(function, labels, self._is_variable):
            yield from _list_named(call, parameter, functions)
            rest = (each for each in _list_at(call, places, functions) if not _hands_rest(*each))
            yield from rest
        if self._parameters.is_operator(function) and index:
            yield OPEN_VALUE, ()
        if self._parameters.is_setter(function) and index:
            yield from self._attributes.get(getattr(function, "name", ""), ())

    def _is_variable(self, node: ast.expr, functions: Functions) -> bool:
        """Whether what is called may be a function that the source has put under this name, or in this place."""
        while isinstance(node, ast.Attribute) and not isinstance(node.value, ast.Name):
            node = node.value
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            return node.value.id not in self.imported
        if isinstance(node, ast.Name):
            return self.is_parameter(node.id, functions) or bool(self.list_values(node.id, functions))
        return True


def _hands_rest(node: ast.expr, functions: Functions) -> bool:
    """Whether an argument unpacks ``*args`` of a function around."""
    return isinstance(node, ast.Starred) and any(
        each.args.vararg is not None and each.args.vararg.arg == find_label(node.value) for each in functions
    )


def _list_named(call: ast.Call, parameter: str, functions: Functions) -> Iterator[Placed]:
    """Yield what a call passes by name, or in a mapping that it unpacks and that is not ``**kwargs``."""
    for each in call.keywords:
        if each.arg == parameter or (each.arg is None and not _hands_on(each.value, functions)):
            yield each.value, functions


def _list_at(call: ast.Call, places: Iterable[int], functions: Functions) -> Iterator[Placed]:
    """Yield what a call passes at these places, and what it unpacks."""
    yield from ((call.args[each], functions) for each in places if 0 <= each < len(call.args))
    yield from ((each, functions) for each in call.args if isinstance(each, ast.Starred))


def _list_bundled(call: ast.Call, parameter: str, places: Iterable[int], functions: Functions) -> Iterator[Placed]:
    """Yield what a call passes on in one value: ``Thread(target=f, args=(a, b), kwargs={"c": d})``."""
    waiting = [*call.args, *(each.value for each in call.keywords)]
    for each in waiting:
        if isinstance(each, ast.Tuple | ast.List):
            yield from ((each.elts[place], functions) for place in places if 0 <= place < len(each.elts))
            waiting += [item for item in each.elts if isinstance(item, ast.Tuple | ast.List)]
        elif isinstance(each, ast.Dict):
            for key, value in zip(each.keys, each.values, strict=True):
                if not isinstance(key, ast.Constant) or key.value == parameter:
                    yield value, functions


def list_parameters(arguments: ast.arguments) -> set[str]:
    """Return the names of the parameters of a function."""
    return {each.arg for each in (*_list_plain(arguments), arguments.vararg, arguments.kwarg) if each is not None}


def _list_plain(arguments: ast.arguments) -> tuple[ast.arg, ...]:
    """Return the parameters of a function that take one value each."""
    return (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)


def _hands_on(node: ast.expr, functions: Functions) -> bool:
    """Whether an unpacked mapping is ``**kwargs`` of a function around."""
    return isinstance(node, ast.Name) and any(
        each.args.kwarg is not None and each.args.kwarg.arg == node.id for each in functions
    )


def _pair_defaults(arguments: ast.arguments) -> Iterator[tuple[str, ast.expr]]:
    """Yield each parameter that has a default, with the default."""
    positional = zip(reversed((*arguments.posonlyargs, *arguments.args)), reversed(arguments.defaults), strict=False)
    for parameter, default in (*positional, *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)):
        if default is not None:
            yield parameter.arg, default


def _list_assignments(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield the targets of a statement or expression that assigns a value, each with the value."""
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield from _pair_targets(target, value)
        case ast.AugAssign(target=target, op=operation, value=value):
            yield target, ast.BinOp(target, operation, value)
        case (
            ast.For(target=target, iter=value)
            | ast.AsyncFor(target=target, iter=value)
            | ast.comprehension(target=target, iter=value)
        ):
            yield from _pair_targets(target, value)
        case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.NamedExpr(target=target, value=value):
            yield target, value
        case ast.withitem(context_expr=value, optional_vars=ast.expr() as target):
            yield from _pair_targets(target, value)
        case ast.Match(subject=value):
            yield from ((ast.Name(name, ast.Store()), value) for name in _list_captured(node))


def _list_captured(node: ast.Match) -> Iterator[str]:
    """Yield the names that the patterns of a statement bind."""
    for part in (part for case in node.cases for part in ast.walk(case.pattern)):
        name = getattr(part, "rest" if isinstance(part, ast.MatchMapping) else "name", None)
        if name:
            yield name


def _pair_targets(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield each name, attribute or item of a target, with its value or the value that holds it."""
    if isinstance(target, ast.Starred):
        yield from _pair_targets(target.value, value)
        return
    if not isinstance(target, ast.Tuple | ast.List):
        yield target, value
        return
    is_plain = not any(isinstance(each, ast.Starred) for each in target.elts)
    is_shown = is_plain and isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts)
    shown = value.elts if is_shown and isinstance(value, ast.Tuple | ast.List) else None
    for number, each in enumerate(target.elts):
        yield from _pair_targets(each, value if shown is None else shown[number])
