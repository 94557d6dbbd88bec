"""Git objects as the Hub stores them: blobs, LFS pointers, trees and commits with true object ids.

Ids follow git's object format (``sha1("<type> <length>\\0" + content)``, gitformat-object); a large file is represented
by its LFS pointer (git-lfs specification, "The Pointer"), whose text is what the blob id covers.
"""

from __future__ import annotations

import fnmatch
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

Content = bytes | Path
"""The bytes of a file, or the path of a file on disk that is streamed and never loaded whole."""

CHUNK = 1 << 16
LFS_THRESHOLD = 10 * 1000 * 1000
"""Bytes above which the Hub refuses a plain git blob."""

LFS_PATTERNS = tuple(
    f"*.{suffix}"
    for suffix in (
        *("7z", "arrow", "bin", "bz2", "ckpt", "ftz", "gguf", "gz", "h5", "joblib", "keras", "mlmodel", "model"),
        *("msgpack", "npy", "npz", "onnx", "ot", "parquet", "pb", "pickle", "pkl", "pt", "pth", "rar", "safetensors"),
        *("tar", "tflite", "tgz", "wasm", "xz", "zip", "zst"),
    )
)
"""The patterns of the ``.gitattributes`` that the Hub gives a new repository."""


@dataclass(frozen=True, slots=True)
class Blob:
    """One version of one file.

    Args:
        content: What a download of the file yields.
        size: Length of the content in bytes.
        oid: Git blob id; of the pointer text for a large file.
        sha256: Digest of the content of a large (LFS) file, else None.
        pointer_size: Length of the pointer text of a large file, else None.
    """

    content: Content
    size: int
    oid: str
    sha256: str | None = None
    pointer_size: int | None = None

    @property
    def etag(self) -> str:
        """The identity that the Hub announces: sha256 for a large file, git blob id for any other."""
        return self.sha256 or self.oid


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit, the whole listing it points at (path -> blob) and the tree ids of its folders (root: ``""``)."""

    oid: str
    trees: Mapping[str, str]
    parent: str | None
    message: str
    author: str
    date: int
    files: Mapping[str, Blob]


def chunks(content: Content, start: int, stop: int) -> Iterator[bytes]:
    """Yield the bytes ``start:stop`` of a content in pieces of at most 64 KiB."""
    if isinstance(content, bytes):
        for at in range(start, stop, CHUNK):
            yield content[at : min(at + CHUNK, stop)]
        return
    with content.open("rb") as file:
        file.seek(start)
        left = stop - start
        while left > 0 and (piece := file.read(min(CHUNK, left))):
            left -= len(piece)
            yield piece


def length(content: Content) -> int:
    """Size of a content in bytes."""
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def object_id(kind: str, data: bytes) -> str:
    """Git object id of a whole object held in memory."""
    return hashlib.sha1(b"%s %d\0" % (kind.encode(), len(data)) + data, usedforsecurity=False).hexdigest()


def lfs_pointer(sha256: str, size: int) -> bytes:
    """The text that git stores in place of a large file."""
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()


def is_large(path: str, size: int, patterns: Sequence[str]) -> bool:
    """Whether the Hub keeps a file in LFS: by its name, or because git would not take its size."""
    name = path.rsplit("/", 1)[-1]
    return size > LFS_THRESHOLD or any(fnmatch.fnmatchcase(name, p) or fnmatch.fnmatchcase(path, p) for p in patterns)


def make_blob(path: str, content: Content, patterns: Sequence[str]) -> Blob:
    """Hash a file into the blob that a push of it would create."""
    size = length(content)
    if is_large(path, size, patterns):
        digest = hashlib.sha256()
        for piece in chunks(content, 0, size):
            digest.update(piece)
        pointer = lfs_pointer(digest.hexdigest(), size)
        return Blob(content, size, object_id("blob", pointer), digest.hexdigest(), len(pointer))
    sha1 = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    for piece in chunks(content, 0, size):
        sha1.update(piece)
    return Blob(content, size, sha1.hexdigest())


def tree_ids(files: Mapping[str, Blob]) -> dict[str, str]:
    """Git tree ids of every folder of a listing, keyed by path; the root is ``""``."""
    below: dict[str, dict[str, str]] = {"": {}}
    for path, blob in files.items():
        folder, _, name = path.rpartition("/")
        below.setdefault(folder, {})[name] = blob.oid
        while folder:
            parent, _, _ = folder.rpartition("/")
            below.setdefault(parent, {})
            folder = parent
    ids: dict[str, str] = {}
    for folder in sorted(below, key=lambda f: -(f.count("/") + bool(f))):
        entries = [(name.encode(), b"100644", oid) for name, oid in below[folder].items()]
        for sub, oid in ids.items():
            parent, _, name = sub.rpartition("/")
            if sub and parent == folder:
                entries.append((name.encode(), b"40000", oid))
        # git sorts a folder as though its name ended in a slash
        entries.sort(key=lambda e: e[0] + b"/" if e[1] == b"40000" else e[0])
        ids[folder] = object_id("tree", b"".join(m + b" " + n + b"\0" + bytes.fromhex(o) for n, m, o in entries))
    return ids


def make_commit(files: Mapping[str, Blob], *, parent: str | None, message: str, author: str, date: int) -> Commit:
    """Build the commit object of a listing; ``date`` is seconds since the epoch, UTC."""
    trees = tree_ids(files)
    who = f"{author} <{author}@users.noreply.example> {date} +0000"
    lines = [f"tree {trees['']}", *([f"parent {parent}"] if parent else [])]
    text = "\n".join([*lines, f"author {who}", f"committer {who}", "", message, ""])
    return Commit(object_id("commit", text.encode()), trees, parent, message, author, date, dict(files))
