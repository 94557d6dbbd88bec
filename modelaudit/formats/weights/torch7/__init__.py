"""Torch7 objects, in binary and in text form."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, Sign

DECLARATIONS: Final = (
    Declaration(
        "torch7",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.reader:recognises",
        signs=(
            Sign(among=b"\3\4\6\7\x08"),
            Sign(tuple(kind + end for kind in (b"3", b"4", b"6", b"7", b"8") for end in (b"\n", b"\r"))),
        ),
    ),
)
