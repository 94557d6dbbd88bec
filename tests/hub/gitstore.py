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

CHUNK_BYTES = 1 << 16
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
        """The ETag of the file on the Hub: sha256 for a large file, git blob id for any other."""
        return self.sha256 or self.oid


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit.

    Attributes:
        oid: its git object id.
        trees: the git tree id of every folder by path; the root is ``""``.
        parent: the id of the commit before; None for the first.
        message: the message, whose first line is the title.
        author: the account that made it.
        date: seconds since the epoch, UTC.
        files: every file of the repository at this commit, by path.
    """

    oid: str
    trees: Mapping[str, str]
    parent: str | None
    message: str
    author: str
    date: int
    files: Mapping[str, Blob]


def read_chunks(content: Content, start: int, stop: int) -> Iterator[bytes]:
    """Yield the bytes ``start:stop`` of a content in pieces of at most 64 KiB."""
    if isinstance(content, bytes):
        for offset in range(start, stop, CHUNK_BYTES):
            yield content[offset : min(offset + CHUNK_BYTES, stop)]
        return
    with content.open("rb") as file:
        file.seek(start)
        left = stop - start
        while left > 0 and (piece := file.read(min(CHUNK_BYTES, left))):
            left -= len(piece)
            yield piece


def get_length(content: Content) -> int:
    """Return the size of a content in bytes."""
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def compute_object_id(kind: str, data: bytes) -> str:
    """Compute the git object id of an object; ``kind`` is ``blob``, ``tree`` or ``commit``."""
    return hashlib.sha1(b"%s %d\0" % (kind.encode(), len(data)) + data, usedforsecurity=False).hexdigest()


def build_lfs_pointer(sha256: str, size: int) -> bytes:
    """Build the text that git stores in place of a large file."""
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()


def is_large(path: str, size: int, patterns: Sequence[str]) -> bool:
    """Whether the Hub keeps a file in LFS: by its name, or because git would not take its size."""
    name = path.rsplit("/", 1)[-1]
    return size > LFS_THRESHOLD or any(
        fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(path, pattern) for pattern in patterns
    )


def make_blob(path: str, content: Content, patterns: Sequence[str]) -> Blob:
    """Make the blob that a push of a file would create; ``patterns`` are the names of files kept in LFS."""
    size = get_length(content)
    if is_large(path, size, patterns):
        digest = hashlib.sha256()
        for piece in read_chunks(content, 0, size):
            digest.update(piece)
        pointer = build_lfs_pointer(digest.hexdigest(), size)
        return Blob(content, size, compute_object_id("blob", pointer), digest.hexdigest(), len(pointer))
    sha1 = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    for piece in read_chunks(content, 0, size):
        sha1.update(piece)
    return Blob(content, size, sha1.hexdigest())


def compute_tree_ids(files: Mapping[str, Blob]) -> dict[str, str]:
    """Compute the git tree id of every folder with files (gitformat-object), by path; the root is ``""``."""
    blobs_by_folder: dict[str, dict[str, str]] = {"": {}}
    for path, blob in files.items():
        folder, _, name = path.rpartition("/")
        blobs_by_folder.setdefault(folder, {})[name] = blob.oid
        while folder:
            folder, _, _ = folder.rpartition("/")
            blobs_by_folder.setdefault(folder, {})
    ids: dict[str, str] = {}
    # The id of a folder depends on those of the folders in it, so the deepest folders come first.
    for folder in sorted(blobs_by_folder, key=_count_levels, reverse=True):
        entries = {name: (b"100644", oid) for name, oid in blobs_by_folder[folder].items()}
        for inner_path, oid in ids.items():
            parent, _, name = inner_path.rpartition("/")
            if parent == folder:
                # git sorts a folder as though its name ended in a slash.
                entries[f"{name}/"] = (b"40000", oid)
        tree = b""
        for name, (mode, oid) in sorted(entries.items(), key=lambda entry: entry[0].encode()):
            tree += mode + b" " + name.removesuffix("/").encode() + b"\0" + bytes.fromhex(oid)
        ids[folder] = compute_object_id("tree", tree)
    return ids


def _count_levels(folder: str) -> int:
    """Count the levels of a folder below the root, whose path is empty."""
    return folder.count("/") + 1 if folder else 0


def make_commit(files: Mapping[str, Blob], *, parent: str | None, message: str, author: str, date: int) -> Commit:
    """Build the commit object of a listing; ``date`` is seconds since the epoch, UTC."""
    trees = compute_tree_ids(files)
    signature = f"{author} <{author}@users.noreply.example> {date} +0000"
    lines = [f"tree {trees['']}", *([f"parent {parent}"] if parent else [])]
    text = "\n".join([*lines, f"author {signature}", f"committer {signature}", "", message, ""])
    return Commit(compute_object_id("commit", text.encode()), trees, parent, message, author, date, dict(files))
