"""The machine in whose stack and memo ``Stretch`` may stand, and which follows one as soon as something asks for it."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.pickles.pickle.machine import Machine
from modelaudit.formats.pickles.pickle.memo import Memo
from modelaudit.formats.pickles.pickle.plain import FRAME_REACH, number_of, patterns, pieces_between, tokens_between
from modelaudit.formats.pickles.pickle.values import TELLING, Box, Slot, Stretch
from modelaudit.model.artifact import Window
from modelaudit.model.limits import Limits
from modelaudit.model.pickle import Made, Name, Unknown
from modelaudit.wire.base import LimitReachedError

_ACTING: Final = frozenset({Name, Unknown, Made})
_CHANGING: Final = frozenset({"list", "dict", "set"})
_MOST_SPELLINGS: Final = 64


class StretchedMachine(Machine):
    """A ``Machine`` that follows plain opcodes only when an opcode takes a value that they made.

    What they write to the memo is counted when the memo is next used. An entry that plain opcodes could act with or
    change is watched: a stretch that reads one is none.
    """

    def __init__(self, window: Window, start: int, limits: Limits, stream: int = 0) -> None:
        super().__init__(window, start, limits, stream)
        self._stretches: list[Stretch] = []
        self._uncounted: list[Stretch] = []
        # In the order of the bytes; what was followed is taken out.
        self._unfollowed: dict[Stretch, None] = {}
        self._watched: set[int] = set()
        self._spellings: list[bytes] = []

    def stretch(self, stretch: Stretch) -> None:
        """Push what the stretch leaves, unseen."""
        self.stack.append(stretch)
        self._stretches.append(stretch)
        self._uncounted.append(stretch)
        self._unfollowed[stretch] = None

    def no_more(self) -> None:
        """Pass over nothing from here on."""

    def reads_watched(self, data: bytes, start: int, end: int) -> bool:
        """Whether the plain opcodes in ``data`` from ``start`` to ``end`` read an entry that is watched."""
        # Where not even the bytes of such a GET occur, be it inside a constant, there is none.
        few = len(self._spellings) < _MOST_SPELLINGS
        if few and all(data.find(get, start, end) < 0 for get in self._spellings):
            return False
        read = set(patterns().reads.findall(data, start, end))
        return not self._watched.isdisjoint(number_of(get) for get in read if get)

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
        if self._uncounted:
            self._count()
        super().recall(index)
        if type(self.stack[-1]) is Stretch:
            entry = self.stack.pop()
            self._followed(entry)  # type: ignore[arg-type]
            super().recall(index)

    def remember(self, index: int) -> None:
        """As ``Machine.remember``."""
        if self._uncounted:
            self._count()
        if self._stretches and index in self.memo:
            self._follow_all()
        super().remember(index)
        self._watch(index, self.stack[-1])

    def memoize(self) -> None:
        """As ``Machine.memoize``; most of what a program of objects does, and so without its detours."""
        if self._uncounted:
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
        if (changes or kind in _ACTING or (kind is str and value in TELLING)) and index not in self._watched:
            self._watched.add(index)
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
        while self._uncounted:
            waiting, self._uncounted = self._uncounted, []
            for stretch in waiting:
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
        for stretch in list(self._unfollowed):
            if stretch.first is not None:
                self._follow(stretch)
        self.no_more()

    def _followed(self, stretch: Stretch) -> list[Slot]:
        """The values of a stretch, after those that it reads, and with what others have changed in them since."""
        self._count()
        wanted = [stretch] if stretch.values is None else []
        while wanted:
            changing: set[int] = set()
            for each in sorted(self._with_sources(wanted), key=lambda one: one.start):
                changing |= self._follow(each)
            wanted = [one for one in self._unfollowed if not changing.isdisjoint(self._reads(one))] if changing else []
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
        del self._unfollowed[stretch]
        made = machine.memo.hand_over()
        for index in made:
            self._watch(index, self.memo[index])
        return {index for index in made if index in self._watched}


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
