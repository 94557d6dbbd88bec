"""What tensorstore keeps of a checkpoint of Orbax: a manifest, nodes of a tree, and the chunks of arrays.

A manifest or node is its magic number, its length, its version, its compression, the content, and a checksum; chunks
stand in the files of data without anything before them, and the nodes say where. Nothing of it makes a loader act.
Source: https://google.github.io/tensorstore/kvstore/ocdbt/index.html (storage format)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from modelaudit.formats.pickles.pickle.search import find_pickles
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline
from modelaudit.wire.base import DamagedError, Head, Reading

_RECORD_KINDS: Final = {
    b"\x0c\xdb\x3a\x2a": "manifest",
    b"\x0c\xdb\x20\xde": "node of a tree",
    b"\x0c\xdb\x12\x34": "node of versions",
}
_HEADER_BYTES: Final = 13
_DATA_PATH: Final = re.compile(r"(?:\A|/)d/[0-9a-f]{32}(?:![^!]*)*\Z")


def recognises(head: Head) -> bool:
    """The magic number, and a length that the file has room for or nearly so."""
    return head.content is None and head.data[:4] in _RECORD_KINDS


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield what kind of record comes first, and pickles that stand behind it.

    Raises:
        DamagedError: the record is cut off.
        WindowError: from the window.
    """
    head = window.read(0, _HEADER_BYTES)
    kind = _RECORD_KINDS[head[:4]]
    length = int.from_bytes(head[4:12], "little")
    yield Outline("ocdbt", (), (("kind", kind), ("bytes", str(length))))
    if not _HEADER_BYTES <= length <= window.size:
        raise DamagedError(f"the {kind} is stated to take {length} bytes, the file has {window.size}", 4)
    yield from find_pickles(artifact, window, length, limits, announced_only=True)


def recognises_data(head: Head) -> bool:
    """A file of data of such a store, which begins like nothing; its place and its name of 32 digits tell it."""
    return head.content is None and _DATA_PATH.search(head.path) is not None


def read_data(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield how many bytes of chunks there are."""
    yield Outline("ocdbt", (), (("kind", "chunks of arrays"), ("bytes", str(window.size))))
