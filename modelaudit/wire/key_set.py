"""Find keys that occur twice in an object of any number of keys, in bounded memory for each key."""

from __future__ import annotations

from array import array
from typing import Final

_COMPARED_KEYS: Final = 100_000
_GROUPS: Final = 64
MOST_KEYS_KEPT: Final = 1000
"""How many keys of the root of a document are kept as facts; wanted keys are kept beyond them."""
UNNAMED_KEY: Final = f"(one of the keys behind the first {_COMPARED_KEYS})"
"""Takes the place of a key that occurs twice where only its hash is known."""


class KeySet:
    """The keys of one object.

    Attributes:
        count: how many there are, with those that occur twice.
    """

    __slots__ = ("_groups", "_keys", "count")

    def __init__(self) -> None:
        self.count = 0
        self._keys: set[str] = set()
        # Of the keys behind the first ones, hashes of eight bytes. A key as text takes a hundred. The groups are
        # compared one after the other, so that only one of them is a set at a time.
        self._groups: list[array[int]] = []

    def add(self, key: str) -> bool:
        """Add a key; return whether it is known to have occurred before. ``has_unnamed_duplicate`` knows the others."""
        self.count += 1
        if key in self._keys:
            return True
        if len(self._keys) < _COMPARED_KEYS:
            self._keys.add(key)
            return False
        if not self._groups:
            self._groups = [array("q") for _ in range(_GROUPS)]
        key_hash = hash(key)
        self._groups[key_hash % _GROUPS].append(key_hash)
        return False

    def has_unnamed_duplicate(self) -> bool:
        """Whether a key occurs twice behind the first 100,000 keys, where hashes are stored and not names."""
        # Equal hashes are in the same group.
        return any(len(set(group)) < len(group) for group in self._groups)
