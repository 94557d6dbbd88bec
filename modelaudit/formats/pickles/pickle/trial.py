"""Distinguish a pickle from bytes that only begin like one, by the acts and the names that a trial execution finds."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from modelaudit.formats.pickles.pickle.machine import INVALID_NAME, Machine, is_opcode
from modelaudit.model.artifact import Window
from modelaudit.model.copies import replace
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.pickle import Act, CallResult, Name, PickleEvent, Unknown
from modelaudit.wire.base import DamagedError, LimitReachedError

ACTING: Final = frozenset({Act.CALL, Act.CONSTRUCT, Act.SET_STATE, Act.SET_ITEM})
"""Acts that use an imported name."""

_UNPICKLED_EXTENSIONS: Final = (
    *(".bin", ".ckpt", ".cloudpickle", ".dill", ".joblib"),
    *(".pckl", ".pickle", ".pkl", ".pt", ".pth"),
)
_LONGEST_TRIAL: Final = 10_000  # opcodes
# Prose hardly decodes to so many opcodes.
_FEWEST_OPCODES: Final = 6
# INST imports a name and calls it at once. A code of the extension registry matters if its object is used.
_DECIDING: Final = ACTING | {Act.IMPORT}
_CALLING: Final = frozenset({Act.CALL, Act.CONSTRUCT})

# Identifiers with dots between them, such as os.path.join.
_IMPORTABLE: Final = defer_pattern(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


def is_importable(name: Name) -> bool:
    """Whether this could be the name of a module and its attribute; a loader raises on any other name."""
    return _IMPORTABLE.fullmatch(str(name)) is not None


def is_unpickled_by_name(path: str) -> bool:
    """Whether common loaders unpickle a file of this name, whatever its first bytes are."""
    return path.lower().endswith(_UNPICKLED_EXTENSIONS)


def imports_name(window: Window, limits: Limits) -> bool:
    """Whether a window holds a pickle that imports a name before the opcode where every loader would raise.

    A program with more opcodes than a trial executes counts as well: other bytes fail after a few opcodes.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    return _execute_trial(window, limits) is True


def may_import_name(head: Window, limits: Limits) -> bool:
    """Whether the first bytes of a pickle import a name, or end before an opcode where every loader would raise.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    return _execute_trial(head, limits) is not False


def _execute_trial(window: Window, limits: Limits) -> bool | None:
    """Return whether a pickle imports a name before every loader would raise; ``None`` if the bytes end before."""
    machine = Machine(window, 0, replace(limits, pickle_opcodes=_LONGEST_TRIAL))
    try:
        machine.execute(until=_is_decided)
    except LimitReachedError:
        return True
    except DamagedError:
        last_opcode = window.read(machine.source.opcode_offset, 1)
        is_cut_off = machine.recorder.fault is None and (not last_opcode or is_opcode(last_opcode[0]))
        return _has_imported(machine) or (None if is_cut_off else False)
    return _has_imported(machine)


def _is_decided(machine: Machine) -> bool:
    """Whether the program has imported something, or every loader would have raised."""
    if machine.recorder.fault is not None:
        return True
    events = machine.recorder.events
    is_new_event = bool(events) and events[-1].offset == machine.source.opcode_offset
    return is_new_event and (_raises_everywhere(events[-1]) or _uses_import(events[-1]))


def _has_imported(machine: Machine) -> bool:
    """Whether the program imports a name, or uses an object from outside, before every loader would raise."""
    fault = machine.recorder.fault
    for event in machine.recorder.events:
        if (fault is not None and event.offset >= fault) or _raises_everywhere(event):
            return False
        if _uses_import(event):
            return True
    return False


def _uses_import(event: PickleEvent) -> bool:
    """Whether an event imports a name that could exist, or uses an object that only the loader knows."""
    operand = event.operand
    return event.act in _DECIDING and (
        isinstance(operand, Unknown) or (isinstance(operand, Name) and is_importable(operand))
    )


def _raises_everywhere(event: PickleEvent) -> bool:
    """Whether every loader raises at an event: it calls a plain value, or imports a name that is not text.

    Setting the state or the items of a plain value may succeed: nothing is set, or the value is a bytearray.
    """
    is_plain = not isinstance(event.operand, Name | Unknown | CallResult)
    return (is_plain and event.act in _CALLING) or event.operand is INVALID_NAME


def begins_program(window: Window, limits: Limits) -> bool:
    """Whether a window holds a pickle that imports a name, or begins with a few opcodes that every loader executes.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    machine = Machine(window, 0, limits)
    with suppress(DamagedError):
        machine.execute(until=lambda running: running.opcodes > _FEWEST_OPCODES or running.recorder.fault is not None)
    # The last opcode may be the one that fails.
    return machine.opcodes > _FEWEST_OPCODES or imports_name(window, limits)
