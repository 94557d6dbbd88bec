"""spaCy before version 2.3: the table of words of a vocabulary, ``lexemes.bin``."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, Sign

DECLARATIONS: Final = (
    Declaration(
        "lexemes",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.reader:recognises",
        signs=(Sign(path=("lexemes.bin",)),),
    ),
)
