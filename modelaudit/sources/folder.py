"""Limit a snapshot to one folder of its repository."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping

from modelaudit.licenses.evidence.folders import rebase_path
from modelaudit.licenses.evidence.scope import may_hold_weights
from modelaudit.model.address import write_file_address
from modelaudit.model.artifact import Snapshot
from modelaudit.model.copies import replace
from modelaudit.model.errors import ConfigurationError
from modelaudit.sources.claims import ListedFile

_MOST_NAMED = 5


def parse_folder(text: str) -> str:
    """Parse the folder that ``--path`` names, as addresses in the repository begin; empty without one.

    Raises:
        ConfigurationError: it is the repository itself, or leads out of it.
    """
    if not text:
        return ""
    folder = posixpath.normpath(text)
    if folder in (".", "..") or folder.startswith(("/", "../")):
        raise ConfigurationError(f"--path {text}: name a folder below the repository, such as --path models/small")
    return write_file_address(folder)


def limit_listing(listing: Mapping[str, ListedFile], folder: str) -> dict[str, ListedFile]:
    """Return the files of a listing that a folder sees: its own, and texts of the folders above."""
    return {path: file for path, file in listing.items() if rebase_path(path, folder) is not None}


def limit_to_folder(snapshot: Snapshot, folder: str) -> Snapshot:
    """Return the snapshot of one folder, with paths from there; the texts of the folders above stay, as ``../NAME``.

    Args:
        snapshot: of the whole repository.
        folder: as ``parse_folder`` returns it; empty for all.

    Raises:
        ConfigurationError: the repository has no such folder.
    """
    if not folder:
        return snapshot
    if not any(artifact.path.startswith(f"{folder}/") for artifact in snapshot.artifacts):
        others = _name_folders(each.path for each in snapshot.artifacts)
        raise ConfigurationError(f"--path {folder}: the repository has no such folder{others}")
    artifacts = tuple(
        replace(artifact, path=path)
        for artifact in snapshot.artifacts
        if (path := rebase_path(artifact.path, folder)) is not None
    )
    weights = [each.path for each in snapshot.artifacts if may_hold_weights(each.path)]
    has_own = any(path.startswith(f"{folder}/") for path in weights)
    return replace(
        snapshot, artifacts=artifacts, folder=folder, weights_elsewhere="" if has_own or not weights else min(weights)
    )


def _name_folders(paths: Iterable[str]) -> str:
    """Name the first folders at the root, for the end of a message."""
    folders = sorted({path.partition("/")[0] for path in paths if "/" in path and not path.startswith("../")})
    if not folders:
        return "; it has none"
    more = f" and {len(folders) - _MOST_NAMED} more" if len(folders) > _MOST_NAMED else ""
    return f"; it has {', '.join(folders[:_MOST_NAMED])}{more}"
