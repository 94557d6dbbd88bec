"""Sudachi: compiled dictionaries of a tagger of Japanese words."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, Magic, Sign

DECLARATIONS: Final = (
    Declaration("sudachi", read=f"{__name__}.blocks:read", recognise=Magic((b"SudachiBinaryDic",))),
    Declaration(
        "sudachi",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.reader:recognises",
        signs=(Sign((b"\xe7\x11", b"\x34\x44", b"\x68\xd8", b"\xb0\x4f")),),
    ),
)
