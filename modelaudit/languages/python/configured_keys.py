"""Recognise expressions that read the value of a key: ``config.name``, ``config["name"]``, ``config.get("name")``."""

from __future__ import annotations

import ast
from typing import Final

_READING_METHODS: Final = frozenset({"get", "pop"})


def find_read_key(node: ast.AST) -> tuple[str, ast.expr | None]:
    """Return the key that an expression reads from an object, and its default; an empty key for anything else."""
    match node:
        case ast.Attribute(attr=key, ctx=ast.Load()):
            return key, None
        case ast.Subscript(slice=ast.Constant(value=str(key)), ctx=ast.Load()):
            return key, None
        case ast.Call(func=ast.Attribute(attr=method), args=[ast.Constant(value=str(key)), *rest], keywords=[]):
            return (key, rest[0] if rest else None) if method in _READING_METHODS and len(rest) < 2 else ("", None)
        case ast.Call(func=ast.Name(id="getattr"), args=[_, ast.Constant(value=str(key)), *rest], keywords=[]):
            return (key, rest[0] if rest else None) if len(rest) < 2 else ("", None)
    return "", None


def find_base(node: ast.expr) -> ast.expr | None:
    """Return the object from which an expression reads a key by ``find_read_key``."""
    match node:
        case ast.Attribute(value=base) | ast.Subscript(value=base):
            return base
        case ast.Call(func=ast.Attribute(value=base)) | ast.Call(func=ast.Name(id="getattr"), args=[base, *_]):
            return base
    return None
