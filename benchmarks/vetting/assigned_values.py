"""Search functions for what they assign to attributes of their object, and for the functions that they return."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from class_order import ClassInfo, Method

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


def returns_inner(function: ast.FunctionDef) -> bool:
    """Whether a function returns nothing but functions that it defines."""
    inner = {each.name for each in function.body if isinstance(each, ast.FunctionDef)}
    waiting: list[ast.AST] = list(function.body)
    returned: list[ast.expr | None] = []
    while waiting:
        part = waiting.pop()
        if isinstance(part, ast.Return):
            returned.append(part.value)
        if not isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            waiting += ast.iter_child_nodes(part)
    names = [each.id if isinstance(each, ast.Name) else "" for each in returned]
    return bool(names) and all(
        name in inner or isinstance(value, ast.Lambda) for name, value in zip(names, returned, strict=True)
    )


def iterate_assigned(owner: ClassInfo, name: str) -> Iterator[tuple[Method, FunctionNode, ast.expr]]:
    """Yield (method, its function, value) of each assignment of an attribute of ``self`` in the methods of a class."""
    assigned: dict[str, list[tuple[Method, FunctionNode, ast.expr]]] | None = owner.__dict__.get("_assigned")
    if assigned is None:
        assigned = owner.__dict__["_assigned"] = {}
        for method in owner.members.values():
            if method.node is None or not method.node.args.args:
                continue
            first = method.node.args.args[0].arg
            for part in ast.walk(method.node):
                if isinstance(part, ast.Assign | ast.AnnAssign) and part.value is not None:
                    for target in part.targets if isinstance(part, ast.Assign) else [part.target]:
                        if (
                            isinstance(target, ast.Attribute)
                            and isinstance(target.value, ast.Name)
                            and target.value.id == first
                        ):
                            assigned.setdefault(target.attr, []).append((method, method.node, part.value))
    yield from assigned.get(name, ())


_OWN_HOOKS = ("__setstate__", "__setattr__", "__getattr__", "__getattribute__")
_SETTERS = frozenset({"setattr", "vars", "__setattr__", "__dict__", "update"})


def holds_what_a_state_sets(info: ClassInfo, name: str) -> bool:
    """Whether an attribute of an unpickled object holds what its state sets under the same name, or nothing.

    No class of the order has such a member or computes attributes, and nothing in their modules assigns an attribute of
    this name but ``__init__``, which loading does not run.
    """
    for owner in info.order:
        if not isinstance(owner, ClassInfo):
            return False
        if name in owner.members or any(hook in owner.members for hook in _OWN_HOOKS):
            return False
        if any(_may_set(part, name, is_own=True) for part in _iterate_loaded(owner.node.body)):
            return False
        if any(_may_set(part, name, is_own=False) for part in _iterate_loaded(owner.module.body)):
            return False
    return True


def _iterate_loaded(statements: list[ast.stmt]) -> Iterator[ast.AST]:
    """Yield the nodes of statements without those of functions that are called ``__init__``."""
    waiting: list[ast.AST] = list(statements)
    while waiting:
        part = waiting.pop()
        if not isinstance(part, FunctionNode) or part.name != "__init__":
            yield part
            waiting += ast.iter_child_nodes(part)


def _may_set(node: ast.AST, name: str, is_own: bool) -> bool:
    """Whether a node sets an attribute of this name, or with ``is_own`` one whose name is computed."""
    match node:
        case ast.Attribute(attr=attribute, ctx=ast.Store() | ast.Del()):
            return attribute == name
        case ast.Attribute(attr=attribute) | ast.Name(id=attribute):
            return is_own and attribute in _SETTERS
    return False
