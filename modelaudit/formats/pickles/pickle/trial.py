"""Distinguish a pickle from bytes that only begin like one, by the acts and the names that a trial execution finds."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from typing import Final

from modelaudit.formats.pickles.pickle.machine import Machine
from modelaudit.model.artifact import Window
from modelaudit.model.limits import Limits
from modelaudit.model.pickle import Act, Name, Unknown
from modelaudit.wire.base import DamagedError, LimitReachedError

ACTING: Final = frozenset({Act.CALL, Act.CONSTRUCT, Act.SET_STATE, Act.SET_ITEM})
"""Acts that use an imported name."""

_LONGEST_TRIAL: Final = 10_000  # opcodes
# Prose hardly decodes to so many opcodes.
_FEWEST_OPCODES: Final = 6
# INST imports a name and calls it at once. A code of the extension registry matters if its object is used.
_DECIDING: Final = ACTING | {Act.IMPORT}

# Identifiers with dots between them, such as os.path.join.
_IMPORTABLE: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


def is_importable(name: Name) -> bool:
    """Whether this could be the name of a module and its attribute; a loader raises on any other name."""
    return _IMPORTABLE.fullmatch(str(name)) is not None


def imports_name(window: Window, limits: Limits) -> bool:
    """Whether a window holds a pickle that imports a name before the opcode where every loader would raise.

    A program with more opcodes than a trial executes counts as well: other bytes fail after a few opcodes.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    machine = Machine(window, 0, replace(limits, pickle_opcodes=_LONGEST_TRIAL))
    try:
        machine.execute(until=_is_decided)
    except LimitReachedError:
        return True
    except DamagedError:
        pass
    fault = machine.recorder.fault
    return any(
        event.act in _DECIDING
        and (fault is None or event.offset < fault)
        and (isinstance(event.operand, Unknown) or (isinstance(event.operand, Name) and is_importable(event.operand)))
        for event in machine.recorder.events
    )


def _is_decided(machine: Machine) -> bool:
    """Whether the program has imported something, or every loader would have raised."""
    events = machine.recorder.events
    return machine.recorder.fault is not None or (bool(events) and events[-1].act in _DECIDING)


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
