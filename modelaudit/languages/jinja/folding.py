"""Fold expressions of a template to the constants that they can be, without Jinja.

A hostile template spells ``__class__`` in pieces. The folder computes sums, filters, slices and formats of constants,
over all values that a variable can have, within limits of values, steps and time. It never calls into Jinja's runtime,
because filters of Jinja work on unbounded data.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from jinja2 import nodes
from jinja2.filters import FILTERS, do_default, do_forceescape, do_mark_safe
from msgspec import Struct

from modelaudit.languages.jinja import constants
from modelaudit.languages.jinja.bindings import TemplateBindings
from modelaudit.languages.jinja.constants import MAX_ITEMS, UNKNOWN, Value
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.wire.base import LimitReachedError
from modelaudit.wire.deadline import Deadline

_MAX_VALUES: Final = 24
_MAX_STEPS: Final = 200_000
_STEPS_PER_TIME_CHECK: Final = 256
_MAX_CUT_EVALUATIONS: Final = 8  # of a variable in a ring of variables, before it counts as computed
_MAX_CPU_SECONDS: Final = 10.0
_PLAIN_FIELD: Final = defer_pattern(r"\{(\w*)\}")


class FoldedValues(Struct, frozen=True):
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

    @property
    def holds_text(self) -> bool:
        """Whether a value is a string, or has one among its items."""
        items = (item for value in self.values for item in (value, *constants.iterate_items(value)))
        elements = (element for value in self.values for element in constants.iterate_elements(value))
        return any(isinstance(each, str) for each in (*items, *elements))


_UNKNOWN_VALUE: Final = FoldedValues()
_COMPUTED_TEXT: Final = FoldedValues(is_computed=True)
_TEXT_GLOBALS: Final = frozenset({"caller", "cycler", "joiner", "super"})
"""Functions that return a text of the template (``caller()``), or an object with one (``cycler("a").next()``)."""
_ARGUMENT_NAMES: Final = frozenset({"varargs", "kwargs"})
"""Variables of a macro that hold the arguments without a parameter."""
# Filters and methods that build a text: applied to an unknown value, the result counts as computed text.
_TEXT_BUILDERS: Final = frozenset({"string", "join", "replace", "format", "reverse", "urlencode", "tojson", "center"})

# The parameters of filters whose arguments may be given by keyword in any order.
_PARAMETERS: Final = {"replace": ("old", "new", "count"), "join": ("d", "attribute"), "trim": ("chars",)}

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
        self._open_names: set[str] = set()
        """Variables in progress that the current one met: its own value is incomplete until theirs is known."""
        self._cut_evaluations: Counter[str] = Counter()
        self._steps = 0
        self._deadline = Deadline(_MAX_CPU_SECONDS)

    def fold(self, node: nodes.Node | None) -> FoldedValues:
        """Return the values that ``node`` can have.

        Raises:
            LimitReachedError: the expressions of this template take too many steps.
        """
        self._steps += 1
        if self._steps > _MAX_STEPS or (not self._steps % _STEPS_PER_TIME_CHECK and self._deadline.has_passed()):
            raise LimitReachedError("the constants of the template take too long to compute; the rest was not analysed")
        match node:
            case nodes.Const(value=value) | nodes.TemplateData(data=value):
                return self._keep_known([value], False)
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
        """Fold a collection, an operator, a subscript or an attribute; any other node is unknown."""
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
            self._open_names.add(name)
            return _UNKNOWN_VALUE
        outer_open_names, self._open_names = self._open_names, set()
        self._names_in_progress.add(name)
        # ``append`` changes a list in place, so its constants are no longer all of its values. ``varargs`` and
        # ``kwargs`` hold arguments that are not followed.
        is_changed = name in self._bindings.mutated or name in _ARGUMENT_NAMES
        values = _COMPUTED_TEXT if is_changed else _UNKNOWN_VALUE
        for binding in self._bindings.get_bindings(name):
            folded = self.fold(binding.expression)
            values = self._merge_values(
                values, self._fold_items(folded, binding.position) if binding.is_item else folded
            )
        if name in self._bindings.unfollowed:
            values = self._merge_values(values, _COMPUTED_TEXT)
        self._names_in_progress.discard(name)
        self._open_names.discard(name)
        # A value that was cut at a variable around this one is not all that the variable can be.
        self._cut_evaluations[name] += bool(self._open_names)
        if self._cut_evaluations[name] > _MAX_CUT_EVALUATIONS:
            values = FoldedValues(values.values, is_computed=True)
            self._open_names.clear()
        if not self._open_names:
            self._names[name] = values
        self._open_names |= outer_open_names
        return values

    def _fold_items(self, folded: FoldedValues, position: int | None) -> FoldedValues:
        """Return the items of all values, or the item at ``position`` of each of those items."""
        rows = [row for value in folded.values for row in constants.iterate_items(value)]
        if position is not None:
            rows = [row[position] if isinstance(row, tuple) and position < len(row) else UNKNOWN for row in rows]
        return self._keep_known(rows, folded.is_computed)

    def _keep_known(self, values: list[Value], is_computed: bool) -> FoldedValues:
        """Return the distinct known values; those beyond ``_MAX_VALUES`` or too large are kept as a computed text."""
        known = [value for value in values if value is not UNKNOWN and constants.is_within_bounds(value)]
        has_large_text = any(
            isinstance(value, str | tuple) and not constants.is_within_bounds(value) for value in values
        )
        # The type is part of the key, because 1, 1.0 and True are equal in Python but print differently.
        distinct = list({(type(value), repr(value)): value for value in known}.values())
        return FoldedValues(tuple(distinct[:_MAX_VALUES]), is_computed or has_large_text or len(distinct) > _MAX_VALUES)

    def _merge_values(self, first: FoldedValues, second: FoldedValues) -> FoldedValues:
        """Return the values that either of two expressions can have."""
        return self._keep_known([*first.values, *second.values], first.is_computed or second.is_computed)

    def _apply_to_each(self, folded: FoldedValues, apply: Callable[[Value], Value]) -> FoldedValues:
        """Return the results of an operation for each value that an expression can have."""
        results = [apply(value) for value in folded.values]
        # A text, or a list of texts, that the operation turned into an unknown value may be any text at run time.
        has_lost_value = any(value is UNKNOWN for value in results)
        return self._keep_known(results, folded.is_computed or (has_lost_value and folded.holds_text))

    def _fold_sequence(self, items: list[nodes.Expr]) -> FoldedValues:
        """Fold a list or tuple to one tuple; an item with several values, or none, is unknown in it."""
        if len(items) > MAX_ITEMS:
            return _COMPUTED_TEXT
        folded = [self.fold(item) for item in items]
        row = tuple(each.values[0] if len(each.values) == 1 else UNKNOWN for each in folded)
        return FoldedValues((row,), any(each.is_computed or len(each.values) > 1 for each in folded))

    def _fold_mapping(self, pairs: list[tuple[FoldedValues, FoldedValues]]) -> FoldedValues:
        """Fold a dictionary to one mapping.

        Pairs whose key has several values, or none, are left out, as are those beyond ``MAX_ITEMS``. The result is
        computed then, since the items are not all that a subscript can give.
        """
        rows = tuple(
            (key.values[0], value.values[0] if len(value.values) == 1 else UNKNOWN)
            for key, value in pairs[:MAX_ITEMS]
            if len(key.values) == 1
        )
        return FoldedValues(
            (constants.Mapping(rows),),
            len(rows) < len(pairs)
            or any(key.is_computed or value.is_computed or len(value.values) > 1 for key, value in pairs),
        )

    def _fold_concatenation(self, parts: list[nodes.Expr]) -> FoldedValues:
        """Fold ``a ~ b ~ c`` to each text that it can be; a computed text if a part is unknown or the text too long."""
        texts = [""]
        for part in parts:
            folded = self.fold(part)
            if not folded.values or folded.is_computed:
                return _COMPUTED_TEXT
            formatted = [constants.format_value(value) for value in folded.values]
            pieces = [piece for piece in formatted if isinstance(piece, str)]
            texts = [text + piece for text in texts for piece in pieces][: _MAX_VALUES + 1]
            if len(pieces) < len(formatted) or any(not constants.is_within_bounds(text) for text in texts):
                return _COMPUTED_TEXT
        return self._keep_known(list(texts), False)

    def _fold_arithmetic(self, node: nodes.BinExpr) -> FoldedValues:
        """Fold a chain of binary operators such as ``a + b * c``."""
        # A chain of sums nests to the left, one level for each sum. Recursion would overflow on long chains.
        chain: list[tuple[str, nodes.Expr]] = []
        left: nodes.Node = node
        while isinstance(left, nodes.BinExpr) and not isinstance(left, nodes.And | nodes.Or):
            chain.append((left.operator, left.right))
            left = left.left
        result = self.fold(left)
        for operator, right in reversed(chain):
            result = self._combine_operands(result, operator, self.fold(right))
        return result

    def _combine_operands(self, left: FoldedValues, operator: str, right: FoldedValues) -> FoldedValues:
        """Apply a binary operator to each pair of values that its operands can have."""
        if not left.values or not right.values:
            # ``'__' + x`` with an unknown ``x`` builds a text, but ``1 + x`` is only a number.
            has_text = bool(left.texts or right.texts) and operator in ("+", "%", "*")
            return FoldedValues(is_computed=has_text or left.is_computed or right.is_computed)
        # One pair more than the limit, so that ``_keep_known`` notices the excess and marks the result as computed.
        pairs = [(first, second) for first in left.values for second in right.values][: _MAX_VALUES + 1]
        values = [constants.apply_operator(first, operator, second) for first, second in pairs]
        has_lost_text = any(value is UNKNOWN for value in values) and (left.holds_text or right.holds_text)
        return self._keep_known(values, has_lost_text or left.is_computed or right.is_computed)

    def _fold_subscript(self, node: nodes.Getitem) -> FoldedValues:
        """Fold ``base[key]`` or ``base[start:stop:step]`` for each value of the base and of the key."""
        base = self.fold(node.node)
        if not base.values:
            return FoldedValues(is_computed=base.is_computed)
        if isinstance(node.arg, nodes.Slice):
            parts = [
                self.fold(part) if part else FoldedValues((None,))
                for part in (node.arg.start, node.arg.stop, node.arg.step)
            ]
            if any(len(part.values) != 1 for part in parts):
                return FoldedValues(is_computed=base.holds_text or base.is_computed)
            start, stop, step = (part.values[0] for part in parts)
            return self._apply_to_each(base, lambda value: constants.slice_value(value, start, stop, step))
        keys = self.fold(node.arg)
        if not keys.values:
            # An unknown subscript can select any element, or any letter of a text.
            elements = [item for value in base.values for item in constants.iterate_elements(value)]
            return self._keep_known(elements, base.is_computed or bool(base.texts))
        items = [constants.get_item(value, key) for value in base.values for key in keys.values]
        return self._keep_known(items, base.is_computed or keys.is_computed)

    def _fold_attribute(self, node: nodes.Getattr) -> FoldedValues:
        """Fold an attribute of a namespace, or an item of a mapping that is read as ``mapping.key``."""
        if isinstance(node.node, nodes.Name) and self._bindings.get_bindings(f"{node.node.name}.{node.attr}"):
            return self.fold_name(f"{node.node.name}.{node.attr}")
        base = self.fold(node.node)
        items = [constants.get_item(value, node.attr) for value in base.values if isinstance(value, constants.Mapping)]
        return self._keep_known(items, base.is_computed)

    def _fold_filter(self, node: nodes.Filter) -> FoldedValues:
        """Fold ``value | filter(arguments)`` for each value."""
        base = self.fold(node.node) if node.node is not None else _UNKNOWN_VALUE
        arguments = [self.fold(argument) for argument in node.args]
        if node.name in _IDENTITY_FILTERS:
            return self._merge_values(base, arguments[0]) if arguments else base
        if node.name == "map" and arguments and arguments[0].texts:
            return self._fold_map(base, arguments)
        keywords = {str(pair.key): self.fold(pair.value) for pair in node.kwargs}
        # The parameters behind those that have a positional argument.
        parameters = _PARAMETERS.get(node.name, ())[len(arguments) :][: len(keywords)]
        if set(parameters) != set(keywords):
            return self._fold_method(node.name, base, [*arguments, *keywords.values()])
        # Each argument has its place, whatever their order: ``replace(new="b", old="a")``.
        return self._fold_method(node.name, base, [*arguments, *(keywords[parameter] for parameter in parameters)])

    def _fold_map(self, base: FoldedValues, arguments: list[FoldedValues]) -> FoldedValues:
        """Fold ``value | map(filter, arguments…)``; a computed text unless the filter and arguments are constants."""
        if any(len(argument.values) != 1 or argument.is_computed for argument in arguments):
            return _COMPUTED_TEXT
        filter_name, *given = (argument.values[0] for argument in arguments)
        folded = self._apply_to_each(base, lambda value: constants.map_filter(str(filter_name), value, given))
        # An item that the filter made unknown was a text, or has become one.
        has_lost_item = any(item is UNKNOWN for value in folded.values for item in constants.iterate_items(value))
        builds_text = base.holds_text or filter_name in _TEXT_BUILDERS
        return FoldedValues(folded.values, folded.is_computed or (has_lost_item and builds_text))

    def _fold_method(self, name: str, base: FoldedValues, arguments: list[FoldedValues]) -> FoldedValues:
        """Apply a filter or method to each value of ``base``; a computed text if an argument is not one constant.

        A text is computed if it is put together from parts that are known only at run time.
        """
        if not base.values:
            return FoldedValues(is_computed=base.is_computed or name in _TEXT_BUILDERS)
        if any(len(argument.values) != 1 for argument in arguments):
            return _COMPUTED_TEXT
        argument_values = [argument.values[0] for argument in arguments]
        has_computed_argument = any(argument.is_computed for argument in arguments)
        folded = self._apply_to_each(base, lambda value: constants.apply_filter(name, value, argument_values))
        takes_text = base.holds_text or any(argument.holds_text for argument in arguments)
        has_lost_text = not folded.values and (name in _TEXT_BUILDERS or takes_text)
        return FoldedValues(folded.values, folded.is_computed or has_computed_argument or has_lost_text)

    def _fold_call(self, node: nodes.Call) -> FoldedValues:
        """Fold a call of a global function, of a macro or of a method."""
        if isinstance(node.node, nodes.Name):
            return self._fold_global_call(node.node.name, node)
        if not isinstance(node.node, nodes.Getattr):
            # ``"{0}"["format"](x)`` calls a method of a text.
            return _COMPUTED_TEXT if isinstance(node.node, nodes.Getitem) else _UNKNOWN_VALUE
        # ``loop.cycle("a", "b")`` returns one of its arguments.
        if isinstance(node.node.node, nodes.Name) and (node.node.node.name, node.node.attr) == ("loop", "cycle"):
            return FoldedValues(is_computed=bool(node.args))
        # ``self.name()`` prints a block of the template.
        if isinstance(node.node.node, nodes.Name) and node.node.node.name == "self":
            return _COMPUTED_TEXT
        base = self.fold(node.node.node)
        if node.node.attr == "format":
            return self._fold_format(base, node)
        return self._fold_method(node.node.attr, base, [self.fold(argument) for argument in node.args])

    def _fold_global_call(self, name: str, node: nodes.Call) -> FoldedValues:
        """Fold ``dict(key=value)``, ``namespace(mapping)`` and ``range(...)``.

        A macro, ``caller``, ``cycler`` and ``joiner`` give a computed text. Any other result is unknown.
        """
        if name in self._bindings.macros or name in _TEXT_GLOBALS:
            return _COMPUTED_TEXT
        if name == "namespace" and node.args:
            return self.fold(node.args[0])
        if name == "dict":
            pairs = [(FoldedValues((pair.key,)), self.fold(pair.value)) for pair in node.kwargs]
            return self._fold_mapping(pairs) if not node.args else _COMPUTED_TEXT
        if name == "range":
            arguments = [self.fold(argument) for argument in node.args]
            if arguments and all(len(each.values) == 1 and type(each.values[0]) is int for each in arguments):
                return self._keep_known([constants.make_range([each.values[0] for each in arguments])], False)
        # A variable that holds such a function, as in ``set j = joiner("a")``.
        return FoldedValues(is_computed=self.fold_name(name).is_computed)

    def _fold_format(self, base: FoldedValues, node: nodes.Call) -> FoldedValues:
        """Fold ``template.format(...)`` for each template; a computed text if an argument is not one constant."""
        keywords = {pair.key: self.fold(pair.value) for pair in node.kwargs}
        positional = [self.fold(argument) for argument in node.args]
        fields: dict[str, FoldedValues] = keywords | {str(index): value for index, value in enumerate(positional)}
        if not base.texts or any(len(value.values) != 1 for value in fields.values()) or node.dyn_args:
            return _COMPUTED_TEXT
        return self._apply_to_each(
            base, lambda value: _fill_format(value, {key: each.values[0] for key, each in fields.items()})
        )


def _fill_format(template: Value, fields: dict[str, Value]) -> Value:
    """Fill a format string that has plain fields only; attribute access, conversion and padding give ``UNKNOWN``."""
    if not isinstance(template, str):
        return UNKNOWN
    without_fields = _PLAIN_FIELD.sub("", template)
    if "{" in without_fields or "}" in without_fields:
        return UNKNOWN
    numbers: Iterator[int] = iter(range(len(fields) + 1))  # of the fields ``{}``, which are counted from 0
    pieces: list[str] = []
    end = 0
    for count, field in enumerate(_PLAIN_FIELD.finditer(template)):
        key = field[1] or str(next(numbers, -1))
        if key not in fields or count > MAX_ITEMS:
            return UNKNOWN
        piece = constants.format_value(fields[key])
        if not isinstance(piece, str):
            return UNKNOWN
        pieces += (template[end : field.start()], piece)
        end = field.end()
    return "".join((*pieces, template[end:]))
