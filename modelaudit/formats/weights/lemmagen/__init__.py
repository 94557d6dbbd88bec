"""LemmaGen: trees of rules from words to their base forms."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration

DECLARATIONS: Final = (
    Declaration("lemmagen", read=f"{__name__}.reader:read", recognise=f"{__name__}.reader:recognises"),
)
