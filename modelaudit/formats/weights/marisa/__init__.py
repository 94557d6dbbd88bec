"""marisa tries: sets of words with numbers, alone or at the start of a dictionary of OpenCC."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, Magic

DECLARATIONS: Final = (
    Declaration(
        "marisa",
        read=f"{__name__}.reader:read",
        recognise=Magic((b"We love Marisa.\0", b"OPENCC_MARISA_0.2.5We love Marisa.\0")),
        extensions=(".marisa", ".ocd2"),
    ),
)
