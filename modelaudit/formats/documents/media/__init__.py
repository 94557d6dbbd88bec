"""Declare media: images, audio, video, fonts, documents and data tables."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration

DECLARATIONS: Final = (Declaration("media", read=f"{__name__}.reader:read", recognise=f"{__name__}.reader:recognises"),)
