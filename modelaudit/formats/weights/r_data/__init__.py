"""Serialised R objects: ``.rds``, ``.rda`` and ``.RData``."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import ANY_CONTENT, Declaration, Sign

DECLARATIONS: Final = (
    Declaration(
        "rds",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.reader:recognises",
        signs=(Sign((b"RD", b"X\n", b"B\n", b"A\n", b"A\r\n"), contents=ANY_CONTENT),),
    ),
)
