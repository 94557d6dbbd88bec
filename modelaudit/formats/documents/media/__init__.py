"""Pictures, sound, film, typefaces, documents and tables: what models are shown with, and trained on."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration

DECLARATIONS: Final = (Declaration("media", read=f"{__name__}.reader:read", recognise=f"{__name__}.reader:recognises"),)
