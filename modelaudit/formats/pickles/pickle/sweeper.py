"""Bound the memory that the values of one pickle program take.

The bounds on the stack and the memo count values, and one value may hold any number of others. A sweep measures all
values that the program can still reach. It first drops what cannot matter any more, which changes no report:

* memo entries that no later opcode reads, which are most of them in the pickles of large collections;
* items so deep inside containers that neither an event nor a check looks at them.

If the values still take more than the bound, the sweep forgets: unknown values take the place of values in the memo and
deep in the stack. The program goes on, so that later acts are found, with unknown arguments. A sweep takes time in
proportion to the values that are left, and happens after a share of the bound was allocated. Dropped memo entries are
most of the memo in large files, so a sweep keeps the indices of the others and goes over those alone.
"""

from __future__ import annotations

import bisect
import itertools
import sys
from array import array
from collections.abc import Collection, Iterable
from typing import Final

from modelaudit.formats.pickles.pickle.indices import MemoReads
from modelaudit.formats.pickles.pickle.memo import HOLE, NEVER_READ, Memo
from modelaudit.formats.pickles.pickle.recorder import Recorder
from modelaudit.formats.pickles.pickle.special_keys import ALL_ATTRIBUTES
from modelaudit.formats.pickles.pickle.values import FORGOTTEN, Container, PlainStretch, StackValue
from modelaudit.model.limits import MIB
from modelaudit.model.pickle import Name
from modelaudit.wire.base import LimitReachedError

# Levels of containers that are kept below the values of the stack and the memo. No event or check looks at more than
# five: the arguments of a call, the parts of an argument to a depth of three, and the pair of a mapping.
_DEPTH_KEPT: Final = 16
# Memory in bytes, on 64-bit CPython.
_SLOT_BYTES: Final = 8
_CONTAINER_BYTES: Final = 112
_ENTRIES_BYTES: Final = 56
_PAIR_BYTES: Final = 72
_SPARSE_ENTRY_BYTES: Final = 140  # of the ``dict`` of a memo, with the index
_OTHER_BYTES: Final = 56  # a number, or the result of a call
# What one opcode allocates at most, with its share of a container. Longer constants count by the bytes read.
_OPCODE_BYTES: Final = 200
# Between two sweeps. As many values may take memory beyond the bound before a sweep notices.
_FEWEST_OPCODES: Final = 150_000
_SLOTS_PER_OPCODE: Final = 20  # that one sweep goes over, at most, for each opcode since the last one
_BYTES_BETWEEN: Final = 8 * MIB  # of the window, between two sweeps
# Opcodes with constants of full length that take as much memory: 4096 characters of four bytes each.
_OPCODES_OF_LONG_CONSTANTS: Final = 512
_STACK_SPARED: Final = 1024  # values on top of the stack that are not forgotten
_CONSTANT_SPARED: Final = 64  # characters; names of modules and attributes are shorter

_FORGOTTEN_CONTAINERS: Final = {kind: Container(kind) for kind in ("tuple", "list", "dict", "set", "frozenset")}
for _container in _FORGOTTEN_CONTAINERS.values():
    _container.size = 1
    _container.forget_items()


class Sweeper:
    """Measures the values of one program, and drops some of them where they take too much memory.

    Attributes:
        next_opcode: number of opcodes of the program after which a sweep is due.
        next_offset: offset after which a sweep is due, even if it comes earlier.
        reads: the memo entries that the programs of the window can read.
    """

    def __init__(self, bound: int, stack: list[StackValue], memo: Memo, reads: MemoReads, recorder: Recorder) -> None:
        self.next_opcode = _FEWEST_OPCODES
        self.next_offset = _BYTES_BETWEEN
        self.reads = reads
        self._bound = bound
        self._stack = stack
        self._memo = memo
        self._recorder = recorder
        self._last_opcode = 0
        # Indices, in order, of those entries of ``memo.dense`` that take memory. ``Limits.pickle_memo`` bounds them.
        self._counted = array("I")
        # Values of the memo and the stack below these indices were forgotten.
        self._memo_forgotten = 0
        self._stack_forgotten = 0

    def sweep(self, opcodes: int, offset: int, others: Iterable[Collection[StackValue]]) -> None:
        """Drop memo entries that no opcode reads, and forget further values if all take more memory than the bound.

        Args:
            opcodes: how many the program has executed.
            offset: of the current opcode in the window.
            others: collections of further values that the machine refers to.

        Raises:
            LimitReachedError: the slots of the stack and the memo alone exceed the bound, or the time is used up.
            WindowError: the window could not return the requested bytes.
        """
        self.next_offset = offset + _BYTES_BETWEEN
        if opcodes - self._last_opcode < _OPCODES_OF_LONG_CONSTANTS:
            return  # most of the bytes were skipped
        self._last_opcode = opcodes
        self.reads.search()
        self._drop_unread_entries()
        others = list(others)
        weight = self._measure(others)
        if weight > self._bound:
            self._recorder.record_bound(
                f"the values of a pickle take more than {self._bound // MIB} MiB, so arguments after that are unknown"
            )
            # Values that an earlier sweep went over are mostly forgotten already, so the newer ones come first.
            for older_too, keeps_short in ((False, True), (True, True), (True, False)):
                self._forget(older_too=older_too, keeps_short=keeps_short)
                weight = self._measure(others)
                if weight <= self._bound:
                    break
        if weight > self._bound:
            raise LimitReachedError(f"the values of the pickle take more than {self._bound // MIB} MiB", offset)
        slots = len(self._stack) + len(self._counted)
        opcodes_until_bound = max(0, self._bound - weight) // _OPCODE_BYTES
        self.next_opcode = opcodes + _FEWEST_OPCODES + max(opcodes_until_bound, slots // _SLOTS_PER_OPCODE)

    def _drop_unread_entries(self) -> None:
        """Drop the values of those memo entries that no opcode reads; list in ``_counted`` those that take memory."""
        memo, counted = self._memo, self._counted
        dense, start = memo.dense, memo.unchanged
        del counted[bisect.bisect_left(counted, start) :]
        are_read = self.reads.get_flags(memo.first + start, memo.first + len(dense))
        for index, is_read in enumerate(are_read, start):
            value = dense[index]
            # A stretch in the memo marks entries that are written when it is executed.
            if not is_read and type(value) in _DROPPED_TYPES:
                dense[index] = NEVER_READ
            elif value is not NEVER_READ and value is not HOLE and type(value) not in _UNCOUNTED_TYPES:
                counted.append(index)
        memo.unchanged = len(dense)

    def _measure(self, others: list[Collection[StackValue]]) -> int:
        """Return the bytes that all reachable values take, after cutting those containers that are too deep."""
        token = object()
        stack, memo = self._stack, self._memo
        weight = _SLOT_BYTES * (len(stack) + len(memo.dense)) + _SPARSE_ENTRY_BYTES * len(memo.sparse)
        level: list[Container] = []
        memo_values = map(memo.dense.__getitem__, self._counted)
        for value in itertools.chain(stack, memo_values, memo.sparse.values(), *others):
            if type(value) is not Container:
                weight += _measure_leaf(value)
            elif value.sweep is not token:
                value.sweep = token
                level.append(value)
        depth = 0
        while level:
            depth += 1
            below: list[Container] = []
            for container in level:
                weight += _CONTAINER_BYTES
                if depth > _DEPTH_KEPT:
                    if container.entries or container.acting_items:
                        container.forget_items()
                    continue
                weight += self._measure_items(container, token, below, level)
            level = below
        return weight

    def _measure_items(
        self, container: Container, token: object, below: list[Container], level: list[Container]
    ) -> int:
        """Return the bytes that the items of a container take; add the containers among them to ``below``.

        Mappings under ``__dict__`` are added to ``level`` itself: all of them set attributes, however deep they are.
        """
        entries = container.entries
        weight = (_ENTRIES_BYTES + _SLOT_BYTES * len(entries)) if entries else 0
        items: Iterable[object] = entries
        if container.type == "dict":
            weight += _PAIR_BYTES * len(entries)
            items = itertools.chain.from_iterable(entries)  # type: ignore[arg-type]
        for item in items:
            if type(item) is not Container:
                weight += _measure_leaf(item)
            elif item.sweep is not token:
                item.sweep = token
                below.append(item)
        for key, value in container.acting_items:
            weight += _PAIR_BYTES + _measure_leaf(key)
            if type(value) is not Container:
                weight += _measure_leaf(value)
            elif value.sweep is not token:
                value.sweep = token
                (level if key == ALL_ATTRIBUTES else below).append(value)
        return weight

    def _forget(self, *, older_too: bool, keeps_short: bool) -> None:
        """Put unknown values in the place of values in the memo, and in the stack except at its top.

        Names stay.

        Args:
            older_too: whether to go over the values again that earlier calls went over.
            keeps_short: whether short texts stay too, because STACK_GLOBAL makes the names of globals from them.
        """
        stack, memo = self._stack, self._memo
        stack_end = max(0, len(stack) - _STACK_SPARED)
        for index in range(0 if older_too else self._stack_forgotten, stack_end):
            stack[index] = _forget_value(stack[index], keeps_short)
        for index in range(0 if older_too else self._memo_forgotten, len(memo.dense)):
            memo.dense[index] = _forget_value(memo.dense[index], keeps_short)
        self._stack_forgotten, self._memo_forgotten = stack_end, len(memo.dense)
        for key, value in memo.sparse.items():
            memo.sparse[key] = _forget_value(value, keeps_short)


# Types of values that a memo entry is dropped with. Other values are tracked by their identity.
_DROPPED_TYPES: Final = frozenset({str, bytes, int, float, Container})
# Types of values that take no memory of their own here, or whose number has a bound already.
_UNCOUNTED_TYPES: Final = frozenset({Name, type(None), bool, PlainStretch})


def _forget_value(value: StackValue, keeps_short: bool) -> StackValue:
    """Return what takes the place of a value that is forgotten; ``keeps_short`` as in ``Sweeper._forget``."""
    kind = type(value)
    if kind in _UNCOUNTED_TYPES:
        return value
    if isinstance(value, Container):
        return _FORGOTTEN_CONTAINERS[value.type]
    is_long = isinstance(value, str | bytes) and len(value) > _CONSTANT_SPARED
    return value if keeps_short and not is_long else FORGOTTEN


def _measure_leaf(value: object) -> int:
    """Return the bytes of a value, divided by the number of its holders; 0 for a type that is not counted here."""
    kind = type(value)
    if kind in _UNCOUNTED_TYPES:
        return 0
    # Three references are those of this call. Containers, the stack and the memo share the others.
    holders = max(1, sys.getrefcount(value) - 3)
    size = sys.getsizeof(value) if kind is str or kind is bytes or kind is int else _OTHER_BYTES
    return size // holders
