"""Find the calls whose switch ``trust_remote_code`` is chosen by the configuration of the model, not by the caller.

``trust_remote_code=config.t`` is on as soon as whoever writes ``config.json`` wants it, as is a mapping with a computed
key, ``**{config.a + "_code": True}``. The caller decides the values that it hands over: a parameter, or an item
of ``**kwargs``.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_SWITCH: Final = "trust_remote_code"
_MOST_STEPS: Final = 8
"""Assignments from one name to the next that are followed."""
_MOST_VALUES: Final = 20_000
"""Expressions of one source that are followed; beyond, a switch counts as chosen."""
_ITEM_METHODS: Final = frozenset({"get", "pop", "setdefault"})


def find_chosen_switches(bodies: Iterable[Sequence[ast.stmt]]) -> frozenset[ast.Call]:
    """Return the calls of a source whose switch the configuration may turn on."""
    module = ast.Module([statement for body in bodies for statement in body], [])
    calls = list(_list_calls(module))
    if not calls:
        return frozenset()
    values = _Values()
    for node, functions in _walk(module):
        for target, value in _list_assignments(node):
            values.add(target, value, functions)
    return frozenset(call for call, functions in calls if _is_chosen_call(call, _Source(functions, values)))


def _walk(module: ast.Module) -> Iterator[tuple[ast.AST, list[_Function]]]:
    """Yield each node with the functions around it, the innermost first."""
    waiting: list[tuple[ast.AST, list[_Function]]] = [(module, [])]
    while waiting:
        node, functions = waiting.pop()
        yield node, functions
        inner = [node, *functions] if isinstance(node, _Function) else functions
        waiting.extend((child, inner) for child in ast.iter_child_nodes(node))


def _list_calls(module: ast.Module) -> Iterator[tuple[ast.Call, list[_Function]]]:
    """Yield the calls that have the switch, or that load a model with an unpacked mapping."""
    for node, functions in _walk(module):
        if isinstance(node, ast.Call):
            is_loader = isinstance(node.func, ast.Attribute) and node.func.attr.startswith("from_pretrained")
            names = {each.arg for each in node.keywords}
            if _SWITCH in names or (None in names and is_loader):
                yield node, functions


def _list_assignments(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield the targets of a statement or expression that assigns a value, each with the value."""
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield from _pair_targets(target, value)
        case ast.AugAssign(target=target, value=value):
            yield target, value
        case ast.For(target=target, iter=value) | ast.AsyncFor(target=target, iter=value):
            yield from _pair_targets(target, value)
        case ast.comprehension(target=target, iter=value):
            yield from _pair_targets(target, value)
        case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.NamedExpr(target=target, value=value):
            yield target, value


def _pair_targets(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield each name or attribute of a target, with its value or the value that holds it."""
    if not isinstance(target, ast.Tuple | ast.List):
        yield target, value
        return
    shown = value.elts if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts) else None
    for number, each in enumerate(target.elts):
        yield from _pair_targets(each, value if shown is None else shown[number])


class _Values:
    """The values that a source gives to names and attributes, and the steps that are left to follow them.

    Attributes:
        attributes: the values of each attribute, with the functions around.
        names: the values of each name of a function.
    """

    def __init__(self) -> None:
        self.attributes: defaultdict[str, list[tuple[ast.expr, list[_Function]]]] = defaultdict(list)
        self.names: defaultdict[tuple[_Function, str], list[ast.expr]] = defaultdict(list)
        self._steps_left = _MOST_VALUES

    def add(self, target: ast.expr, value: ast.expr, functions: list[_Function]) -> None:
        """Add one assignment in the innermost of ``functions``."""
        if isinstance(target, ast.Attribute):
            self.attributes[target.attr].append((value, functions))
        elif isinstance(target, ast.Name) and functions:
            self.names[functions[0], target.id].append(value)

    def spend(self) -> bool:
        """Take a step; return whether there was one left."""
        self._steps_left -= 1
        return self._steps_left >= 0


class _Source:
    """The functions around an expression, the innermost first, and the values of the source."""

    def __init__(self, functions: list[_Function], values: _Values) -> None:
        self.functions = functions
        self.values = values

    def list_values(self, name: str) -> Sequence[ast.expr]:
        """Return what the functions around bind to a name; nothing for a parameter or a name of the module."""
        for function in self.functions:
            found = self.values.names.get((function, name))
            if found or name in _list_parameters(function.args):
                return found or ()
        return ()

    def hands_over(self, name: str) -> bool:
        """Whether a name is that of ``**kwargs`` of a function around."""
        return any(each.args.kwarg is not None and each.args.kwarg.arg == name for each in self.functions)


def _list_parameters(arguments: ast.arguments) -> set[str]:
    """Return the names of the parameters of a function."""
    plain = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    return {each.arg for each in (*plain, arguments.vararg, arguments.kwarg) if each is not None}


def _is_chosen_call(call: ast.Call, source: _Source) -> bool:
    """Whether the configuration chooses the switch of a call, or a key of a mapping that the call unpacks."""
    try:
        return any(
            (each.arg == _SWITCH and _is_chosen(each.value, source, _MOST_STEPS))
            or (each.arg is None and _has_chosen_key(each.value, source, _MOST_STEPS))
            for each in call.keywords
        )
    except RecursionError:  # an expression that nests so deep may hide a choice
        return True


def _is_chosen(node: ast.expr, source: _Source, steps: int) -> bool:
    """Whether a value comes, in part, from an attribute or item of an object that is not ``**kwargs``."""
    if steps == 0 or not source.values.spend():
        return True
    match node:
        case ast.Name(id=name):
            return any(_is_chosen(each, source, steps - 1) for each in source.list_values(name))
        case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=attribute) if attribute in source.values.attributes:
            return any(
                _is_chosen(value, _Source(functions, source.values), steps - 1)
                for value, functions in source.values.attributes[attribute]
            )
        case ast.Attribute(attr=attribute):
            return attribute != "environ"  # whoever starts the program sets the environment
        case ast.Subscript(value=value):
            return not (isinstance(value, ast.Name) and source.hands_over(value.id)) and _is_member(value)
        case ast.Call():
            return _is_chosen_result(node, source, steps)
    return any(_is_chosen(each, source, steps) for each in ast.iter_child_nodes(node) if isinstance(each, ast.expr))


def _is_member(value: ast.expr) -> bool:
    """Whether an item of a value is one of an object, rather than of the environment."""
    return not (isinstance(value, ast.Attribute) and value.attr == "environ")


def _is_chosen_result(call: ast.Call, source: _Source, steps: int) -> bool:
    """Whether the result of a call is a member of an object, or made of one; of ``**kwargs`` only a default counts."""
    values = [*call.args, *(each.value for each in call.keywords)]
    match call.func:
        case ast.Attribute(value=ast.Name(id=name)) if source.hands_over(name):
            values = call.args[1:]
        case ast.Attribute(value=value, attr=method) if method in _ITEM_METHODS:
            return _is_member(value)
        case ast.Attribute(value=value):
            values.append(value)
        case ast.Name(id="getattr"):
            return True
    return any(_is_chosen(each, source, steps) for each in values)


def _has_chosen_key(node: ast.expr, source: _Source, steps: int) -> bool:
    """Whether a mapping that a call unpacks has a key which the configuration chooses."""
    if steps == 0 or not source.values.spend():
        return True
    match node:
        case ast.Name(id=name):
            return any(_has_chosen_key(each, source, steps - 1) for each in source.list_values(name))
        case ast.Dict(keys=keys, values=values):
            return any(
                _has_chosen_key(value, source, steps) if key is None else _is_chosen(key, source, steps)
                for key, value in zip(keys, values, strict=True)
            )
        case ast.DictComp(key=key, generators=generators):
            return any(_is_chosen(each, source, steps) for each in (key, *(each.iter for each in generators)))
        case ast.Call(func=ast.Name(id="dict"), args=arguments):
            return any(
                _has_chosen_key(each, source, steps)
                if isinstance(each, ast.Name | ast.Dict | ast.DictComp)
                else not isinstance(each, ast.Attribute) and _is_chosen(each, source, steps)
                for each in arguments
            )
        case ast.BinOp(op=ast.BitOr()) | ast.BoolOp() | ast.IfExp():
            parts = [each for each in ast.iter_child_nodes(node) if isinstance(each, ast.expr)]
            return any(_has_chosen_key(each, source, steps) for each in parts)
    return False
