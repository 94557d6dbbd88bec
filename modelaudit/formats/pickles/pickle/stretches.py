"""Stretches of plain opcodes that the machine has skipped, and executes only when their values are needed.

The machine goes on without executing a stretch. Two things can ask for it later: an opcode that takes a value out of
it, and a GET that reads a memo entry that it writes. Executing it late must give the same result as executing it in
order, which holds under three conditions, kept here:

* It has its place in the memo: how many entries it writes is counted before the memo is used again.
* It reads no entry that later opcodes may change, call or set as state. Such entries are watched, and the skimmer
  skips nothing that reads one.
* Every memo entry is written once. After the first that is overwritten, nothing is skipped any more.
"""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from modelaudit.formats.pickles.pickle.indices import IndexSet
from modelaudit.formats.pickles.pickle.memo import NEVER_READ, Memo
from modelaudit.formats.pickles.pickle.patterns import (
    FRAME_REACH,
    decode_index,
    iterate_pieces,
    iterate_pieces_with_offsets,
    patterns,
)
from modelaudit.formats.pickles.pickle.special_keys import WATCHED_KEYS
from modelaudit.formats.pickles.pickle.values import ACTING_TYPES, INERT_TYPES, Container, PlainStretch, StackValue
from modelaudit.model.artifact import Window
from modelaudit.model.limits import Limits
from modelaudit.model.pickle import Unknown
from modelaudit.wire.base import LimitReachedError

_MEMOIZE: Final = b"\x94"
_MUTABLE: Final = frozenset({"list", "dict", "set"})
_MOST_WATCHED_GETS: Final = 64  # whose bytes are looked for; with more, the regular expression is used


def _may_change(container: Container) -> bool:
    """Whether a container can be changed, or holds objects or containers, which then count where it is read."""
    return container.type in _MUTABLE or any(type(each) not in INERT_TYPES for each in container.entries)


class DeferredStretches:
    """All stretches that one program has skipped so far.

    Attributes:
        unplaced: stretches whose memo entries have not been counted yet.
        is_closed: whether the program overwrites memo entries, so that nothing more may be skipped.
    """

    def __init__(
        self, memo: Memo, window: Window, limits: Limits, execute: Callable[[PlainStretch, Memo], list[StackValue]]
    ) -> None:
        self.unplaced: list[PlainStretch] = []
        self.is_closed = False
        self._memo = memo
        self._window = window
        self._limits = limits
        # Executes a stretch with the memo that it would have seen, and returns the values that it leaves.
        self._execute = execute
        self._all: list[PlainStretch] = []
        # A dict for its order, which is that of the bytes; executed stretches are taken out.
        self._pending: dict[PlainStretch, None] = {}
        # The indices of watched entries, and the bytes of each GET that reads one of them.
        self._watched = IndexSet()
        self._watched_gets: list[bytes] = []

    def defer(self, stretch: PlainStretch) -> None:
        """Add a stretch that the machine skips."""
        self._all.append(stretch)
        self.unplaced.append(stretch)
        self._pending[stretch] = None

    # -- memo entries that plain opcodes must not read ----------------------------------------------------------------

    def watch_entry(self, index: int, value: StackValue) -> None:
        """Watch a memo entry if plain opcodes could change it, or act with it: opcodes that read it are not skipped."""
        kind = type(value)
        if kind is str:
            is_watched = value in WATCHED_KEYS
        elif kind is Container:
            is_watched = _may_change(value)  # type: ignore[arg-type]
        else:
            is_watched = kind in ACTING_TYPES and value is not NEVER_READ
        if not is_watched or not self._watched.add(index):
            return
        # No BINGET or LONG_BINGET has a negative index, or one of more than 32 bits.
        if 0 <= index < 2**32 and len(self._watched_gets) < _MOST_WATCHED_GETS:
            if index < 256:
                self._watched_gets.append(b"h" + bytes((index,)))
            self._watched_gets.append(b"j" + index.to_bytes(4, "little"))

    def reads_watched_entry(self, data: bytes, start: int, end: int) -> bool:
        """Whether the plain opcodes in ``data`` from ``start`` to ``end`` read a watched entry."""
        # A search for the bytes of each GET is far cheaper than the regular expression, and finds none in most cases.
        # It may hit inside a constant; then the expression decides.
        are_all_kept = len(self._watched_gets) < _MOST_WATCHED_GETS
        if are_all_kept and all(data.find(get, start, end) < 0 for get in self._watched_gets):
            return False
        gets = set(patterns().reads.findall(data, start, end))
        read_indices = {decode_index(get) for get in gets if get}
        return not self._watched.isdisjoint(read_indices)

    # -- frames -------------------------------------------------------------------------------------------------------

    def find_frame_end(self, offset: int) -> int:
        """Return the last offset where a frame in a skipped stretch ends; 0 where no stretch opens a frame.

        Stretches so far before ``offset`` that no frame of theirs can reach it are left out.
        """
        last = 0
        for stretch in reversed(self._all):
            if stretch.end + FRAME_REACH < offset:
                break
            if stretch.frame_end is None:
                stretch.frame_end = self._find_frame_end_in(stretch)
            last = max(last, stretch.frame_end)
        return last

    def _find_frame_end_in(self, stretch: PlainStretch) -> int:
        """Return the offset where the last frame in a stretch ends; 0 where it opens none."""
        last = 0
        for position, data in iterate_pieces_with_offsets(self._window, stretch.start, stretch.end):
            for frame in patterns().frames.finditer(data):
                # The group is the FRAME; the match at the end of the bytes has none.
                if frame[1]:
                    last = position + frame.end() + decode_index(frame[1])
        return last

    # -- places in the memo -------------------------------------------------------------------------------------------

    def place_in_memo(self) -> None:
        """Reserve the memo entries that the stretches write; until one is executed, its entries hold the stretch.

        Raises:
            LimitReachedError: there are more entries than are kept.
            WindowError: the window could not return the requested bytes.
        """
        while self.unplaced:
            waiting, self.unplaced = self.unplaced, []
            for stretch in waiting:
                self._place_stretch(stretch)

    def _place_stretch(self, stretch: PlainStretch) -> None:
        """Reserve the memo entries that one stretch writes, or execute all stretches if entries are overwritten."""
        memo = self._memo
        stretch.first_entry = memo.size
        memoize_count = 0
        put_indices = IndexSet()
        for data in iterate_pieces(self._window, stretch.start, stretch.end):
            writes = patterns().writes.findall(data)
            memoize_count += writes.count(_MEMOIZE)
            for write in set(writes):
                is_put = len(write) > 1  # MEMOIZE has one byte, and no index
                if is_put:
                    put_indices.add(decode_index(write))
            if stretch.first_entry + memoize_count + len(put_indices) > self._limits.pickle_memo:
                raise LimitReachedError(f"more than {self._limits.pickle_memo} memo entries", stretch.start)
        memoize_indices = range(stretch.first_entry, stretch.first_entry + memoize_count)
        # Without entries out of order, the indices from the size of the memo on are free.
        has_gaps = memo.sparse or len(memo.dense) > memo.size
        uncertain_indices = itertools.chain(put_indices, memoize_indices) if has_gaps else put_indices
        if (put_indices and memoize_count) or any(index in memo for index in uncertain_indices):
            # No pickler mixes MEMOIZE with PUT, or writes an entry twice. The order of execution decides here what an
            # entry holds, so everything is executed in order.
            self.execute_all()
            return
        for index in put_indices:
            memo[index] = stretch
        for index in memoize_indices:
            memo[index] = stretch

    # -- executing ----------------------------------------------------------------------------------------------------

    def execute_all_before_overwriting(self, index: int) -> None:
        """Execute everything that was skipped if the memo has an entry ``index`` that is about to be overwritten."""
        if self._all and index in self._memo:
            self.execute_all()

    def execute_all(self) -> None:
        """Execute every stretch that has its place in the memo, and let nothing more be skipped.

        Stretches without a place get theirs in ``place_in_memo``.
        """
        for stretch in list(self._pending):
            if stretch.first_entry is not None:
                self._execute_one(stretch, IndexSet())
        self.is_closed = True

    def expand(self, stretch: PlainStretch) -> list[StackValue]:
        """Return the values of a stretch, and execute it if need be, after the stretches whose memo entries it reads.

        Executing a stretch can reveal that an entry is mutable. Every other pending stretch that reads this entry may
        have changed it, so it is executed too.

        Raises:
            DamagedError: from the machine.
            WindowError: the window could not return the requested bytes.
        """
        self.place_in_memo()
        to_execute = [stretch] if stretch.values is None else []
        while to_execute:
            newly_watched = IndexSet()
            in_order = sorted(self._add_sources(to_execute), key=lambda each: each.start)
            for pending in in_order:
                self._execute_one(pending, newly_watched)
            to_execute = []
            if newly_watched:
                for pending in self._pending:
                    if not newly_watched.isdisjoint(self._find_reads(pending)):
                        to_execute.append(pending)
        return stretch.values or []

    def _add_sources(self, stretches: list[PlainStretch]) -> set[PlainStretch]:
        """Return the stretches, those whose memo entries they read, those whose entries these read, and so on."""
        waiting, sources = list(stretches), set(stretches)
        while waiting:
            for index in self._find_reads(waiting.pop()):
                entry = self._memo.get(index)
                if type(entry) is PlainStretch and entry.values is None and entry not in sources:
                    sources.add(entry)
                    waiting.append(entry)
        return sources

    def _find_reads(self, stretch: PlainStretch) -> Sequence[int]:
        """Return the indices of the memo entries that a stretch reads."""
        if stretch.reads is None:
            indices = IndexSet()
            for data in iterate_pieces(self._window, stretch.start, stretch.end):
                for get in set(patterns().reads.findall(data)):
                    index = decode_index(get)
                    # A loader raises at an entry that was not written before.
                    if get and (index < self._memo.size or index in self._memo):
                        indices.add(index)
            stretch.reads = array("I", indices)
        return stretch.reads

    def _execute_one(self, stretch: PlainStretch, newly_watched: IndexSet) -> None:
        """Execute a stretch and write its memo entries; add the indices of watched entries to ``newly_watched``."""
        stretch_memo = _StretchMemo(self._memo, stretch)
        stretch.set_values(self._execute(stretch, stretch_memo))
        del self._pending[stretch]
        for index in stretch_memo.commit():
            self.watch_entry(index, self._memo[index])
            if index in self._watched:
                newly_watched.add(index)

    def iterate_values(self) -> Iterator[list[StackValue]]:
        """Yield the values of each stretch that was executed."""
        return (stretch.values for stretch in self._all if stretch.values)


class _StretchMemo(Memo):
    """The memo as it was when a stretch would have been executed in order, with the entries of the stretch on top.

    ``dense`` begins with the first entry of the stretch, and ``sparse`` has those that it writes out of order.
    """

    __slots__ = ("_outer", "_stretch")

    def __init__(self, outer: Memo, stretch: PlainStretch) -> None:
        super().__init__()
        self._outer = outer
        self._stretch = stretch
        # Entries are numbered on from the outer memo, so the size begins at the first index of the stretch.
        self.first = self.size = stretch.first_entry or 0

    def _has_own(self, index: int) -> bool:
        """Whether the stretch has written the entry."""
        return 0 <= index - self.first < len(self.dense) or index in self.sparse

    def __contains__(self, index: int) -> bool:
        return self._has_own(index) or index in self._outer

    def __getitem__(self, index: int) -> StackValue:
        if index in self.sparse:
            return self.sparse[index]
        if 0 <= index - self.first < len(self.dense):
            return self.dense[index - self.first]
        # An entry that is still a stretch is written later in the program than this stretch reads it.
        value = self._outer[index]
        return Unknown(f"memo entry {index}") if type(value) is PlainStretch else value

    def append(self, value: StackValue) -> None:
        """Write ``value`` under the index ``size``, as MEMOIZE does."""
        self[self.size] = value

    def __setitem__(self, index: int, value: StackValue) -> None:
        # The entries of this stretch are reserved in the outer memo, and are new to this one all the same.
        is_new = not self._has_own(index) and (index not in self._outer or self._outer[index] is self._stretch)
        if is_new:
            self.size += 1
        position = index - self.first
        if index in self.sparse or not 0 <= position <= len(self.dense):
            self.sparse[index] = value
        elif position == len(self.dense):
            self.dense.append(value)
        else:
            self.dense[position] = value

    def commit(self) -> Iterator[int]:
        """Write the entries into the memo of the program; yield their indices."""
        for index, value in itertools.chain(enumerate(self.dense, self.first), self.sparse.items()):
            self._outer[index] = value
            yield index
