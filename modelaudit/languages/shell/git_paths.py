"""Tell by its path whether git reads settings or attributes from a file."""

from __future__ import annotations

from typing import Final

from modelaudit.wire.text import get_file_name

_SETTINGS_FILES: Final = frozenset({".gitconfig", ".gitmodules", ".lfsconfig"})


def is_git_settings(path: str) -> bool:
    """Whether git or Git LFS reads settings from a file at ``path``."""
    name = get_file_name(path)
    return (
        name in _SETTINGS_FILES
        or name.endswith(".gitconfig")
        or path.replace("\\", "/").lower().endswith(".git/config")
    )


def is_git_attributes(path: str) -> bool:
    """Whether git reads attributes from a file at ``path``."""
    return get_file_name(path) == ".gitattributes" or path.replace("\\", "/").lower().endswith(".git/info/attributes")
