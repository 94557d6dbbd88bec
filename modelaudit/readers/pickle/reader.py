"""Reads pickles: any number of streams that follow one another, and the legacy torch layout built from five of them."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Final

from modelaudit.model.artifact import PICKLE, TORCHSCRIPT, Artifact, Window
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import Limits
from modelaudit.model.pickle import Act, Name, PickleEvent, PickleProgram, PickleStream
from modelaudit.model.structure import Defect, Location, TensorData, Unread, UnreadReason
from modelaudit.readers.base import HEAD_BYTES, DamagedError, Head, LimitReachedError, Reader, Reading
from modelaudit.readers.pickle.machine import Machine
from modelaudit.readers.pickle.nested import Nested, children
from modelaudit.readers.pickle.opcodes import DISPATCH, OutOfBandError, is_opcode
from modelaudit.readers.pickle.skim import SkimmingMachine
from modelaudit.readers.pickle.values import Slot

# torch.serialization: the first of the five pickles of the format before zip.
_TORCH_MAGIC: Final = 0x1950A86A20F9469CFC6C
_TORCH_STREAMS: Final = 5
_PROTOCOLS: Final = 16  # more than there are: a protocol of the future is a pickle that cannot be read
_DEFECTS_KEPT: Final = 200
_TRIAL_OPCODES: Final = 100_000
_ACTING: Final = frozenset({Act.CALL, Act.CONSTRUCT, Act.SET_STATE, Act.SET_ITEM})
_IMPORTABLE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


def starts_pickle(window: Window, start: int, limits: Limits) -> bool:
    """Whether a loader that unpickles from ``start`` would find a program there.

    Protocols 2 and up announce themselves, and then one valid opcode decides. Older ones are plain ASCII, so a trial
    does: something is called before a loader would raise, or the pickles end where the bytes do. Only a fault or the
    end of the bytes says no; where neither comes, length says yes.
    """
    announced = window.read(start, 3)
    if len(announced) == 3 and announced[0] == 0x80 and announced[1] <= _PROTOCOLS:
        return is_opcode(announced[2])
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
        elif event.act in _ACTING and (name is None or _IMPORTABLE.fullmatch(str(name))):
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
    nested: list[Nested] = []
    uses: Counter[Name] = Counter()
    dropped = 0
    opcodes, position, layout = 0, 0, TORCHSCRIPT if artifact.content == TORCHSCRIPT else "raw"
    while position < window.size and not unread:
        if len(streams) >= limits.pickle_streams:
            unread.append(Unread(UnreadReason.LIMIT, f"more than {limits.pickle_streams} pickles", _at(position)))
            break
        machine = SkimmingMachine(window, position, limits, stream=len(streams))
        unread.extend(_run(machine))
        complete = not unread
        streams.append(PickleStream(position, machine.offset, machine.protocol, complete))
        events += machine.events
        defects += machine.defects
        opcodes += machine.opcodes
        nested += machine.nested
        dropped += machine.nested_dropped
        uses += machine.uses
        position = machine.offset
        if len(streams) == 1 and _is_torch_magic(machine.result):
            layout = "torch-legacy"
        if layout == "torch-legacy" and len(streams) == _TORCH_STREAMS:
            break
        if complete and position < window.size and not starts_pickle(window, position, limits):
            break
    kept = tuple(name for name, count in uses.items() if count > 0)
    yield PickleProgram(layout, tuple(streams), tuple(events), opcodes, kept, tuple(defects[:_DEFECTS_KEPT]))
    yield from unread
    if dropped:
        yield Unread(UnreadReason.LIMIT, f"{dropped} more pickles lie inside this one than are read")
    yield from children(artifact, window, nested, limits, lambda inner: _runs_through(inner, limits))
    left = window.size - position
    if left and not unread:
        if layout == "torch-legacy":
            yield TensorData(left)
        else:
            yield Unread(UnreadReason.NO_READER, f"{left} bytes after the last pickle are no pickle", _at(position))


def _runs_through(window: Window, limits: Limits) -> bool:
    machine = SkimmingMachine(window, 0, limits)
    return not list(_run(machine)) and not machine.defects


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


READER = Reader("pickle", recognises, read)
