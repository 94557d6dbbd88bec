"""Skip plain data in large pickles: find how far the opcodes after a mark neither import nor call anything.

Between a mark and the first opcode that is not plain, nothing can be imported or called, and a loader raises rather
than take a value from below the mark. The machine therefore puts such a stretch on its stack as one value, unexecuted;
``stretches`` executes it when an opcode needs its values. A regular expression finds the end of a stretch at the speed
of C, where executing it in Python takes a microsecond for each opcode.
"""

from __future__ import annotations

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
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import KIB, MIB

_TEXT_OPCODES: Final = frozenset(b"X\x8c\x8d")  # BINUNICODE, SHORT_BINUNICODE and BINUNICODE8
LONGEST_SETTING: Final = 64 * KIB
"""Bytes of a constant that may be a document with settings."""
_CONSTANTS_KEPT: Final = 100_000
_SMALLEST_FILE: Final = 64 * KIB  # bytes of a program that make skipping worth compiling the expressions
_SHORTEST_STRETCH: Final = 512  # bytes of plain data that are worth skipping
# A match this near to the end of the buffer may be one that the end has cut, so the buffer is refilled first.
_MARGIN: Final = KIB
_LONGEST_NAME: Final = 600  # module and name before STACK_GLOBAL, with their opcodes
_WASTE_ALLOWED: Final = MIB  # bytes that may be matched twice in any program
_MOST_MARKS_IGNORED: Final = 32  # after as many misses in a row
# Matches a part of each key in WATCHED_KEYS. Data under such a key are reported, so they are not plain.
_SPECIAL_KEY: Final = defer_pattern(
    rb"_array_|__dict__|_parse_arg_template|attn_implementation|restore_model_spec|store_backend|__FILE_RES"
)


def is_worth_skimming(size: int) -> bool:
    """Whether a program of ``size`` bytes is long enough; for short ones the expressions cost more than they save."""
    return size >= _SMALLEST_FILE


class Skimmer:
    """Finds the stretches of plain opcodes in one program.

    A machine with a skimmer reports the same as one without, except for contradictions inside plain data whose values
    no opcode needs: a loader raises there, and the machine goes on.
    """

    def __init__(self, source: ByteSource, stretches: DeferredStretches, nested: NestedConstants) -> None:
        self._source = source
        self._stretches = stretches
        self._nested = nested
        # The (start, end) of constants of bytes that are too long for a setting, in the order of the program.
        self.long_constants: list[tuple[int, int]] = []
        self._program_start = source.offset
        # Marks before this offset are ignored: the opcodes up to it were matched already.
        self._next_attempt = source.offset
        # Bytes that were matched beyond the end of a stretch, and will be matched again.
        self._wasted_bytes = 0
        # Marks in a row with too few plain opcodes after them.
        self._misses_in_a_row = 0
        # How many further marks to ignore, at any offset: after misses, the next mark is probably a miss too.
        self._marks_to_ignore = 0

    def skip_stretch(self) -> PlainStretch | None:
        """Skip the plain opcodes after a mark that was just set; ``None`` where they are too few.

        Raises:
            WindowError: the window could not return the requested bytes.
        """
        source = self._source
        start = source.offset
        if start < self._next_attempt or self._stretches.is_closed:
            return None
        if self._marks_to_ignore > 0:
            self._marks_to_ignore -= 1
            return None
        opcode_offset = source.opcode_offset
        end, matched_end = self._find_plain_end(start)
        stretch = None
        if end - start < _SHORTEST_STRETCH:
            self._move_to(start)
            self._next_attempt = max(self._next_attempt, end)
            # Where plain data come in small pieces, looking for them costs more than executing them.
            self._misses_in_a_row = min(self._misses_in_a_row + 1, _MOST_MARKS_IGNORED)
            self._marks_to_ignore = self._misses_in_a_row
        else:
            self._misses_in_a_row = 0
            stretch = PlainStretch(start, end)
            self._move_to(end)
        # Bytes between ``end`` and ``matched_end`` will be matched again. A hostile file could cause that at every
        # mark, in quadratic time, so the waste is bounded by the bytes before ``end``.
        self._wasted_bytes += matched_end - end
        if self._wasted_bytes > _WASTE_ALLOWED + 2 * (end - self._program_start):
            self._next_attempt = max(self._next_attempt, matched_end)
        # The opcode that is being executed is still the mark, though the buffer may be another one now.
        source.opcode_position = opcode_offset - source.base
        return stretch

    def _find_plain_end(self, start: int) -> tuple[int, int]:
        """Return the offset where the stretch from ``start`` ends with no mark open, and the offset of the last match.

        ``plain_run`` matches containers nested three deep. Deeper ones are followed here: ``depth`` counts their marks.
        """
        source = self._source
        plain_run, opening, deep_openings = patterns().plain_run, patterns().opening, patterns().deep_openings
        # The offset of the first mark that is still open, where the stretch must end if the mark is never closed.
        outermost_mark = start
        depth = 0
        while True:
            if source.position + _MARGIN > len(source.buffer):
                self._refill()
            run_start = source.position
            source.position = plain_run.match(source.buffer, run_start).end()  # type: ignore[union-attr]
            has_advanced = source.position > run_start
            if has_advanced and not self._is_inert(run_start):
                return (source.base + run_start if depth == 0 else outermost_mark), source.offset
            has_more = source.base + len(source.buffer) < source.size
            if has_more and has_advanced and source.position + _MARGIN > len(source.buffer):
                continue  # the run may go on in the next chunk
            # Trying a plain run at each of many marks in a row would take ten times as long.
            in_buffer = (source.buffer, source.position)
            opened = deep_openings.match(*in_buffer) or opening.match(*in_buffer)
            if opened:
                outermost_mark = outermost_mark if depth else source.offset
                depth += len(opening.findall(source.buffer, *opened.span()))
                source.position = opened.end()
            elif depth and self._is_at_closing():
                depth -= 1
                source.position += 1
            elif not self._skip_constant():
                break
        matched_end = source.offset
        if depth:
            return outermost_mark, matched_end
        return matched_end - self._measure_name_before_stack_global(run_start), matched_end

    def _is_at_closing(self) -> bool:
        """Whether the next opcode takes the values above the last mark."""
        following = self._source.buffer[self._source.position : self._source.position + 1]
        return following != b"" and following[0] in CLOSING

    def _refill(self) -> None:
        """Read the chunk that begins at the next byte; at the end of the file, it is empty."""
        source = self._source
        source.base, source.position = source.offset, 0
        source.buffer = source.window.read(source.base, min(CHUNK, max(0, source.size - source.base)))

    def _move_to(self, offset: int) -> None:
        """Make ``offset`` the next byte, and drop the buffer if it does not hold it."""
        source = self._source
        if not source.base <= offset <= source.base + len(source.buffer):
            source.base, source.buffer = offset, b""
        source.position = offset - source.base

    def _is_inert(self, start: int) -> bool:
        """Whether the plain opcodes from the index ``start`` of the buffer to the position may be skipped.

        They may not if they contain a special key, open a frame beyond the end of the file (every loader raises there,
        so the machine must see it), or read a memo entry that other opcodes can change or call.
        """
        source = self._source
        if _SPECIAL_KEY.search(source.buffer, start, source.position):
            return False
        if source.offset + FRAME_REACH > source.size:
            for frame in patterns().frames.finditer(source.buffer, start, source.position):
                # The group is the FRAME; the match at the end of the bytes has none.
                if frame[1] and source.base + frame.end() + decode_index(frame[1]) > source.size:
                    return False
        return not self._stretches.reads_watched_entry(source.buffer, start, source.position)

    def _skip_constant(self) -> bool:
        """Skip the constant here, which is too long for the expressions or begins like a file, and record a file in it.

        Returns ``False``, and skips nothing, if no constant is here, or it is truncated or a special key.
        """
        source = self._source
        constant = locate_constant(source.buffer, source.position)
        if constant is None:
            return False
        content_start, length = constant
        content_end = content_start + length
        if source.base + content_end > source.size or _SPECIAL_KEY.search(source.buffer, content_start, content_end):
            return False
        is_text = source.buffer[source.position] in _TEXT_OPCODES
        first_bytes = source.buffer[content_start : min(content_end, content_start + CONSTANT_KEPT)]
        self._nested.record_constant(first_bytes, source.base + content_start, length, is_text)
        if length > LONGEST_SETTING and not is_text and len(self.long_constants) < _CONSTANTS_KEPT:
            self.long_constants.append((source.base + content_start, source.base + content_end))
        source.position = content_end
        if source.position > len(source.buffer):
            source.base, source.position, source.buffer = source.offset, 0, b""
        return True

    def _measure_name_before_stack_global(self, start: int) -> int:
        """Return how many bytes the module and the name take before the STACK_GLOBAL that may be here; otherwise 0.

        The stretch ends before them, so that only they are executed, and not the whole stretch. ``start`` is the index
        in the buffer where the last run of plain opcodes begins.
        """
        source = self._source
        if source.buffer[source.position : source.position + 1] != bytes((STACK_GLOBAL,)):
            return 0
        names, plain_run = patterns().names, patterns().plain_run
        earliest = max(start, source.position - _LONGEST_NAME)
        # Opcodes cannot be decoded backwards, so each earlier byte is tried as the start of the module. The module and
        # the name have two opcodes at least.
        for name_start in range(source.position - 2, earliest - 1, -1):
            match = names.match(source.buffer, name_start)
            if match and match.end() == source.position + 1:
                # Both constants must begin where an opcode begins, not inside another constant.
                opcodes_before = plain_run.match(source.buffer, start, name_start)
                if opcodes_before and opcodes_before.end() == name_start:
                    return source.position - name_start
        return 0
