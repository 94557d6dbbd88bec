"""Write the files of ``--notices`` into a folder, without a loss of anything that lies there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from modelaudit.cli.files import check_own_file, write_file
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.lazy_pattern import defer_pattern

_MANIFEST: Final = "MANIFEST.json"
_FORMAT: Final = "modelaudit/notices/v1"
_OWN_NAME: Final = defer_pattern(r"NOTICE|COPYRIGHT\.txt|[A-Z-]+\.md|texts/(?:\d+|standard)-[A-Za-z0-9._-]+")
"""The names that modelaudit writes. A manifest may state others, and none of them is touched."""
_MOST_BYTES: Final = 1 << 24


def write_notice_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write the files, the manifest last, and remove what an earlier run wrote and this one does not.

    A file is replaced only if the manifest shows that modelaudit wrote it and that it is unchanged since. After an
    interruption, the same run completes the folder: a file with the new content counts as its own.

    Args:
        folder: is created if it does not exist.
        files: by their names, which may lie in one folder below; the manifest is among them.

    Raises:
        ConfigurationError: a file of another origin has one of the names, or a place cannot be written. Nothing is
            written then.
        OutputError: the system fails to write.
    """
    known = _read_manifest(folder / _MANIFEST)
    folders = {(folder / name).parent for name in files} - {folder}
    for each in folders:
        if each.is_symlink() or (each.exists() and not each.is_dir()):
            raise ConfigurationError(f"{each}: is not a plain folder; remove it, or name another folder")
    for name, content in files.items():
        if name != _MANIFEST:
            _refuse_foreign(folder / name, {known.get(name, ""), _hash(content)})
    stale = _list_stale(folder, {name: digest for name, digest in known.items() if name not in files})
    for each in (folder, *folders):
        try:
            each.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(f"{each}: the folder cannot be created: {error.strerror}") from error
    for name in sorted(files, key=lambda name: name == _MANIFEST):
        write_file(folder / name, files[name])
    for each in stale:
        each.unlink(missing_ok=True)


def _read_manifest(path: Path) -> dict[str, str]:
    """Return the digest of each file of an earlier run by its name; empty without one.

    Raises:
        ConfigurationError: another file has the name.
    """
    check_own_file(path)
    if not path.exists():
        return {}
    try:
        with path.open("rb") as file:
            value = json.loads(file.read(_MOST_BYTES))
        if value["format"] != _FORMAT:
            raise ValueError("another format")
        return {str(each["file"]): str(each["sha256"]) for each in value["files"]}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise ConfigurationError(
            f"{path}: is not a manifest of modelaudit, so nothing is replaced; move it, or name another folder"
        ) from None


def _list_stale(folder: Path, known: Mapping[str, str]) -> list[Path]:
    """List the files of an earlier run that are unchanged; ``known`` states their digests."""
    paths = {folder / name: digest for name, digest in known.items() if _OWN_NAME.fullmatch(name)}
    return [
        path
        for path, digest in paths.items()
        if path.is_file() and not path.is_symlink() and not path.parent.is_symlink() and _hash_file(path) == digest
    ]


def _refuse_foreign(path: Path, own: set[str]) -> None:
    """Refuse to replace a file whose digest is none of ``own``. Raises ``ConfigurationError``."""
    check_own_file(path)
    if path.exists() and _hash_file(path) not in own:
        raise ConfigurationError(
            f"{path}: was there before, or was changed since modelaudit wrote it, and is not replaced; move it, or "
            "name another folder"
        )


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _hash_file(path: Path) -> str:
    """Return the SHA-256 of a file; empty if it cannot be read, so that it fits no digest."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
