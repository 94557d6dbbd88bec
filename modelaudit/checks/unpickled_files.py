"""Judge the classes that unpickle constants out of the state of their objects.

Such a class is trusted only in a file whose constants under the key are files that this scan reads and judges as what
the class loads them as. The key counts in every mapping of the file, because a file may share its mappings. No call may
get an object of the class, or an object that holds one: it could set a further state, or run methods that were not
read.
"""

from __future__ import annotations

from collections.abc import Iterator

from modelaudit.checks.apart import PERSISTENT
from modelaudit.checks.callables import judge_name
from modelaudit.checks.values import format_value
from modelaudit.model.catalogue import CallableEntry, Callables
from modelaudit.model.pickle import Act, CallResult, Name, PickleEvent, PickleProgram, Unknown, Value


def explain_unpickled_files(program: PickleProgram, callables: Callables) -> Iterator[tuple[Value, PickleEvent, str]]:
    """Yield each class that may unpickle something unread, with its first event and the reason."""
    first: dict[Name, PickleEvent] = {}
    for event in program.events:
        name = event.operand.maker if isinstance(event.operand, CallResult) else event.operand
        if isinstance(name, Name):
            first.setdefault(name, event)
    for name, event in first.items():
        entry = judge_name(name, callables).entry
        reason = _find_reason(name, entry, program) if entry is not None and entry.unpickles else ""
        if reason:
            yield name, event, reason


def _find_reason(name: Name, entry: CallableEntry, program: PickleProgram) -> str:
    """Return why a class may unpickle something that is not read as that; empty if it does not."""
    # A function that gets the class may make an object and set a state that no opcode sets.
    if name in program.kept_names:
        return "the class is stored or passed on"
    for event in program.events:
        is_own = isinstance(event.operand, CallResult) and event.operand.maker == name
        if is_own and event.act not in (Act.SET_STATE, Act.CONSTRUCT):
            return f"{event.opcode} runs a method of its object"
    exposure = _find_exposure(name, program)
    if exposure:
        return exposure
    for maker, reason in program.unpickled.states:
        if maker == name:
            return reason
    for key, kinds in entry.unpickles:
        reason = _judge_key(key, dict(kinds), program)
        if reason:
            return reason
    return ""


def _find_exposure(name: Name, program: PickleProgram) -> str:
    """Return which code gets an object of a class, or something that holds one; empty if none does."""
    holders: set[Name | Unknown] = {name}
    held_by = [(each.receiver.maker, each.maker) for each in program.handings if isinstance(each.receiver, CallResult)]
    while further := {holder for holder, maker in held_by if maker in holders} - holders:
        holders |= further
    for handing in program.handings:
        is_held = isinstance(handing.receiver, CallResult) and handing.act in (Act.SET_STATE, Act.SET_ITEM)
        is_unknown = isinstance(handing.maker, Unknown) and handing.maker != PERSISTENT
        if not is_held and (handing.maker in holders or is_unknown):
            return f"{format_value(handing.receiver)} may get an object of {name}"
    return ""


def _judge_key(key: str, kinds: dict[str, str], program: PickleProgram) -> str:
    """Return why the constants under a key may be loaded as something else than they are read as; empty if not."""
    for obstructed, reason in program.unpickled.obstacles:
        if obstructed in ("", key):
            return reason
    for file in program.unpickled.files:
        if file.key != key:
            continue
        if file.kind not in kinds:
            return f"an item of {key} has a kind that is not known"
        if file.format != kinds[file.kind]:
            return f"an item of {key} of the kind {file.kind} is not a file in the format {kinds[file.kind]}"
    return ""
