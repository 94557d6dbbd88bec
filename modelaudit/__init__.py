"""Vet a model repository before it is loaded. See ``modelaudit.scan``."""

from __future__ import annotations

__version__ = "0.1.0"
