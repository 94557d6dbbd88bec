"""Parse the index of a git checkout, which states the blob of each file. Git is not run, and no object is read.

Source: https://git-scm.com/docs/index-format, versions 2 to 4.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

_HEADER: Final = struct.Struct(">4sII")
_NUMBER: Final = struct.Struct(">I")
_FLAGS: Final = struct.Struct(">H")
_MODE_OFFSET: Final = 24  # in an entry, behind its times, device and inode
_BLOB_OFFSET: Final = 40
_FLAGS_OFFSET: Final = 60
_NAME_OFFSET: Final = 62
_BLOB_BYTES: Final = 20
_LONGEST_NAME: Final = 4096
_MOST_NAME_BYTES: Final = 64 << 20
"""The bytes of all names. In version 4, an entry of a few bytes can repeat most of a long name."""
_KIND_MASK: Final = 0o170000
_REGULAR: Final = 0o100000
_LINK: Final = 0o120000
_EXTENDED: Final = 0x4000
_STAGE_MASK: Final = 0x3000
_SKIP_WORKTREE: Final = 0x4000
_INTENT_TO_ADD: Final = 0x2000
_SPARSE: Final = b"sdir"
"""The required extension that leaves the entries of files as they are."""


class UnreadableIndexError(Exception):
    """The index is damaged, of a form that is not read, or over a bound. The message states the fault."""


class IndexEntry(Struct, frozen=True):
    """A regular file or a link in the index.

    Attributes:
        path: bytes that are not UTF-8 as surrogate escapes.
        blob: git's id of the blob, 40 hexadecimal digits; that of a link holds its text.
        is_checked_out: whether the file should be in the folder; a sparse checkout leaves files out.
        is_link: whether it is a symbolic link.
        is_merged: false for each version of a file that a merge left in conflict.
    """

    path: str
    blob: str
    is_checked_out: bool
    is_link: bool = False
    is_merged: bool = True


def parse_index(data: bytes, most_entries: int) -> list[IndexEntry]:
    """Parse the index of a repository whose ids are SHA-1; submodules are left out.

    Raises:
        UnreadableIndexError: it is damaged, split, of another version, or has more than ``most_entries`` entries.
    """
    if len(data) < _HEADER.size + _BLOB_BYTES:
        raise UnreadableIndexError("it is too short for an index of git")
    signature, version, count = _HEADER.unpack_from(data)
    if signature != b"DIRC" or version not in (2, 3, 4):
        raise UnreadableIndexError("it is not an index of git of version 2, 3 or 4")
    if count > most_entries:
        raise UnreadableIndexError(f"it has {count} entries, more than {most_entries}")
    body, checksum = data[:-_BLOB_BYTES], data[-_BLOB_BYTES:]
    # Git writes zeros with the setting index.skipHash.
    if checksum != bytes(_BLOB_BYTES) and hashlib.sha1(body, usedforsecurity=False).digest() != checksum:
        raise UnreadableIndexError("its checksum does not fit its bytes, or its ids are not SHA-1")
    try:
        entries, end = _parse_entries(body, version, count)
    except (struct.error, ValueError, IndexError):
        raise UnreadableIndexError("an entry is damaged") from None
    for name in _iterate_extensions(body, end):
        if name[:1].islower() and name != _SPARSE:
            raise UnreadableIndexError(f"its extension {name.decode('latin-1')!r} keeps entries in another file")
    return entries


def _parse_entries(body: bytes, version: int, count: int) -> tuple[list[IndexEntry], int]:
    """Parse the entries; return those of files and links, and where the entries end.

    Raises:
        ValueError, IndexError, struct.error: an entry is damaged.
    """
    entries: list[IndexEntry] = []
    offset, name, name_bytes = _HEADER.size, b"", 0
    for _ in range(count):
        start = offset
        (mode,) = _NUMBER.unpack_from(body, start + _MODE_OFFSET)
        blob = body[start + _BLOB_OFFSET : start + _BLOB_OFFSET + _BLOB_BYTES]
        (flags,) = _FLAGS.unpack_from(body, start + _FLAGS_OFFSET)
        offset = start + _NAME_OFFSET
        further_flags = 0
        if flags & _EXTENDED and version > 2:
            (further_flags,) = _FLAGS.unpack_from(body, offset)
            offset += _FLAGS.size
        kept = b""
        if version == 4:
            dropped, offset = _read_offset(body, offset)
            if dropped > len(name):
                raise ValueError("it drops more than the name before has")
            kept = name[: len(name) - dropped]
        end = body.index(b"\0", offset)
        name = kept + body[offset:end]
        name_bytes += len(name)
        if not name or len(name) > _LONGEST_NAME or name_bytes > _MOST_NAME_BYTES:
            raise ValueError("a name is empty or too long")
        # Up to eight zero bytes end a name up to version 3, so that each entry takes a multiple of eight bytes.
        offset = end + 1 if version == 4 else start + (end - start + 8) // 8 * 8
        if mode & _KIND_MASK in (_REGULAR, _LINK) and not further_flags & _INTENT_TO_ADD:
            path, is_checked_out = name.decode("utf-8", "surrogateescape"), not further_flags & _SKIP_WORKTREE
            is_link, is_merged = mode & _KIND_MASK == _LINK, not flags & _STAGE_MASK
            entries.append(IndexEntry(path, blob.hex(), is_checked_out, is_link, is_merged))
    return entries, offset


def _read_offset(body: bytes, offset: int) -> tuple[int, int]:
    """Read a number in the form of the offsets in packs; return it, and where it ends. Raises ``IndexError``."""
    byte = body[offset]
    value = byte & 0x7F
    while byte & 0x80 and value <= _LONGEST_NAME:
        offset += 1
        byte = body[offset]
        value = (value + 1) << 7 | (byte & 0x7F)
    return value, offset + 1


def _iterate_extensions(body: bytes, offset: int) -> Iterator[bytes]:
    """Yield the names of the extensions that follow the entries."""
    while offset + 8 <= len(body):
        (size,) = _NUMBER.unpack_from(body, offset + 4)
        yield body[offset : offset + 4]
        offset += 8 + size
