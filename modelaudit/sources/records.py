"""Records in the Hub cache of what a Hub stated for one commit. An offline scan finds missing files with them.

``trees/<commit>.json`` is the client's record of the listing of the tree. ``trees/<commit>.description.json`` is this
package's record of what the description of the commit states beyond it: other files, sizes and digests, the Hub's own
statements on licence and lineage, and facts about the repository. The client does not read the second one.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Container, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from modelaudit.model.address import read_file_path
from modelaudit.model.artifact import Artifact
from modelaudit.model.digest import DigestAlgorithm
from modelaudit.model.errors import WindowError
from modelaudit.model.evidence import Statement, Statements, Topic
from modelaudit.model.limits import Limits
from modelaudit.model.provenance import Pin
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.sources.claims import (
    ListedFile,
    Listing,
    bound_value_count,
    explain_costly_texts,
    merge_listings,
    parse_tree_record,
)
from modelaudit.sources.repository_record import (
    MOST_PINS,
    RepositoryRecord,
    format_pins,
    format_repository_record,
    parse_pins,
    parse_repository_record,
)
from modelaudit.sources.windows import FileState, LocalFile

FORMAT = "hub"
"""The name of the Hub as the source of statements."""
_VERSION = 1


class RecordedDescription(Struct, frozen=True):
    """The statements of the description of a commit beyond the listing of its tree.

    Attributes:
        listing: files that the tree lacks, or lists with another size or digest.
        statements: the Hub's own statements on licence and lineage.
        repository: facts about the repository itself; ``None`` if none were recorded.
        pins: the references that led to other commits when this one was fetched, so that each scan of it says so.
    """

    listing: Listing
    statements: Statements
    repository: RepositoryRecord | None = None
    pins: tuple[Pin, ...] = ()


def locate_tree_record(commit: str) -> str:
    """Return the path of the client's record of the tree, below the folder of the repository."""
    return f"trees/{commit}.json"


def locate_description_record(commit: str) -> str:
    """Return the path of the record of the description, below the folder of the repository."""
    return f"trees/{commit}.description.json"


def is_absent_record(artifact: Artifact, on_disk: Container[str]) -> bool:
    """Whether an artifact represents a record that is absent, such as the listing of a commit.

    A lock lists every file, and so takes its place. It cannot take that of a reference which leads elsewhere.

    Args:
        artifact: of a snapshot.
        on_disk: the paths of the entries of the model.
    """
    is_absence = artifact.obstacle is not None and artifact.obstacle.reason is UnreadReason.UNVERIFIED_BYTES
    if not is_absence or artifact.open is not None or read_file_path(artifact.path) in on_disk:
        return False
    return "refs" not in artifact.path.split("/")


def read_tree_record(repository: str, commit: str, limits: Limits) -> Listing | Unread | None:
    """Read the listing of the tree that the client saved for a commit.

    It is bounded like the listing of a Hub, because each value of it takes many times its bytes in memory.

    Args:
        repository: the folder of the repository in the cache.
        commit: 40 hexadecimal digits.
        limits: the bounds.

    Returns:
        The listing; ``None`` if there is no record of one; an absence if there is a record that cannot be read,
        because loaders may read it nevertheless, and fetch files that it alone names.
    """
    data = read_record_bytes(repository, locate_tree_record(commit), limits)
    if data is None or isinstance(data, Unread):
        return data
    listing = parse_tree_record(data)
    if listing is None:
        return _refuse_record(UnreadReason.DAMAGED, "it is not of format 1 of huggingface_hub")
    return _bound_listing(listing, limits) or listing


def read_description_record(repository: str, commit: str, limits: Limits) -> RecordedDescription | Unread | None:
    """Read what ``write_description_record`` wrote for a commit. Arguments and results as in ``read_tree_record``."""
    data = read_record_bytes(repository, locate_description_record(commit), limits)
    if data is None or isinstance(data, Unread):
        return data
    description = _parse_description(data)
    if description is None:
        return _refuse_record(UnreadReason.DAMAGED, f"it is not of format {_VERSION} of modelaudit")
    return _bound_listing(description.listing, limits) or description


def write_description_record(
    repository: str,
    commit: str,
    listing: Listing,
    tree: Listing,
    statements: Statements,
    facts: RepositoryRecord | None = None,
    pins: Sequence[Pin] = (),
) -> None:
    """Record what the description of a commit states beyond its tree, in place of an earlier record.

    Args:
        repository: the folder of the repository in the cache.
        commit: 40 hexadecimal digits.
        listing: the files that the description names.
        tree: the files of the tree, which the client records.
        statements: the Hub's own statements.
        facts: about the repository itself; ``None`` if they are unknown.
        pins: the references that led to other commits; of more than the bound, the first.
    """
    further = {path: file for path, file in listing.items() if _adds_claims(file, tree.get(path))}
    record: dict[str, object] = {
        "format_version": _VERSION,
        "files": {path: _format_file(file) for path, file in further.items()},
        "statements": [[item.topic, item.field, item.value, item.where.key] for item in statements.items],
    }
    if facts is not None:
        record["repository"] = format_repository_record(facts)
    if pins:
        record["pins"] = format_pins(pins[:MOST_PINS])
    replace_text(Path(repository, locate_description_record(commit)), json.dumps(record, indent=1))


def replace_text(path: Path, text: str) -> None:
    """Write a small file of the cache at once, so that no other program reads half of it.

    Errors are ignored, because the scan itself does not need the file.
    """
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, suffix=".tmp", delete=False) as file:
            file.write(text)
        Path(file.name).replace(path)


def _adds_claims(file: ListedFile, listed: ListedFile | None) -> bool:
    """Whether the description of a file adds anything to its entry in the tree."""
    return listed is None or merge_listings({"": file}, {"": listed}) != merge_listings({"": listed})


def _format_file(file: ListedFile) -> dict[str, object]:
    """Return the entry of a file, as the client records a tree."""
    names = {DigestAlgorithm.SHA256: "lfs_sha256", DigestAlgorithm.GIT_BLOB: "blob_id"}
    digests: dict[str, object] = {names[digest.algorithm]: digest.value for digest in file.claimed}
    return digests if file.size is None else {"size": file.size, **digests}


def _parse_description(data: bytes) -> RecordedDescription | None:
    """Parse the record of a description; ``None`` if it is invalid."""
    listing = parse_tree_record(data)
    if listing is None:
        return None
    try:
        record = json.loads(data)
        entries = record["statements"]
        items = tuple(_parse_statement(*entry) for entry in entries)
    except (KeyError, TypeError, ValueError):
        return None
    repository = parse_repository_record(record.get("repository"))
    return RecordedDescription(listing, Statements(FORMAT, items), repository, parse_pins(record.get("pins")))


def _parse_statement(topic: object, field: object, value: object, key: object) -> Statement:
    """Parse one statement. Raises ``TypeError`` or ``ValueError``."""
    if not (isinstance(topic, str) and isinstance(field, str) and isinstance(value, str)):
        raise TypeError("a statement consists of texts")
    if key is not None and not isinstance(key, str):
        raise TypeError("the key of a statement is a text")
    return Statement(Topic(topic), field, value, Location(key=key))


def read_record_bytes(repository: str, path: str, limits: Limits) -> bytes | Unread | None:
    """Read a record that is small enough to be parsed; ``None`` if there is none, and an absence if it is not read.

    Args:
        repository: the folder of the repository in the cache.
        path: of the record below it.
        limits: the bounds.
    """
    try:
        state = FileState.from_stat(os.lstat(f"{repository}/{path}"))
        if state.size > limits.document_bytes:
            return _refuse_record(UnreadReason.LIMIT, f"it is larger than {limits.document_bytes} bytes")
        with LocalFile(repository, path, state, limits.document_bytes)() as window:
            data = window.read(0, window.size)
    except FileNotFoundError:
        return None
    except (OSError, WindowError) as error:
        return _refuse_record(UnreadReason.UNREADABLE, f"reading it failed: {error}")
    if bound_value_count(data) > limits.server.answer_values:
        return _refuse_record(UnreadReason.LIMIT, f"it may hold more than {limits.server.answer_values} values")
    most_keys = limits.server.listed_files + limits.server.answer_keys  # the name of each file is a key
    problem = explain_costly_texts(data, most_keys, limits.document_bytes)
    if problem:
        return _refuse_record(UnreadReason.LIMIT, problem)
    return data


def _bound_listing(listing: Mapping[str, ListedFile], limits: Limits) -> Unread | None:
    """Return an absence if a listing names too many files."""
    most = limits.server.listed_files
    if len(listing) <= most:
        return None
    return _refuse_record(UnreadReason.LIMIT, f"it names more than {most} files")


def _refuse_record(reason: UnreadReason, cause: str) -> Unread:
    """Return the absence of a listing whose record exists and cannot be read."""
    consequence = "so files of the commit that were never downloaded are not known"
    return Unread(reason, f"the listing that the cache holds of this commit was not read, {consequence}: {cause}")
