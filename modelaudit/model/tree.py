"""The entries of a model tree: files, links and empty folders, as a tree digest and a lock cover them."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from msgspec import Struct

from modelaudit.model.lazy_pattern import defer_pattern

BOOKKEEPING = (".git", ".cache/huggingface")
"""Folders at the root of a model that git and the client of the Hub keep for themselves.

``.git`` is a file in a work tree beside its repository. A link of one of these names is an entry of the model, and so
is a file in them without the form of a record.
"""
_GIT_SETTING: Final = defer_pattern(r"\.git(?:/(?:config(?:\.worktree)?|index|info/attributes|hooks/[^/]+|[A-Z_]+))?")


def is_bookkeeping(path: str) -> bool:
    """Whether a path below the root of a model lies in the records of a tool; not for links."""
    return path in BOOKKEEPING or path.startswith(tuple(f"{folder}/" for folder in BOOKKEEPING))


def is_git_setting(path: str) -> bool:
    """Whether a path below the root of a model is one from which git reads settings, hooks or its index."""
    return _GIT_SETTING.fullmatch(path) is not None


class EntryKind(StrEnum):
    """The kind of an entry, which is never that of the target of a link."""

    FILE = "file"
    LINK = "link"
    FOLDER = "folder"
    """A folder without any entry of the model below it; the paths of other entries imply all other folders."""
    SPECIAL = "special"
    """A pipe, a socket, a device, or an entry that could not be examined. No digest and no lock covers it."""


class TreeEntry(Struct, frozen=True):
    """One entry of a model tree.

    Attributes:
        path: POSIX path below the root, bytes that are not UTF-8 as surrogate escapes.
        kind: file, link, empty folder, or special file.
        executable: whether the owner may execute the file; ``None`` where the source records no modes, as the Hub and
            its cache do, and for links and folders.
        size: of a file, in bytes; ``None`` before it is hashed.
        sha256: of a file, in lower-case hexadecimal; ``None`` before it is hashed.
        link_text: of a link, the path that it holds, as ``path``.
    """

    path: str
    kind: EntryKind
    executable: bool | None = None
    size: int | None = None
    sha256: str | None = None
    link_text: str | None = None

    @property
    def order(self) -> bytes:
        """A sort key: the bytes of the path."""
        return encode_path(self.path)


def encode_path(path: str) -> bytes:
    """Return the bytes of a path: UTF-8, and the original bytes where they are not.

    Raises:
        UnicodeEncodeError: the path has a lone surrogate that encodes no byte, so that no file can have it.
    """
    return path.encode("utf-8", "surrogateescape")
