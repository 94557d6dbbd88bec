"""Judge the acts of a pickle: imports, calls, constructions and changes, each with the standing of its name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final

from modelaudit.checks.apart import explain_exposure, has_to_stay_apart
from modelaudit.checks.call_signatures import find_misfit
from modelaudit.checks.callables import Judgement, judge_name
from modelaudit.checks.code import describe_code
from modelaudit.checks.costs import CostFinder
from modelaudit.checks.planted import is_planted, is_special, is_special_call
from modelaudit.checks.state import is_allowed_state
from modelaudit.checks.stored_functions import (
    adds_items_by_own_method,
    constructs_its_argument,
    find_stored_functions,
    has_conditions_on_state,
    may_call_stored_function,
    meets_argument_rule,
    select_argument,
    stores_function,
)
from modelaudit.checks.traced_modules import (
    NO_TRACED_NAMES,
    REBUILDER,
    TracedNames,
    explain_traced_modules,
    is_part_of_tracing,
)
from modelaudit.checks.unpickled_files import explain_unpickled_files
from modelaudit.checks.values import format_value, shorten_text
from modelaudit.model.artifact import TORCHSCRIPT
from modelaudit.model.catalogue import ArgumentRule, ArgumentUse, Callables, Standing, Subject
from modelaudit.model.copies import replace
from modelaudit.model.pickle import (
    COMPUTED_KEY,
    ITEMS_RECORDED,
    STATE_OWNER,
    Act,
    CallResult,
    ContainerValue,
    Name,
    PickleEvent,
    PickleProgram,
    PlainValue,
    Unknown,
    Value,
)
from modelaudit.model.structure import CodeOutline, Location, UnreadReason

_DILL_LOOK_UPS: Final = frozenset({"dill._dill._get_attr", "dill.dill._get_attr"})
_FILLING_OPCODES: Final = frozenset({"APPEND", "APPENDS", "ADDITEMS"})
_ACT_OF_USE: Final = {ArgumentUse.CALLS: Act.CALL, ArgumentUse.KEEPS: Act.CALL, ArgumentUse.CONSTRUCTS: Act.CONSTRUCT}


def build_pickle_subjects(
    artifact: str, program: PickleProgram, callables: Callables, traced_names: TracedNames = NO_TRACED_NAMES
) -> Iterator[Subject]:
    """Yield every act that is not trusted, with an outline of the code that it builds or unmarshals."""
    program, reason = _excuse_traced_modules(program, traced_names)
    codes: dict[int | None, list[CodeOutline]] = {}
    for outline in program.code_objects:
        codes.setdefault(outline.offset, []).append(outline)
    for subject in chain(_judge_costs(artifact, program, callables), _judge_events(artifact, program, callables)):
        lines = tuple(describe_code(codes.get(subject.location.offset, ())))
        if reason and subject.fields.get("name") == str(REBUILDER):
            lines = (*lines, f"not read as a plain graph: {shorten_text(reason)}")
        yield replace(subject, evidence=(*subject.evidence, *lines))


def _excuse_traced_modules(program: PickleProgram, names: TracedNames) -> tuple[PickleProgram, str]:
    """Return a program without the acts that rebuild traced modules if these are plain graphs, else the reason.

    The body of a module stays judged: its objects are made by other acts.
    """
    if all(event.operand != REBUILDER for event in program.events):
        return program, ""
    reason = explain_traced_modules(program, names)
    if reason:
        return program, reason
    events = tuple(event for event in program.events if not is_part_of_tracing(event, names))
    return replace(program, events=events), ""


def _judge_costs(artifact: str, program: PickleProgram, callables: Callables) -> Iterator[Subject]:
    """Yield every act that exhausts the memory or the time of a loader."""
    for event, name, detail in CostFinder(program.events, callables).find_events():
        yield _make_subject(artifact, event, "exhaust", name, judge_name(name, callables), detail)


def _judge_events(artifact: str, program: PickleProgram, callables: Callables) -> Iterator[Subject]:
    """Yield every act that is not trusted. A name whose call is reported is not reported as an import as well."""
    events = [event for event in program.events if not (program.layout == TORCHSCRIPT and _is_type_of_archive(event))]
    calls = [event for event in events if event.act in (Act.CALL, Act.CONSTRUCT)]
    reported = {event.operand for event in calls if next(_judge_call(artifact, event, callables), None) is not None}
    # A harmless call excuses the import of its name, unless the file also stores or passes on the name.
    called_names = {event.operand for event in calls} | _find_classes_with_states(calls, callables)
    called_names |= {event.arguments[0] for event in calls if _looks_in_module(event)}
    called_names -= set(program.kept_names)
    # Some functions may be stored and not called. The first event that may call them is reported once for each.
    stored_functions = [function for event in events for function in find_stored_functions(event, callables)]
    yield from _judge_items_set_on_objects_with_functions(artifact, events)
    yield from _judge_objects_apart(artifact, program, callables)
    for made, event, reason in explain_unpickled_files(program, callables):
        why = f"setting its state loads what the state holds; {reason}"
        yield _make_subject(artifact, event, "construct", made, Judgement(Standing.UNLISTED, why=why))
    for event in events:
        if event.act is Act.IMPORT:
            if event.operand not in reported and event.operand not in called_names:
                yield from _judge_value(artifact, event, "import", event.operand, callables)
        elif event.act in (Act.CALL, Act.CONSTRUCT):
            yield from _judge_call(artifact, event, callables)
            yield from _judge_planted_attributes(artifact, event, callables)
        elif event.act in (Act.SET_STATE, Act.SET_ITEM):
            yield from _judge_setting(artifact, event, events, callables)
        elif event.act is Act.EXTENSION:
            yield from _judge_value(artifact, event, "extension", event.operand, callables)
        if stored_functions and may_call_stored_function(event, callables):
            for function in stored_functions:
                unreviewed = Judgement(
                    Standing.UNLISTED, why=f"it may be stored and not called: {judge_name(function, callables).why}"
                )
                yield _make_subject(artifact, event, "call", function, unreviewed)
            stored_functions = []


def _judge_objects_apart(artifact: str, program: PickleProgram, callables: Callables) -> Iterator[Subject]:
    """Yield each class that is trusted only while no code gets its objects, if some code may get one."""
    named = [event for event in program.events if has_to_stay_apart(event.operand, callables)]
    exposure = explain_exposure(program, callables) if named else ""
    if exposure:
        first: dict[Value, PickleEvent] = {}
        for event in named:
            first.setdefault(event.operand.maker if isinstance(event.operand, CallResult) else event.operand, event)
        why = f"it is reviewed only for files in which no code gets its objects; {exposure}"
        for made, event in first.items():
            yield _make_subject(artifact, event, "construct", made, Judgement(Standing.UNLISTED, why=why))


def _looks_in_module(event: PickleEvent) -> bool:
    """Whether a call of dill takes a known function of a module, which the file has imported for that."""
    is_look_up = isinstance(event.operand, Name) and str(event.operand) in _DILL_LOOK_UPS
    return is_look_up and event.returned_global is not None and isinstance(event.arguments[0], Name)


def _find_classes_with_states(calls: list[PickleEvent], callables: Callables) -> set[Value]:
    """Return the classes that functions such as ``copyreg._reconstructor`` construct, and that their state decides."""
    return {
        event.arguments[0]
        for event in calls
        if event.arguments
        and constructs_its_argument(event.operand, callables)
        and isinstance(event.arguments[0], Name)
        and has_conditions_on_state(event.arguments[0], callables)
    }


def _judge_items_set_on_objects_with_functions(artifact: str, events: list[PickleEvent]) -> Iterator[Subject]:
    """Yield items set on an object whose state names functions: one of them may be the method that sets items."""
    objects_with_functions: set[Value] = set()
    why = "its method that sets an item may be a function from the file"
    for event in events:
        if event.act is Act.SET_STATE and any(isinstance(value, Name) for _, value in event.set_attributes):
            objects_with_functions.add(event.operand)
        elif event.act is Act.SET_ITEM and event.operand in objects_with_functions:
            yield _make_subject(
                artifact, event, event.act.value, event.operand, Judgement(Standing.UNRESOLVED, why=why)
            )


def _is_type_of_archive(event: PickleEvent) -> bool:
    """Whether TorchScript constructs a type that the code in the same archive defines, which imports no Python.

    The compiler owns this name space (``torch/csrc/jit/serialization/unpickler.cpp``); it does not handle calls.
    """
    is_own = isinstance(event.operand, Name) and event.operand.module.partition(".")[0] == "__torch__"
    return is_own and event.act in (Act.IMPORT, Act.CONSTRUCT)


def _judge_call(artifact: str, event: PickleEvent, callables: Callables) -> Iterator[Subject]:
    """Yield the subject of a call or construction that is not trusted, or of each argument that breaks a condition."""
    if event.returned_global is not None and judge_name(event.returned_global, callables).standing is Standing.TRUSTED:
        return  # a call such as getattr that returns a trusted name counts as that name
    if event.act is Act.CALL and stores_function(event.operand, callables):
        return  # the function that it stores was judged when it was passed in
    judgement = judge_name(event.operand, callables)
    conditions = judgement.entry.arguments if judgement.entry else ()
    broken_conditions = [
        condition for condition in conditions if not meets_argument_rule(condition, event.arguments, callables)
    ]
    if judgement.standing is Standing.DANGEROUS and conditions and not broken_conditions:
        return  # a dangerous name with conditions is harmless where they hold
    if event.act is Act.CONSTRUCT and not event.arguments and has_conditions_on_state(event.operand, callables):
        return  # the danger is in its state, which is judged when it is set
    if judgement.entry and judgement.entry.construct_only and event.act is Act.CALL:
        judgement = Judgement(
            Standing.UNLISTED, why=f"reviewed as a class to construct, not as a call: {judgement.why}"
        )
    if judgement.standing is not Standing.TRUSTED:
        yield _make_subject(artifact, event, event.act.value, event.operand, judgement)
        return
    misfit = None if broken_conditions else find_misfit(event, callables)
    if misfit is not None:
        yield _make_subject(artifact, event, "misfit", event.operand, judgement, misfit)
    yield from _judge_arguments(artifact, event, broken_conditions, callables)


def _judge_arguments(
    artifact: str, event: PickleEvent, broken: Sequence[ArgumentRule], callables: Callables
) -> Iterator[Subject]:
    """Yield the subject of each argument of a trusted call that breaks a condition, or that the condition needs."""
    for condition in broken:
        argument = select_argument(condition, event.arguments)
        if argument is None:
            detail = f"fewer than {condition.index + 1} arguments"
            judgement = judge_name(event.operand, callables)
            yield _make_subject(artifact, event, "argument", event.operand, judgement, detail)
            continue
        argument_judgement = judge_name(argument, callables)
        if condition.use not in _ACT_OF_USE or argument_judgement.standing is Standing.TRUSTED:
            yield _make_subject(artifact, event, "argument", event.operand, argument_judgement, format_value(argument))
        else:
            yield _make_subject(artifact, event, _ACT_OF_USE[condition.use].value, argument, argument_judgement)


def _judge_planted_attributes(artifact: str, event: PickleEvent, callables: Callables) -> Iterator[Subject]:
    """Yield callables that a mapping or a list of pairs may set as special attributes, which Python calls."""
    pairs: list[tuple[str, Value]] = []
    if event.act is Act.SET_ITEM:
        pairs += _pair_values(event.arguments)
    else:
        for argument in event.arguments:
            if isinstance(argument, ContainerValue):
                pairs += argument.entries if argument.type == "dict" else _pair_nested_values(argument)
    for key, value in pairs:
        if key == COMPUTED_KEY:
            # It may be a special name. Results of calls are too common under such keys, so only a global counts.
            may_be_called = isinstance(value, Name)
        else:
            may_be_called = is_special(key) and isinstance(value, Name | CallResult | Unknown)
        if may_be_called:
            yield _make_subject(artifact, event, "plant", value, judge_name(value, callables), key)


def _pair_nested_values(sequence: ContainerValue) -> list[tuple[str, Value]]:
    """Return the pairs in a sequence of pairs, such as the argument of ``dict([("key", value)])``."""
    pairs: list[tuple[str, Value]] = []
    for _, inner in sequence.entries:
        if isinstance(inner, ContainerValue) and inner.type != "dict":
            pairs += _pair_values(tuple(value for _, value in inner.entries))
    return pairs


def _pair_values(values: tuple[Value, ...]) -> list[tuple[str, Value]]:
    """Return pairs of a key and the value after it, as SETITEMS takes them; a key is computed if it is not constant."""
    words = [value.text.strip("\"'") if isinstance(value, PlainValue) else COMPUTED_KEY for value in values[::2]]
    return list(zip(words, values[1::2], strict=False))


def _is_own_plain_state(event: PickleEvent, events: list[PickleEvent], callables: Callables) -> bool:
    """Whether an object of a trusted class is its own state, and no item of such an object can act as an attribute.

    Only the items that opcodes set count as known: a construction with arguments, and an event that keeps a part of
    its items, leave others. A ``Bunch`` of statsmodels is pickled in this way.
    """
    made = event.operand
    if event.act is not Act.SET_STATE or event.arguments != (made,):
        return False
    if (
        not isinstance(made, CallResult)
        or made.called
        or judge_name(made.maker, callables).standing is not Standing.TRUSTED
    ):
        return False
    for other in events:
        if other.act is Act.CONSTRUCT and other.operand == made.maker and other.arguments:
            return False
        if other.act is not Act.SET_ITEM or other.operand != made:
            continue
        if other.opcode not in ("SETITEM", "SETITEMS") or len(other.arguments) >= ITEMS_RECORDED:
            return False
        for key, value in _pair_values(other.arguments):
            if key == COMPUTED_KEY or is_special(key) or is_planted(made, key, value, callables):
                return False
    return True


def _is_computed_state(key: str, value: Value) -> bool:
    """Whether the state as a whole, which has the key ``""``, is not a literal."""
    return key == "" and isinstance(value, CallResult | Unknown)


def _judge_setting(
    artifact: str, event: PickleEvent, events: list[PickleEvent], callables: Callables
) -> Iterator[Subject]:
    """Judge state or items that one of ``events`` sets on an object, and the attributes that they may become."""
    if not _is_own_plain_state(event, events, callables):
        yield from _judge_change(artifact, event, callables)
    # APPEND, APPENDS and ADDITEMS set items without keys, so only these two opcodes can name an attribute.
    if event.act is Act.SET_ITEM and event.opcode in ("SETITEM", "SETITEMS"):
        yield from _judge_planted_attributes(artifact, event, callables)


def _judge_change(artifact: str, event: PickleEvent, callables: Callables) -> Iterator[Subject]:
    """Judge state or items that are set on an object.

    They are harmless on an object that the file made of a reviewed class, unless one of the values may be called.
    """
    target = event.operand
    if isinstance(target, Name) or _is_shared(target, callables):
        yield _make_subject(artifact, event, "overwrite", target, judge_name(target, callables))
    elif isinstance(target, Unknown) and target != STATE_OWNER:
        yield from _judge_value(artifact, event, event.act.value, target, callables)
    if event.act is Act.SET_STATE and isinstance(target, CallResult):
        class_judgement = judge_name(target.maker, callables)
        if (
            class_judgement.entry
            and class_judgement.entry.state
            and not is_allowed_state(event, class_judgement.entry.state)
        ):
            yield _make_subject(artifact, event, "construct", target.maker, class_judgement)
    if any(_is_computed_state(key, value) for key, value in event.set_attributes):
        why = "its state is the result of a call, so its attributes are unknown"
        yield _make_subject(artifact, event, event.act.value, target, Judgement(Standing.UNRESOLVED, why=why))
    if (
        event.opcode in _FILLING_OPCODES
        and isinstance(target, CallResult)
        and not adds_items_by_own_method(target, callables)
    ):
        why = "its method that adds an item may be a function from the file"
        yield _make_subject(artifact, event, event.act.value, target, Judgement(Standing.UNRESOLVED, why=why))
    target_stores_function = stores_function(target, callables)
    for key, value in event.set_attributes:
        if is_special_call(key, value) or is_planted(target, key, value, callables):
            yield _make_subject(artifact, event, "plant", value, judge_name(value, callables), key)
        # A partial in the state of a partial adds no function: the one that it stores was judged when it was made.
        elif target_stores_function and not (isinstance(value, CallResult) and stores_function(value, callables)):
            yield from _judge_value(artifact, event, "call", value, callables)


def _is_shared(value: Value, callables: Callables) -> bool:
    """Whether a value is an object that its maker looked up, and that the process had before it loaded the file."""
    entry = judge_name(value.maker, callables).entry if isinstance(value, CallResult) else None
    return entry is not None and entry.shared


def _judge_value(artifact: str, event: PickleEvent, act: str, value: Value, callables: Callables) -> Iterator[Subject]:
    """Yield the subject of ``act`` on ``value``, unless that is a trusted name."""
    judgement = judge_name(value, callables)
    if judgement.standing is not Standing.TRUSTED:
        yield _make_subject(artifact, event, act, value, judgement)


def _make_subject(
    artifact: str, event: PickleEvent, act: str, value: Value, judgement: Judgement, detail: str = ""
) -> Subject:
    """Return the subject of ``act`` on ``value``, with the evidence and the listing of its event."""
    name = format_value(value)
    arguments = ", ".join(format_value(argument) for argument in event.arguments)
    act_text = f"{event.opcode} {format_value(event.operand)}" + (f"({arguments})" if event.arguments else "")
    is_dangerous = judgement.standing is Standing.DANGEROUS
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
        evidence=(f"byte {event.offset}: {shorten_text(act_text)}",),
        listing=tuple(_format_listing(event)),
        absence_if_unmatched=UnreadReason.UNJUDGED if is_dangerous else UnreadReason.UNVERIFIED,
    )


_MEMO_OPCODES: Final = frozenset({"MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT"})


def _format_listing(event: PickleEvent) -> Iterator[str]:
    """Format the opcodes that lead to the act, with a mark at its own and without those that only write to the memo."""
    width = len(str(event.offset))
    for instruction in event.listing:
        if instruction.opcode in _MEMO_OPCODES and instruction.offset != event.offset:
            continue
        mark = ">" if instruction.offset == event.offset else " "
        yield f"{mark} {instruction.offset:>{width}} {instruction.opcode or '…'} {instruction.argument}".rstrip()
