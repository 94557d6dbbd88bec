"""The entries of a list of names, where names that share a judgement share its memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from modelaudit.model.catalogue import CallableEntry
from modelaudit.model.copies import replace


class NamedEntries(Mapping[str, CallableEntry]):
    """Entries by name, in the order of ``names``. The entry of a name is made when it is looked up, and kept."""

    __slots__ = ("_entries", "_shared")

    def __init__(self, names: dict[str, int], shared: Sequence[CallableEntry]) -> None:
        """Keep the index of each name in ``shared``, which has entries without a name.

        Raises:
            ValueError: an index is out of range.
        """
        if names and not 0 <= min(names.values()) <= max(names.values()) < len(shared):
            raise ValueError("a name has no entry")
        self._entries: dict[str, CallableEntry | int] = {**names}
        self._shared = shared

    def __getitem__(self, name: str) -> CallableEntry:
        entry = self._entries[name]
        if isinstance(entry, int):
            entry = self._entries[name] = replace(self._shared[entry], name=name)
        return entry

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
