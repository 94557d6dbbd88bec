"""Serialised Java objects."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import ANY_CONTENT, Declaration, Sign

DECLARATIONS: Final = (
    Declaration(
        "java-object",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.reader:recognises",
        signs=(Sign((b"\xac\xed\0\5",), contents=ANY_CONTENT),),
    ),
)
