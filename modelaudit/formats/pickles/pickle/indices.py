"""Sets of memo indices, and the search for the entries that a program can read again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from modelaudit.model.artifact import Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import MIB
from modelaudit.wire.deadline import check_deadline

# Indices below this take a byte each; the others are in a ``set``. No memo of default limits has more entries.
_DENSE_INDICES: Final = 3_000_000
_CHUNK: Final = MIB  # bytes that are searched at once
# LONG_BINGET with an index of 24 bits, and GET with one of up to eight digits. A constant may contain these bytes too,
# and then an entry is kept that nothing reads. The lookahead finds those that overlap.
_LONG_GET: Final = defer_pattern(rb"j(?=(...)\x00)", re.DOTALL)
_TEXT_GET: Final = defer_pattern(rb"g(?=(\d{1,8})\n)")
_LONGEST_GET: Final = 10  # bytes
_FIRST_LONG_INDEX: Final = 256  # BINGET, whose two bytes occur everywhere, reads any entry below


class IndexSet:
    """A set of integers that holds millions of memo indices in a few megabytes."""

    __slots__ = ("_dense", "_sparse", "size")

    def __init__(self, indices: Iterable[int] = ()) -> None:
        self._dense = bytearray()
        self._sparse: set[int] = set()
        self.size = 0
        for index in indices:
            self.add(index)

    def __contains__(self, index: int) -> bool:
        return bool(self._dense[index]) if 0 <= index < len(self._dense) else index in self._sparse

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[int]:
        position = self._dense.find(1)
        while position >= 0:
            yield position
            position = self._dense.find(1, position + 1)
        yield from self._sparse

    def add(self, index: int) -> bool:
        """Add an index; return whether it is a new one."""
        if index in self:
            return False
        self.size += 1
        if not 0 <= index < _DENSE_INDICES:
            self._sparse.add(index)
            return True
        if index >= len(self._dense):
            # Twice the length, so that adding indices in order takes linear time.
            new_length = min(max(index + 1, 2 * len(self._dense)), _DENSE_INDICES)
            self._dense.extend(bytes(new_length - len(self._dense)))
        self._dense[index] = 1
        return True

    def get_flags(self, first: int, end: int) -> bytes:
        """Return a byte for each integer from ``first`` to before ``end``: 1 where it is in this set, and 0 elsewhere.

        Both are at least 0, and ``end`` is at most ``_DENSE_INDICES``.
        """
        return bytes(self._dense[first:end]).ljust(end - first, b"\0")

    def isdisjoint(self, indices: Iterable[int]) -> bool:
        """Whether none of ``indices`` is in this set."""
        return not any(index in self for index in indices)


class MemoReads:
    """The memo entries that the programs of a window can read, from an offset on.

    A search takes a pass over the bytes, so it happens only when ``search`` is called.
    """

    def __init__(self, window: Window, start: int) -> None:
        self._window = window
        self._start = start
        self._indices: IndexSet | None = None

    @property
    def is_known(self) -> bool:
        """Whether ``search`` was called."""
        return self._indices is not None

    def search(self) -> None:
        """Search the bytes for opcodes that read the memo; later calls do nothing.

        Raises:
            LimitReachedError: the CPU time for the artifact is used up.
            WindowError: the window could not return the requested bytes.
        """
        if self._indices is not None:
            return
        indices = IndexSet()
        position = self._start
        while position < self._window.size:
            check_deadline()
            # The last bytes are read again with the next chunk, since the end of the chunk may cut a GET.
            data = self._window.read(position, min(_CHUNK + _LONGEST_GET, self._window.size - position))
            read_indices = {int.from_bytes(index, "little") for index in set(_LONG_GET.findall(data))}
            read_indices.update(map(int, set(_TEXT_GET.findall(data))))
            for index in read_indices:
                if index < _DENSE_INDICES:
                    indices.add(index)
            position += _CHUNK
        self._indices = indices

    def get_flags(self, first: int, end: int) -> bytes:
        """Return a byte for each entry from ``first`` to before ``end``: 0 where no opcode reads it, and 1 elsewhere.

        Until ``search`` was called, every entry counts as read.
        """
        if self._indices is None:
            return b"\1" * (end - first)
        # Entries at both ends count as read, because only those between them were searched for.
        low_end = min(max(first, _FIRST_LONG_INDEX), end)
        high_start = min(max(low_end, _DENSE_INDICES), end)
        searched = self._indices.get_flags(low_end, high_start)
        return b"\1" * (low_end - first) + searched + b"\1" * (end - high_start)
