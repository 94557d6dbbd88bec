"""What the acts of a pickle mean: each becomes a subject with the standing of the name it concerns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from modelaudit.checks.callables import Judgement, judge
from modelaudit.checks.code import evidence_of_code
from modelaudit.checks.kept import argument_of, collects, holds, keeps_function, kept_for_reference, may_call_kept
from modelaudit.checks.state import state_holds
from modelaudit.checks.values import cut, describe
from modelaudit.model.artifact import TORCHSCRIPT
from modelaudit.model.catalogue import ArgumentUse, Callables, Standing, Subject
from modelaudit.model.pickle import (
    COMPUTED_KEY,
    STATE_OWNER,
    Act,
    Holding,
    Made,
    Name,
    PickleEvent,
    PickleProgram,
    Plain,
    Unknown,
    Value,
)
from modelaudit.model.structure import CodeOutline, Location, UnreadReason

_FILLING: Final = frozenset({"APPEND", "APPENDS", "ADDITEMS"})
# Attributes that APPEND, APPENDS and ADDITEMS call on what is no list or set.
_CALLED_BY_OPCODES: Final = frozenset({"append", "extend", "add"})
_DOING: Final = {ArgumentUse.CALLS: Act.CALL, ArgumentUse.KEEPS: Act.CALL, ArgumentUse.CONSTRUCTS: Act.CONSTRUCT}


def subjects_of_program(artifact: str, program: PickleProgram, callables: Callables) -> Iterator[Subject]:
    """Every act that is not plainly trusted, with an outline of the code that it makes or loads."""
    codes: dict[int | None, list[CodeOutline]] = {}
    for outline in program.codes:
        codes.setdefault(outline.offset, []).append(outline)
    for subject in _subjects(artifact, program, callables):
        lines = evidence_of_code(codes.get(subject.location.offset, ()))
        yield replace(subject, evidence=(*subject.evidence, *lines))


def _subjects(artifact: str, program: PickleProgram, callables: Callables) -> Iterator[Subject]:
    """Every act; a name whose call is reported is not reported as imported as well."""
    events = [event for event in program.events if not (program.layout == TORCHSCRIPT and _is_own_type(event))]
    calls = [event for event in events if event.act in (Act.CALL, Act.CONSTRUCT)]
    told = {event.subject for event in calls if any(True for _ in _called(artifact, event, callables))}
    # A call that is harmless as made excuses the import, but not one more use of the name beside it.
    excused = {event.subject for event in calls} - set(program.kept)
    # What may be stored need not be what may be called: of what does call it, the first is told with each of these.
    kept = [function for event in events for function in kept_for_reference(event, callables)]
    yield from _items_by_given(artifact, events)
    for event in events:
        if event.act is Act.IMPORT:
            if event.subject not in told and event.subject not in excused:
                yield from _named(artifact, event, "import", event.subject, callables)
        elif event.act in (Act.CALL, Act.CONSTRUCT):
            yield from _called(artifact, event, callables)
            yield from _planted(artifact, event, callables)
        elif event.act in (Act.SET_STATE, Act.SET_ITEM):
            yield from _changed(artifact, event, callables)
            if event.act is Act.SET_ITEM and event.opcode in ("SETITEM", "SETITEMS"):
                yield from _planted(artifact, event, callables)
        elif event.act is Act.EXTENSION:
            yield from _named(artifact, event, "extension", event.subject, callables)
        if kept and may_call_kept(event, callables):
            for function in kept:
                unvetted = Judgement(
                    Standing.UNLISTED, why=f"it may be stored and not called: {judge(function, callables).why}"
                )
                yield _subject(artifact, event, "call", function, unvetted)
            kept = []


def _items_by_given(artifact: str, events: list[PickleEvent]) -> Iterator[Subject]:
    """Items set on an object to which the file has given functions, one of which may be what sets them."""
    given: set[Value] = set()
    why = "how it sets an item may be a function that the file has given it"
    for event in events:
        if event.act is Act.SET_STATE and any(isinstance(value, Name) for _, value in event.sets):
            given.add(event.subject)
        elif event.act is Act.SET_ITEM and event.subject in given:
            yield _subject(artifact, event, event.act.value, event.subject, Judgement(Standing.UNRESOLVED, why=why))


def _is_own_type(event: PickleEvent) -> bool:
    """Whether TorchScript makes an object of a type that the code in the same archive defines: no Python is imported.

    The name space is the compiler's (``torch/csrc/jit/serialization/unpickler.cpp``); calls are none of its business.
    """
    own = isinstance(event.subject, Name) and event.subject.module.partition(".")[0] == "__torch__"
    return own and event.act in (Act.IMPORT, Act.CONSTRUCT)


def _called(artifact: str, event: PickleEvent, callables: Callables) -> Iterator[Subject]:
    if event.gives is not None and judge(event.gives, callables).standing is Standing.TRUSTED:
        return  # a walk that ends at something trusted is as good as its name
    if event.act is Act.CALL and keeps_function(event.subject, callables):
        return  # the function that it keeps was judged when it was given
    judgement = judge(event.subject, callables)
    rules = judgement.entry.arguments if judgement.entry else ()
    broken = [rule for rule in rules if not holds(rule, event.arguments, callables)]
    if judgement.standing is Standing.DANGEROUS and rules and not broken:
        return
    if judgement.entry and judgement.entry.state and event.act is Act.CONSTRUCT and not event.arguments:
        return  # what it does, it does when it is given its state
    if judgement.entry and judgement.entry.construct_only and event.act is Act.CALL:
        judgement = Judgement(Standing.UNLISTED, why=f"as a class it is known, as a call it is not: {judgement.why}")
    if judgement.standing is not Standing.TRUSTED:
        yield _subject(artifact, event, event.act.value, event.subject, judgement)
        return
    for rule in broken:
        argument = argument_of(rule, event.arguments)
        assert argument is not None
        found = judge(argument, callables)
        if rule.use not in _DOING or found.standing is Standing.TRUSTED:
            yield _subject(artifact, event, "argument", event.subject, found, describe(argument))
        else:
            yield _subject(artifact, event, _DOING[rule.use].value, argument, found)


def _planted(artifact: str, event: PickleEvent, callables: Callables) -> Iterator[Subject]:
    """What a mapping, or a list of pairs, that is handed over would set as an attribute that something calls."""
    pairs: list[tuple[str, Value]] = []
    if event.act is Act.SET_ITEM:
        pairs += _pairs(event.arguments)
    else:
        for argument in event.arguments:
            if isinstance(argument, Holding):
                pairs += argument.entries if argument.type == "dict" else _pairs_in(argument)
    for key, value in pairs:
        callable_ = isinstance(value, Name) or (isinstance(value, Made | Unknown) and key != COMPUTED_KEY)
        if callable_ and (_is_special(key) or key == COMPUTED_KEY):
            yield _subject(artifact, event, "plant", value, judge(value, callables), key)


def _pairs_in(sequence: Holding) -> list[tuple[str, Value]]:
    pairs = [value for _, value in sequence.entries if isinstance(value, Holding) and value.type != "dict"]
    return [pair for inner in pairs for pair in _pairs(tuple(value for _, value in inner.entries))]


def _pairs(values: tuple[Value, ...]) -> list[tuple[str, Value]]:
    """Keys, as far as they are words, with what follows each."""
    words = [value.text.strip("\"'") if isinstance(value, Plain) else COMPUTED_KEY for value in values[::2]]
    return list(zip(words, values[1::2], strict=False))


def _is_computed_state(key: str, value: Value) -> bool:
    """Whether the state as a whole, which has no key, is no literal."""
    return key == "" and isinstance(value, Made | Unknown)


def _is_special(key: str) -> bool:
    return (key.startswith("__") and key.endswith("__")) or key in _CALLED_BY_OPCODES


def _changed(artifact: str, event: PickleEvent, callables: Callables) -> Iterator[Subject]:
    """State or items set on something: harmless on a fresh object of a known class, unless it plants a callable."""
    target = event.subject
    if isinstance(target, Name):
        yield _subject(artifact, event, "overwrite", target, judge(target, callables))
    elif isinstance(target, Unknown) and target != STATE_OWNER:
        yield from _named(artifact, event, event.act.value, target, callables)
    if event.act is Act.SET_STATE and isinstance(target, Made):
        made = judge(target.by, callables)
        if made.entry and made.entry.state and not state_holds(event, made.entry.state):
            yield _subject(artifact, event, "construct", target.by, made)
    if any(_is_computed_state(key, value) for key, value in event.sets):
        why = "its state comes out of a call, and nobody knows which attributes that sets"
        yield _subject(artifact, event, event.act.value, target, Judgement(Standing.UNRESOLVED, why=why))
    if event.opcode in _FILLING and isinstance(target, Made) and not collects(target, callables):
        why = "how it adds an item may be whatever the file has set it to"
        yield _subject(artifact, event, event.act.value, target, Judgement(Standing.UNRESOLVED, why=why))
    keeps = keeps_function(target, callables)
    for key, value in event.sets:
        if _is_special(key):
            yield _subject(artifact, event, "plant", value, judge(value, callables), key)
        elif keeps and not (isinstance(value, Made) and keeps_function(value, callables)):
            yield from _named(artifact, event, "call", value, callables)


def _named(artifact: str, event: PickleEvent, act: str, subject: Value, callables: Callables) -> Iterator[Subject]:
    judgement = judge(subject, callables)
    if judgement.standing is not Standing.TRUSTED:
        yield _subject(artifact, event, act, subject, judgement)


def _subject(
    artifact: str, event: PickleEvent, act: str, subject: Value, judgement: Judgement, detail: str = ""
) -> Subject:
    name = describe(subject)
    arguments = ", ".join(describe(argument) for argument in event.arguments)
    shown = f"{event.opcode} {describe(event.subject)}" + (f"({arguments})" if event.arguments else "")
    return Subject(
        kind="pickle-act",
        artifact=artifact,
        fields={
            "act": act,
            "name": name,
            "standing": judgement.standing.value,
            "effect": judgement.effect,
            "why": judgement.why,
            "detail": detail,
        },
        key=f"{act} {name} {detail}",
        location=Location(offset=event.offset),
        evidence=(f"byte {event.offset}: {cut(shown)}",),
        listing=tuple(_listed(event)),
        default=UnreadReason.UNJUDGED if judgement.standing is Standing.DANGEROUS else UnreadReason.UNVERIFIED,
    )


_STORING: Final = frozenset({"MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT"})


def _listed(event: PickleEvent) -> Iterator[str]:
    """The opcodes that lead to the act, its own marked; those that only store in the memo say nothing about it."""
    width = len(str(event.offset))
    for one in event.listing:
        if one.opcode in _STORING and one.offset != event.offset:
            continue
        mark = ">" if one.offset == event.offset else " "
        yield f"{mark} {one.offset:>{width}} {one.opcode or '…'} {one.argument}".rstrip()
