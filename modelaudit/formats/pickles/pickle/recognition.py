"""Recognise pickles: older protocols have no signature, so a trial of the program decides."""

from __future__ import annotations

import sys
from typing import Final

from modelaudit.formats.pickles.pickle.machine import Machine
from modelaudit.formats.pickles.pickle.trial import ACTING, imports_name, is_importable, is_unpickled_by_name
from modelaudit.model.artifact import PICKLE, TORCHSCRIPT, Window
from modelaudit.model.limits import Limits
from modelaudit.model.pickle import Act, Name
from modelaudit.wire.base import HEAD_BYTES, DamagedError, Head, LimitReachedError
from modelaudit.wire.pickle_start import HIGHEST_FUTURE_PROTOCOL, begins_with_protocol, begins_with_protocol_and_opcode

_DEFAULT_LIMITS: Final = Limits()
_TRIAL_OPCODES: Final = 100_000  # after so many without a fault, bytes count as a pickle


def starts_pickle(window: Window, start: int, limits: Limits) -> bool:
    """Whether a loader that unpickles from ``start`` would find a program there.

    Protocols 2 and up begin with PROTO, and then the next opcode only has to be valid. Older ones are plain ASCII, and
    a trial decides: the program acts before a loader would raise, or the pickles end where the bytes do. A program that
    reaches neither a fault nor the end of the bytes within a bound counts as a pickle.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    first = window.read(start, 3)
    if len(first) == 3 and begins_with_protocol(first, HIGHEST_FUTURE_PROTOCOL):
        return begins_with_protocol_and_opcode(first, HIGHEST_FUTURE_PROTOCOL)
    position = start
    opcodes = 0
    while position < window.size:
        machine = Machine(window, position, limits)
        try:
            machine.execute(until=_is_decided)
        except LimitReachedError:
            return True
        except DamagedError:
            return has_acted(machine)
        if machine.recorder.fault is not None or has_acted(machine):
            return has_acted(machine)
        # This pickle does nothing; another one may follow it.
        position = machine.source.offset
        opcodes += machine.opcodes
        if machine.opcodes > _TRIAL_OPCODES or position - start > HEAD_BYTES:
            return True  # chance does not produce so many opcodes, or complete pickles in a row, without a fault
    # A single STOP, the byte ".", makes no pickle.
    return opcodes > 1


def _is_decided(machine: Machine) -> bool:
    """Whether a trial may end: at a fault, at an act, or after very many opcodes."""
    recorder = machine.recorder
    is_new_event = bool(recorder.events) and recorder.events[-1].offset == machine.source.opcode_offset
    is_too_long = machine.opcodes > _TRIAL_OPCODES
    return recorder.fault is not None or is_too_long or (is_new_event and has_acted(machine))


def has_acted(machine: Machine) -> bool:
    """Whether the program has done something before the opcode where a loader would have raised."""
    fault = machine.recorder.fault
    for event in machine.recorder.events:
        if fault is not None and event.offset >= fault:
            return False
        name = event.operand if isinstance(event.operand, Name) else None
        if event.act is Act.IMPORT:
            # A word list may begin like an import ("cat", "dog"), but hardly with a module of the standard library.
            if name and name.module.partition(".")[0] in sys.stdlib_module_names:
                return True
        elif event.act in ACTING and (name is None or is_importable(name)):
            return True
    return False


def recognises(head: Head) -> bool:
    """Whether the artifact begins with a pickle.

    Under a name that loaders unpickle, an import of any module is enough, whatever follows it: they import it before
    they raise. Under another name, text may begin like an import.
    """
    if head.content == PICKLE:  # the container around the bytes says that they are a pickle
        return bool(head.data)
    if head.content not in (None, TORCHSCRIPT) or not head.data:
        return False
    return starts_pickle(head.window, 0, _DEFAULT_LIMITS) or (
        is_unpickled_by_name(head.path) and imports_name(head.window, _DEFAULT_LIMITS)
    )
