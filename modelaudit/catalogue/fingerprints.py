"""Load the fingerprints of licence texts: those of this installation from their compiled form, others from files."""

from __future__ import annotations

import functools
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from modelaudit.catalogue.compiled_file import CompiledFile
from modelaudit.catalogue.directory import (
    FINGERPRINTS,
    FolderFiles,
    find_installed_rules,
    find_rules_directory,
    list_folder_files,
)
from modelaudit.catalogue.garbage import pause_garbage_collection
from modelaudit.model.fingerprint import Fingerprint, Fingerprints


class _StoredFingerprints(Struct, frozen=True):
    """The compiled form of the fingerprints of this installation."""

    items: tuple[Fingerprint, ...]
    pattern_words: dict[str, tuple[str, ...]]


def _reduce(fingerprints: Fingerprints) -> _StoredFingerprints:
    """Reduce fingerprints to what is stored, without their index."""
    return _StoredFingerprints(fingerprints.items, dict(fingerprints.pattern_words))


def _dump_numbers(value: object) -> bytes:
    """Return an array of numbers as its bytes on this machine."""
    if isinstance(value, array):
        return value.tobytes()
    raise TypeError(f"{type(value).__name__} has no form in compiled fingerprints")


def _load_numbers(kind: Any, value: Any) -> array[int]:
    """Return the numbers of ``_dump_numbers``."""
    if kind is array:
        return array("I", value)
    raise TypeError(f"{kind} has no form in compiled fingerprints")


def load_fingerprints(directory: Path | None = None, extra: Sequence[Path] = ()) -> Fingerprints:
    """Load the fingerprints of a rule set and of further rule folders, and keep them until a file of theirs changes.

    They are loaded apart from the catalogue, because only models with a possible licence text need them. A fingerprint
    whose licence is missing from every rule set is allowed, and its matches are left out.

    Args:
        directory: the rule set; by default the one of this installation. Its ``fingerprints/`` may be missing.
        extra: further folders of the same layout.

    Raises:
        ConfigurationError: an entry is invalid or contradicts itself, or two entries have one id.
    """
    folders = (directory if directory is not None else find_rules_directory(), *extra)
    return _load_folders(list_folder_files(folders, FINGERPRINTS))


@functools.lru_cache(maxsize=4)
@pause_garbage_collection()
def _load_folders(folders: tuple[FolderFiles, ...]) -> Fingerprints:
    """Load the fingerprints of folders: of this installation from their compiled form, others from their files."""
    installed = find_installed_rules()
    if tuple(each.folder for each in folders) != (installed,):
        return _read_files(folders)
    file = CompiledFile[_StoredFingerprints](
        FINGERPRINTS, installed / FINGERPRINTS, _StoredFingerprints, b"", _dump_numbers, _load_numbers
    )
    stored = file.read_or_make(lambda: _reduce(_read_files(folders)))
    return Fingerprints(stored.items, stored.pattern_words)


def _read_files(folders: tuple[FolderFiles, ...]) -> Fingerprints:
    """Read the fingerprints of folders from their files, with modules that nothing else needs."""
    from modelaudit.catalogue.fingerprint_files import read_fingerprints

    return read_fingerprints(folders)
