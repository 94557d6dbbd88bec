"""The expressions that the source of a traced module may hold, by the kinds of their nodes."""

from __future__ import annotations

import ast
import re
from typing import Final, NoReturn

from modelaudit.model.lazy_pattern import defer_pattern

_KEY: Final = defer_pattern(r"[\w.]{1,200}", re.ASCII)
_COMPARISONS: Final = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE)


class SourceError(Exception):
    """The source is more than a plain graph."""


def refuse_node(node: ast.AST, what: str) -> NoReturn:
    """Raise ``SourceError`` for a node that a plain graph does not have."""
    raise SourceError(f"line {getattr(node, 'lineno', 1)} of the source {what}")


def list_parts(node: ast.Tuple | ast.List | ast.Dict | ast.Slice) -> list[ast.expr]:
    """Return the parts of a container, or the bounds of a slice. Raises ``SourceError`` for a computed key."""
    if isinstance(node, ast.Tuple | ast.List):
        return node.elts
    if isinstance(node, ast.Slice):
        return [part for part in (node.lower, node.upper, node.step) if part is not None]
    for key in node.keys:
        if not isinstance(key, ast.Constant) or not isinstance(key.value, str | int):
            refuse_node(node, "computes a key")
        if isinstance(key.value, str) and not _KEY.fullmatch(key.value):
            refuse_node(node, "has an unusual key")
    return node.values


def list_operands(node: ast.expr) -> list[ast.expr]:
    """Return the operands of an operator that tensors have. Raises ``SourceError`` for any other expression."""
    match node:
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() | ast.Invert(), operand=operand):
            return [operand]
        case ast.BinOp(left=left, right=right):
            return [left, right]
        case ast.Compare(left=left, ops=[operator], comparators=[right]) if type(operator) in _COMPARISONS:
            return [left, right]
        case ast.Subscript(value=value, slice=index):
            return [value, index]
    refuse_node(node, f"has an expression of the kind {type(node).__name__}")
