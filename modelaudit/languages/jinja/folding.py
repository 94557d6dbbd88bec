"""Which texts and numbers an expression can be, computed here from constants and never by Jinja."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from jinja2 import nodes
from jinja2.filters import FILTERS, do_default, do_forceescape, do_mark_safe

from modelaudit.languages.jinja import constants
from modelaudit.languages.jinja.bindings import Bindings
from modelaudit.languages.jinja.constants import MOST_ITEMS, UNKNOWN, Value
from modelaudit.wire.base import LimitReachedError

_MOST_VALUES: Final = 24
_MOST_STEPS: Final = 200_000
_SECONDS: Final = 10.0
_PLAIN_FIELD: Final = re.compile(r"\{(\w*)\}")


@dataclass(frozen=True, slots=True)
class Folded:
    """What an expression can be.

    Attributes:
        values: the constants that it can be, as far as they are known; empty where none is.
        is_built: it may also be a text that is put together out of parts which only running tells.
    """

    values: tuple[Value, ...] = ()
    is_built: bool = False

    @property
    def texts(self) -> tuple[str, ...]:
        """The values that are texts."""
        return tuple(value for value in self.values if isinstance(value, str))


_NOTHING: Final = Folded()
_BUILT: Final = Folded(is_built=True)
# Filters and methods that make a text, so that what they give of something unknown counts as put together.
_BUILDERS: Final = frozenset({"string", "join", "replace", "format", "reverse", "urlencode", "tojson", "center"})

# Filters that give the text itself, marked or escaped, or another one where there is none.
_PASSING: Final = frozenset(
    name for name, work in FILTERS.items() if work in (do_mark_safe, do_forceescape, FILTERS["escape"], do_default)
)


class Folder:
    """Folds the expressions of one template. The work is counted over all of them."""

    def __init__(self, bindings: Bindings) -> None:
        self._bindings = bindings
        self._names: dict[str, Folded] = {}
        self._open: set[str] = set()
        self._steps = 0
        self._until = time.monotonic() + _SECONDS

    def fold(self, node: nodes.Node | None) -> Folded:
        """What ``node`` can be.

        Raises:
            LimitReachedError: the expressions of this template take too many steps.
        """
        self._steps += 1
        if self._steps > _MOST_STEPS or (not self._steps % 256 and time.monotonic() > self._until):
            raise LimitReachedError("a template whose constants take too long to compute is not followed further")
        match node:
            case nodes.Const(value=value) | nodes.TemplateData(data=value):
                return Folded((value,)) if constants.fits(value) else _NOTHING
            case nodes.Name() | nodes.NSRef():
                return self.name(node.name if isinstance(node, nodes.Name) else f"{node.name}.{node.attr}")
            case nodes.CondExpr():
                return self._either(self.fold(node.expr1), self.fold(node.expr2))
            case nodes.And() | nodes.Or():
                return self._either(self.fold(node.left), self.fold(node.right))
            case nodes.Filter() | nodes.Call():
                return self._filter(node) if isinstance(node, nodes.Filter) else self._call(node)
            case _:
                return self._composed(node)

    def _composed(self, node: nodes.Node | None) -> Folded:
        match node:
            case nodes.List() | nodes.Tuple():
                return self._sequence(node.items)
            case nodes.Dict():
                return self._mapping([(self.fold(pair.key), self.fold(pair.value)) for pair in node.items])
            case nodes.Concat():
                return self._joined(node.nodes)
            case nodes.BinExpr():
                return self._arithmetic(node)
            case nodes.Neg():
                return self._each(self.fold(node.node), lambda value: -value if type(value) is int else UNKNOWN)
            case nodes.Getitem():
                return self._item(node)
            case nodes.Getattr():
                return self._attribute(node)
            case _:
                return _NOTHING

    def name(self, name: str) -> Folded:
        """What the variable ``name`` can be, wherever it is set. Where it depends on itself, nothing is known of it."""
        if name in self._names:
            return self._names[name]
        if name in self._open:
            return _NOTHING
        self._open.add(name)
        found = _BUILT if name in self._bindings.changed else _NOTHING
        for bound in self._bindings.of(name):
            value = self.fold(bound.expression)
            found = self._either(found, self._items(value, bound.position) if bound.is_item else value)
        if name in self._bindings.blocks:
            found = self._either(found, _BUILT)
        self._open.discard(name)
        self._names[name] = found
        return found

    def _items(self, folded: Folded, position: int | None) -> Folded:
        rows = [row for value in folded.values for row in constants.items(value)]
        if position is not None:
            rows = [row[position] if isinstance(row, tuple) and position < len(row) else UNKNOWN for row in rows]
        return self._known(rows, folded.is_built)

    def _known(self, values: list[Value], is_built: bool) -> Folded:
        kept = [value for value in values if value is not UNKNOWN and constants.fits(value)]
        distinct = list({(type(value), repr(value)): value for value in kept}.values())
        return Folded(tuple(distinct[:_MOST_VALUES]), is_built or len(distinct) > _MOST_VALUES)

    def _either(self, one: Folded, other: Folded) -> Folded:
        return self._known([*one.values, *other.values], one.is_built or other.is_built)

    def _each(self, folded: Folded, change: Callable[[Value], Value]) -> Folded:
        changed = [change(value) for value in folded.values]
        lost = any(value is UNKNOWN for value in changed)
        return self._known(changed, folded.is_built or (lost and bool(folded.texts)))

    def _sequence(self, items: list[nodes.Expr]) -> Folded:
        if len(items) > MOST_ITEMS:
            return _BUILT
        folded = [self.fold(item) for item in items]
        row = tuple(each.values[0] if len(each.values) == 1 else UNKNOWN for each in folded)
        return Folded((row,), any(each.is_built or len(each.values) > 1 for each in folded))

    def _mapping(self, pairs: list[tuple[Folded, Folded]]) -> Folded:
        rows = tuple(
            (key.values[0], value.values[0] if len(value.values) == 1 else UNKNOWN)
            for key, value in pairs[:MOST_ITEMS]
            if len(key.values) == 1
        )
        return Folded((constants.Mapping(rows),), any(key.is_built or value.is_built for key, value in pairs))

    def _joined(self, parts: list[nodes.Expr]) -> Folded:
        found = [""]
        for part in parts:
            folded = self.fold(part)
            if not folded.values or folded.is_built:
                return _BUILT
            found = [a + constants.spelled(b) for a in found for b in folded.values][: _MOST_VALUES + 1]
            if any(not constants.fits(text) for text in found):
                return _BUILT
        return self._known(list(found), False)

    def _arithmetic(self, node: nodes.BinExpr) -> Folded:
        # A chain of sums nests to the left, one level a sum: it is taken apart without recursion.
        chain: list[tuple[str, nodes.Expr]] = []
        left: nodes.Node = node
        while isinstance(left, nodes.BinExpr) and not isinstance(left, nodes.And | nodes.Or):
            chain.append((left.operator, left.right))
            left = left.left
        found = self.fold(left)
        for operator, right in reversed(chain):
            found = self._combined(found, operator, self.fold(right))
        return found

    def _combined(self, left: Folded, operator: str, right: Folded) -> Folded:
        if not left.values or not right.values:
            has_text = bool(left.texts or right.texts) and operator in ("+", "%", "*")
            return Folded(is_built=has_text or left.is_built or right.is_built)
        pairs = [(a, b) for a in left.values for b in right.values][: _MOST_VALUES + 1]
        values = [constants.combined(a, operator, b) for a, b in pairs]
        lost = any(value is UNKNOWN for value in values) and bool(left.texts)
        return self._known(values, lost or left.is_built or right.is_built)

    def _item(self, node: nodes.Getitem) -> Folded:
        base = self.fold(node.node)
        if not base.values:
            return Folded(is_built=base.is_built)
        if isinstance(node.arg, nodes.Slice):
            parts = [
                self.fold(part) if part else Folded((None,)) for part in (node.arg.start, node.arg.stop, node.arg.step)
            ]
            if any(len(part.values) != 1 for part in parts):
                return Folded(is_built=bool(base.texts) or base.is_built)
            start, stop, step = (part.values[0] for part in parts)
            return self._each(base, lambda value: constants.sliced(value, start, stop, step))
        keys = self.fold(node.arg)
        if not keys.values:
            every = [item for value in base.values for item in constants.elements(value)]
            return self._known(every, base.is_built or bool(base.texts))
        found = [constants.item(value, key) for value in base.values for key in keys.values]
        return self._known(found, base.is_built or keys.is_built)

    def _attribute(self, node: nodes.Getattr) -> Folded:
        if isinstance(node.node, nodes.Name) and self._bindings.of(f"{node.node.name}.{node.attr}"):
            return self.name(f"{node.node.name}.{node.attr}")
        base = self.fold(node.node)
        found = [constants.item(value, node.attr) for value in base.values if isinstance(value, constants.Mapping)]
        return self._known(found, base.is_built)

    def _filter(self, node: nodes.Filter) -> Folded:
        base = self.fold(node.node) if node.node is not None else _NOTHING
        arguments = [self.fold(argument) for argument in node.args]
        if node.name in _PASSING:
            return self._either(base, arguments[0]) if arguments else base
        if node.name == "map" and arguments and arguments[0].texts:
            inner = arguments[0].texts[0]
            return self._each(base, lambda value: constants.mapped(inner, value))
        named = {pair.key: self.fold(pair.value) for pair in node.kwargs}
        return self._worked(node.name, base, [*arguments, *named.values()])

    def _worked(self, work: str, base: Folded, arguments: list[Folded]) -> Folded:
        if not base.values:
            return Folded(is_built=base.is_built or work in _BUILDERS)
        if any(len(argument.values) != 1 for argument in arguments):
            return _BUILT
        given = [argument.values[0] for argument in arguments]
        built = any(argument.is_built for argument in arguments)
        folded = self._each(base, lambda value: constants.worked(work, value, given))
        lost = not folded.values and (work in _BUILDERS or bool(base.texts))
        return Folded(folded.values, folded.is_built or built or lost)

    def _call(self, node: nodes.Call) -> Folded:
        if isinstance(node.node, nodes.Name):
            return self._global(node.node.name, node)
        if not isinstance(node.node, nodes.Getattr):
            return _NOTHING
        base = self.fold(node.node.node)
        if node.node.attr == "format":
            return self._formatted(base, node)
        return self._worked(node.node.attr, base, [self.fold(argument) for argument in node.args])

    def _global(self, name: str, node: nodes.Call) -> Folded:
        if name == "dict":
            pairs = [(Folded((pair.key,)), self.fold(pair.value)) for pair in node.kwargs]
            return self._mapping(pairs) if not node.args else _BUILT
        if name == "range":
            given = [self.fold(argument) for argument in node.args]
            if given and all(len(each.values) == 1 and type(each.values[0]) is int for each in given):
                return self._known([constants.counted([each.values[0] for each in given])], False)
        return _NOTHING

    def _formatted(self, base: Folded, node: nodes.Call) -> Folded:
        named = {pair.key: self.fold(pair.value) for pair in node.kwargs}
        numbered = [self.fold(argument) for argument in node.args]
        given: dict[str, Folded] = named | {str(index): value for index, value in enumerate(numbered)}
        if not base.texts or any(len(value.values) != 1 for value in given.values()) or node.dyn_args:
            return _BUILT
        return self._each(base, lambda value: _filled(value, {key: each.values[0] for key, each in given.items()}))


def _filled(template: Value, given: dict[str, Value]) -> Value:
    """A format string with plain fields only; what walks, converts or pads is not computed."""
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
        if key not in given or count > MOST_ITEMS:
            return UNKNOWN
        pieces += (template[last : field.start()], constants.spelled(given[key]))
        last = field.end()
    return "".join((*pieces, template[last:]))
