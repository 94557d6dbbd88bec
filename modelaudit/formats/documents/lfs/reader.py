"""Parse Git LFS pointers and report the content they refer to as missing.

A pointer is a text of a few lines. Git stores it instead of a large file, and a clone without LFS leaves it there.
Source: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelaudit.formats.documents.lfs import LfsDefect
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline
from modelaudit.model.structure import Defect, Location, Unread, UnreadReason
from modelaudit.wire.base import DamagedError, Reading
from modelaudit.wire.ledger import claim_parsed

_MOST_POINTER_BYTES: Final = 1024
# The lines of a pointer, in this order, with optional ``ext-`` lines between the first two:
#     version https://git-lfs.github.com/spec/v1
#     oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393
#     size 12345
_POINTER: Final = defer_pattern(
    rb"version [^\r\n]{1,100}\r?\n(?:ext-[^\r\n]{1,200}\r?\n){0,10}oid ([a-z0-9]{1,20}):([0-9a-f]{32,128})\r?\n"
    rb"size (\d{1,20})(?:\r?\n|\Z)"
)


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the digest and size in the pointer, a defect for trailing bytes, and the absence of the content.

    Raises:
        DamagedError: the pointer is truncated or invalid.
        WindowError: the window could not return the requested bytes.
    """
    pointer = _POINTER.match(window.read(0, _MOST_POINTER_BYTES))
    if pointer is None:
        raise DamagedError("the Git LFS pointer is truncated or invalid", 0)
    method, digest, size = (part.decode() for part in pointer.groups())
    claim_parsed(window, 0, pointer.end())
    trailing = window.size - pointer.end()
    detail = f"{trailing} bytes follow the Git LFS pointer"
    defects = (Defect(LfsDefect.TRAILING_DATA, detail, Location(offset=pointer.end())),) if trailing else ()
    yield Outline("git-lfs-pointer", (), (("digest", f"{method}:{digest}"), ("size", size)), defects)
    absent = (
        f"this is a Git LFS pointer; its content, {size} bytes with {method} {digest}, is missing: run git lfs pull"
    )
    yield Unread(UnreadReason.CONTENT_ABSENT, absent)
