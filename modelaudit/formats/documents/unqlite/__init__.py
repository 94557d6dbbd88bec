"""UnQLite: databases of keys and values, such as the terms of QuickUMLS."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, Magic

DECLARATIONS: Final = (
    Declaration(
        "unqlite",
        read=f"{__name__}.reader:read",
        recognise=Magic((b"unqlite\xdb\x7c\x27\x12",)),
        extensions=(".unqlite",),
    ),
)
