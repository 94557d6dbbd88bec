"""Answer questions about where a value of a source comes from, by following its names from one to the next."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Final

from modelaudit.languages.python.assigned_values import AssignedValues
from modelaudit.languages.python.open_parameters import Functions

_MOST_STEPS: Final = 24
"""Values that are followed from one name to the next."""
_MOST_VALUES: Final = 20_000
"""Expressions of one source that are followed; beyond, the answer is the one that an attacker would not want."""
ITEM_METHODS: Final = frozenset({"get", "pop", "setdefault", "__getitem__"})
ENVIRONMENT: Final = frozenset({"environ", "environb"})
Seen = frozenset[tuple[int, Functions]]
"""The nodes on the way to a value, each with the functions around it."""
Judge = Callable[[ast.expr, Functions, Seen], bool]


class FollowedValues:
    """The values of one source, as far as questions about them were answered.

    Args:
        source: what the source gives to its names. It is read at the first question.
    """

    def __init__(self, source: AssignedValues) -> None:
        self._assigned = source
        self._steps_left = _MOST_VALUES
        self._answers: dict[tuple[str, int], bool] = {}

    @property
    def _source(self) -> AssignedValues:
        return self._assigned.read()

    def _ask(self, node: ast.AST, question: str, judge: Judge) -> bool:
        """Ask a question about each value that a call gets, or that a statement assigns."""
        functions = self._source.places.get(node)
        if functions is None:
            return False
        return self._answer(
            question, node, lambda: any(judge(each, functions, frozenset()) for each in self._list_given(node, 4))
        )

    def _answer(self, question: str, node: ast.AST, decide: Callable[[], bool]) -> bool:
        """Return the answer to a question, which is decided once for each node."""
        key = question, id(node)
        if key not in self._answers:
            try:
                self._answers[key] = decide()
            except RecursionError:  # an expression that nests so deep may hide a choice
                self._answers[key] = True
        return self._answers[key]

    def _list_given(self, node: ast.AST, depth: int) -> Iterator[ast.expr]:
        """Yield the values that a call gets, with those that its callee was made of, or that a statement assigns."""
        if isinstance(node, ast.Call):
            yield from node.args
            yield from (each.value for each in node.keywords)
            if isinstance(node.func, ast.Attribute):  # a method of a path
                yield node.func.value
            callees = [node.func]
            if isinstance(node.func, ast.Name):
                callees += [value for value, _ in self._source.list_values(node.func.id, self._source.places[node])]
            for each in callees if depth else ():
                if isinstance(each, ast.Call):
                    yield from self._list_given(each, depth - 1)
        elif isinstance(node, ast.For | ast.AsyncFor):
            yield node.iter
        else:
            value = getattr(node, "value", None)
            if isinstance(value, ast.expr):
                yield value

    def _goes_on(self, node: ast.expr, functions: Functions, seen: Seen) -> Seen | None:
        """Return what was seen with this node; ``None`` if it was seen before or is not worth a step."""
        if (id(node), functions) in seen:
            return None
        return seen | {(id(node), functions)}

    def _is_beyond(self, seen: Seen) -> bool:
        """Take a step; return whether there was none left."""
        self._steps_left -= 1
        return self._steps_left < 0 or len(seen) > _MOST_STEPS


def find_label(node: ast.expr) -> str:
    """Return the last part of the name that is called, by which its results are found."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Lambda():
            return "<lambda>"
    return ""
