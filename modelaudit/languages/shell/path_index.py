"""Find the paths that begin with a text in a sorted list, because a script may name thousands and run as many."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable
from fnmatch import fnmatchcase
from itertools import islice
from typing import Final

from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.wire.deadline import iterate_within_deadline

GLOB_CHARACTER: Final = defer_pattern(r"[*?\[]")
_MOST_LISTED_PATHS: Final = 1_000_000  # comparing them with wildcards takes about a second


class PathIndex:
    """The paths that are the keys of a dictionary, to which paths are added and from which none is removed.

    Attributes:
        is_cut: whether a list was left out because those before it have too many paths in all.
    """

    def __init__(self, paths: dict[str, str]) -> None:
        """Index the keys of ``paths``, also those that the owner of the dictionary adds later."""
        self.is_cut = False
        self._paths = paths
        self._listed_paths_left = _MOST_LISTED_PATHS
        self._in_order: list[str] = []
        self._positions: dict[str, int] = {}

    def list_below(self, start: str) -> list[str]:
        """List the paths that begin with ``start``, in the order in which they were added; none beyond the bound."""
        if self._listed_paths_left < 0:
            self.is_cut = True
            return []
        self._add_new_paths()
        first = bisect_left(self._in_order, start)
        end = bisect_right(self._in_order, start, first, key=lambda path: path[: len(start)])
        paths = self.sort(self._in_order[first:end])
        self._listed_paths_left -= len(paths)
        return paths

    def find_match(self, pattern: str) -> str | None:
        """Return the path that was added first among those that match a pattern of a shell; ``None`` if none does."""
        mark = GLOB_CHARACTER.search(pattern)
        paths = self.list_below(pattern if mark is None else pattern[: mark.start()])
        return next((path for path in iterate_within_deadline(paths) if fnmatchcase(path, pattern)), None)

    def sort(self, paths: Iterable[str]) -> list[str]:
        """Sort indexed paths in the order in which they were added."""
        return sorted(paths, key=self._positions.__getitem__)

    def _add_new_paths(self) -> None:
        """Index the paths that were added since the last call: in reverse, a dictionary yields the latest first."""
        new_count = len(self._paths) - len(self._positions)
        for path in reversed(list(islice(reversed(self._paths), new_count))):
            self._positions[path] = len(self._positions)
            insort(self._in_order, path)
