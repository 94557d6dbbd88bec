"""Load the base models on record: those of this installation from their compiled form, others from files.

They are loaded apart from the catalogue, because only a model with a stated architecture needs them.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

from modelaudit.catalogue.compiled_file import CompiledFile
from modelaudit.catalogue.directory import (
    LINEAGE,
    FolderFiles,
    find_installed_rules,
    find_rules_directory,
    list_folder_files,
)
from modelaudit.model.lineage import BaseModels


def load_base_models(extra: Sequence[Path] | None = ()) -> BaseModels:
    """Load the base models of the rule set in place and of further rule folders, and keep them until a file changes.

    Args:
        extra: further folders; ``None`` to load nothing, for a model without facts to compare.

    Raises:
        ConfigurationError: an entry is invalid, has the id of another, or names a vocabulary or template of no entry.
    """
    if extra is None:
        return BaseModels()
    return _load_folders(list_folder_files((find_rules_directory(), *extra), LINEAGE))


@functools.lru_cache(maxsize=4)
def _load_folders(folders: tuple[FolderFiles, ...]) -> BaseModels:
    """Load the base models of folders."""
    installed = find_installed_rules()
    if tuple(each.folder for each in folders) != (installed,):
        return _read_files(folders)
    return CompiledFile[BaseModels](LINEAGE, installed / LINEAGE, BaseModels).read_or_make(lambda: _read_files(folders))


def _read_files(folders: tuple[FolderFiles, ...]) -> BaseModels:
    """Read the base models of folders from their files, with modules that nothing else needs."""
    from modelaudit.catalogue.base_model_files import read_base_models

    return read_base_models(folders)
