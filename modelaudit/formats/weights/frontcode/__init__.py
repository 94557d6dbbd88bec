"""Front-coded dictionaries of simplemma: words with their base forms, without the beginnings that words share."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, Magic

DECLARATIONS: Final = (
    Declaration("frontcode", read=f"{__name__}.reader:read", recognise=Magic((b"SMFC1\x00", b"SMFC1\x01"))),
)
