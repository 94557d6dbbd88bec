"""Find the classes and functions that some module of a library changes after they are defined."""

from __future__ import annotations

import ast

from class_order import ClassOrder
from module_bindings import Found, Module, find_replaced


def find_changed(modules: list[Module], order: ClassOrder) -> dict[str, str]:
    """Return the full names of classes and functions that a statement of some module changes, with the place.

    ``Class.method = function``, ``del Class.method`` and ``setattr(Class, …)`` at any place of the source count, but
    in a function that was read.
    """
    changed: dict[str, str] = {}
    for module in modules:
        for statement in module.body:
            if order.reviewed.is_harmless(f"{module.name}.{getattr(statement, 'name', '')}"):
                continue
            for node in ast.walk(statement):
                replaced = find_replaced(node)
                if replaced:
                    changed.setdefault(replaced, f"{module.path}:{getattr(node, 'lineno', 1)}")
                target = _find_target(node)
                if target is None or target.partition(".")[0] not in module.bindings:
                    continue
                found = order.resolve_path(module, target)
                # What is changed in another library is none of the names that are decided here.
                if isinstance(found, Found) and found.name.partition(".")[0] == module.name.partition(".")[0]:
                    changed.setdefault(found.name, f"{module.path}:{getattr(node, 'lineno', 1)}")
    return changed


def _find_target(node: ast.AST) -> str | None:
    """Return the dotted name whose attribute a node sets; ``None`` for any other node."""
    match node:
        case ast.Attribute(value=ast.Name() | ast.Attribute() as base, ctx=ast.Store() | ast.Del()):
            # A note of a function for its readers changes nothing that runs.
            is_note = node.attr in ("__doc__", "__name__", "__module__", "__qualname__", "__signature__")
            return None if is_note else ast.unparse(base)
        case ast.Call(func=ast.Name(id="setattr" | "delattr"), args=[ast.Name() | ast.Attribute() as base, *_]):
            return ast.unparse(base)
        case ast.Call(func=ast.Attribute(attr="__setattr__" | "__delattr__"), args=[ast.Name() as base, *_]):
            return ast.unparse(base)
    return None
