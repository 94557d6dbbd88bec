"""Serialised Java objects."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration

DECLARATIONS: Final = (
    Declaration("java-object", read=f"{__name__}.reader:read", recognise=f"{__name__}.reader:recognises"),
)
