"""Which files are chunks of an array, as the metadata of the array account for them."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from modelaudit.model.address import split_member, strip_inner
from modelaudit.model.outline import Grid, References

_MOST_DIMENSIONS: Final = 64
_LONGEST_NUMBER: Final = 20


class Chunks:
    """The grids of chunks of a snapshot, by the folder of their array; members of an archive lie in its folders."""

    def __init__(self, references: Iterable[tuple[str, References]]) -> None:
        self._grids: defaultdict[tuple[str, str], set[Grid]] = defaultdict(set)
        for address, group in references:
            for grid in group.grids:
                folder = _folder(address, grid.folder)
                if folder is not None:
                    self._grids[folder].add(grid)

    def hold(self, address: str) -> bool:
        """Whether ``address`` is a chunk of an array, or what lies in one."""
        if not self._grids:
            return False
        # A chunk may be decompressed, and a shard may hold bytes behind its compressed part: both belong to the chunk.
        container, path = split_member(strip_inner(address))
        steps = path.split("/")
        for length in range(max(0, len(steps) - _MOST_DIMENSIONS - 1), len(steps)):
            grids = self._grids.get((container, "/".join(steps[:length])), ())
            if any(_is_chunk("/".join(steps[length:]), grid) for grid in grids):
                return True
        return False


def _folder(address: str, below: str) -> tuple[str, str] | None:
    """Container and path of the folder ``below`` the folder of ``address``; ``None`` where it would lie outside."""
    container, path = split_member(address)
    folder = posixpath.normpath(posixpath.join(posixpath.dirname(path), below.strip("/") or "."))
    if folder == ".." or folder.startswith("../"):
        return None
    return container, "" if folder == "." else folder


def _is_chunk(key: str, grid: Grid) -> bool:
    if not grid.counts:
        return key == (grid.prefix or "0")
    numbers = key.split(grid.separator) if grid.separator in (".", "/") else []
    if grid.prefix and numbers[:1] != [grid.prefix]:
        return False
    numbers = numbers[1:] if grid.prefix else numbers
    return len(numbers) == len(grid.counts) and all(
        number.isdecimal() and number.isascii() and len(number) < _LONGEST_NUMBER and int(number) < count
        for number, count in zip(numbers, grid.counts, strict=True)
    )
