"""Sources of models: a folder, a file, a Hub cache or the Hub.

``resolve`` turns the target that a user names into a ``Snapshot`` whose artifacts open as windows. ``resolve_terms``
and ``resolve_small`` do the same for the files that may state licence terms, and never request weights.
"""

from __future__ import annotations

from modelaudit.sources.resolution import resolve, resolve_small, resolve_terms
from modelaudit.sources.windows import FileWindow

__all__ = ["FileWindow", "resolve", "resolve_small", "resolve_terms"]
