"""Read the repository of a work tree or submodule, which lies elsewhere: ``.git`` is a file with its place.

The file is a part of the model, so that anyone can write any place into it. The repository is read only if it names the
work tree in turn, as git makes it do, and of it only the index and the settings on line ends and filters.

Sources: https://git-scm.com/docs/gitrepository-layout (``gitdir``, ``commondir``) and ``core.worktree``.
"""

from __future__ import annotations

import os
import re
from typing import Final, Self

from msgspec import Struct

from modelaudit.model.errors import WindowError
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.sources.windows import FileState, LocalFile

MOST_PLACE_BYTES: Final = 4200
_PLACE: Final = defer_pattern(rb"gitdir: ([^\n\0]{1,4096})\n")
_WORK_TREE: Final = defer_pattern(rb"^\s*worktree\s*=\s*([^\n\0]{1,4096}?)\s*$", re.MULTILINE)
_MOST_SETTINGS_BYTES: Final = 1 << 16


def is_place(data: bytes) -> bool:
    """Whether the content of a file ``.git`` has the form that git writes."""
    return _PLACE.fullmatch(data) is not None


class RepositoryElsewhere(Struct, frozen=True):
    """A repository that names a work tree.

    Attributes:
        folder: absolute; it has the index.
        common: absolute; it has the settings, which several work trees share.
    """

    folder: str
    common: str

    @classmethod
    def find(cls, work_tree: str, data: bytes) -> Self | None:
        """Find the repository of a work tree; ``None`` if it cannot be read, or does not name the work tree.

        Args:
            work_tree: absolute folder without links in it.
            data: the content of its file ``.git``.
        """
        place = _PLACE.fullmatch(data)
        if place is None:
            return None
        folder = _resolve(work_tree, place[1])
        common = _read(folder, "commondir", MOST_PLACE_BYTES)
        found = cls(folder, folder if common is None else _resolve(folder, common.rstrip(b"\n")))
        return found if found._names(work_tree) else None

    def read(self, name: str, most_bytes: int) -> bytes | None:
        """Read the index, or a file of settings; ``None`` if it is missing, larger, or cannot be read."""
        return _read(self.folder if name == "index" else self.common, name, most_bytes)

    def _names(self, work_tree: str) -> bool:
        """Whether the repository has the place of the work tree, in the form for work trees or for submodules."""
        file = _read(self.folder, "gitdir", MOST_PLACE_BYTES)
        if file is not None:
            return _resolve(self.folder, file.rstrip(b"\n")) == f"{work_tree.rstrip('/')}/.git"
        setting = _WORK_TREE.search(_read(self.folder, "config", _MOST_SETTINGS_BYTES) or b"")
        return setting is not None and _resolve(self.folder, setting[1]) == work_tree


def _resolve(folder: str, path: bytes) -> str:
    """Return the absolute path, without links in it, that a path in a record of a folder leads to."""
    return os.path.realpath(f"{folder}/{os.fsdecode(path)}" if not path.startswith(b"/") else os.fsdecode(path))


def _read(folder: str, name: str, most_bytes: int) -> bytes | None:
    """Read a small regular file without following a link; ``None`` if that fails."""
    try:
        state = FileState.from_stat(os.lstat(f"{folder}/{name}"))
        if state.size > most_bytes:
            return None
        with LocalFile(folder, name, state, most_bytes)() as window:
            return window.read(0, window.size)
    except (OSError, WindowError, ValueError):
        return None
