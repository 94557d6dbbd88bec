"""What the acts of a pickle mean: each becomes a subject with the standing of the name it concerns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from modelaudit.checks.callables import Judgement, judge
from modelaudit.checks.code import evidence_of_code
from modelaudit.model.artifact import TORCHSCRIPT
from modelaudit.model.catalogue import ArgumentRule, ArgumentUse, Callables, Standing, Subject
from modelaudit.model.pickle import (
    STATE_OWNER,
    UNKNOWN_ARGUMENTS,
    Act,
    Embedded,
    Holding,
    Made,
    Name,
    PickleEvent,
    PickleProgram,
    Plain,
    Unknown,
    Value,
)
from modelaudit.model.structure import CodeOutline, Location

_TEXT: Final = 200
# Attributes that APPEND, APPENDS and ADDITEMS call on what is no list or set.
_CALLED_BY_OPCODES: Final = frozenset({"append", "extend", "add"})
_DOING: Final = {ArgumentUse.CALLS: Act.CALL, ArgumentUse.CONSTRUCTS: Act.CONSTRUCT}


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
    for event in events:
        if event.act is Act.IMPORT:
            if event.subject not in told and event.subject not in excused:
                yield from _named(artifact, event, "import", event.subject, callables)
        elif event.act in (Act.CALL, Act.CONSTRUCT):
            yield from _called(artifact, event, callables)
        elif event.act in (Act.SET_STATE, Act.SET_ITEM):
            yield from _changed(artifact, event, callables)
        elif event.act is Act.EXTENSION:
            yield from _named(artifact, event, "extension", event.subject, callables)


def _is_own_type(event: PickleEvent) -> bool:
    """Whether TorchScript makes an object of a type that the code in the same archive defines: no Python is imported.

    The name space is the compiler's (``torch/csrc/jit/serialization/unpickler.cpp``); calls are none of its business.
    """
    own = isinstance(event.subject, Name) and event.subject.module.partition(".")[0] == "__torch__"
    return own and event.act in (Act.IMPORT, Act.CONSTRUCT)


def _called(artifact: str, event: PickleEvent, callables: Callables) -> Iterator[Subject]:
    if event.gives is not None and judge(event.gives, callables).standing is Standing.TRUSTED:
        return  # a walk that ends at something trusted is as good as its name
    if event.act is Act.CALL and _keeps_function(event.subject, callables):
        return  # the function that it keeps was judged when it was given, as if it had been called
    judgement = judge(event.subject, callables)
    rules = judgement.entry.arguments if judgement.entry else ()
    broken = [(rule, argument) for rule, argument in _arguments(event, rules) if not _holds(rule, argument, callables)]
    if judgement.standing is Standing.DANGEROUS and rules and not broken:
        return
    if judgement.entry and judgement.entry.construct_only and event.act is Act.CALL:
        judgement = Judgement(Standing.UNLISTED, why=f"as a class it is known, as a call it is not: {judgement.why}")
    if judgement.standing is not Standing.TRUSTED:
        yield _subject(artifact, event, event.act.value, event.subject, judgement)
        return
    for rule, argument in broken:
        if rule.use not in _DOING:
            yield _subject(artifact, event, "argument", event.subject, judge(argument, callables), describe(argument))
        else:
            yield _subject(artifact, event, _DOING[rule.use].value, argument, judge(argument, callables))


def _arguments(event: PickleEvent, rules: tuple[ArgumentRule, ...]) -> Iterator[tuple[ArgumentRule, Value]]:
    """Each rule with the argument it is about; an argument that is not given breaks no rule."""
    for rule in rules:
        if event.arguments == (UNKNOWN_ARGUMENTS,):
            yield rule, UNKNOWN_ARGUMENTS
        elif rule.index < len(event.arguments):
            yield rule, event.arguments[rule.index]


def _holds(rule: ArgumentRule, argument: Value, callables: Callables) -> bool:
    if rule.one_of:
        return isinstance(argument, Plain | Name) and describe(argument) in rule.one_of
    if rule.use is ArgumentUse.READS:
        return isinstance(argument, Embedded)
    if isinstance(argument, Plain | Holding | Embedded):
        return True  # no one can call data
    if isinstance(argument, Made):
        # A result is an object with a state of its own. Of those that keep a function to call, the function was
        # judged when it was given and whenever state is set; what any other does when it is called is not known.
        return rule.use is ArgumentUse.CALLS and _keeps_function(argument, callables)
    judgement = judge(argument, callables)
    constructed = rule.use is ArgumentUse.CONSTRUCTS
    needs_care = judgement.entry is not None and (
        bool(judgement.entry.arguments) or (judgement.entry.construct_only and not constructed)
    )
    return judgement.standing is Standing.TRUSTED and not needs_care


def _changed(artifact: str, event: PickleEvent, callables: Callables) -> Iterator[Subject]:
    """State or items set on something: harmless on a fresh object of a known class, unless it plants a callable."""
    target = event.subject
    if isinstance(target, Name):
        yield _subject(artifact, event, "overwrite", target, judge(target, callables))
    elif isinstance(target, Unknown) and target != STATE_OWNER:
        yield from _named(artifact, event, event.act.value, target, callables)
    keeps = _keeps_function(target, callables)
    for key, value in event.sets:
        if (key.startswith("__") and key.endswith("__")) or key in _CALLED_BY_OPCODES:
            yield _subject(artifact, event, "plant", value, judge(value, callables), key)
        elif keeps and not (isinstance(value, Made) and _keeps_function(value, callables)):
            yield from _named(artifact, event, "call", value, callables)


def _keeps_function(value: Value, callables: Callables) -> bool:
    """Whether this is an object such as a ``partial``, made by something trusted that keeps a function to call."""
    if not isinstance(value, Made):
        return False
    entry = judge(value.by, callables).entry
    return entry is not None and any(rule.use is ArgumentUse.CALLS for rule in entry.arguments)


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
        evidence=(f"byte {event.offset}: {_cut(shown)}",),
        listing=tuple(_listed(event)),
    )


def _listed(event: PickleEvent) -> Iterator[str]:
    """The opcodes that lead to the act, its own marked."""
    width = len(str(event.offset))
    for one in event.listing:
        mark = ">" if one.offset == event.offset else " "
        yield f"{mark} {one.offset:>{width}} {one.opcode or '…'} {one.argument}".rstrip()


def describe(value: Value) -> str:
    """A value as one would write it in Python, bounded."""
    if isinstance(value, Plain):
        return value.text
    if isinstance(value, Name):
        return _cut(str(value))
    if isinstance(value, Unknown):
        return f"<{_cut(value.why)}>"
    if isinstance(value, Made):
        return f"{describe(value.by)}(…)"
    if isinstance(value, Embedded):
        return f"<the {value.length} bytes at {value.offset}>"
    inner = ", ".join(
        f"{key!r}: {describe(item)}" if value.type == "dict" else describe(item) for key, item in value.entries
    )
    return _cut({"list": f"[{inner}]", "tuple": f"({inner})"}.get(value.type, f"{{{inner}}}"))


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT else text[: _TEXT - 1] + "…"
