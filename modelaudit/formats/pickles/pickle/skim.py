"""The machine for large files: it passes over plain data and looks at it only where something asks for it.

Between a mark and the first opcode that is not plain, nothing can be imported or called, and a loader raises rather
than take a value from below the mark. Such a stretch is one entry on the stack. When an opcode takes a value out of it,
or reads a memo entry that it wrote, the stretch is followed opcode by opcode after all.
"""

from __future__ import annotations

import re
from typing import Final

from modelaudit.formats.pickles.pickle.machine import CONSTANT_KEPT
from modelaudit.formats.pickles.pickle.plain import (
    CHUNK,
    CLOSING,
    FRAME_REACH,
    STACK_GLOBAL,
    constant_at,
    number_of,
    patterns,
)
from modelaudit.formats.pickles.pickle.stretches import StretchedMachine
from modelaudit.formats.pickles.pickle.values import Stretch
from modelaudit.model.artifact import Window
from modelaudit.model.limits import KIB, MIB, Limits

_TEXT: Final = frozenset(b"X\x8c\x8d")
_SMALLEST_FILE: Final = 64 * KIB
_SHORTEST: Final = 512
_MARGIN: Final = KIB
_LONGEST_NAME: Final = 600
_WASTE: Final = MIB
_MOST_PASSES: Final = 32
# Part of every key in TELLING: with them, plain data is not plain.
_TELLING_KEY: Final = re.compile(rb"_array_|__dict__|_parse_arg_template")


class SkimmingMachine(StretchedMachine):
    """A ``Machine`` that keeps stretches of plain opcodes unfollowed as long as it can.

    What it reports is what ``Machine`` reports, but for contradictions inside plain data that nothing ever asks for:
    there a loader raises, and this machine goes on.
    """

    def __init__(self, window: Window, start: int, limits: Limits, stream: int = 0) -> None:
        super().__init__(window, start, limits, stream)
        self._first = start
        self._skims_from = start if window.size - start >= _SMALLEST_FILE else window.size
        self._waste = 0
        self._misses = 0
        self._passes = 0

    # -- passing over -----------------------------------------------------------------------------------------------

    def marked(self) -> None:
        """Pass over the plain opcodes behind a mark that was just set."""
        start = self.offset
        if start < self._skims_from:
            return
        if self._passes > 0:
            self._passes -= 1
            return
        at = self.at
        end, reached = self._plain_end(start)
        if end - start < _SHORTEST:
            self._move(start)
            self._skims_from = max(self._skims_from, end)
            # Where plain data comes in small pieces, looking for it costs more than following it.
            self._misses = min(self._misses + 1, _MOST_PASSES)
            self._passes = self._misses
        else:
            self._misses = 0
            self.stretch(Stretch(start, end))
            self._move(end)
        # Bytes that were looked at in vain will be looked at again; a file must not have that done without end.
        self._waste += reached - end
        if self._waste > _WASTE + 2 * (end - self._first):
            self._skims_from = max(self._skims_from, reached)
        self.op = at - self.base

    def _plain_end(self, start: int) -> tuple[int, int]:
        """Where the stretch from ``start`` ends with no mark left open, and how far it was looked at."""
        run, opening = patterns().run, patterns().opening
        depth, outermost = 0, start
        while True:
            if self.pos + _MARGIN > len(self.buffer):
                self._fill()
            before = self.pos
            self.pos = run.match(self.buffer, before).end()  # type: ignore[union-attr]
            if self.pos > before and not self._is_inert(before):
                return (self.base + before if depth == 0 else outermost), self.offset
            more = self.base + len(self.buffer) < self.size
            if more and self.pos > before and self.pos + _MARGIN > len(self.buffer):
                continue
            opened = opening.match(self.buffer, self.pos)
            if opened:
                outermost = outermost if depth else self.offset
                depth += 1
                self.pos = opened.end()
            elif depth and self.buffer[self.pos : self.pos + 1] and self.buffer[self.pos] in CLOSING:
                depth -= 1
                self.pos += 1
            elif not self._pass_constant():
                break
        reached = self.offset
        if depth:
            return outermost, reached
        return reached - self._length_of_name(before), reached

    def _fill(self) -> None:
        self.base, self.pos = self.offset, 0
        self.buffer = self.window.read(self.base, min(CHUNK, max(0, self.size - self.base)))

    def _move(self, offset: int) -> None:
        if not self.base <= offset <= self.base + len(self.buffer):
            self.base, self.buffer = offset, b""
        self.pos = offset - self.base

    def _is_inert(self, start: int) -> bool:
        """Whether the plain opcodes from ``start`` to here are what they seem, whatever the memo holds."""
        if _TELLING_KEY.search(self.buffer, start, self.pos):
            return False
        if self.offset + FRAME_REACH > self.size:
            for frame in patterns().frames.finditer(self.buffer, start, self.pos):
                if frame[1] and self.base + frame.end() + number_of(frame[1]) > self.size:
                    return False
        return not self.reads_watched(self.buffer, start, self.pos)

    def _pass_constant(self) -> bool:
        constant = constant_at(self.buffer, self.pos)
        if constant is None or self.base + sum(constant) > self.size:
            return False
        begin, length = constant
        if _TELLING_KEY.search(self.buffer, begin, begin + length):
            return False
        is_text = self.buffer[self.pos] in _TEXT
        self.note_nested(self.buffer[begin : begin + min(length, CONSTANT_KEPT)], self.base + begin, length, is_text)
        self.pos = begin + length
        if self.pos > len(self.buffer):
            self.base, self.pos, self.buffer = self.offset, 0, b""
        return True

    def _length_of_name(self, start: int) -> int:
        """The bytes of the module and the name before a STACK_GLOBAL, so that only they are followed."""
        if self.buffer[self.pos : self.pos + 1] != bytes((STACK_GLOBAL,)):
            return 0
        names, run = patterns().names, patterns().run
        for begin in range(self.pos - 2, max(start, self.pos - _LONGEST_NAME) - 1, -1):
            spelled = names.match(self.buffer, begin)
            if spelled and spelled.end() == self.pos + 1:
                boundary = run.match(self.buffer, start, begin)
                if boundary and boundary.end() == begin:
                    return self.pos - begin
        return 0

    def no_more(self) -> None:
        """Pass over nothing from here on."""
        self._skims_from = self.size
