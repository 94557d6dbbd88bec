"""The machine for large files: it passes over plain data and looks at it only where something asks for it.

Between a mark and the first opcode that is not plain, nothing can be imported or called, and a loader raises rather
than take a value from below the mark. Such a stretch is one entry on the stack. When an opcode takes a value out of it,
or reads a memo entry that it wrote, the stretch is followed opcode by opcode after all.
"""

from __future__ import annotations

import re
from typing import Final

from modelaudit.model.artifact import Window
from modelaudit.model.limits import KIB, MIB, Limits
from modelaudit.model.pickle import Made, Name, Unknown
from modelaudit.readers.base import LimitReachedError
from modelaudit.readers.pickle.machine import CONSTANT_KEPT, Machine
from modelaudit.readers.pickle.memo import Memo
from modelaudit.readers.pickle.plain import (
    CHUNK,
    CLOSING,
    FRAME_REACH,
    STACK_GLOBAL,
    constant_at,
    number_of,
    patterns,
    pieces_between,
    tokens_between,
)
from modelaudit.readers.pickle.values import MEMORY_VIEWS, REPLACED, Box, Slot, Stretch

_TEXT: Final = frozenset(b"X\x8c\x8d")
_SMALLEST_FILE: Final = 64 * KIB
_SHORTEST: Final = 512
_MARGIN: Final = KIB
_LONGEST_NAME: Final = 600
_WASTE: Final = MIB
_MOST_PASSES: Final = 32
# Part of every key in MEMORY_VIEWS, and REPLACED: with them, plain data is not plain.
_TELLING_KEY: Final = re.compile(rb"_array_|__dict__")
_TELLING: Final = MEMORY_VIEWS | {REPLACED}
_ACTING: Final = frozenset({Name, Unknown, Made})
_CHANGING: Final = frozenset({"list", "dict", "set"})
_MOST_SPELLINGS: Final = 64


class SkimmingMachine(Machine):
    """A ``Machine`` that keeps stretches of plain opcodes unfollowed as long as it can.

    What it reports is what ``Machine`` reports, but for contradictions inside plain data that nothing ever asks for:
    there a loader raises, and this machine goes on.
    """

    def __init__(self, window: Window, start: int, limits: Limits, stream: int = 0) -> None:
        super().__init__(window, start, limits, stream)
        self._first = start
        self._skims_from = start if window.size - start >= _SMALLEST_FILE else window.size
        self._stretches: list[Stretch] = []
        self._counted = 0
        self._acting: set[int] = set()
        self._spellings: list[bytes] = []
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
            stretch = Stretch(start, end)
            self._stretches.append(stretch)
            self.stack.append(stretch)
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

    def frame_end(self) -> int:
        """As ``Machine.frame_end``; of the stretches, only those near enough to matter are looked at."""
        last = super().frame_end()
        for stretch in reversed(self._stretches):
            if stretch.end + FRAME_REACH < self.offset:
                break
            if stretch.frame is None:
                stretch.frame = self._frame_in(stretch)
            last = max(last, stretch.frame)
        return last

    def _frame_in(self, stretch: Stretch) -> int:
        last = 0
        for position, data in pieces_between(self.window, stretch.start, stretch.end):
            for frame in patterns().frames.finditer(data):
                if frame[1]:
                    last = position + frame.end() + number_of(frame[1])
        return last

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
        # Where not even the bytes of such a GET occur, be it inside a constant, there is none.
        few = len(self._spellings) < _MOST_SPELLINGS
        if few and all(self.buffer.find(get, start, self.pos) < 0 for get in self._spellings):
            return True
        read = patterns().reads.findall(self.buffer, start, self.pos)
        return self._acting.isdisjoint(number_of(get) for get in set(read) if get)

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

    # -- coming back ------------------------------------------------------------------------------------------------

    def pop(self) -> Slot:
        """As ``Machine.pop``."""
        if self.stack and type(self.stack[-1]) is Stretch:
            self._follow_top()
        return super().pop()

    def top(self) -> Slot:
        """As ``Machine.top``."""
        if self.stack and type(self.stack[-1]) is Stretch:
            self._follow_top()
        return super().top()

    def pop_mark(self) -> list[Slot]:
        """As ``Machine.pop_mark``."""
        return self.followed(super().pop_mark())

    def followed(self, values: list[Slot]) -> list[Slot]:
        """As ``Machine.followed``."""
        found: list[Slot] = []
        for value in values:
            found += self._followed(value) if type(value) is Stretch else (value,)
        return found

    def pop_mark_unseen(self) -> list[Slot]:
        """As ``Machine.pop_mark_unseen``: stretches stay what they are."""
        return super().pop_mark()

    def recall(self, index: int) -> None:
        """As ``Machine.recall``."""
        if self._counted < len(self._stretches):
            self._count()
        super().recall(index)
        if type(self.stack[-1]) is Stretch:
            entry = self.stack.pop()
            self._followed(entry)  # type: ignore[arg-type]
            super().recall(index)

    def remember(self, index: int) -> None:
        """As ``Machine.remember``."""
        if self._counted < len(self._stretches):
            self._count()
        if self._stretches and index in self.memo:
            self._follow_all()
        super().remember(index)
        self._watch(index, self.stack[-1])

    def memoize(self) -> None:
        """As ``Machine.memoize``; most of what a program of objects does, and so without its detours."""
        if self._counted < len(self._stretches):
            self._count()
        memo, stack = self.memo, self.stack
        index = len(memo.dense)
        if memo.sparse or index >= self.limits.pickle_memo or len(stack) <= (self.marks[-1] if self.marks else 0):
            self.remember(len(memo))
            return
        value = stack[-1]
        if type(value) is Stretch:
            value = self.top()
        memo.dense.append(value)
        self._watch(index, value)

    def _watch(self, index: int, value: Slot) -> None:
        """Note an entry that plain opcodes could act with, or change: what reads it is not passed over."""
        kind = type(value)
        changes = kind is Box and value.type in _CHANGING  # type: ignore[union-attr]
        if (changes or kind in _ACTING or (kind is str and value in _TELLING)) and index not in self._acting:
            self._acting.add(index)
            # A negative one is no opcode's, and what has more than 32 bits no GET can spell.
            if 0 <= index < 2**32 and len(self._spellings) < _MOST_SPELLINGS:
                self._spellings += [b"h" + bytes((index,))] if index < 256 else []
                self._spellings.append(b"j" + index.to_bytes(4, "little"))

    def _follow_top(self) -> None:
        while self.stack and type(self.stack[-1]) is Stretch:
            stretch = self.stack.pop()
            self.stack += self._followed(stretch)  # type: ignore[arg-type]

    def _count(self) -> None:
        """Give the stretches their places in the memo."""
        while self._counted < len(self._stretches):
            stretch = self._stretches[self._counted]
            self._counted += 1
            if stretch.values is None:
                self._place(stretch)

    def _place(self, stretch: Stretch) -> None:
        stretch.first = len(self.memo)
        writes = patterns().writes
        added = 0
        indices: set[int] = set()
        for data in tokens_between(self.window, stretch.start, stretch.end):
            found = writes.findall(data)
            added += found.count(b"\x94")
            indices |= {number_of(put) for put in set(found) if len(put) > 1}
        if stretch.first + added + len(indices) > self.limits.pickle_memo:
            raise LimitReachedError(f"more than {self.limits.pickle_memo} memo entries", stretch.start)
        counted = range(stretch.first, stretch.first + added)
        written = (*indices, *counted) if self.memo.sparse else indices
        if (indices and added) or any(index in self.memo for index in written):
            # No pickler numbers its entries so. What is found where depends on the order: all of it is followed.
            self._follow_all()
            return
        for index in sorted(indices):
            self.memo[index] = stretch
        for index in counted:
            self.memo[index] = stretch

    def _follow_all(self) -> None:
        """Follow every stretch there is and pass over none any more: entries of the memo are written anew."""
        for stretch in self._stretches[: self._counted]:
            if stretch.first is not None and stretch.values is None:
                self._follow(stretch)
        self._skims_from = self.size

    def _followed(self, stretch: Stretch) -> list[Slot]:
        """The values of a stretch, after those that it reads, and with what others have changed in them since."""
        self._count()
        wanted = [stretch] if stretch.values is None else []
        while wanted:
            changing: set[int] = set()
            for each in sorted(self._with_sources(wanted), key=lambda one: one.start):
                changing |= self._follow(each)
            rest = (one for one in self._stretches if one.values is None)
            wanted = [one for one in rest if changing and not changing.isdisjoint(self._reads(one))]
        return stretch.values or []

    def _with_sources(self, stretches: list[Stretch]) -> set[Stretch]:
        """The stretches and, over any number of steps, those whose memo entries they read."""
        waiting, found = list(stretches), set(stretches)
        while waiting:
            for index in self._reads(waiting.pop()):
                entry = self.memo.get(index)
                if type(entry) is Stretch and entry.values is None and entry not in found:
                    found.add(entry)
                    waiting.append(entry)
        return found

    def _reads(self, stretch: Stretch) -> frozenset[int]:
        if stretch.reads is None:
            read: set[bytes] = set()
            for data in tokens_between(self.window, stretch.start, stretch.end):
                read.update(patterns().reads.findall(data))
            stretch.reads = frozenset(number_of(get) for get in read if get)
        return stretch.reads

    def _follow(self, stretch: Stretch) -> set[int]:
        """Follow one stretch; returns the memo entries it made that can be changed."""
        machine = Machine(self.window, stretch.start, self.limits, self.stream)
        machine.memo = _Written(self.memo, stretch)
        machine.protocol = self.protocol
        machine.events, machine.defects, machine.uses = self.events, self.defects, self.uses
        machine.seen, machine.told = self.seen, self.told
        machine.run(self.dispatch, until=lambda follower: follower.offset >= stretch.end)
        stretch.values = machine.stack
        made = machine.memo.hand_over()
        for index in made:
            self._watch(index, self.memo[index])
        return {index for index in made if index in self._acting}


class _Written(Memo):
    """The memo as a stretch sees it: what it writes itself stands before what was there."""

    def __init__(self, outer: Memo, stretch: Stretch) -> None:
        super().__init__()
        self._outer = outer
        self._stretch = stretch
        self._own: dict[int, Slot] = {}
        self._new = 0

    def __len__(self) -> int:
        return (self._stretch.first or 0) + self._new

    def __contains__(self, index: int) -> bool:
        return index in self._own or index in self._outer

    def __getitem__(self, index: int) -> Slot:
        value = self._own[index] if index in self._own else self._outer[index]
        return Unknown(f"memo entry {index}") if type(value) is Stretch else value

    def __setitem__(self, index: int, value: Slot) -> None:
        if index not in self._own and (index not in self._outer or self._outer[index] is self._stretch):
            self._new += 1
        self._own[index] = value

    def hand_over(self) -> list[int]:
        """Write the entries into the memo around; returns their indices."""
        for index, value in self._own.items():
            self._outer[index] = value
        return list(self._own)
