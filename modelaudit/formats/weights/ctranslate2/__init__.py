"""CTranslate2: the variables of a model for translation, text or speech."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, Sign

DECLARATIONS: Final = (
    Declaration(
        "ctranslate2",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.reader:recognises",
        signs=(Sign((b"\4\0\0\0", b"\5\0\0\0", b"\6\0\0\0")),),
    ),
)
