"""Recognise the files that git and Git LFS write below ``.git``, by their names and their form.

The configuration, attributes and hooks stay files of the model: git runs what they name. So does everything that git
does not write, such as ``.git/model.pkl``.

Source: https://git-scm.com/docs/gitrepository-layout.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Callable
from typing import Final

from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import GIB, MIB

_MOST_TEXT_BYTES: Final = MIB
"""The largest text below ``.git`` that is compared with its form."""
_MOST_OBJECT_BYTES: Final = 16 * MIB
"""The largest loose object that is read; a larger one stays a file of the model."""
_MOST_EXPANDED_BYTES: Final = 64 * MIB
_MOST_EXPANDED_IN_ALL: Final = 4 * GIB
_DIGITS_OF_SHA1: Final = 40

_ID: Final = rb"(?:[0-9a-f]{40}|[0-9a-f]{64})"
_REFERENCE: Final = defer_pattern(rb"ref: refs/[\x21-\x7e]+\n|" + _ID + rb"\n")
_LOG: Final = defer_pattern(rb"(?:" + _ID + rb" " + _ID + rb" [^\n]{1,500} \d{1,12} [+-]\d{4}(?:\t[^\n]*)?\n)*")
_PACKED_REFERENCES: Final = defer_pattern(rb"(?:#[^\n]*\n|" + _ID + rb" refs/[\x21-\x7e]+\n|\^" + _ID + rb"\n)*")
_FETCHED: Final = defer_pattern(rb"(?:" + _ID + rb"\t(?:not-for-merge)?\t[^\n]{0,1000}\n)*")
_LISTED_REFERENCES: Final = defer_pattern(rb"(?:" + _ID + rb"\trefs/[\x21-\x7e]+\n)*")
_IDS: Final = defer_pattern(rb"(?:" + _ID + rb"(?: [^\n]{1,200})?\n)*")
# A comment, or a pattern without a space: a command of more than one word has one.
_PATTERNS: Final = defer_pattern(rb"(?:#[^\n]*\n|[\w./*?!\[\]@+-]{0,200}\n)*")
_DESCRIPTION: Final = defer_pattern(rb"Unnamed repository; edit this file 'description' to name the repository\.\n")
_PACKS: Final = defer_pattern(rb"(?:P pack-[0-9a-f]{40,64}\.pack\n)*\n?")
_GRAPHS: Final = defer_pattern(rb"(?:[0-9a-f]{40,64}\n)*")
_SAMPLE: Final = defer_pattern(rb"#!/[^\n]+\n.*", re.DOTALL)

# A name below ``.git``, and the form of the whole text.
_TEXTS: Final = tuple(
    (defer_pattern(name), form)
    for name, form in (
        (r"HEAD|ORIG_HEAD|refs/(?:heads|remotes|tags|stash|notes).*", _REFERENCE),
        (r"packed-refs", _PACKED_REFERENCES),
        (r"FETCH_HEAD", _FETCHED),
        (r"info/refs", _LISTED_REFERENCES),
        (r"shallow|objects/pack/pack-[0-9a-f]{40,64}\.(?:promisor|keep)", _IDS),
        (r"logs/(?:HEAD|refs/.+)", _LOG),
        (r"description", _DESCRIPTION),
        (r"info/(?:exclude|sparse-checkout)", _PATTERNS),
        (r"objects/info/packs", _PACKS),
        (r"objects/info/commit-graphs/commit-graph-chain", _GRAPHS),
        (r"worktrees/[^/]+/(?:HEAD|ORIG_HEAD)", _REFERENCE),
        (r"worktrees/[^/]+/FETCH_HEAD", _FETCHED),
        (r"worktrees/[^/]+/logs/HEAD", _LOG),
        (r"worktrees/[^/]+/commondir", defer_pattern(rb"\.\./\.\.\n")),
        (r"worktrees/[^/]+/gitdir", defer_pattern(rb"[^\n]{1,4096}/\.git\n")),
        (
            r"hooks/(?:applypatch-msg|commit-msg|fsmonitor-watchman|post-update|pre-applypatch|pre-commit|"
            r"pre-merge-commit|pre-push|pre-rebase|pre-receive|prepare-commit-msg|push-to-checkout|sendemail-validate|"
            r"update)\.sample",
            _SAMPLE,
        ),
    )
)
# A name below ``.git``, and the first bytes.
_BINARIES: Final = tuple(
    (defer_pattern(name), start)
    for name, start in (
        (r"(?:worktrees/[^/]+/)?index", b"DIRC"),
        (r"objects/pack/pack-[0-9a-f]{40,64}\.pack", b"PACK"),
        (r"objects/pack/pack-[0-9a-f]{40,64}\.idx", b"\xfftOc"),
        (r"objects/pack/pack-[0-9a-f]{40,64}\.rev", b"RIDX"),
        (r"objects/pack/pack-[0-9a-f]{40,64}\.mtimes", b"MTME"),
        (r"objects/pack/(?:pack|multi-pack-index)-[0-9a-f]{40,64}\.bitmap", b"BITM"),
        (r"objects/pack/multi-pack-index(?:-[0-9a-f]{40,64}\.midx)?", b"MIDX"),
        (r"objects/info/(?:commit-graph|commit-graphs/graph-[0-9a-f]{40,64}\.graph)", b"CGPH"),
    )
)
_SUBMODULE: Final = defer_pattern(r"modules/(?:[^/]+/){1,8}?(?=HEAD$|ORIG_HEAD$|FETCH_HEAD$|config$|index$|packed-refs$"
                               r"|shallow$|description$|(?:hooks|info|lfs|logs|objects|refs|worktrees)/)")  # fmt: skip
"""The repository of a submodule, in the same layout."""
_OBJECT: Final = defer_pattern(rb"(?:blob|tree|commit|tag) \d{1,15}\0")
_LOOSE: Final = defer_pattern(r"objects/([0-9a-f]{2})/([0-9a-f]{38}|[0-9a-f]{62})")
LFS_OBJECT: Final = defer_pattern(r"lfs/objects/([0-9a-f]{2})/([0-9a-f]{2})/(\1\2[0-9a-f]{60})")
"""The content of a large file, by its SHA-256."""


def name_in_repository(name: str) -> str:
    """Return a path below ``.git`` as one within the repository that it belongs to, which may be a submodule's."""
    return _SUBMODULE.sub("", name, count=1) if _SUBMODULE.match(name) else name


class GitLayout:
    """Recognises the files of one folder ``.git``. The work for its loose objects is bounded over all of them."""

    def __init__(self) -> None:
        self._expanded_left = _MOST_EXPANDED_IN_ALL

    def is_bookkeeping(self, name: str, size: int, read: Callable[[int], bytes | None]) -> bool:
        """Whether a file is one that git or Git LFS writes.

        Args:
            name: path below the folder ``.git``.
            size: in bytes.
            read: returns the bytes up to a number; all of them if the file has no more; ``None`` if it cannot be read.
        """
        name = name_in_repository(name)
        if LFS_OBJECT.fullmatch(name) or (size == 0 and name.startswith("lfs/tmp/")):
            return True
        for pattern, form in _TEXTS:
            if pattern.fullmatch(name):
                text = read(_MOST_TEXT_BYTES) if size <= _MOST_TEXT_BYTES else None
                return text is not None and form.fullmatch(text) is not None
        for pattern, start in _BINARIES:
            if pattern.fullmatch(name):
                return read(len(start)) == start
        match = _LOOSE.fullmatch(name)
        if match is None or size > _MOST_OBJECT_BYTES or self._expanded_left <= 0:
            return False
        return self._is_loose_object(read(_MOST_OBJECT_BYTES) or b"", match[1] + match[2])

    def _is_loose_object(self, data: bytes, id_: str) -> bool:
        """Whether ``data`` are one compressed object with this id, and nothing behind it."""
        stream = zlib.decompressobj()
        try:
            content = stream.decompress(data, _MOST_EXPANDED_BYTES)
        except zlib.error:
            return False
        self._expanded_left -= len(content)
        if not stream.eof or stream.unused_data or not _OBJECT.match(content):
            return False
        algorithm = "sha1" if len(id_) == _DIGITS_OF_SHA1 else "sha256"
        return hashlib.new(algorithm, content, usedforsecurity=False).hexdigest() == id_
