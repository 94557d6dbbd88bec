"""Search for pickles among other bytes: behind the last pickle of a file, or in a file of an unknown format.

A loader that seeks to them, or reads a header of its own first, unpickles them.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Set
from enum import IntEnum
from heapq import heappop, heappush, merge
from itertools import groupby
from operator import itemgetter
from pickletools import opcodes
from typing import Final

from modelaudit.formats.pickles.pickle.machine import Machine
from modelaudit.formats.pickles.pickle.trial import ACTING, is_importable
from modelaudit.model.address import join_embedded
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import GIB, KIB, MIB, Limits
from modelaudit.model.pickle import Act, Name
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.wire.base import DamagedError, LimitReachedError, Reader, Reading
from modelaudit.wire.pickle_start import PROTOCOL_AND_OPCODE
from modelaudit.wire.windows import SubWindow, get_budget, make_opener

_CHUNK: Final = 4 * MIB
_OVERLAP: Final = 4 * KIB  # of two chunks; no pattern below matches more bytes
_MOST_BYTES: Final = 4 * GIB
_MOST_FOUND: Final = 200  # pickles in one file
_MOST_TRIALS: Final = 1_000_000
_MOST_OPCODES: Final = 2_000_000  # of all trials
_LONGEST_TRIAL: Final = 250_000  # opcodes of one trial
_FEWEST_OPCODES: Final = 8  # of a pickle that begins with PROTO and imports nothing
# An INST is preceded by its mark and its arguments. So many bytes are searched for marks, and so many marks are tried.
_BYTES_BEFORE_INST: Final = 512
_MARKS_TRIED: Final = 4

# GLOBAL and INST, with the lines of the module and the name: "cos\nsystem\n".
_DOTTED: Final = rb"[A-Za-z_][\w.]{0,99}+\n"
_GLOBAL: Final = defer_pattern(rb"c" + _DOTTED + _DOTTED)
# One that begins within the lines of another one, as behind a word that ends without a blank.
_GLOBAL_WITHIN: Final = defer_pattern(rb"c(?=" + _DOTTED + _DOTTED + rb")")
_LINES_OF_GLOBAL: Final = defer_pattern(rb"c[^\n]*+\n[^\n]*+\n")
# Bytes that no opcode has, and opcodes that need a mark: DICT, LIST, TUPLE, APPENDS, SETITEMS, OBJ, ADDITEMS and
# FROZENSET.
_ENDS_WITHOUT_MARK: Final = (frozenset(range(256)) - {ord(each.code) for each in opcodes}) | frozenset(
    b"dlteuo\x90\x91"
)
_INST: Final = defer_pattern(rb"i" + _DOTTED + _DOTTED)
# SHORT_BINUNICODE with a name, and MEMOIZE or BINPUT. Two of them and STACK_GLOBAL import a name.
_WORD: Final = rb"\x8c[\x01-\x64][A-Za-z_][\w.]{0,99}+(?:\x94|q.)?+"
_STACK_GLOBAL: Final = defer_pattern(_WORD + _WORD + rb"\x93", re.DOTALL)
_MARK: Final = ord("(")
# Letters of a genome set items of such a name by chance, and call none.
_CALLING: Final = frozenset({Act.CALL, Act.CONSTRUCT})
_OPCODES_WITH_NAMES: Final = frozenset({"GLOBAL", "INST"})


def find_pickles(
    artifact: Artifact, window: Window, start: int, limits: Limits, announced_only: bool = False
) -> Iterator[Reading]:
    """Yield every pickle from ``start`` on as an artifact ``model.bin!pickle@4096``, a bounded number of them.

    A pickle is found by executing it on trial, wherever one may begin. With PROTO at its start, it counts if it imports
    a name that could exist, or reaches STOP after a few opcodes; without, if it also calls or sets something. Bytes
    that only look like a pickle fail after a few opcodes.

    Args:
        artifact: the file.
        window: its bytes.
        start: offset of the first byte to search.
        limits: bounds for the machine.
        announced_only: whether to find only pickles with PROTO; after damage, others could be the inside of a pickle.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    search = _PickleSearch(window, limits, announced_only)
    budget = get_budget(window, limits)
    for count, (begin, end) in enumerate(search.find_extents(start)):
        if count == _MOST_FOUND:
            detail = f"these bytes hold more than {_MOST_FOUND} pickles"
            yield Unread(UnreadReason.LIMIT, detail, Location(offset=begin))
            return
        pickle_window = SubWindow(window, begin, end - begin, budget)
        yield Artifact(join_embedded(artifact.path, "pickle", begin), pickle_window.size, make_opener(pickle_window))
    if search.unread is not None:
        yield search.unread


class _Evidence(IntEnum):
    """The evidence that makes bytes count as a pickle: an import, any act with a name, or a call of a name."""

    IMPORT = 0
    ACT = 1
    CALL = 2


class _PickleSearch:
    """Searches the bytes of a window once for pickles.

    Attributes:
        unread: the absence if a bound ended the search; ``None`` while it did not.
    """

    def __init__(self, window: Window, limits: Limits, announced_only: bool) -> None:
        self._window = window
        self._limits = limits
        self._announced_only = announced_only
        self._trials = 0
        self._opcodes = 0
        self.unread: Unread | None = None

    def find_extents(self, start: int) -> Iterator[tuple[int, int]]:
        """Yield (first offset, offset of the byte after the end) of each pickle; none overlaps another."""
        position = last_pickle_end = start
        search_end = min(self._window.size, start + _MOST_BYTES)
        while position < search_end:
            requested_length = min(_CHUNK, search_end - position)
            chunk = self._window.read(position, requested_length)
            if not chunk:
                return
            # A truncated stream ends before its declared size, with a short read.
            is_last_chunk = position + len(chunk) >= search_end or len(chunk) < requested_length
            # Candidates near the end of a chunk wait for the next one, where the whole pattern is in view.
            usable_length = len(chunk) if is_last_chunk else len(chunk) - _OVERLAP
            for index, evidence in self._find_candidates(chunk):
                offset = position + index
                if offset < last_pickle_end or index >= usable_length:
                    continue
                if self._trials >= _MOST_TRIALS or self._opcodes >= _MOST_OPCODES:
                    detail = "too many places in the rest begin like a pickle to try all of them"
                    self.unread = Unread(UnreadReason.LIMIT, detail, Location(offset=offset))
                    return
                end = self._try_pickle(offset, evidence)
                if end is not None:
                    yield offset, end
                    last_pickle_end = end
            position = max(position + usable_length, last_pickle_end)
        if position < self._window.size:
            detail = f"only {position - start} bytes were searched for pickles"
            self.unread = Unread(UnreadReason.LIMIT, detail, Location(offset=position))

    def _find_candidates(self, data: bytes) -> Iterator[tuple[int, _Evidence]]:
        """Yield (index in ``data``, the evidence that it needs) of each place where a pickle may begin, in order."""
        announced = ((match.start(), _Evidence.IMPORT) for match in PROTOCOL_AND_OPCODE.finditer(data))
        if self._announced_only:
            return announced
        fruitless: dict[int, bool] = {}
        others = (
            _find_globals(data, _GLOBAL, fruitless),
            (match.start() for match in _STACK_GLOBAL.finditer(data)),
            _find_marks(data),
        )
        within = ((index, _Evidence.CALL) for index in _find_globals(data, _GLOBAL_WITHIN, fruitless))
        # Merged while they are read: hostile bytes have more such places than memory should hold.
        places = merge(announced, *(((index, _Evidence.ACT) for index in indices) for indices in others), within)
        return (next(group) for _, group in groupby(places, key=itemgetter(0)))

    def _try_pickle(self, start: int, evidence: _Evidence) -> int | None:
        """Return the end of the pickle that begins at ``start``; ``None`` where none does, or ``evidence`` is missing.

        A pickle that begins with PROTO needs only an import.
        """
        machine = Machine(self._window, start, self._limits)
        is_whole = False
        try:
            machine.execute(until=_is_decided)
            fault_offset = machine.recorder.fault
            end = machine.source.offset if fault_offset is None else fault_offset
            is_whole = fault_offset is None
        except LimitReachedError:
            end = self._window.size
        except DamagedError as damage:
            end = damage.offset if damage.offset is not None else machine.source.offset
        self._trials += 1
        self._opcodes += machine.opcodes
        if machine.opcodes > _LONGEST_TRIAL:
            # The trial was stopped before the end of the pickle, which may be anywhere in the rest of the window.
            end = self._window.size
        for event in machine.recorder.events:
            if event.opcode in _OPCODES_WITH_NAMES and not isinstance(event.operand, Name):
                end, is_whole = min(end, event.offset), False  # a loader raises on a name that is not text
        if end <= start:
            return None
        is_announced = evidence is _Evidence.IMPORT
        acting = _CALLING if evidence is _Evidence.CALL else ACTING
        acts = _has_import(machine, end) if is_announced else _has_call(machine, end, is_whole, acting)
        is_long_enough = is_announced and is_whole and machine.opcodes >= _FEWEST_OPCODES
        return end if acts or is_long_enough else None


def _find_globals(data: bytes, pattern: re.Pattern[bytes], fruitless: dict[int, bool]) -> Iterator[int]:
    """Yield where a pickle with the opcode GLOBAL may begin, in order.

    After a mark, the name is the class of an OBJ, and the pickle begins with the mark. Without one, several GLOBAL in
    front of an opcode that needs a mark, or of a byte without an opcode, only import, as lists of words seem to do.
    """
    for match in pattern.finditer(data):
        start = match.start()
        if start > 0 and data[start - 1] == _MARK:
            yield start - 1
        elif not _only_import(data, start, fruitless):
            yield start


def _only_import(data: bytes, start: int, fruitless: dict[int, bool]) -> bool:
    """Whether only GLOBAL follows from ``start`` on, up to a byte that ends every pickle there.

    Args:
        data: the bytes.
        start: the offset of a GLOBAL.
        fruitless: the answers so far, by offset.
    """
    passed: list[int] = []
    position = start
    while position not in fruitless and (match := _LINES_OF_GLOBAL.match(data, position)):
        passed.append(position)
        position = match.end()
    is_last = position < len(data) and data[position] in _ENDS_WITHOUT_MARK
    is_fruitless = fruitless.get(position, is_last)
    fruitless.update(dict.fromkeys(passed, is_fruitless))
    return is_fruitless


def _find_marks(data: bytes) -> Iterator[int]:
    """Yield the marks at which a pickle with the opcode INST may begin, in order.

    INST comes last, after its mark and arguments, so a pickle may begin at any of the marks before it.
    """
    waiting: list[int] = []  # a heap of the marks behind which those of the next match may lie
    for match in _INST.finditer(data):
        earliest = max(0, match.start() - _BYTES_BEFORE_INST)
        while waiting and waiting[0] < earliest:
            yield heappop(waiting)
        mark = match.start()
        for _ in range(_MARKS_TRIED):
            mark = data.rfind(b"(", earliest, mark)
            if mark < 0:
                break
            heappush(waiting, mark)
    while waiting:
        yield heappop(waiting)


def _is_decided(machine: Machine) -> bool:
    """Whether a trial may end: at a fault, or after very many opcodes."""
    return machine.recorder.fault is not None or machine.opcodes > _LONGEST_TRIAL


def _has_import(machine: Machine, end: int) -> bool:
    """Whether the program imports a name that could exist, before a loader would raise."""
    return any(event.offset < end and _is_importable_name(event.operand) for event in machine.recorder.events)


def _has_call(machine: Machine, end: int, is_whole: bool, acting: Set[Act]) -> bool:
    """Whether the program does one of ``acting`` with a name that could exist, before the offset ``end``.

    The name must be of the standard library unless the program reaches STOP, which is ``is_whole``.
    """
    for event in machine.recorder.events:
        if event.act in acting and event.offset < end and _is_importable_name(event.operand):
            module = event.operand.module.partition(".")[0] if isinstance(event.operand, Name) else ""
            if is_whole or module in sys.stdlib_module_names or module == "__builtin__":
                return True
    return False


def _is_importable_name(operand: object) -> bool:
    """Whether the operand of an event is a name that could exist."""
    return isinstance(operand, Name) and is_importable(operand)


def _read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield every pickle in the artifact."""
    yield from find_pickles(artifact, window, 0, limits)


SEARCH: Final = Reader("unknown", lambda head: True, _read)
"""Searches files of no known format, and text. It is not one of ``READERS``, because it reads only the pickles."""
