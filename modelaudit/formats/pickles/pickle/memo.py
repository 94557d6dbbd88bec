"""The memo: the numbered values that a pickle can push again."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.pickles.pickle.values import StackValue
from modelaudit.model.pickle import Unknown

NEVER_READ: Final = Unknown("a memo entry that no opcode reads")
"""In place of entries that were dropped because the program never reads them."""

HOLE: Final = Unknown("a memo entry that was skipped")
"""In place of entries that a program left out."""
_MOST_HOLES: Final = 16  # beyond the number of entries, so that the list is never much longer than they are many


class Memo:
    """A mapping of index to value.

    Picklers count up from 0, and a list holds such entries in a fraction of the memory of a ``dict``. The list has
    holes where a program leaves out a few numbers, as the cPickle of Python 2 leaves out 0. Only entries that a program
    writes out of order go into a ``dict``.

    Attributes:
        size: number of entries. MEMOIZE writes to this index, in the unpickler in C as in the one in Python.
        first: index of the first entry of ``dense``.
        dense: the entries 0, 1, 2 and so on.
        sparse: entries with any other index.
        unchanged: number of first entries of ``dense`` that were not written since the owner last set this.
    """

    __slots__ = ("dense", "first", "size", "sparse", "unchanged")

    def __init__(self) -> None:
        self.size = 0
        self.first = 0
        self.dense: list[StackValue] = []
        self.sparse: dict[int, StackValue] = {}
        self.unchanged = 0

    def __len__(self) -> int:
        return self.size

    def __contains__(self, index: int) -> bool:
        return (0 <= index < len(self.dense) and self.dense[index] is not HOLE) or index in self.sparse

    def __getitem__(self, index: int) -> StackValue:
        """Return the entry. Raises ``KeyError`` where there is none."""
        if 0 <= index < len(self.dense):
            value = self.dense[index]
            if value is not HOLE:
                return value
        return self.sparse[index]

    def get(self, index: int) -> StackValue:
        """Return the entry, or ``None`` where there is none."""
        try:
            return self[index]
        except KeyError:
            return None

    def append(self, value: StackValue) -> None:
        """Write ``value`` under the index ``size``, as MEMOIZE does."""
        if self.size == len(self.dense):
            self.dense.append(value)
            self.size += 1
        else:
            self[self.size] = value

    def __setitem__(self, index: int, value: StackValue) -> None:
        dense = self.dense
        # An entry stays in the ``dict`` when the list grows past its index: the list then has a hole there.
        if index in self.sparse:
            self.sparse[index] = value
            return
        if 0 <= index < len(dense):
            if dense[index] is HOLE:
                self.size += 1
            dense[index] = value
            self.unchanged = min(self.unchanged, index)
        elif 0 <= index <= self.size + _MOST_HOLES:
            dense.extend([HOLE] * (index - len(dense)))
            dense.append(value)
            self.size += 1
        else:
            self.sparse[index] = value
            self.size += 1

    def clear(self) -> None:
        """Drop all entries."""
        self.dense.clear()
        self.sparse.clear()
        self.size = self.unchanged = 0
