"""Find the names that a condition compares with a value: behind ``if name == "system"``, ``name`` is that text."""

from __future__ import annotations

import ast
from collections.abc import Iterator


def find_equated_names(test: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """Yield each name that has to equal an expression where ``test`` holds, with the expression."""
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        for part in test.values:
            yield from find_equated_names(part)
    elif isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq | ast.Is):
        for side, other in ((test.left, test.comparators[0]), (test.comparators[0], test.left)):
            if isinstance(side, ast.Name):
                yield side.id, other
