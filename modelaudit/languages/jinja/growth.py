"""Find what grows with each round when a template is rendered: a variable that is copied into itself, and recursion.

A value that doubles in each round of a loop, and a macro that calls itself twice, take exponential time or memory. How
often a template reaches such a place is not computed; a few places suffice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from jinja2 import nodes

from modelaudit.languages.jinja.folding import ConstantFolder
from modelaudit.languages.jinja.syntax import get_variable_path

# Filters and tests whose result does not contain the value that they are given.
_REDUCING_FILTERS: Final = frozenset({"length", "count", "abs", "float", "int", "round", "wordcount", "filesizeformat"})
_WITHOUT_VALUE: Final = (nodes.Compare, nodes.Test, nodes.Not, nodes.Const)
_COUNTER_NODES: Final = (nodes.Name, nodes.Const, nodes.BinExpr, nodes.UnaryExpr)


class CopyCounter:
    """Counts how many copies of a variable the value of an expression contains.

    A part of the variable, such as ``message.content`` of ``message``, counts on its own: a copy of a mapping with one
    part replaced does not grow.
    """

    def __init__(self, variable: str, macros: Mapping[str, nodes.Macro], folder: ConstantFolder) -> None:
        self._variable = variable
        self._macros = macros
        self._folder = folder
        self._open_macros: set[str] = set()

    def count(self, expression: nodes.Node) -> Counter[str]:
        """Return the number of copies by path: of the variable, and of each of its parts."""
        copies: Counter[str] = Counter()
        factor = 1
        node: nodes.Node | None = expression
        # Chains of operators, filters and calls nest to the left, thousands deep in a hostile template.
        while node is not None and not isinstance(node, _WITHOUT_VALUE):
            path = get_variable_path(node)
            if path == self._variable or path.startswith(f"{self._variable}."):
                copies[path] += factor
                break
            self._add(copies, self._count_alternatives(node), factor)
            if isinstance(node, nodes.Filter | nodes.Call):
                factor *= self._measure_replacement(node)
            beside, node = _split_leftmost(node, self._macros)
            for each in beside:
                self._add(copies, self.count(each), factor)
        return copies

    def _count_alternatives(self, node: nodes.Node) -> Counter[str]:
        """Return the number of copies in a choice between expressions, and in the text of a macro that is called."""
        match node:
            case nodes.CondExpr():
                return _choose_most([self.count(each) for each in (node.expr1, node.expr2) if each is not None])
            case nodes.And() | nodes.Or():
                return _choose_most([self.count(node.left), self.count(node.right)])
            case nodes.Call(node=nodes.Name(name=name)) if name in self._macros:
                return self._count_in_macro(name, node)
        return Counter()

    def count_in_block(self, statements: Sequence[nodes.Node]) -> Counter[str]:
        """Return the number of copies in the text that statements print; of several branches, the most."""
        copies: Counter[str] = Counter()
        for statement in statements:
            match statement:
                case nodes.Output():
                    for each in statement.nodes:
                        copies += self.count(each)
                case nodes.If():
                    branches = (statement.body, statement.elif_, statement.else_)
                    copies += _choose_most([self.count_in_block(branch) for branch in branches])
                case nodes.For():
                    self._add(copies, self.count_in_block(statement.body), 2)  # a loop prints its body again
                    copies += self.count_in_block(statement.else_)
                case nodes.With() | nodes.FilterBlock() | nodes.CallBlock() | nodes.Scope():
                    copies += self.count_in_block(statement.body)
        return copies

    def _count_in_macro(self, name: str, call: nodes.Call) -> Counter[str]:
        """Return the number of copies in the text of a macro whose arguments contain the variable."""
        macro = self._macros[name]
        copies: Counter[str] = Counter()
        if name in self._open_macros:
            return copies
        self._open_macros.add(name)
        given = [*zip((each.name for each in macro.args), call.args, strict=False)]
        given += [(pair.key, pair.value) for pair in call.kwargs]
        for parameter, argument in given:
            in_argument = self.count(argument)
            if in_argument:
                inner = CopyCounter(parameter, self._macros, self._folder)
                inner._open_macros = self._open_macros
                self._add(copies, in_argument, inner.count_in_block(macro.body)[parameter])
        self._open_macros.discard(name)
        return copies

    def _measure_replacement(self, node: nodes.Filter | nodes.Call) -> int:
        """Return by what factor a filter or call lengthens a value: 2 for a replacement that repeats a text, else 1."""
        name = node.name if isinstance(node, nodes.Filter) else getattr(node.node, "attr", "")
        if name != "replace" or len(node.args) < 2:
            return 1
        replaced, replacements = (self._folder.fold(each).texts for each in node.args[:2])
        return 2 if any(text.count(old) > 1 for old in replaced if old for text in replacements) else 1

    @staticmethod
    def _add(copies: Counter[str], more: Counter[str], factor: int) -> None:
        for path, number in more.items():
            copies[path] += number * factor


def _split_leftmost(node: nodes.Node, macros: Mapping[str, nodes.Macro]) -> tuple[list[nodes.Node], nodes.Node | None]:
    """Return the parts of an expression whose values its value contains: all but the leftmost one, and that one."""
    match node:
        case nodes.CondExpr() | nodes.And() | nodes.Or():
            return [], None  # counted as alternatives
        case nodes.Call(node=nodes.Name(name=name)) if name in macros:
            return [], None  # counted in the text of the macro
        case nodes.Filter(name=name) if name in _REDUCING_FILTERS:
            return [], None
        case nodes.BinExpr():
            return [node.right], node.left
        case nodes.Filter():
            return [*node.args, *(pair.value for pair in node.kwargs)], node.node
        case nodes.Call(node=nodes.Getattr(node=owner)):
            return [*node.args, *(pair.value for pair in node.kwargs)], owner
        case nodes.Getattr() | nodes.Getitem():
            return [], node.node
    return list(node.iter_child_nodes()), None


def _choose_most(branches: Sequence[Counter[str]]) -> Counter[str]:
    """Return the most copies by path, over branches that exclude one another."""
    most: Counter[str] = Counter()
    for branch in branches:
        most |= branch
    return most


def find_exponential_recursions(
    tree: nodes.Template, macros: Mapping[str, nodes.Macro]
) -> Iterator[tuple[nodes.Node, str]]:
    """Yield (node, description) of each macro and recursive loop that calls itself several times without descending.

    Templates descend into nested data by recursion, which ends with the data. A call whose arguments are only
    constants, parameters and sums of them does not: it ends with a counter, and two such calls double the work at each
    step.
    """
    for name, macro in macros.items():
        parameters = {each.name for each in macro.args}
        inside_loops = {id(call) for loop in macro.find_all(nodes.For) for call in loop.find_all(nodes.Call)}
        counting = [
            call
            for call in macro.find_all(nodes.Call)
            if isinstance(call.node, nodes.Name) and call.node.name == name and _only_counts(call, parameters)
        ]
        if len(counting) > 1 or any(id(call) in inside_loops for call in counting):
            yield macro, f"the macro {name} calls itself several times at each step"
    for loop in tree.find_all(nodes.For):
        if not loop.recursive:
            continue
        repeated = [
            call
            for call in loop.find_all(nodes.Call)
            if isinstance(call.node, nodes.Name) and call.node.name == "loop" and _repeats_items(call, loop)
        ]
        if repeated:
            yield loop, "a recursive loop begins again with the same items at each step"


def _only_counts(call: nodes.Call, parameters: set[str]) -> bool:
    """Whether the arguments of a call are only constants, parameters of the macro, and sums of them."""
    for argument in (*call.args, *(pair.value for pair in call.kwargs)):
        parts = (argument, *argument.find_all(nodes.Node))
        if not all(isinstance(part, _COUNTER_NODES) for part in parts):
            return False
        if any(isinstance(part, nodes.Name) and part.name not in parameters for part in parts):
            return False
    return True


def _repeats_items(call: nodes.Call, loop: nodes.For) -> bool:
    """Whether a recursive loop is called with constants, or with the very items that it goes over already."""
    if not call.args:
        return False
    items = call.args[0]
    is_constant = not isinstance(items, nodes.Name) and next(items.find_all(nodes.Name), None) is None
    return is_constant or items == loop.iter
