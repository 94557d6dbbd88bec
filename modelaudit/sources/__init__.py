"""Sources of models: a folder, a file, a Hub cache or the Hub.

``resolve_target`` turns the target that a user names into a ``Snapshot`` whose artifacts open as windows.
``resolve_term_files`` and ``resolve_small_files`` do the same for the files that may state licence terms, and never
request weights.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from modelaudit.model.errors import SourceError

# Files are opened below the descriptor of their folder and without following links, so that a model which changes
# meanwhile leads nowhere else. A system without these calls cannot give that.
if not hasattr(os, "O_NOFOLLOW") or os.open not in os.supports_dir_fd:
    raise SourceError(
        "this system opens no file below a folder without following links, so no model can be scanned on it; "
        "use Linux: a container, WSL or a CI runner"
    )

if TYPE_CHECKING:
    from modelaudit.sources.resolution import resolve_small_files, resolve_target, resolve_term_files
    from modelaudit.sources.settings import is_offline
    from modelaudit.sources.target import find_moving_revision
    from modelaudit.sources.windows import FileWindow

__all__ = [
    "FileWindow",
    "find_moving_revision",
    "is_offline",
    "resolve_small_files",
    "resolve_target",
    "resolve_term_files",
]


def __getattr__(name: str) -> object:
    """Import a name of ``__all__`` on first use: a verifier hashes files and resolves no targets, and starts faster."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from modelaudit.sources import resolution, settings, target, windows

    for module in (resolution, settings, target, windows):
        if hasattr(module, name):
            return globals().setdefault(name, getattr(module, name))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
