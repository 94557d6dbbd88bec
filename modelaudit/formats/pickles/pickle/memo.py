"""The memo: where a pickle keeps what it will use again."""

from __future__ import annotations

from modelaudit.formats.pickles.pickle.values import Slot


class Memo:
    """Index to value. Picklers count up from 0, and a list holds that in a fraction of the memory; the rest is sparse.

    ``len()`` is the number of entries, which is the index that MEMOIZE takes, in the C unpickler as in Python's.
    """

    __slots__ = ("dense", "sparse")

    def __init__(self) -> None:
        self.dense: list[Slot] = []
        self.sparse: dict[int, Slot] = {}

    def __len__(self) -> int:
        return len(self.dense) + len(self.sparse)

    def __contains__(self, index: int) -> bool:
        return 0 <= index < len(self.dense) or index in self.sparse

    def __getitem__(self, index: int) -> Slot:
        """The entry. Raises ``KeyError`` where there is none."""
        if 0 <= index < len(self.dense):
            return self.dense[index]
        return self.sparse[index]

    def get(self, index: int) -> Slot:
        """The entry, or ``None`` where there is none."""
        try:
            return self[index]
        except KeyError:
            return None

    def __setitem__(self, index: int, value: Slot) -> None:
        dense = self.dense
        if index == len(dense):
            dense.append(value)
            if self.sparse:
                self.sparse.pop(index, None)
        elif 0 <= index < len(dense):
            dense[index] = value
        else:
            self.sparse[index] = value
