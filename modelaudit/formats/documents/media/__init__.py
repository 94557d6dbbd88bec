"""Pictures, sound, film, typefaces, documents and tables: what models are shown with, and trained on."""

from __future__ import annotations

from modelaudit.formats.documents.media.reader import READER

__all__ = ["READER"]
