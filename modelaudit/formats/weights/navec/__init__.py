"""Navec: quantised vectors of words, and the words with their counts."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, Sign

DECLARATIONS: Final = (
    Declaration(
        "navec", read=f"{__name__}.reader:read", recognise=f"{__name__}.reader:recognises", signs=(Sign(unit=1),)
    ),
)
