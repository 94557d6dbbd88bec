"""Find which names the rounds of a loop change, and whether something in its body may end a round."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from msgspec import Struct

_ENDS = (ast.Break, ast.Continue, ast.Raise)
_ADDING = frozenset({"append", "appendleft", "insert", "extend", "add", "update", "__setitem__", "setdefault"})


class LoopNames(Struct, frozen=True):
    """The names of the body of a loop, outside of functions and classes that it defines.

    Attributes:
        augmented: those that it changes by ``name += value``.
        carried: those that it assigns from themselves, as ``found = getattr(found, name)`` does; attributes too.
        late: those that it binds in a line behind, or in, the first that reads them.
        stepped: these, and the names of attributes and of lists or mappings whose items it sets.
    """

    augmented: frozenset[str]
    carried: frozenset[str]
    late: frozenset[str]
    stepped: frozenset[str]


class LoopTable:
    """The names of the loops of one source, each found once."""

    def __init__(self) -> None:
        self._found: dict[int, tuple[Sequence[ast.stmt], LoopNames]] = {}

    def find_names(self, body: Sequence[ast.stmt]) -> LoopNames:
        """Return the names of the body of a loop."""
        known = self._found.get(id(body))
        if known is None:
            known = self._found[id(body)] = body, find_loop_names(body)  # kept, so that no other gets its identity
        return known[1]

    def calls_itself(self, node: ast.AST) -> bool:
        """Whether the body of a function holds its own name."""
        name = getattr(node, "name", "")
        return bool(name) and any(each is not node and _get_target_name(each) == name for each in ast.walk(node))


def find_loop_names(body: Sequence[ast.AST]) -> LoopNames:
    """Find the names of statements or expressions."""
    augmented: set[str] = set()
    carried: set[str] = set()
    read: dict[str, int] = {}
    bound: dict[str, int] = {}
    for node in _walk_own_nodes(body):
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Load):
                read[node.id] = min(node.lineno, read.get(node.id, node.lineno))
            else:
                bound[node.id] = max(node.lineno, bound.get(node.id, 0))
        elif isinstance(node, ast.AugAssign):
            augmented |= {node.target.id} if isinstance(node.target, ast.Name) else set()
        elif isinstance(node, ast.Assign | ast.NamedExpr) and isinstance(node.value, ast.Call | ast.Subscript):
            assigned = node.targets if isinstance(node, ast.Assign) else [node.target]
            targets = {name for each in assigned if (name := _get_target_name(each))}
            if targets:
                carried |= targets & {_get_target_name(each) for each in ast.walk(node.value)}
    late = frozenset(name for name, line in read.items() if bound.get(name, 0) >= line)
    return LoopNames(frozenset(augmented), frozenset(carried), late, late.union(_list_held_names(body)))


def _list_held_names(body: Sequence[ast.AST]) -> Iterator[str]:
    """Yield the names of attributes that a body sets, and of lists and mappings that it sets items of or adds to."""
    for node in _walk_own_nodes(body):
        match node:
            case ast.Attribute(attr=name, ctx=ast.Store()):
                yield name
            case ast.Subscript(value=ast.Name() | ast.Attribute() as held, ctx=ast.Store()):
                yield _get_target_name(held)
            case ast.Call(func=ast.Attribute(value=ast.Name() | ast.Attribute() as held, attr=name)) if name in _ADDING:
                yield _get_target_name(held)


def ends_round(statement: ast.If) -> bool:
    """Whether a branch of a statement ends a round of the loop around it."""
    waiting: list[ast.stmt] = [*statement.body, *statement.orelse]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Break | ast.Continue):
            return True
        if isinstance(node, ast.If):
            waiting += (*node.body, *node.orelse)
    return False


def may_end_inside(body: Sequence[ast.stmt]) -> bool:
    """Whether a statement that is no ``if`` holds a ``break``, ``continue`` or ``raise``, which may end a round."""
    waiting = list(body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If):
            waiting += (*node.body, *node.orelse)
        elif any(isinstance(each, _ENDS) and each is not node for each in ast.walk(node)):
            return True
    return False


def _walk_own_nodes(body: Sequence[ast.AST]) -> Iterator[ast.AST]:
    """Yield the nodes of statements, outside of functions and classes that they define."""
    waiting: list[ast.AST] = list(body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        yield node
        waiting += ast.iter_child_nodes(node)


def _get_target_name(node: ast.AST) -> str:
    """Return the name, or the last name of the path, that an expression reads or assigns; empty for any other."""
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""
