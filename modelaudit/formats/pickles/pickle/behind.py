"""Pickles amid other bytes: behind the last pickle of a file, or in a file of a format that no reader knows.

A loader that seeks, or reads a header of its own first, takes them from there.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Final

from modelaudit.formats.pickles.pickle.machine import Machine
from modelaudit.formats.pickles.pickle.opcodes import DISPATCH
from modelaudit.formats.pickles.pickle.trial import ACTING, is_importable
from modelaudit.model.address import join_found
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import GIB, KIB, MIB, Limits
from modelaudit.model.pickle import Name
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.wire.base import DamagedError, LimitReachedError, Reader, Reading
from modelaudit.wire.pickle_start import ANNOUNCED
from modelaudit.wire.windows import SubWindow, budget_of, opener

_CHUNK: Final = 4 * MIB
_OVERLAP: Final = 4 * KIB
_MOST_BYTES: Final = 4 * GIB
_MOST_FOUND: Final = 200
_MOST_TRIALS: Final = 1_000_000
_MOST_OPCODES: Final = 2_000_000
_LONGEST_TRIAL: Final = 250_000
_FEWEST_OPCODES: Final = 8
_BEFORE_INSTANCE: Final = 512
_MARKS_TRIED: Final = 4

_DOTTED: Final = rb"[A-Za-z_][\w.]{0,99}+\n"
_GLOBAL: Final = re.compile(rb"c" + _DOTTED + _DOTTED)
_INSTANCE: Final = re.compile(rb"i" + _DOTTED + _DOTTED)
_WORD: Final = rb"\x8c[\x01-\x64][A-Za-z_][\w.]{0,99}+(?:\x94|q.)?+"
_STACK_GLOBAL: Final = re.compile(_WORD + _WORD + rb"\x93", re.DOTALL)
_SPELLED: Final = frozenset({"GLOBAL", "INST"})


def pickles_amid(
    artifact: Artifact, window: Window, start: int, limits: Limits, announced_only: bool = False
) -> Iterator[Reading]:
    """Every pickle from ``start`` on that a trial finds, as an artifact ``model.bin!pickle@4096``, bounded.

    One that announces its protocol counts if it names something to import, or runs to its STOP over a few opcodes;
    amid other bytes, an import counts if something is then called. What only looks like a pickle fails soon.
    With ``announced_only``, nothing counts that could be the inside of a pickle itself, as behind damage.

    Raises:
        WindowError: from the window.
    """
    search = _Search(window, limits, announced_only)
    budget = budget_of(window, limits)
    for count, (begin, end) in enumerate(search.extents(start)):
        if count == _MOST_FOUND:
            detail = f"more than {_MOST_FOUND} pickles stand in these bytes"
            yield Unread(UnreadReason.LIMIT, detail, Location(offset=begin))
            return
        stretch = SubWindow(window, begin, end - begin, budget)
        yield Artifact(join_found(artifact.path, "pickle", begin), stretch.size, opener(stretch))
    if search.stopped is not None:
        detail = "what follows holds too much that begins like a pickle to try it all"
        yield Unread(UnreadReason.LIMIT, detail, Location(offset=search.stopped))


class _Search:
    """One pass over the bytes of a window.

    Attributes:
        stopped: where the trials became too many, if they did.
    """

    def __init__(self, window: Window, limits: Limits, announced_only: bool) -> None:
        self._window = window
        self._limits = limits
        self._announced_only = announced_only
        self._trials = 0
        self._opcodes = 0
        self.stopped: int | None = None

    def extents(self, start: int) -> Iterator[tuple[int, int]]:
        """(first byte, byte after the last) of each pickle, none overlapping another."""
        position = taken = start
        last = min(self._window.size, start + _MOST_BYTES)
        while position < last:
            data = self._window.read(position, min(_CHUNK, last - position))
            if not data:
                return
            ends = position + len(data) >= last
            edge = len(data) if ends else max(1, len(data) - _OVERLAP)
            for at, announced in self._candidates(data):
                if position + at < taken or at >= edge:
                    continue
                if self._trials >= _MOST_TRIALS or self._opcodes >= _MOST_OPCODES:
                    self.stopped = position + at
                    return
                end = self._trial(position + at, announced)
                if end is not None:
                    yield position + at, end
                    taken = end
            position = max(position + edge, taken)

    def _candidates(self, data: bytes) -> list[tuple[int, bool]]:
        """Where a pickle may begin, in order, and whether it announces itself there."""
        found = [(match.start(), True) for match in ANNOUNCED.finditer(data)]
        if self._announced_only:
            return found
        for match in _GLOBAL.finditer(data):
            # A mark in front makes it the class of OBJ.
            mark = match.start() > 0 and data[match.start() - 1] == ord("(")
            found.append((match.start() - mark, False))
        found += ((match.start(), False) for match in _STACK_GLOBAL.finditer(data))
        for match in _INSTANCE.finditer(data):
            at = match.start()
            for _ in range(_MARKS_TRIED):
                at = data.rfind(b"(", max(0, match.start() - _BEFORE_INSTANCE), at)
                if at < 0:
                    break
                found.append((at, False))
        return sorted(set(found))

    def _trial(self, start: int, announced: bool) -> int | None:
        """The end of the pickle that begins at ``start``; ``None`` where there is none."""
        machine = Machine(self._window, start, self._limits)
        whole = False
        try:
            machine.run(DISPATCH, until=_is_decided)
            end = machine.offset if machine.fault is None else machine.fault
            whole = machine.fault is None
        except LimitReachedError:
            end = self._window.size
        except DamagedError as damage:
            end = damage.offset if damage.offset is not None else machine.offset
        self._trials += 1
        self._opcodes += machine.opcodes
        if machine.opcodes > _LONGEST_TRIAL:
            end = self._window.size
        for event in machine.events:
            if event.opcode in _SPELLED and not isinstance(event.subject, Name):
                end, whole = min(end, event.offset), False  # what is written out and is no text, a loader refuses
        if end <= start:
            return None
        counts = _imports(machine, end) if announced else _calls(machine, end, whole)
        return end if counts or (announced and whole and machine.opcodes >= _FEWEST_OPCODES) else None


def _is_decided(machine: Machine) -> bool:
    return machine.fault is not None or machine.opcodes > _LONGEST_TRIAL


def _imports(machine: Machine, end: int) -> bool:
    """Whether the program names something that could be imported, before a loader would raise."""
    return any(event.offset < end and _importable(event.subject) for event in machine.events)


def _calls(machine: Machine, end: int, whole: bool) -> bool:
    """Whether it does something with such a name: of the standard library, or anything if it runs to its STOP."""
    for event in machine.events:
        if event.act in ACTING and event.offset < end and _importable(event.subject):
            module = event.subject.module.partition(".")[0] if isinstance(event.subject, Name) else ""
            if whole or module in sys.stdlib_module_names or module == "__builtin__":
                return True
    return False


def _importable(subject: object) -> bool:
    return isinstance(subject, Name) and is_importable(subject)


def _read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    yield from pickles_amid(artifact, window, 0, limits)


SEARCH: Final = Reader("unknown", lambda head: True, _read)
"""Looks for pickles in what no reader recognises, or takes for text. Not one of ``READERS``: it reads nothing else."""
