"""Tell which folders of a code base hold files that git tracks."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from msgspec import Struct

_MOST_BYTES: Final = 256 << 20
_LONGEST_POINTER: Final = 4096
_POINTER: Final = b"gitdir: "
_SIGNATURE: Final = b"DIRC"
_PLAIN_VERSIONS: Final = (2, 3)
"""Versions of the index that hold each path in full. Source: gitformat-index(5)."""


class TrackedFiles(Struct, frozen=True):
    """The index of git over a code base; git itself is not run, because the settings of a repository start programs.

    Attributes:
        index: the bytes of the index; empty if the code base lies in no repository or its index is not plain.
        prefix: of the code base below the repository, with a slash behind it; empty for the repository itself.
    """

    index: bytes
    prefix: str

    def holds_folder(self, path: str) -> bool:
        """Whether git may track a file below a folder of the code base; one of the same ending elsewhere counts too."""
        return f"{self.prefix}{path}/".encode("utf-8", "surrogateescape") in self.index


def read_tracked_files(root: str) -> TrackedFiles:
    """Read the index of the repository around ``root``, a real path. One that cannot be read tracks nothing."""
    folder = Path(root)
    for repository in (folder, *folder.parents):
        if (repository / ".git").exists():
            inner = folder.relative_to(repository).as_posix()
            index = _read_index(repository / ".git")
            return TrackedFiles(index, "" if inner == "." else f"{inner}/")
    return TrackedFiles(b"", "")


def _read_index(git: Path) -> bytes:
    """Return the bytes of the index; empty if there is none, or if it does not hold each path in full."""
    try:
        if git.is_file():
            with git.open("rb") as stream:
                pointer = stream.read(_LONGEST_POINTER)
            if not pointer.startswith(_POINTER):
                return b""
            git = git.parent / pointer.removeprefix(_POINTER).strip().decode("utf-8", "surrogateescape")
        path = git / "index"
        if not path.is_file() or path.stat().st_size > _MOST_BYTES:
            return b""
        with path.open("rb") as stream:
            data = stream.read(_MOST_BYTES)
    except (OSError, ValueError):
        return b""
    is_plain = data.startswith(_SIGNATURE) and int.from_bytes(data[4:8], "big") in _PLAIN_VERSIONS
    return data if is_plain else b""
