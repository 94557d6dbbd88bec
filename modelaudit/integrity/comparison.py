"""Compare the tree of a model with one that a lock or an attestation records, and name each difference."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Final, NamedTuple

from modelaudit.model.copies import replace
from modelaudit.model.tree import EntryKind, TreeEntry
from modelaudit.model.verification import DifferenceKind, TreeDifference

_NOUNS: Final = {
    EntryKind.FILE: "a file",
    EntryKind.LINK: "a link",
    EntryKind.FOLDER: "an empty folder",
    EntryKind.SPECIAL: "a special file",
}


class RecordWords(NamedTuple):
    """The words of a sentence for the record that a tree is compared with: ``lock``, ``locked``."""

    noun: str
    participle: str


LOCK: Final = RecordWords("lock", "locked")
ATTESTATION: Final = RecordWords("attestation", "attested")
SEAL: Final = RecordWords("seal", "sealed")


def compare_trees(
    recorded: Iterable[TreeEntry], found: Iterable[TreeEntry], unread: Collection[str] = (), words: RecordWords = LOCK
) -> tuple[TreeDifference, ...]:
    """Compare the entries on disk with those of a lock or an attestation.

    Args:
        recorded: the entries of the record.
        found: the entries on disk; a file without a SHA-256 is one of ``unread``.
        unread: paths whose content is not compared, because it could not be read.
        words: for the record, in the differences.

    Returns:
        The differences, sorted by path. An executable bit that the record does not know is not compared.
    """
    expected = {entry.path: entry for entry in recorded}
    present = {entry.path: entry for entry in found}
    differences: list[TreeDifference] = []
    for path in expected.keys() & present.keys():
        differences += _compare_entries(expected[path], present[path], path in unread, words)
    closed = {path for path in present.keys() & set(unread) if present[path].kind is EntryKind.SPECIAL}
    missing = {path: expected[path] for path in expected.keys() - present.keys() if not _lies_below(path, closed)}
    added = {path: present[path] for path in present.keys() - expected.keys() - closed}
    differences += _pair(missing, added, lambda entry: fold_name(entry.path), DifferenceKind.CASE, words)
    differences += _pair(missing, added, _identify_content, DifferenceKind.RENAMED, words)
    for path, entry in missing.items():
        detail = f"{_NOUNS[entry.kind]} that is {words.participle}, and not there"
        differences.append(TreeDifference(DifferenceKind.MISSING, path, detail))
    for path, entry in added.items():
        detail = f"{_NOUNS[entry.kind]} that the {words.noun} lacks"
        differences.append(TreeDifference(DifferenceKind.ADDED, path, detail))
    return tuple(sorted(differences, key=lambda each: (each.path, each.kind)))


def _lies_below(path: str, folders: Collection[str]) -> bool:
    """Whether a path lies below one of some folders, which could not be listed."""
    return any(path.startswith(f"{folder}/") for folder in folders)


def adopt_unknown_modes(found: Iterable[TreeEntry], recorded: Iterable[TreeEntry]) -> tuple[TreeEntry, ...]:
    """Return the entries on disk without the executable bits that the record does not know."""
    unknown = {entry.path for entry in recorded if entry.executable is None}
    return tuple(replace(entry, executable=None) if entry.path in unknown else entry for entry in found)


def _compare_entries(
    recorded: TreeEntry, found: TreeEntry, is_unread: bool, words: RecordWords
) -> Iterator[TreeDifference]:
    """Yield the differences between two entries of one path."""
    path = found.path
    if recorded.kind is not found.kind:
        if not (is_unread and found.kind is EntryKind.SPECIAL):
            text = f" to {found.link_text!r}" if found.kind is EntryKind.LINK else ""
            detail = f"{_NOUNS[found.kind]}{text} in place of {_NOUNS[recorded.kind]}"
            yield TreeDifference(DifferenceKind.KIND, path, detail)
        return
    if recorded.link_text != found.link_text:
        detail = f"the link leads to {found.link_text!r}, and {recorded.link_text!r} is {words.participle}"
        yield TreeDifference(DifferenceKind.CHANGED, path, detail)
    if recorded.kind is EntryKind.FILE and not is_unread and _identify_content(recorded) != _identify_content(found):
        yield TreeDifference(DifferenceKind.CHANGED, path, _describe_content(recorded, found, words))
    if recorded.executable is not None and recorded.executable is not found.executable:
        detail = "it is executable, and was not" if found.executable else "it is not executable, and was"
        yield TreeDifference(DifferenceKind.MODE, path, detail)


def _describe_content(recorded: TreeEntry, found: TreeEntry, words: RecordWords) -> str:
    """Describe the difference between the bytes of two files."""
    if recorded.size != found.size:
        return (
            f"{found.size:,} bytes with SHA-256 {found.sha256}, and {recorded.size:,} with {recorded.sha256} are "
            f"{words.participle}"
        )
    return f"its SHA-256 is {found.sha256}, and {recorded.sha256} is {words.participle}"


def _pair(
    missing: dict[str, TreeEntry],
    added: dict[str, TreeEntry],
    identify: Callable[[TreeEntry], object],
    kind: DifferenceKind,
    words: RecordWords,
) -> Iterator[TreeDifference]:
    """Yield a difference for each added entry that equals a missing one in one respect, and take both out."""
    by_identity: dict[object, list[str]] = {}
    for path in sorted(missing, reverse=True):
        by_identity.setdefault(identify(missing[path]), []).append(path)
    by_identity.pop(None, None)
    for path in sorted(added):
        candidates = by_identity.get(identify(added[path]))
        if not candidates:
            continue
        before = missing.pop(candidates.pop())
        entry = added.pop(path)
        # Names that look the same differ in their escapes.
        names = (ascii(before.path), ascii(path)) if kind is DifferenceKind.CASE else (repr(before.path), repr(path))
        yield TreeDifference(kind, path, f"{names[0]} is {words.participle}, and {names[1]} is there")
        yield from _compare_entries(before, entry, entry.kind is EntryKind.FILE and entry.sha256 is None, words)


def fold_name(path: str) -> str:
    """Return a name without the differences of capitals and of Unicode forms."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def _identify_content(entry: TreeEntry) -> object:
    """Return a key that entries of equal content share; ``None`` for an empty or unhashed file."""
    if entry.kind is EntryKind.LINK:
        return entry.link_text
    return (entry.size, entry.sha256) if entry.size and entry.sha256 else None
