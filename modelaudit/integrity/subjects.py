"""Statements on the entries of a folder: each file is a subject, and the predicate lists every entry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from modelaudit.integrity.names import explain_bad_name, is_text
from modelaudit.integrity.statements import Statement, encode_statement, require_type
from modelaudit.integrity.strict_json import shorten, take_list, take_text
from modelaudit.integrity.tree import compute_tree_digest
from modelaudit.model.errors import SignatureError
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.tree import EntryKind, TreeEntry

TREE_ALGORITHM: Final = "modelaudit-tree-v1"
"""The name of the tree digest in a set of digests (``docs/tree-digest.md``)."""
TREE_NAME: Final = "."
IMAGE_TYPE: Final = "application/vnd.oci.image.manifest.v1+json"
"""The media type of the manifest of an OCI image; its subject has no name, because each name can be that of a file."""
_SHA256: Final = defer_pattern(r"[0-9a-f]{64}")


def build_entries_statement(
    predicate_type: str,
    entries: Sequence[TreeEntry],
    predicate: Mapping[str, object] | None = None,
    image: str | None = None,
) -> bytes:
    """Build a statement on entries.

    Args:
        predicate_type: the URI of the kind of statement.
        entries: every entry of the folder.
        predicate: the statement beside the entries.
        image: SHA-256 of the manifest of an OCI image that holds the folder, in hexadecimal.

    Raises:
        ValueError: a tree digest cannot cover an entry.
    """
    listed = [_build_entry(entry) for entry in sorted(entries, key=lambda entry: entry.order)]
    return encode_statement(
        predicate_type, list(build_subjects(entries, image)), {**(predicate or {}), "entries": listed}
    )


def read_entries(statement: Statement, predicate_type: str, noun: str) -> tuple[tuple[TreeEntry, ...], str, str | None]:
    """Read the entries of a statement.

    Args:
        statement: as it was parsed.
        predicate_type: the kind that it has to be.
        noun: of the predicate, for messages.

    Returns:
        The entries, their tree digest, version 1, and the SHA-256 of the manifest of the image, ``None`` without one.

    Raises:
        SignatureError: the statement is of another kind or malformed, or its subjects are not its entries.
    """
    require_type(statement, predicate_type)
    entries = tuple(map(_read_entry, take_list(statement.predicate, "entries", noun)))
    return entries, *_check_subjects(statement, entries)


def build_subjects(entries: Sequence[TreeEntry], image: str | None) -> Iterator[dict[str, object]]:
    """Yield the tree, the image, and each file. Raises ``ValueError`` for an entry that no digest covers."""
    yield {"name": TREE_NAME, "digest": {TREE_ALGORITHM: compute_tree_digest(entries)}}
    if image is not None:
        yield {"mediaType": IMAGE_TYPE, "digest": {"sha256": image}}
    for entry in sorted(entries, key=lambda entry: entry.order):
        if entry.kind is EntryKind.FILE:
            yield {"name": _encode_name(entry.path), "digest": {"sha256": entry.sha256}}


def _build_entry(entry: TreeEntry) -> dict[str, object]:
    """Return the JSON object of an entry; unknown values are left out. Raises ``ValueError`` as ``build_subjects``."""
    values = {
        "path": _encode_name(entry.path),
        "kind": entry.kind.value,
        "executable": entry.executable,
        "size": entry.size,
        "sha256": entry.sha256,
        "link": None if entry.link_text is None else _encode_name(entry.link_text),
    }
    return {key: value for key, value in values.items() if value is not None}


def _encode_name(path: str) -> str:
    """Return a path for JSON. Raises ``ValueError`` for one that is not UTF-8, because a signer cannot name it."""
    if not is_text(path):
        raise ValueError(f"the name {path!r} is not UTF-8")
    return path


def _check_subjects(statement: Statement, entries: Sequence[TreeEntry]) -> tuple[str, str | None]:
    """Check that the subjects of a statement are the entries, and at most one image.

    Returns:
        The tree digest, version 1, and the SHA-256 of the manifest of the image, ``None`` without one.

    Raises:
        SignatureError: they are not.
    """
    try:
        expected = {str(each["name"]): each["digest"] for each in build_subjects(entries, None)}
        tree_digest = compute_tree_digest(entries)
    except ValueError as error:
        raise SignatureError(f"the entries have no tree digest: {error}") from error
    images = [dict(each.digests) for each in statement.subjects if not each.name]
    stated = {each.name: dict(each.digests) for each in statement.subjects if each.name}
    if len(stated) + len(images) != len(statement.subjects) or stated != expected:
        raise SignatureError("the subjects are not the files that the evidence lists")
    if len(images) > 1 or any(each.keys() != {"sha256"} for each in images):
        raise SignatureError("a subject without a name is not one image")
    image = images[0]["sha256"] if images else None
    if image is not None and not _SHA256.fullmatch(image):
        raise SignatureError("a subject without a name is not one image")
    return tree_digest, image


def _read_entry(value: object) -> TreeEntry:
    """Return one entry. Raises ``SignatureError`` if it is malformed."""
    if not isinstance(value, dict):
        raise SignatureError("an entry of the evidence is not a JSON object")
    path = take_text(value, "path", "an entry of the evidence")
    if problem := explain_bad_name(path):
        raise SignatureError(f"the name {shorten(path)} {problem}")
    kind, size, executable = value.get("kind"), value.get("size"), value.get("executable")
    noun = f"the entry {shorten(path)}"
    if kind == "file":
        sha256 = take_text(value, "sha256", noun)
        if isinstance(size, bool) or not isinstance(size, int) or size < 0 or not _SHA256.fullmatch(sha256):
            raise SignatureError(f"{noun} has no size or no SHA-256")
        if executable is not None and not isinstance(executable, bool):
            raise SignatureError(f"{noun} has an executable bit that is not a boolean")
        return TreeEntry(path, EntryKind.FILE, executable, size, sha256)
    if kind == "link":
        return TreeEntry(path, EntryKind.LINK, link_text=take_text(value, "link", noun))
    if kind == "folder":
        return TreeEntry(path, EntryKind.FOLDER)
    raise SignatureError(f"{noun} is neither a file nor a link nor a folder")
