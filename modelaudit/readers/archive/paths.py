"""Addresses of members below the archive that holds them."""

from __future__ import annotations

from collections import Counter


class MemberPaths:
    """``model.pt!archive/data.pkl``; of members of one name, all but the first get an ordinal: ``#2``."""

    def __init__(self, archive: str) -> None:
        self._archive = archive
        self._named: Counter[str] = Counter()

    def of(self, name: str) -> str:
        """The address of the next member called ``name``."""
        self._named[name] += 1
        ordinal = f"#{self._named[name]}" if self._named[name] > 1 else ""
        return f"{self._archive}!{name}{ordinal}"

    def of_stretch(self, start: int, end: int) -> str:
        """The address of bytes that belong to no member."""
        return f"{self._archive}![bytes {start}-{end}]"
