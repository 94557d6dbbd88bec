"""Find out whether objects whose further methods were not read stay apart from all code while a file is loaded.

Loading an object of an inert class only stores its state. Its other methods, such as ``__repr__`` and ``__getitem__``,
run once some code gets the object: a function that converts its arguments, a hook of another class, the hash of a key.
So a class that is trusted only apart needs a file in which no call gets an object of an inert class, and in which only
inert classes hold one.
"""

from __future__ import annotations

from modelaudit.checks.callables import judge_name
from modelaudit.checks.values import format_value
from modelaudit.model.catalogue import CallableEntry, Callables
from modelaudit.model.pickle import (
    Act,
    CallResult,
    ContainerValue,
    Handing,
    Name,
    PickleEvent,
    PickleProgram,
    Unknown,
    Value,
)

PERSISTENT = Unknown("persistent object")
"""An object that the loader finds by an id outside of the pickle, such as a storage of torch."""


def explain_exposure(program: PickleProgram, callables: Callables) -> str:
    """Return what may run a method of an object that has to stay apart; empty if nothing does."""
    for event in program.events:
        why = _explain_event(event, callables)
        if why:
            return why
    mappings = _find_mappings(program, callables)
    for handing in program.handings:
        if _is_exposing(handing, mappings, callables):
            return f"{format_value(handing.receiver)} gets an object of {format_value(handing.maker)}"
    return ""


def has_to_stay_apart(value: Value, callables: Callables) -> bool:
    """Whether a class, or the class of an object, is trusted only while no code gets its objects."""
    entry = _find_entry(value, callables)
    return entry is not None and entry.apart


def _explain_event(event: PickleEvent, callables: Callables) -> str:
    """Return what an event runs on an object itself, beyond storing a state; empty if nothing."""
    entry = _find_entry(event.operand, callables) if isinstance(event.operand, CallResult) else None
    if entry is None or not entry.inert:
        return ""
    if event.act is Act.SET_ITEM:
        return f"{event.opcode} runs a method of {entry.name}"
    state = event.arguments[0] if event.arguments else None
    is_mapping = isinstance(state, ContainerValue) and state.type == "dict"
    if event.act is Act.SET_STATE and entry.apart and not is_mapping:
        return f"its state is not a mapping, so that setting it runs methods of {entry.name}"
    return ""


def _find_mappings(program: PickleProgram, callables: Callables) -> set[Name | Unknown]:
    """Return the makers of mappings, such as an ``OrderedDict``, which may hold an object of an inert class."""
    held: dict[Name | Unknown, set[Name | Unknown]] = {}
    for handing in program.handings:
        holder = _find_entry(handing.receiver, callables) if isinstance(handing.receiver, CallResult) else None
        if holder is not None and holder.holds_items and isinstance(handing.receiver, CallResult):
            held.setdefault(handing.receiver.maker, set()).add(handing.maker)
    mappings = {holder for holder, makers in held.items() if any(_may_be_inert(maker, callables) for maker in makers)}
    while further := {holder for holder, makers in held.items() if makers & mappings} - mappings:
        mappings |= further
    return mappings


def _is_exposing(handing: Handing, mappings: set[Name | Unknown], callables: Callables) -> bool:
    """Whether code gets an object of an inert class, or one of ``mappings``, which hold such objects.

    An inert object or such a mapping that stores the object does not expose it.
    """
    if not _may_be_inert(handing.maker, callables) and handing.maker not in mappings:
        return False
    holder = _find_entry(handing.receiver, callables) if isinstance(handing.receiver, CallResult) else None
    if holder is None:
        return True
    if handing.act is Act.SET_STATE:
        return not holder.inert
    return handing.act is not Act.SET_ITEM or not holder.holds_items


def _may_be_inert(maker: Name | Unknown, callables: Callables) -> bool:
    """Whether loading an object of this maker only stores its state, or the file hides what made it."""
    if isinstance(maker, Unknown):
        return maker != PERSISTENT
    entry = _find_entry(maker, callables)
    return entry is not None and entry.inert


def _find_entry(value: Value, callables: Callables) -> CallableEntry | None:
    """Return the entry of a name, or of the maker of an object."""
    return judge_name(value.maker if isinstance(value, CallResult) else value, callables).entry
