"""Conditions on what a trusted callable is given, and the functions that objects such as a ``partial`` keep.

A function that a file may refer to need not be one that it may call. A ``partial`` of it is ordinary in whole models; a
``partial`` of it that the same file calls, or hands to something that might, is a call by a detour.
"""

from __future__ import annotations

from collections.abc import Iterator

from modelaudit.checks.callables import judge
from modelaudit.checks.values import describe
from modelaudit.model.catalogue import ArgumentRule, ArgumentUse, Callables, Standing
from modelaudit.model.pickle import (
    UNKNOWN_ARGUMENTS,
    Act,
    Embedded,
    Holding,
    Made,
    Name,
    PickleEvent,
    Plain,
    Value,
)


def argument_of(rule: ArgumentRule, arguments: tuple[Value, ...]) -> Value | None:
    """The argument that the rule is about; ``None`` where it is not given."""
    if arguments == (UNKNOWN_ARGUMENTS,):
        return UNKNOWN_ARGUMENTS
    return arguments[rule.index] if rule.index < len(arguments) else None


def holds(rule: ArgumentRule, arguments: tuple[Value, ...], callables: Callables) -> bool:
    """Whether the condition is met; an argument that is not given breaks none."""
    argument = argument_of(rule, arguments)
    if argument is None:
        return True
    if rule.one_of:
        return isinstance(argument, Plain | Name) and describe(argument) in rule.one_of
    if rule.use is ArgumentUse.READS:
        return isinstance(argument, Embedded)
    if isinstance(argument, Plain | Holding | Embedded):
        return True  # no one can call data
    if isinstance(argument, Made):
        # A result is an object with a state of its own. Of those that keep a function to call, the function was
        # judged when it was given and whenever state is set; what any other does when it is called is not known.
        return rule.use in (ArgumentUse.CALLS, ArgumentUse.KEEPS) and keeps_function(argument, callables)
    if rule.use is ArgumentUse.KEEPS:
        return judge(argument, callables).standing is Standing.TRUSTED
    constructed = rule.use is ArgumentUse.CONSTRUCTS
    return _callable_with(argument, arguments[rule.index + 1 :], callables, constructed)


def _callable_with(function: Value, arguments: tuple[Value, ...], callables: Callables, constructed: bool) -> bool:
    """Whether a file may call (or construct) ``function`` with these arguments."""
    judgement = judge(function, callables)
    if judgement.standing is not Standing.TRUSTED or judgement.entry is None:
        return False
    if judgement.entry.construct_only and not constructed:
        return False
    return all(holds(rule, arguments, callables) for rule in judgement.entry.arguments)


def keeps_function(value: Value, callables: Callables) -> bool:
    """Whether this is an object such as a ``partial``, made by something trusted that keeps a function to call."""
    if not isinstance(value, Made):
        return False
    entry = judge(value.by, callables).entry
    return entry is not None and any(rule.use in (ArgumentUse.CALLS, ArgumentUse.KEEPS) for rule in entry.arguments)


def collects(value: Made, callables: Callables) -> bool:
    """Whether the object takes items by a method of its own type."""
    entry = judge(value.by, callables).entry
    return entry is not None and entry.collects


def kept_for_reference(event: PickleEvent, callables: Callables) -> Iterator[Value]:
    """The functions that the event stores to be called later, although the file may only refer to them."""
    for function, arguments in _stored(event, callables):
        trusted = isinstance(function, Name) and judge(function, callables).standing is Standing.TRUSTED
        if trusted and not _callable_with(function, arguments, callables, constructed=False):
            yield function


def _stored(event: PickleEvent, callables: Callables) -> Iterator[tuple[Value, tuple[Value, ...]]]:
    """Each function that the event stores in an object that will call it, with the arguments that are stored too."""
    if event.act in (Act.CALL, Act.CONSTRUCT):
        entry = judge(event.subject, callables).entry
        for rule in entry.arguments if entry else ():
            function = argument_of(rule, event.arguments)
            if rule.use is ArgumentUse.KEEPS and function is not None:
                yield function, event.arguments[rule.index + 1 :]
    elif event.act is Act.SET_STATE and keeps_function(event.subject, callables):
        for key, value in event.sets:
            yield value, _arguments_in_state(event) if key == "0" else (UNKNOWN_ARGUMENTS,)


def _arguments_in_state(event: PickleEvent) -> tuple[Value, ...]:
    """The arguments in the state of a ``partial``: function, arguments, keywords, dictionary; else unknown ones."""
    state = dict(event.arguments[0].entries) if event.arguments and isinstance(event.arguments[0], Holding) else {}
    given, named = state.get("1"), state.get("2")
    if not isinstance(given, Holding) or given.type != "tuple" or (isinstance(named, Holding) and named.entries):
        return (UNKNOWN_ARGUMENTS,)
    entries = {int(key): value for key, value in given.entries if key.isdecimal()}
    return tuple(entries.get(index, Plain("\u2026")) for index in range(max(entries, default=-1) + 1))


def may_call_kept(event: PickleEvent, callables: Callables) -> bool:
    """Whether the event calls an object that keeps a function, or hands it to something that might."""
    if event.act is Act.CALL and keeps_function(event.subject, callables):
        return True
    handed = event.act in (Act.CALL, Act.CONSTRUCT, Act.SET_ITEM)
    return handed and any(keeps_function(argument, callables) for argument in event.arguments)
