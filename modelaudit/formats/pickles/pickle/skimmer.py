"""Skip plain data in large pickles: find how far the opcodes after a mark neither import nor call anything.

Between a mark and the first opcode that is not plain, nothing can be imported or called, and a loader raises rather
than take a value from below the mark. The machine therefore puts such a stretch on its stack as one value, unexecuted;
``stretches`` executes it when an opcode needs its values. A regular expression finds the end of a stretch at the speed
of C, where executing it in Python takes a microsecond for each opcode.
"""

from __future__ import annotations

import re
from typing import Final

from modelaudit.formats.pickles.pickle.nested import NestedConstants
from modelaudit.formats.pickles.pickle.patterns import (
    CHUNK,
    CLOSING,
    FRAME_REACH,
    STACK_GLOBAL,
    decode_index,
    locate_constant,
    patterns,
)
from modelaudit.formats.pickles.pickle.source import CONSTANT_KEPT, ByteSource
from modelaudit.formats.pickles.pickle.stretches import DeferredStretches
from modelaudit.formats.pickles.pickle.values import PlainStretch
from modelaudit.model.limits import KIB, MIB

_TEXT_OPCODES: Final = frozenset(b"X\x8c\x8d")
_SMALLEST_FILE: Final = 64 * KIB
_SHORTEST: Final = 512
_MARGIN: Final = KIB
_LONGEST_NAME: Final = 600
_WASTE: Final = MIB
_MOST_MARKS_IGNORED: Final = 32
# Part of every key in SPECIAL_KEYS: data under such a key is reported, so they are not plain.
_SPECIAL_KEY: Final = re.compile(rb"_array_|__dict__|_parse_arg_template")


def is_worth_skimming(size: int) -> bool:
    """Whether a program of ``size`` bytes is long enough; for short ones the expressions cost more than they save."""
    return size >= _SMALLEST_FILE


class Skimmer:
    """Finds the stretches of plain opcodes in one program.

    A machine with a skimmer reports the same as one without, except for contradictions inside plain data that nothing
    asks for: a loader raises there, and the machine goes on.
    """

    def __init__(self, source: ByteSource, stretches: DeferredStretches, nested: NestedConstants) -> None:
        self._source = source
        self._stretches = stretches
        self._nested = nested
        self._first = source.offset
        self._starts_at = source.offset
        self._waste = 0
        self._misses = 0
        self._marks_to_ignore = 0

    def skip_stretch(self) -> PlainStretch | None:
        """Skip the plain opcodes after a mark that was just set; ``None`` where they are too few.

        Raises:
            WindowError: the window could not return the requested bytes.
        """
        source = self._source
        start = source.offset
        if start < self._starts_at or self._stretches.is_closed:
            return None
        if self._marks_to_ignore > 0:
            self._marks_to_ignore -= 1
            return None
        opcode_offset = source.opcode_offset
        end, reached = self._find_plain_end(start)
        stretch = None
        if end - start < _SHORTEST:
            self._move_to(start)
            self._starts_at = max(self._starts_at, end)
            # Where plain data come in small pieces, looking for them costs more than executing them.
            self._misses = min(self._misses + 1, _MOST_MARKS_IGNORED)
            self._marks_to_ignore = self._misses
        else:
            self._misses = 0
            stretch = PlainStretch(start, end)
            self._move_to(end)
        # Bytes between ``end`` and ``reached`` will be looked at again. A hostile file could have that done at every
        # mark, in quadratic time, so the waste is bounded by the bytes that were skipped to advantage.
        self._waste += reached - end
        if self._waste > _WASTE + 2 * (end - self._first):
            self._starts_at = max(self._starts_at, reached)
        source.opcode_position = opcode_offset - source.base
        return stretch

    def _find_plain_end(self, start: int) -> tuple[int, int]:
        """Return where the stretch from ``start`` ends with no mark left open, and how far it was looked at.

        ``run`` matches containers nested three deep. Deeper ones are followed here by counting marks; ``outermost`` is
        where the first of those that are still open began.
        """
        source = self._source
        run, opening = patterns().run, patterns().opening
        depth, outermost = 0, start
        while True:
            if source.position + _MARGIN > len(source.buffer):
                self._refill()
            before = source.position
            source.position = run.match(source.buffer, before).end()  # type: ignore[union-attr]
            if source.position > before and not self._is_inert(before):
                return (source.base + before if depth == 0 else outermost), source.offset
            has_more = source.base + len(source.buffer) < source.size
            if has_more and source.position > before and source.position + _MARGIN > len(source.buffer):
                continue  # the run may go on in the next chunk
            opened = opening.match(source.buffer, source.position)
            if opened:
                outermost = outermost if depth else source.offset
                depth += 1
                source.position = opened.end()
            elif depth and self._is_at_closing():
                depth -= 1
                source.position += 1
            elif not self._skip_constant():
                break
        reached = source.offset
        if depth:
            return outermost, reached
        return reached - self._measure_name_before_stack_global(before), reached

    def _is_at_closing(self) -> bool:
        following = self._source.buffer[self._source.position : self._source.position + 1]
        return following != b"" and following[0] in CLOSING

    def _refill(self) -> None:
        source = self._source
        source.base, source.position = source.offset, 0
        source.buffer = source.window.read(source.base, min(CHUNK, max(0, source.size - source.base)))

    def _move_to(self, offset: int) -> None:
        source = self._source
        if not source.base <= offset <= source.base + len(source.buffer):
            source.base, source.buffer = offset, b""
        source.position = offset - source.base

    def _is_inert(self, start: int) -> bool:
        """Whether the plain opcodes from ``start`` to here stay plain whatever the memo holds.

        They do not if they set a special key, open a frame beyond the end of the file (every loader raises there, so
        the machine must see it), or read a memo entry that later opcodes can change or call.
        """
        source = self._source
        if _SPECIAL_KEY.search(source.buffer, start, source.position):
            return False
        if source.offset + FRAME_REACH > source.size:
            for frame in patterns().frames.finditer(source.buffer, start, source.position):
                if frame[1] and source.base + frame.end() + decode_index(frame[1]) > source.size:
                    return False
        return not self._stretches.reads_watched_entry(source.buffer, start, source.position)

    def _skip_constant(self) -> bool:
        """Skip a constant that is too long for the expressions, or that begins like a file; ``False`` at any other."""
        source = self._source
        constant = locate_constant(source.buffer, source.position)
        if constant is None or source.base + sum(constant) > source.size:
            return False
        begin, length = constant
        if _SPECIAL_KEY.search(source.buffer, begin, begin + length):
            return False
        is_text = source.buffer[source.position] in _TEXT_OPCODES
        head = source.buffer[begin : begin + min(length, CONSTANT_KEPT)]
        self._nested.record_constant(head, source.base + begin, length, is_text)
        source.position = begin + length
        if source.position > len(source.buffer):
            source.base, source.position, source.buffer = source.offset, 0, b""
        return True

    def _measure_name_before_stack_global(self, start: int) -> int:
        """Return the length of the module and the name before a STACK_GLOBAL, so that only they are executed."""
        source = self._source
        if source.buffer[source.position : source.position + 1] != bytes((STACK_GLOBAL,)):
            return 0
        names, run = patterns().names, patterns().run
        for begin in range(source.position - 2, max(start, source.position - _LONGEST_NAME) - 1, -1):
            spelled = names.match(source.buffer, begin)
            if spelled and spelled.end() == source.position + 1:
                # Both constants must begin where an opcode begins, not inside another constant.
                boundary = run.match(source.buffer, start, begin)
                if boundary and boundary.end() == begin:
                    return source.position - begin
        return 0
