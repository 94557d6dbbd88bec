"""The memo: the numbered values that a pickle can push again."""

from __future__ import annotations

from modelaudit.formats.pickles.pickle.values import StackValue


class Memo:
    """A mapping of index to value.

    Picklers count up from 0, and a list holds such entries in a fraction of the memory of a ``dict``. Only entries that
    a program writes out of order go into a ``dict``.

    Attributes:
        size: number of entries. MEMOIZE writes to this index, in the unpickler in C as in the one in Python.
        dense: the entries 0, 1, 2 and so on.
        sparse: entries with any other index.
    """

    __slots__ = ("dense", "size", "sparse")

    def __init__(self) -> None:
        self.size = 0
        self.dense: list[StackValue] = []
        self.sparse: dict[int, StackValue] = {}

    def __len__(self) -> int:
        return self.size

    def __contains__(self, index: int) -> bool:
        return 0 <= index < len(self.dense) or index in self.sparse

    def __getitem__(self, index: int) -> StackValue:
        """Return the entry. Raises ``KeyError`` where there is none."""
        if 0 <= index < len(self.dense):
            return self.dense[index]
        return self.sparse[index]

    def get(self, index: int) -> StackValue:
        """Return the entry, or ``None`` where there is none."""
        try:
            return self[index]
        except KeyError:
            return None

    def append(self, value: StackValue) -> None:
        """Write ``value`` under the index ``size``, as MEMOIZE does."""
        if self.sparse:
            self[self.size] = value
        else:
            self.dense.append(value)
            self.size += 1

    def __setitem__(self, index: int, value: StackValue) -> None:
        dense = self.dense
        if index == len(dense):
            dense.append(value)
            if index in self.sparse:
                del self.sparse[index]
            else:
                self.size += 1
        elif 0 <= index < len(dense):
            dense[index] = value
        else:
            if index not in self.sparse:
                self.size += 1
            self.sparse[index] = value
