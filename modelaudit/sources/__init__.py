"""Sources of models: a folder, a file, a Hub cache or the Hub.

``resolve_target`` turns the target that a user names into a ``Snapshot`` whose artifacts open as windows.
``resolve_term_files`` and ``resolve_small_files`` do the same for the files that may state licence terms, and never
request weights.
"""

from __future__ import annotations

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
