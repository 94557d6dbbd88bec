"""Torch7 objects, in binary and in text form."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration

DECLARATIONS: Final = (
    Declaration("torch7", read=f"{__name__}.reader:read", recognise=f"{__name__}.reader:recognises"),
)
