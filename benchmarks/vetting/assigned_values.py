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
