"""Model the functions that call an argument with the items of another: ``map``, ``filter``, ``reduce``, ``sorted``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from modelaudit.languages.python import blind_steps, constant_folding, name_resolution, sequence_calls, walks
from modelaudit.languages.python.call import Call
from modelaudit.languages.python.evaluation import Evaluation
from modelaudit.languages.python.values import (
    UNKNOWN,
    Constant,
    Container,
    ExternalName,
    Provenance,
    Unknown,
    Value,
    collect_tags,
    join_choices,
    join_values,
    open_constant,
)

MAX_ELEMENTS: Final = 4096
"""Elements of a constant that are worked out one by one."""
_MAX_STEPS: Final = 4  # calls of ``reduce`` that walk by unknown names
_MAX_ROUNDS: Final = 64  # of ``reduce`` over values that are no constants


def call_with_items(evaluation: Evaluation, call: Call) -> Value:
    """Call ``map``, ``filter`` or ``starmap``, which call their first argument with items."""
    evaluation.recorder.record_call(call)
    if not call.args:
        return UNKNOWN
    if call.name == "builtins.map" and len(call.args) == 2 and isinstance(call.args[1], Constant):
        return _map_constant(evaluation, call.args[0], call.args[1], call.line)
    rows = _zip_constants(call.args[1:]) if call.name == "builtins.map" else ()
    if rows:
        return Container(tuple(evaluation.call_value(call.args[0], list(row), {}, call.line) for row in rows))
    if call.name == "builtins.map" and len(call.args) == 2 and (listed := _list_few_items(call.args[1])):
        return Container(tuple(evaluation.call_value(call.args[0], [each], {}, call.line) for each in listed))
    items = [_take_any_item(each) for each in call.args[1:]]
    if call.name == "itertools.starmap":
        items = list(_list_items(items[0]) if items else ())
    left = evaluation.count_left_steps()
    result = evaluation.call_value(call.args[0], items, {}, call.line)
    for _ in evaluation.list_step_rounds((), left):
        result = join_choices(result, evaluation.call_value(call.args[0], items, {}, call.line))
    walk_tags = walks.find_walk_tags(call)
    if walk_tags is not None:
        return Unknown(walk_tags)
    # One text reveals nothing about the number or order of all.
    return Unknown(collect_tags(result)) if isinstance(result, Constant) else result


def _zip_constants(sequences: Sequence[Value]) -> Sequence[tuple[Constant, ...]]:
    """Return the arguments of each call over several constants: ``map(globals().__setitem__, names, texts)``."""
    constants = [each for each in sequences if isinstance(each, Constant)]
    if not constants or len(constants) != len(sequences):
        return ()
    columns = [
        [Constant(item, each.provenance, each.is_open) for item in constant_folding.iterate_constant(each) or ()]
        for each in constants
    ]
    return list(zip(*columns, strict=False))[:_MAX_ROUNDS]


def _map_constant(evaluation: Evaluation, function: Value, sequence: Constant, line: int) -> Value:
    """Call a function with each item of a constant: ``map(chr, [111, 115])`` spells a name."""
    # Listing the items copies them: 64 of them cost one step.
    evaluation.budget.spend(constant_folding.measure_constant(sequence) >> 6)
    items = constant_folding.iterate_constant(sequence) or ()
    if not items:
        # An empty list may be filled under another name: the function is called once with an unknown item.
        return Container((evaluation.call_value(function, [UNKNOWN], {}, line),))
    results = [
        evaluation.call_value(function, [Constant(each, sequence.provenance, sequence.is_open)], {}, line)
        for each in items[:MAX_ELEMENTS]
    ]
    constants = [each for each in results if isinstance(each, Constant)]
    if constants and len(constants) == len(results):
        folded = constant_folding.fold_sequence(constants)
        is_open = folded.is_open or len(items) > MAX_ELEMENTS
        return Constant(folded.value, max(folded.provenance, Provenance.COMPUTED), is_open)
    return Container(tuple(results), is_open=len(items) > MAX_ELEMENTS)


def _list_few_items(sequence: Value) -> tuple[Value, ...]:
    """List the items of a short list whose items are not all constants; empty for any other value."""
    is_short = isinstance(sequence, Container) and len(sequence.values) <= _MAX_ROUNDS
    return _list_items(sequence) if is_short else ()


def call_reduce(evaluation: Evaluation, call: Call) -> Value:
    """Call ``reduce``: ``reduce(getattr, ["path", "join"], os)`` is ``os.path.join``."""
    evaluation.recorder.record_call(call)
    if len(call.args) < 2:
        return UNKNOWN
    function, sequence = call.args[:2]
    items = _list_items(sequence)
    if len(call.args) > 2:
        value = call.args[2]
    elif items:
        value, items = items[0], items[1:]
    else:
        value = _take_any_item(sequence)
    if not items:
        # Unknown, or an empty list that may be filled under another name: one call stands for all. The result of
        # a chain of unknown attributes is taken to be the object at its beginning.
        evaluation.recorder.record_attribute_walk(value, call.line)
        return _reduce_unknown(evaluation, function, value, call.line)
    for item in items:
        value = evaluation.call_value(function, [value, item], {}, call.line)
    return value


def _reduce_unknown(evaluation: Evaluation, function: Value, value: Value, line: int) -> Value:
    """Call a function of ``reduce`` with unknown items, as long as further calls lead further."""
    steps: frozenset[str] = frozenset()
    reached = value
    for _ in range(_MAX_STEPS):
        result = evaluation.call_value(function, [reached, UNKNOWN], {}, line)
        found = blind_steps.collect_steps(result)
        if found <= steps:
            break
        steps |= found
        reached = join_values(value, Unknown(steps))
    return reached


def call_accumulate(evaluation: Evaluation, call: Call) -> Value:
    """Call ``accumulate``, which yields each step of ``reduce``; its last one stands for all."""
    function, first = call.get_argument(1, "func"), call.get_argument(2, "initial")
    if function is None or not call.args:
        evaluation.recorder.record_call(call)
        return Unknown(call.argument_tags)
    arguments = [function, call.args[0], *([] if first is None else [first])]
    return Container((call_reduce(evaluation, Call(call.name, arguments, {}, call.line, call.is_hidden)),))


def call_with_key(evaluation: Evaluation, call: Call) -> Value:
    """Call ``sorted``, ``min`` or ``max``, which call ``key`` with each item and return items."""
    if call.name == "builtins.sorted" and (ordered := sequence_calls.sort_items(call)) is not None:
        return ordered
    evaluation.recorder.record_call(call)
    key = call.keywords.get("key")
    item = _take_any_item(call.args[0]) if call.args else UNKNOWN
    if key is not None:
        evaluation.call_value(key, [item], {}, call.line)
    walk_tags = walks.find_walk_tags(call)
    if walk_tags is not None:
        return Unknown(walk_tags)
    if call.name == "builtins.sorted" and call.args and isinstance(call.args[0], Container):
        return Container((item,) * len(call.args[0].values))  # in any order
    return ExternalName(call.name, is_result=True, tags=call.tags | call.argument_tags, is_returned=True)


def _list_items(sequence: Value) -> tuple[Value, ...]:
    """List the items of a known sequence; empty for any other value."""
    if isinstance(sequence, Container) and not sequence.keys:
        values = sequence.values[:_MAX_ROUNDS]
        return tuple(map(open_constant, values)) if sequence.is_open else values
    if not isinstance(sequence, Constant):
        return ()
    items = constant_folding.iterate_constant(sequence) or ()
    provenance = max(sequence.provenance, Provenance.COMPUTED)
    return tuple(Constant(each, provenance, sequence.is_open) for each in items[:MAX_ELEMENTS])


def _take_any_item(value: Value) -> Value:
    """Return a value that may be any item of a sequence, for the function that gets them is called once."""
    if isinstance(value, Container) and not value.keys:
        item = join_choices(*value.values) if value.values else UNKNOWN
        return open_constant(item) if value.is_open else item
    if isinstance(value, Container):
        return name_resolution.resolve_item(value, UNKNOWN)
    if isinstance(value, Constant) and isinstance(value.value, tuple | str) and value.value:
        return Constant(value.value[0], value.provenance, value.is_open)
    return value
