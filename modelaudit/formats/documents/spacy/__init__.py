"""Declare spaCy configurations."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import TEXT_EXTENSIONS, Declaration, Sign

DECLARATIONS: Final = (
    Declaration(
        "spacy",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.reader:recognises",
        signs=(Sign(path=(".cfg",), is_text=True),),
        fallback=120,
        extensions=TEXT_EXTENSIONS,
    ),
)
