"""Collect the expressions that a template binds to each variable.

The order of execution is ignored: a variable can be any of the expressions bound to it anywhere in the template. That
over-approximates the values, so no assignment can hide a name from the analysis.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from jinja2 import nodes
from msgspec import Struct

from modelaudit.languages.jinja.syntax import get_variable_path, walk_nodes

_MUTATING_METHODS: Final = frozenset({"append", "extend", "insert", "update", "setdefault", "add", "reverse", "sort"})


class Binding(Struct, frozen=True):
    """One expression that gives a variable its value.

    Attributes:
        expression: the bound expression.
        is_item: the variable is one of the items of ``expression``, as in a loop.
        position: the index within each item if the target unpacks items.
    """

    expression: nodes.Node
    is_item: bool = False
    position: int | None = None


class TemplateBindings:
    """The variables of one template.

    Attributes:
        macros: the macros by name.
        mutated: variables and attributes of namespaces whose value a method changes, such as ``append``.
        unfollowed: variables whose value is not followed: set by a block that is more than literal text, by unpacking
            items of items, or by the call of ``caller`` in a macro.
        names: every name that the template defines itself.
    """

    def __init__(self, tree: nodes.Template) -> None:
        self._bound: dict[str, list[Binding]] = defaultdict(list)
        self.macros: dict[str, nodes.Macro] = {}
        self.mutated: set[str] = set()
        self.unfollowed: set[str] = set()
        self.names: set[str] = {"loop", "caller", "varargs", "kwargs"}  # these, Jinja defines in loops and macros
        calls: list[nodes.Call] = []
        for node in walk_nodes(tree):
            if isinstance(node, nodes.Name):
                if node.ctx in ("store", "param"):
                    self.names.add(node.name)
            elif isinstance(node, nodes.Call):
                calls.append(node)
            elif isinstance(node, nodes.CallBlock):
                # ``{% call(a) m() %}``: the macro passes the arguments of ``caller(...)``, whichever macro it is.
                self.unfollowed.update(argument.name for argument in node.args)
            else:
                self._record_statement(node)
        # Calls are recorded last, because a macro can be called before its definition in the text.
        for call in calls:
            self._record_call(call)
        self._spread_mutations()

    def get_bindings(self, name: str) -> list[Binding]:
        """Return the bindings of ``name``; ``ns.attr`` is an attribute of a namespace."""
        return self._bound.get(name, [])

    def _record_statement(self, node: nodes.Node) -> None:
        """Record the variables that a statement binds, and the macros that it defines."""
        match node:
            case nodes.Assign():
                self._record_assignment(node.target, node.node)
            case nodes.AssignBlock():
                self._record_block(node)
            case nodes.For():
                self._record_loop(node)
            case nodes.With():
                for target, value in zip(node.targets, node.values, strict=False):
                    self._record_assignment(target, value)
            case nodes.Macro():
                self.macros[node.name] = node
                self.names.add(node.name)
                # Defaults belong to the last parameters, so that both lists are paired from their ends.
                for argument, default in zip(reversed(node.args), reversed(node.defaults), strict=False):
                    self._record_assignment(argument, default)
            case nodes.Import():
                self.names.add(node.target)
            case nodes.FromImport():
                self.names.update(name if isinstance(name, str) else name[1] for name in node.names)
            case _:
                return

    def _record_assignment(self, target: nodes.Node, value: nodes.Node) -> None:
        """Record that ``value`` is bound to a variable, an attribute of a namespace, or a tuple of variables."""
        if isinstance(target, nodes.Name):
            self._bound[target.name].append(Binding(value))
            if isinstance(value, nodes.Call) and isinstance(value.node, nodes.Name) and value.node.name == "namespace":
                for pair in value.kwargs:
                    self._bound[f"{target.name}.{pair.key}"].append(Binding(pair.value))
        elif isinstance(target, nodes.NSRef):
            self._bound[f"{target.name}.{target.attr}"].append(Binding(value))
        elif isinstance(target, nodes.Tuple):
            if isinstance(value, nodes.Tuple | nodes.List) and len(value.items) == len(target.items):
                for element, item in zip(target.items, value.items, strict=True):
                    self._record_assignment(element, item)
            else:
                # Unpacked like the only row of a loop.
                self._record_unpacking(target, nodes.List([value]))

    def _record_unpacking(self, target: nodes.Tuple, rows: nodes.Node) -> None:
        """Record that each variable of ``target`` is bound to the items at its position of ``rows``."""
        for position, element in enumerate(target.items):
            if isinstance(element, nodes.Name):
                self._bound[element.name].append(Binding(rows, is_item=True, position=position))
            else:
                # ``for a, (b, c) in rows``: the values of ``b`` and ``c`` are not followed.
                self.unfollowed.update(each.name for each in element.find_all(nodes.Name))

    def _record_block(self, node: nodes.AssignBlock) -> None:
        """Record ``{% set name %}…{% endset %}``: as a concatenation of outputs, or as unknown if it does more."""
        target = node.target
        name = target.name if isinstance(target, nodes.Name) else ""
        if isinstance(target, nodes.NSRef):
            name = f"{target.name}.{target.attr}"
        parts = [part for output in node.body if isinstance(output, nodes.Output) for part in output.nodes]
        if node.filter is None and all(isinstance(output, nodes.Output) for output in node.body):
            self._bound[name].append(Binding(nodes.Concat(parts)))
        else:
            self.unfollowed.add(name)

    def _record_loop(self, node: nodes.For) -> None:
        """Record that the target of a loop is bound to the items of its iterable."""
        if isinstance(node.target, nodes.Name):
            self._bound[node.target.name].append(Binding(node.iter, is_item=True))
        elif isinstance(node.target, nodes.Tuple):
            self._record_unpacking(node.target, node.iter)

    def _spread_mutations(self) -> None:
        """Let each variable count as mutated that may be the same object as one that a method changes."""
        aliases: defaultdict[str, set[str]] = defaultdict(set)
        for name, bindings in self._bound.items():
            for binding in bindings:
                for path in _list_possible_variables(binding.expression, binding.is_item):
                    aliases[name].add(path)
                    aliases[path].add(name)
        waiting = list(self.mutated)
        while waiting:
            newly_mutated = aliases[waiting.pop()] - self.mutated
            self.mutated |= newly_mutated
            waiting += newly_mutated

    def _record_call(self, call: nodes.Call) -> None:
        """Record a variable that a method changes, or the arguments of a macro as values of its parameters."""
        callee = call.node
        changed = get_variable_path(_find_mutated_node(callee))
        if changed:
            self.mutated.add(changed)
        macro = self.macros.get(callee.name) if isinstance(callee, nodes.Name) else None
        if macro is None:
            return
        for parameter, argument in zip(macro.args, call.args, strict=False):
            self._record_assignment(parameter, argument)
        for pair in call.kwargs:
            self._bound[pair.key].append(Binding(pair.value))


def _find_mutated_node(callee: nodes.Node) -> nodes.Node:
    """Return the object that a method such as ``append`` changes, or the callee itself if it is another function.

    A method is written ``list.append``, ``list["append"]`` or ``list|attr("append")``.
    """
    match callee:
        case nodes.Getattr(attr=name, node=changed):
            pass
        case nodes.Getitem(arg=nodes.Const(value=name), node=changed):
            pass
        case nodes.Filter(name="attr", args=[nodes.Const(value=name), *_], node=nodes.Node() as changed):
            pass
        case _:
            return callee
    return changed if name in _MUTATING_METHODS else callee


def _list_possible_variables(expression: nodes.Node, is_item: bool) -> Iterator[str]:
    """Yield the variables that an expression may be, and not only contain; of a list its items if ``is_item``."""
    waiting: list[nodes.Node | None] = [expression]
    while waiting:
        node = waiting.pop()
        match node:
            case nodes.Name() | nodes.NSRef() | nodes.Getattr():
                yield get_variable_path(node)
            case nodes.CondExpr():
                waiting += (node.expr1, node.expr2)
            case nodes.And() | nodes.Or():
                waiting += (node.left, node.right)
            case nodes.List() | nodes.Tuple() if is_item:
                waiting += node.items
            case _:
                continue
