"""Check the conditions on arguments of trusted callables, and the functions that objects such as a ``partial`` store.

A file may refer to more functions than it may call. A ``partial`` of such a function is ordinary in saved models. A
file that also calls the ``partial``, or passes it to a callable that might call it, calls the function indirectly.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelaudit.checks.callables import judge_name
from modelaudit.checks.values import format_value
from modelaudit.model.catalogue import ArgumentRule, ArgumentUse, Callables, Standing
from modelaudit.model.pickle import (
    UNKNOWN_ARGUMENTS,
    Act,
    CallResult,
    ContainerValue,
    Embedded,
    Name,
    PickleEvent,
    PlainValue,
    Value,
)

_NO_BASE: Final = (Name("builtins", "object"), PlainValue("None"))
"""The arguments by which ``copyreg._reconstructor`` makes an object without data of its own."""
_MOST_PLAIN_ITEMS: Final = 8  # of a plain argument; an event keeps all of so few, or none
# Keys of entries in the state of a ``partial`` (``partial.__setstate__`` of CPython's functools).
_FUNCTION_KEY: Final = "0"
_ARGUMENTS_KEY: Final = "1"
_KEYWORDS_KEY: Final = "2"


def select_argument(rule: ArgumentRule, arguments: tuple[Value, ...]) -> Value | None:
    """Return the argument that the rule applies to; ``None`` where it is missing."""
    if arguments == (UNKNOWN_ARGUMENTS,):
        return UNKNOWN_ARGUMENTS
    return arguments[rule.index] if rule.index < len(arguments) else None


def meets_argument_rule(rule: ArgumentRule, arguments: tuple[Value, ...], callables: Callables) -> bool:
    """Whether the arguments meet the condition ``rule``; a missing argument meets it unless it is needed."""
    argument = select_argument(rule, arguments)
    if argument is None:
        return not rule.is_needed
    if rule.one_of:
        return isinstance(argument, PlainValue | Name) and format_value(argument) in rule.one_of
    if rule.use is ArgumentUse.READS:
        return isinstance(argument, Embedded)  # bytes in this file, which are scanned as an artifact of their own
    if rule.use is ArgumentUse.PLAIN:
        items = [each for _, each in argument.entries] if isinstance(argument, ContainerValue) else [argument]
        return len(items) <= _MOST_PLAIN_ITEMS and all(map(_is_constant, items))
    if isinstance(argument, PlainValue | ContainerValue | Embedded):
        return True  # data cannot be called
    if isinstance(argument, CallResult):
        # A result is an object with a state of its own. Where it stores a function to call, that function was judged
        # when it was passed in and whenever state is set. The effect of calling any other object is unknown.
        return rule.use in (ArgumentUse.CALLS, ArgumentUse.KEEPS) and stores_function(argument, callables)
    if rule.use is ArgumentUse.KEEPS:
        return judge_name(argument, callables).standing is Standing.TRUSTED
    is_constructed = rule.use is ArgumentUse.CONSTRUCTS
    return _is_trusted_call(argument, arguments[rule.index + 1 :], callables, is_constructed)


def _is_constant(value: Value) -> bool:
    """Whether a value is a constant. In angle brackets is what was not kept."""
    return isinstance(value, PlainValue) and not value.text.startswith("<")


def _is_trusted_call(function: Value, arguments: tuple[Value, ...], callables: Callables, is_constructed: bool) -> bool:
    """Whether a call, or with ``is_constructed`` a construction, of ``function`` with these arguments is trusted."""
    judgement = judge_name(function, callables)
    if is_constructed and has_conditions_on_state(function, callables):
        return not arguments or arguments == _NO_BASE  # the danger is in its state, which is judged when it is set
    if judgement.standing is not Standing.TRUSTED or judgement.entry is None:
        return False
    if judgement.entry.construct_only and not is_constructed:
        return False
    return all(meets_argument_rule(rule, arguments, callables) for rule in judgement.entry.arguments)


def constructs_its_argument(function: Value, callables: Callables) -> bool:
    """Whether a listed callable makes an object of the class that is its first argument, as functions of copyreg do."""
    entry = judge_name(function, callables).entry
    return entry is not None and any(rule.index == 0 and rule.use is ArgumentUse.CONSTRUCTS for rule in entry.arguments)


def has_conditions_on_state(value: Value, callables: Callables) -> bool:
    """Whether this is a dangerous class with states that are harmless."""
    entry = judge_name(value, callables).entry
    return entry is not None and bool(entry.state)


def stores_function(value: Value, callables: Callables) -> bool:
    """Whether this is an object such as a ``partial``: made by a listed callable that stores a function to call."""
    if not isinstance(value, CallResult):
        return False
    entry = judge_name(value.maker, callables).entry
    return entry is not None and any(rule.use in (ArgumentUse.CALLS, ArgumentUse.KEEPS) for rule in entry.arguments)


def adds_items_by_own_method(value: CallResult, callables: Callables) -> bool:
    """Whether the object ``value`` adds items by a method of its own type, and by no function from the file."""
    entry = judge_name(value.maker, callables).entry
    return entry is not None and entry.collects


def find_stored_functions(event: PickleEvent, callables: Callables) -> Iterator[Value]:
    """Yield the functions that the event stores for a later call, although the file may only refer to them."""
    for function, arguments in _iterate_stored_functions(event, callables):
        is_trusted = isinstance(function, Name) and judge_name(function, callables).standing is Standing.TRUSTED
        if is_trusted and not _is_trusted_call(function, arguments, callables, is_constructed=False):
            yield function


def _iterate_stored_functions(event: PickleEvent, callables: Callables) -> Iterator[tuple[Value, tuple[Value, ...]]]:
    """Yield each value that the event stores in an object that may call it, with the arguments stored beside it."""
    if event.act in (Act.CALL, Act.CONSTRUCT):
        entry = judge_name(event.operand, callables).entry
        for rule in entry.arguments if entry else ():
            function = select_argument(rule, event.arguments)
            if rule.use is ArgumentUse.KEEPS and function is not None:
                yield function, event.arguments[rule.index + 1 :]
    elif event.act is Act.SET_STATE and stores_function(event.operand, callables):
        for key, value in event.set_attributes:
            is_function_of_partial = key == _FUNCTION_KEY
            arguments = _read_partial_arguments(event) if is_function_of_partial else (UNKNOWN_ARGUMENTS,)
            yield value, arguments


def _read_partial_arguments(event: PickleEvent) -> tuple[Value, ...]:
    """Return the arguments in the state of a ``partial``, which is (function, arguments, keywords, dictionary).

    ``UNKNOWN_ARGUMENTS`` if the state has another form or keywords.
    """
    state = event.arguments[0] if event.arguments else None
    parts = dict(state.entries) if isinstance(state, ContainerValue) else {}
    positional, keywords = parts.get(_ARGUMENTS_KEY), parts.get(_KEYWORDS_KEY)
    has_keywords = isinstance(keywords, ContainerValue) and bool(keywords.entries)
    if not isinstance(positional, ContainerValue) or positional.type != "tuple" or has_keywords:
        return (UNKNOWN_ARGUMENTS,)
    # The machine does not keep every entry of a container; an ellipsis takes the place of a dropped one.
    entries = {int(key): value for key, value in positional.entries if key.isdecimal()}
    return tuple(entries.get(index, PlainValue("\u2026")) for index in range(max(entries, default=-1) + 1))


def may_call_stored_function(event: PickleEvent, callables: Callables) -> bool:
    """Whether the event calls an object that stores a function, or passes it to a callable that might call it."""
    if event.act is Act.CALL and stores_function(event.operand, callables):
        return True
    passes_arguments = event.act in (Act.CALL, Act.CONSTRUCT, Act.SET_ITEM)
    return passes_arguments and any(stores_function(argument, callables) for argument in event.arguments)
