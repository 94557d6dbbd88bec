"""LemmaGen: trees of rules from words to their base forms."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, Sign

DECLARATIONS: Final = (
    Declaration(
        "lemmagen", read=f"{__name__}.reader:read", recognise=f"{__name__}.reader:recognises", signs=(Sign(unit=1),)
    ),
)
