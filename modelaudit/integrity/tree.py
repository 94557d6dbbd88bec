"""The tree digest: one SHA-256 over every entry of a model. ``docs/tree-digest.md`` defines it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from modelaudit.model.tree import EntryKind, TreeEntry, encode_path

_DOMAIN = b"modelaudit-tree-v1\0"
"""It begins the hashed bytes, so that no tree has the digest of another kind of document or of another version."""
_MODES = {True: b"x", False: b"-", None: b"?"}


def compute_tree_digest(entries: Iterable[TreeEntry]) -> str:
    """Compute the tree digest (version 1) of a model, in lower-case hexadecimal.

    The order of ``entries`` does not matter.

    Raises:
        ValueError: an entry cannot be covered: two have one path, a file has no SHA-256 or size, a link no text, one is
            a special file, or a path is empty, holds a zero byte or cannot be encoded.
    """
    digest = hashlib.sha256(_DOMAIN)
    previous = None
    for entry in sorted(entries, key=lambda entry: entry.order):
        if entry.path == previous:
            raise ValueError(f"two entries have the path {entry.path!r}")
        previous = entry.path
        digest.update(_encode_entry(entry))
    return digest.hexdigest()


def _encode_entry(entry: TreeEntry) -> bytes:
    """Return the record of one entry. Raises ``ValueError`` if it cannot be covered."""
    path = _encode_text(entry.path)
    if entry.kind is EntryKind.FILE and entry.sha256 is not None and entry.size is not None:
        return b"file %b %d %b %b\0" % (_MODES[entry.executable], entry.size, entry.sha256.encode("ascii"), path)
    if entry.kind is EntryKind.LINK and entry.link_text is not None:
        return b"link %b\0%b\0" % (path, _encode_text(entry.link_text))
    if entry.kind is EntryKind.FOLDER:
        return b"folder %b\0" % path
    raise ValueError(f"no tree digest covers {entry.path!r}: its content is unknown, or it is a special file")


def _encode_text(text: str) -> bytes:
    """Return the bytes of a path or the text of a link. Raises ``ValueError`` if no file system can hold it."""
    data = encode_path(text)
    if not data or b"\0" in data:
        raise ValueError(f"{text!r} is empty or holds a zero byte")
    return data
