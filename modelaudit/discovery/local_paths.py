"""Recognise paths in the place of a name, and find the files and folders of the code base that they lead to."""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from modelaudit.model.copies import replace
from modelaudit.model.discovery import CODE_BASE, ModelUse
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.policy.places import find_project_folder

_DRIVE: Final = defer_pattern(r"[A-Za-z]:[\\/]")
_NOT_HELD: Final = "the code base has no such file or folder"
_AROUND: Final = "it lies in a folder around the one that is searched; search the root of the project"
_OUTSIDE: Final = "it leads out of the code base"


def is_written_as_path(text: str) -> bool:
    """Whether a text can only be a path, whatever exists: ``./model``, ``/srv/model``, ``C:/model``, ``a/b/``."""
    is_rooted = text in (".", "..") or text.startswith(("./", "../", "/", "~", ".\\", "..\\", "file:"))
    return is_rooted or _DRIVE.match(text) is not None or "\\" in text or text.endswith("/")


def list_folders(folder: str) -> Iterator[str]:
    """Yield a folder below the root, and each folder around it up to the root, which is the empty text."""
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]
    yield ""


class LocalPaths(Struct, frozen=True):
    """The paths of one code base.

    A relative path begins in the working directory of a program, which the code does not show. So it is looked up in
    the folder of the file that names it and in each folder around that one, up to the root of the code base.

    Attributes:
        root: the real path of the folder of the code base.
        prefix: of a path below the root as uses spell it.
    """

    root: str
    prefix: str

    def resolve(self, use: ModelUse, folder: str) -> tuple[list[ModelUse], list[Unread]]:
        """Return a use for each file or folder that the path of a use may mean, and what cannot be scanned of them.

        Args:
            use: of a local model; its name is the path as the code writes it.
            folder: of the file, below the root.
        """
        written = (use.name or "").replace("\\", "/").removeprefix("file://").removeprefix("file:")
        found: dict[str, None] = {}
        absences: dict[Unread, None] = {}
        is_outside = True
        for candidate in self._list_candidates(written, folder):
            is_outside = False
            if os.path.lexists(candidate):
                real, fault = self._follow(candidate)
                if fault is None:
                    found.setdefault(real)
                else:
                    absences.setdefault(fault)
        if not found and is_outside and self._exists_outside(written, folder):
            detail = f"{written} lies outside of the code base and exists; scan it by its path"
            absences.setdefault(Unread(UnreadReason.LINK_OUTSIDE, detail))
        if not found:
            spelt = written.removeprefix(CODE_BASE)
            reason = next((each.detail for each in absences), _OUTSIDE if is_outside else _NOT_HELD)
            if reason == _NOT_HELD and self._exists_around(written):
                reason = _AROUND
            details = [use.detail, reason]
            return [replace(use, name=spelt, detail="; ".join(filter(None, details)))], list(absences)
        return [replace(use, name=path, path=posixpath.join(self.prefix, path)) for path in found], list(absences)

    def _list_candidates(self, written: str, folder: str) -> Iterator[str]:
        """Yield each path that a text may mean, if it lies in the code base by its name."""
        if written.startswith(CODE_BASE):
            starts: Sequence[str] = ("",)
        elif written.startswith(("/", "~")) or _DRIVE.match(written):
            if self._contains(os.path.normpath(written)):
                yield written
            return
        else:
            starts = tuple(list_folders(folder))
        for start in starts:
            path = posixpath.normpath(posixpath.join(start, written.removeprefix(CODE_BASE)))
            if path != ".." and not path.startswith("../"):
                yield posixpath.join(self.root, path)

    def _exists_outside(self, written: str, folder: str) -> bool:
        """Whether a path that leads out of the code base leads to something on this machine."""
        try:
            path = Path(written).expanduser()
            return any((Path(self.root) / each / path).exists() for each in list_folders(folder))
        except (OSError, RuntimeError, ValueError):
            return False

    def _exists_around(self, written: str) -> bool:
        """Whether a relative path exists in a folder around the code base, up to the repository of git around it."""
        project = find_project_folder(Path(self.root, "file"))
        around = [each for each in Path(self.root).parents if each == project or project in each.parents]
        return not written.startswith(CODE_BASE) and any(os.path.lexists(each / written) for each in around)

    def _contains(self, path: str) -> bool:
        """Whether a real path is the root or lies below it."""
        return path == self.root or path.startswith(self.root.rstrip("/") + "/")

    def _follow(self, path: str) -> tuple[str, Unread | None]:
        """Return the path below the root of what a path leads to through links, or why that is not scanned."""
        spelt = os.path.relpath(path, self.root)
        try:
            real = os.path.realpath(path)
            if not self._contains(real):
                return "", Unread(UnreadReason.LINK_OUTSIDE, f"the link {spelt} leads out of the code base")
            mode = Path(real).lstat().st_mode
        except (OSError, ValueError):
            return "", Unread(UnreadReason.LINK_DANGLING, f"the link {spelt} leads nowhere")
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            return "", Unread(UnreadReason.NOT_REGULAR, f"{spelt} is neither a file nor a folder")
        return os.path.relpath(real, self.root), None
