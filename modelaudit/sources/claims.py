"""Digests and sizes that a Hub claims for the files of a commit, from its answers and from the client's records."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from msgspec import Struct

from modelaudit.model.digest import Claim, ClaimSource, Digest, DigestAlgorithm
from modelaudit.model.lazy_pattern import defer_pattern

_NAME_BYTES = 255
"""The longest name of a file on common file systems, in bytes."""
_PATH_BYTES = 4096 - 1024
"""The longest path on Linux, less room for the path of the cache folder, in bytes."""

# It matches a text that never ends too. Otherwise, the search would begin again at each quote in such a text.
_JSON_TEXT = defer_pattern(rb'"(?P<text>[^"\\]*+(?:\\.?[^"\\]*+)*+)(?:"|\Z)(?P<colon>\s*+:)?', re.DOTALL)
# In CPython 3.11, a dictionary takes 184 bytes, a list of one value 88, and a short text 50 to 60.
_VALUES_OF_OBJECT = 3
_VALUES_OF_LIST = 2
# The well-formed sequences of four bytes: The Unicode Standard, table 3-7.
_WIDE_CHARACTER = defer_pattern(rb"(?:\xf0[\x90-\xbf]|[\xf1-\xf3][\x80-\xbf]|\xf4[\x80-\x8f])[\x80-\xbf]{2}")
_WIDE_ESCAPE = defer_pattern(rb"\\u[dD][89abAB]")
"""The first half of a character above U+FFFF."""


class ListedFile(Struct, frozen=True):
    """Size and digests claimed for one file.

    Attributes:
        size: in bytes; ``None`` where it is not stated.
        claimed: digests of the content.
        other_size: a size that another answer states for the same file of the same commit.
    """

    size: int | None
    claimed: tuple[Digest, ...]
    other_size: int | None = None

    @property
    def least_size(self) -> int | None:
        """The smaller of the stated sizes; ``None`` if there is none."""
        return min((size for size in (self.size, self.other_size) if size is not None), default=None)


Listing = Mapping[str, ListedFile]
"""Files by their path in the repository."""


class StatedListing(Struct, frozen=True):
    """A listing of the files of a commit, with its source and the record that holds it, as in ``Claim``."""

    source: ClaimSource
    record: str
    files: Listing

    def list_claims(self, path: str) -> tuple[Claim, ...]:
        """Return the claims on the file at ``path``; none if it is not listed."""
        file = self.files.get(path)
        return () if file is None else tuple(Claim(digest, self.source, self.record) for digest in file.claimed)


def parse_digest(text: object) -> tuple[Digest, ...]:
    """Return the digest that an ETag or the name of a blob states; none if it states no digest.

    64 hexadecimal digits are a SHA-256, 40 the id of a git blob.
    """
    if not isinstance(text, str):
        return ()
    for algorithm in (DigestAlgorithm.SHA256, DigestAlgorithm.GIT_BLOB):
        try:
            return (Digest(algorithm, text.lower()),)
        except ValueError:
            continue
    return ()


def select_claims(blob_id: object, sha256: object, is_pointer: bool) -> tuple[Digest, ...]:
    """Select the digests that are claimed for the content of a file.

    Args:
        blob_id: git's id of the blob.
        sha256: SHA-256 of the content of a large file.
        is_pointer: git stores a pointer in place of the content, so that ``blob_id`` is the id of the pointer.
    """
    sha256_digests = tuple(digest for digest in parse_digest(sha256) if digest.algorithm is DigestAlgorithm.SHA256)
    git_digests = tuple(digest for digest in parse_digest(blob_id) if digest.algorithm is DigestAlgorithm.GIT_BLOB)
    return sha256_digests if is_pointer else git_digests


def merge_listings(*listings: Listing) -> dict[str, ListedFile]:
    """Merge listings: every listed file, every claimed digest, the first stated size, and one that differs."""
    files: dict[str, ListedFile] = {}
    for listing in listings:
        for path, file in listing.items():
            merged = files.get(path, ListedFile(None, ()))
            size = file.size if merged.size is None else merged.size
            other_size = file.size if file.size not in (None, size) else merged.other_size
            files[path] = ListedFile(size, tuple(sorted({*merged.claimed, *file.claimed})), other_size)
    return files


def bound_value_count(data: bytes) -> int:
    """Return an upper bound on the values within the outermost value of some JSON, without parsing it.

    A container counts for as many values as take its memory.
    """
    # The opening bracket counts for the first value in it, and a comma for each further one.
    return data.count(b",") + _VALUES_OF_LIST * data.count(b"[") + _VALUES_OF_OBJECT * data.count(b"{")


def explain_costly_texts(data: bytes, most_keys: int, most_bytes: int) -> str | None:
    """Explain why the texts of some JSON in UTF-8 take too much memory, without parsing it; ``None`` if they do not.

    Args:
        data: the JSON.
        most_keys: different keys that its objects may have.
        most_bytes: bytes that its texts may have. A text with a character above U+FFFF counts four times, because that
            character makes four bytes of each.
    """
    may_be_wide = bound_wide_count(data) > 0 or _WIDE_ESCAPE.search(data) is not None
    keys: set[bytes] = set()
    total = 0
    for match in _JSON_TEXT.finditer(data):
        text = match["text"]
        is_wide = may_be_wide and (_WIDE_CHARACTER.search(text) or _WIDE_ESCAPE.search(text))
        total += 4 * len(text) if is_wide else len(text)
        if match["colon"] is not None:
            keys.add(text)
        if len(keys) > most_keys:
            return f"it holds more than {most_keys} different keys"
        if total > most_bytes:
            return f"its texts take more than {most_bytes} bytes in memory"
    return None


def bound_wide_count(data: bytes) -> int:
    """Return an upper bound on the characters above U+FFFF in a text in UTF-8."""
    return sum(data.count(bytes([first])) for first in range(0xF0, 0xF5))


def narrow_json(data: bytes) -> bytes:
    """Return JSON in UTF-8 with each character above U+FFFF as an escape.

    One such character makes four bytes of each character of the text that contains it, and so of the whole JSON.
    """
    return _WIDE_CHARACTER.sub(lambda match: json.dumps(match[0].decode())[1:-1].encode(), data)


def parse_tree_record(data: bytes) -> dict[str, ListedFile] | None:
    """Parse the listing that huggingface_hub saves as ``trees/<commit>.json`` (format 1); ``None`` if it is invalid.

    Source: ``_tree_cache.py`` of huggingface_hub 2.4.
    """
    try:
        record = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or record.get("format_version") != 1 or not isinstance(record.get("files"), dict):
        return None
    return parse_tree_entries(record["files"])


def parse_tree_entries(entries: Mapping[str, object]) -> dict[str, ListedFile] | None:
    """Return the sizes and digests in the entries of such a listing; ``None`` if an entry is not a JSON object."""
    files: dict[str, ListedFile] = {}
    for name, entry in entries.items():
        if not isinstance(entry, dict):
            return None
        sha256 = entry.get("lfs_sha256")
        is_pointer = sha256 is not None or entry.get("xet_hash") is not None
        size = entry.get("size")
        checked_size = size if isinstance(size, int) and size >= 0 else None
        files[name] = ListedFile(checked_size, select_claims(entry.get("blob_id"), sha256, is_pointer))
    return files


def shorten_listed_name(name: object) -> str:
    """Return a name in a listing, or its start if it is too long for a file system; the start is too long as well.

    Raises:
        TypeError: the value is not a text.
    """
    if not isinstance(name, str):
        raise TypeError("a name in its listing is not a text")
    return name[: _PATH_BYTES + 1]


def bound_name_size(name: str) -> int:
    """Return an upper bound on the bytes that the characters of a name take in memory."""
    if name.isascii():
        return len(name)
    return (4 if max(name) > "\uffff" else 2) * len(name)


def explain_unstorable_name(name: str) -> str | None:
    """Explain why a file at the path ``name`` of a repository cannot be stored below a folder; ``None`` if it can."""
    # First, so that the other checks read no more of a hostile name.
    if len(name) > _PATH_BYTES:
        return "its name is too long for a file system"
    if not name or "\0" in name:
        return "its name is empty or holds a zero byte"
    if re.search("[\ud800-\udfff]", name):
        return "its name holds half of a character (a lone surrogate)"
    if name.startswith("/") or ".." in name.replace("\\", "/").split("/"):
        return "its name leads out of the repository"
    if name != posixpath.normpath(name):
        return "its name is not in its simplest form"
    # On Windows, "C:" at the start of a part is a drive, and a backslash the root of one.
    if any(part[1:2] == ":" or part.startswith("\\") for part in name.split("/")):
        return "its name is absolute on some systems"
    encoded = name.encode("utf-8", "surrogatepass")
    if len(encoded) > _PATH_BYTES or any(len(part) > _NAME_BYTES for part in encoded.split(b"/")):
        return "its name is too long for a file system"
    return None


def find_unstorable_names(names: Collection[str]) -> dict[str, str]:
    """Find the names that cannot be stored below one folder, each with the reason."""
    problems = {name: problem for name in names if (problem := explain_unstorable_name(name))}
    # The folders of a storable name are storable too, so no other name can lie above it.
    storable_names = [name for name in names if name not in problems]
    problem = "the listing has a file in the place of one of its folders"
    return problems | dict.fromkeys(_find_names_below_files(storable_names), problem)


def _find_names_below_files(names: Iterable[str]) -> Iterator[str]:
    """Yield the names that need a folder where another name is a file, such as ``a/b`` beside ``a``."""
    file: str | None = None
    # With "/" as the lowest character, the names below a file follow it at once, so each is compared with one file.
    for name in sorted(names, key=lambda name: name.replace("/", "\0")):
        if file is not None and name.startswith(f"{file}/"):
            yield name
        else:
            file = name
