"""Read the manifest of a model signature: the digest of each signed file.

Source: OpenSSF Model Signing 1.0, sections 5 and 6.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from msgspec import Struct

from modelaudit.integrity.names import explain_bad_name, find_clashing_names
from modelaudit.integrity.statements import Statement
from modelaudit.integrity.strict_json import shorten, take_list, take_object, take_text
from modelaudit.model.digest import DigestAlgorithm
from modelaudit.model.errors import SignatureError
from modelaudit.model.lazy_pattern import defer_pattern

PREDICATE: Final = "https://model_signing/signature/v1.0"
PREDICATE_FAMILY: Final = "https://model_signing/"
DEFAULT_IGNORED: Final = (".git", ".gitattributes", ".github", ".gitignore")
"""The paths at the root that every signer leaves out (section 6.2)."""

_ALGORITHMS: Final = {
    "sha256": DigestAlgorithm.SHA256,
    "blake2b": DigestAlgorithm.BLAKE2B,
    "blake3": DigestAlgorithm.BLAKE3,
}
_DIGEST: Final = {"sha256": 64, "blake2b": 128, "blake3": 64}
_PART: Final = defer_pattern(r"(.+):(0|[1-9]\d{0,18}):(0|[1-9]\d{0,18})", re.DOTALL)
_MOST_FILES: Final = 1_000_000


class SignedPart(Struct, frozen=True):
    """A range of bytes of a file with its digest.

    Attributes:
        start: the first byte.
        end: the byte behind the last one; ``None`` for a whole file, whose size is not signed.
        value: the digest in lower-case hexadecimal.
    """

    start: int
    end: int | None
    value: str


class SignedManifest(Struct, frozen=True):
    """The files that a signature covers.

    Attributes:
        algorithm: of every digest.
        files: the parts of each file, in order and without gaps, by its path.
        ignored_paths: the paths that the signer left out, with those that every signer leaves out.
        follows_links: whether the signer followed symbolic links.
        in_shards: whether the digests are those of ranges, which cover no file without bytes.
    """

    algorithm: DigestAlgorithm
    files: Mapping[str, tuple[SignedPart, ...]]
    ignored_paths: tuple[str, ...]
    follows_links: bool
    in_shards: bool

    def leaves_out(self, path: str) -> bool:
        """Whether a path is one of the ignored paths, or lies below one."""
        return lies_below(path, self.ignored_paths)


def lies_below(path: str, folders: Collection[str]) -> bool:
    """Whether a path is one of some paths, or lies below one."""
    return any(path == each or path.startswith(f"{each}/") for each in folders)


def read_manifest(statement: Statement) -> SignedManifest:
    """Read the manifest of a statement.

    Raises:
        SignatureError: the statement has another predicate or version, or the manifest is not canonical: weak or mixed
            digests, names that are repeated or not in their simplest form, ranges with gaps.
    """
    if statement.predicate_type != PREDICATE:
        raise SignatureError(
            f"the statement is {shorten(statement.predicate_type)}, and this version reads {PREDICATE}"
        )
    noun = "the manifest"
    serialization = take_object(statement.predicate, "serialization", noun)
    method = take_text(serialization, "method", noun)
    if method not in ("files", "shards"):
        raise SignatureError(f"the method {shorten(method)} is neither files nor shards")
    name = take_text(serialization, "hash_type", noun)
    if name not in _ALGORITHMS:
        raise SignatureError(f"the digests are {shorten(name)}; sha256, blake2b and blake3 are accepted")
    follows_links = serialization.get("allow_symlinks", False)
    if not isinstance(follows_links, bool):
        raise SignatureError("allow_symlinks is not a boolean")
    resources = take_list(statement.predicate, "resources", noun)
    if not 0 < len(resources) <= _MOST_FILES:
        raise SignatureError(f"the manifest has {len(resources):,} entries, and needs 1 to {_MOST_FILES:,}")
    size = _read_shard_size(serialization, method)
    # model-signing up to 1.1.1 writes the size of the shards into the name of the algorithm.
    names = {name, f"{name}-sharded-{size}"} if size else {name}
    entries = [_read_resource(each, name, names) for each in resources]
    _refuse_repetition([each for each, _ in entries])
    files = _join_parts(entries, size) if size else {path: (SignedPart(0, None, value),) for path, value in entries}
    _refuse_bad_names(tuple(files))
    _check_root_digest(statement, entries)
    return SignedManifest(
        algorithm=_ALGORITHMS[name],
        files=files,
        ignored_paths=_read_ignored(serialization),
        follows_links=follows_links,
        in_shards=bool(size),
    )


def _read_resource(value: object, hash_type: str, names: Collection[str]) -> tuple[str, str]:
    """Return the name and the digest of an entry."""
    if not isinstance(value, dict):
        raise SignatureError("an entry of the manifest is not a JSON object")
    name = take_text(value, "name", "an entry of the manifest")
    algorithm = take_text(value, "algorithm", f"the entry {shorten(name)}")
    if algorithm not in names:
        raise SignatureError(f"{shorten(name)} has a digest of {shorten(algorithm)} in a manifest of {hash_type}")
    digest = take_text(value, "digest", f"the entry {shorten(name)}")
    if len(digest) != _DIGEST[hash_type] or not re.fullmatch(r"[0-9a-f]+", digest):
        raise SignatureError(f"the digest of {shorten(name)} is not one of {hash_type} in lower-case hexadecimal")
    return name, digest


def _refuse_repetition(names: Sequence[str]) -> None:
    """Raise ``SignatureError`` for a name that occurs twice."""
    if len(set(names)) < len(names):
        seen: set[str] = set()
        repeated = next(name for name in names if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise SignatureError(f"the manifest names {shorten(repeated)} twice")


def _refuse_bad_names(paths: Sequence[str]) -> None:
    """Raise ``SignatureError`` for a name that is not canonical, and for two names that no file system keeps apart."""
    if paths == (".",):  # as model-signing 1.1.1 does it
        raise SignatureError("the manifest signs one file without its name, and not the files of a folder")
    for path in paths:
        if problem := explain_bad_name(path) or _explain_bad_text(path):
            raise SignatureError(f"the name {shorten(path)} {problem}")
    for one, other, problem in find_clashing_names(paths):
        raise SignatureError(f"{shorten(one)} and {shorten(other)} {problem}")


def _explain_bad_text(path: str) -> str | None:
    """Explain that a name holds half of a character, as no file of UTF-8 has it; ``None`` if it does not."""
    return "holds a lone surrogate" if re.search(r"[\ud800-\udfff]", path) else None


def _read_shard_size(serialization: Mapping[str, object], method: str) -> int:
    """Return the size of a shard in bytes; 0 for digests of whole files."""
    size = serialization.get("shard_size")
    if method == "files":
        if size is not None:
            raise SignatureError("a manifest of whole files has a shard_size")
        return 0
    if isinstance(size, str) and re.fullmatch(r"[1-9]\d{0,17}", size):  # protobuf JSON writes numbers of 64 bits so
        size = int(size)
    if isinstance(size, float) and size.is_integer():  # a protobuf ``Struct`` has no other numbers
        size = int(size)
    if isinstance(size, bool) or not isinstance(size, int) or size <= 0:
        raise SignatureError("a manifest of shards has no shard_size above 0")
    return size


def _join_parts(entries: Sequence[tuple[str, str]], size: int) -> dict[str, tuple[SignedPart, ...]]:
    """Return the shards of each file in order. Raises ``SignatureError`` for a gap, an overlap or another size."""
    by_path: dict[str, list[SignedPart]] = {}
    for name, value in entries:
        match = _PART.fullmatch(name)
        if match is None:
            raise SignatureError(f"{shorten(name)} names no range of bytes in a manifest of shards")
        by_path.setdefault(match[1], []).append(SignedPart(int(match[2]), int(match[3]), value))
    for path, parts in by_path.items():
        parts.sort(key=lambda part: part.start)
        end = 0
        for index, part in enumerate(parts):
            assert part.end is not None
            if part.start != end:
                kind = "a gap" if part.start > end else "an overlap"
                raise SignatureError(f"the ranges of {shorten(path)} have {kind} at byte {min(part.start, end)}")
            length = part.end - part.start
            if not 0 < length <= size or (length < size and index < len(parts) - 1):
                raise SignatureError(f"a range of {shorten(path)} has {length} bytes, and shards have {size}")
            end = part.end
    return {path: tuple(parts) for path, parts in by_path.items()}


def _read_ignored(serialization: Mapping[str, object]) -> tuple[str, ...]:
    """Return the ignored paths, sorted, with those that every signer leaves out."""
    listed = take_list(serialization, "ignore_paths", "the manifest")
    for each in listed:
        if not isinstance(each, str):
            raise SignatureError("an ignored path is not a string")
        if re.search(r"[*?\[]", each):
            raise SignatureError(f"the ignored path {shorten(each)} is a pattern")
        if problem := explain_bad_name(each):
            raise SignatureError(f"the ignored path {shorten(each)} {problem}")
    return tuple(sorted({*DEFAULT_IGNORED, *map(str, listed)}))


def _check_root_digest(statement: Statement, entries: Sequence[tuple[str, str]]) -> None:
    """Raise ``SignatureError`` unless the subject has the digest over the digests of the entries."""
    if len(statement.subjects) != 1:
        raise SignatureError(f"the statement has {len(statement.subjects)} subjects, and needs one")
    stated = statement.subjects[0].digests.get("sha256", "")
    computed = hashlib.sha256(b"".join(bytes.fromhex(value) for _, value in entries)).hexdigest()
    if stated != computed:
        raise SignatureError("the digest of the subject is not that of the entries of the manifest")
