"""Where models come from: a target is resolved to a snapshot whose artifacts open as windows."""

from __future__ import annotations

from modelaudit.sources.resolution import resolve, resolve_small, resolve_terms
from modelaudit.sources.windows import FileWindow

__all__ = ["FileWindow", "resolve", "resolve_small", "resolve_terms"]
