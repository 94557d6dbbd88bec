"""Recognise the files that are chunks of an array, by the shape and the chunk names in the metadata of the array."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from modelaudit.model.address import split_member, strip_content_and_ranges
from modelaudit.model.outline import ChunkGrid, References

_MOST_DIMENSIONS: Final = 64
_LONGEST_NUMBER: Final = 19  # digits of a position


class ChunkGrids:
    """The grids of chunks of a snapshot, by container and folder of their array; the container of a file is empty."""

    def __init__(self, references: Iterable[tuple[str, References]]) -> None:
        self._grids: defaultdict[tuple[str, str], set[ChunkGrid]] = defaultdict(set)
        for address, group in references:
            for grid in group.grids:
                folder = _locate_folder(address, grid.folder)
                if folder is not None:
                    self._grids[folder].add(grid)

    def includes_address(self, address: str) -> bool:
        """Whether ``address`` is a chunk of an array or a part of one."""
        if not self._grids:
            return False
        # Decompressed bytes of a chunk, and bytes after a compressed part of it, have addresses below the chunk.
        container, path = split_member(strip_content_and_ranges(address))
        parts = path.split("/")
        # A chunk name has at most one part for each dimension, and one for the prefix.
        first_length = max(0, len(parts) - _MOST_DIMENSIONS - 1)
        for folder_length in range(first_length, len(parts)):
            grids = self._grids.get((container, "/".join(parts[:folder_length])), ())
            if any(_is_chunk("/".join(parts[folder_length:]), grid) for grid in grids):
                return True
        return False


def _locate_folder(address: str, relative_folder: str) -> tuple[str, str] | None:
    """Return container and path of a folder relative to the folder of ``address``; ``None`` for one outside."""
    container, path = split_member(address)
    folder = posixpath.normpath(posixpath.join(posixpath.dirname(path), relative_folder.strip("/") or "."))
    if folder == ".." or folder.startswith("../"):
        return None
    return container, "" if folder == "." else folder


def _is_chunk(chunk_name: str, grid: ChunkGrid) -> bool:
    """Whether ``chunk_name``, such as ``c/0/2``, names a position inside the grid."""
    # An array without dimensions has one chunk.
    if not grid.counts:
        return chunk_name == (grid.prefix or "0")
    parts = chunk_name.split(grid.separator) if grid.separator in (".", "/") else []
    if grid.prefix and parts[:1] != [grid.prefix]:
        return False
    numbers = parts[1:] if grid.prefix else parts
    return len(numbers) == len(grid.counts) and all(
        number.isdecimal() and number.isascii() and len(number) <= _LONGEST_NUMBER and int(number) < count
        for number, count in zip(numbers, grid.counts, strict=True)
    )
