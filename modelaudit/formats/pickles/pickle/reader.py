"""Reads pickles: any number of streams that follow one another, and the legacy torch layout built from five of them."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from modelaudit.formats.pickles.pickle import legacy
from modelaudit.formats.pickles.pickle.arrays import OutOfBandError
from modelaudit.formats.pickles.pickle.behind import pickles_amid
from modelaudit.formats.pickles.pickle.machine import Machine
from modelaudit.formats.pickles.pickle.nested import Nested, look_inside
from modelaudit.formats.pickles.pickle.opcodes import DISPATCH, is_opcode
from modelaudit.formats.pickles.pickle.skim import SkimmingMachine
from modelaudit.formats.pickles.pickle.trial import ACTING, is_importable
from modelaudit.formats.pickles.pickle.values import Slot
from modelaudit.model.artifact import PICKLE, TORCHSCRIPT, Artifact, Window
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import Limits
from modelaudit.model.pickle import Act, Name, PickleEvent, PickleProgram, PickleStream
from modelaudit.model.structure import CodeOutline, Defect, Location, TensorData, Unread, UnreadReason
from modelaudit.model.torch import StorageClaim
from modelaudit.wire.base import HEAD_BYTES, DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.pickle_start import FUTURE, announces, names_protocol
from modelaudit.wire.windows import SubWindow, budget_of

# torch.serialization: the first of the five pickles of the format before zip.
_TORCH_MAGIC: Final = 0x1950A86A20F9469CFC6C
_TORCH_STREAMS: Final = 5
_DEFECTS_KEPT: Final = 200
_CODES: Final = 200
_TRIAL_OPCODES: Final = 100_000
_NO_ACCIDENT: Final = 3


def starts_pickle(window: Window, start: int, limits: Limits) -> bool:
    """Whether a loader that unpickles from ``start`` would find a program there.

    Protocols 2 and up announce themselves, and then one valid opcode decides. Older ones are plain ASCII, so a trial
    does: something is called before a loader would raise, or the pickles end where the bytes do. Only a fault or the
    end of the bytes says no; where neither comes, length says yes.
    """
    first = window.read(start, 3)
    if len(first) == 3 and names_protocol(first, FUTURE):
        return announces(first, FUTURE)
    position = start
    opcodes = 0
    while position < window.size:
        machine = Machine(window, position, limits)
        try:
            machine.run(DISPATCH, until=_decided)
        except LimitReachedError:
            return True
        except DamagedError:
            return _acts(machine)
        if machine.fault is not None or _acts(machine):
            return _acts(machine)
        position = machine.offset
        opcodes += machine.opcodes
        if machine.opcodes > _TRIAL_OPCODES or position - start > HEAD_BYTES:
            return True  # so much without a contradiction, or so many complete pickles in a row, is no accident
    return opcodes > 1


def _decided(machine: Machine) -> bool:
    acted_now = bool(machine.events) and machine.events[-1].offset == machine.at
    too_long = machine.opcodes > _TRIAL_OPCODES
    return machine.fault is not None or too_long or (acted_now and _acts(machine))


def _acts(machine: Machine) -> bool:
    """Whether the program did something before a loader would have raised."""
    for event in machine.events:
        if machine.fault is not None and event.offset >= machine.fault:
            return False
        name = event.subject if isinstance(event.subject, Name) else None
        if event.act is Act.IMPORT:
            # A word list may begin like an import ("cat", "dog"); hardly with a module that every Python has.
            if name and name.module.partition(".")[0] in sys.stdlib_module_names:
                return True
        elif event.act in ACTING and (name is None or is_importable(name)):
            return True
    return False


def recognises(head: Head) -> bool:
    """Whether the artifact begins with a pickle."""
    if head.content == PICKLE:
        return bool(head.data)
    return head.content in (None, TORCHSCRIPT) and bool(head.data) and starts_pickle(head.window, 0, Limits())


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Follow every pickle in the artifact; what lies behind the last one is named, never passed over."""
    streams: list[PickleStream] = []
    events: list[PickleEvent] = []
    defects: list[Defect] = []
    unread: list[Unread] = []
    absent: list[Unread] = []
    nested: list[Nested] = []
    codes: list[CodeOutline] = []
    uses: Counter[Name] = Counter()
    claims: tuple[StorageClaim, ...] = ()
    dropped = 0
    opcodes, position, layout = 0, 0, TORCHSCRIPT if artifact.content == TORCHSCRIPT else "raw"
    while position < window.size and not unread:
        if len(streams) >= limits.pickle_streams:
            unread.append(Unread(UnreadReason.LIMIT, f"more than {limits.pickle_streams} pickles", _at(position)))
            break
        machine = SkimmingMachine(window, position, limits, stream=len(streams))
        unread.extend(_run(machine))
        complete = not unread
        absent.extend(_unseen(machine, position))
        streams.append(PickleStream(position, machine.offset, machine.protocol, complete))
        events += [*machine.events, *_as_plain_pickle(machine, position)]
        defects += machine.defects
        opcodes += machine.opcodes
        nested += machine.nested
        codes += machine.codes
        dropped += machine.nested_dropped
        uses += machine.uses
        claims += machine.storages.claims()
        position = machine.offset
        if len(streams) == 1 and _is_torch_magic(machine.result):
            layout = "torch-legacy"
        if layout == "torch-legacy" and len(streams) == _TORCH_STREAMS:
            break
        if complete and position < window.size and not starts_pickle(window, position, limits):
            break
    kept = tuple(name for name, count in uses.items() if count > 0)
    trailer = None
    if layout == "torch-legacy" and len(streams) == _TORCH_STREAMS and not unread:
        keys = SubWindow(window, streams[-1].start, position - streams[-1].start, budget_of(window, limits))
        trailer = legacy.follow(window, keys, position, claims, limits)
        claims, position = trailer.claims, trailer.end
    inside = look_inside(artifact, window, nested, limits, lambda inner: _is_nested(inner, limits), dropped)
    codes += [outline for event in events for outline in inside.outlines(event)]
    settled = tuple(map(inside.settle, events))
    yield PickleProgram(
        layout, tuple(streams), settled, opcodes, kept, _first_of_each(defects), tuple(codes[:_CODES]), claims
    )
    yield from (*unread, *absent, *inside.unread)
    yield from inside.children
    if trailer is not None:
        yield TensorData(trailer.size)
        if trailer.unread is not None:
            yield trailer.unread
    what = "pickle are no pickle" if trailer is None else "storage belong to none"
    yield from _behind(artifact, window, position, limits, what, unread)


def _behind(
    artifact: Artifact, window: Window, position: int, limits: Limits, what: str, unread: list[Unread]
) -> Iterator[Reading]:
    """The bytes after the last pickle as an absence, and every pickle amid them, which a loader that seeks reads."""
    left = window.size - position
    if left and not unread:
        yield Unread(UnreadReason.NO_READER, f"{left} bytes after the last {what}", _at(position))
    # Behind damage, the rest may well be the inside of the pickle that was damaged.
    if left and (not unread or unread[-1].reason is UnreadReason.DAMAGED):
        yield from pickles_amid(artifact, window, position, limits, announced_only=bool(unread))


def _first_of_each(defects: list[Defect]) -> tuple[Defect, ...]:
    """A bounded number of each kind: many of a harmless one must not crowd out another."""
    told: Counter[str] = Counter()
    kept = []
    for defect in defects:
        told[defect.kind] += 1
        if told[defect.kind] <= _DEFECTS_KEPT:
            kept.append(defect)
    return tuple(kept)


def _unseen(machine: Machine, start: int) -> Iterator[Unread]:
    if machine.arrays.dtypes.unseen:
        yield Unread(UnreadReason.LIMIT, machine.arrays.dtypes.unseen, _at(start))


def _as_plain_pickle(followed: Machine, start: int) -> list[PickleEvent]:
    """What ``pickle.load`` would do that joblib's loader would not: to it, arrays between the opcodes are opcodes too.

    Numbers hardly ever form three opcodes in a row. An array of objects is a pickle, which it takes for a part of the
    one around: numbers of the memo then mean something else, and names come out that exist nowhere. Of these only
    what could exist is told.
    """
    first = followed.arrays.first
    # In files of joblib 1.2 and up, the length of the padding stands here, which is no opcode.
    if first is None or not any(map(is_opcode, followed.window.read(first, 1))):
        return []
    machine = SkimmingMachine(followed.window, start, followed.limits, followed.stream)
    machine.arrays.followed = False
    with suppress(DamagedError, WindowError):
        machine.run(DISPATCH, until=_has_failed)
    known = {(event.act, event.subject, event.arguments) for event in followed.events}
    told = [
        event
        for event in machine.events
        if first <= event.offset != machine.fault and (event.act, event.subject, event.arguments) not in known
    ]
    if followed.arrays.objects:
        return [event for event in told if isinstance(event.subject, Name) and _could_exist(event.subject)]
    return told if told and machine.opcodes - followed.arrays.opcodes >= _NO_ACCIDENT else []


def _has_failed(machine: Machine) -> bool:
    """Whether a loader has raised, be it because no module has such a name."""
    last = machine.events[-1] if machine.events and machine.events[-1].offset == machine.at else None
    nameless = last is not None and isinstance(last.subject, Name) and not is_importable(last.subject)
    if nameless:
        machine.fault = machine.at
    return machine.fault is not None


def _could_exist(name: Name) -> bool:
    """Whether the module is one of Python's own or lies inside a package, as two words hardly ever do by chance."""
    package, dot, _ = name.module.partition(".")
    return package in sys.stdlib_module_names or (bool(dot) and is_importable(name))


def _is_nested(window: Window, limits: Limits) -> bool:
    """Whether the bytes are a pickle to their end, or act like one whatever follows: loaders pass over the rest."""
    machine = SkimmingMachine(window, 0, limits)
    whole = not list(_run(machine)) and not machine.defects
    if _acts(machine):
        return True
    return whole and (_is_torch_magic(machine.result) or window.read(window.size - 1, 1) == b".")


def _run(machine: Machine) -> Iterator[Unread]:
    try:
        machine.run(DISPATCH)
    except OutOfBandError as unfollowed:
        yield Unread(UnreadReason.NO_READER, str(unfollowed), _at(unfollowed.offset))
    except LimitReachedError as reached:
        yield Unread(UnreadReason.LIMIT, str(reached), _at(reached.offset))
    except DamagedError as damage:
        yield Unread(UnreadReason.DAMAGED, str(damage), _at(damage.offset))
    except WindowError as failure:
        yield Unread(failure.reason, str(failure), _at(machine.offset))


def _is_torch_magic(result: Slot) -> bool:
    return isinstance(result, int) and result == _TORCH_MAGIC


def _at(offset: int | None) -> Location:
    return Location(offset=offset)
