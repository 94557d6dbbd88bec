"""Python source files, recognized by their names or their first line."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import TEXT_EXTENSIONS, Declaration

DECLARATIONS: Final = (
    Declaration(
        "python",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.reader:recognises",
        extensions=TEXT_EXTENSIONS,
    ),
)
