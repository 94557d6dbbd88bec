"""Fold expressions of a template to the constants that they can be, without Jinja.

A hostile template spells ``__class__`` in pieces. The folder computes sums, filters, slices and formats of constants,
over all values that a variable can have, within limits of values, steps and time. It never calls into Jinja's runtime,
because filters of Jinja work on unbounded data.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from jinja2 import nodes
from jinja2.filters import FILTERS, do_default, do_forceescape, do_mark_safe

from modelaudit.languages.jinja import constants
from modelaudit.languages.jinja.bindings import TemplateBindings
from modelaudit.languages.jinja.constants import MAX_ITEMS, UNKNOWN, Value
from modelaudit.wire.base import LimitReachedError

_MAX_VALUES: Final = 24
_MAX_STEPS: Final = 200_000
_MAX_SECONDS: Final = 10.0
_PLAIN_FIELD: Final = re.compile(r"\{(\w*)\}")


@dataclass(frozen=True, slots=True)
class FoldedValues:
    """The values that an expression can have.

    Attributes:
        values: the known constants; empty if none is known.
        is_computed: it can also be a text that is put together from parts known only at run time.
    """

    values: tuple[Value, ...] = ()
    is_computed: bool = False

    @property
    def texts(self) -> tuple[str, ...]:
        """The values that are strings."""
        return tuple(value for value in self.values if isinstance(value, str))


_UNKNOWN_VALUE: Final = FoldedValues()
_COMPUTED_TEXT: Final = FoldedValues(is_computed=True)
# Filters and methods that build a text: applied to an unknown value, the result counts as computed text.
_TEXT_BUILDERS: Final = frozenset({"string", "join", "replace", "format", "reverse", "urlencode", "tojson", "center"})

# Filters that return the text itself, marked or escaped, or a default.
_IDENTITY_FILTERS: Final = frozenset(
    name for name, work in FILTERS.items() if work in (do_mark_safe, do_forceescape, FILTERS["escape"], do_default)
)


class ConstantFolder:
    """Folds the expressions of one template; the limits of steps and time are for all of them together."""

    def __init__(self, bindings: TemplateBindings) -> None:
        self._bindings = bindings
        self._names: dict[str, FoldedValues] = {}
        self._names_in_progress: set[str] = set()
        self._steps = 0
        self._deadline = time.monotonic() + _MAX_SECONDS

    def fold(self, node: nodes.Node | None) -> FoldedValues:
        """Return the values that ``node`` can have.

        Raises:
            LimitReachedError: the expressions of this template take too many steps.
        """
        self._steps += 1
        if self._steps > _MAX_STEPS or (not self._steps % 256 and time.monotonic() > self._deadline):
            raise LimitReachedError("the constants of the template take too long to compute; the rest was not analysed")
        match node:
            case nodes.Const(value=value) | nodes.TemplateData(data=value):
                return FoldedValues((value,)) if constants.is_within_bounds(value) else _UNKNOWN_VALUE
            case nodes.Name() | nodes.NSRef():
                return self.fold_name(node.name if isinstance(node, nodes.Name) else f"{node.name}.{node.attr}")
            case nodes.CondExpr():
                return self._merge_values(self.fold(node.expr1), self.fold(node.expr2))
            case nodes.And() | nodes.Or():
                return self._merge_values(self.fold(node.left), self.fold(node.right))
            case nodes.Filter() | nodes.Call():
                return self._fold_filter(node) if isinstance(node, nodes.Filter) else self._fold_call(node)
            case _:
                return self._fold_composite(node)

    def _fold_composite(self, node: nodes.Node | None) -> FoldedValues:
        match node:
            case nodes.List() | nodes.Tuple():
                return self._fold_sequence(node.items)
            case nodes.Dict():
                return self._fold_mapping([(self.fold(pair.key), self.fold(pair.value)) for pair in node.items])
            case nodes.Concat():
                return self._fold_concatenation(node.nodes)
            case nodes.BinExpr():
                return self._fold_arithmetic(node)
            case nodes.Neg():
                return self._apply_to_each(
                    self.fold(node.node), lambda value: -value if type(value) is int else UNKNOWN
                )
            case nodes.Getitem():
                return self._fold_subscript(node)
            case nodes.Getattr():
                return self._fold_attribute(node)
            case _:
                return _UNKNOWN_VALUE

    def fold_name(self, name: str) -> FoldedValues:
        """Return the values of the variable ``name`` over all its bindings; unknown where it depends on itself."""
        if name in self._names:
            return self._names[name]
        # ``set s = s ~ 'a'`` binds a variable to itself: the recursion must end here.
        if name in self._names_in_progress:
            return _UNKNOWN_VALUE
        self._names_in_progress.add(name)
        # ``append`` changes a list in place, so its constants are no longer all of its values.
        found = _COMPUTED_TEXT if name in self._bindings.mutated else _UNKNOWN_VALUE
        for bound in self._bindings.get_bindings(name):
            value = self.fold(bound.expression)
            found = self._merge_values(found, self._fold_items(value, bound.position) if bound.is_item else value)
        if name in self._bindings.blocks:
            found = self._merge_values(found, _COMPUTED_TEXT)
        self._names_in_progress.discard(name)
        self._names[name] = found
        return found

    def _fold_items(self, folded: FoldedValues, position: int | None) -> FoldedValues:
        rows = [row for value in folded.values for row in constants.iterate_items(value)]
        if position is not None:
            rows = [row[position] if isinstance(row, tuple) and position < len(row) else UNKNOWN for row in rows]
        return self._keep_known(rows, folded.is_computed)

    def _keep_known(self, values: list[Value], is_built: bool) -> FoldedValues:
        kept = [value for value in values if value is not UNKNOWN and constants.is_within_bounds(value)]
        # The type is part of the key, because 1, 1.0 and True are equal in Python but print differently.
        distinct = list({(type(value), repr(value)): value for value in kept}.values())
        return FoldedValues(tuple(distinct[:_MAX_VALUES]), is_built or len(distinct) > _MAX_VALUES)

    def _merge_values(self, one: FoldedValues, other: FoldedValues) -> FoldedValues:
        return self._keep_known([*one.values, *other.values], one.is_computed or other.is_computed)

    def _apply_to_each(self, folded: FoldedValues, change: Callable[[Value], Value]) -> FoldedValues:
        changed = [change(value) for value in folded.values]
        # A text that the filter turned into an unknown value may be anything at run time.
        lost = any(value is UNKNOWN for value in changed)
        return self._keep_known(changed, folded.is_computed or (lost and bool(folded.texts)))

    def _fold_sequence(self, items: list[nodes.Expr]) -> FoldedValues:
        if len(items) > MAX_ITEMS:
            return _COMPUTED_TEXT
        folded = [self.fold(item) for item in items]
        row = tuple(each.values[0] if len(each.values) == 1 else UNKNOWN for each in folded)
        return FoldedValues((row,), any(each.is_computed or len(each.values) > 1 for each in folded))

    def _fold_mapping(self, pairs: list[tuple[FoldedValues, FoldedValues]]) -> FoldedValues:
        rows = tuple(
            (key.values[0], value.values[0] if len(value.values) == 1 else UNKNOWN)
            for key, value in pairs[:MAX_ITEMS]
            if len(key.values) == 1
        )
        return FoldedValues(
            (constants.Mapping(rows),), any(key.is_computed or value.is_computed for key, value in pairs)
        )

    def _fold_concatenation(self, parts: list[nodes.Expr]) -> FoldedValues:
        found = [""]
        for part in parts:
            folded = self.fold(part)
            if not folded.values or folded.is_computed:
                return _COMPUTED_TEXT
            found = [a + constants.format_value(b) for a in found for b in folded.values][: _MAX_VALUES + 1]
            if any(not constants.is_within_bounds(text) for text in found):
                return _COMPUTED_TEXT
        return self._keep_known(list(found), False)

    def _fold_arithmetic(self, node: nodes.BinExpr) -> FoldedValues:
        # A chain of sums nests to the left, one level for each sum. Recursion would overflow on long chains.
        chain: list[tuple[str, nodes.Expr]] = []
        left: nodes.Node = node
        while isinstance(left, nodes.BinExpr) and not isinstance(left, nodes.And | nodes.Or):
            chain.append((left.operator, left.right))
            left = left.left
        found = self.fold(left)
        for operator, right in reversed(chain):
            found = self._combine_operands(found, operator, self.fold(right))
        return found

    def _combine_operands(self, left: FoldedValues, operator: str, right: FoldedValues) -> FoldedValues:
        if not left.values or not right.values:
            # ``'__' + x`` with an unknown ``x`` builds a text, but ``1 + x`` is only a number.
            has_text = bool(left.texts or right.texts) and operator in ("+", "%", "*")
            return FoldedValues(is_computed=has_text or left.is_computed or right.is_computed)
        # One pair more than the limit, so that ``_keep_known`` notices the excess and marks the result as computed.
        pairs = [(a, b) for a in left.values for b in right.values][: _MAX_VALUES + 1]
        values = [constants.apply_operator(a, operator, b) for a, b in pairs]
        lost = any(value is UNKNOWN for value in values) and bool(left.texts)
        return self._keep_known(values, lost or left.is_computed or right.is_computed)

    def _fold_subscript(self, node: nodes.Getitem) -> FoldedValues:
        base = self.fold(node.node)
        if not base.values:
            return FoldedValues(is_computed=base.is_computed)
        if isinstance(node.arg, nodes.Slice):
            parts = [
                self.fold(part) if part else FoldedValues((None,))
                for part in (node.arg.start, node.arg.stop, node.arg.step)
            ]
            if any(len(part.values) != 1 for part in parts):
                return FoldedValues(is_computed=bool(base.texts) or base.is_computed)
            start, stop, step = (part.values[0] for part in parts)
            return self._apply_to_each(base, lambda value: constants.slice_value(value, start, stop, step))
        keys = self.fold(node.arg)
        if not keys.values:
            # An unknown subscript can select any element.
            every = [item for value in base.values for item in constants.iterate_elements(value)]
            return self._keep_known(every, base.is_computed or bool(base.texts))
        found = [constants.get_item(value, key) for value in base.values for key in keys.values]
        return self._keep_known(found, base.is_computed or keys.is_computed)

    def _fold_attribute(self, node: nodes.Getattr) -> FoldedValues:
        if isinstance(node.node, nodes.Name) and self._bindings.get_bindings(f"{node.node.name}.{node.attr}"):
            return self.fold_name(f"{node.node.name}.{node.attr}")
        base = self.fold(node.node)
        found = [constants.get_item(value, node.attr) for value in base.values if isinstance(value, constants.Mapping)]
        return self._keep_known(found, base.is_computed)

    def _fold_filter(self, node: nodes.Filter) -> FoldedValues:
        base = self.fold(node.node) if node.node is not None else _UNKNOWN_VALUE
        arguments = [self.fold(argument) for argument in node.args]
        if node.name in _IDENTITY_FILTERS:
            return self._merge_values(base, arguments[0]) if arguments else base
        if node.name == "map" and arguments and arguments[0].texts:
            inner = arguments[0].texts[0]
            return self._apply_to_each(base, lambda value: constants.map_filter(inner, value))
        named = {pair.key: self.fold(pair.value) for pair in node.kwargs}
        return self._fold_method(node.name, base, [*arguments, *named.values()])

    def _fold_method(self, work: str, base: FoldedValues, arguments: list[FoldedValues]) -> FoldedValues:
        if not base.values:
            return FoldedValues(is_computed=base.is_computed or work in _TEXT_BUILDERS)
        if any(len(argument.values) != 1 for argument in arguments):
            return _COMPUTED_TEXT
        given = [argument.values[0] for argument in arguments]
        built = any(argument.is_computed for argument in arguments)
        folded = self._apply_to_each(base, lambda value: constants.apply_filter(work, value, given))
        lost = not folded.values and (work in _TEXT_BUILDERS or bool(base.texts))
        return FoldedValues(folded.values, folded.is_computed or built or lost)

    def _fold_call(self, node: nodes.Call) -> FoldedValues:
        if isinstance(node.node, nodes.Name):
            return self._fold_global_call(node.node.name, node)
        if not isinstance(node.node, nodes.Getattr):
            return _UNKNOWN_VALUE
        base = self.fold(node.node.node)
        if node.node.attr == "format":
            return self._fold_format(base, node)
        return self._fold_method(node.node.attr, base, [self.fold(argument) for argument in node.args])

    def _fold_global_call(self, name: str, node: nodes.Call) -> FoldedValues:
        if name == "dict":
            pairs = [(FoldedValues((pair.key,)), self.fold(pair.value)) for pair in node.kwargs]
            return self._fold_mapping(pairs) if not node.args else _COMPUTED_TEXT
        if name == "range":
            given = [self.fold(argument) for argument in node.args]
            if given and all(len(each.values) == 1 and type(each.values[0]) is int for each in given):
                return self._keep_known([constants.make_range([each.values[0] for each in given])], False)
        return _UNKNOWN_VALUE

    def _fold_format(self, base: FoldedValues, node: nodes.Call) -> FoldedValues:
        named = {pair.key: self.fold(pair.value) for pair in node.kwargs}
        numbered = [self.fold(argument) for argument in node.args]
        given: dict[str, FoldedValues] = named | {str(index): value for index, value in enumerate(numbered)}
        if not base.texts or any(len(value.values) != 1 for value in given.values()) or node.dyn_args:
            return _COMPUTED_TEXT
        return self._apply_to_each(
            base, lambda value: _fill_format(value, {key: each.values[0] for key, each in given.items()})
        )


def _fill_format(template: Value, given: dict[str, Value]) -> Value:
    """Fill a format string that has plain fields only; attribute access, conversion and padding give ``UNKNOWN``."""
    if not isinstance(template, str):
        return UNKNOWN
    rest = _PLAIN_FIELD.sub("", template)
    if "{" in rest or "}" in rest:
        return UNKNOWN
    numbers: Iterator[int] = iter(range(len(given) + 1))
    pieces: list[str] = []
    last = 0
    for count, field in enumerate(_PLAIN_FIELD.finditer(template)):
        key = field[1] or str(next(numbers, -1))
        if key not in given or count > MAX_ITEMS:
            return UNKNOWN
        pieces += (template[last : field.start()], constants.format_value(given[key]))
        last = field.end()
    return "".join((*pieces, template[last:]))
